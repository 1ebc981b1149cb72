"""Published values beside what one run measured. Kinds of evidence never share a column: a table has one run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from companion.results.published import load_published
from companion.results.rows import KEY
from companion.results.rules import Measured
from companion.results.run import Run
from companion.results.verdict import compare

_HEADINGS = {
    ("recorded", "official"): "recorded on the original data",
    ("recorded", "measured"): "recorded, measured on any input",
    ("recorded", "restaged"): "recorded on real audio, task restaged",
    ("recorded", "synthetic"): "recorded on synthetic sound",
    ("build", "official"): "this build, on the original data",
    ("build", "measured"): "this build, measured on any input",
    ("build", "restaged"): "this build, on real audio, task restaged",
    ("build", "synthetic"): "this build, on synthetic sound",
}
_ORDER = list(_HEADINGS)


@dataclass(frozen=True)
class Column:
    """A source of numbers: one kind of evidence from one place.

    Args:
        heading: What it is, in words.
        evidence: ``synthetic``, ``restaged``, ``measured`` or ``official``.
        run: Where the numbers come from.
        recorded: It is kept with the sources of the book, not made by this build.
    """

    heading: str
    evidence: str
    run: Run
    recorded: bool = True

    @property
    def data(self) -> str:
        """What was measured on, in words: ``esc50: 400 clips of 334 recordings in 10 classes and 5 folds``."""
        return str(self.run.provenance["data"]).partition(";")[0]


def columns(recorded: Mapping[str, Run], build: Run | None) -> list[Column]:
    """The sources that exist: recorded ones first, the paper's own data before restaged before synthetic.

    Args:
        recorded: Recorded runs by profile.
        build: This build's run, if there is one.
    """
    found = [(("recorded", run.evidence), run) for run in recorded.values()]
    found += [(("build", build.evidence), build)] if build is not None else []
    found.sort(key=lambda pair: _ORDER.index(pair[0]))
    return [Column(_HEADINGS[place], run.evidence, run, place[0] == "recorded") for place, run in found]


def cells(paper: str, item: str, column: Column) -> pd.DataFrame:
    """Cells of one item: the published ones in the paper's order, then what was only measured here.

    Args:
        paper: As in published.csv.
        item: Table of the paper, or of this project for controls.
        column: The source.

    Returns:
        DataFrame: Indexed by (row, column, measure): ``published`` as printed (empty where nothing is), ``value``,
        ``ci_low``, ``ci_high``, ``n_clips``, ``n_recordings``, ``n_seeds`` (NaN where the run has no such row), and on
        the paper's own data ``verdict``: where the published value lies.
    """
    place = KEY[2:]
    printed = load_published()
    printed = printed[(printed["paper"] == paper) & (printed["item"] == item)].set_index(place)
    rows = column.run.rows
    rows = rows[(rows["paper"] == paper) & (rows["item"] == item)].set_index(place)
    index = pd.MultiIndex.from_tuples(list(dict.fromkeys([*printed.index, *rows.index])), names=place)
    found = rows[["value", "ci_low", "ci_high", "n_clips", "n_recordings", "n_seeds"]].reindex(index)
    numbers = printed["number"].reindex(index)
    measured = [Measured(*line) for line in found[["value", "ci_low", "ci_high"]].itertuples(index=False, name=None)]
    said = [
        "" if column.evidence != "official" or math.isnan(one.value) else compare(number, one, "official")
        for number, one in zip(numbers, measured, strict=True)
    ]
    return found.assign(published=printed["published"].reindex(index).fillna(""), number=numbers, verdict=said)
