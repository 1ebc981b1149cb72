"""Small corpora for experiments under test, and the same corpora disturbed in one place."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from companion.audio import Audio
from companion.datasets.base import Clip, Dataset, Validation
from companion.experiment import Task


@contextmanager
def in_single_precision() -> Iterator[pytest.MonkeyPatch]:
    """The same precision on every processor, so that outputs can be compared with a network's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("companion.training.device.fast_bfloat16", lambda: False)
        yield patch


class Disturbed(Dataset):
    """A corpus with some clips' labels or sounds replaced by chance, or with other folds, recordings and authors.

    Args:
        corpus: The original.
        folds: Number of folds; those beyond are joined to the first ones.
        labels: Clips whose class, weak and strong labels are those of the next class.
        noise: Clips whose sound is noise.
        recordings: Another recording by clip.
        authors: Who made which recording.
    """

    def __init__(
        self,
        corpus: Dataset,
        *,
        folds: int = 5,
        labels: Iterable[str] = (),
        noise: Iterable[str] = (),
        recordings: Mapping[str, str] | None = None,
        authors: Mapping[str, str] | None = None,
    ) -> None:
        self.corpus, self.noise = corpus, frozenset(noise)
        self.sample_rate, self.classes, self.superclass_of = corpus.sample_rate, corpus.classes, corpus.superclass_of
        self.name = f"{corpus.name}, noise in {sorted(self.noise)}" if self.noise else corpus.name
        self.licence = self.citation = self.homepage = ""
        self._authors = dict(authors or corpus.author_of)
        self._original = {clip.id: clip for clip in corpus.clips}
        if hasattr(corpus, "truth"):
            self.truth = corpus.truth
        changed, other = frozenset(labels), recordings or {}
        turned = dict(zip(corpus.classes, [*corpus.classes[1:], corpus.classes[0]], strict=True))

        def clip(original: Clip) -> Clip:
            made = replace(
                original,
                fold=(original.fold - 1) % folds + 1,
                recording=other.get(original.id, original.recording),
            )
            if original.id not in changed:
                return made
            return replace(
                made,
                label=turned.get(str(original.label)),
                weak=tuple(sorted(turned.get(name, name) for name in original.weak)),
                strong=tuple(event._replace(label=turned.get(event.label, event.label)) for event in original.strong),
            )

        self.clips = tuple(clip(original) for original in corpus.clips)

    def audio(self, clip: Clip) -> Audio:
        found = heard(self.corpus, self._original[clip.id])
        if clip.id not in self.noise:
            return found
        rng = np.random.default_rng(len(clip.id))
        return Audio(rng.normal(0, 0.1, len(found.samples)).astype(np.float32), found.sample_rate)

    def validate(self) -> Validation:
        return self.corpus.validate()

    @property
    def author_of(self) -> Mapping[str, str]:
        return self._authors

    def of_fold(self, fold: int) -> list[str]:
        return [clip.id for clip in self.clips if clip.fold == fold]


@cache
def heard(corpus: Dataset, clip: Clip) -> Audio:
    """A clip's sound, made once for all worlds of a corpus."""
    return corpus.audio(clip)


def with_inputs(experiment: Any, settings: dict[str, Any], **inputs: Any) -> Task:
    """A task of the demo with other settings and corpora."""
    task, _ = experiment.task("demo", changes=settings)
    return replace(task, inputs={**task.inputs, **inputs})
