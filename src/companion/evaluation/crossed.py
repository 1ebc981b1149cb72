"""Variance of a mean over seeds: clips that share recordings, crossed with seeds.

A network of another seed would err otherwise on the same clips, and the same networks otherwise on other clips. What
seeds do to single clips is in the variance over clips already, averaged over seeds; only what they do to all clips
together is added to it.

Source: Cameron, Gelbach and Miller 2011, "Robust inference with multiway clustering", Journal of Business & Economic
Statistics 29; Cochran and Cox 1957, "Experimental Designs", section 4.14 (t from two variances: cautious where the few
seeds differ, and Student's own where one variance is all).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t as student

from companion.evaluation.influence import Linearised

LEAST = -15.0  # powers of ten: p-values below are given as zero


@dataclass(frozen=True)
class Crossed:
    """Variances of a mean over seeds, and the t that belongs to their sum."""

    clips: float
    seeds: float
    degrees: float
    n_seeds: int

    @property
    def error(self) -> float:
        return float(np.sqrt(self.clips + self.seeds))

    def quantile(self, tail: float) -> float:
        """Student's quantiles of clips and of seeds, weighted by their variances."""
        found = student.isf(tail, self.degrees) * self.clips
        if self.seeds > 0:
            found += student.isf(tail, self.n_seeds - 1) * self.seeds
        return float(found / (self.clips + self.seeds))

    def p_value(self, distance: float) -> float:
        """Two-sided, so that it is below 1 − level just where the interval leaves the null out."""
        ratio = abs(distance) / self.error
        if ratio <= 0 or self.quantile(10**LEAST / 2) <= ratio:
            return 1.0 if ratio <= 0 else 0.0
        return float(10 ** brentq(lambda power: self.quantile(10**power / 2) - ratio, LEAST, 0.0))


def crossed(statistic: Linearised) -> Crossed:
    """Clips, and what seeds add to them: crossed factors, their interaction being in both."""
    units, n_seeds = statistic.units, len(statistic.by_seed)
    mean = statistic.influence.mean(0)
    over_clips, over_seeds = float(units.variance(mean)), 0.0
    if n_seeds > 1:
        interaction = units.variance(statistic.influence - mean).sum() / (n_seeds * (n_seeds - 1))
        over_seeds = max(0.0, float(statistic.by_seed.var(ddof=1) / n_seeds - interaction))
    degrees = statistic.degrees
    if degrees is None:
        degrees = units.freedom * (float(units.effective(np.sqrt((statistic.influence**2).mean(0)))) - 1)
    return Crossed(over_clips, over_seeds, max(1.0, degrees), n_seeds)
