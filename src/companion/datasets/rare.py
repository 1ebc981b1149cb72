"""Tagging of one rare event as two tasks that share nothing: a source and a target, each with its own parts."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from companion import code
from companion.audio import Samples
from companion.datasets.base import Clip, Dataset
from companion.datasets.mixtures import Mixtures
from companion.datasets.supply import Loaded, Supply
from companion.errors import ParameterError
from companion.events import author_of
from companion.features import FeatureSpec
from companion.mixtures import Recipe
from companion.mixtures.rare import Pool, RareDraw, RareRule

Task = Literal["source", "target"]
TASKS: tuple[Task, ...] = ("source", "target")
PARTS = ("train", "validation", "test")


class RareMixtures(Mixtures):
    """Mixtures of which half hold one event of the target class.

    A clip's recordings are those of its event and of its background. Other events that are heard in a mixture without
    the target are no label of it.

    Args:
        recipes: The mixtures.
        corpus: Where their sounds come from.
        target: Name of the target class.
        positives: Classes of the corpus that belong to it.
        loaded: Its clips in memory; None to load them anew.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        corpus: Dataset,
        target: str,
        positives: Collection[str],
        loaded: Loaded | None = None,
    ) -> None:
        self.target, self.positives, self._loaded = target, frozenset(positives), loaded or Loaded(corpus)
        super().__init__(recipes, corpus, sorted(positives))
        self.name = f"{target} in mixtures of {corpus.name}"
        self.classes, self.superclass_of = (target,), {target: target}

    def _clip(self, recipe: Recipe) -> Clip:
        made = super()._clip(recipe)
        strong = tuple(event._replace(label=self.target) for event in made.strong if event.label in self.positives)
        heard = {self._source(clip).recording for clip in recipe.clips}
        weak = (self.target,) if strong else ()
        return replace(made, recording="+".join(sorted(heard)), weak=weak, strong=strong)

    def _samples(self, clip_id: str) -> Samples:
        """A clip is heard in many mixtures, and decoded once."""
        self._source(clip_id)
        return self._loaded(clip_id)


class RareSounds(ABC):
    """A source and a target task, with the sounds that belong to each of their parts.

    Attributes:
        corpus: Where the sounds come from.
        rule: Distribution of the mixtures.
        targets: Name of the target class of each task.
        rotations: How many ways there are of parting the sounds; every event is tested in exactly one.
    """

    corpus: Dataset
    rule: RareRule
    targets: Mapping[Task, str]
    rotations: int

    @abstractmethod
    def pool(self, task: Task, part: str, rotation: int = 0) -> Pool:
        """The sounds of one part of a task; no recording and no author is in two parts or in both tasks."""

    def draw(self, task: Task, part: str, rotation: int = 0) -> RareDraw:
        """The distribution of the mixtures of one part.

        Raises:
            ParameterError: There is no such task, part or rotation.
            DataError: It has no sounds.
        """
        if task not in TASKS or part not in PARTS or not 0 <= rotation < self.rotations:
            raise ParameterError(
                f"part {part!r} of task {task!r} in rotation {rotation}",
                expected=f"one of {', '.join(PARTS)}; source or target; 0 to {self.rotations - 1}",
                repair="check the names",
            )
        return RareDraw(self.pool(task, part, rotation), self.rule, self.corpus.sample_rate)

    def mixtures(
        self, task: Task, part: str, n_mixtures: int, *, rotation: int = 0, seed: int = 0, control: bool = False
    ) -> RareMixtures:
        """A fixed set of mixtures, half of which hold the target event.

        Args:
            task: ``source`` or ``target``.
            part: ``train``, ``validation`` or ``test``.
            n_mixtures: How many; even.
            rotation: Which of the ways of parting the sounds.
            seed: Seed of the draw.
            control: Whether the other half holds events of other classes, cut and pasted in the same way. How often
                they are taken for the target tells whether the paste itself was learned.
        """
        draw = self.draw(task, part, rotation)
        rng = np.random.default_rng([seed, TASKS.index(task), PARTS.index(part), rotation, int(control)])
        name = f"{task}-{part}-{rotation}{'-control' if control else ''}"
        recipes = draw.recipes(name, part, n_mixtures, rng, distract=control)
        positives = {row.label for row in draw.pool.events}
        return RareMixtures(recipes, self.corpus, self.targets[task], positives, self._loaded)

    @cached_property
    def _loaded(self) -> Loaded:
        return Loaded(self.corpus)

    def fingerprint(self) -> str:
        """Digest of the sounds, of how they are dealt and mixed, and of the code that does it."""
        pools = [
            self.pool(task, part, rotation)
            for task in TASKS
            for part in self.parts(task)
            for rotation in range(self.rotations)
        ]
        content = f"{code.digest(type(self))} {self.corpus.fingerprint()} {self.targets} {self.rule!r} {pools!r}"
        return hashlib.sha256(content.encode()).hexdigest()

    def supply(self, task: Task, n_mixtures: int, spec: FeatureSpec, *, rotation: int = 0, seed: int = 0) -> Supply:
        """Training mixtures drawn afresh in every epoch.

        Args:
            task: ``source`` or ``target``.
            n_mixtures: In each epoch; even.
            spec: Their feature.
            rotation: Which of the ways of parting the sounds.
            seed: Seed of the draws.
        """
        return Supply(self.corpus, self.draw(task, "train", rotation), n_mixtures, spec, seed=seed)

    def counts(self) -> pd.DataFrame:
        """How many recordings, authors and cuts are in the events, places and distractors of each part."""
        return pd.DataFrame([row for task in TASKS for rotation in range(self.rotations)
                             for part in self.parts(task) for row in _counted(self, task, part, rotation)])  # fmt: skip

    def parts(self, task: Task) -> tuple[str, ...]:
        """The parts of a task; where the target is to be learned from few mixtures, none validates."""
        return PARTS if task == "source" else ("train", "test")


def _counted(sounds: RareSounds, task: Task, part: str, rotation: int) -> Iterator[dict[str, Any]]:
    pool = sounds.pool(task, part, rotation)
    beds = tuple(row for place in pool.places for row in place)
    for kind, rows in (("events", pool.events), ("backgrounds", beds), ("distractors", pool.distractors)):
        yield {
            "task": task, "rotation": rotation, "part": part, "kind": kind,
            "classes": len({row.label for row in rows}), "recordings": len({row.recording for row in rows}),
            "authors": len({author_of(row) for row in rows}), "cuts": len(rows),
            "places": len(pool.places) if kind == "backgrounds" else 0,
        }  # fmt: skip
