"""What one run says of one published row: its number, and a verdict that an interval must carry."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from companion.results.claim_units import unit
from companion.results.criteria import Criterion
from companion.results.rows import KEY
from companion.results.rules import HOLDS, UNJUDGED, UNSETTLED, Figure, Measured, holding, judge, measure, nearest
from companion.results.run import Run

PAIRED = "Paired"
"""Item of paired differences and ratios: their row, or column, reads "A - B" or "A / B" where the two terms differ."""

INSIDE, BELOW, ABOVE = "published value inside the interval", "below the published value", "above the published value"
PROVED = "proved"
NOT_COMPARABLE = "not comparable: synthetic"
OTHER_TASK = "another task: compare directions, not values"


@dataclass(frozen=True)
class Verdict:
    """What a run says of a published row.

    Args:
        value: The number; NaN for a figure.
        low: Lower end of its 95 % interval, NaN where there is none.
        high: Upper end.
        words: How it compares.
        agrees: Whether it holds, or the published value lies in its interval; None where nothing is printed to compare
            with, there is no interval to compare, or the interval of a claim settles nothing.
        unit: What the number of a claim is, such as ``MAP difference``; empty for a cell, whose measure says so.
        parts: How many numbers of a claim lie where it says, such as ``1 of 4``; empty where it makes one statement.
    """

    value: float
    low: float
    high: float
    words: str
    agrees: bool | None = None
    unit: str = ""
    parts: str = ""


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
        """Its words, in the order of :data:`companion.results.rows.KEY`."""
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
        numbers = run.rows[["value", "ci_low", "ci_high", "p_value"]].to_numpy(float)
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
        """The measured row of a term, if the run has one that counts.

        A published id may name a class that stand-in data do not have; words in brackets name the experiment's own row.
        """
        key = self.key(paper, term)
        return None if term[0] != "[" and self.without_class(paper, key[2]) else self._rows.get(key)

    def paired(self, paper: str, first: str, sign: str, second: str) -> Measured | None:
        """The paired difference or ratio of two terms, if the experiment computed it; a difference in either order."""
        one, other = self.key(paper, first), self.key(paper, second)
        kind = _kind(one[4])
        found = self._paired.get((paper, PAIRED, *_joined(one, sign, other), kind))
        turned = self._paired.get((paper, PAIRED, *_joined(other, sign, one), kind)) if sign == "-" else None
        if found is None and turned is not None:
            return Measured(-turned.value, -turned.high, -turned.low, turned.p_value)
        return found


def _kind(measure: str) -> str:
    """What is measured, without its unit: "accuracy" of "accuracy %" and of "accuracy difference, points"."""
    return measure.split()[0]


def _joined(a: tuple[str, ...], sign: str, b: tuple[str, ...]) -> tuple[str, ...]:
    """Row and column of a paired difference or ratio: "A - B" in what differs."""
    return tuple(x if x == y else f"{x} {sign} {y}" for x, y in zip(a[2:4], b[2:4], strict=True))


def published_rows(frame: pd.DataFrame) -> dict[str, PublishedRow]:
    """Rows of :func:`companion.results.published.load_published` by id."""
    rows = frame[[*KEY, "number"]].itertuples(index=False, name=None)
    return {str(name): PublishedRow(*row) for name, row in zip(frame.index, rows, strict=True)}


def verdict(criterion: Criterion, reader: Reader) -> Verdict | None:
    """What a run says of a published row, or None when it says nothing."""
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
    words = compare(row.number, measured, evidence)
    return Verdict(measured.value, measured.low, measured.high, words, agrees=words == INSIDE if words else None)


def compare(published: float, measured: Measured, evidence: str) -> str:
    """Where a measured interval lies beside a published value, in words.

    Args:
        published: NaN where the paper prints none.
        measured: Value and 95 % interval.
        evidence: ``restaged`` numbers belong to another, often easier task, and synthetic ones to none.

    Returns:
        str: Empty where nothing was published, or where there is no interval to compare it with.
    """
    if evidence == "synthetic":
        return NOT_COMPARABLE
    if math.isnan(published):
        return ""
    if evidence == "restaged":
        return OTHER_TASK
    if math.isnan(measured.low):
        return ""
    if measured.low <= published <= measured.high:
        return INSIDE
    return BELOW if measured.high < published else ABOVE


def direction(measured: Measured) -> str:
    """What the interval of a difference says of its sign; empty where there is no interval."""
    if math.isnan(measured.low):
        return ""
    if measured.low > 0:
        return "above zero"
    return "below zero" if measured.high < 0 else "undecided"


def _claim(criterion: Criterion, paper: str, reader: Reader) -> Verdict | None:
    """Judge a claim; the value is that of the comparison nearest to failing."""
    row, paired = partial(reader.row, paper), partial(reader.paired, paper)
    measured = [(comparison, measure(comparison, row, paired)) for comparison in criterion.claim]
    pairs = [(comparison, found) for comparison, found in measured if found is not None]
    if len(pairs) < len(measured):
        return None
    outcome, shown, evidence = judge(pairs), nearest(pairs), reader.run.evidence
    counted_in = unit(next(one for one, found in pairs if found is shown), lambda term: reader.key(paper, term)[4])
    if evidence == "synthetic":
        return Verdict(shown.value, shown.low, shown.high, NOT_COMPARABLE, unit=counted_in)
    size = compare(criterion.claimed, shown, evidence) if evidence == "official" else ""
    words = f"{outcome}; size: {size}" if size else outcome
    agrees = None if outcome in (UNJUDGED, UNSETTLED) else outcome == HOLDS and size in ("", INSIDE)
    upheld, of = holding(pairs)
    parts = f"{upheld} of {of}" if of > 1 else ""
    return Verdict(shown.value, shown.low, shown.high, words, agrees, counted_in, parts)


def _figure(rules: Sequence[Figure], paper: str, reader: Reader) -> Verdict | None:
    """A figure is answered by the tables behind it, whole, and drawn from what the paper's is drawn from."""
    run, lengths = reader.run, {}
    for rule in rules:
        if rule.table not in run.table_names or (rule.row and reader.row(paper, rule.row) is None):
            return None
        table = run.table(rule.table)
        if not set(rule.columns) <= set(table.columns) or table[list(rule.columns)].isna().to_numpy().any():
            return None
        lengths[rule.table] = len(table)
    drawn = " and ".join(f"{length} lines of {name}.csv" for name, length in lengths.items())
    words = NOT_COMPARABLE if run.evidence == "synthetic" else f"drawn from {drawn}"
    return Verdict(math.nan, math.nan, math.nan, words)
