"""A corpus under other labels: with the names of another corpus, or with labels that are partly wrong."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from companion.audio import Audio
from companion.datasets.base import Clip, Dataset, Validation


class Relabelled(Dataset):
    """Clips of a corpus under other labels; their sound, recordings and authors are the corpus's.

    Args:
        corpus: Where they come from.
        clips: The same clips or some of them, with their new labels.
        classes: Class names in label order.
        name: Of the corpus that results.
    """

    def __init__(self, corpus: Dataset, clips: Sequence[Clip], classes: Sequence[str], name: str) -> None:
        self.corpus, self.clips, self.classes, self.name = corpus, tuple(clips), tuple(classes), name
        self.sample_rate, self.superclass_of = corpus.sample_rate, {}
        self.licence, self.citation, self.homepage = corpus.licence, corpus.citation, corpus.homepage
        if hasattr(corpus, "excluded"):
            self.excluded: Mapping[str, str] = corpus.excluded

    def audio(self, clip: Clip) -> Audio:
        """The sound of a clip, by its id."""
        return self.corpus.audio(clip)

    def validate(self) -> Validation:
        """That of the corpus."""
        return self.corpus.validate()

    def holding(self, clips: Sequence[Clip]) -> "Relabelled":
        """Clips that are known to their corpus by id."""
        return Relabelled(self.corpus.holding(clips), clips, self.classes, self.name)

    @property
    def author_of(self) -> Mapping[str, str]:
        """Authors of the corpus."""
        return self.corpus.author_of

    def content(self) -> str:
        """Fingerprint of the corpus."""
        return self.corpus.fingerprint()


def renamed(corpus: Dataset, names: Mapping[str, str], classes: Sequence[str], name: str) -> Relabelled:
    """The clips that hold a class of another corpus, under its name; other labels are dropped.

    Args:
        corpus: The corpus.
        names: New name by the corpus's own; several may become one.
        classes: The new classes, in label order.
        name: Of what results.
    """
    clips = []
    for clip in corpus.clips:
        weak = tuple(dict.fromkeys(names[label] for label in clip.weak if label in names))
        strong = tuple(event._replace(label=names[event.label]) for event in clip.strong if event.label in names)
        if weak:
            clips.append(replace(clip, weak=weak, strong=strong))
    return Relabelled(corpus, clips, classes, name)


def mislabelled(corpus: Dataset, wrong: float, missing: float, seed: int) -> Relabelled:
    """A corpus labelled as a search engine would: for one thing, which it may not hold.

    Strong labels stay true: they say what is heard. Clips without a label are left out.

    Args:
        corpus: The corpus.
        wrong: Probability that a clip has, in place of its first label, a class that it does not hold.
        missing: Probability that each further label is left out.
        seed: Of the draw, which for each clip depends on its id alone.
    """
    clips = []
    for clip in corpus.clips:
        digest = hashlib.blake2b(f"{seed}/{clip.id}".encode(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(digest, "big"))
        if not clip.weak:  # nobody searches for nothing
            continue
        first, *further = clip.weak
        absent = [label for label in corpus.classes if label not in clip.weak]
        if absent and rng.random() < wrong:
            first = str(rng.choice(absent))
        kept = [label for label in further if rng.random() >= missing]
        clips.append(replace(clip, weak=(first, *kept)))
    return Relabelled(corpus, clips, corpus.classes, f"{corpus.name}, mislabelled")
