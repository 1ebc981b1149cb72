"""Counts of the most active units and the relations made of them: values by hand and invariants."""

import numpy as np
import pytest

from companion.errors import DataError, ParameterError
from companion.evaluation import scene_events
from companion.evaluation.scene_events import RELATIONS, by_scene, count_top, most_frequent


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def relu(rng, n_clips=6, n_units=9):
    """Clips of several lengths, about half of the activations at zero."""
    return [np.maximum(rng.normal(size=(length, n_units)), 0) for length in range(1, n_clips + 1)]


def test_counts_by_hand():
    clip = np.array([[0.9, 0.1, 0.5, 0.2], [0.8, 0.7, 0.0, 0.6], [0.0, 0.0, 0.3, 0.0]])
    assert count_top([clip, clip[:1]], k=2).tolist() == [[2, 1, 2, 0], [1, 0, 1, 0]]


def test_what_ties_at_the_last_place_counts_and_zero_never_does():
    assert count_top([np.array([[1.0, 0.5, 0.5, 0.2]])], k=2).tolist() == [[1, 1, 1, 0]]
    assert count_top([np.array([[1.0, 0.0, 0.0, 0.0]])], k=2).tolist() == [[1, 0, 0, 0]]
    assert count_top([np.zeros((7, 4))], k=4).tolist() == [[0, 0, 0, 0]]


def test_counts_agree_with_sorting_where_nothing_ties(rng):
    clips = [rng.random((20, 30)) for _ in range(3)]
    expected = [np.bincount(np.argsort(-clip, axis=1)[:, :5].ravel(), minlength=30) for clip in clips]
    np.testing.assert_array_equal(count_top(clips), expected)
    assert count_top(clips).sum(1).tolist() == [100, 100, 100]


def test_permuting_units_permutes_counts_ties_and_all(rng):
    clips, order = [np.round(clip, 1) for clip in relu(rng)], rng.permutation(9)
    np.testing.assert_array_equal(count_top([c[:, order] for c in clips], 3), count_top(clips, 3)[:, order])


def test_activations_must_be_activations():
    with pytest.raises(DataError, match="below zero"):
        count_top([np.array([[-1.0, 2.0]])], k=1)
    with pytest.raises(DataError, match="not finite"):
        count_top([np.array([[np.nan, 2.0]])], k=1)
    with pytest.raises(DataError, match="segments of shapes"):
        count_top([np.ones((2, 3)), np.ones((2, 4))], k=1)
    with pytest.raises(DataError):
        count_top([])
    for k in (0, 4):
        with pytest.raises(ParameterError, match="of 3 units"):
            count_top([np.ones((2, 3))], k=k)


def test_scenes_sum_their_clips(rng):
    counts, labels = rng.integers(0, 9, (12, 4)), np.array(list("abc") * 4)
    summed = by_scene(counts, labels, ["c", "a", "b"])
    np.testing.assert_array_equal(summed[1], counts[labels == "a"].sum(0))
    np.testing.assert_array_equal(summed.sum(0), counts.sum(0))
    order = rng.permutation(12)
    np.testing.assert_array_equal(by_scene(counts[order], labels[order], ["c", "a", "b"]), summed)


def test_weights_are_repetitions(rng):
    counts, labels, scenes = rng.integers(0, 9, (12, 4)), np.array(list("abc") * 4), list("abc")
    weights = rng.integers(0, 3, (5, 12))
    resampled = by_scene(counts, labels, scenes, weights)
    for row, drawn in zip(resampled, weights, strict=True):
        repeated = np.repeat(counts, drawn, axis=0), np.repeat(labels, drawn)
        np.testing.assert_array_equal(row, by_scene(*repeated, scenes))
        np.testing.assert_array_equal(row, by_scene(counts, labels, scenes, drawn))


def test_clips_and_scenes_must_belong_together():
    with pytest.raises(DataError, match="no scene 'c'"):
        by_scene(np.ones((2, 3)), ["a", "c"], ["a", "b"])
    with pytest.raises(DataError, match="a label and a weight"):
        by_scene(np.ones((2, 3)), ["a"], ["a"])
    with pytest.raises(DataError, match="a label and a weight"):
        by_scene(np.ones((2, 3)), ["a", "a"], ["a"], np.ones(3))


def test_pmi_by_hand():
    # 12 counts; the second unit is 3/4 of the first scene's 4 and 1/2 of all: its lift is 3/2.
    counts = [[1, 3], [5, 3]]
    expected = [[0, np.log(3 / 2)], [np.log(5 / 4), 0]]
    np.testing.assert_allclose(scene_events.pmi(counts, smoothing=0), expected, atol=1e-9)
    # One more in each of the four cells: 16 counts, of which 6 in the first scene, 8 on each unit.
    np.testing.assert_allclose(scene_events.pmi(counts)[0], [0, np.log(4 * 16 / (6 * 8))], atol=1e-9)


def test_log_odds_by_hand():
    # Prior: as many pseudo-counts as a scene has on average, 10, dealt 12 to 8.
    counts, prior = np.array([[8.0, 2.0], [4.0, 6.0]]), [6.0, 4.0]
    here, there = counts[0] + prior, counts[1] + prior
    difference = np.log(here / here[::-1]) - np.log(there / there[::-1])
    expected = difference / np.sqrt(1 / here + 1 / there)
    np.testing.assert_allclose(scene_events.log_odds(counts, prior=1.0)[0], expected, atol=1e-9)
    np.testing.assert_allclose(scene_events.log_odds(counts, prior=1.0)[1], -expected, atol=1e-9)
    # A tenth of a scene where nothing else is asked for: ten times the counts, against the same prior.
    here, there = 10 * counts[0] + prior, 10 * counts[1] + prior
    difference = np.log(here / here[::-1]) - np.log(there / there[::-1])
    expected = difference / np.sqrt(1 / here + 1 / there)
    np.testing.assert_allclose(scene_events.log_odds(10 * counts)[0], expected, atol=1e-9)


def test_share_sums_to_one_where_anything_was_counted():
    shares = scene_events.share([[1, 3], [0, 0]])
    assert shares.tolist() == [[0.25, 0.75], [0, 0]]


@pytest.mark.parametrize("name", ["pmi", "log_odds"])
def test_what_is_active_alike_in_every_scene_relates_to_none(name):
    counts = np.outer([1, 2, 3], [5, 0, 40, 1]) * 7
    scores = RELATIONS[name](counts) if name == "log_odds" else scene_events.pmi(counts, smoothing=0)
    assert np.all(scores == 0)


def test_rare_units_do_not_come_first_by_log_odds():
    counts = np.array([[2, 300, 400], [0, 100, 900]])  # the first unit was met twice, in one scene
    assert scene_events.pmi(counts)[0].argmax() == 0
    assert scene_events.log_odds(counts)[0].argmax() == 1


@pytest.mark.parametrize("name", RELATIONS)
def test_relations_follow_permutations_and_stay_finite(name, rng):
    counts = rng.poisson(4.0, (5, 8)) * (rng.random((5, 8)) < 0.5)
    counts[:, 2], counts[1] = 0, 0
    scores, scenes, units = RELATIONS[name](counts), rng.permutation(5), rng.permutation(8)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(RELATIONS[name](counts[scenes][:, units]), scores[scenes][:, units], atol=1e-9)
    np.testing.assert_allclose(RELATIONS[name](np.stack([counts, counts[::-1]]))[0], scores)
    with pytest.raises(DataError, match="none below zero"):
        RELATIONS[name](-1 - counts)


@pytest.mark.parametrize("name", RELATIONS)
def test_a_unit_of_one_scene_comes_first_there(name):
    counts = np.full((3, 5), 10.0) + 30 * np.eye(3, 5)
    assert RELATIONS[name](counts).argmax(1).tolist() == [0, 1, 2]


def test_most_frequent_names_what_was_counted():
    units = ["dog", "rain", "wind", "siren"]
    assert most_frequent([[1, 4, 4, 0], [9, 0, 0, 0]], units, n=3) == [["rain", "wind", "dog"], ["dog"]]
    assert most_frequent([[1, 4, 4, 0]], units, n=1) == [["rain"]]
    with pytest.raises(DataError, match="3 units"):
        most_frequent([[1, 4, 4, 0]], units[:3])


def test_many_weightings_are_scored_at_once_and_a_weight_is_a_number_of_copies(rng):
    labels, scenes = np.repeat(["a", "b"], 20), ["a", "b"]
    counts = rng.poisson(np.where(labels[:, None] == "a", [6, 4, 1, 1, 3], [1, 1, 6, 4, 3]))
    truth, weights = [[0.8, 0.4, 0, 0, 0], [0, 0, 0.8, 0.4, 0]], rng.integers(0, 4, (3, 40))
    together = scene_events.rank_correlation(scene_events.log_odds(by_scene(counts, labels, scenes, weights)), truth)
    for row, found in zip(weights, together, strict=True):
        copied = by_scene(np.repeat(counts, row, axis=0), np.repeat(labels, row), scenes)
        assert found == pytest.approx(scene_events.rank_correlation(scene_events.log_odds(copied), truth))
