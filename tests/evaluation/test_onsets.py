"""Errors of onsets: runs laid out by hand, and chance against simulation."""

from itertools import combinations

import numpy as np
import pytest

from companion.errors import DataError, ParameterError
from companion.evaluation.localization import onset_error, segment_reference
from companion.evaluation.onsets import _chance
from companion.evaluation.strong_labels import Event

CLASSES = ["dog", "rain"]
BOUNDS = np.stack([np.arange(8.0), np.arange(8.0) + 2], axis=1)  # centres at 1, 2, …, 8


def outputs(*active):
    """The dog in some segments, rain in none."""
    found = np.zeros((8, 2))
    found[list(active), 0] = 1
    return found


def errors(events, estimated, **options):
    return onset_error([events], [estimated], [BOUNDS], CLASSES, 0.5, **options)


def test_errors_by_hand():
    events: list[Event] = [(1.5, 2.0, "dog"), (5.25, 9.0, "dog"), (3.0, 4.0, "rain")]
    found = errors(events, outputs(1, 2, 5, 6, 7))  # runs from 2 to 3 s and from 6 to 8 s
    np.testing.assert_allclose(found.signed, [0.5, 0.75, np.nan])
    assert (found.n_missed, found.label.tolist()) == (1, ["dog", "dog", "rain"])
    ends = errors(events, outputs(1, 2, 5, 6, 7), boundary="offset")
    np.testing.assert_allclose(ends.signed, [1.0, -1.0, np.nan])
    np.testing.assert_allclose(ends.absolute, [1.0, 1.0, np.nan])
    begins = errors(events, outputs(1, 2, 5, 6, 7), place="start")
    np.testing.assert_allclose(begins.signed, [-0.5, -0.25, np.nan])
    outer = errors(events, outputs(1, 2, 5, 6, 7), boundary="offset", place="start")
    np.testing.assert_allclose(outer.signed, [2.0, 0.0, np.nan])


def test_runs_at_the_ends_of_the_clip_are_runs():
    assert errors([(0.0, 1.0, "dog")], outputs(0)).signed.tolist() == [1.0]
    assert errors([(8.5, 9.0, "dog")], outputs(0, 1, 7)).signed.tolist() == [-0.5]
    assert errors([(8.5, 9.0, "dog")], outputs(*range(8))).signed.tolist() == [-7.5]


def test_centres_lean_to_neither_of_two_rules_of_activity():
    """Early by a quarter of a segment when any overlap is active, late by as much when half an event's is."""
    rng, spacing = np.random.default_rng(0), 0.743
    starts = spacing * np.arange(40)
    bounds = np.stack([starts, starts + 2 * spacing], axis=1)
    events = [[(onset, onset + 8.0, "dog")] for onset in rng.uniform(5, 15, 400)]
    leans = []
    for share in (0.0, 0.5):
        reference = [segment_reference(of_clip, bounds, CLASSES, share) for of_clip in events]
        found = onset_error(events, reference, [bounds] * 400, CLASSES, 0.5)
        assert np.abs(found.signed).max() <= spacing
        leans.append(found.mean("signed"))
    assert leans == pytest.approx([-spacing / 2, spacing / 2], abs=0.03)


def test_means_under_weights_are_those_of_repeated_clips():
    rng = np.random.default_rng(0)
    events = [[(t, t + 0.5, label) for t, label in zip(rng.uniform(0, 8, n), CLASSES * 2, strict=False)]
              for n in (3, 0, 1, 4)]  # fmt: skip
    estimated = [rng.random((8, 2)) for _ in events]
    found = onset_error(events, estimated, [BOUNDS] * 4, CLASSES, [0.5, 0.9])
    weights = np.array([[1, 1, 1, 1], [2, 0, 1, 3], [0, 5, 0, 1]])
    for row, drawn in enumerate(weights):
        order = np.repeat(np.arange(4), drawn)
        repeated = onset_error([events[i] for i in order], [estimated[i] for i in order],
                               [BOUNDS] * len(order), CLASSES, [0.5, 0.9])  # fmt: skip
        assert found.mean("absolute", weights)[row] == pytest.approx(np.nanmean(repeated.absolute))
        assert found.mean("signed", weights)[row] == pytest.approx(np.nanmean(repeated.signed))
        assert found.mean("chance", weights)[row] == pytest.approx(np.nanmean(repeated.chance))
        assert found.mean("missed", drawn) == pytest.approx(repeated.n_missed / len(repeated.signed))
    assert found.sums[:, 0].tolist() == [3, 0, 1, 4]


def test_without_events_there_is_no_error():
    found = errors([], outputs(3))
    assert (len(found.signed), found.n_missed) == (0, 0)
    assert np.isnan(found.mean())


@pytest.mark.parametrize("true", [0.0, 1.0, 2.2, 4.5, 9.5])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_chance_is_the_mean_over_all_choices_of_segments(true, n):
    times = BOUNDS.mean(1)
    nearest = [np.abs(np.array(chosen) - true).min() for chosen in combinations(times, n)]
    assert _chance(true, n, times) == pytest.approx(np.mean(nearest))


def test_without_a_run_there_is_no_chance():
    assert np.isnan(_chance(1.0, 0, BOUNDS.mean(1)))


def test_random_runs_reach_chance_and_true_ones_beat_it():
    rng = np.random.default_rng(2)
    events = [[(t, t + 0.2, "dog")] for t in rng.uniform(1, 8, 3000)]
    random = onset_error(events, [outputs(rng.integers(8)) for _ in events], [BOUNDS] * 3000, CLASSES, 0.5)
    assert random.mean() == pytest.approx(random.mean("chance"), rel=0.03)
    right = [outputs(round(of_clip[0][0]) - 1) for of_clip in events]
    true = onset_error(events, right, [BOUNDS] * 3000, CLASSES, 0.5)
    assert true.mean() == pytest.approx(0.25, abs=0.02)  # a quarter of the spacing
    assert true.mean() < 0.15 * true.mean("chance")


def test_what_cannot_be_scored_is_refused():
    event: list[Event] = [(1.0, 2.0, "dog")]
    with pytest.raises(ParameterError, match="boundary 'middle'"):
        errors(event, outputs(1), boundary="middle")
    with pytest.raises(ParameterError, match="place 'end'"):
        errors(event, outputs(1), place="end")
    with pytest.raises(ParameterError, match="no error 'median'"):
        errors(event, outputs(1)).mean("median")
    with pytest.raises(DataError, match="unknown class 'cat'"):
        errors([(1.0, 2.0, "cat")], outputs(1))
    with pytest.raises(DataError, match=r"\(7, 2\)"):
        errors(event, outputs(1)[:7])
    with pytest.raises(DataError, match="events of 1 clips, 2 estimated"):
        onset_error([event], [outputs(1)] * 2, [BOUNDS], CLASSES, 0.5)
    with pytest.raises(ParameterError, match="thresholds of shape"):
        onset_error([event], [outputs(1)], [BOUNDS], CLASSES, [0.1, 0.2, 0.3])


def test_errors_of_some_events_are_theirs_alone():
    events = [[(0.0, 1.0, "a"), (2.0, 3.0, "a")], [(1.0, 2.0, "b")]]
    bounds = [np.array([[0, 1], [1, 2], [2, 3]])] * 2
    errors = onset_error(events, [np.array([[0.9, 0], [0, 0], [0, 0]])] * 2, bounds, ("a", "b"), 0.5)
    assert errors.found.tolist() == [True, True, False]
    first = errors.only(np.array([True, False, False]))
    assert first.mean("absolute") == 0.5
    assert errors.mean("absolute") == 1.0
    assert first.mean("missed") == 0
    assert first.n_clips == 2
