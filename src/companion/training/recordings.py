"""Recordings with weak labels as training examples, and what a network says of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn


class Recordings:
    """Training examples: a feature in, weak labels out.

    Args:
        features: Feature of each recording. Shape: ``(T, F)`` each.
        labels: 1 where the class occurs. Shape: ``(N, C)``.
    """

    def __init__(self, features: Sequence[NDArray[np.float32]], labels: NDArray[np.float32]) -> None:
        self.features, self.labels = features, labels
        self.lengths = [len(feature) for feature in features]

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Shape: ``(B, T, F)`` and ``(B, C)``."""
        x = np.stack([self.features[int(i)] for i in indices])
        return torch.from_numpy(x), torch.from_numpy(self.labels[indices])


class Segments:
    """Training examples: segments of recordings, each with the labels of its whole recording.

    Args:
        recordings: What they are cut from; a recording shorter than a segment is padded with its own floor.
        length: Frames of a segment.
        hop: Frames from one segment to the next; frames beyond the last whole segment are not heard.
    """

    def __init__(self, recordings: Recordings, length: int, hop: int) -> None:
        self.recordings, self.length = recordings, length
        counts = [1 + max(0, n - length) // hop for n in recordings.lengths]
        self.recording = np.repeat(np.arange(len(counts)), counts)
        self.start = np.concatenate([hop * np.arange(count) for count in counts])
        self.lengths = [length] * len(self.recording)

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Shape: ``(B, length, F)`` and ``(B, C)``."""
        x = np.stack([self._segment(int(i)) for i in indices])
        return torch.from_numpy(x), torch.from_numpy(self.recordings.labels[self.recording[indices]])

    def _segment(self, index: int) -> NDArray[np.float32]:
        start = int(self.start[index])
        frames = self.recordings.features[int(self.recording[index])][start : start + self.length]
        missing = self.length - len(frames)
        return np.pad(frames, ((0, missing), (0, 0)), constant_values=frames.min()) if missing else frames


@dataclass(frozen=True)
class Scored:
    """The outputs of one network.

    Args:
        recording: Class probabilities of each recording. Shape: ``(N, C)``.
        segments: Class probabilities of each segment. Shape: ``(K, C)`` each.
    """

    recording: NDArray[np.float32]
    segments: list[NDArray[np.float32]]

    @property
    def maximum(self) -> NDArray[np.float32]:
        """The highest probability of any segment, in place of the network's own pooling. Shape: ``(N, C)``."""
        return np.stack([segments.max(0) for segments in self.segments])


@torch.inference_mode()
def score(model: nn.Module, data: Recordings, fabric: Fabric, *, batch_size: int = 16) -> Scored:
    """Score every recording, those of one length together, so that nothing is padded.

    Args:
        model: A network in evaluation mode on the device of ``fabric``, whose output has ``recording`` and
            ``segments``.
        data: The recordings.
        fabric: Device and precision.
        batch_size: Recordings at a time, at most.
    """
    recording = np.empty(data.labels.shape, dtype=np.float32)
    segments: dict[int, NDArray[np.float32]] = {}
    lengths = np.asarray(data.lengths)
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        for indices in np.array_split(members, -(-len(members) // batch_size)):
            with fabric.autocast():
                output = model(fabric.to_device(data.batch(indices)[0]))
            recording[indices] = output.recording.float().cpu().numpy()
            found = output.segments.float().cpu().numpy()
            segments.update(zip(indices.tolist(), found, strict=True))
    return Scored(recording, [segments[i] for i in range(len(data.lengths))])
