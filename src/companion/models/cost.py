"""Multiply-adds of N_S on a recording, and of N_S^slat, which hears most frames twice."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from companion.models.weak_cnn import N_MELS, SEGMENT, ConvBlock, WeakCNN, n_segments


@dataclass(frozen=True)
class LayerCost:
    """One convolution of N_S on one recording.

    Args:
        block: ``B1`` to ``B6``, ``F1`` or ``F2``.
        shape: Channels, frames and bands that it puts out, before the block's pooling.
        multiply_adds: Multiplications with a weight and their additions; biases and batch normalisation, which
            can be folded into the weights, are not counted.
    """

    block: str
    shape: tuple[int, int, int]
    multiply_adds: int


@dataclass(frozen=True)
class Cost:
    """Multiply-adds of both networks on one recording.

    Args:
        n_frames: Log-mel frames of the recording.
        n_segments: Segments K.
        scanned: Of N_S, which computes every frame once.
        segmentwise: Of N_S^slat, which computes K segments of 128 frames, one every 64.
    """

    n_frames: int
    n_segments: int
    scanned: int
    segmentwise: int

    @property
    def ratio(self) -> float:
        """N_S relative to N_S^slat, the form of the paper's Table 1."""
        return self.scanned / self.segmentwise


def multiply_adds(network: WeakCNN, n_frames: int) -> Cost:
    """Count what a recording costs N_S and N_S^slat.

    Let the blocks B1 to B6 cost ``a`` for every 64 frames and F1 with F2 ``b`` for every segment. A recording of
    64 (K + 1) frames holds K segments, and the ratio of both networks is ::

        (a (K + 1) + b K) / (K (2 a + b))

    It is 1 for one segment and falls towards (a + b) / (2 a + b) as the recording grows, a little above 1/2
    because the segments overlap by half and F1 and F2 share nothing. Frames beyond the last whole segment are
    heard by N_S's convolutions alone and raise it a little.

    Args:
        network: N_S; its weights do not matter.
        n_frames: Log-mel frames of the recording; fewer than 128 are padded to 128, as N_S does.

    Source:
        Kumar, Khadkevich, Fügen 2018, Table 1 (top right) prints relative times, not operations.
    """
    whole, segment = (sum(layer.multiply_adds for layer in layer_costs(network, n)) for n in (n_frames, SEGMENT))
    segments = n_segments(n_frames)
    return Cost(n_frames, segments, whole, segments * segment)


def layer_costs(network: WeakCNN, n_frames: int) -> list[LayerCost]:
    """Each convolution of N_S on a recording of ``n_frames``, from the modules themselves.

    Nothing is computed: tensors of the device ``meta`` have a shape and no values.
    """
    shadow = copy.deepcopy(network).to("meta").eval()
    hidden = torch.empty(1, 1, max(n_frames, SEGMENT), N_MELS, device="meta")
    costs: list[LayerCost] = []
    with torch.no_grad(), FlopCounterMode(display=False) as counter:

        def count(block: str, layer: nn.Module, x: Tensor) -> Tensor:
            before = counter.get_total_flops()
            output = layer(x)
            channels, frames, bands = output.shape[1:]
            # it counts a multiplication and an addition as two
            costs.append(LayerCost(block, (channels, frames, bands), (counter.get_total_flops() - before) // 2))
            return output

        for number, block in enumerate(shadow.blocks, 1):
            for layer in block.modules():  # in the order of their use
                if isinstance(layer, ConvBlock):
                    hidden = count(f"B{number}", layer, hidden)
                elif isinstance(layer, nn.MaxPool2d):
                    hidden = layer(hidden)
        count("F2", shadow.f2, count("F1", shadow.f1, hidden))
    return costs
