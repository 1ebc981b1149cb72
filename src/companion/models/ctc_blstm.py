"""The network of event boundaries: one bidirectional LSTM, and a softmax over onsets, offsets and a blank."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from companion.errors import ParameterError

ACTIVATIONS = ("tanh", "ReLU")
"""What squashes candidate and output of the LSTM; gates are always sigmoids."""
DIRECTIONS = ("", "_reverse")


class BoundaryNetwork(nn.Module):
    """Log-probabilities of every token in every frame.

    All of it computes in 32 bits, under mixed precision too: in bfloat16 a memory stops growing long before the end
    of a clip.

    Args:
        n_classes: Event classes n; the vocabulary has 2n + 1 tokens.
        n_features: Values F in a frame.
        units: Units H of the LSTM in each direction.
        activation: One of ``ACTIVATIONS``. The paper speaks of an LSTM with "the ReLU non-linearity" and does not say
            where in the cell it stands; here it replaces both hyperbolic tangents. ``tanh`` is the usual cell, and the
            only one that ``nn.LSTM`` can run.
        forget_bias: First bias of the forget gates.
        generator: Draws all weights.

    Source: Wang, Metze 2017, sections 2.1 and 3.2 (400 units each way, Glorot's uniform weights, a forget bias of one).
    """

    def __init__(
        self,
        n_classes: int = 17,
        *,
        n_features: int = 256,
        units: int = 400,
        activation: str = "ReLU",
        forget_bias: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ParameterError(f"unknown activation {activation!r}", expected=f"one of {', '.join(ACTIVATIONS)}")
        self.n_classes, self.n_features, self.units, self.activation = n_classes, n_features, units, activation
        self.lstm = nn.LSTM(n_features, units, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * units, 2 * n_classes + 1)
        for name, weight in self.lstm.named_parameters():
            if name.startswith("weight"):
                for gate in weight.unflatten(0, (4, units)).unbind(0):  # each gate is a matrix of its own
                    nn.init.xavier_uniform_(gate, generator=generator)
            else:  # PyTorch's second bias says nothing that the first does not
                weight.data.zero_().requires_grad_(False)
                weight.requires_grad_(name.startswith("bias_ih"))
                weight.data[units : 2 * units] = forget_bias if name.startswith("bias_ih") else 0.0
        nn.init.xavier_uniform_(self.output.weight, generator=generator)
        nn.init.zeros_(self.output.bias)

    @property
    def architecture(self) -> dict[str, Any]:
        """Arguments that make a network of the same layers."""
        sizes = {"n_classes": self.n_classes, "n_features": self.n_features, "units": self.units}
        return {**sizes, "activation": self.activation}

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Log-probabilities of the tokens: blank, then onset and offset of each class.

        Args:
            x: Features. Shape: ``(B, T, F)``.
            lengths: Frames of each clip where the batch is padded; None when all fill it. Shape: ``(B,)``.

        Returns:
            Values in frames beyond a clip's end have no meaning. Shape: ``(B, T, 2n + 1)``.

        Raises:
            ParameterError: The features are not those the network was made for, or there is no frame.
        """
        B, T, F = x.shape
        if self.n_features != F or T == 0:
            raise ParameterError(f"{T} frames of {F} features", expected=f"frames of {self.n_features} features")
        with torch.autocast(x.device.type, enabled=False):
            states = self._states(x.float(), lengths)
            return functional.log_softmax(self.output(states), -1)

    def _states(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Both directions side by side. Shape: ``(B, T, F)`` to ``(B, T, 2 H)``."""
        if self.activation == "ReLU":
            return self._rectified(x, lengths)
        if lengths is None:
            whole: Tensor = self.lstm(x)[0]
            return whole
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]

    def _rectified(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        B, T, F = x.shape
        order = torch.arange(T, device=x.device).expand(B, T)
        if lengths is not None:  # the last frame of a clip comes first, what pads it stays behind
            order = (lengths[:, None] - 1 - order).where(order < lengths[:, None], order)
        else:
            order = order.flip(1)
        both = []
        for direction in DIRECTIONS:
            weight, between, bias = (
                self.lstm.get_parameter(f"{name}_l0{direction}") for name in ("weight_ih", "weight_hh", "bias_ih")
            )
            turned = x.gather(1, order.unsqueeze(2).expand_as(x)) if direction else x
            states = rectified_scan(functional.linear(turned.transpose(0, 1), weight, bias), between)
            both.append(states.gather(1, order.unsqueeze(2).expand_as(states)) if direction else states)
        return torch.cat(both, 2)


def rectified_scan(projected: Tensor, between: Tensor) -> Tensor:
    """An LSTM whose candidate and output are rectified, a loop over frames.

    Args:
        projected: What the inputs add to the gates, in the order of ``nn.LSTM``. Shape: ``(T, B, 4 H)``.
        between: Weights between units. Shape: ``(4 H, H)``.

    Returns:
        Shape: ``(B, T, H)``.
    """
    B, H = projected.shape[1], between.shape[1]
    hidden = memory = projected.new_zeros(B, H)
    outputs = []
    for frame in projected.unbind(0):  # unbound once: slices would make the backward pass quadratic in time
        new, old, candidate, show = torch.addmm(frame, hidden, between.t()).chunk(4, 1)
        memory = torch.sigmoid(old) * memory + torch.sigmoid(new) * functional.relu(candidate)
        hidden = torch.sigmoid(show) * functional.relu(memory)
        outputs.append(hidden)
    return torch.stack(outputs, 1)
