"""Recordings of very different lengths, and of several features, as training examples."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from companion.training.recordings import Recordings, Scored

SHORTEST = 128
"""Frames that the shortest recordings are filled up to: one segment."""


class Ragged:
    """Recordings of any lengths; those of like length share a batch, filled up to the longest with frames of NaN.

    A network that takes such batches leaves the frames of NaN out (`companion.models.wler`).

    Args:
        recordings: The recordings.
        ratio: Largest ratio of lengths in a batch.

    Attributes:
        lengths: For each recording the longest that may share its batch, by which the training loop groups.
    """

    def __init__(self, recordings: Recordings, ratio: float = 1.1) -> None:
        self.recordings = recordings
        exact = np.maximum(np.asarray(recordings.lengths, dtype=np.float64), SHORTEST)
        groups = np.ceil(np.log(exact / SHORTEST) / np.log(ratio) - 1e-9)
        self.lengths = np.floor(SHORTEST * ratio**groups + 1e-6).astype(int).tolist()

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Shape: ``(B, T, F)`` and ``(B, C)``."""
        features = [self.recordings.features[int(i)] for i in indices]
        x = np.full((len(features), max(map(len, features)), features[0].shape[1]), np.nan, dtype=np.float32)
        for row, feature in zip(x, features, strict=True):
            row[: len(feature)] = feature
        return torch.from_numpy(x), torch.from_numpy(self.recordings.labels[indices])


def joined(scales: Sequence[Recordings]) -> Recordings:
    """The same recordings in several features, each of which is an example of its own.

    Source: Kumar, Raj 2017, section II-A.
    """
    features = [feature for scale in scales for feature in scale.features]
    return Recordings(features, np.concatenate([scale.labels for scale in scales]))


def averaged(scales: Sequence[Scored]) -> Scored:
    """The mean over several features of what is said of the same recordings (section II-C, prediction)."""
    segments = zip(*(scale.segments for scale in scales), strict=True)
    return Scored(
        np.mean([scale.recording for scale in scales], axis=0, dtype=np.float32),
        [np.mean(of_one, axis=0, dtype=np.float32) for of_one in segments],
    )
