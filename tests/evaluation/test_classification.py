"""Single-label measures: conservation, hand-computed cases, refusals."""

import numpy as np
import pytest

from companion.errors import DataError
from companion.evaluation import classification

REFERENCE = np.array(["dog", "dog", "dog", "rain", "rain", "siren"])
ESTIMATED = np.array(["dog", "rain", "dog", "rain", "rain", "dog"])
FOLDS = np.array([1, 1, 2, 2, 2, 2])


def test_by_hand():
    scores = classification.evaluate(REFERENCE, ESTIMATED, FOLDS)
    assert scores.classes.tolist() == ["dog", "rain", "siren"]
    np.testing.assert_array_equal(scores.confusion, [[2, 1, 0], [0, 2, 0], [1, 0, 0]])
    np.testing.assert_allclose(scores.class_accuracy, [2 / 3, 1, 0])
    np.testing.assert_allclose(scores.fold_accuracy, [1 / 2, 3 / 4])


def test_mean_over_folds_is_not_the_share_of_clips():
    scores = classification.evaluate(REFERENCE, ESTIMATED, FOLDS)
    assert scores.accuracy == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert classification.accuracy(REFERENCE, ESTIMATED) == pytest.approx(4 / 6)


def test_confusion_counts_every_clip_once():
    rng = np.random.default_rng(0)
    reference, estimated = rng.integers(0, 7, 200), rng.integers(0, 7, 200)
    scores = classification.evaluate(reference, estimated, rng.integers(1, 6, 200))
    np.testing.assert_array_equal(scores.confusion.sum(axis=1), np.bincount(reference, minlength=7))
    np.testing.assert_array_equal(scores.confusion.sum(axis=0), np.bincount(estimated, minlength=7))
    assert scores.confusion.trace() == (reference == estimated).sum()
    assert scores.n_clips == 200


def test_reference_runs_down_and_estimated_across():
    scores = classification.evaluate(np.array(["a"]), np.array(["b"]), np.array([1]))
    np.testing.assert_array_equal(scores.confusion, [[0, 1], [0, 0]])


def test_the_order_of_classes_can_be_given():
    scores = classification.evaluate(REFERENCE, ESTIMATED, FOLDS, np.array(["siren", "cat", "rain", "dog"]))
    np.testing.assert_allclose(scores.class_accuracy, [0, np.nan, 1, 2 / 3])


def test_an_unknown_label_is_refused():
    with pytest.raises(DataError, match="siren"):
        classification.evaluate(REFERENCE, ESTIMATED, FOLDS, np.array(["dog", "rain"]))


def test_lengths_must_agree():
    with pytest.raises(DataError, match="6 reference labels, 5 estimated, 6 folds"):
        classification.evaluate(REFERENCE, ESTIMATED[:5], FOLDS)


def test_nothing_cannot_be_scored():
    with pytest.raises(DataError, match="no clips"):
        classification.evaluate(np.array([]), np.array([]), np.array([]))
