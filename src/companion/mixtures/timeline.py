"""When events happen in a recording in which several may sound at once, but no two of a class."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from companion.errors import ParameterError

Drawn = TypeVar("Drawn")


@dataclass(frozen=True)
class TimelineRule:
    """The distribution of onsets.

    Args:
        spacing: Least and most seconds from one onset to the next; uniform between them.
        pause: Least seconds between two events of a class.
    """

    spacing: tuple[float, float] = (0.5, 4.5)
    pause: float = 0.5


def draw_timeline(
    classes: Sequence[str],
    duration: float,
    draw: Callable[[str, np.random.Generator], tuple[Drawn, float]],
    rule: TimelineRule,
    rng: np.random.Generator,
) -> list[tuple[Drawn, float]]:
    """Events in order of their onsets, all wholly inside the recording.

    Each is of a class that is silent then and has been for a while, all such classes being equally likely. One that
    would outlast the recording is left out.

    Args:
        classes: Event classes.
        duration: Seconds of the recording.
        draw: From a class and a generator to an event of it and its length in seconds.
        rule: The distribution.
        rng: Source of randomness.

    Returns:
        What was drawn and its onset in seconds.

    Raises:
        ParameterError: The rule has no time between onsets.
    """
    if not 0 <= rule.spacing[0] <= rule.spacing[1] or rule.spacing[1] <= 0 or rule.pause < 0:
        raise ParameterError(f"{rule}", expected="0 ≤ least ≤ most seconds between onsets, and a pause of 0 or more")
    free_from, placed = dict.fromkeys(sorted(classes), 0.0), list[tuple[Drawn, float]]()
    onset = float(rng.uniform(0, rule.spacing[1]))
    while onset < duration:
        silent = [label for label, since in free_from.items() if since <= onset]
        if silent:
            label = silent[int(rng.integers(len(silent)))]
            drawn, length = draw(label, rng)
            if onset + length <= duration:
                placed.append((drawn, onset))
                free_from[label] = onset + length + rule.pause
        onset += float(rng.uniform(*rule.spacing))
    return placed


class Polyphony(NamedTuple):
    """How much sounds at once.

    Args:
        active: Share of the time in which something sounds.
        overlapped: Share of that in which two events or more do.
    """

    active: float
    overlapped: float


def polyphony(spans: Sequence[Sequence[tuple[float, float]]], durations: Sequence[float]) -> Polyphony:
    """Polyphony of a corpus.

    Args:
        spans: Onset and offset of the events of each recording; seconds.
        durations: Seconds of each recording.

    >>> polyphony([[(0.0, 2.0), (1.0, 4.0)]], [8.0])
    Polyphony(active=0.5, overlapped=0.25)
    """
    one = two = 0.0
    for events in spans:
        steps = sorted([(onset, 1) for onset, _ in events] + [(offset, -1) for _, offset in events])
        level, since = 0, 0.0
        for time, step in steps:
            one += (time - since) * (level > 0)
            two += (time - since) * (level > 1)
            level, since = level + step, time
    return Polyphony(one / sum(durations), two / one if one else 0.0)
