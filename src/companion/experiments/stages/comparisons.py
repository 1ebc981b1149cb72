"""From predictions to result rows: accuracies and paired differences, with intervals over recordings and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.evaluation.bootstrap import Interval, cluster_interval, paired_difference
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
        correct: Was each clip right? One array a cell. Shape: ``(S, N)``.
        n_resamples: Resamples of the bootstrap.
        seed: Seed of the bootstrap.
        common: Columns that all rows share.
        kept: Clips that count; None for all. Shape: ``(N,)``.
    """

    target: Target
    correct: Mapping[Key, NDArray[np.bool_]]
    n_resamples: int
    seed: int
    common: Mapping[str, Any]
    kept: NDArray[np.bool_] | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)

    def accuracy(
        self, key: Key, item: str, row: str = "", column: str = "", note: str = "", measure: str = "accuracy %"
    ) -> Interval:
        """Add the accuracy of a cell in percent: the mean over folds, as published."""
        interval = cluster_interval(self._of(key), *self._units(), self._rng(), n_resamples=self.n_resamples)
        self._add(item, row or key.row, column or key.column, measure, interval, note)
        return interval

    def difference(self, a: Key, b: Key, item: str, row: str, column: str) -> Interval:
        """Add the accuracy of ``a`` minus that of ``b`` in percentage points, on the same clips."""
        interval = paired_difference(
            self._of(a), self._of(b), *self._units(), self._rng(), n_resamples=self.n_resamples
        )
        note = f"two-sided p = {interval.p_value:.4f}" if interval.p_value is not None else ""
        self._add(item, row, column, "accuracy difference, points", interval, note)
        return interval

    def _of(self, key: Key) -> NDArray[np.bool_]:
        correct = self.correct[key]
        return correct if self.kept is None else correct[:, self.kept]

    def _units(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        kept = slice(None) if self.kept is None else self.kept
        return self.target.recordings[kept], self.target.folds[kept]

    def _rng(self) -> np.random.Generator:
        # The same recordings are drawn for every row, so that rows differ by what they measure alone.
        return np.random.default_rng(self.seed)

    def _add(self, item: str, row: str, column: str, measure: str, interval: Interval, note: str) -> None:
        self.rows.append(
            {
                **self.common,
                "item": item,
                "row": row,
                "column": column,
                "measure": measure,
                "value": 100 * interval.value,
                "ci_low": 100 * interval.low,
                "ci_high": 100 * interval.high,
                "n_clips": interval.n_clips,
                "n_recordings": interval.n_recordings,
                "n_seeds": interval.n_seeds,
                "note": note,
            }
        )
