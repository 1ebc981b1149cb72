"""Activity in frames and events in seconds: one from the other, as a frame-wise detector needs them.

Source: Mesaros, Heittola and Virtanen 2016, "Metrics for polyphonic sound event detection", Applied Sciences 6 (how a
detector's frames become events).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from companion.errors import ParameterError
from companion.evaluation.strong_labels import Event


def activity(events: Sequence[Event], classes: Sequence[str], times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which classes sound in which frame: those with an event around its middle.

    Args:
        events: Onset, offset, label; seconds.
        classes: Classes n.
        times: Seconds of the middles of frames. Shape: ``(T,)``.

    Returns:
        Shape: ``(T, n)``.

    >>> activity([(0.1, 0.3, "dog")], ["cat", "dog"], np.array([0.05, 0.15, 0.25, 0.35]))[:, 1].tolist()
    [False, True, True, False]
    """
    found = np.zeros((len(times), len(classes)), dtype=bool)
    for onset, offset, label in events:
        found[(times >= onset) & (times < offset), list(classes).index(label)] = True
    return found


def events_of(
    active: NDArray[np.bool_], classes: Sequence[str], times: NDArray[np.float64], smooth: int = 1
) -> list[Event]:
    """Events of frames in which a class sounds without a break, in order of their onsets.

    Args:
        active: Shape: ``(T, n)``.
        classes: Classes n.
        times: Seconds of the middles of frames, evenly spaced. Shape: ``(T,)``.
        smooth: Frames, an odd number, over which the median is taken first: shorter bursts and gaps are not heard.

    Raises:
        ParameterError: An even number of frames.

    >>> events_of(np.array([[0], [1], [1], [0]], bool), ["dog"], np.array([0.05, 0.15, 0.25, 0.35]))
    [(0.1, 0.3, 'dog')]
    """
    if smooth < 1 or smooth % 2 == 0:
        raise ParameterError(f"a median over {smooth} frames", expected="an odd number")
    T = len(times)
    half = (times[-1] - times[0]) / (2 * (T - 1)) if T > 1 else 0.0
    heard = median_filter(active.astype(np.uint8), size=(smooth, 1), mode="nearest")
    found = list[Event]()
    for number, label in enumerate(classes):
        steps = np.diff(heard[:, number].astype(int), prepend=0, append=0)
        for first, stop in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
            onset, offset = max(0.0, times[first] - half), times[stop - 1] + half
            found.append((round(float(onset), 6), round(float(offset), 6), label))
    return sorted(found)
