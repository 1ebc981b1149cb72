"""Intervals that respect where clips come from: over recordings, crossed with seeds, without resampling.

The variance over clips is the sum over all pairs that share a recording (:mod:`companion.evaluation.units`) of the
products of their influence (:mod:`companion.evaluation.influence`); that of seeds is added
(:mod:`companion.evaluation.crossed`). Quantiles are Student's t, with as many degrees of freedom as independent
recordings (``Units.freedom``) and seeds leave. Statistics with bounds are transformed
(:mod:`companion.evaluation.scales`), so that ends stay inside and lie as skew as the error does.

Statistics that move by steps, as precision at five or a rank correlation of lists, are means over scenes of what each
scene's list is worth: take the scenes for the sample, ``Units(scenes, over="scenes")``. No way of weighting clips gives
their variance over recordings: leaving clips out moves a list by whole places, and shows up to five times too much.

Limits, measured by ``benchmarks/coverage.py``: where only a handful of recordings are independent (one scene) the
intervals of proportions are too wide rather than too narrow; where errors are as rare as a few recordings, they are too
narrow, as what was not seen cannot be counted; with two seeds that differ much, 95 % may cover 90 %. What differs
between the trainings of two folds is not covered.

Source: Aronow, Samii and Assenova 2015, "Cluster-robust variance estimation for dyadic data", Political Analysis 23.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.evaluation.crossed import crossed
from companion.evaluation.influence import Linearised, mean_score, weighted
from companion.evaluation.scales import UNBOUNDED, Bounds, Scale
from companion.evaluation.units import FLOOR, Units

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A value, how far chance could move it, and how much data stands behind it.

    Args:
        value: The statistic on the data themselves.
        low: Lower end of the interval; NaN where there are too few recordings for one.
        high: Upper end of the interval.
        n_clips: Number of clips.
        n_recordings: Number of distinct recordings: what the interval's width depends on.
        n_seeds: Number of trained networks.
        p_value: For a difference, two-sided, that it is zero; for a ratio, that it is one; else None.
        over: What the interval is over, in a word.
        note: What is unusual about its ends, in words; empty where nothing is.
    """

    value: float
    low: float
    high: float
    n_clips: int
    n_recordings: int
    n_seeds: int
    p_value: float | None = None
    over: str = "recordings"
    note: str = ""

    @property
    def coverage(self) -> str:
        """What the interval covers, in words."""
        if self.n_seeds == 1:
            return f"{self.over}; one seed: training variance not covered"
        return f"{self.over} and {self.n_seeds} seeds"


def mean_interval(
    scores: ArrayLike,
    units: Units,
    *,
    folds: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    difference: bool = False,
    bounds: Bounds | None = None,
    level: float = 0.95,
) -> Interval:
    """Interval of the mean over folds of the mean score in each, as of an accuracy or a difference of two.

    Args:
        scores, units, folds, strata: As for `influence.mean_score`. Differences of a system without seeds and one
            with seeds broadcast before they come here.
        difference: Give the p-value of zero.
        bounds: Least and greatest possible score; None for 0 to 1, and for −1 to 1 where it is a difference.
        level: Nominal coverage.

    Raises:
        DataError: The arrays do not belong together, or a score is out of bounds.

    >>> found = mean_interval([1, 1, 1, 0] * 25, Units(range(100)))
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.75, 0.654, 0.826)
    """
    scale = Scale(bounds or ((-1.0, 1.0) if difference else (0.0, 1.0)))
    scale.check(scores)
    return interval(
        mean_score(scores, units, folds=folds, strata=strata), bounds=scale.bounds, difference=difference, level=level
    )


def statistic_interval(
    statistic: Callable[[Array], ArrayLike],
    units: Units,
    *,
    bounds: Bounds = UNBOUNDED,
    difference: bool = False,
    level: float = 0.95,
) -> Interval:
    """Interval of any smooth statistic of weighted clips. Args: as for `influence.weighted` and `interval`."""
    return interval(weighted(statistic, units), bounds=bounds, difference=difference, level=level)


def ratio_interval(a: Linearised, b: Linearised, *, level: float = 0.95) -> Interval:
    """Interval of a ratio of two means over seeds, on the same clips; its p-value is of a ratio of one.

    Args:
        a, b: Above zero, or there is no interval.
        level: Nominal coverage.
    """
    above, below = float(a.by_seed.mean()), float(b.by_seed.mean())
    if not min(above, below) > 0:
        counts = (a.units.n_clips, a.units.n_recordings, len(a.by_seed))
        value = above / below if below > 0 else np.nan
        return Interval(value, np.nan, np.nan, *counts, np.nan, a.units.over, "no interval of a ratio with a zero")
    relative = [side.scaled(1 / side.by_seed.mean()) for side in (a, b)]  # the first-order change of a logarithm
    ratio = above / below
    return _interval(relative[0] - relative[1], 1.0, ratio, Scale((0.0, np.inf)), level, null=1.0)


def interval(
    statistic: Linearised, *, bounds: Bounds = UNBOUNDED, difference: bool = False, level: float = 0.95
) -> Interval:
    """Interval of the mean over seeds of a statistic.

    Args:
        statistic: What every clip adds to it.
        bounds: Least and greatest possible value, which no end passes: ``(0, 1)`` for a proportion or an F1,
            ``(−1, 1)`` for a difference of two, ``(0, inf)`` for a time.
        difference: Give the p-value of zero.
        level: Nominal coverage.
    """
    scale, value = Scale(bounds), float(np.clip(statistic.by_seed.mean(), *bounds))  # sums of weights round
    return _interval(statistic, scale.slope(value), value, scale, level, null=0.0 if difference else None)


def _interval(
    statistic: Linearised, slope: float, value: float, scale: Scale, level: float, null: float | None
) -> Interval:
    """Interval on a scale that moves by the slope when the linearised statistic moves by one."""
    units, found = statistic.units, crossed(statistic)
    counts = (units.n_clips, units.n_recordings, len(statistic.by_seed))
    if not np.isfinite([value, found.error]).all() or units.effective(np.ones(units.n_clips)) < 2:
        p_value = None if null is None else np.nan
        return Interval(value, np.nan, np.nan, *counts, p_value, units.over, f"too few {units.over} for an interval")
    if found.error < 1e-12 * max(1.0, abs(value)):
        return _unvaried(statistic, value, scale, level, null)
    middle, half = scale.forward(value), found.quantile((1 - level) / 2) * found.error * slope
    p_value = None if null is None else found.p_value((middle - scale.forward(null)) / slope)
    floored = found.clips <= FLOOR * float((statistic.influence.mean(0) ** 2).sum()) * (1 + 1e-9)
    note = f"clips that share {units.over} are less alike than others: variance set to its floor" if floored else ""
    return Interval(value, scale.back(middle - half), scale.back(middle + half), *counts, p_value, units.over, note)


def _unvaried(statistic: Linearised, value: float, scale: Scale, level: float, null: float | None) -> Interval:
    """Where no clip differs from another: what as many independent clips could still have hidden.

    With n of them, a share of clips up to 1 − (α/2)^(1/n) may lie at the far bound without one being seen.
    """
    units = statistic.units
    independent = float(units.effective(np.ones(units.n_clips)))
    below, above = value - scale.bounds[0], scale.bounds[1] - value
    low, high, p_value = np.nan, np.nan, 1.0 if value == null else np.nan
    if np.isfinite([below, above]).all():
        hidden = 1 - ((1 - level) / 2) ** (1 / independent)
        low, high = value - hidden * below, value + hidden * above
        if null is not None:
            unseen = 1 - abs(value - null) / (below if value > null else above)
            p_value = min(1.0, 2 * unseen**independent)
    counts = (units.n_clips, units.n_recordings, len(statistic.by_seed))
    note = f"no two clips differ: ends are what {independent:.0f} independent clips could hide"
    return Interval(value, low, high, *counts, None if null is None else p_value, units.over, note)


def holm(p_values: ArrayLike) -> Array:
    """P-values of a family of tests, adjusted so that none is falsely small more often than it says.

    Args:
        p_values: NaN for a test that was not made. Shape: ``(K,)``.

    Returns:
        Shape: ``(K,)``.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    made = np.flatnonzero(~np.isnan(p_values))
    order = made[np.argsort(p_values[made], kind="stable")]
    adjusted = np.full(p_values.shape, np.nan)
    raised = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raised)) if len(order) else raised
    return adjusted
