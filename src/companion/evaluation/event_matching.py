"""Events against events: those whose onset and offset are close enough to a reference event's count as found.

Source: Mesaros, Heittola and Virtanen 2016, "Metrics for polyphonic sound event detection", Applied Sciences 6
(event-based metrics). The largest number of pairs is taken, where a search in order may find fewer.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from companion.errors import DataError, ParameterError
from companion.evaluation.localization import SegmentScores, f1_from_counts, segment_f1
from companion.evaluation.strong_labels import Event, check_events, segment_reference


def match_counts(
    reference: Sequence[Sequence[Event]],
    estimated: Sequence[Sequence[Event]],
    classes: Sequence[str],
    *,
    collar: float = 0.2,
    offset_share: float = 0.5,
) -> NDArray[np.int64]:
    """Events found, events estimated that are none, and events missed, of each clip and class.

    Args:
        reference: Onset, offset, label of the events of each clip; seconds.
        estimated: The same, as estimated.
        classes: Classes C.
        collar: Seconds that an onset may be off.
        offset_share: An offset may be off by this share of the reference event's length, or by the collar if that is
            more.

    Returns:
        Shape: ``(N, C, 3)``.

    Raises:
        DataError: The lists do not belong together, or hold what cannot be scored.
        ParameterError: A negative collar or share.
    """
    if len(reference) != len(estimated) or not len(reference):
        raise DataError(f"events of {len(reference)} and {len(estimated)} clips", expected="one clip or more, equally")
    if collar < 0 or offset_share < 0:
        raise ParameterError(f"collar {collar} s, share {offset_share}", expected="0 or more")
    counts = np.zeros((len(reference), len(classes), 3), dtype=np.int64)
    for of_clip, true, said in zip(counts, reference, estimated, strict=True):
        check_events(true, classes)
        check_events(said, classes)
        for row, name in zip(of_clip, classes, strict=True):
            own, found = (_times(events, name) for events in (true, said))
            pairs = _pairs(own, found, collar, offset_share)
            row[:] = [pairs, len(found) - pairs, len(own) - pairs]
    return counts


def event_f1(
    reference: Sequence[Sequence[Event]],
    estimated: Sequence[Sequence[Event]],
    classes: Sequence[str],
    *,
    collar: float = 0.2,
    offset_share: float = 0.5,
) -> SegmentScores:
    """Event-based F1, precision and recall. Args, raises: as for `match_counts`."""
    found = match_counts(reference, estimated, classes, collar=collar, offset_share=offset_share)
    return f1_from_counts(found)


def segment_f1_of_events(
    reference: Sequence[Sequence[Event]],
    estimated: Sequence[Sequence[Event]],
    durations: Sequence[float],
    classes: Sequence[str],
    length: float = 1.0,
) -> SegmentScores:
    """Segment-based F1 of estimated events: a class is active in a segment that an event of it overlaps.

    Args:
        reference, estimated, classes: As for `match_counts`.
        durations: Seconds of each clip.
        length: Seconds of a segment; segments do not overlap, and the last may be shorter.
    """
    edges = [np.append(np.arange(0.0, seconds - 1e-9, length), seconds) for seconds in durations]
    bounds = [np.column_stack([edge[:-1], edge[1:]]) for edge in edges]
    active = [
        [segment_reference(events, of_clip, classes) for events, of_clip in zip(side, bounds, strict=True)]
        for side in (reference, estimated)
    ]
    return segment_f1(active[0], [one.astype(np.float64) for one in active[1]], 0.5)


def _times(events: Sequence[Event], label: str) -> NDArray[np.float64]:
    """Onsets and offsets of one class. Shape: ``(E, 2)``."""
    return np.array([event[:2] for event in events if event[2] == label], dtype=np.float64).reshape(-1, 2)


def _pairs(true: NDArray[np.float64], said: NDArray[np.float64], collar: float, share: float) -> int:
    """Most events that can be paired, each with one."""
    if not len(true) or not len(said):
        return 0
    off = np.abs(true[:, None] - said[None]) - 1e-9  # what is as far as the collar counts
    near = (off[..., 0] <= collar) & (off[..., 1] <= np.maximum(collar, share * np.diff(true))[:, :1])
    return int((maximum_bipartite_matching(csr_array(near), perm_type="column") >= 0).sum())
