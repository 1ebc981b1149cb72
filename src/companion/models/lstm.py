"""A long short-term memory layer as Keras made it in 2017: hard sigmoid gates, and dropout that lasts a whole clip."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.errors import ParameterError

N_GATES = 4
"""Rows of the weights, in the order of ``nn.LSTM`` and of Keras: input gate, forget gate, candidate, output gate."""


def hard_sigmoid(x: Tensor) -> Tensor:
    """A gate that opens and closes completely: 0.2 x + 0.5, cut off at 0 and 1.

    >>> hard_sigmoid(torch.tensor([-2.5, 0.0, 1.25, 2.5])).tolist()
    [0.0, 0.5, 0.75, 1.0]
    """
    return functional.hardsigmoid(1.2 * x)  # PyTorch's own is x / 6 + 1/2, cut off alike


GATES: dict[str, Callable[[Tensor], Tensor]] = {"hard sigmoid": hard_sigmoid, "sigmoid": torch.sigmoid}
"""Keras' default of the time, and the one that fused kernels (cuDNN's too) can compute."""

MASKS = ("gate", "clip")
"""Dropout masks that a clip has in a layer: one for the input of each gate, or one for all gates."""


class LSTMLayer(nn.Module):
    """One LSTM layer; it always computes in 32 bits.

    In bfloat16 the memory of a unit stops growing as soon as what it gains in a step is less than a 256th of what
    it holds, which is too early by far for clips of thousands of frames. So mixed precision stays outside.

    The weights live in an ``nn.LSTM``. That has two biases a gate where Keras has one: the second is zero and does
    not learn.

    Args:
        n_features: Values F in a frame.
        units: Values H that it puts out.
        dropout: Share of inputs that are left out in training, the same ones in all frames of a clip.
        gates: One of ``GATES``.
        masks: One of ``MASKS``. ``gate`` is what Keras did. Where gates are ``sigmoid`` and nothing is left out, or
            masks are ``clip``, ``nn.LSTM`` runs the layer, which is sooner, above all with few clips in a batch; else
            a loop over frames does.
        recurrent: One of ``DRAWN``, which draws the weights between units.
        forget_bias: First bias of the forget gates: the larger, the longer a new unit remembers.
        generator: Draws all weights.

    Source:
        Diment, Virtanen 2017, section 2 (100 units, tanh, 10 % dropout of inputs, none between units), and the
        defaults of Keras 2.0.8 for what it does not name: hard sigmoid gates, a forget bias of 1, orthogonal weights
        between units, and one mask for each gate and clip.
    """

    def __init__(
        self,
        n_features: int,
        units: int = 100,
        *,
        dropout: float = 0.1,
        gates: str = "hard sigmoid",
        masks: str = "gate",
        recurrent: str = "orthogonal",
        forget_bias: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        for name, value, known in (("gates", gates, GATES), ("masks", masks, MASKS), ("recurrent", recurrent, DRAWN)):
            if value not in known:
                raise ParameterError(f"unknown {name} {value!r}", expected=f"one of {', '.join(known)}")
        self.units, self.dropout, self.gates, self.masks = units, dropout, gates, masks
        self.cell = nn.LSTM(n_features, units, batch_first=True)
        self.cell.get_parameter("bias_hh_l0").requires_grad_(False).zero_()
        weight, between, bias = self.weights
        glorot_normal_(weight, generator)
        DRAWN[recurrent](between, generator)
        with torch.no_grad():
            bias.zero_()
            bias[units : 2 * units] = forget_bias  # to remember, unless something speaks against it

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights of inputs, weights between units, biases. Shape: ``(4 H, F)``, ``(4 H, H)`` and ``(4 H,)``."""
        weight, between, bias = (
            self.cell.get_parameter(f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih")
        )
        return weight, between, bias

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Output of every frame, from this frame and those before: what follows a clip's end changes nothing.

        Shape: ``(B, T, F)`` to ``(B, T, H)``; ``lengths`` is not needed.
        """
        B, T, F = x.shape
        with torch.autocast(x.device.type, enabled=False):
            x, kept = x.float(), None
            if self.training and self.dropout > 0:
                if self.masks == "gate":
                    kept = dropout_masks(x, self.dropout, N_GATES)
                else:
                    x = x * dropout_masks(x, self.dropout)
            if self.gates == "sigmoid" and kept is None:
                output: Tensor = self.cell(x)[0]
                return output
            weight, between, bias = (gates_together(rows) for rows in self.weights)
            return scan(project(x, weight, bias, kept), between, GATES[self.gates])


def project(x: Tensor, weight: Tensor, bias: Tensor, kept: Tensor | None = None) -> Tensor:
    """What the inputs of all frames add to the gates, in one product.

    Args:
        x: Shape: ``(B, T, F)``.
        weight: Gates together. Shape: ``(4 H, F)``.
        bias: Gates together. Shape: ``(4 H,)``.
        kept: Factors of the inputs of each gate, gates together. Shape: ``(B, 4, F)``.

    Returns:
        Frames first. Shape: ``(T, B, 4 H)``.
    """
    if kept is None:
        return functional.linear(x.transpose(0, 1), weight, bias)
    # the factors hold for a whole clip: they give it weights of its own, where x would be copied once a gate
    masked = weight.unflatten(0, (N_GATES, -1)) * kept.unsqueeze(2)
    return torch.baddbmm(bias, x, masked.flatten(1, 2).mT).transpose(0, 1)


def scan(projected: Tensor, between: Tensor, gate: Callable[[Tensor], Tensor]) -> Tensor:
    """The recurrence itself, a loop over frames.

    Args:
        projected: What the inputs add to the gates. Shape: ``(T, B, 4 H)``.
        between: Weights between units, gates together. Shape: ``(4 H, H)``.
        gate: One of ``GATES``.

    Returns:
        Shape: ``(B, T, H)``.
    """
    B, H = projected.shape[1], between.shape[1]
    hidden = memory = projected.new_zeros(B, H)
    outputs = []
    # unbound once: a slice in each turn would make the backward pass fill all T frames T times
    for frame in projected.unbind(0):
        gates, candidate = torch.addmm(frame, hidden, between.t()).split([3 * H, H], 1)
        keep_new, keep_old, show = gate(gates).chunk(3, 1)
        memory = keep_old * memory + keep_new * torch.tanh(candidate)
        hidden = show * torch.tanh(memory)
        outputs.append(hidden)
    return torch.stack(outputs, 1)


def dropout_masks(x: Tensor, dropout: float, n_masks: int = 1) -> Tensor:
    """Factors of a batch's inputs that are the same in all frames of a clip: 0, or 1 / (1 - dropout).

    Shape: ``(B, T, F)`` to ``(B, n_masks, F)``.
    """
    B, T, F = x.shape
    return functional.dropout(x.new_ones(B, n_masks, F), dropout)


def gates_together(rows: Tensor) -> Tensor:
    """Rows of the gates side by side, those of the candidate last, so that one call computes all gates of a frame."""
    new, old, candidate, show = rows.chunk(N_GATES)
    return torch.cat([new, old, show, candidate])


def glorot_normal_(weight: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw weights from a normal distribution of variance 2 / (inputs + outputs), cut off at two standard deviations.

    As Keras did it then: the outputs of a recurrent layer are those of its four gates together, and the variance
    that the cut takes away (23 %) is not made up for.

    Args:
        weight: Drawn in place. Shape: ``(outputs, inputs, …)``, what follows being the size of a filter.
        generator: Where the numbers come from.

    Source:
        Glorot, Bengio 2010; named in Diment, Virtanen 2017, section 2.
    """
    outputs, inputs = weight.shape[:2]
    deviation = (2 / ((inputs + outputs) * weight[0, 0].numel())) ** 0.5
    return nn.init.trunc_normal_(weight, 0.0, deviation, -2 * deviation, 2 * deviation, generator=generator)


def orthogonal_(weight: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw weights whose columns are orthonormal."""
    return nn.init.orthogonal_(weight, generator=generator)


DRAWN = {"orthogonal": orthogonal_, "Glorot normal": glorot_normal_}
"""How weights between units are drawn: Keras' default, or as the paper's words can also be read, like all others."""
