"""Representations of recordings: F1 and F2 of N_S or of an adapted network, pooled over segments."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from companion.models.weak_cnn import HOP, SEGMENT, WeakCNN
from companion.transfer import AdaptedNet, stack
from companion.transfer.trunk import batches_of_like_length

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Representations:
    """One vector of each kind per recording.

    Args:
        f1_max: Maximum of F1 over the segments. Shape: ``(N, 1024)``.
        f1_avg: Mean of F1. Shape: ``(N, 1024)``.
        f2_max: Maximum of F2; None where the network has none (Method I). Shape: ``(N, C_S)``.
        f2_avg: Mean of F2, likewise. Shape: ``(N, C_S)``.
        segment_times: Start and end of each segment in seconds. Shape: ``(K, 2)`` each.
    """

    f1_max: Vectors
    f1_avg: Vectors
    f2_max: Vectors | None
    f2_avg: Vectors | None
    segment_times: list[NDArray[np.float64]]


def represent(
    network: WeakCNN | AdaptedNet,
    trunks: Sequence[Tensor],
    *,
    batch_size: int = 64,
    hop_length: int = 512,
    sample_rate: int = 44100,
    device: str | torch.device = "cpu",
) -> Representations:
    """Represent recordings of any length by one vector of each kind.

    Args:
        network: N_S, trained or not, or N_T; it is read in evaluation mode and left as it is.
        trunks: ``transfer.trunk_outputs`` of the same N_S. Shape: ``(512, K + 1, 2)`` each.
        batch_size: Recordings at a time.
        hop_length: Samples between log-mel frames.
        sample_rate: Hz.
        device: Where to compute.

    Returns:
        Representations: In the order of ``trunks``.

    Source:
        Kumar, Khadkevich, Fügen 2018, section 3 and Fig. 1, bottom right.
    """
    f1, f2 = segment_outputs(network, trunks, batch_size=batch_size, device=device)
    return Representations(
        f1_max=np.stack([segments.max(0) for segments in f1]),
        f1_avg=np.stack([segments.mean(0) for segments in f1]),
        f2_max=None if f2 is None else np.stack([segments.max(0) for segments in f2]),
        f2_avg=None if f2 is None else np.stack([segments.mean(0) for segments in f2]),
        segment_times=[segment_bounds(len(segments), hop_length, sample_rate) for segments in f1],
    )


def segment_outputs(
    network: WeakCNN | AdaptedNet,
    trunks: Sequence[Tensor],
    *,
    batch_size: int = 64,
    device: str | torch.device = "cpu",
) -> tuple[list[Vectors], list[Vectors] | None]:
    """F1 and F2 of every segment.

    Returns:
        F1 after its ReLU, shape ``(K, 1024)`` each, and F2, shape ``(K, C_S)`` each: after N_S's sigmoid, after
        N_T's ReLU, or None where the network has no F2 (Method I).
    """
    network = copy.deepcopy(network).to(device).eval()
    f1: dict[int, Vectors] = {}
    f2: dict[int, Vectors] = {}
    with torch.no_grad():
        for indices in batches_of_like_length([trunk.shape[1] for trunk in trunks], batch_size):
            trunk, mask = stack([trunks[i] for i in indices], device)
            if isinstance(network, WeakCNN):
                representation = network.segment_representation(trunk, mask)
                events: Tensor | None = torch.sigmoid(network.event_logits(representation))
            else:
                output = network.head(trunk, mask)
                representation, events = output.f1, output.f2
            for row, (i, k) in enumerate(zip(indices, mask.sum(1).tolist(), strict=True)):
                f1[i] = representation[row, :k].cpu().numpy()
                if events is not None:
                    f2[i] = events[row, :k].cpu().numpy()
    order = range(len(trunks))
    return [f1[i] for i in order], [f2[i] for i in order] if f2 else None


def segment_bounds(n_segments: int, hop_length: int = 512, sample_rate: int = 44100) -> NDArray[np.float64]:
    """Start and end of each segment in seconds, from whole sample positions.

    Segment k is the 128 log-mel frames from frame 64 k on; through the borders of the convolutions it sees 94
    frames more on each side.

    Args:
        n_segments: Number of segments K.
        hop_length: Samples between frames.
        sample_rate: Hz.

    Returns:
        Shape: ``(K, 2)``.

    >>> segment_bounds(2).round(3).tolist()
    [[0.0, 1.486], [0.743, 2.229]]
    """
    first_frames = HOP * np.arange(n_segments, dtype=np.int64)
    samples = np.stack([first_frames, first_frames + SEGMENT], axis=1) * hop_length
    return samples / sample_rate
