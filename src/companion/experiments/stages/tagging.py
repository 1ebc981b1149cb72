"""What trained networks say of the recordings of a fold, whole and segment by segment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn

from companion.datasets.base import Clip
from companion.experiments.stages.source import Recordings
from companion.models.weak_cnn import Output

NETWORKS = ("N_S_slat", "N_S")
"""In the order of the paper's columns."""


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


@dataclass(frozen=True)
class Fold:
    """Recordings with weak labels, and what every network says of them.

    Args:
        clips: The recordings.
        classes: Event classes C.
        labels: 1 where the class occurs. Shape: ``(N, C)``.
        scored: For each network, its outputs for each seed.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    labels: NDArray[np.float32]
    scored: Mapping[str, Sequence[Scored]]

    @property
    def recordings(self) -> NDArray[Any]:
        """The original recordings in each clip, joined by ``+``. Shape: ``(N,)``."""
        return np.array([clip.recording for clip in self.clips])


@torch.inference_mode()
def score(model: nn.Module, data: Recordings, fabric: Fabric, *, batch_size: int = 16) -> Scored:
    """Score every recording, those of one length together, so that nothing is padded."""
    model = fabric.to_device(model).eval()
    recording = np.empty(data.labels.shape, dtype=np.float32)
    segments: dict[int, NDArray[np.float32]] = {}
    lengths = np.asarray(data.lengths)
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        for indices in np.array_split(members, -(-len(members) // batch_size)):
            with fabric.autocast():
                output: Output = model(fabric.to_device(data.batch(indices)[0]))
            recording[indices] = output.recording.float().cpu().numpy()
            found = output.segments.float().cpu().numpy()
            segments.update(zip(indices.tolist(), found, strict=True))
    return Scored(recording, [segments[i] for i in range(len(data.lengths))])
