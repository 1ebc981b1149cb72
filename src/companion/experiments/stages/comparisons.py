"""From predictions to result rows: accuracies and paired differences, with intervals over recordings and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.evaluation.bootstrap import Interval, cluster_interval, paired_difference
from companion.evaluation.mixture_bootstrap import SEPARATOR, fold_accuracy, membership, mixture_bootstrap
from companion.experiments.stages.rows import interval_row
from companion.experiments.stages.target import Target


@dataclass(frozen=True)
class Key:
    """Names one cell: which trunk, network, representation and probe."""

    trunk: str
    row: str
    column: str
    probe: str = "LIBLINEAR"

    @property
    def name(self) -> str:
        """One line, for the heading of a column."""
        return " | ".join(part for part in (self.trunk, self.row, self.column, self.probe) if part)


@dataclass
class Table:
    """Correctness of every cell, and the rows made from it.

    Args:
        target: The task.
        correct: Was each clip right, 0 to 1? One array a cell. Shape: ``(S, N)``.
        n_resamples: Resamples of the bootstrap.
        seed: Seed of the bootstrap.
        common: Columns that all rows share.
        kept: Clips that count; None for all. Shape: ``(N,)``.
    """

    target: Target
    correct: Mapping[Key, NDArray[Any]]
    n_resamples: int
    seed: int
    common: Mapping[str, Any]
    kept: NDArray[np.bool_] | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)

    def accuracy(
        self, key: Key, item: str, row: str = "", column: str = "", note: str = "", measure: str = "accuracy %"
    ) -> Interval:
        """Add the accuracy of a cell in percent: the mean over folds, as published."""
        interval = self._interval(self._of(key))
        self._add(item, row or key.row, column or key.column, measure, interval, note)
        return interval

    def difference(self, a: Key, b: Key, item: str, row: str, column: str) -> Interval:
        """Add the accuracy of ``a`` minus that of ``b`` in percentage points, on the same clips."""
        interval = self._interval(self._of(a), self._of(b))
        note = f"two-sided p = {interval.p_value:.4f}" if interval.p_value is not None else ""
        self._add(item, row, column, "accuracy difference, points", interval, note)
        return interval

    def count(self, row: str, column: str, value: int) -> None:
        """Add a count behind a claim that the paper makes in words."""
        clips, recordings = len(self.target.labels), len(membership(self.target.recordings)[0])
        counts = {"n_clips": clips, "n_recordings": recordings, "n_seeds": max(map(len, self.correct.values()))}
        name = {"item": "Prose", "row": row, "column": column, "measure": "count"}
        ends = {"value": float(value), "ci_low": np.nan, "ci_high": np.nan}
        self.rows.append({**self.common, **name, **ends, **counts, "note": ""})

    def _interval(self, correct: NDArray[Any], other: NDArray[Any] | None = None) -> Interval:
        """Of an accuracy, or of its difference to another; clips of several recordings need their own bootstrap."""
        recordings, folds = self._units()
        settings = {"n_resamples": self.n_resamples}
        if any(SEPARATOR in recording for recording in recordings.tolist()):
            scores = correct.astype(float) if other is None else correct.astype(float) - other
            difference = other is not None
            found = mixture_bootstrap(
                fold_accuracy(scores, folds), recordings, self._rng(), difference=difference, **settings
            )
            # What is scaled up may leave the scale that an accuracy, or a difference of two, has.
            lowest = -1.0 if difference else 0.0
            return replace(found, low=max(found.low, lowest), high=min(found.high, 1.0))
        if other is None:
            return cluster_interval(correct, recordings, folds, self._rng(), **settings)
        return paired_difference(correct, other, recordings, folds, self._rng(), **settings)

    def _of(self, key: Key) -> NDArray[Any]:
        correct = self.correct[key]
        return correct if self.kept is None else correct[:, self.kept]

    def _units(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        kept = slice(None) if self.kept is None else self.kept
        return self.target.recordings[kept], self.target.folds[kept]

    def _rng(self) -> np.random.Generator:
        # The same recordings are drawn for every row, so that rows differ by what they measure alone.
        return np.random.default_rng(self.seed)

    def _add(self, item: str, row: str, column: str, measure: str, interval: Interval, note: str) -> None:
        self.rows.append(interval_row(self.common, item, row, column, measure, interval, note, scale=100))
