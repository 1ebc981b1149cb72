"""The lowest of several differences: its value, and an interval that holds for the choice."""

import numpy as np

from companion.evaluation.extremes import lowest
from companion.evaluation.influence import mean_score
from companion.evaluation.intervals import interval
from companion.evaluation.units import Units


def of(means, n=200, seed=0):
    units, rng = Units(range(n)), np.random.default_rng(seed)
    return [mean_score(mean + rng.normal(size=(1, n)), units) for mean in means]


def test_it_is_the_lowest_whichever_comes_first():
    found = of([2.0, -1.0, 0.5])
    for order in ([0, 1, 2], [1, 2, 0], [2, 0, 1]):
        one = lowest([found[i] for i in order])
        assert one.value == float(found[1].by_seed.mean())
        assert one.low == interval(found[1]).low
        assert one.high == interval(found[1], level=1 - 0.05 / 3).high > interval(found[1]).high


def test_all_above_zero_only_where_each_is_by_itself():
    assert lowest(of([0.4, 0.4, 0.4])).low > 0
    assert lowest(of([0.4, 0.4, 0.05])).low < 0
    assert lowest(of([0.4])).low == interval(of([0.4])[0]).low


def test_of_many_that_are_zero_the_lowest_seldom_seems_below():
    """Without the correction, one of twenty would in most draws."""
    below = [lowest(of([0.0] * 20, n=60, seed=seed)).high < 0 for seed in range(60)]
    assert np.mean(below) < 0.15
