"""What the network of event boundaries hears: features of about ten frames a second, and when these frames are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from companion.audio import Samples, resample
from companion.datasets.base import Clip, Dataset
from companion.errors import ParameterError
from companion.evaluation.boundaries import Tokens, encode, pair
from companion.evaluation.strong_labels import Event
from companion.features import TUT_MFCC, Feature, extract
from companion.models.soundnet import SAMPLE_RATE, waveform
from companion.papers.wangmetze2017.listening import Weights
from companion.store import Kept, Value, Work

RATE, WINDOW = 10, 2.0
"""Frames a second and seconds of sound that one describes, of low-level features (Wang, Metze 2017, as its [6])."""

LOW_LEVEL = "low-level"
DIMENSIONS = 50
"""Principal components of low-level features (Table 4)."""


class Grid(NamedTuple):
    """When the frames of a feature are.

    Args:
        rate: Frames in a second.
        first: Seconds of the middle of the first frame.
    """

    rate: float
    first: float

    def tokens(self, clip: Clip, classes: Sequence[str], n_frames: int) -> Tokens:
        """Boundaries of a clip, each in the frame whose middle is nearest. Shape: ``(L, 2)``."""
        return self.boundaries(clip.strong, classes, n_frames)

    def boundaries(self, events: Sequence[Event], classes: Sequence[str], n_frames: int) -> Tokens:
        """The same of any events, in seconds. Shape: ``(L, 2)``."""
        moved = [(max(0.0, on + self.late), max(off + self.late, 1e-3), label) for on, off, label in events]
        return encode(moved, classes, self.rate, n_frames)

    def events(self, tokens: Tokens, classes: Sequence[str], n_frames: int) -> list[Event]:
        """Events that boundaries make, in seconds of the recording."""
        found = pair(tokens, classes, self.rate, n_frames).events
        moved = [(max(0.0, onset - self.late), offset - self.late, label) for onset, offset, label in found]
        return [event for event in moved if event[0] < event[1]]

    def times(self, n_frames: int) -> NDArray[np.float64]:
        """Seconds of the middles of so many frames. Shape: ``(n_frames,)``."""
        return self.first + np.arange(n_frames) / self.rate

    @property
    def late(self) -> float:
        """Seconds by which the middle of the first frame of ``encode`` and ``pair`` comes after this one's."""
        return 0.5 / self.rate - self.first


def hear_frames(work: Work, corpus: Dataset, feature: str, weights: Weights | None) -> Value:
    """A feature of every recording.

    Args:
        work: Where to compute.
        corpus: The recordings.
        feature: ``low-level``, or a layer of SoundNet.
        weights: SoundNet's; not used for low-level features.

    Returns:
        Value: ``frames`` of all recordings one after the other, shape ``(sum of T, F)``, and ``starts`` of each, shape
        ``(N + 1,)``; ``rate`` and ``first`` of the grid.
    """
    found, grid = list[Feature](), Grid(float(RATE), 0.5 / RATE)
    network = None if feature == LOW_LEVEL or weights is None else weights.network().to(work.device)
    if network is not None:
        geometry = network.geometry(feature)
        grid = Grid(SAMPLE_RATE / geometry.stride, float(geometry.times(1, SAMPLE_RATE)[0]))
    for clip in tqdm(corpus.clips, desc=f"{feature} of {corpus.name}", unit="recording", delay=0.5, leave=False):
        audio = corpus.audio(clip)
        if network is None:
            found.append(low_level(audio.samples, audio.sample_rate))
            continue
        heard = waveform(resample(audio.samples, audio.sample_rate, SAMPLE_RATE), SAMPLE_RATE)
        with torch.inference_mode():
            frames = network.features(torch.from_numpy(heard)[None].to(work.device), [feature])[feature]
        found.append(frames[0].cpu().numpy())
    starts = np.cumsum([0, *map(len, found)])
    return Value({"frames": np.concatenate(found), "starts": starts}, grid._asdict())


def low_level(samples: Samples, sample_rate: int) -> Feature:
    """Six functionals of 20 MFCCs over two seconds, ten times a second.

    Mean, deviation, least and greatest value, slope, and mean absolute change from frame to frame. At the ends of a
    recording its first and last frame go on. The paper has 983 functionals of openSMILE.

    Args:
        samples: Shape: ``(N,)``.
        sample_rate: Hz.

    Returns:
        Shape: ``(T, 120)``.

    Raises:
        ParameterError: The recording is shorter than a frame.
    """
    n_out = int(len(samples) / sample_rate * RATE + 1e-6)
    if n_out < 1:
        raise ParameterError(f"a recording of {len(samples) / sample_rate:.3f} s", expected=f"{1 / RATE} s or more")
    mfcc = extract(samples, sample_rate, TUT_MFCC)
    per_second = TUT_MFCC.sample_rate / TUT_MFCC.hop_length
    half = round(WINDOW * per_second / 2)
    padded = np.pad(mfcc, ((half, half), (0, 0)), mode="edge")
    middles = np.rint((np.arange(n_out) + 0.5) / RATE * per_second).astype(int)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half, axis=0)[np.minimum(middles, len(mfcc))]
    times = np.arange(2 * half) - half + 0.5
    slope = windows @ (times / (times @ times)).astype(np.float32)
    change = np.abs(np.diff(windows, axis=2)).mean(2)
    parts = [windows.mean(2), windows.std(2), windows.min(2), windows.max(2), slope, change]
    return np.concatenate(parts, axis=1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Heard:
    """Features of a corpus, as the network hears them, and its boundaries.

    Args:
        corpus: The recordings.
        features: Shape: ``(T, F)`` each.
        tokens: Shape: ``(L, 2)`` each.
        grid: When frames are.
    """

    corpus: Dataset
    features: list[Feature]
    tokens: list[Tokens]
    grid: Grid

    @classmethod
    def of(cls, corpus: Dataset, kept: Kept, *, components: int | None) -> "Heard":
        """Standardised features, or their principal components, by what the training recordings hold.

        Args:
            corpus: The recordings.
            kept: Made by ``hear_frames``.
            components: Principal components; None for the features themselves.
        """
        starts, grid = kept["starts"], Grid(kept.facts["rate"], kept.facts["first"])
        raw = [kept["frames"][a:b] for a, b in pairwise(starts)]
        learned = np.concatenate([x for x, clip in zip(raw, corpus.clips, strict=True) if clip.fold == 1])
        scaler = StandardScaler().fit(learned)
        steps = [scaler]
        if components is not None and components < learned.shape[1]:
            steps.append(PCA(components, whiten=True, svd_solver="covariance_eigh").fit(scaler.transform(learned)))
        features = [_through(steps, x) for x in raw]
        tokens = [grid.tokens(clip, corpus.classes, len(x)) for clip, x in zip(corpus.clips, features, strict=True)]
        return cls(corpus, features, tokens, grid)

    def fold(self, number: int) -> NDArray[np.intp]:
        """Numbers of the recordings of training (1), validation (2) or test (3)."""
        return np.flatnonzero([clip.fold == number for clip in self.corpus.clips])


def _through(steps: Sequence[StandardScaler | PCA], x: Feature) -> Feature:
    for step in steps:
        x = step.transform(x)
    return np.ascontiguousarray(x, dtype=np.float32)
