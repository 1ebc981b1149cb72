"""N_T: N_S with a frozen trunk and a new layer for the target task."""

import copy
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.errors import ParameterError
from companion.models.pooling import POOLINGS, max_pool
from companion.models.weak_cnn import WeakCNN
from companion.transfer.methods import TRUNK, Method, find_method
from companion.transfer.trunk import trunk_and_mask


@dataclass(frozen=True)
class AdaptedOutput:
    """What an adapted network says of a batch.

    Args:
        recording: Log-probabilities of the classes, or logits where several may hold. Shape: ``(B, C_T)``.
        f1: F1 of each segment, after its ReLU. Shape: ``(B, K, 1024)``.
        f2: F2 of each segment, after its ReLU; None in Method I. Shape: ``(B, K, C_S)``.
        mask: True where a segment belongs to the recording. Shape: ``(B, K)``.
    """

    recording: Tensor
    f1: Tensor
    f2: Tensor | None
    mask: Tensor


class AdaptedNet(nn.Module):
    """N_T, which works on a copy of N_S.

    The batch normalisation of the frozen blocks always runs in evaluation mode; F1's learns.

    Args:
        network: N_S, trained or not.
        method: A row of ``METHODS``, or its name.
        n_classes: Classes C_T of the target task.
        multi_label: Several classes may hold at once: sigmoids instead of a softmax.
        pool_first: Pool F_T's segments over the recording before the softmax or sigmoid, not after it. The
            paper leaves the order open; after is how N_S treats its own sigmoids. Method III has no choice.
        generator: Draws F_T's weights.
    """

    def __init__(
        self,
        network: WeakCNN,
        method: Method | str,
        n_classes: int,
        *,
        multi_label: bool = False,
        pool_first: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.method = find_method(method)
        self.n_classes, self.multi_label, self.pool_first = n_classes, multi_label, pool_first
        self.network = copy.deepcopy(network)
        f1 = self.network.f1.conv
        # read as a matrix; in the memory format of fast convolutions every step would copy it
        f1.weight.data = f1.weight.data.contiguous()
        channels = f1.out_channels if self.method.reads == "F1" else network.n_classes
        # over segments this is a 1×1 convolution, over recordings a fully connected layer
        self.f_t = nn.utils.skip_init(nn.Linear, channels, n_classes)
        nn.init.xavier_uniform_(self.f_t.weight, gain=nn.init.calculate_gain("relu"), generator=generator)
        nn.init.zeros_(self.f_t.bias)
        blocks = dict(zip(TRUNK, self.network.blocks, strict=True))
        for name, layer in {**blocks, "F1": self.network.f1, "F2": self.network.f2, "F_T": self.f_t}.items():
            layer.requires_grad_(name in self.method.updated)
        if self.method.f2_activation is None:
            del self.network.f2

    def train(self, mode: bool = True) -> Self:
        """Training mode for the layers that learn; the trunk stays in evaluation mode."""
        super().train(mode)
        self.network.blocks.eval()
        return self

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> AdaptedOutput:
        """Score a batch of log-mel spectrograms. Shape: ``(B, T, 128)``, and ``(B,)`` where it is padded."""
        return self.head(*trunk_and_mask(self.network, x, lengths))

    def head(self, trunk: Tensor, mask: Tensor) -> AdaptedOutput:
        """Everything after B6.

        Args:
            trunk: Outputs of B6. Shape: ``(B, 512, K + 1, 2)``.
            mask: True where a segment belongs to the recording. Shape: ``(B, K)``.

        Returns:
            AdaptedOutput: Scores of the recordings, and the segments' F1 and F2.
        """
        f1 = self.segment_representation(trunk, mask)
        f2 = torch.relu(self.network.event_logits(f1)) if self.method.f2_activation == "relu" else None
        read = f1 if f2 is None else f2
        pool = POOLINGS[self.network.pooling]
        if self.method.reads == "pooled F2":
            recording = self.score(self.f_t(pool(read, mask)))
        elif self.pool_first:
            recording = self.score(pool(self.f_t(read), mask))
        else:
            recording = self.pooled_score(self.f_t(read), mask)
        return AdaptedOutput(recording, f1, f2, mask)

    def segment_representation(self, trunk: Tensor, mask: Tensor) -> Tensor:
        """F1 of each segment: the convolution as a matrix product over valid segments, several times sooner.

        Shape: ``(B, 512, K + 1, 2)`` to ``(B, K, 1024)``; zero where ``mask`` is False.
        """
        conv, bn = self.network.f1.conv, self.network.f1.bn
        # one row a segment, its (512, 2 frames, 2 bands) in the order of the convolution's weights
        rows = trunk.unfold(2, 2, 1).permute(0, 2, 1, 4, 3).flatten(2)[mask]
        if self.training and len(rows) < 2:
            raise ParameterError("a training batch of one segment", expected="two, for batch statistics")
        hidden = functional.linear(rows, conv.weight.flatten(1), conv.bias)
        f1 = torch.relu(bn(hidden[..., None, None])[..., 0, 0])
        return f1.new_zeros(*mask.shape, f1.shape[1]).index_put((mask,), f1)

    def score(self, logits: Tensor) -> Tensor:
        """Log-probabilities, or the logits themselves where several classes may hold."""
        return logits if self.multi_label else functional.log_softmax(logits, -1)

    def pooled_score(self, segments: Tensor, mask: Tensor) -> Tensor:
        """Score of the recording from probabilities pooled over segments.

        Shape: ``(B, K, C)`` to ``(B, C)``.
        """
        if self.network.pooling == "max":  # a sigmoid rises with its logit: both peak in the same segment
            return max_pool(self.score(segments), mask)
        if self.multi_label:
            present, absent = functional.logsigmoid(segments), functional.logsigmoid(-segments)
            return log_mean(present, mask) - log_mean(absent, mask)
        return log_mean(self.score(segments), mask)


def log_mean(log_values: Tensor, mask: Tensor) -> Tensor:
    """Logarithm of the mean over valid segments, from logarithms.

    Shape: ``(B, K, C)`` to ``(B, C)``.
    """
    total = log_values.masked_fill(~mask.unsqueeze(-1), -torch.inf).logsumexp(1)
    return total - mask.sum(1, keepdim=True).log()
