"""Events to tokens and back, by hand and there and back again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import DataError, ParameterError
from companion.evaluation.boundaries import best_path, encode, excerpt, n_tokens, pair, token_names

CLASSES = ["cat", "dog", "rain"]


def encoded(events, n_frames=100, classes=CLASSES):
    return encode(events, classes, 10.0, n_frames).tolist()


def test_the_vocabulary_is_a_blank_and_two_tokens_a_class():
    names = token_names(CLASSES)
    assert len(names) == n_tokens(3) == 7
    assert names[3:5] == ["dog onset", "dog offset"]
    assert n_tokens(17) == 35


def test_boundaries_stand_in_order_of_frame_then_offsets_first_then_class():
    events = [(2.0, 4.0, "rain"), (1.0, 2.0, "dog"), (2.05, 4.04, "cat"), (0.5, 2.09, "rain")]
    # frame 20: the dog and the first rain end, then cat and rain begin; frame 40: cat and rain end
    with pytest.raises(DataError, match="overlap"):
        encoded(events)
    events[3] = (0.5, 2.0, "rain")
    assert encoded(events) == [[5, 5], [3, 10], [4, 20], [6, 20], [1, 20], [5, 20], [2, 40], [6, 40]]


def test_a_frame_holds_what_happens_until_the_next_begins():
    assert encoded([(0.0, 0.1, "cat")]) == [[1, 0], [2, 1]]
    assert encoded([(0.099, 0.3, "cat")]) == [[1, 0], [2, 3]]  # 0.3 s is 2.9999999999999996 frames
    assert encoded([(9.2, 10.0, "cat")]) == [[1, 92], [2, 99]]


def test_an_event_lasts_a_frame_or_more():
    assert encoded([(1.01, 1.02, "dog")]) == [[3, 10], [4, 11]]
    assert encoded([(9.95, 9.99, "dog")]) == [[3, 98], [4, 99]]
    assert encoded([(10.02, 10.08, "dog")]) == [[3, 98], [4, 99]]  # a clip of 10.09 s has 100 whole frames


def test_events_of_a_class_are_joined_only_where_no_frame_is_between_them():
    assert encoded([(1.0, 1.03, "dog"), (1.05, 1.5, "dog")]) == [[3, 10], [4, 15]]
    assert encoded([(1.0, 1.22, "dog"), (1.25, 1.5, "dog")]) == [[3, 10], [4, 12], [3, 12], [4, 15]]
    assert encoded([(1.0, 1.03, "dog"), (1.05, 1.5, "cat")]) == [[1, 10], [3, 10], [4, 11], [2, 15]]


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ([(1.0, 0.5, "dog")], "dog from 1.0 s to 0.5 s"),
        ([(1.0, 1.0, "dog")], "dog from 1.0 s to 1.0 s"),
        ([(1.0, 2.0, "cow")], "unknown class 'cow'"),
        ([(1.0, 2.0, "dog"), (1.5, 3.0, "dog")], "two events of dog overlap: 1 to 2 s and 1.5 to 3 s"),
        ([(1.0, 9.0, "dog"), (2.0, 3.0, "dog")], "two events of dog overlap"),
        ([(10.2, 11.0, "dog")], "dog begins at 10.2 s in a clip of 10 s"),
        ([(-0.1, 1.0, "dog")], "dog begins at -0.1 s"),
        ([(float("nan"), 1.0, "dog")], "dog from nan"),
    ],
)
def test_labels_that_make_no_sense_are_refused(events, problem):
    with pytest.raises(DataError, match=problem):
        encoded(events)


def test_a_clip_of_one_frame_has_no_room_for_an_event():
    assert encoded([], n_frames=1) == []
    with pytest.raises(ParameterError):
        encoded([(0.0, 0.1, "dog")], n_frames=1)


def test_an_excerpt_hears_the_boundaries_inside_it():
    tokens = np.array([[1, 4], [3, 5], [2, 9], [4, 10]])
    assert excerpt(tokens, 5, 5).tolist() == [[3, 0], [2, 4]]
    assert [len(excerpt(tokens, first, 5)) for first in (0, 5, 10)] == [1, 2, 1]


def test_the_best_path_collapses_repeats_and_drops_blanks():
    path = [0, 0, 2, 2, 2, 0, 2, 1, 1, 0]
    outputs = np.full((10, 3), 0.1)
    outputs[np.arange(10), path] = [0.9, 0.9, 0.5, 0.7, 0.6, 0.9, 0.6, 0.5, 0.5, 0.9]
    assert best_path(outputs).tolist() == [[2, 3], [2, 6], [1, 7]]  # in the frame where each is likeliest
    assert best_path(np.log(outputs)).tolist() == [[2, 3], [2, 6], [1, 7]]
    assert best_path(np.eye(3)[[0, 0]]).shape == (0, 2)
    assert best_path(np.eye(3)[[1, 0, 2]]).tolist() == [[1, 0], [2, 2]]


def test_boundaries_without_a_partner_are_counted_and_left_out():
    # an offset comes first, the onset at 4 s has no offset, nor the offset at 7 s an onset, and the last one goes on
    tokens = np.array([[4, 10], [3, 40], [3, 50], [4, 60], [4, 70], [3, 80], [1, 90], [2, 92]])
    found = pair(tokens, CLASSES, 10.0, 100)
    assert found.events == [(0.0, 1.05, "dog"), (5.05, 6.05, "dog"), (8.05, 10.0, "dog"), (9.05, 9.25, "cat")]
    assert found.unpaired == 2


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 98), max_size=8, unique=True), min_size=3, max_size=3))
def test_what_is_encoded_on_a_grid_of_frames_comes_back(edges):
    """Events from frame to frame, two of a class never touching."""
    events = [
        ((a + 0.5) / 10, (b + 0.5) / 10, name)
        for name, own in zip(CLASSES, edges, strict=True)
        for a, b in zip(sorted(own)[0::2], sorted(own)[1::2], strict=False)
    ]
    tokens = encode(events, CLASSES, 10.0, 100)
    found = pair(tokens, CLASSES, 10.0, 100)
    assert found.unpaired == 0
    assert [event[2] for event in found.events] == [event[2] for event in sorted(events)]
    np.testing.assert_allclose([event[:2] for event in found.events], [event[:2] for event in sorted(events)])
    # a network that is sure of each boundary in a frame of its own says just these
    outputs = np.zeros((100, n_tokens(3)))
    outputs[:, 0] = 0.5
    alone = {frame: token for token, frame in tokens.tolist()}
    outputs[list(alone), list(alone.values())] = 1.0
    assert {tuple(row) for row in best_path(outputs).tolist()} == {(token, frame) for frame, token in alone.items()}
