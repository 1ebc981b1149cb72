"""Intervals against textbooks where there are any, and what they promise at the ends of their scales."""

import numpy as np
import pytest
from scipy.stats import sem
from scipy.stats import t as student

from companion.errors import DataError
from companion.evaluation.crossed import crossed
from companion.evaluation.influence import Linearised, mean_score, weighted
from companion.evaluation.intervals import (
    Interval,
    holm,
    interval,
    mean_interval,
    ratio_interval,
    statistic_interval,
)
from companion.evaluation.scales import UNBOUNDED, Scale
from companion.evaluation.units import Units


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def ends(found: Interval):
    return found.low, found.value, found.high


def test_of_independent_clips_it_is_students_interval_and_test(rng):
    scores = rng.normal(0.3, 1.0, 25)
    found = mean_interval(scores, Units(range(25)), difference=True, bounds=UNBOUNDED)
    assert (found.low, found.high) == pytest.approx(student.interval(0.95, 24, scores.mean(), sem(scores)))
    assert found.p_value == pytest.approx(2 * student.sf(abs(scores.mean()) / sem(scores), 24))
    assert (found.n_clips, found.n_recordings, found.n_seeds) == (25, 25, 1)


def test_of_equal_clusters_it_is_students_interval_of_their_means(rng):
    scores = rng.normal(size=(8, 6)) + rng.normal(size=(8, 1))
    found = mean_interval(scores.ravel(), Units(np.repeat(np.arange(8), 6)), bounds=UNBOUNDED, level=0.9)
    means = scores.mean(1)
    assert (found.low, found.high) == pytest.approx(student.interval(0.9, 7, means.mean(), sem(means)))
    assert (found.n_clips, found.n_recordings, found.p_value) == (48, 8, None)


def test_copies_of_a_clip_add_nothing(rng):
    correct = rng.random(100) < 0.7
    single = mean_interval(correct, Units(range(100)))
    copied = mean_interval(np.repeat(correct, 5), Units(np.repeat(np.arange(100), 5)))
    assert ends(copied) == pytest.approx(ends(single))


def test_an_accuracy_is_an_interval_of_log_odds():
    correct = np.arange(400) < 320
    found = mean_interval(correct, Units(range(400)))
    half = student.isf(0.025, 399) * (0.8 * 0.2 / 399) ** 0.5 / (0.8 * 0.2)
    assert found.low == pytest.approx(1 / (1 + np.exp(-(np.log(4) - half))))
    assert found.high == pytest.approx(1 / (1 + np.exp(-(np.log(4) + half))))


def test_seeds_that_alone_differ_are_students_interval_of_seeds():
    clips = np.tile([0.0, 1.0], 200)
    by_seed = np.array([-0.3, 0.1, 0.4])
    found = mean_interval(0.001 * clips + by_seed[:, None], Units(range(400)), difference=True)
    narrow = mean_interval(0.001 * clips + by_seed[:, None], Units(range(400)), bounds=UNBOUNDED)
    half = student.isf(0.025, 2) * by_seed.std(ddof=1) / 3**0.5
    assert (narrow.high - narrow.low) / 2 == pytest.approx(half, rel=1e-3)
    assert found.high <= 1
    assert found.coverage == "recordings and 3 seeds"


def test_noise_of_seeds_on_clips_is_not_counted_twice(rng):
    widths, one = [], []
    for _ in range(100):
        scores = rng.normal(size=(3, 200))
        widths.append(np.ptp(ends(mean_interval(scores, Units(range(200)), bounds=UNBOUNDED))))
        one.append(np.ptp(ends(mean_interval(scores[0], Units(range(200)), bounds=UNBOUNDED))))
    assert np.median(widths) == pytest.approx(np.median(one) / 3**0.5, rel=0.15)


def test_one_seed_says_what_it_does_not_cover(rng):
    found = mean_interval(rng.random(10), Units([f"s{i}" for i in range(10)], over="scenes"))
    assert found.coverage == "scenes; one seed: training variance not covered"


@pytest.mark.parametrize("n_seeds", [1, 3])
@pytest.mark.parametrize("n_clips", [6, 40])
def test_the_p_value_is_small_just_where_zero_lies_outside(n_seeds, n_clips):
    rng, outside = np.random.default_rng(n_seeds), 0
    units = Units(np.arange(n_clips) // 2)
    for _ in range(60):
        scores = rng.integers(-1, 2, (n_seeds, n_clips)) + 0.3 * rng.normal() + 0.1 * rng.normal(size=(n_seeds, 1))
        found = mean_interval(scores, units, difference=True, bounds=(-4.0, 4.0))
        mirrored = mean_interval(-scores, units, difference=True, bounds=(-4.0, 4.0))
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)
        assert mirrored.p_value == pytest.approx(found.p_value)
        assert ends(mirrored) == pytest.approx((-found.high, -found.value, -found.low))
        outside += found.p_value < 0.05
    assert 0 < outside < 60


def test_no_end_leaves_the_scale_and_none_meets_another(rng):
    for accuracy in (0.0, 0.02, 0.5, 0.98, 1.0):
        for recordings in (range(40), np.arange(40) // 8):
            found = mean_interval(rng.random((2, 40)) < accuracy, Units(recordings))
            assert 0 <= found.low < found.high <= 1
            assert found.low <= found.value <= found.high


def test_where_every_clip_is_right_the_exact_binomial_end_is_given_and_said():
    found = mean_interval(np.ones((3, 50)), Units(range(50)))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.025 ** (1 / 50))
    assert "no two clips differ" in found.note
    clusters = mean_interval(np.ones(50), Units(np.arange(50) // 10))
    assert clusters.low == pytest.approx(0.025 ** (1 / 5))
    assert mean_interval([1, 0] * 25, Units(range(50))).note == ""


def test_identical_predictions_differ_by_nothing_but_what_was_not_seen():
    found = mean_interval(np.zeros(50), Units(range(50)), difference=True)
    assert (found.value, found.p_value) == (0, 1)
    assert -found.low == found.high == pytest.approx(1 - 0.025 ** (1 / 50))
    every = mean_interval(np.full(50, 1.0), Units(range(50)), difference=True)
    assert every.p_value < 1e-9
    unbounded = mean_interval(np.zeros(50), Units(range(50)), difference=True, bounds=UNBOUNDED)
    assert np.isnan([unbounded.low, unbounded.high]).all()
    assert unbounded.p_value == 1


def test_without_two_independent_recordings_there_is_no_interval():
    found = mean_interval([1, 0, 1, 1], Units(["a+b", "b+c", "b", "b+d"]), difference=True)
    assert found.value == 0.75
    assert np.isnan([found.low, found.high, found.p_value]).all()
    assert "too few recordings" in found.note


def test_a_variance_at_its_floor_is_said():
    scores = np.tile([0.0, 1.0], 20)  # each recording right once and wrong once, unlike chance
    found = mean_interval(scores, Units(np.arange(40) // 2))
    assert found.low < 0.5 < found.high
    assert "less alike" in found.note


def test_a_ratio_is_taken_of_means_over_seeds(rng):
    units = Units(np.arange(200) // 2)
    a, b = rng.gamma(4.0, 1.0, (2, 3, 200))
    found = ratio_interval(mean_score(a, units), mean_score(b, units))
    assert found.value == pytest.approx(a.mean() / b.mean())
    back = ratio_interval(mean_score(b, units), mean_score(a, units))
    assert ends(back) == pytest.approx((1 / found.high, 1 / found.value, 1 / found.low))
    assert back.p_value == pytest.approx(found.p_value)
    twice = ratio_interval(mean_score(2 * b, units), mean_score(a, units))
    assert ends(twice) == pytest.approx(tuple(2 * end for end in ends(back)))
    assert (twice.p_value < 0.05) == (twice.low > 1)
    assert twice.p_value < 1e-6 < found.p_value


def test_a_ratio_leaves_out_what_both_share(rng):
    units, hard = Units(range(200)), rng.gamma(1.0, 1.0, 200)
    found = ratio_interval(mean_score(3 * hard + 0.01 * rng.random(200), units), mean_score(hard, units))
    assert 2.95 < found.low < found.high < 3.05


@pytest.mark.filterwarnings("error")
def test_a_ratio_with_a_zero_has_no_interval(rng):
    units, some, none = Units(range(50)), rng.random(50), np.zeros(50)
    over_zero = ratio_interval(mean_score(some, units), mean_score(none, units))
    assert np.isnan([over_zero.value, *ends(over_zero)[1:], over_zero.p_value]).all()
    of_zero = ratio_interval(mean_score(none, units), mean_score(some, units))
    assert of_zero.value == 0
    assert np.isnan(of_zero.low)
    assert "zero" in of_zero.note


def test_a_statistic_of_weighted_clips_has_as_many_degrees_as_clusters_less_one():
    """Six people with ten clips each who matter alike: Student's t with five degrees, as for the mean of six."""
    scores = np.repeat([1.0, -1.0] * 3, 10)
    units = Units(np.repeat(list("abcdef"), 10).tolist())

    def mean(weights):
        return ((weights @ scores) / weights.sum(1))[:, None]

    assert crossed(weighted(mean, units)).degrees == pytest.approx(5, rel=0.01)
    found = statistic_interval(mean, units)
    assert found.high - found.value == pytest.approx(2.5706 * (6 / 5) ** 0.5 / 6**0.5, rel=0.02)


def test_any_statistic_of_weighted_clips(rng):
    units, errors, events = Units(range(300)), rng.poisson(2.0, 300), 1.0 + rng.poisson(3.0, 300)
    found = statistic_interval(lambda w: ((w @ errors) / (w @ events))[:, None], units, bounds=(0.0, np.inf))
    half = 1.968 * ((errors - found.value * events) ** 2).sum() ** 0.5 / events.sum()
    assert np.log(found.high / found.value) == pytest.approx(half / found.value, rel=0.03)
    assert np.log(found.high / found.value) == pytest.approx(np.log(found.value / found.low))


def test_order_of_clips_does_not_matter_and_nothing_is_drawn(rng):
    correct, recordings = rng.random((2, 60)) < 0.6, rng.integers(0, 20, 60)
    order = rng.permutation(60)
    folds = rng.integers(1, 4, 60)
    one = mean_interval(correct, Units(recordings), folds=folds, difference=True)
    other = mean_interval(correct[:, order], Units(recordings[order]), folds=folds[order], difference=True)
    assert ends(one) == pytest.approx(ends(other))
    assert one == mean_interval(correct, Units(recordings), folds=folds, difference=True)


def test_per_cent_are_refused():
    with pytest.raises(DataError, match="scores from 50 to 70"):
        mean_interval([50.0, 70.0], Units(range(2)))


def test_a_statistic_that_is_not_a_number_has_no_interval():
    units = Units(range(5))
    found = interval(Linearised(np.array([np.nan]), np.zeros((1, 5)), units), difference=True)
    assert np.isnan([found.value, found.low, found.high, found.p_value]).all()


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1.0), (0.0, np.inf), (-np.inf, 2.0), UNBOUNDED])
def test_scales_lead_there_and_back(bounds):
    scale, step = Scale(bounds), 1e-6
    for value in (0.1, 0.5, 0.9):
        assert scale.back(scale.forward(value)) == pytest.approx(value)
        slope = (scale.forward(value + step) - scale.forward(value - step)) / (2 * step)
        assert scale.slope(value) == pytest.approx(slope, rel=1e-4)


def test_holm_raises_the_smallest_most_and_keeps_the_order(rng):
    assert holm([0.01, 0.02, 0.03, 0.5]).tolist() == pytest.approx([0.04, 0.06, 0.06, 0.5])
    assert holm([0.03, np.nan, 0.01]).tolist() == pytest.approx([0.03, np.nan, 0.02], nan_ok=True)
    assert holm([]).tolist() == []
    values = rng.random(20)
    assert (np.diff(holm(values)[np.argsort(values)]) >= 0).all()
    assert (holm(values) >= values).all()
    assert (holm(values) <= 1).all()


def test_holm_keeps_the_family_at_its_level():
    rng = np.random.default_rng(1)
    false = [(holm(rng.random(8)) < 0.05).any() for _ in range(2000)]
    assert np.mean(false) == pytest.approx(0.05, abs=0.015)
