"""The scorecard's cell of what was found: a number with its interval, its unit and the profile it comes from."""

import math
from typing import Any

from companion.report.shown import escape
from companion.report.tables import number

ROUNDING = 1e-12
"""What is smaller came about by rounding."""

_SHARES = ("MAUC", "MAP", "AUC", "AP")


def found_cell(row: dict[str, Any]) -> str:
    """Value and interval, with the profile they come from; for a claim also its unit, and how many of several hold.

    Args:
        row: Of :func:`companion.results.scorecard.scorecard_rows`.
    """
    value, low, high = (float(row[name]) for name in ("value", "ci_low", "ci_high"))
    if math.isnan(value):
        return "–"
    if row["unit"]:
        return _claimed(row, value, low, high)
    interval = "" if math.isnan(low) else f" [{_digits(low, row['measure'])}, {_digits(high, row['measure'])}]"
    profile = f"<small>{row['profile']}</small>"
    return f'<span class="number">{_digits(value, row["measure"])}{interval}</span>{profile}'


def _claimed(row: dict[str, Any], value: float, low: float, high: float) -> str:
    """The number of a claim on the scale on which it is printed, with its unit, and how many of several hold."""
    start, factor, unit = _printed_scale(row["unit"], str(row["published"]))
    points, sign = "%" in unit or "points" in unit, "+" if "difference" in row["unit"] else ""
    value, low, high = (0.0 if abs(end) < ROUNDING else end for end in (value, low, high))
    ends = [f"{(end - start) * factor:{sign}{'.1f' if points else '.3g'}}" for end in (value, low, high)]
    shown = ends[0] if math.isnan(low) else f"{ends[0]} [{ends[1]}, {ends[2]}]"
    several = f"{row['parts']} hold; the one that holds least " if row["parts"] else ""
    numbers = f'<span class="number">{shown.replace("-", "−")}</span>'
    return f"{several}{numbers}<small>{escape(unit)}</small><small>{row['profile']}</small>"


def _printed_scale(unit: str, published: str) -> tuple[float, float, str]:
    """What to take away, what to multiply by, and the unit then: papers print shares and gains in points and percent.

    Example:
        >>> _printed_scale("MAP difference", "+4.6 abs, 27.5% rel")
        (0.0, 100.0, 'points of MAP')
    """
    kind, _, counted_in = unit.partition(" difference")
    if counted_in == ", points" or (kind != unit and kind in _SHARES):
        return 0.0, 1.0 if counted_in else 100.0, f"points of {kind}"
    if unit == "1 - relative time":
        return 0.0, 100.0, "% less time"
    if unit.startswith("ratio of ") and published.endswith("% rel"):
        return 1.0, 100.0, f"% relative gain in {unit.removeprefix('ratio of ')}"
    return 0.0, 1.0, unit


def _digits(value: float, measure: str) -> str:
    """Digits of a measure; a claim is a difference of whatever it compares, so three that matter."""
    return f"{value:.3g}" if measure in ("claim", "event list") else number(value, measure)
