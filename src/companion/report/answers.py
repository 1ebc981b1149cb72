"""Whether one run answers one published row, and what it says."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.report.criteria import Criterion
from companion.report.row_format import KEY
from companion.report.rules import (
    CONTRADICTED,
    HOLDS,
    UNSETTLED,
    Comparison,
    Measured,
    judge,
    margin,
    measure,
)
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
class _Reader:
    """Looks rows up in a run by the words of the published rows."""

    run: Run
    published: pd.DataFrame
    classes: dict[tuple[str, str], str]
    paper: str

    def key(self, term: str) -> tuple[str, ...]:
        """Paper, item, row, column and measure of a term."""
        if term.startswith("["):
            return (self.paper, *(word.strip() for word in term[1:-1].split("|")))
        return tuple(self.published.loc[term, KEY])

    def row(self, term: str) -> Measured | None:
        """The measured row of a term; on restaged data a paper's class needs one of its meaning there."""
        paper, _, row, *_ = key = self.key(term)
        if self.run.evidence == "restaged" and self.classes.get((paper, row)) == "":
            return None
        return self.find(dict(zip(KEY, key, strict=True)))

    def paired(self, first: str, second: str) -> Measured | None:
        """The paired difference of two terms, if the experiment computed it."""
        (paper, _, *first_key), (_, _, *second_key) = self.key(first), self.key(second)
        row, column = (
            a if a == b else f"{a} - {b}" for a, b in zip(first_key[:2], second_key[:2], strict=True)
        )
        return self.find({"paper": paper, "item": PAIRED, "row": row, "column": column})

    def find(self, key: dict[str, str]) -> Measured | None:
        """The row with these words."""
        rows = self.run.rows
        found = rows[np.logical_and.reduce([rows[name] == word for name, word in key.items()])]
        if len(found) != 1:
            return None
        return Measured(*found.iloc[0][["value", "ci_low", "ci_high"]].astype(float))


def answer(
    criterion: Criterion, published: pd.DataFrame, classes: dict[tuple[str, str], str], run: Run
) -> Answer | None:
    """What ``run`` says about a row, or None when it says nothing.

    Args:
        criterion: What would count.
        published: All published rows, indexed by id.
        classes: Class of the same meaning by paper and row, empty where there is none.
        run: The only run looked at.
    """
    if criterion.answers == "official" and run.evidence != "official":
        return None
    row = published.loc[criterion.id]
    reader = _Reader(run, published, classes, row["paper"])
    if criterion.figure:
        named = reader.classes.get((row["paper"], row["row"])) == "" and run.evidence == "restaged"
        return None if named else _figure(criterion, run)
    if criterion.claim:
        return _claim(criterion, reader)
    measured = reader.row(criterion.id)
    if measured is None:
        return None
    said = verdict(row["number"], measured, run.evidence)
    return Answer(
        measured.value,
        measured.low,
        measured.high,
        said,
        reproduced=run.evidence == "official" and said == INSIDE,
    )


def _claim(criterion: Criterion, reader: _Reader) -> Answer | None:
    """Judge a claim; the value is that of the comparison nearest to failing."""
    measured = [
        (comparison, measure(comparison, reader.row, reader.paired)) for comparison in criterion.claim
    ]
    pairs = [(comparison, found) for comparison, found in measured if found is not None]
    if len(pairs) < len(measured):
        return None
    outcome = _outcome(pairs)
    _, shown = min(pairs, key=lambda pair: margin(*pair))
    evidence = reader.run.evidence
    if evidence == "synthetic":
        return Answer(shown.value, shown.low, shown.high, NOT_COMPARABLE)
    size = "" if math.isnan(criterion.claimed) else verdict(criterion.claimed, shown, evidence)
    official = evidence == "official"
    words = f"{outcome} {'on the paper’s own data' if official else 'here'}"
    if math.isnan(shown.low):
        words += ", no interval"
    if official and size:
        words += f"; size: {size}"
    agrees = outcome == HOLDS and size in ("", INSIDE)
    return Answer(shown.value, shown.low, shown.high, words, reproduced=official and agrees)


def _outcome(pairs: list[tuple[Comparison, Measured]]) -> str:
    """A claim is contradicted by one comparison, and holds by all of them."""
    outcomes = {judge(comparison, found) for comparison, found in pairs}
    return CONTRADICTED if CONTRADICTED in outcomes else UNSETTLED if UNSETTLED in outcomes else HOLDS


def _figure(criterion: Criterion, run: Run) -> Answer | None:
    """A figure is answered by the table behind it, with every representation the paper shows."""
    rule = criterion.figure
    if rule is None or run.experiment != rule.experiment or rule.table not in run.table_names:
        return None
    table = run.table(rule.table)
    if "representation" not in table or not set(rule.representations) <= set(table["representation"]):
        return None
    words = NOT_COMPARABLE if run.evidence == "synthetic" else f"drawn from {len(table)} recorded points"
    return Answer(math.nan, math.nan, math.nan, words, reproduced=run.evidence == "official")
