"""The lowest of several differences, whichever it turns out to be."""

from collections.abc import Sequence

from companion.evaluation.influence import Linearised
from companion.evaluation.intervals import Interval, interval
from companion.evaluation.scales import UNBOUNDED, Bounds


def lowest(found: Sequence[Linearised], *, bounds: Bounds = UNBOUNDED, level: float = 0.95) -> Interval:
    """Interval of the lowest of several statistics on the same clips.

    Its upper end is the lowest of their upper ends, each at a level that holds for all together (Bonferroni); its lower
    end is the lowest of their plain lower ends. So it says "all lie above zero" only where every one does by itself,
    and "one lies below" only where that holds for the choice.

    Args:
        found: The statistics, one or more.
        bounds: Least and greatest possible value.
        level: Nominal coverage.
    """
    plain = [interval(one, bounds=bounds, level=level) for one in found]
    joint = [interval(one, bounds=bounds, level=1 - (1 - level) / len(found)) for one in found]
    least = min(plain, key=lambda one: one.value)
    low, high = min(one.low for one in plain), min(one.high for one in joint)
    return Interval(least.value, low, high, least.n_clips, least.n_recordings, least.n_seeds)
