"""Optimisers of the papers, step by step."""

import pytest
import torch
from torch import nn

from companion.training.loop import adam
from companion.training.optimizers import nesterov, rmsprop


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


def test_adam_by_hand():
    """Moments of 0.9 and 0.999, corrected for their start, and nothing decays."""
    weight = nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer, first, second, expected = adam([weight], 0.1), 0.0, 0.0, 1.0
    for step, slope in enumerate((3.0, -1.0, 0.5, 0.0), start=1):
        weight.grad = torch.tensor([slope], dtype=torch.float64)
        optimizer.step()
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        expected -= 0.1 * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)) ** 0.5 + 1e-8)
        assert float(weight.detach()) == pytest.approx(expected, rel=1e-6)


def test_the_small_constant_stands_outside_the_root():
    """With a gradient of 1e-8, √v is 1e-8 √0.1. Inside the root, 1e-8 would shrink the step thousands of times."""
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    weight.grad = torch.full((1,), 1e-8, dtype=torch.float64)
    rmsprop([weight], 1.0).step()
    assert float(weight.detach()) == pytest.approx(-1 / (0.1**0.5 + 1), rel=1e-9)


def test_nesterov_by_hand():
    """Gradients 1, 1, -2 at a rate of 0.1: v is 1, 1.9, -0.29, and a step is 0.1 (g + 0.9 v)."""
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = nesterov([weight], 0.1)
    came_to = []
    for slope in (1.0, 1.0, -2.0):
        weight.grad = torch.tensor([slope], dtype=torch.float64)
        optimizer.step()
        came_to.append(float(weight.detach()))
    assert came_to == pytest.approx([-0.19, -0.19 - 0.271, -0.461 + 0.1 * (2 + 0.9 * 0.29)], rel=1e-9)
