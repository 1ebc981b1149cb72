"""RMSprop as Keras has it, step by step."""

import pytest
import torch
from torch import nn

from companion.training.optimizers import rmsprop


def test_three_steps_by_hand():
    """Gradients 3, -1, 0.5 at a rate of 0.1. v: 0.9, 0.91, 0.844."""
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = rmsprop([weight], 0.1)
    came_to = []
    for slope in (3.0, -1.0, 0.5):
        weight.grad = torch.tensor([slope], dtype=torch.float64)
        optimizer.step()
        came_to.append(float(weight.detach()))
    first = -0.1 * 3 / 0.9**0.5
    second = first + 0.1 / 0.91**0.5
    assert came_to == pytest.approx([first, second, second - 0.1 * 0.5 / 0.844**0.5], rel=1e-6)


def test_the_small_constant_stands_outside_the_root():
    """With a gradient of 1e-8, √v is 1e-8 √0.1. Inside the root, 1e-8 would shrink the step thousands of times."""
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    weight.grad = torch.full((1,), 1e-8, dtype=torch.float64)
    rmsprop([weight], 1.0).step()
    assert float(weight.detach()) == pytest.approx(-1 / (0.1**0.5 + 1), rel=1e-9)
