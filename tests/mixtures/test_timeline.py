"""Several events at once, but never two of a class, all inside their recording."""

from itertools import pairwise

import numpy as np
import pytest

from companion.errors import ParameterError
from companion.mixtures.timeline import TimelineRule, draw_timeline, polyphony


def draw(label, rng):
    length = float(rng.uniform(0.1, 3.0))
    return (label, length), length


def drawn(rule, *, classes=("a", "b", "c"), duration=60.0, seed=0):
    made = draw_timeline(classes, duration, draw, rule, np.random.default_rng(seed))
    return [(onset, onset + length, label) for (label, length), onset in made]


def test_two_of_a_class_are_a_pause_apart_and_all_end_inside():
    for seed in range(20):
        events = drawn(TimelineRule((0.0, 1.0), 0.7), seed=seed)
        assert max(offset for _, offset, _ in events) <= 60
        for label in "abc":
            own = [event for event in events if event[2] == label]
            assert all(b[0] - a[1] >= 0.7 for a, b in pairwise(own))


def test_onsets_are_as_far_apart_as_the_rule_says_and_classes_equally_likely():
    events = drawn(TimelineRule((1.0, 2.0), 0.0), classes=[*"abcdefgh"], duration=6000.0)
    gaps = np.diff([onset for onset, _, _ in events])
    assert gaps.min() >= 1.0
    assert np.median(gaps) == pytest.approx(1.5, abs=0.05)
    counts = np.unique([label for _, _, label in events], return_counts=True)[1]
    assert counts.max() / counts.min() < 1.25


def test_a_denser_rule_overlaps_more():
    shares = [
        polyphony([[event[:2] for event in drawn(TimelineRule((0.1, most)), duration=2000.0)]], [2000.0])
        for most in (8.0, 4.0, 2.0)
    ]
    assert shares[0].overlapped < shares[1].overlapped - 0.05 < shares[2].overlapped - 0.1
    assert shares[0].active < shares[2].active


def test_polyphony_by_hand():
    """Three at once count as two or more; what touches does not overlap."""
    found = polyphony([[(0, 4), (1, 3), (2, 3)], [(1, 2), (2, 3)]], [10, 10])
    assert found == pytest.approx((6 / 20, 2 / 6))
    assert polyphony([[], []], [5, 5]) == (0, 0)


def test_a_rule_without_time_between_onsets_is_refused():
    for spacing in ((0.0, 0.0), (2.0, 1.0), (-1.0, 1.0)):
        with pytest.raises(ParameterError):
            drawn(TimelineRule(spacing))
