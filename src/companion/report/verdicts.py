"""What an interval says about a published value, in words."""

import math

from companion.report.rules import Measured

INSIDE, BELOW, ABOVE = (
    "published value inside the interval",
    "below the published value",
    "above the published value",
)
NOT_COMPARABLE = "not comparable: synthetic"
OTHER_TASK = "another task: compare directions, not values"


def verdict(published: float, measured: Measured, evidence: str) -> str:
    """Compare a measurement with the published value.

    Args:
        published: NaN where the paper prints none.
        measured: Value and 95 % interval.
        evidence: Only ``official`` numbers are compared; ``restaged`` ones belong to another, often easier task.

    Returns:
        str: Where the measured interval lies; without an interval how the values compare, saying so; empty
        where nothing was published.
    """
    if evidence == "synthetic":
        return NOT_COMPARABLE
    if math.isnan(published):
        return ""
    if evidence == "restaged":
        return OTHER_TASK
    if math.isnan(measured.low):
        return (
            f"{BELOW if measured.value < published else ABOVE}, no interval"
            if measured.value != published
            else ("equal to the published value, no interval")
        )
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
