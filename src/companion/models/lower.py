"""Lower layers of the recurrent tagger: what is transferred, frozen, or set beside another."""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from companion.errors import DataError, ParameterError
from companion.models.lstm import LSTMLayer, dropout_masks, glorot_normal_

WIDTH = 5
"""Frames that a filter of the convolutional layer sees."""


class LowerLayer(nn.Module):
    """A lower layer and the normalisation of what it reads, which therefore goes where its weights go.

    Each feature has a mean subtracted and is divided by a deviation. Both are buffers, 0 and 1 at first: whether the
    paper normalised its features is open, and as it stands nothing is normalised.

    Args:
        n_features: Values F in a frame.
        layer: From ``(B, T, F)`` and lengths to ``(B, T, H)``.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, n_features: int, layer: nn.Module) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("deviation", torch.ones(n_features))
        self.layer = layer

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Shape: ``(B, T, F)`` to ``(B, T, H)``."""
        output: Tensor = self.layer((x - self.mean) / self.deviation, lengths)
        return output

    def standardise(self, features: Iterable[NDArray[np.float32]]) -> Self:
        """Take mean and deviation of each feature from training data, all frames of all clips counted alike.

        Args:
            features: Shape: ``(T, F)`` each. A feature that never varies is not scaled.

        Raises:
            DataError: There is no frame, another number of features, or a value that is not finite.
        """
        frames = np.concatenate([np.empty((0, len(self.mean))), *features])
        if len(frames) == 0 or not np.isfinite(frames).all():
            raise DataError(f"no statistics of {len(frames)} frames", expected="finite features of at least one frame")
        deviation = frames.std(0)
        self.mean.copy_(torch.from_numpy(frames.mean(0)))
        self.deviation.copy_(torch.from_numpy(np.where(deviation > 0, deviation, 1.0)))
        return self


class ConvLayer(nn.Module):
    """Two convolutions over time in place of the lower LSTM; as many frames and values, of the same range, come out.

    Each output frame sees nine input frames. Beyond a clip's ends stand zeros.

    Args:
        n_features: Values F in a frame.
        units: Filters H of each convolution.
        dropout: Share of inputs that are left out in training, the same ones in all frames of a clip.
        generator: Draws all weights.

    Source:
        The layer is this project's. Diment, Virtanen 2017, section 4, suggests convolutions without saying which.
    """

    def __init__(
        self, n_features: int, units: int = 100, *, dropout: float = 0.1, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.first = nn.Conv1d(n_features, units, WIDTH, padding="same")
        self.second = nn.Conv1d(units, units, WIDTH, padding="same")
        for conv in (self.first, self.second):
            glorot_normal_(conv.weight, generator)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Shape: ``(B, T, F)`` to ``(B, T, H)``; zero beyond a clip's end."""
        B, T, F = x.shape
        within = x.new_ones(B, 1, T)
        if lengths is not None:
            within = within * (torch.arange(T, device=x.device) < lengths.unsqueeze(1)).unsqueeze(1)
        if self.training and self.dropout > 0:
            x = x * dropout_masks(x, self.dropout)
        hidden = torch.relu(self.first(x.mT * within)) * within
        return (torch.tanh(self.second(hidden)) * within).mT


def lower_layer(
    kind: str, n_features: int, units: int, dropout: float, generator: torch.Generator | None, **lstm: Any
) -> LowerLayer:
    """A new lower layer, ``LSTM`` or ``convolution``; ``lstm`` are further arguments of the LSTM."""
    if kind == "LSTM":
        return LowerLayer(n_features, LSTMLayer(n_features, units, dropout=dropout, generator=generator, **lstm))
    if kind == "convolution":
        return LowerLayer(n_features, ConvLayer(n_features, units, dropout=dropout, generator=generator))
    raise ParameterError(f"unknown lower layer {kind!r}", expected="LSTM or convolution")
