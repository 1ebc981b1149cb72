"""Activity and events: each from the other, whatever lies between."""

import numpy as np
import pytest

from companion.errors import ParameterError
from companion.evaluation.activity import activity, events_of

CLASSES = ("bark", "drum", "horn")
TIMES = 0.05 + np.arange(100) / 10


def test_events_on_the_edges_of_frames_come_back_as_they_were():
    rng = np.random.default_rng(0)
    events = []
    for label in CLASSES:
        edges = np.sort(rng.choice(np.arange(100), 8, replace=False)) / 10
        events += [(a, b, label) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    found = events_of(activity(events, CLASSES, TIMES), CLASSES, TIMES)
    assert [label for *_, label in found] == [label for *_, label in sorted(events)]
    np.testing.assert_allclose([one[:2] for one in found], [one[:2] for one in sorted(events)], atol=1e-9)


def test_a_frame_sounds_where_its_middle_does_and_classes_are_apart():
    active = activity([(0.96, 1.14, "drum"), (1.0, 1.3, "horn")], CLASSES, TIMES)
    assert active.shape == (100, 3)
    assert np.flatnonzero(active[:, 1]).tolist() == [10]
    assert np.flatnonzero(active[:, 2]).tolist() == [10, 11, 12]
    assert not active[:, 0].any()


def test_bursts_and_gaps_shorter_than_half_the_median_are_not_heard():
    active = np.zeros((100, 1), dtype=bool)
    active[10:30] = active[50:52] = True
    active[20:22] = False
    (event,) = events_of(active, ["drum"], TIMES, 5)
    assert event[:2] == pytest.approx((1.0, 3.0))
    assert len(events_of(active, ["drum"], TIMES)) == 3


def test_an_event_may_fill_the_recording_and_frames_may_lie_anywhere():
    times = 0.3 + np.arange(20) * 0.0929
    (event,) = events_of(np.ones((20, 1), dtype=bool), ["drum"], times, 3)
    assert event[:2] == pytest.approx((0.3 - 0.04645, times[-1] + 0.04645))
    assert events_of(np.zeros((20, 1), dtype=bool), ["drum"], times) == []


def test_a_median_has_a_middle():
    with pytest.raises(ParameterError, match="median over 4 frames"):
        events_of(np.zeros((9, 1), dtype=bool), ["drum"], TIMES[:9], 4)


def test_what_sounds_at_the_ends_is_not_smoothed_away():
    """What lies beyond an end is as its last frame."""
    active = np.zeros((100, 1), bool)
    active[:2] = active[-2:] = True
    assert events_of(active, ["bark"], TIMES, smooth=5) == [(0.0, 0.2, "bark"), (9.8, 10.0, "bark")]
