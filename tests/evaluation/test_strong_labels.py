"""Strong labels on segments: overlaps whose share is known."""

from itertools import pairwise

import numpy as np
import pytest

from companion.errors import DataError, ParameterError
from companion.evaluation.strong_labels import segment_reference

BOUNDS = np.array([[0.0, 2.0], [1.0, 3.0], [2.0, 4.0], [3.0, 5.0]])
CLASSES = ["dog", "rain"]


def active(events, min_overlap=0.0):
    """Numbers of the segments in which the dog is active."""
    return np.flatnonzero(segment_reference(events, BOUNDS, CLASSES, min_overlap)[:, 0]).tolist()


def test_any_overlap_is_enough_and_touching_is_none():
    assert active([(2.4, 2.5, "dog")]) == [1, 2]
    assert active([(2.0, 3.0, "dog")]) == [1, 2]
    assert active([(0.1 + 0.2 + 1.7, 2.6, "dog")]) == [1, 2]  # 2.0000000000000004 by rounding
    assert active([(5.0, 6.0, "dog")]) == []
    assert active([(-3.0, 9.0, "dog")]) == [0, 1, 2, 3]


def test_classes_do_not_mix():
    found = segment_reference([(0.5, 0.6, "rain"), (4.5, 4.6, "dog")], BOUNDS, CLASSES)
    assert found.T.tolist() == [[False, False, False, True], [True, False, False, False]]
    assert not segment_reference([], BOUNDS, CLASSES).any()


def test_a_share_of_the_segment_or_of_the_event():
    long, short = (1.5, 9.0, "dog"), (1.9, 2.1, "dog")
    # Of the long event the segments hold 0.5, 1.5, 2 and 2 of their 2 s.
    assert active([long], 0.25) == [0, 1, 2, 3]
    assert active([long], 0.26) == [1, 2, 3]
    assert active([long], 0.76) == [2, 3]
    assert active([long], 1.0) == [2, 3]
    # Of the short event the segments hold 0.5, 1, 0.5 and 0 of its 0.2 s.
    assert active([short], 0.5) == [0, 1, 2]
    assert active([short], 1.0) == [1]


def test_what_events_share_is_filled_once_and_what_they_do_not_share_adds_up():
    apart, together = [(0.0, 0.6, "dog"), (1.0, 1.6, "dog")], [(0.0, 0.6, "dog"), (0.1, 0.6, "dog")]
    within = np.array([[-8.0, 0.55], [0.0, 2.0]])  # 1.2 of 2 s, and 0.6 of 2 s
    assert segment_reference(apart, within[1:], CLASSES, 0.6)[0, 0]
    outside = [(onset - 9.0, offset, label) for onset, offset, label in together]  # too long to lie within
    assert segment_reference(outside, within[1:], CLASSES, 0.3)[0, 0]
    assert not segment_reference(outside, within[1:], CLASSES, 0.31)[0, 0]


def test_more_overlap_is_asked_of_fewer_segments():
    rng = np.random.default_rng(0)
    events = [(a, a + d, "dog") for a, d in rng.random((5, 2)) * [4, 1] + [0, 0.05]]
    found = [segment_reference(events, BOUNDS, CLASSES, share) for share in (0, 0.25, 0.5, 1)]
    for looser, stricter in pairwise(found):
        assert (looser >= stricter).all()


def test_what_cannot_be_read_is_refused():
    with pytest.raises(DataError, match="onset before its offset"):
        active([(2.0, 2.0, "dog")])
    with pytest.raises(DataError, match="onset before its offset"):
        active([(np.nan, 2.0, "dog")])
    with pytest.raises(DataError, match="unknown class 'cat'"):
        active([(1.0, 2.0, "cat")])
    with pytest.raises(ParameterError, match="a share"):
        active([(1.0, 2.0, "dog")], 1.5)
    for wrong in (BOUNDS[::-1], BOUNDS[:, ::-1], BOUNDS[:, 0], np.empty((0, 2)), BOUNDS * np.nan):
        with pytest.raises(DataError, match="segment"):
            segment_reference([], wrong, CLASSES)
