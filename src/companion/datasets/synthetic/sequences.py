"""Recordings of the synthetic world in which several events may sound at once, one after the other by class."""

from collections.abc import Mapping, Sequence

import numpy as np

from companion.datasets.base import Event
from companion.datasets.synthetic.catalogue import RECIPES
from companion.datasets.synthetic.mixtures import TEST, TRAIN, VALIDATION
from companion.datasets.synthetic.recording import Occurrence, Score, stream
from companion.datasets.synthetic.world import EVENT_TO_BED, LEVEL, SyntheticDataset, check_classes, draw_length
from companion.errors import ParameterError
from companion.mixtures.timeline import TimelineRule, draw_timeline

FOLDS: Mapping[str, int] = {"train": TRAIN, "validation": VALIDATION, "test": TEST}


class SyntheticSequences(SyntheticDataset):
    """Recordings with exact onsets and offsets.

    Args:
        seed: Of the world.
        classes: Event classes.
        sizes: Recordings of ``train``, ``validation`` and ``test``.
        duration: Seconds.
        timeline: When events begin.
        longest: Seconds of the longest event.

    Raises:
        ParameterError: An unknown class or part, or no recordings.
    """

    name = "synthetic-sequences"

    def __init__(
        self,
        seed: int = 0,
        *,
        classes: Sequence[str],
        sizes: Mapping[str, int],
        duration: float = 12.0,
        timeline: TimelineRule | None = None,
        longest: float = 1.5,
    ) -> None:
        self.classes = check_classes(classes)
        if not sizes or set(sizes) - set(FOLDS) or min(sizes.values()) < 1 or not duration > longest > 0:
            raise ParameterError(
                f"sizes {dict(sizes)} of {duration} s, events of {longest} s at most",
                expected=f"one recording or more of {', '.join(FOLDS)}, longer than an event",
            )
        rule = timeline or TimelineRule((0.3, 1.8), 0.3)
        super().__init__(
            seed,
            (
                (
                    _score(seed, f"sequence-{part}-{number:04d}", self.classes, duration, rule, longest),
                    FOLDS[part],
                    None,
                )
                for part, size in sizes.items()
                for number in range(size)
            ),
        )


def _score(seed: int, name: str, classes: Sequence[str], duration: float, rule: TimelineRule, longest: float) -> Score:
    rng = stream(seed, name, "score")

    def draw(label: str, rng: np.random.Generator) -> tuple[tuple[str, float], float]:
        length = draw_length(label, min(longest, RECIPES[label].length[1]), rng)
        return (label, length), length

    level = float(rng.uniform(*LEVEL))
    placements = tuple(
        Occurrence(Event(onset, onset + length, label), f"{name}/{label}", float(rng.uniform(*EVENT_TO_BED)))
        for (label, length), onset in draw_timeline(classes, duration, draw, rule, rng)
    )
    return Score(name, name, duration, level, placements)
