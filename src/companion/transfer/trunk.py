"""Outputs of the frozen trunk, B1 to B6, computed once."""

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from companion.errors import ParameterError
from companion.models.weak_cnn import N_MELS, WeakCNN, pad_to_segment, segment_mask


def trunk_outputs(
    network: WeakCNN,
    features: Sequence[NDArray[np.float32]],
    *,
    batch_size: int = 32,
    device: str | torch.device = "cpu",
) -> list[Tensor]:
    """What B1 to B6, in evaluation mode, make of each recording.

    Args:
        network: N_S, trained or not; it is left as it is.
        features: Log-mel of each recording. Shape: ``(T, 128)`` each.
        batch_size: Recordings at a time, those of like length together.
        device: Where to compute.

    Returns:
        One output per recording in the order given, on the CPU. Shape: ``(512, K + 1, 2)`` each.
    """
    network = copy.deepcopy(network).to(device).eval()
    lengths = [len(feature) for feature in features]
    outputs: dict[int, Tensor] = {}
    with torch.no_grad():
        for indices in batches_of_like_length(lengths, batch_size):
            clips = [torch.tensor(np.asarray(features[i], dtype=np.float32)) for i in indices]
            x = nn.utils.rnn.pad_sequence(clips, batch_first=True).to(device)
            frames = torch.tensor([lengths[i] for i in indices], device=device)
            trunk, mask = trunk_and_mask(network, x, None if bool((frames == x.shape[1]).all()) else frames)
            for i, output, n_valid in zip(indices, trunk.cpu(), mask.sum(1).tolist(), strict=True):
                outputs[i] = output[:, : n_valid + 1].clone(memory_format=torch.contiguous_format)
    return [outputs[i] for i in range(len(lengths))]


def trunk_and_mask(network: WeakCNN, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """B6's output of a batch and which segments are valid.

    Shape: ``(B, T, 128)`` and ``(B,)`` to ``(B, 512, K + 1, 2)`` and ``(B, K)``.
    """
    B, _, F = x.shape
    if F != N_MELS:
        raise ParameterError(f"log-mel with {F} bands given to N_S", expected=f"{N_MELS} bands")
    x, lengths = pad_to_segment(x, lengths)
    return network.trunk(x, lengths), segment_mask(lengths, B, x.shape[1], x.device)


def stack(trunks: Sequence[Tensor], device: str | torch.device = "cpu") -> tuple[Tensor, Tensor]:
    """Make a batch of trunk outputs, padded where lengths differ.

    Shape: ``(512, K + 1, 2)`` each, to ``(B, 512, K + 1, 2)`` and a mask of the valid segments ``(B, K)``.
    """
    columns = torch.tensor([trunk.shape[1] for trunk in trunks])
    longest = int(columns.max())
    padded = [functional.pad(trunk, (0, 0, 0, longest - trunk.shape[1])) for trunk in trunks]
    mask = torch.arange(longest - 1) < (columns - 1).unsqueeze(1)
    return torch.stack(padded).to(device), mask.to(device)


def batches_of_like_length(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Indices of recordings from the shortest to the longest, so that little is padded."""
    order = np.argsort(lengths, kind="stable").tolist()
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
