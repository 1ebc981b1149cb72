"""The corpora of this paper's chapters, and their features as the taggers read them."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from companion.checkout import event_table
from companion.datasets.extraction import extract_corpus
from companion.datasets.rare import RareMixtures, RareSounds
from companion.events import read_table
from companion.features import DV_MFCC, Feature, dv_mfcc
from companion.profiles import Settings
from companion.store import Store
from companion.training.recordings import Recordings


class SoundSettings(Settings):
    """Sounds, and the mixtures and features that are made of them.

    Args:
        name: ``synthetic``, ``esc50``, or ``tut2017``, the paper's own.
        source: What the source task tags: ``cry``, or ``voices``, a stand-in with more recordings.
        hop_length: Samples between frames.
        averaged: Frames that are averaged into one step of the network.
        normalised: What of a mixture's own MFCC is taken out of it, coefficient by coefficient: ``nothing``, its
            ``mean`` over time, or ``mean and deviation``. A steady background has less to say then. Open in the paper.
    """

    name: Literal["synthetic", "esc50", "tut2017"]
    source: Literal["cry", "voices"] = "cry"
    hop_length: int = 512
    averaged: int = 1
    normalised: Literal["nothing", "mean", "mean and deviation"] = "nothing"


def rare_sounds(settings: SoundSettings, seed: int, data: Path) -> RareSounds:
    """The sounds of both tasks, dealt to parts that share no recording and no author."""
    if settings.name == "synthetic":
        from companion.datasets.synthetic.rare import SyntheticRare

        return SyntheticRare(seed)
    if settings.name == "tut2017":
        from companion.datasets.rare_events_2017 import TUTRareEvents2017
        from companion.datasets.rare_events_2017_tasks import RareTUT2017

        return RareTUT2017(TUTRareEvents2017(data), validation=0.2)
    from companion.datasets.esc50 import ESC50
    from companion.datasets.esc50_rare import RareESC50

    return RareESC50(ESC50(data), read_table(event_table()), source=settings.source)


def averaged(feature: Feature, n: int) -> Feature:
    """Means of ``n`` frames after one another; the last may be of fewer. Shape: ``(T, F)`` to ``(⌈T / n⌉, F)``.

    >>> averaged(np.arange(5.0).reshape(5, 1), 2).ravel().tolist()
    [0.5, 2.5, 4.0]
    """
    if n == 1:
        return feature
    starts = np.arange(0, len(feature), n)
    counts = np.diff([*starts, len(feature)])
    sums: NDArray[np.float64] = np.add.reduceat(feature, starts, axis=0, dtype=np.float64)
    return (sums / counts[:, None]).astype(feature.dtype)


def normalised(feature: Feature, how: Literal["nothing", "mean", "mean and deviation"]) -> Feature:
    """Coefficients less their means over time and, if asked, over their deviations. Shape: ``(T, F)``, as before.

    A coefficient that never changes becomes 0.

    >>> normalised(np.array([[1.0, 5.0], [3.0, 5.0]]), "mean and deviation").tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    if how == "nothing":
        return feature
    centred = feature - feature.mean(0)
    deviation = centred.std(0) if how == "mean and deviation" else np.ones(1, feature.dtype)
    return (centred / np.where(deviation > 0, deviation, 1)).astype(feature.dtype)


def recordings(mixtures: RareMixtures, settings: SoundSettings, n_jobs: int) -> Recordings:
    """Features and labels of mixtures. Shape: ``(T, F)`` each, and ``(N, 1)``."""
    found = extract_corpus(mixtures, dv_mfcc(settings.hop_length), Store(), n_jobs=n_jobs)
    labels = np.array([[float(bool(clip.weak))] for clip in mixtures.clips], dtype=np.float32)
    clips = [normalised(np.asarray(feature), settings.normalised) for feature in found]
    return Recordings([averaged(clip, settings.averaged) for clip in clips], labels)


def steps_in(seconds: float, settings: SoundSettings) -> int:
    """Steps of the network in some seconds, at least one."""
    return max(1, int(seconds * DV_MFCC.sample_rate / (settings.hop_length * settings.averaged)))


def event_spans(mixtures: RareMixtures, settings: SoundSettings) -> list[tuple[int, int] | None]:
    """First and one past the last step of the event in each mixture; None where there is none."""
    step = settings.hop_length * settings.averaged
    found: list[tuple[int, int] | None] = []
    for clip in mixtures.clips:
        placed = mixtures.recipes[clip.id].placements if clip.weak else ()
        found.append(
            (placed[0].onset // step, -(-(placed[0].onset + placed[0].event.n_samples) // step)) if placed else None
        )
    return found
