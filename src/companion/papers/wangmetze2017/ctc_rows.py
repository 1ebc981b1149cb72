"""What is counted of networks of boundaries, and of frame-wise detectors beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from companion.datasets.base import Dataset
from companion.evaluation.boundaries import Tokens
from companion.evaluation.event_matching import match_counts, segment_f1_of_events
from companion.evaluation.influence import Linearised, mean_score, weighted
from companion.evaluation.intervals import Interval, interval, ratio_interval
from companion.evaluation.strong_labels import Event
from companion.evaluation.token_errors import TokenErrors, errors_in_any_order
from companion.evaluation.units import Units, units_of
from companion.papers.wangmetze2017.frames import Heard
from companion.papers.wangmetze2017.learning import SPLITS, Said
from companion.results.rows import Rows, bare

TER, POINTS = "TER %", "TER difference, points"
F1, F1_POINTS = "F1 %", "F1 difference, points"
COLLAR, SEGMENT = 1.0, 1.0
"""Seconds by which an onset may be off, and of a segment."""

F1_COLUMNS = (f"events, collar {COLLAR:g} s", f"segments of {SEGMENT:g} s")

Counts = NDArray[np.float64]
"""Hits, false alarms and misses of each recording. Shape: ``(N, 3)``."""


def units(recordings: Dataset, split: str) -> Units:
    """Which recordings of a split share an original recording or an author."""
    names = [clip.recording for clip in recordings.clips if clip.fold == SPLITS[split]]
    return units_of(names, recordings.author_of)


def rate(errors: Sequence[TokenErrors], units: Units) -> Linearised:
    """Token error rate of each seed, in per cent, and how every recording moves it."""
    wrong = np.stack([one.errors for one in errors]).astype(np.float64)
    true = errors[0].n_reference.astype(np.float64)
    return weighted(lambda weights: 100 * (weights @ wrong.T) / (weights @ true)[:, None], units)


def kinds_of(
    true: Sequence[Tokens], said: Sequence[Said], chosen: NDArray[np.intp], errors: Sequence[TokenErrors]
) -> Iterator[dict[str, float]]:
    """What kinds of errors each seed makes, in per cent of the true tokens, and what the order alone costs."""
    for seed, (one, found) in enumerate(zip(said, errors, strict=True)):
        whole = float(found.n_reference.sum())
        unordered = errors_in_any_order(true, one.only(chosen))
        yield {
            "seed": seed,
            "substitutions": 100 * found.substitutions.sum() / whole,
            "deletions": 100 * found.deletions.sum() / whole,
            "insertions": 100 * found.insertions.sum() / whole,
            "order of simultaneous boundaries": 100 * (found.errors - unordered).sum() / whole,
        }


def events_made(said: Said, heard: Heard) -> list[list[Event]]:
    """Events that the boundaries of every recording make, in seconds."""
    pairs = zip(said.tokens, heard.features, strict=True)
    return [heard.grid.events(tokens, heard.corpus.classes, len(x)) for tokens, x in pairs]


def event_counts(heard: Heard, events: Sequence[Sequence[Event]]) -> tuple[Counts, Counts]:
    """How the events of every test recording compare with the true ones, as events and in segments.

    Args:
        heard: The corpus.
        events: Of all recordings, as estimated.
    """
    chosen, classes = heard.fold(SPLITS["test"]), heard.corpus.classes
    clips, said = [heard.corpus.clips[i] for i in chosen], [events[i] for i in chosen]
    true = [clip.strong for clip in clips]
    as_events = match_counts(true, said, classes, collar=COLLAR).sum(1)
    in_segments = [
        segment_f1_of_events([one], [other], [clip.duration], classes, SEGMENT).counts.sum(0)
        for one, other, clip in zip(true, said, clips, strict=True)
    ]
    return as_events.astype(np.float64), np.array(in_segments, dtype=np.float64)


def f1(counts: Sequence[Counts], units: Units) -> Linearised:
    """F1 of each seed over all decisions together, in per cent, and how every recording moves it."""
    hits, false, missed = np.stack(counts).transpose(2, 0, 1)
    both = 2 * hits + false + missed
    return weighted(lambda weights: 200 * (weights @ hits.T) / np.maximum(weights @ both.T, 1e-9), units)


def f1_rows(rows: Rows, row: str, counts: Sequence[tuple[Counts, Counts]], units: Units,
            other: Sequence[tuple[Counts, Counts]] | None = None) -> None:  # fmt: skip
    """F1 of the events that boundaries make and, where there is one, of a frame-wise detector, and the difference."""
    for number, column in enumerate(F1_COLUMNS):
        own = f1([one[number] for one in counts], units)
        rows.add("F1", row, column, F1, interval(own, bounds=(0, 100)))
        if other is not None:
            apart = f1([one[number] for one in other], units)
            rows.add("F1, frame by frame", row, column, F1, interval(apart, bounds=(0, 100)))
            gain = interval(own - apart, bounds=(-100, 100), difference=True)
            rows.add("F1, boundaries - frame by frame", row, column, F1_POINTS, gain)


def over_seeds(found: Interval) -> Interval:
    """An interval over seeds: no recordings were counted."""
    return replace(found, n_clips=0, n_recordings=0, n_seeds=found.n_clips)


def epoch_rows(rows: Rows, begun: Mapping[tuple[str, str], Sequence[int | None]]) -> None:
    """Epochs before anything is said, by row and column, and how those compare that claims speak of.

    Where a network never spoke there is no number of epochs, but a count of networks that did.
    """
    seeds = {n: Units([f"seed {i}" for i in range(n)], over="seeds") for n in set(map(len, begun.values()))}
    found = {}
    for (row, column), counts in begun.items():
        spoke = [count for count in counts if count is not None]
        if len(spoke) < len(counts):
            rows.add("Spoke", row, column, "networks", bare(len(spoke), n_seeds=len(counts)), note=f"of {len(counts)}")
            continue
        found[row, column] = one = mean_score(np.array([spoke], dtype=np.float64), seeds[len(spoke)])
        rows.add("Claim", row, column, "epochs", over_seeds(interval(one, bounds=(0, np.inf))))
    low, early = ("warm-up low-level", "random start"), ("warm-up low-level", "pre-trained")
    conv5 = ("warm-up transferred", "conv5")
    if low in found and early in found:
        gain = over_seeds(interval(found[low] - found[early], difference=True))
        rows.add("Paired", low[0], f"{low[1]} - {early[1]}", "epochs difference", gain)
    if low in found and conv5 in found:
        ratio = over_seeds(ratio_interval(found[conv5], found[low]))
        rows.add("Paired", f"{conv5[0]} / {low[0]}", f"{conv5[1]} / {low[1]}", "epochs ratio", ratio)
