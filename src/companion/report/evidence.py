"""Published values beside what was measured, one source of numbers a column."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from companion.results.published import load_published
from companion.results.rows import KEY
from companion.results.rules import Measured
from companion.results.run import Run
from companion.results.verdict import compare, direction

_HEADINGS = {
    ("recorded", "official"): "recorded on the paper's own data",
    ("recorded", "measured"): "recorded, measured on any input",
    ("recorded", "restaged"): "recorded on real audio, task restaged",
    ("recorded", "synthetic"): "recorded on synthetic sound",
    ("build", "official"): "this build, on the paper's own data",
    ("build", "measured"): "this build, measured on any input",
    ("build", "restaged"): "this build, on real audio, task restaged",
    ("build", "synthetic"): "this build, on synthetic sound",
}
_ORDER = list(_HEADINGS)


@dataclass(frozen=True)
class Column:
    """A column of numbers: one kind of evidence from one place.

    Args:
        heading: What it is, in words.
        evidence: ``synthetic``, ``restaged``, ``measured`` or ``official``.
        run: Where the numbers come from.
    """

    heading: str
    evidence: str
    run: Run


def columns(recorded: Mapping[str, Run], build: Run | None) -> list[Column]:
    """The columns that exist: recorded ones first, the paper's own data before restaged before synthetic.

    Args:
        recorded: Recorded runs by profile.
        build: This build's run, if there is one.
    """
    found = [(("recorded", run.evidence), run) for run in recorded.values()]
    found += [(("build", build.evidence), build)] if build is not None else []
    found.sort(key=lambda pair: _ORDER.index(pair[0]))
    return [Column(_HEADINGS[place], run.evidence, run) for place, run in found]


@dataclass(frozen=True)
class Cells:
    """Cells of one item: what was published and what each source measured.

    Args:
        paper: As in published.csv.
        item: Table of the paper, or of this project for controls.
        cells: Indexed by (row, column, measure); ``published`` as printed, ``number`` its value or NaN.
        columns: For each source a table with the same index: ``value``, ``ci_low``, ``ci_high``, ``n_clips``,
            ``n_recordings``, ``n_seeds``, ``verdict``. NaN where the source has no such row.
    """

    paper: str
    item: str
    cells: pd.DataFrame
    columns: tuple[tuple[Column, pd.DataFrame], ...]

    @property
    def was_published(self) -> bool:
        """Whether the paper prints any of these cells."""
        return bool((self.cells["published"] != "").any())


def gather(paper: str, item: str, recorded: Mapping[str, Run], build: Run | None = None) -> Cells:
    """Gather one item: the published cells in the paper's order, then what was only measured here.

    Args:
        paper: As in published.csv.
        item: As in published.csv, or another name for controls and variants.
        recorded: Recorded runs by profile.
        build: This build's run.
    """
    place = KEY[2:]
    printed = load_published()
    printed = printed[(printed["paper"] == paper) & (printed["item"] == item)].set_index(place)
    found = [(source, _rows(source.run, paper, item)) for source in columns(recorded, build)]
    found = [(source, rows) for source, rows in found if len(rows)]
    keys = list(dict.fromkeys([*printed.index, *(key for _, rows in found for key in rows.index)]))
    index = pd.MultiIndex.from_tuples(keys, names=place)
    cells = printed[["published", "number"]].reindex(index)
    cells["published"] = cells["published"].astype(object).where(cells["published"].notna(), "")
    judged = tuple((source, _judged(rows.reindex(index), cells["number"], source)) for source, rows in found)
    return Cells(paper, item, cells, judged)


def _rows(run: Run, paper: str, item: str) -> pd.DataFrame:
    rows = run.rows[(run.rows["paper"] == paper) & (run.rows["item"] == item)]
    return rows.set_index(KEY[2:])[["value", "ci_low", "ci_high", "n_clips", "n_recordings", "n_seeds"]]


def _judged(rows: pd.DataFrame, published: pd.Series, source: Column) -> pd.DataFrame:
    """Rows with what their intervals say about the published values."""
    said = [
        ""
        if math.isnan(row.value)
        else direction(Measured(row.value, row.ci_low, row.ci_high))
        if "difference" in str(row.Index[-1])
        else compare(number, Measured(row.value, row.ci_low, row.ci_high), source.evidence)
        for row, number in zip(rows.itertuples(), published, strict=True)
    ]
    return rows.assign(verdict=said)
