"""A bidirectional recurrent layer whose cell may have another activation than tanh."""

from typing import Any

import torch
from torch import Tensor, nn

from companion.errors import ParameterError

CELLS: dict[str, Any] = {"gru": nn.GRU, "lstm": nn.LSTM}
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu}


class Recurrent(nn.Module):
    """GRU or LSTM in both directions, with tanh or ReLU **inside** the cell.

    The weights are PyTorch's: with tanh its own layer computes, which is fast; ReLU needs a plain loop. A GRU's reset
    gate works on the recurrent product, as in PyTorch, and not on the state before it, as in Keras of 2017.

    Args:
        size_in: Features that come in.
        size: Units in each direction.
        cell: ``gru`` or ``lstm``.
        activation: ``tanh`` or ``relu``; the gates are sigmoids in any case.
        own_loop: Compute tanh in the plain loop as well.

    Source: Wang and Metze 2017, Table 3 and section 3.1.
    """

    def __init__(
        self, size_in: int, size: int, *, cell: str = "gru", activation: str = "relu", own_loop: bool = False
    ) -> None:
        super().__init__()
        for name, known in ((cell, CELLS), (activation, ACTIVATIONS)):
            if name not in known:
                raise ParameterError(f"no recurrent layer with {name!r}", expected=f"one of {', '.join(known)}")
        self.cell, self.activation, self.own_loop = cell, activation, own_loop
        self.cells = CELLS[cell](size_in, size, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: ``(B, T, C)`` to ``(B, T, 2 × size)``, forward direction first."""
        B, T, C = x.shape
        if self.activation == "tanh" and not self.own_loop:
            found: Tensor = self.cells(x)[0]
            return found
        return torch.cat([self._direction(x, ""), self._direction(x.flip(1), "_reverse").flip(1)], dim=2)

    def _direction(self, x: Tensor, ending: str) -> Tensor:
        """One direction, step by step. Shape: ``(B, T, C)`` to ``(B, T, size)``."""
        weight, bias_in, recurrent, bias = (
            getattr(self.cells, f"{name}_l0{ending}") for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
        )
        step = self._gru if self.cell == "gru" else self._lstm
        state = memory = x.new_zeros(x.shape[0], recurrent.shape[1])
        outputs = []
        # split along time once: slicing inside the loop makes the backward pass quadratic
        for given in nn.functional.linear(x, weight, bias_in).unbind(1):
            state, memory = step(given, nn.functional.linear(state, recurrent, bias), state, memory)
            outputs.append(state)
        return torch.stack(outputs, dim=1)

    def _gru(self, given: Tensor, fed_back: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        reset_in, update_in, new_in = given.chunk(3, 1)
        reset_back, update_back, new_back = fed_back.chunk(3, 1)
        update = torch.sigmoid(update_in + update_back)
        new = ACTIVATIONS[self.activation](new_in + torch.sigmoid(reset_in + reset_back) * new_back)
        return new + update * (state - new), memory

    def _lstm(self, given: Tensor, fed_back: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        into, forget, new, out = (given + fed_back).chunk(4, 1)
        activation = ACTIVATIONS[self.activation]
        memory = torch.sigmoid(forget) * memory + torch.sigmoid(into) * activation(new)
        return torch.sigmoid(out) * activation(memory), memory
