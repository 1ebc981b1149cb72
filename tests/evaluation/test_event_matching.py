"""Events against events, by hand."""

import numpy as np
import pytest

from companion.errors import DataError, ParameterError
from companion.evaluation.event_matching import event_f1, match_counts, segment_f1_of_events

CLASSES = ["cat", "dog"]


def counts(true, said, **options):
    return match_counts([true], [said], CLASSES, **options)[0].tolist()


def test_an_onset_within_the_collar_and_an_offset_within_half_the_length():
    event = [(2.0, 6.0, "dog")]
    assert counts(event, [(2.2, 4.0, "dog")])[1] == [1, 0, 0]
    assert counts(event, [(1.8, 8.0, "dog")])[1] == [1, 0, 0]
    assert counts(event, [(2.21, 6.0, "dog")])[1] == [0, 1, 1]
    assert counts(event, [(2.0, 8.01, "dog")])[1] == [0, 1, 1]
    assert counts(event, [(2.0, 6.3, "dog")], offset_share=0.0)[1] == [0, 1, 1]
    assert counts([(2.0, 2.1, "dog")], [(2.0, 2.29, "dog")])[1] == [1, 0, 0]  # the collar, for short ones
    assert counts(event, [(2.9, 6.0, "dog")], collar=1.0)[1] == [1, 0, 0]


def test_classes_and_clips_are_kept_apart():
    assert counts([(2.0, 6.0, "dog")], [(2.0, 6.0, "cat")]) == [[0, 1, 0], [0, 0, 1]]
    two = match_counts([[(2.0, 6.0, "dog")], []], [[], [(2.0, 6.0, "dog")]], CLASSES)
    assert two[:, 1].tolist() == [[0, 0, 1], [0, 1, 0]]


def test_no_event_is_found_twice_and_the_most_pairs_are_made():
    assert counts([(2.0, 3.0, "dog")], [(2.0, 3.0, "dog"), (2.1, 3.1, "dog")])[1] == [1, 1, 0]
    # the first estimated event fits both, the second the first only: whoever takes the first that fits finds one
    true, said = [(2.0, 3.0, "dog"), (2.3, 3.3, "dog")], [(2.15, 3.1, "dog"), (1.9, 2.9, "dog")]
    assert counts(true, said)[1] == [2, 0, 0]
    assert counts(true[::-1], said[::-1])[1] == [2, 0, 0]


def test_f1_is_of_all_events_together():
    true = [[(0.0, 1.0, "dog"), (3.0, 4.0, "dog")], [(1.0, 2.0, "cat")]]
    said = [[(0.0, 1.0, "dog")], [(1.0, 2.0, "cat"), (5.0, 6.0, "cat")]]
    np.testing.assert_allclose(event_f1(true, said, CLASSES).micro, [2 / 3, 2 / 3, 2 / 3])
    np.testing.assert_allclose(event_f1(true, said, CLASSES).by_class[:, 0], [2 / 3, 2 / 3])


def test_segments_that_an_event_overlaps_are_active():
    true, said = [[(0.5, 2.5, "dog")]], [[(1.5, 3.2, "dog")]]
    # seconds 0, 1, 2 against seconds 1, 2, 3 of 3.4: the last segment is short
    np.testing.assert_allclose(segment_f1_of_events(true, said, [3.4], CLASSES).micro, [2 / 3, 2 / 3, 2 / 3])
    np.testing.assert_allclose(segment_f1_of_events(true, said, [3.0], CLASSES).micro[1:], [1.0, 2 / 3])
    np.testing.assert_allclose(segment_f1_of_events(true, true, [3.4], CLASSES, 0.5).micro, [1, 1, 1])


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(DataError):
        counts([(2.0, 1.0, "dog")], [])
    with pytest.raises(DataError, match="unknown class"):
        counts([], [(1.0, 2.0, "cow")])
    with pytest.raises(DataError):
        match_counts([[]], [], CLASSES)
    with pytest.raises(ParameterError):
        counts([], [], collar=-1.0)
