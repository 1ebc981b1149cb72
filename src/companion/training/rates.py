"""Rules of the learning rate: from how far training has come, and the highest rate, to the rate of a step.

A rule depends on the progress alone, so a training that was killed goes on with the rate it would have had.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Progress(NamedTuple):
    """How far training has come.

    Args:
        step: Steps done, of this epoch and those before.
        n_steps: Steps of the whole schedule.
        curve: One row for every finished epoch: loss and validation measures.
    """

    step: int
    n_steps: int
    curve: Sequence[Mapping[str, float]]


Rate = Callable[[Progress, float], float]
"""From progress and the highest rate to the rate of the next step."""


def constant(progress: Progress, highest: float) -> float:
    """Always the highest rate."""
    return highest


def cosine(progress: Progress, highest: float) -> float:
    """A linear rise over the first tenth, then a cosine to zero."""
    rise = max(1, progress.n_steps // 10)
    if progress.step < rise:
        return highest * (progress.step + 1) / rise
    angle = math.pi * (progress.step - rise) / max(1, progress.n_steps - rise)
    return highest * 0.5 * (1.0 + math.cos(angle))


def late_fall(progress: Progress, highest: float) -> float:
    """The highest rate for seven tenths of the schedule, then a straight line down to a twentieth of it."""
    done = progress.step / max(1, progress.n_steps)
    return highest * (1.0 - 0.95 * max(0.0, done - 0.7) / 0.3)


@dataclass(frozen=True)
class Plateau:
    """The rate shrinks whenever a measure has not got better for some epochs.

    Args:
        monitor: Measure of the curve that is watched.
        factor: What the rate is multiplied by.
        patience: Epochs without a better value before it shrinks, counted anew after each time.
        minimise: A smaller value is better.

    Source:
        Wang, Metze 2017, sections 3.1 and 3.2 (0.9 after 5 checks, 0.8 after 5 epochs).
    """

    monitor: str
    factor: float
    patience: int
    minimise: bool = False

    def __call__(self, progress: Progress, highest: float) -> float:
        """The highest rate, times ``factor`` for every time that patience ran out."""
        best, waited, times = math.inf, 0, 0
        for row in progress.curve:
            value = row[self.monitor] if self.minimise else -row[self.monitor]
            best, waited = (value, 0) if value < best else (best, waited + 1)
            if waited == self.patience:
                times, waited = times + 1, 0
        return highest * self.factor**times
