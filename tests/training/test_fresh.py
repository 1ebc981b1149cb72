"""Examples drawn afresh in every epoch: others each time, and the same ones after a kill."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from companion.training import Schedule, fit, make_fabric
from companion.training.fresh import Fresh

SCHEDULE = Schedule(3, batch_size=4, lr=0.05, checkpoint_every=1)


class Killed(BaseException):
    """What ends a training here."""


class Making:
    """Makes noise by epoch and index, notes what was asked for, and kills the training at one of its examples."""

    def __init__(self, killed_at=None):
        self.killed_at, self.asked = killed_at, []

    def __call__(self, epoch, index):
        if self.killed_at is not None and len(self.asked) == self.killed_at:
            raise Killed
        self.asked.append((epoch, index))
        x = np.random.default_rng([epoch, index]).normal(size=(5, 3)).astype(np.float32)
        return x, np.array([x.mean()], dtype=np.float32)


class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x):
        return self.layer(x).mean(1)


def train(folder, make):
    torch.manual_seed(1)
    held = Fresh(Making(), [5] * 6).batch(np.arange(6))
    return fit(
        Mean(), Fresh(make, [5] * 12), nn.functional.mse_loss,
        lambda network: {"error": float(nn.functional.mse_loss(network(held[0]), held[1]))}, SCHEDULE,
        monitor="error", minimise=True, seed=0, folder=folder, fabric=make_fabric("cpu"),
    )  # fmt: skip


def test_every_epoch_hears_every_index_once_and_no_example_twice(tmp_path):
    make = Making()
    train(tmp_path, make)
    learned = make.asked[2:]  # the self-check hears two
    assert sorted(learned) == [(epoch, index) for epoch in range(3) for index in range(12)]


@pytest.mark.parametrize("step", [0, 4, 8])
def test_killed_at_any_step_and_resumed_ends_bit_equal(tmp_path, step):
    whole = train(tmp_path / "whole", Making())
    with pytest.raises(Killed):
        train(tmp_path / "killed", Making(2 + 4 * step + 1))
    resumed = train(tmp_path / "killed", Making())
    assert resumed.curve == whole.curve
    one, other = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_threads_change_the_order_of_work_and_nothing_else():
    alone, together = (Fresh(Making(), [5] * 9, threads=threads) for threads in (1, 4))
    for epoch in (0, 5):
        for examples in (alone, together):
            examples.begin_epoch(epoch)
        for one, other in zip(alone.batch(np.arange(9)), together.batch(np.arange(9)), strict=True):
            assert torch.equal(one, other)
