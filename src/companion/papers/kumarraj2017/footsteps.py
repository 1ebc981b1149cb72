"""How many events are a row of footsteps? Fig. 1 of Kumar, Raj 2017: one recording, and several ways of cutting it."""

import numpy as np
import pandas as pd

from companion.datasets.base import Clip, Dataset
from companion.events import CutRule, find_events
from companion.features import NS_LOG_MEL, extract

PAUSES = (0.04, 0.1, 0.2, 0.4, 0.8)
"""Longest pause, in seconds, that still belongs to one event: as many annotators."""

BANDS, FRAMES = 4, 4
"""Bands and frames that the picture joins."""


def cuts(dataset: Dataset, clip: Clip) -> dict[float, list[tuple[float, float]]]:
    """Onsets and offsets of a clip in seconds, by the longest pause within an event."""
    audio = dataset.audio(clip)
    return {
        pause: [
            (onset / audio.sample_rate, offset / audio.sample_rate)
            for onset, offset in find_events(
                audio.samples, audio.sample_rate, CutRule(threshold_db=-20.0, join_gap=pause)
            )
        ]
        for pause in PAUSES
    }


def ambiguous(dataset: Dataset, label: str) -> Clip:
    """The clip of a class that annotators would disagree about most: most different numbers of events."""

    def disagreement(clip: Clip) -> tuple[int, int]:
        counts = [len(spans) for spans in cuts(dataset, clip).values()]
        return len(set(counts)), max(counts) - min(counts)

    return max((clip for clip in dataset.clips if clip.label == label), key=disagreement)


def tables(dataset: Dataset, label: str) -> dict[str, pd.DataFrame]:
    """``footsteps``, that clip's log-mel (seconds, band, level in dB), and ``boundaries`` (pause, onset, offset)."""
    clip = ambiguous(dataset, label)
    audio = dataset.audio(clip)
    log_mel = extract(audio.samples, audio.sample_rate, NS_LOG_MEL)
    T, F = len(log_mel) // FRAMES, log_mel.shape[1] // BANDS
    level = log_mel[: T * FRAMES].reshape(T, FRAMES, F, BANDS).max(axis=(1, 3))
    seconds = np.arange(T) * FRAMES * NS_LOG_MEL.hop_length / NS_LOG_MEL.sample_rate
    picture = pd.DataFrame(
        {
            "seconds": np.repeat(seconds.round(3), F),
            "band": np.tile(np.arange(F) * BANDS, T),
            "level": level.ravel().round(1),
            "clip": clip.id,
        }
    )
    spans = [
        {"pause": pause, "onset": round(onset, 3), "offset": round(offset, 3)}
        for pause, found in cuts(dataset, clip).items()
        for onset, offset in found
    ]
    return {"footsteps": picture, "boundaries": pd.DataFrame(spans)}
