"""Optimisers of the papers, for the argument ``optimizer`` of ``fit``; Adam stands beside the loop."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import Optimizer


def rmsprop(parameters: Iterable[nn.Parameter], lr: float) -> Optimizer:
    """RMSprop as Keras 2.0.8 has it: x −= lr g / (√v + 1e-8), where v = 0.9 v + 0.1 g², at first 0.

    Args:
        parameters: What learns.
        lr: Learning rate; 0.001 in the paper.

    Source:
        Diment, Virtanen 2017, section 2; the constants are Keras' defaults.
    """
    return torch.optim.RMSprop(parameters, lr=lr, alpha=0.9, eps=1e-8)
