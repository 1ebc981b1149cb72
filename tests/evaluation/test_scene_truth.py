"""Scene–event lists against written recipes: values by hand, perfect and ignorant lists, permutations."""

import itertools

import numpy as np
import pytest
from scipy.stats import spearmanr

from companion.errors import DataError, ParameterError
from companion.evaluation.scene_truth import (
    globally_active,
    permutation_baseline,
    precision_at,
    rank_correlation,
)

TRUTH = np.array([[0.9, 0.5, 0.2, 0, 0, 0], [0, 0, 0.3, 0.6, 0, 0]])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def random_task(rng, n_scenes=4, n_units=12):
    truth = rng.random((n_scenes, n_units)) * (rng.random((n_scenes, n_units)) < 0.4)
    truth[:, 0] = 0.5
    return rng.integers(0, 6, (n_scenes, n_units)).astype(float), truth


def test_precision_by_hand():
    scores = [[6, 1, 5, 4, 3, 2], [6, 5, 4, 3, 2, 1]]
    assert precision_at(scores, TRUTH, k=2).tolist() == [1, 0]
    assert precision_at(scores, TRUTH, k=5).tolist() == [2 / 5, 2 / 5]


def test_perfect_scores():
    assert precision_at(TRUTH, TRUTH, k=2).tolist() == [1, 1]
    assert precision_at(TRUTH, TRUTH, k=3).tolist() == [1, 2 / 3]  # the second recipe holds only two
    assert rank_correlation(TRUTH, TRUTH) == pytest.approx([1, 1])
    assert rank_correlation(-TRUTH, TRUTH) == pytest.approx([-1, -1])


def test_scores_that_order_nothing_reach_the_share_of_held_units():
    flat = np.zeros_like(TRUTH)
    np.testing.assert_allclose(precision_at(flat, TRUTH, k=5), [3 / 6, 2 / 6])
    assert rank_correlation(flat, TRUTH).tolist() == [0, 0]


def test_a_tie_is_the_mean_over_all_orders_of_the_tied():
    scores, held = np.array([[3.0, 2, 2, 2, 2, 1]]), np.array([[1.0, 1, 0, 1, 0, 0]])
    for k in range(1, 7):
        orders = [
            precision_at(scores + 1e-3 * np.array([[0, *shift, 0]]), held, k)[0]
            for shift in itertools.permutations(range(4))
        ]
        assert precision_at(scores, held, k)[0] == pytest.approx(np.mean(orders))


def test_rank_correlation_is_spearmans(rng):
    scores, truth = random_task(rng)
    expected = [spearmanr(s, t).statistic for s, t in zip(scores, truth, strict=True)]
    assert rank_correlation(scores, truth) == pytest.approx(expected)


def test_a_scene_without_an_order_in_the_truth_is_left_out():
    truth = np.vstack([TRUTH, np.zeros(6)])
    scores = np.vstack([TRUTH, np.arange(6)])
    assert rank_correlation(scores, truth)[:2] == pytest.approx([1, 1])
    assert np.isnan(rank_correlation(scores, truth)[2])


@pytest.mark.parametrize("measure", [precision_at, rank_correlation])
def test_order_of_units_does_not_matter_and_only_ranks_do(measure, rng):
    scores, truth = random_task(rng)
    order = rng.permutation(12)
    np.testing.assert_allclose(measure(scores[:, order], truth[:, order]), measure(scores, truth))
    np.testing.assert_allclose(measure(np.exp(scores), truth), measure(scores, truth))


@pytest.mark.parametrize("measure", [precision_at, rank_correlation])
def test_resamples_are_scored_one_by_one(measure, rng):
    truth = random_task(rng)[1]
    scores = rng.integers(0, 6, (7, *truth.shape))
    np.testing.assert_allclose(measure(scores, truth), [measure(one, truth) for one in scores])


def test_the_same_list_for_every_scene():
    assert globally_active([[1, 2, 0], [3, 0, 0]]).tolist() == [[4, 2, 0], [4, 2, 0]]


@pytest.mark.parametrize("names", ["units", "scenes"])
def test_permuted_means_are_those_of_permuted_scores(names):
    scores, truth = random_task(np.random.default_rng(3))
    found = permutation_baseline(scores, truth, np.random.default_rng(5), 20, names=names)
    rng = np.random.default_rng(5)
    for precision, correlation in zip(found.precision, found.correlation, strict=True):
        order = rng.permutation(12 if names == "units" else 4)
        dealt = scores[:, order] if names == "units" else scores[order]
        assert precision == pytest.approx(precision_at(dealt, truth).mean())
        assert correlation == pytest.approx(rank_correlation(dealt, truth).mean())


def test_a_perfect_list_beats_chance_and_a_chance_list_does_not(rng):
    truth = np.kron(np.eye(4), np.linspace(0.2, 0.9, 5))
    perfect = permutation_baseline(truth, truth, rng, 500)
    assert perfect.observed == pytest.approx((1, 1))
    assert perfect.p_values == pytest.approx((1 / 501, 1 / 501))
    assert perfect.precision.mean() == pytest.approx(5 / 20, abs=0.02)
    assert perfect.correlation.mean() == pytest.approx(0, abs=0.02)
    chance = [permutation_baseline(rng.random((4, 20)), truth, rng, 100).p_values for _ in range(60)]
    assert np.mean(chance, axis=0) == pytest.approx([0.5, 0.5], abs=0.15)


def test_one_list_for_all_scenes_can_beat_chance_units_but_not_exchanged_scenes(rng):
    truth = np.zeros((6, 40))
    truth[:, :5] = 0.5  # heard everywhere
    truth[np.arange(6), np.arange(5, 11)] = 0.9
    same = globally_active(truth)
    assert permutation_baseline(same, truth, rng, 500).p_values[0] < 0.01
    assert permutation_baseline(same, truth, rng, 500, names="scenes").p_values == (1, 1)
    assert permutation_baseline(truth, truth, rng, 500, names="scenes").p_values[1] < 0.02


def test_what_cannot_be_scored_is_refused(rng):
    with pytest.raises(DataError, match=r"\(2, 5\).*\(2, 6\)"):
        precision_at(np.ones((2, 5)), TRUTH)
    with pytest.raises(DataError, match="not finite"):
        rank_correlation(np.full((2, 6), np.inf), TRUTH)
    with pytest.raises(DataError, match="more than probabilities"):
        precision_at(TRUTH, 2 * TRUTH)
    with pytest.raises(ParameterError, match="k=7"):
        precision_at(TRUTH, TRUTH, k=7)
    with pytest.raises(ParameterError, match="clips"):
        permutation_baseline(TRUTH, TRUTH, rng, names="clips")
