"""The training loss of N_S is the paper's formula, and stays finite where a probability is 0 or 1."""

import math

import pytest
import torch

from companion.losses import recording_bce


def test_it_is_the_mean_over_classes_of_equation_in_section_2_2():
    p, y = [0.9, 0.2, 0.6], [1.0, 0.0, 0.0]
    by_hand = -(math.log(0.9) + math.log(0.8) + math.log(0.4)) / 3
    assert float(recording_bce(torch.tensor([p]), torch.tensor([y]))) == pytest.approx(by_hand, rel=1e-6)


def test_a_batch_is_the_mean_of_its_recordings():
    generator = torch.Generator().manual_seed(0)
    p, y = torch.rand(4, 5, generator=generator), (torch.rand(4, 5, generator=generator) > 0.5).float()
    alone = torch.stack([recording_bce(p[i : i + 1], y[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(recording_bce(p, y), alone.mean())


def test_certainty_keeps_loss_and_gradient_finite():
    p = torch.tensor([[0.0, 1.0, 0.0, 1.0]], requires_grad=True)
    loss = recording_bce(p, torch.tensor([[1.0, 0.0, 0.0, 1.0]]))
    loss.backward()
    assert 10 < float(loss.detach()) < math.inf
    assert bool(torch.isfinite(p.grad).all())
