"""The recurrent tagger: a lower layer, an LSTM on top, and a sigmoid that reads the LSTM's last output."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from companion.errors import ParameterError
from companion.models.lower import lower_layer
from companion.models.lstm import LSTMLayer, glorot_normal_

N_FEATURES = 20
"""MFCCs of a frame."""


class TaggerOutput(NamedTuple):
    """What the recurrent tagger says of a batch.

    Args:
        recording: Class probabilities of the whole recording. Shape: ``(B, C)``.
        logits: The same before the sigmoid. Shape: ``(B, C)``.
    """

    recording: Tensor
    logits: Tensor

    @property
    def segments(self) -> Tensor:
        """The recording is its only segment. Shape: ``(B, 1, C)``."""
        return self.recording.unsqueeze(1)


class RecurrentTagger(nn.Module):
    """Many-to-one network of two LSTM layers.

    Several lower layers stand side by side, and their outputs are concatenated: the network of scheme (c). All of it
    computes in 32 bits, under mixed precision too; :class:`companion.models.lstm.LSTMLayer` says why.

    Args:
        n_classes: Outputs C.
        n_features: Values F in a frame.
        units: Units H of every LSTM, and filters of a convolution.
        dropout: Share of each layer's inputs that are left out in training, the same ones in all frames of a clip.
        gates: ``hard sigmoid``, or ``sigmoid``, which is computed sooner.
        masks: Dropout masks of a clip in a layer: one for each ``gate``, or one for the ``clip``.
        recurrent: Initial weights between units, ``orthogonal`` or ``Glorot normal``; all others are Glorot normal.
        forget_bias: First bias of the forget gates, of lower layers and of the upper one.
        lower: Kinds of the lower layers, ``LSTM`` or ``convolution``.
        generator: Draws all weights.

    Source:
        Diment, Virtanen 2017, section 2 and Fig. 1; what it does not name is as in Keras 2.0.8.
    """

    def __init__(
        self,
        n_classes: int = 1,
        *,
        n_features: int = N_FEATURES,
        units: int = 100,
        dropout: float = 0.1,
        gates: str = "hard sigmoid",
        masks: str = "gate",
        recurrent: str = "orthogonal",
        forget_bias: Sequence[float] = (1.0, 1.0),
        lower: Sequence[str] = ("LSTM",),
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.n_classes, self.n_features, self.units, self.dropout = n_classes, n_features, units, dropout
        self.lstm = {"gates": gates, "masks": masks, "recurrent": recurrent}
        self.forget_bias = tuple(forget_bias)
        self.kinds = tuple(lower)
        if not self.kinds:
            raise ParameterError("a tagger without a lower layer", expected="one or more, LSTM or convolution")
        self.frozen, self.frozen_dropout = frozenset[int](), False
        self.lower = nn.ModuleList(
            lower_layer(kind, n_features, units, dropout, generator, forget_bias=self.forget_bias[0], **self.lstm)
            for kind in self.kinds
        )
        inputs = units * len(self.kinds)
        self.upper = LSTMLayer(
            inputs, units, dropout=dropout, forget_bias=self.forget_bias[1], generator=generator, **self.lstm
        )
        self.output = nn.Linear(units, n_classes)
        glorot_normal_(self.output.weight, generator)
        nn.init.zeros_(self.output.bias)

    @property
    def architecture(self) -> dict[str, Any]:
        """Arguments that make a network of the same layers."""
        sizes = {"n_classes": self.n_classes, "n_features": self.n_features, "units": self.units}
        named = {"forget_bias": list(self.forget_bias), "lower": list(self.kinds)}
        return {**sizes, "dropout": self.dropout, **self.lstm, **named}

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> TaggerOutput:
        """Tag a batch of recordings.

        Args:
            x: Features. Shape: ``(B, T, F)``.
            lengths: Frames of each clip where the batch is padded; None when all fill it. Shape: ``(B,)``.

        Returns:
            TaggerOutput: Probabilities and logits, as the LSTM stands after each clip's last frame.
        """
        B, T, F = x.shape
        return self.head(self.lower_outputs(x, lengths), lengths)

    def lower_outputs(self, x: Tensor, lengths: Tensor | None = None, layers: Collection[int] | None = None) -> Tensor:
        """Outputs of the lower layers, side by side.

        Args:
            x: Features. Shape: ``(B, T, F)``.
            lengths: As in ``forward``.
            layers: Numbers of the layers, in this order; None for all.

        Returns:
            Shape: ``(B, T, H times the number of layers)``.
        """
        B, T, F = x.shape
        if self.n_features != F or T == 0:
            raise ParameterError(f"{T} frames of {F} features", expected=f"frames of {self.n_features} features")
        chosen = range(len(self.lower)) if layers is None else layers
        with torch.autocast(x.device.type, enabled=False):
            return torch.cat([self.lower[i](x.float(), lengths) for i in chosen], -1)

    def head(self, hidden: Tensor, lengths: Tensor | None = None) -> TaggerOutput:
        """Everything above the lower layers. Shape: ``(B, T, H times the number of layers)`` to ``(B, C)``."""
        states = self.upper(hidden)
        if lengths is None:
            last = states[:, -1]
        else:
            last = states[torch.arange(len(states), device=states.device), lengths - 1]
        return self.tag(last)

    def after_each_frame(self, x: Tensor) -> TaggerOutput:
        """What the network would say if the recordings ended with this frame, for every frame.

        Shape: ``(B, T, F)`` to ``(B, T, C)``.
        """
        return self.tag(self.upper(self.lower_outputs(x)))

    def tag(self, states: Tensor) -> TaggerOutput:
        """The output neurons. Shape: ``(…, H)`` to ``(…, C)``."""
        with torch.autocast(states.device.type, enabled=False):
            logits = self.output(states)
            return TaggerOutput(torch.sigmoid(logits), logits)

    def freeze(self, layers: Collection[int], *, dropout: bool = False) -> Self:
        """Let some lower layers learn no more.

        Args:
            layers: Their numbers.
            dropout: Go on leaving out inputs in training, as Keras did, where a layer that does not learn is like any
                other. By default frozen layers are in evaluation mode, and put out the same in every epoch.
        """
        self.frozen, self.frozen_dropout = frozenset(layers), dropout
        for i in self.frozen:
            self.lower[i].requires_grad_(False)
        return self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Training mode for the layers that learn."""
        super().train(mode)
        for i in self.frozen:
            self.lower[i].train(mode and self.frozen_dropout)
        return self
