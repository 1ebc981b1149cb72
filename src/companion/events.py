"""Events are cut, not assumed: where in a clip something sounds, by one written rule.

A fifth of ESC-50's clips hold half a second or more of silence, so a clip is not an event. The rule looks
at the level of short frames relative to the clip's loudest frame, joins what lies close together and
splits what does not. Cuts get raised-cosine edges, so that placing one makes no click.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.atomic import write_text
from companion.audio import Samples, check
from companion.errors import DataError


@dataclass(frozen=True)
class CutRule:
    """When a region of a clip counts as an event.

    The defaults were fixed after looking at 50 random cuts of ESC-50: 30 dB below the loudest frame keeps
    decays and soft syllables and leaves out digital silence and most noise floors. In about one clip of ten
    the room itself lies within 30 dB of the peak (water drops, keyboard, distant knocks); there the cut is
    the whole clip, noise included.

    Args:
        threshold_db: A frame is active when its level is above the loudest frame's by no less than this.
        frame: Frame length in seconds; frames do not overlap.
        join_gap: Pauses up to this many seconds belong to the event; longer ones split it.
        shortest: Regions shorter than this many seconds are dropped.
        longest: Regions are capped at this many seconds, from their onset.
        edge: Length in seconds of the raised-cosine edges.
    """

    threshold_db: float = -30.0
    frame: float = 0.02
    join_gap: float = 1.0
    shortest: float = 0.06
    longest: float = 5.0
    edge: float = 0.01


@dataclass(frozen=True)
class EventCut:
    """One row of the event table.

    Args:
        clip: Clip id.
        onset: First sample at 44.1 kHz.
        offset: One past the last sample.
        recording: Freesound id.
        label: Event class.
        fold: Official fold of the clip.
        author: Freesound author, from the corpus's licence file; empty when that does not name one.
    """

    clip: str
    onset: int
    offset: int
    recording: str
    label: str
    fold: int
    author: str

    @property
    def n_samples(self) -> int:
        """Length in samples."""
        return self.offset - self.onset


def author_of(row: EventCut) -> str:
    """Who recorded a cut; a recording whose author is not known counts as an author of its own."""
    return row.author or f"recording {row.recording}"


def find_events(samples: Samples, sample_rate: int, rule: CutRule | None = None) -> list[tuple[int, int]]:
    """Active regions of a clip.

    Args:
        samples: Shape: ``(N,)``.
        sample_rate: Hz.
        rule: The rule; None for the default.

    Returns:
        (onset, offset) in samples, ascending, not overlapping. Empty when the clip is silent.

    Raises:
        AudioError: The clip is empty or not finite.
    """
    rule = rule or CutRule()
    samples = check(samples, "clip")
    hop = round(rule.frame * sample_rate)
    n_frames = -(-len(samples) // hop)
    frames = np.pad(samples, (0, n_frames * hop - len(samples))).reshape(n_frames, hop)
    level = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    if level.max() == 0.0:
        return []
    active = level >= level.max() * 10 ** (rule.threshold_db / 20)
    regions = _join(_runs(active), round(rule.join_gap / rule.frame))
    longest, shortest = round(rule.longest * sample_rate), rule.shortest * sample_rate
    cuts = [(a * hop, min(b * hop, len(samples), a * hop + longest)) for a, b in regions]
    return [(onset, offset) for onset, offset in cuts if offset - onset >= shortest]


def _runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of True as (first, one past last)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], active, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _join(runs: Sequence[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    """Join runs that are at most ``gap`` frames apart."""
    joined: list[tuple[int, int]] = []
    for a, b in runs:
        if joined and a - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    return joined


def cut(samples: Samples, onset: int, offset: int, sample_rate: int, edge: float = CutRule.edge) -> Samples:
    """Take one event out of a clip, with raised-cosine edges.

    Shape: ``(N,)`` to ``(offset - onset,)``.
    """
    event = samples[onset:offset].copy()
    n_edge = min(round(edge * sample_rate), len(event) // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(n_edge) + 0.5) / max(n_edge, 1))).astype(np.float32)
    event[:n_edge] *= ramp
    event[len(event) - n_edge :] *= ramp[::-1]
    return event


def length_statistics(cuts: Sequence[EventCut], sample_rate: int, clip_duration: float) -> pd.DataFrame:
    """How long the events of each class are, and how much of its clips they fill.

    Args:
        cuts: An event table.
        sample_rate: Hz, of the table's samples.
        clip_duration: Seconds of each clip.

    Returns:
        One row per class, in alphabetical order: n_cuts, n_clips, n_recordings; median, p5 and p95 of the
        length in seconds; active, the share of the clips' time that lies in a cut.
    """
    rows = [(row.label, row.clip, row.recording, row.n_samples / sample_rate) for row in cuts]
    table = pd.DataFrame(rows, columns=["label", "clip", "recording", "length"]).groupby("label")
    length = table["length"]
    counts = {
        "n_cuts": table.size(),
        "n_clips": table["clip"].nunique(),
        "n_recordings": table["recording"].nunique(),
    }
    quantiles = {"median": length.median(), "p5": length.quantile(0.05), "p95": length.quantile(0.95)}
    active = length.sum() / (counts["n_clips"] * clip_duration)
    return pd.DataFrame({**counts, **quantiles, "active": active})


def write_table(path: Path, cuts: Sequence[EventCut]) -> None:
    """Write an event table as csv, atomically."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(EventCut))
    writer.writerows([getattr(row, field.name) for field in fields(EventCut)] for row in cuts)
    write_text(path, text.getvalue())


def read_table(path: Path) -> list[EventCut]:
    """Read an event table.

    Raises:
        DataError: The file is missing, or a column or value is.
    """
    repair = "make it again with `companion events esc50`"
    if not path.is_file():
        raise DataError(f"no event table at {path}", expected="a csv of event cuts", repair=repair)
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            cuts = [
                EventCut(
                    clip=row["clip"],
                    onset=int(row["onset"]),
                    offset=int(row["offset"]),
                    recording=row["recording"],
                    label=row["label"],
                    fold=int(row["fold"]),
                    author=row["author"],
                )
                for row in csv.DictReader(lines)
            ]
        wrong = next((row for row in cuts if not 0 <= row.onset < row.offset), None)
        if wrong is not None:
            raise ValueError(f"an event of {wrong.clip} from {wrong.onset} to {wrong.offset}")
        return cuts
    except (OSError, csv.Error, KeyError, ValueError, TypeError) as error:
        names = ", ".join(field.name for field in fields(EventCut))
        raise DataError(
            f"event table {path} is damaged: {error}", expected=f"columns {names}", repair=repair
        ) from error
