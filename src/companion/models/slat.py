"""SLAT, the strong-label assumption: the recording's labels are taken to hold in every segment of it.

SLAT is a target and a batching, not another network. F1 and F2 of N_S, given one segment of 128 frames, are the
fully connected layers of the paper's N_S^slat; so N_S^slat is N_S shown its segments one by one, each with the
labels of the whole recording.
"""

from torch import Tensor, nn
from torch.nn import functional

from companion.models.pooling import POOLINGS
from companion.models.weak_cnn import HOP, SEGMENT, Output, WeakCNN, pad_to_segment, segment_mask


class SegmentWise(nn.Module):
    """N_S^slat: N_S on every segment of a recording by itself.

    Args:
        network: N_S; its global pooling joins the segments of a recording when the recording is scored.

    Source:
        Kumar, Khadkevich, Fügen 2018, section 2.3 and 4.1. How segment scores are pooled is open there.
    """

    def __init__(self, network: WeakCNN) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Output:
        """Score a batch of log-mel spectrograms, segment by segment.

        Args:
            x: Log-mel values in dB. Shape: ``(B, T, F)``.
            lengths: Frames of each clip where the batch is padded; None when all fill it. Shape: ``(B,)``.

        Returns:
            Output: As N_S's, so that either can stand in the other's place.
        """
        x, lengths = pad_to_segment(x, lengths)
        mask = segment_mask(lengths, x.shape[0], x.shape[1], x.device)
        found = self.network(cut_segments(x)[mask])
        segments = put_back(found.segments[:, 0], mask)
        recording = POOLINGS[self.network.pooling](segments, mask)
        return Output(recording, segments, put_back(found.f1[:, 0], mask), mask)


def cut_segments(x: Tensor) -> Tensor:
    """Segments of 128 frames, one every 64; frames beyond the last whole segment are not heard.

    Shape: ``(B, T, F)`` to ``(B, K, 128, F)``.
    """
    return x.unfold(1, SEGMENT, HOP).transpose(2, 3)


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
