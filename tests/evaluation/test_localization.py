"""Segments against strong labels: values by hand, agreement with scikit-learn, perfect and silent networks."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from companion.errors import DataError, ParameterError
from companion.evaluation.localization import (
    choose_thresholds,
    counts_per_clip,
    f1_from_counts,
    segment_f1,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def random_task(rng, lengths=(5, 12, 3, 8), n_classes=4):
    reference = [rng.random((length, n_classes)) < 0.4 for length in lengths]
    return reference, [np.round(0.4 * truth + 0.6 * rng.random(truth.shape), 1) for truth in reference]


def test_scores_by_hand():
    reference = [np.array([[1, 0], [1, 0], [0, 1]]), np.array([[1, 0]])]
    estimated = [np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.7]]), np.array([[0.5, 0.4]])]
    counts = counts_per_clip(reference, estimated, 0.5)
    assert counts.tolist() == [[[1, 1, 1], [1, 1, 0]], [[1, 0, 0], [0, 0, 0]]]
    scores = f1_from_counts(counts)
    np.testing.assert_allclose(scores.by_class, [[2 / 3, 2 / 3, 2 / 3], [2 / 3, 1 / 2, 1]])
    np.testing.assert_allclose(scores.micro, [6 / 9, 3 / 5, 3 / 4])
    np.testing.assert_allclose(scores.macro, [2 / 3, 7 / 12, 5 / 6])


def test_thresholds_are_reached_by_equal_outputs_and_differ_between_classes():
    outputs = [np.array([[0.3, 0.3]])]
    assert counts_per_clip([np.ones((1, 2))], outputs, [0.3, 0.31]).tolist() == [[[1, 0, 0], [0, 0, 1]]]


def test_agreement_with_scikit_learn(rng):
    reference, estimated = random_task(rng)
    truth, found = np.concatenate(reference), np.concatenate(estimated) >= 0.5
    scores = segment_f1(reference, estimated, 0.5)
    for average, ours in (("micro", scores.micro), ("macro", scores.macro)):
        expected = [score(truth, found, average=average) for score in (f1_score, precision_score, recall_score)]
        np.testing.assert_allclose(ours, expected)


def test_perfect_silent_and_always_active_networks(rng):
    reference, _ = random_task(rng)
    np.testing.assert_allclose(segment_f1(reference, [r.astype(float) for r in reference], 0.5).micro, 1)
    np.testing.assert_allclose(segment_f1(reference, [r * 0.0 for r in reference], 0.5).macro, 0)
    share = np.concatenate(reference).mean()
    always = segment_f1(reference, [r * 0.0 for r in reference], 0.0).micro
    np.testing.assert_allclose(always, [2 * share / (1 + share), share, 1])


def test_a_class_that_is_never_active_counts_in_the_micro_scores_alone():
    reference, estimated = [np.array([[1, 0], [1, 0]])], [np.array([[1.0, 1.0], [1.0, 0.0]])]
    scores = segment_f1(reference, estimated, 0.5)
    assert np.isnan(scores.by_class).tolist() == [[False] * 3, [True] * 3]
    assert scores.macro.tolist() == [1, 1, 1]
    assert scores.micro[1] == pytest.approx(2 / 3)
    assert np.isnan(segment_f1([np.zeros((2, 2))], estimated, 0.5).macro).all()


def test_order_of_clips_does_not_matter_and_weights_are_repetitions(rng):
    reference, estimated = random_task(rng)
    counts = counts_per_clip(reference, estimated, 0.5)
    order = rng.permutation(4)
    np.testing.assert_array_equal(f1_from_counts(counts[order]).micro, f1_from_counts(counts).micro)
    weights = rng.integers(0, 3, (6, 4))
    weighted = f1_from_counts(counts, weights)
    for row, drawn in enumerate(weights):
        repeated = f1_from_counts(np.repeat(counts, drawn, axis=0))
        np.testing.assert_allclose(weighted.macro[row], repeated.macro)
        np.testing.assert_allclose(weighted.micro[row], repeated.micro)
        np.testing.assert_allclose(f1_from_counts(counts, drawn).by_class, repeated.by_class)


def test_no_other_threshold_has_a_higher_f1(rng):
    reference, estimated = random_task(rng)
    chosen = choose_thresholds(reference, estimated)
    best = segment_f1(reference, estimated, chosen).by_class[:, 0]
    for threshold in np.linspace(-0.05, 1.05, 23):
        assert (segment_f1(reference, estimated, threshold).by_class[:, 0] <= best + 1e-12).all()


def test_a_threshold_lies_half_way_between_what_it_parts():
    reference, estimated = [np.array([[0], [0], [1], [1]])], [np.array([[0.1], [0.3], [0.7], [0.9]])]
    assert choose_thresholds(reference, estimated).tolist() == pytest.approx([0.5])


def test_a_class_without_positives_gets_the_common_threshold():
    reference = [np.array([[0, 0], [1, 0]])]
    assert choose_thresholds(reference, [np.array([[0.2, 0.1], [0.8, 0.4]])]).tolist() == pytest.approx([0.5, 0.6])
    with pytest.raises(DataError, match="no class is active"):
        choose_thresholds([np.zeros((3, 2))], [np.ones((3, 2))])


def test_what_cannot_be_scored_is_refused(rng):
    reference, estimated = random_task(rng)
    with pytest.raises(DataError, match="4 clips of reference, 3 estimated"):
        counts_per_clip(reference, estimated[:3], 0.5)
    with pytest.raises(DataError, match=r"\(5, 4\).*\(5, 3\)"):
        counts_per_clip(reference, [estimated[0][:, :3], *estimated[1:]], 0.5)
    with pytest.raises(DataError, match="different numbers of classes"):
        counts_per_clip([r[:, : 2 + i] for i, r in enumerate(reference[:2])],
                        [e[:, : 2 + i] for i, e in enumerate(estimated[:2])], 0.5)  # fmt: skip
    with pytest.raises(DataError, match="more than 0 and 1"):
        counts_per_clip(estimated, reference, 0.5)
    with pytest.raises(DataError, match="not finite"):
        counts_per_clip(reference[:1], [np.full((5, 4), np.nan)], 0.5)
    with pytest.raises(ParameterError, match="thresholds of shape"):
        counts_per_clip(reference, estimated, [0.5, 0.5])
    with pytest.raises(DataError, match="a weight for every clip"):
        f1_from_counts(np.ones((3, 2, 3)), np.ones(2))
    with pytest.raises(DataError):
        segment_f1([], [], 0.5)


def test_of_two_thresholds_that_are_as_good_the_lower_is_taken():
    """F1 is 2/3 from 0.2 on, with every true segment and two wrong ones, and from 0.5 on, with one of two."""
    truth, outputs = np.array([[0], [1], [0], [0], [1]]), np.array([[0.1], [0.2], [0.3], [0.4], [0.5]])
    assert choose_thresholds([truth], [outputs]).tolist() == pytest.approx([0.15])
