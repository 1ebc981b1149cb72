"""Cluster bootstrap: known truths, brute force, and coverage in simulation."""

import numpy as np
import pytest

from companion.errors import DataError
from companion.evaluation.bootstrap import cluster_bootstrap, cluster_interval, paired_difference
from companion.evaluation.classification import fold_accuracy


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def corpus(rng, n_recordings=40, n_folds=5, n_seeds=3, spread=0.3):
    """Recordings of 1 to 6 clips, each with a difficulty of its own; two of them straddle folds."""
    sizes = rng.integers(1, 7, n_recordings)
    recordings = np.repeat(np.arange(n_recordings), sizes)
    folds = (recordings % n_folds) + 1
    for straddling in (0, 1):
        folds[np.flatnonzero(recordings == straddling)[-1]] = 3
    chance = np.clip(0.7 + spread * rng.normal(size=n_recordings), 0, 1)[recordings]
    return rng.random((n_seeds, len(recordings))) < chance, recordings, folds


def mean_over_folds(correct, folds):
    """The statistic written out, for any list of clips."""
    return fold_accuracy(np.ones(len(correct)), correct, folds).mean()


def test_value_is_the_mean_over_folds_and_seeds(rng):
    correct, recordings, folds = corpus(rng)
    expected = np.mean([mean_over_folds(row, folds) for row in correct])
    interval = cluster_interval(correct, recordings, folds, rng)
    assert interval.value == pytest.approx(expected)
    assert interval.low < interval.value < interval.high
    assert (interval.n_clips, interval.n_recordings, interval.n_seeds) == (len(recordings), 40, 3)


def test_equals_brute_force_over_lists_of_clips(rng):
    correct, recordings, folds = corpus(rng, n_recordings=12)
    members = [np.flatnonzero(recordings == name) for name in np.unique(recordings)]

    def statistic(weights):
        drawn = np.repeat(np.arange(len(recordings)), weights)  # the resample, clip by clip
        return [mean_over_folds(row[drawn], folds[drawn]) for row in correct]

    fast = cluster_interval(correct, recordings, folds, np.random.default_rng(3), n_resamples=300)
    slow = cluster_bootstrap(statistic, recordings, np.random.default_rng(3), n_resamples=300)
    assert (fast.low, fast.value, fast.high) == pytest.approx((slow.low, slow.value, slow.high))

    # And by another way of drawing: recordings named one by one, seeds likewise.
    resamples = []
    for _ in range(1500):
        clips = np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])
        seeds = rng.integers(0, len(correct), len(correct))
        resamples.append(np.mean([mean_over_folds(correct[s, clips], folds[clips]) for s in seeds]))
    many = cluster_interval(correct, recordings, folds, np.random.default_rng(4), n_resamples=4000)
    assert (many.low, many.high) == pytest.approx(np.quantile(resamples, [0.025, 0.975]), abs=0.02)


def test_single_clips_in_one_fold_are_binomial(rng):
    n_clips, accuracy = 400, 0.8
    correct = np.arange(n_clips) < accuracy * n_clips
    interval = cluster_interval(correct, np.arange(n_clips), np.ones(n_clips), rng, n_resamples=4000)
    width = 2 * 1.96 * np.sqrt(accuracy * (1 - accuracy) / n_clips)
    assert interval.high - interval.low == pytest.approx(width, rel=0.08)


def test_copies_of_a_clip_add_nothing(rng):
    correct = rng.random(100) < 0.7
    single = cluster_interval(correct, np.arange(100), np.ones(100), np.random.default_rng(1))
    copied = cluster_interval(
        np.repeat(correct, 5), np.repeat(np.arange(100), 5), np.ones(500), np.random.default_rng(1)
    )
    naive = cluster_interval(np.repeat(correct, 5), np.arange(500), np.ones(500), np.random.default_rng(1))
    assert (copied.low, copied.high) == pytest.approx((single.low, single.high))
    assert naive.high - naive.low == pytest.approx((single.high - single.low) / np.sqrt(5), rel=0.15)


def test_covers_the_truth_where_a_naive_interval_does_not():
    rng = np.random.default_rng(11)
    truth, n_runs, hits, naive_hits = 0.7, 250, 0, 0
    recordings = np.repeat(np.arange(60), 5)
    folds = recordings % 5
    for _ in range(n_runs):
        chance = rng.beta(0.7, 0.3, 60)  # mean 0.7; clips of a recording mostly stand or fall together
        correct = rng.random(300) < chance[recordings]
        interval = cluster_interval(correct, recordings, folds, rng, n_resamples=400)
        naive = 1.96 * np.sqrt(correct.mean() * (1 - correct.mean()) / 300)  # as if clips were independent
        hits += interval.low <= truth <= interval.high
        naive_hits += abs(correct.mean() - truth) <= naive
        assert interval.high - interval.low > 2 * naive
    assert hits / n_runs == pytest.approx(0.95, abs=0.04)
    assert naive_hits / n_runs < 0.85


def test_seeds_widen_the_interval(rng):
    n_clips = 500
    by_seed = np.array([0.5, 0.7, 0.9])[:, None]
    correct = np.arange(n_clips) / n_clips < by_seed  # three seeds that differ far more than recordings do
    crossed = cluster_interval(correct, np.arange(n_clips), np.ones(n_clips), rng)
    one = cluster_interval(correct[1], np.arange(n_clips), np.ones(n_clips), rng)
    assert crossed.high - crossed.low > 3 * (one.high - one.low)
    assert one.coverage.endswith("one seed: training variance not covered")
    assert crossed.coverage == "recordings and 3 seeds"


def test_identical_predictions_differ_by_exactly_nothing(rng):
    correct, recordings, folds = corpus(rng)
    difference = paired_difference(correct, correct, recordings, folds, rng)
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)
    assert difference.p_value == 1


def test_difference_of_values(rng):
    a, recordings, folds = corpus(rng)
    b = rng.random(a.shape) < 0.4
    difference = paired_difference(a, b, recordings, folds, rng)
    values = [cluster_interval(c, recordings, folds, rng).value for c in (a, b)]
    assert difference.value == pytest.approx(values[0] - values[1])
    assert difference.low > 0
    assert difference.p_value < 0.01
    swapped = paired_difference(b, a, recordings, folds, np.random.default_rng(5))
    straight = paired_difference(a, b, recordings, folds, np.random.default_rng(5))
    assert (swapped.low, swapped.high) == pytest.approx((-straight.high, -straight.low))
    assert swapped.p_value == straight.p_value


def test_pairing_removes_what_both_share(rng):
    a, recordings, folds = corpus(rng, n_recordings=100, n_seeds=1)
    b = a.copy()
    b[0, ::20] = ~b[0, ::20]  # the same but for one clip in twenty
    paired = paired_difference(a, b, recordings, folds, rng)
    alone = cluster_interval(a, recordings, folds, rng)
    assert paired.high - paired.low < 0.7 * (alone.high - alone.low)


def test_no_difference_is_found_as_often_as_promised():
    rng = np.random.default_rng(2)
    recordings = np.repeat(np.arange(50), 4)
    p_values = []
    for _ in range(200):
        chance = rng.beta(2, 1, 50)[recordings]
        a, b = rng.random((2, 200)) < chance
        difference = paired_difference(a, b, recordings, recordings % 5, rng, n_resamples=400)
        p_values.append(difference.p_value)
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.045)


def test_one_row_is_compared_with_every_seed(rng):
    correct, recordings, folds = corpus(rng)
    baseline = rng.random(len(recordings)) < 0.5
    broadcast = paired_difference(correct, baseline, recordings, folds, np.random.default_rng(1))
    repeated = paired_difference(correct, np.tile(baseline, (3, 1)), recordings, folds, np.random.default_rng(1))
    assert broadcast == repeated
    assert broadcast.n_seeds == 3


def test_order_of_clips_does_not_matter(rng):
    correct, recordings, folds = corpus(rng)
    order = rng.permutation(len(recordings))
    one = cluster_interval(correct, recordings, folds, np.random.default_rng(1))
    other = cluster_interval(correct[:, order], recordings[order], folds[order], np.random.default_rng(1))
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_same_generator_same_interval(rng):
    correct, recordings, folds = corpus(rng)
    one, other = (cluster_interval(correct, recordings, folds, np.random.default_rng(9)) for _ in range(2))
    assert one == other


def test_a_straddling_recording_moves_as_one(rng):
    # Two recordings, each right in one fold and wrong in the other: a resample holds whole recordings only.
    correct, recordings, folds = [1, 0, 0, 1], [0, 0, 1, 1], [1, 2, 1, 2]
    interval = cluster_interval(correct, recordings, folds, rng)
    assert (interval.low, interval.high) == (0.5, 0.5)


def test_generic_statistic_leaves_undefined_resamples_out(rng):
    values = np.arange(8.0)

    def mean_if_first_is_drawn(weights):
        return np.average(values, weights=weights) if weights[0] else np.nan

    interval = cluster_bootstrap(mean_if_first_is_drawn, np.arange(8), rng, n_resamples=200)
    assert interval.value == 3.5
    assert interval.low < 3.5 < interval.high
    assert interval.p_value is None
    none = cluster_bootstrap(lambda weights: np.nan, np.arange(8), rng, n_resamples=5, difference=True)
    assert np.isnan([none.value, none.low, none.high, none.p_value]).all()


def test_arrays_must_belong_together(rng):
    correct, recordings, folds = corpus(rng)
    with pytest.raises(DataError, match="recordings"):
        cluster_interval(correct, recordings[:-1], folds, rng)
    with pytest.raises(DataError, match="recordings"):
        cluster_interval([], [], [], rng)
    with pytest.raises(DataError, match="not paired"):
        paired_difference(correct, correct[:2], recordings, folds, rng)
