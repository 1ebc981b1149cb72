"""The language of data/published/criteria.csv: what a claim or a figure needs, checkable by machine.

A claim is one or more comparisons joined by ``and``::

    C058 - C059 > 0 and C062 - C063 > 0
    [Claim | events babycry | test events | count] == 42

A term is a published id, which stands for the measured row with the same words, a key in brackets
(item | row | column | measure), or a number. A figure names the table that must have been recorded and the columns
it must hold, and where these do not tell, a row that says what it was drawn from; several tables are all needed::

    table: tsne [x; y] with [Fig2 top-left | t-SNE, N_S F1 max | trustworthiness | share, 0 to 1]
    table: predictions [label] and table: relations [scene; event]
"""

import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from companion.errors import DataError

HOLDS, CONTRADICTED, UNSETTLED, UNJUDGED = "holds", "contradicted", "not settled", "not judged: no interval"
LEVEL = 0.05

_TERM = r"\[[^\]]+\]|[CX]\d+|\d+(?:\.\d+)?"
_COMPARISON = re.compile(rf"({_TERM})(?: ([-/]) ({_TERM}))? (>=|<=|==|>|<) (-?\d+(?:\.\d+)?)")
_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
}
_AND = re.compile(r" and (?![^\[]*\])")  # not inside a key, whose words may hold it
_TABLE = re.compile(r"(\w+) \[([^\]]+)\](?: with (\[[^\]]+\]))?")


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval and, for a difference, the p-value of zero, for a ratio of one; NaN for none."""

    value: float
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan


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
        return tuple(term for term in (self.first, self.second) if term and not term[0].isdigit())


@dataclass(frozen=True)
class Figure:
    """A table behind a figure, the columns it needs, and a row that must go with it."""

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
    for part in _AND.split(rule):
        match = _COMPARISON.fullmatch(part.strip())
        if match is None:
            raise DataError(f"cannot read the rule {part!r}", expected="TERM, TERM - TERM or TERM / TERM, then > 0")
        first, sign, second, relation, bound = match.groups(default="")
        found.append(Comparison(first, sign, second, relation, float(bound)))
    return tuple(found)


def parse_figure(rule: str) -> tuple[Figure, ...]:
    """Tables behind a figure, each with its columns and row.

    Raises:
        DataError: A part does not follow the grammar.

    Example:
        >>> [part.table for part in parse_figure("table: maps [x; y] and table: lists [scene]")]
        ['maps', 'lists']
    """
    found = []
    for part in rule.removeprefix("table: ").split(" and table: "):
        match = _TABLE.fullmatch(part)
        if match is None or not rule.startswith("table: "):
            raise DataError(f"cannot read the rule {rule!r}", expected="table: NAME [COLUMN; COLUMN]")
        found.append(Figure(match[1], tuple(name.strip() for name in match[2].split(";")), match[3] or ""))
    return tuple(found)


def measure(
    comparison: Comparison,
    lookup: Callable[[str], Measured | None],
    paired: Callable[[str, str, str], Measured | None],
) -> Measured | None:
    """The left side of a comparison, or None when one of its rows was not measured.

    A difference or ratio of two rows comes with its interval from the paired row that the experiment computed;
    without one it has none. A number shifts an interval.

    Args:
        comparison: What to compute.
        lookup: Measured row of a term.
        paired: Paired difference (``-``) or ratio (``/``) of two terms.
    """
    if len(comparison.terms) == 2:
        first, second = (lookup(term) for term in comparison.terms)
        if first is None or second is None:
            return None
        bare = first.value - second.value if comparison.sign == "-" else _ratio(first.value, second.value)
        return paired(comparison.first, comparison.sign, comparison.second) or Measured(bare)
    first, second = (_number_or(lookup, term) for term in (comparison.first, comparison.second or "0"))
    if first is None or second is None:
        return None
    if comparison.sign == "/":
        return Measured(_ratio(first.value, second.value))
    ends = sorted((first.low - second.high, first.high - second.low))
    return Measured(first.value - second.value, *ends)


def judge(pairs: Sequence[tuple[Comparison, Measured]]) -> str:
    """What became of a claim: the intervals of its comparisons decide.

    It holds when every interval lies on the claimed side. It is contradicted when one lies on the other, and, among
    several comparisons, still does so after Holm's correction for their number: with many of them, one misses by
    chance. Without an interval there is no verdict; only a count that must equal another is judged by itself.
    """
    outcomes = [_outcome(comparison, found) for comparison, found in pairs]
    if UNJUDGED in outcomes:
        return UNJUDGED
    if set(outcomes) == {HOLDS}:
        return HOLDS
    against = [pair for pair, outcome in zip(pairs, outcomes, strict=True) if outcome == CONTRADICTED]
    kept = against if len(pairs) == 1 else [pair for pair in against if _p_value(*pair) * len(pairs) <= LEVEL]
    return CONTRADICTED if kept else UNSETTLED


def holding(pairs: Sequence[tuple[Comparison, Measured]]) -> tuple[int, int]:
    """How many statements of a claim hold by themselves, of how many; the two ends of a band make one."""
    statements: dict[tuple[object, ...], list[tuple[Comparison, Measured]]] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    for comparison, found in pairs:
        side = (comparison.first, comparison.sign, comparison.second)
        bound = (*side, comparison.relation[0])
        statements.setdefault((*side, seen[bound]), []).append((comparison, found))  # < and > of one side: a band
        seen[bound] += 1
    return sum(judge(ends) == HOLDS for ends in statements.values()), len(statements)


def nearest(pairs: Sequence[tuple[Comparison, Measured]]) -> Measured:
    """The measurement of the comparison that comes nearest to failing, or fails by most."""

    def margin(pair: tuple[Comparison, Measured]) -> float:
        comparison, found = pair
        away = found.value - comparison.bound
        return -abs(away) if comparison.relation == "==" else away if comparison.relation[0] == ">" else -away

    return min(pairs, key=margin)[1]


def _outcome(comparison: Comparison, measured: Measured) -> str:
    relation = _RELATIONS[comparison.relation]
    if comparison.relation == "==":
        return HOLDS if relation(measured.value, comparison.bound) else CONTRADICTED
    if math.isnan(measured.low):
        return UNJUDGED
    low, high = (relation(end, comparison.bound) for end in (measured.low, measured.high))
    return UNSETTLED if low != high else HOLDS if low else CONTRADICTED


def _p_value(comparison: Comparison, found: Measured) -> float:
    """Two-sided p-value of the bound; where only the interval is known, that of a normal error with its end."""
    if comparison.relation == "==":
        return 0.0
    if comparison.bound == (1 if comparison.sign == "/" else 0) and not math.isnan(found.p_value):
        return found.p_value
    error = abs((found.high if found.value < comparison.bound else found.low) - found.value) / NormalDist().inv_cdf(
        0.975
    )
    return math.erfc(abs(found.value - comparison.bound) / error / math.sqrt(2)) if error else 0.0


def _ratio(first: float, second: float) -> float:
    return first / second if second else math.nan


def _number_or(lookup: Callable[[str], Measured | None], term: str) -> Measured | None:
    return Measured(float(term), float(term), float(term)) if term[0].isdigit() else lookup(term)
