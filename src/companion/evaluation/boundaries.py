"""Boundaries of sound events as tokens: onsets and offsets, in the order in which they happen.

Of overlapping events it is hard to say which comes first, of their boundaries it is not. Event e of n has the tokens
2e + 1 for its onset and 2e + 2 for its offset; 0 is the blank, which says nothing. Frame k lasts from k to k + 1 over
the frame rate. Boundaries of one frame stand in a fixed order: offsets before onsets, then by class.

Source: Wang, Metze 2017, section 2.1. The order within a frame is that of the authors' later public code; the paper
leaves it open.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from companion.errors import DataError, ParameterError
from companion.evaluation.strong_labels import Event, check_events

Tokens = NDArray[np.int64]
"""Token and frame of every boundary, in order. Shape: ``(L, 2)``."""


def n_tokens(n_classes: int) -> int:
    """Size of the vocabulary: blank, and onset and offset of every class."""
    return 2 * n_classes + 1


def token_names(classes: Sequence[str]) -> list[str]:
    """What the tokens mean.

    >>> token_names(["dog"])
    ['blank', 'dog onset', 'dog offset']
    """
    return ["blank", *(f"{name} {side}" for name in classes for side in ("onset", "offset"))]


def encode(events: Sequence[Event], classes: Sequence[str], frame_rate: float, n_frames: int) -> Tokens:
    """Tokens of a clip's strong labels.

    An event lasts one frame or more: one that begins and ends in a frame has its offset in the next, or in the last
    frame its onset in the one before. Events of one class that then have no frame between them are one event, unless
    one ends in the frame in which the next begins.

    Args:
        events: Onset, offset, label of each event; seconds.
        classes: Classes in the order of their tokens.
        frame_rate: Frames in a second.
        n_frames: Frames of the clip, two or more where there are events; the fraction of a frame that a clip may end
            with counts to the last.

    Raises:
        DataError: An event has no length or no known class, or begins after the clip; events of a class overlap.
        ParameterError: Too few frames.

    >>> encode([(0.3, 1.2, "dog"), (0.3, 0.8, "cat")], ["cat", "dog"], 10.0, 20).tolist()
    [[1, 3], [3, 3], [2, 8], [4, 12]]
    """
    check_events(events, classes)
    check_overlaps(events)
    if n_frames < 2 and events:
        raise ParameterError(f"events in a clip of {n_frames} frames", expected="two frames or more")
    late = next((event for event in events if event[0] < 0 or event[0] * frame_rate >= n_frames + 1), None)
    if late is not None:
        raise DataError(
            f"{late[2]} begins at {late[0]:g} s in a clip of {n_frames / frame_rate:g} s",
            expected="events that begin inside their clip",
            repair="check that labels and audio belong together",
        )
    rows: list[tuple[int, int, int]] = []
    for number, name in enumerate(classes):
        for first, last in _frames([event for event in events if event[2] == name], frame_rate, n_frames):
            rows += [(first, 1, number), (last, 0, number)]
    tokens = [(2 * number + (1 if onset else 2), frame) for frame, onset, number in sorted(rows)]
    return np.array(tokens, dtype=np.int64).reshape(-1, 2)


def _frames(events: Sequence[Event], frame_rate: float, n_frames: int) -> list[tuple[int, int]]:
    """First and last frame of events of one class, those that would run into each other joined."""
    joined: list[tuple[int, int]] = []
    for onset, offset, _ in sorted(events):
        first = min(_frame(onset, frame_rate), n_frames - 2)
        last = max(min(_frame(offset, frame_rate), n_frames - 1), first + 1)
        if joined and first < joined[-1][1]:
            first, last = joined[-1][0], max(joined.pop()[1], last)
        joined.append((first, last))
    return joined


def _frame(seconds: float, frame_rate: float) -> int:
    return int(np.floor(seconds * frame_rate + 1e-6))  # 0.3 s times 10 Hz is 2.9999999999999996 in some sums


def check_overlaps(events: Sequence[Event], clip: str = "") -> None:
    """Events of one class follow each other.

    Raises:
        DataError: Two of them overlap: which of their offsets belongs to which onset cannot be told.
    """
    last: dict[str, Event] = {}
    for event in sorted(events):
        before = last.get(event[2])
        if before is not None and event[0] < before[1] - 1e-9:
            raise DataError(
                f"two events of {event[2]} overlap{f' in {clip}' if clip else ''}: "
                f"{before[0]:g} to {before[1]:g} s and {event[0]:g} to {event[1]:g} s",
                expected="events of one class that follow each other",
                repair="join them into one",
            )
        last[event[2]] = event


def excerpt(tokens: Tokens, first: int, n_frames: int) -> Tokens:
    """Tokens of some frames of a clip, counted from their first; a boundary outside is not heard."""
    inside = (tokens[:, 1] >= first) & (tokens[:, 1] < first + n_frames)
    return tokens[inside] - np.array([0, first], dtype=np.int64)


def best_path(outputs: NDArray[Any]) -> Tokens:
    """Best-path decoding: the most probable token of every frame, repeated ones collapsed, blanks removed.

    Args:
        outputs: Probabilities or log-probabilities. Shape: ``(T, V)``.

    Returns:
        Each token with the frame of its row in which it is most probable, the first of equals.

    Source: Wang, Metze 2017, section 2.1.

    >>> best_path(np.eye(3)[[0, 1, 1, 0, 1, 2]]).tolist()
    [[1, 1], [1, 4], [2, 5]]
    """
    T, V = outputs.shape
    path = np.asarray(outputs.argmax(1), dtype=np.int64)
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    ends = np.append(starts[1:], T)
    rows = [
        (int(path[a]), a + int(outputs[a:b, path[a]].argmax()))
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
        if path[a] != 0
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


class Decoded(NamedTuple):
    """Events made from boundaries.

    Args:
        events: Onset, offset, label; seconds.
        unpaired: Boundaries that belong to no event.
    """

    events: list[Event]
    unpaired: int


def pair(tokens: Tokens, classes: Sequence[str], frame_rate: float, n_frames: int) -> Decoded:
    """Join every onset with the offset of its class that comes next.

    A boundary is said to lie in the middle of its frame. An offset that comes first ends an event that was there from
    the beginning, and an onset that comes last begins one that lasts to the end. Of two onsets in a row the first has
    no offset, of two offsets the second no onset: these are left out, and counted.

    Args:
        tokens: As ``best_path`` or ``encode`` gives them.
        classes, frame_rate, n_frames: As for ``encode``.

    >>> pair(np.array([[1, 3], [1, 5], [2, 8]]), ["dog"], 10.0, 20)
    Decoded(events=[(0.55, 0.85, 'dog')], unpaired=1)
    """
    found, unpaired = list[Event](), 0
    for number, name in enumerate(classes):
        own = tokens[(tokens[:, 0] + 1) // 2 == number + 1]
        opened: float | None = 0.0 if len(own) and own[0, 0] == 2 * number + 2 else None
        for token, frame in own.tolist():
            seconds = (frame + 0.5) / frame_rate
            if token == 2 * number + 1:
                unpaired += opened is not None
                opened = seconds
            elif opened is None:
                unpaired += 1
            else:
                found.append((opened, seconds, name))
                opened = None
        if opened is not None:
            found.append((opened, n_frames / frame_rate, name))
    return Decoded(sorted(found), unpaired)
