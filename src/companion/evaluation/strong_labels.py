"""Strong labels on a network's segments: which class is active in which segment.

Source: Mesaros, Heittola and Virtanen 2016, "Metrics for polyphonic sound event detection", Applied Sciences 6
(segment-based metrics; there segments do not overlap).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError, ParameterError

Array = NDArray[np.float64]
Event = tuple[float, float, str]
"""Onset and offset in seconds, and the label."""

ROUNDING = 1e-9  # seconds: less than this is no overlap


def segment_reference(
    events: Sequence[Event], bounds: ArrayLike, classes: Sequence[str], min_overlap: float = 0.0
) -> NDArray[np.bool_]:
    """Which classes are active in which segments.

    A class is active in a segment when its events fill at least a share ``min_overlap`` of the segment, or when the
    segment holds at least that share of one of its events. The second condition keeps events that are shorter than
    a segment: a knock of 0.1 s fills no large share of 1.5 s. With the default any overlap counts, as in the
    source.

    Args:
        events: Onset, offset, label of each event.
        bounds: Start and end of each segment, seconds. Shape: ``(K, 2)``.
        classes: Classes C.
        min_overlap: Share, 0 to 1.

    Returns:
        Shape: ``(K, C)``.

    Raises:
        DataError: An event without length or of an unknown class, or bounds that do not ascend.
        ParameterError: ``min_overlap`` is no share.

    >>> segment_reference([(1.0, 1.1, "knock")], [[0, 1.5], [0.75, 2.25], [1.5, 3]], ["dog", "knock"])[:, 1].tolist()
    [True, True, False]
    """
    bounds = check_bounds(bounds)
    check_events(events, classes)
    if not 0 <= min_overlap <= 1:
        raise ParameterError(f"min_overlap={min_overlap}", expected="a share from 0 to 1")
    active = np.zeros((len(bounds), len(classes)), dtype=bool)
    for column, name in enumerate(classes):
        own = np.array([event[:2] for event in events if event[2] == name]).reshape(-1, 2)
        of_event = _overlap(bounds, own)
        filled = _overlap(bounds, _merged(own)).sum(1)  # what two events of a class share is filled once
        enough = filled >= min_overlap * np.diff(bounds)[:, 0] - ROUNDING
        holds = (of_event >= min_overlap * np.diff(own)[:, 0] - ROUNDING) & (of_event > 0)
        active[:, column] = (enough & (filled > 0)) | holds.any(1)
    return active


def _overlap(bounds: Array, events: Array) -> Array:
    """Seconds of each event in each segment. Shape: ``(K, 2)`` and ``(E, 2)`` → ``(K, E)``."""
    start = np.maximum(bounds[:, :1], events[:, 0])
    seconds = np.minimum(bounds[:, 1:], events[:, 1]) - start
    return np.where(seconds > ROUNDING, seconds, 0.0)


def _merged(events: Array) -> Array:
    """Events of one class, those that overlap joined."""
    joined: list[list[float]] = []
    for onset, offset in events[np.argsort(events[:, 0], kind="stable")].tolist():
        if joined and onset <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], offset)
        else:
            joined.append([onset, offset])
    return np.array(joined).reshape(-1, 2)


def check_bounds(bounds: ArrayLike) -> Array:
    """Starts and ends of segments in ascending order.

    Raises:
        DataError: They are not.
    """
    bounds = np.asarray(bounds, dtype=np.float64)
    if bounds.ndim != 2 or bounds.shape[1:] != (2,) or not len(bounds) or not np.isfinite(bounds).all():
        raise DataError(f"segment bounds of shape {bounds.shape}", expected="(segments, 2), in seconds, finite")
    if (np.diff(bounds, axis=1) <= 0).any() or (np.diff(bounds, axis=0) < 0).any():
        raise DataError("segments that end before they start, or are out of order", expected="ascending seconds")
    return bounds


def check_events(events: Sequence[Event], classes: Sequence[str]) -> None:
    """Events with a length and a known label.

    Raises:
        DataError: One of them has not.
    """
    for onset, offset, label in events:
        if not (np.isfinite(onset) and np.isfinite(offset) and onset < offset):
            raise DataError(f"{label} from {onset} s to {offset} s", expected="an onset before its offset")
        if label not in classes:
            raise DataError(
                f"an event of the unknown class {label!r}",
                expected=", ".join(map(str, classes)),
                repair="leave out the events that the network has no class for, and say how many",
            )
