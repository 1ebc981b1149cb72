"""Adagrad as Lasagne has it, for the argument ``optimizer`` of ``fit``."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import Optimizer


def adagrad(parameters: Iterable[nn.Parameter], lr: float) -> Optimizer:
    """Adagrad: x −= lr g / √(Σ g² + 1e-6).

    PyTorch adds its constant outside the root. Inside, it is the sum that one starts from.

    Args:
        parameters: What learns.
        lr: Learning rate; 0.001 in the paper.

    Source:
        Kumar, Raj 2017, section III-C; the constant is Lasagne's default.
    """
    return torch.optim.Adagrad(parameters, lr=lr, initial_accumulator_value=1e-6, eps=0.0)
