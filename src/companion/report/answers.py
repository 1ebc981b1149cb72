"""Whether one run answers one published row, and what it says."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from companion.report.criteria import Criterion
from companion.report.row_format import KEY
from companion.report.rules import (
    CONTRADICTED,
    HOLDS,
    UNSETTLED,
    Comparison,
    Measured,
    TableRule,
    judge,
    margin,
    measure,
)  # fmt: skip
from companion.report.runs import Run
from companion.report.verdicts import INSIDE, NOT_COMPARABLE, verdict

PAIRED = "Paired"
"""Item of the paired differences: their row, or column, reads "A - B" where the two terms differ."""


@dataclass(frozen=True)
class Answer:
    """What a run says about a published row.

    Args:
        value: The number; NaN for a figure.
        low: Lower end of its 95 % interval, NaN where there is none.
        high: Upper end.
        verdict: How it compares, in words.
        reproduced: Whether it is from the paper's own data and agrees.
    """

    value: float
    low: float
    high: float
    verdict: str
    reproduced: bool = False


@dataclass(frozen=True)
class PublishedRow:
    """The words that name a published row, and its number (NaN where the paper prints words)."""

    paper: str
    item: str
    row: str
    column: str
    measure: str
    number: float

    @property
    def key(self) -> tuple[str, ...]:
        """Its words, in the order of :data:`companion.report.row_format.KEY`."""
        return (self.paper, self.item, self.row, self.column, self.measure)


class Reader:
    """Looks rows of one run up by the words of the published rows.

    Args:
        run: The only run looked at.
        published: All published rows by id.
        classes: Class of the same meaning by paper and row, empty where there is none.
    """

    def __init__(self, run: Run, published: Mapping[str, PublishedRow], classes: Mapping[tuple[str, str], str]) -> None:
        self.run, self.published, self._classes = run, published, classes
        numbers = run.rows[["value", "ci_low", "ci_high"]].to_numpy(float)
        keys = run.rows[KEY].itertuples(index=False, name=None)
        self._rows = {key: Measured(*line) for key, line in zip(keys, numbers.tolist(), strict=True)}
        self._paired = {(*key[:4], _kind(key[4])): row for key, row in self._rows.items() if key[1] == PAIRED}

    def without_class(self, paper: str, row: str) -> bool:
        """Whether the row is named after a class that real stand-in data have no class of the same meaning for."""
        return self.run.evidence == "restaged" and self._classes.get((paper, row)) == ""

    def key(self, paper: str, term: str) -> tuple[str, ...]:
        """The words of a term: those of a published id, or the four in brackets."""
        if term.startswith("["):
            return (paper, *(word.strip() for word in term[1:-1].split("|")))
        return self.published[term].key

    def row(self, paper: str, term: str) -> Measured | None:
        """The measured row of a term, if the run has one that counts."""
        key = self.key(paper, term)
        return None if self.without_class(paper, key[2]) else self._rows.get(key)

    def paired(self, paper: str, first: str, second: str) -> Measured | None:
        """The paired difference of two terms, if the experiment computed it, in either order."""
        one, other = self.key(paper, first), self.key(paper, second)
        a, b, kind = one[2:4], other[2:4], _kind(one[4])
        found = self._paired.get((paper, PAIRED, *_difference(a, b), kind))
        if found is None and (turned := self._paired.get((paper, PAIRED, *_difference(b, a), kind))):
            return Measured(-turned.value, -turned.high, -turned.low)
        return found


def _kind(measure: str) -> str:
    """What is measured, without its unit: "accuracy" of "accuracy %" and of "accuracy difference, points"."""
    return measure.split()[0]


def _difference(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """Row and column of a paired difference: "A - B" in what differs."""
    return tuple(x if x == y else f"{x} - {y}" for x, y in zip(a, b, strict=True))


def published_rows(frame: pd.DataFrame) -> dict[str, PublishedRow]:
    """Rows of :func:`companion.report.published.load_published` by id."""
    rows = frame[[*KEY, "number"]].itertuples(index=False, name=None)
    return {str(name): PublishedRow(*row) for name, row in zip(frame.index, rows, strict=True)}


def answer(criterion: Criterion, reader: Reader) -> Answer | None:
    """What a run says about a published row, or None when it says nothing."""
    row, evidence = reader.published[criterion.id], reader.run.evidence
    if criterion.answers == "official" and evidence != "official":
        return None
    if criterion.figure:
        return None if reader.without_class(row.paper, row.row) else _figure(criterion.figure, row.paper, reader)
    if criterion.claim:
        return _claim(criterion, row.paper, reader)
    measured = reader.row(row.paper, criterion.id)
    if measured is None:
        return None
    said = verdict(row.number, measured, evidence)
    agrees = evidence == "official" and said == INSIDE
    return Answer(measured.value, measured.low, measured.high, said, reproduced=agrees)


def _claim(criterion: Criterion, paper: str, reader: Reader) -> Answer | None:
    """Judge a claim; the value is that of the comparison nearest to failing."""
    row, paired = partial(reader.row, paper), partial(reader.paired, paper)
    measured = [(comparison, measure(comparison, row, paired)) for comparison in criterion.claim]
    pairs = [(comparison, found) for comparison, found in measured if found is not None]
    if len(pairs) < len(measured):
        return None
    outcome, shown = claim_outcome(pairs)
    evidence = reader.run.evidence
    if evidence == "synthetic":
        return Answer(shown.value, shown.low, shown.high, NOT_COMPARABLE)
    size = "" if math.isnan(criterion.claimed) else verdict(criterion.claimed, shown, evidence)
    official = evidence == "official"
    words = f"{outcome} {'on the paper’s own data' if official else 'here'}"
    if math.isnan(shown.low):
        words += " by the values alone, without an interval"
    if official and size:
        words += f"; size: {size}"
    agrees = outcome == HOLDS and size in ("", INSIDE)
    return Answer(shown.value, shown.low, shown.high, words, reproduced=official and agrees)


def claim_outcome(pairs: Sequence[tuple[Comparison, Measured]]) -> tuple[str, Measured]:
    """A claim is contradicted by one comparison, and holds by all; the value is of the one nearest to failing."""
    outcomes = {judge(comparison, found) for comparison, found in pairs}
    outcome = CONTRADICTED if CONTRADICTED in outcomes else UNSETTLED if UNSETTLED in outcomes else HOLDS
    return outcome, min(pairs, key=lambda pair: margin(*pair))[1]


def _figure(rule: TableRule, paper: str, reader: Reader) -> Answer | None:
    """A figure is answered by the table behind it, whole, and drawn from what the paper's is drawn from."""
    run = reader.run
    if run.experiment != rule.experiment or rule.table not in run.table_names:
        return None
    if rule.row and reader.row(paper, rule.row) is None:
        return None
    table = run.table(rule.table)
    if not set(rule.columns) <= set(table.columns) or table[list(rule.columns)].isna().to_numpy().any():
        return None
    words = NOT_COMPARABLE if run.evidence == "synthetic" else f"drawn from {len(table)} lines of {rule.table}.csv"
    return Answer(math.nan, math.nan, math.nan, words, reproduced=run.evidence == "official")
