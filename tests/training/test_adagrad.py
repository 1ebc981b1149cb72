"""Adagrad as Lasagne has it, step by step."""

import pytest
import torch
from torch import nn

from companion.training.adagrad import adagrad


def test_three_steps_by_hand():
    """Gradients 3, -1, 0.5 at a rate of 0.1. Sums of squares: 9, 10, 10.25."""
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = adagrad([weight], 0.1)
    came_to = []
    for slope in (3.0, -1.0, 0.5):
        weight.grad = torch.tensor([slope], dtype=torch.float64)
        optimizer.step()
        came_to.append(float(weight.detach()))
    first = -0.1
    second = first + 0.1 / 10**0.5
    assert came_to == pytest.approx([first, second, second - 0.05 / 10.25**0.5], rel=1e-6)


def test_the_small_constant_stands_inside_the_root():
    """With a gradient of 1e-3 the sum is 1e-6, as large as the constant: the step is 1 / √2 of the rate. Outside the
    root the constant would take a thousandth off it."""
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    weight.grad = torch.full((1,), 1e-3, dtype=torch.float64)
    adagrad([weight], 1.0).step()
    assert float(weight.detach()) == pytest.approx(-(0.5**0.5), rel=1e-6)
