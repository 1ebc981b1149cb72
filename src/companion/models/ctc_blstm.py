"""The network of event boundaries: one bidirectional LSTM, and a softmax over onsets, offsets and a blank."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.errors import ParameterError
from companion.models.gated import Recurrent

DIRECTIONS = ("", "_reverse")


class RecurrentFrames(nn.Module):
    """One bidirectional LSTM, and an output layer for every frame: what both networks below share.

    All of it computes in 32 bits, under mixed precision too: in bfloat16 a memory stops growing long before the end
    of a clip.

    Args:
        n_classes: Event classes n.
        n_features: Values F in a frame.
        units: Units H of the LSTM in each direction.
        activation: ``relu`` or ``tanh``. The paper speaks of an LSTM with "the ReLU non-linearity" and does not say
            where in the cell it stands; here it replaces both hyperbolic tangents. ``tanh`` is the usual cell, and the
            only one that fused kernels run.
        forget_bias: First bias of the forget gates.
        dropout: Share of the LSTM's outputs that are dropped in training.
        noise: Deviation of the noise that is added to the features in training.
        generator: Draws all weights.

    Source: Wang, Metze 2017, sections 2.1 and 3.2 (400 units each way, Glorot's uniform weights, a forget bias of one).
    """

    outputs_per_class, further_outputs = 1, 0

    def __init__(
        self,
        n_classes: int = 17,
        *,
        n_features: int = 256,
        units: int = 400,
        activation: str = "relu",
        forget_bias: float = 1.0,
        dropout: float = 0.0,
        noise: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.n_classes, self.n_features, self.units, self.activation = n_classes, n_features, units, activation
        self.drop, self.noise = nn.Dropout(dropout), noise
        self.lstm = Recurrent(n_features, units, cell="lstm", activation=activation)
        self.output = nn.Linear(2 * units, self.outputs_per_class * n_classes + self.further_outputs)
        for name, weight in self.lstm.cells.named_parameters():
            if name.startswith("weight"):
                for gate in weight.unflatten(0, (4, units)).unbind(0):  # each gate is a matrix of its own
                    nn.init.xavier_uniform_(gate, generator=generator)
            else:
                weight.data.zero_()
        for direction in DIRECTIONS:
            self.lstm.cells.get_parameter(f"bias_ih_l0{direction}").data[units : 2 * units] = forget_bias
            # PyTorch's second bias says nothing that the first does not; two that learn would double the rate
            self.lstm.cells.get_parameter(f"bias_hh_l0{direction}").requires_grad_(False)
        nn.init.xavier_uniform_(self.output.weight, generator=generator)
        nn.init.zeros_(self.output.bias)

    def outputs(self, x: Tensor) -> Tensor:
        """Outputs of every frame. Shape: ``(B, T, F)`` to ``(B, T, V)``.

        Clips of a batch have one length: nothing is padded, so no clip feels another.

        Raises:
            ParameterError: The features are not those the network was made for, or there is no frame.
        """
        B, T, F = x.shape
        if self.n_features != F or T == 0:
            raise ParameterError(f"{T} frames of {F} features", expected=f"frames of {self.n_features} features")
        if self.training and self.noise:
            x = x + self.noise * torch.randn_like(x)
        with torch.autocast(x.device.type, enabled=False):
            found: Tensor = self.output(self.drop(self.lstm(x.float())))
            return found


class BoundaryNetwork(RecurrentFrames):
    """Log-probabilities of every token in every frame: blank, then onset and offset of each class.

    Its vocabulary has 2n + 1 tokens. Arguments, errors and source are those of `RecurrentFrames`.
    """

    outputs_per_class, further_outputs = 2, 1

    @property
    def architecture(self) -> dict[str, Any]:
        """Arguments that make a network of the same layers."""
        sizes = {"n_classes": self.n_classes, "n_features": self.n_features, "units": self.units}
        return {**sizes, "activation": self.activation}

    def forward(self, x: Tensor) -> Tensor:
        """Log-probabilities. Shape: ``(B, T, F)`` to ``(B, T, 2n + 1)``."""
        return functional.log_softmax(self.outputs(x), -1)


class ActivityNetwork(RecurrentFrames):
    """Which classes sound in each frame: an output for every class.

    Networks of boundaries are compared with it, and begin with its LSTM where they are pre-trained (Wang, Metze 2017,
    sections 1 and 3.2). Arguments and errors are those of `RecurrentFrames`.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Logits. Shape: ``(B, T, F)`` to ``(B, T, n)``."""
        return self.outputs(x)
