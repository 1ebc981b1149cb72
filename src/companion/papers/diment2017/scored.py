"""Test mixtures of all rotations together, and the rows that follow from what networks say of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.datasets.base import Clip
from companion.datasets.rare import RareMixtures, RareSounds
from companion.evaluation.influence import Linearised, mean_score
from companion.evaluation.intervals import interval
from companion.evaluation.units import Units, units_of
from companion.papers.diment2017.learning import TargetSettings, TestPart, tested
from companion.results.rows import Rows

ACCURACY, POINTS = "accuracy %", "accuracy difference, points"


@dataclass(frozen=True)
class TestSet:
    """Test mixtures of the target task.

    Args:
        table: A line each: ``clip``, ``rotation``, ``label`` (1 with the event), ``onset`` in seconds and ``ratio_db``
            of the event, NaN where there is none.
        clips: The same as clips.
        units: Which of them share a recording or an author.
    """

    __test__ = False  # no test of pytest's

    table: pd.DataFrame
    clips: tuple[Clip, ...]
    units: Units

    @cached_property
    def labels(self) -> NDArray[np.bool_]:
        """Which hold the event. Shape: ``(N,)``."""
        return self.table["label"].to_numpy(dtype=bool)

    def right(self, said: NDArray[np.float32]) -> NDArray[np.float64]:
        """Was each mixture tagged right? Shape: ``(S, N)``, as what networks say of them."""
        return ((said > 0.5) == self.labels).astype(np.float64)

    def mean(self, scores: NDArray[Any], kept: NDArray[np.bool_] | None = None) -> Linearised:
        """The mean over rotations of the mean score in each.

        Args:
            scores: One for each seed and mixture. Shape: ``(S, N)``.
            kept: Mixtures that count; None for all. Shape: ``(N,)``.
        """
        chosen = np.ones(len(self.clips), dtype=bool) if kept is None else kept
        units = self.units if chosen.all() else self._of(np.flatnonzero(chosen))
        table = self.table[chosen]
        return mean_score(scores[:, chosen], units, folds=table["rotation"], strata=table["label"])

    def _of(self, chosen: NDArray[np.intp]) -> Units:
        return units_of([self.clips[i].recording for i in chosen], self._authors)

    @cached_property
    def _authors(self) -> dict[str, str]:
        return dict(self.table.attrs["author_of"])


def test_set(sounds: RareSounds, settings: TargetSettings, part: TestPart, rotations: int) -> TestSet:
    """Test mixtures of the target task in every rotation."""
    return pooled([tested(sounds, settings, part, rotation) for rotation in range(rotations)], sounds)


def pooled(tests: Sequence[RareMixtures], sounds: RareSounds) -> TestSet:
    """Test mixtures of several rotations as one set."""
    lines, clips = [], list[Clip]()
    for rotation, mixtures in enumerate(tests):
        for clip in mixtures.clips:
            label = bool(clip.weak)
            placed = mixtures.recipes[clip.id].placements if label else ()
            onset, ratio = (placed[0].onset / mixtures.sample_rate, placed[0].ratio_db) if placed else (np.nan, np.nan)
            lines.append({"clip": clip.id, "rotation": rotation, "label": label, "onset": onset, "ratio_db": ratio})
        clips += mixtures.clips
    table = pd.DataFrame(lines)
    table.attrs["author_of"] = dict(sounds.corpus.author_of)
    return TestSet(table, tuple(clips), units_of([clip.recording for clip in clips], sounds.corpus.author_of))


test_set.__test__ = False  # type: ignore[attr-defined]


class Scores:
    """What the networks of several systems say of the same test mixtures, and the rows made of it.

    Args:
        tests: The mixtures.
        rows: Where rows go.

    Attributes:
        said: Probability of the event by system. Shape: ``(S, N)`` each.
    """

    def __init__(self, tests: TestSet, rows: Rows) -> None:
        self.tests, self.rows = tests, rows
        self.said: dict[str, NDArray[np.float32]] = {}

    def add(self, system: str, said: Sequence[NDArray[np.float32]]) -> None:
        """Take a system in: one row of probabilities a seed."""
        self.said[system] = np.stack(said)

    def right(self, system: str) -> NDArray[np.float64]:
        """Was each mixture tagged right? Shape: ``(S, N)``."""
        return self.tests.right(self.said[system])

    def accuracy(self, system: str, item: str, row: str, column: str, note: str = "",
                 kept: NDArray[np.bool_] | None = None) -> None:  # fmt: skip
        """Add the accuracy of a system, %."""
        found = interval(self.tests.mean(self.right(system), kept), bounds=(0.0, 1.0))
        self.rows.add(item, row, column, ACCURACY, found, note, scale=100)

    def difference(self, gain: NDArray[np.float64], item: str, row: str, column: str, note: str = "",
                   kept: NDArray[np.bool_] | None = None) -> None:  # fmt: skip
        """Add a difference of accuracies on the same mixtures, points. Shape: ``(S, N)``."""
        found = interval(self.tests.mean(gain, kept), bounds=(-1.0, 1.0), difference=True)
        self.rows.add(item, row, column, POINTS, found, note, scale=100)

    def table(self) -> pd.DataFrame:
        """Mixtures, and what each network says of them."""
        said = {f"{name} | run {run}": row for name, rows in self.said.items() for run, row in enumerate(rows)}
        return pd.concat([self.tests.table, pd.DataFrame(said).round(4)], axis=1)
