"""Tagging measures: hand-computed cases, invariants, and agreement with the definitions."""

import numpy as np
import pytest

from companion.errors import DataError
from companion.evaluation import tagging


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def random_task(rng, n_clips=60, n_classes=4):
    return (rng.random((n_clips, n_classes)) < 0.3).astype(int), rng.random((n_clips, n_classes))


def test_average_precision_by_hand():
    # Positives at ranks 1 and 3: precisions 1/1 and 2/3.
    assert tagging.average_precision([1, 0, 1, 0], [4, 3, 2, 1]) == pytest.approx((1 + 2 / 3) / 2)
    assert tagging.average_precision([0, 0, 1], [3, 2, 1]) == pytest.approx(1 / 3)


def test_perfect_and_reversed_rankings():
    reference = np.array([1, 1, 0, 0])
    assert tagging.average_precision(reference, [4, 3, 2, 1]) == 1
    assert tagging.area_under_roc(reference, [4, 3, 2, 1]) == 1
    assert tagging.area_under_roc(reference, [1, 2, 3, 4]) == 0


def test_constant_scores_know_nothing():
    reference = np.array([1, 0, 0, 0])
    assert tagging.area_under_roc(reference, np.zeros(4)) == 0.5
    assert tagging.average_precision(reference, np.zeros(4)) == 0.25  # the share of positives


def test_area_is_the_share_of_ordered_pairs(rng):
    reference, estimated = rng.integers(0, 2, 40), rng.integers(0, 8, 40)  # many ties
    positive, negative = estimated[reference == 1][:, None], estimated[reference == 0][None, :]
    pairs = (positive > negative).mean() + 0.5 * (positive == negative).mean()
    assert tagging.area_under_roc(reference, estimated) == pytest.approx(pairs)


def test_only_the_ranking_matters(rng):
    reference, estimated = random_task(rng)
    one, other = (
        tagging.evaluate(reference, estimated),
        tagging.evaluate(reference, np.exp(5 * estimated) - 3),
    )
    np.testing.assert_allclose(one.average_precision, other.average_precision)
    np.testing.assert_allclose(one.auc, other.auc)


def test_order_of_clips_does_not_matter(rng):
    reference, estimated = random_task(rng)
    order = rng.permutation(len(reference))
    one, other = tagging.evaluate(reference, estimated), tagging.evaluate(reference[order], estimated[order])
    np.testing.assert_allclose(one.average_precision, other.average_precision)
    np.testing.assert_allclose(one.auc, other.auc)


def test_weights_are_repetitions(rng):
    reference, estimated = random_task(rng)
    weights = rng.integers(0, 4, len(reference))
    weighted = tagging.evaluate(reference, estimated, weights)
    repeated = tagging.evaluate(np.repeat(reference, weights, axis=0), np.repeat(estimated, weights, axis=0))
    np.testing.assert_allclose(weighted.average_precision, repeated.average_precision)
    np.testing.assert_allclose(weighted.auc, repeated.auc)
    np.testing.assert_array_equal(weighted.positives, repeated.positives)


def test_d_prime_is_the_distance_of_two_normal_distributions(rng):
    scores = np.concatenate((rng.normal(1.3, 1, 20_000), rng.normal(0, 1, 20_000)))
    reference = np.repeat([1, 0], 20_000)
    assert tagging.d_prime(tagging.area_under_roc(reference, scores)) == pytest.approx(1.3, abs=0.03)


def test_d_prime_is_odd_about_chance():
    assert tagging.d_prime(0.5) == 0
    assert tagging.d_prime(0.8) == pytest.approx(-tagging.d_prime(0.2))
    assert tagging.d_prime(1.0) == np.inf


def test_classes_without_positives_or_negatives_are_left_out_and_counted(rng):
    reference, estimated = random_task(rng)
    reference[:, 1], reference[:, 2] = 0, 1
    scores = tagging.evaluate(reference, estimated)
    assert np.isnan(scores.average_precision[[1, 2]]).all()
    assert np.isnan(scores.auc[[1, 2]]).all()
    assert np.isnan(scores.d_prime[[1, 2]]).all()
    assert scores.n_undefined == 2
    assert scores.mean_average_precision == pytest.approx(scores.average_precision[[0, 3]].mean())
    assert scores.mean_auc == pytest.approx(scores.auc[[0, 3]].mean())
    assert scores.mean_d_prime == pytest.approx(float(tagging.d_prime(scores.auc[[0, 3]].mean())))


def test_no_class_at_all_scores_nan():
    scores = tagging.evaluate(np.zeros((3, 2), int), np.ones((3, 2)))
    assert np.isnan(scores.mean_average_precision)
    assert np.isnan(scores.mean_auc)


def test_reference_comes_first(rng):
    reference, estimated = random_task(rng)
    with pytest.raises(DataError, match="more than 0 and 1"):
        tagging.evaluate(estimated, reference)


def test_shapes_must_agree(rng):
    reference, estimated = random_task(rng)
    with pytest.raises(DataError, match=r"\(60, 4\).*\(60, 3\)"):
        tagging.evaluate(reference, estimated[:, :3])


def test_scores_must_be_finite(rng):
    reference, estimated = random_task(rng)
    estimated[3, 1] = np.nan
    with pytest.raises(DataError, match="1 of the estimated scores"):
        tagging.evaluate(reference, estimated)


def test_resampled_scores_are_those_of_each_set_of_weights_ties_and_all():
    rng = np.random.default_rng(5)
    reference = (rng.random((60, 4)) < 0.3).astype(int)
    reference[:, 3] = 0
    estimated = rng.integers(0, 9, (60, 4)) / 8
    weights = rng.integers(0, 3, (20, 60)).astype(float) * rng.random((20, 60))
    ap, auc = tagging.resampled(reference, estimated, weights)
    for row, drawn in enumerate(weights):
        one = tagging.evaluate(reference, estimated, drawn)
        np.testing.assert_allclose(ap[row], one.average_precision)
        np.testing.assert_allclose(auc[row], one.auc)
    assert np.isnan(ap[:, 3]).all()
    assert np.isnan(auc[:, 3]).all()
