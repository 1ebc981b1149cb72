"""How far in time an event is found from where it is.

A run is a longest row of active segments of one class. It is said to begin at the centre of its first segment and
to end at the centre of its last. A segment that becomes active at the slightest overlap with an event begins up to
1.5 s before it, one that waits until the event fills half of it up to 0.7 s; their centres lie 0.4 s too early and
0.4 s too late in the mean, so the centre leans to neither. Segments 0.743 s apart cannot do much better than a
quarter of that spacing, and an event at the very ends of a clip is never found closer than half a segment.

Every event is compared with the run nearest to it, so many runs make small errors without knowing anything. The
chance error says how far the nearest of as many runs would be, if they began at segments drawn at random.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError, ParameterError
from companion.evaluation.strong_labels import Event, check_bounds, check_events

Array = NDArray[np.float64]
BOUNDARIES, PLACES = ("onset", "offset"), ("centre", "start")


@dataclass(frozen=True)
class OnsetErrors:
    """Errors of every reference event; NaN where its class is found nowhere in the clip.

    Args:
        clip: Number of the event's clip. Shape: ``(E,)``.
        label: Its class. Shape: ``(E,)``.
        signed: Estimated minus reference onset, seconds; below zero for too early. Shape: ``(E,)``.
        chance: Expected absolute error of as many runs that begin at random segments. Shape: ``(E,)``.
        n_clips: Number of clips N, those without an event included.
    """

    clip: NDArray[np.int64]
    label: NDArray[Any]
    signed: Array
    chance: Array
    n_clips: int

    @property
    def absolute(self) -> Array:
        """Distance in seconds. Shape: ``(E,)``."""
        return np.abs(self.signed)

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether the event's class is found anywhere in the clip. Shape: ``(E,)``."""
        return ~np.isnan(self.signed)

    def only(self, events: NDArray[np.bool_]) -> "OnsetErrors":
        """The errors of some events, in the same clips. Shape: ``(E,)``."""
        kept = {name: getattr(self, name)[events] for name in ("clip", "label", "signed", "chance")}
        return replace(self, **kept)

    @property
    def n_missed(self) -> int:
        """Number of events whose class is found nowhere in their clip."""
        return int((~self.found).sum())

    @property
    def sums(self) -> Array:
        """Of each clip: events, events found, their absolute, signed and chance errors added up. Shape: ``(N, 5)``."""
        columns = [np.ones(len(self.found)), self.found, *np.nan_to_num([self.absolute, self.signed, self.chance])]
        return np.stack([np.bincount(self.clip, weights=c, minlength=self.n_clips) for c in columns], axis=1)

    def mean(self, what: str = "absolute", weights: ArrayLike | None = None) -> Array:
        """Mean error over the events found, or share of the events missed, under weights of the clips.

        Args:
            what: ``"absolute"``, ``"signed"`` or ``"chance"``, in seconds; or ``"missed"``, a share.
            weights: How much each clip counts. Shape: ``(N,)``, or ``(R, N)`` for R resamples.

        Returns:
            NaN without events. Shape: ``()``, or ``(R,)``.
        """
        columns = {"absolute": 2, "signed": 3, "chance": 4, "missed": 0}
        if what not in columns:
            raise ParameterError(f"no error {what!r}", expected=", ".join(columns))
        weights = np.ones(self.n_clips) if weights is None else np.asarray(weights, dtype=np.float64)
        sums = np.moveaxis(weights @ self.sums, -1, 0)
        part, whole = (sums[0] - sums[1], sums[0]) if what == "missed" else (sums[columns[what]], sums[1])
        return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)[()]


def onset_error(
    events: Sequence[Sequence[Event]],
    estimated: Sequence[NDArray[Any]],
    bounds: Sequence[ArrayLike],
    classes: Sequence[str],
    thresholds: ArrayLike,
    *,
    boundary: str = "onset",
    place: str = "centre",
) -> OnsetErrors:
    """Distance from every event to the nearest onset that is estimated for its class in the clip.

    Args:
        events: Onset, offset, label of the events of each clip.
        estimated: Outputs of its segments. Shape: ``(K, C)`` each.
        bounds: Start and end of its segments, seconds. Shape: ``(K, 2)`` each.
        classes: Classes C.
        thresholds: Active is at or above; one for all, or one a class. Shape: ``()`` or ``(C,)``.
        boundary: ``"onset"``, or ``"offset"`` for the ends of events and runs.
        place: Where a run begins and ends: at the ``"centre"`` of its first and last segment, or at the ``"start"``
            of the first (the end of the last).

    Raises:
        DataError: The lists do not belong together, or hold what cannot be scored.
        ParameterError: An option or the number of thresholds is wrong.
    """
    if boundary not in BOUNDARIES or place not in PLACES:
        raise ParameterError(f"boundary {boundary!r}, place {place!r}", expected=f"{BOUNDARIES}, {PLACES}")
    if not 0 < len(events) == len(estimated) == len(bounds):
        raise DataError(
            f"events of {len(events)} clips, {len(estimated)} estimated, {len(bounds)} bounds",
            expected="as many of each",
        )
    limits, column = one_per_class(thresholds, len(classes)), {name: i for i, name in enumerate(classes)}
    side = BOUNDARIES.index(boundary)
    rows: list[tuple[int, str, float, float]] = []
    for number, (of_clip, outputs, given) in enumerate(zip(events, estimated, bounds, strict=True)):
        segments = check_bounds(given)
        check_events(of_clip, classes)
        times = segments.mean(1) if place == "centre" else segments[:, side]
        active = _active(np.asarray(outputs), limits, len(segments))
        for onset, offset, label in of_clip:
            runs, true = times[_ends(active[:, column[label]], boundary)], (onset, offset)[side]
            rows.append((number, label, _nearest(true, runs), _chance(true, len(runs), times)))
    signed, chance = np.array([row[2:] for row in rows], dtype=np.float64).reshape(-1, 2).T
    clips = np.array([row[0] for row in rows], dtype=np.int64)
    return OnsetErrors(clips, np.array([row[1] for row in rows]), signed, chance, n_clips=len(events))


def one_per_class(thresholds: ArrayLike, n_classes: int) -> Array:
    """Thresholds, one for each class.

    Raises:
        ParameterError: There is neither one nor one for each.
    """
    limits = np.asarray(thresholds, dtype=np.float64)
    if limits.shape not in ((), (n_classes,)) or np.isnan(limits).any():
        raise ParameterError(f"thresholds of shape {limits.shape}", expected=f"one, or {n_classes}; no NaN")
    return np.broadcast_to(limits, (n_classes,))


def _active(outputs: NDArray[Any], limits: Array, n_segments: int) -> NDArray[np.bool_]:
    if outputs.shape != (n_segments, len(limits)) or not np.isfinite(outputs).all():
        raise DataError(f"outputs of shape {outputs.shape}", expected=f"finite, ({n_segments}, {len(limits)})")
    return np.asarray(outputs >= limits)


def _ends(active: NDArray[np.bool_], boundary: str) -> NDArray[np.intp]:
    """First segments of all runs, or last ones."""
    beside = np.append(False, active[:-1]) if boundary == "onset" else np.append(active[1:], False)
    return np.flatnonzero(active & ~beside)


def _nearest(true: float, runs: Array) -> float:
    return float((runs - true)[np.abs(runs - true).argmin()]) if len(runs) else float("nan")


def _chance(true: float, n_runs: int, times: Array) -> float:
    """Expected distance to the nearest of n distinct segments, drawn at random."""
    if not n_runs:
        return float("nan")
    distances, left = np.sort(np.abs(times - true)), np.arange(len(times), 0, -1)
    none_so_near = np.cumprod(np.maximum(left - n_runs, 0) / left)  # that none is among the 1, 2, … nearest
    return float(distances @ -np.diff(none_so_near, prepend=1.0))
