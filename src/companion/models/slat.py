"""SLAT, the strong-label assumption: the recording's labels are taken to hold in every segment of it.

SLAT is a target and a batching, not another network. F1 and F2 of N_S, given one segment of 128 frames, are the
fully connected layers of the paper's N_S^slat; so N_S^slat is N_S shown its segments one by one, each with the
labels of the whole recording. The same holds of N_W (`companion.models.wler`) and its N_S.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.models.pooling import POOLINGS
from companion.models.weak_cnn import HOP, SEGMENT, Output, pad_to_segment


class SegmentWise(nn.Module):
    """N_S^slat: a network that scans on every segment of a recording by itself.

    Args:
        network: N_S, or N_W; its global pooling joins the segments of a recording when the recording is scored.
        hop: Frames from one segment to the next.
        at_once: Segments at a time, so that a long recording fits into the memory.

    Source:
        Kumar, Khadkevich, Fügen 2018, section 2.3 and 4.1. How segment scores are pooled is open there.
        Kumar, Raj 2017, section III-A: by the maximum; the hop is open there.
    """

    def __init__(self, network: nn.Module, hop: int = HOP, at_once: int = 512) -> None:
        super().__init__()
        self.network, self.hop, self.at_once = network, hop, at_once

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Output:
        """Score a batch of log-mel spectrograms, segment by segment.

        Args:
            x: Log-mel values in dB. Shape: ``(B, T, F)``.
            lengths: Frames of each clip where the batch is padded; None when all fill it. Shape: ``(B,)``.

        Returns:
            Output: As N_S's, so that either can stand in the other's place.
        """
        x, lengths = pad_to_segment(x, lengths)
        whole = torch.full((x.shape[0],), x.shape[1], device=x.device)
        counts = 1 + ((whole if lengths is None else lengths) - SEGMENT) // self.hop
        cut = cut_segments(x, self.hop)
        mask = torch.arange(cut.shape[1], device=x.device) < counts.unsqueeze(1)
        found = [self.network(some) for some in cut[mask].split(self.at_once)]
        segments, f1 = (put_back(torch.cat([getattr(o, n)[:, 0] for o in found]), mask) for n in ("segments", "f1"))
        recording = POOLINGS[str(self.network.pooling)](segments, mask)
        return Output(recording, segments, f1, mask)


def cut_segments(x: Tensor, hop: int = HOP) -> Tensor:
    """Segments of 128 frames, one every ``hop``; frames beyond the last whole segment are not heard.

    Shape: ``(B, T, F)`` to ``(B, K, 128, F)``.
    """
    return x.unfold(1, SEGMENT, hop).transpose(2, 3)


def put_back(values: Tensor, mask: Tensor) -> Tensor:
    """Rows of valid segments in their places, zeros elsewhere. Shape: ``(sum of K, D)`` to ``(B, K, D)``."""
    return values.new_zeros(*mask.shape, values.shape[1]).index_put((mask,), values)


def segment_bce(output: Output, target: Tensor) -> Tensor:
    """Binary cross-entropy of every segment against its recording's labels: every segment counts the same.

    Args:
        output: Of ``SegmentWise``.
        target: 1 where the class occurs in the recording. Shape: ``(B, C)``.
    """
    labels = target.unsqueeze(1).expand_as(output.segments)
    return functional.binary_cross_entropy(output.segments[output.mask], labels[output.mask])
