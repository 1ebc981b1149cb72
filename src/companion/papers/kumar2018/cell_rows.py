"""From predictions to result rows: accuracies, paired differences and counts, with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.evaluation.influence import Linearised, mean_score
from companion.evaluation.intervals import Interval, interval
from companion.evaluation.units import units_of
from companion.papers.kumar2018.adaptation import COLUMNS, Target
from companion.papers.kumar2018.cells import OWN_OUTPUT, PLAIN, STANDARDISED, Key
from companion.papers.kumar2018.source import Source
from companion.results.rows import Rows, bare

ADAPTED = ("N_T^I", "N_T^II", "N_T^III")
POINTS = "accuracy difference, points"


class Table:
    """Correctness of every cell, and the rows made from it.

    Args:
        target: The task.
        correct: Was each clip right, 0 to 1? One array a cell. Shape: ``(S, N)``.
        rows: Where rows go.
        kept: Clips that count; None for all. Shape: ``(N,)``.
    """

    def __init__(
        self, target: Target, correct: Mapping[Key, NDArray[Any]], rows: Rows, kept: NDArray[np.bool_] | None = None
    ) -> None:
        self.target, self.correct, self.rows = target, dict(correct), rows
        self.kept = np.ones(len(target.labels), dtype=bool) if kept is None else kept

    def accuracy(
        self,
        key: Key,
        item: str,
        row: str = "",
        column: str = "",
        note: str = "",
        kept: NDArray[np.bool_] | None = None,
    ) -> Interval:
        """Add the accuracy of a cell in percent: the mean over folds, as published. ``kept``: clips that count."""
        found = self.interval(self.correct[key].astype(float), kept)
        self.rows.add(item, row or key.row, column or key.column, "accuracy %", found, note, scale=100)
        return found

    def again(self, item: str, suffix: str, kept: NDArray[np.bool_]) -> None:
        """Add the fourteen published cells and their paired tests once more, for some of the clips."""
        some = Table(self.target, self.correct, self.rows, kept)
        for key in self.correct:
            if key.trunk == "source" and key.probe == PLAIN and key.column in COLUMNS:
                some.accuracy(key, f"{item}, {suffix}")
        paired_rows(some, PLAIN, f"Paired, {suffix}")

    def difference(
        self, a: Key, b: Key, item: str, row: str, column: str, kept: NDArray[np.bool_] | None = None
    ) -> Interval:
        """Add the accuracy of ``a`` minus that of ``b`` in percentage points, on the same clips."""
        gain = self.correct[a].astype(float) - self.correct[b]  # one row is compared with every seed of the other
        found = self.interval(gain, kept, difference=True)
        self.rows.add(item, row, column, POINTS, found, scale=100)
        return found

    def interval(
        self, scores: NDArray[Any], kept: NDArray[np.bool_] | None = None, *, difference: bool = False
    ) -> Interval:
        """Interval of the mean over folds of the mean score in each. Shape of the scores: ``(S, N)``."""
        return interval(self.linearised(scores, kept), bounds=(-1.0, 1.0) if difference else (0.0, 1.0),
                        difference=difference)  # fmt: skip

    def linearised(self, scores: NDArray[Any], kept: NDArray[np.bool_] | None = None) -> Linearised:
        """The mean over folds of the mean score in each, with what every clip adds to it."""
        target, units = self.target, self.target.units
        chosen = self.kept if kept is None else self.kept & kept
        if not chosen.all():
            units = units_of(target.recordings[chosen].tolist(), target.dataset.author_of)
        return mean_score(scores[:, chosen], units, folds=target.folds[chosen], strata=target.labels[chosen])


def item_of(key: Key, table: str, controls: str) -> str:
    """The published table's name for its fourteen cells, another for everything else."""
    if not key.probe:
        return "Own output"
    suffix = ", standardised" if key.probe == STANDARDISED else ""
    return (table if key.trunk == "source" else controls) + suffix


def row_of(key: Key) -> str:
    """The network's name, with its trunk where that is not the trained one."""
    return f"{key.row} (untrained trunk)" if key.trunk == "untrained" else key.row


def paired_rows(table: Table, probe: str, item: str) -> None:
    """Paired tests of what the paper says of its tables, and of whether it is transfer at all."""

    def cell(row: str, column: str, trunk: str = "source") -> Key:
        return Key(trunk, row, column, probe)

    def differ(a: Key, b: Key, row: str, column: str) -> None:
        if a in table.correct and b in table.correct:
            table.difference(a, b, item, row, column)

    for row in ADAPTED:
        for column in COLUMNS:
            differ(cell(row, column), cell("N_S", column), f"{row} - N_S", column)
    for row in ("N_S", *ADAPTED):
        for layer in ("F1", "F2"):
            differ(cell(row, f"{layer} max"), cell(row, f"{layer} avg"), row, f"{layer} max - {layer} avg")
    for row in ("N_S", "N_T^II", "N_T^III"):
        differ(cell(row, "F2 max"), cell(row, "F1 max"), row, "F2 max - F1 max")
    for row in ("N_S", *ADAPTED):
        for column in COLUMNS:
            differ(cell(row, column), cell(row, column, "untrained"), f"{row} - {row} (untrained trunk)", column)
    differ(cell("N_S", "F1 max"), cell("log-mel statistics", "features", "none"), "N_S - log-mel statistics", "F1 max")
    differ(cell("N_S", "F1 max"), cell("N_S from scratch", "F1 max", "none"), "N_S - N_S from scratch", "F1 max")
    own = Key("none", "N_S from scratch", OWN_OUTPUT, "")
    differ(cell("N_S", "F1 max"), own, "N_S - N_S from scratch", f"F1 max - {OWN_OUTPUT}")
    if probe == STANDARDISED:
        for row, column in (("N_S", "F1 max"), ("N_S", "F2 max"), ("N_T^III", "F2 max")):
            differ(cell(row, column), Key("source", row, column, PLAIN), f"{row}, standardised - unscaled", column)


def adapted_gain(table: Table) -> None:
    """Statements for families: the mean over all adapted cells, and over those of F1, of what they gain on N_S's."""
    for what, columns in (("cells", COLUMNS), ("F1 cells", [name for name in COLUMNS if name.startswith("F1")])):
        pairs = [
            (Key("source", row, column), Key("source", "N_S", column))
            for row in ADAPTED
            for column in columns
            if Key("source", row, column) in table.correct
        ]
        adapted, plain = (Key("mean", name, f"all {what}") for name in ("adapted", "N_S"))
        for side, mean in enumerate((adapted, plain)):
            table.correct[mean] = np.mean([table.correct[pair[side]] for pair in pairs], axis=0)
        table.difference(adapted, plain, "Paired", "adapted - N_S", f"mean of {len(pairs)} {what}")


def source_rows(rows: Rows, sources: Sequence[Source]) -> None:
    """How well the source task was learned, on its validation recordings."""
    counts = {
        "n_clips": sources[0].n_validation, "n_recordings": sources[0].n_recordings, "n_seeds": len(sources),
    }  # fmt: skip
    for row, measure, name in (
        ("N_S", "MAP", "MAP"),
        ("N_S", "MAUC", "MAUC"),
        ("level only", "MAP", "level-only MAP"),
        ("level only", "MAUC", "level-only MAUC"),
    ):
        if name in sources[0].measures:
            found = bare(float(np.mean([source.measures[name] for source in sources])), **counts)
            note = "the best epoch was chosen on these recordings"
            rows.add("Source task", row, "validation", measure, found, note, data=sources[0].description)
