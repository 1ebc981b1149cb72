"""The small language of data/published/criteria.csv: what a claim or a figure needs, checkable by machine.

A claim is one or more comparisons joined by ``and``::

    C058 - C059 > 0 and C062 - C063 > 0
    [Claim | events babycry | test events | count] == 42

A term is a published id, which stands for the measured row with the same words, a key in brackets
(item | row | column | measure), or a number. A figure names the table that must have been recorded and the columns
it must hold, and where these do not tell, a row that says what it was drawn from::

    table: kumar2018_esc/tsne [x; y] with [Fig2 top-left | t-SNE, N_S F1 max | trustworthiness | share, 0 to 1]
"""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from companion.errors import DataError

HOLDS, CONTRADICTED, UNSETTLED = "holds", "contradicted", "not settled"

_TERM = r"\[[^\]]+\]|[CX]\d+|\d+(?:\.\d+)?"
_COMPARISON = re.compile(rf"({_TERM})(?: ([-/]) ({_TERM}))? (>=|<=|==|>|<) (-?\d+(?:\.\d+)?)")
_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
}
_TABLE = re.compile(r"table: (\w+)/(\w+) \[([^\]]+)\](?: with (\[[^\]]+\]))?")


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval; the ends are NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Comparison:
    """``first sign second relation bound``; sign and second are empty for a single term."""

    first: str
    sign: str
    second: str
    relation: str
    bound: float

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms that stand for measured rows; numbers left out."""
        return tuple(term for term in (self.first, self.second) if term and not _is_number(term))


@dataclass(frozen=True)
class TableRule:
    """The table of an experiment that holds a figure, the columns it needs, and a row that must go with it."""

    experiment: str
    table: str
    columns: tuple[str, ...]
    row: str = ""


def parse_claim(rule: str) -> tuple[Comparison, ...]:
    """Comparisons of a claim.

    Raises:
        DataError: A part does not follow the grammar.

    Example:
        >>> parse_claim("C058 - 81.3 > 0")[0].terms
        ('C058',)
    """
    found = []
    for part in rule.split(" and "):
        match = _COMPARISON.fullmatch(part.strip())
        if match is None:
            raise DataError(f"cannot read the rule {part!r}", expected="TERM, TERM - TERM or TERM / TERM, then > 0")
        first, sign, second, relation, bound = match.groups(default="")
        found.append(Comparison(first, sign, second, relation, float(bound)))
    return tuple(found)


def parse_table(rule: str) -> TableRule:
    """Table, columns and row of a figure's rule.

    Raises:
        DataError: The rule does not follow the grammar.
    """
    match = _TABLE.fullmatch(rule)
    if match is None:
        raise DataError(f"cannot read the rule {rule!r}", expected="table: EXPERIMENT/TABLE [COLUMN; COLUMN]")
    columns = tuple(name.strip() for name in match[3].split(";"))
    return TableRule(match[1], match[2], columns, match[4] or "")


def measure(
    comparison: Comparison,
    lookup: Callable[[str], Measured | None],
    paired: Callable[[str, str], Measured | None],
) -> Measured | None:
    """The left side of a comparison, or None when one of its rows was not measured.

    A difference of two rows comes with its interval from the paired row that the experiment computed; without
    one it has none. A number shifts an interval. A ratio has none.

    Args:
        comparison: What to compute.
        lookup: Measured row of a term.
        paired: Paired difference between two terms.
    """
    first, second = (_number_or(lookup, term) for term in (comparison.first, comparison.second or "0"))
    if first is None or second is None:
        return None
    if comparison.sign == "/":
        return Measured(first.value / second.value) if second.value else None
    if len(comparison.terms) == 2:
        return paired(comparison.first, comparison.second) or Measured(first.value - second.value)
    ends = sorted((first.low - second.high, first.high - second.low))
    return Measured(first.value - second.value, *ends)


def judge(comparison: Comparison, measured: Measured) -> str:
    """``holds``, ``contradicted`` or ``not settled``: the interval decides, or a bare value."""
    relation = _RELATIONS[comparison.relation]
    if math.isnan(measured.low) or comparison.relation == "==":
        return HOLDS if relation(measured.value, comparison.bound) else CONTRADICTED
    low, high = (relation(end, comparison.bound) for end in (measured.low, measured.high))
    if low != high:
        return UNSETTLED
    return HOLDS if low else CONTRADICTED


def margin(comparison: Comparison, measured: Measured) -> float:
    """How far the value lies on the claimed side of the bound; negative on the other side."""
    away = measured.value - comparison.bound
    return -abs(away) if comparison.relation == "==" else away if comparison.relation[0] == ">" else -away


def _number_or(lookup: Callable[[str], Measured | None], term: str) -> Measured | None:
    return Measured(float(term), float(term), float(term)) if _is_number(term) else lookup(term)


def _is_number(term: str) -> bool:
    return term[0].isdigit()
