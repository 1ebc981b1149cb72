"""A training that was killed, and goes on from its checkpoint, ends as if nothing had happened."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from companion.errors import CheckpointError
from companion.training import Plateau, Schedule, fit, make_fabric, state
from companion.training.rates import cosine

SCHEDULE = Schedule(2, batch_size=8, lr=0.05, rate=cosine, clip_norm=1.0, checkpoint_every=2)
N_STEPS = 14

OPTIMISERS = {
    "Adam": torch.optim.Adam,
    "RMSprop": lambda parameters, lr: torch.optim.RMSprop(parameters, lr=lr, momentum=0.9),
    "Adagrad": torch.optim.Adagrad,
    "SGD, Nesterov": lambda parameters, lr: torch.optim.SGD(parameters, lr=lr, momentum=0.9, nesterov=True),
}


class Killed(BaseException):
    """What ends a training here; nothing in it can catch it, as nothing can catch SIGKILL."""


class Points:
    """A linear problem with two example lengths; kills its training at one of its steps."""

    def __init__(self, killed_at: int | None = None, pause: float = 0.0) -> None:
        rng = np.random.default_rng(0)
        self.lengths = [3] * 30 + [5] * 21
        self.weights = rng.normal(size=4).astype(np.float32)
        self.x = [rng.normal(size=(length, 4)).astype(np.float32) for length in self.lengths]
        self.killed_at, self.pause, self.asked = killed_at, pause, -1  # the self-check asks first

    def batch(self, indices):
        time.sleep(self.pause)
        if self.asked == self.killed_at:
            raise Killed
        self.asked += 1
        x = np.stack([self.x[i] for i in indices])
        y = (x.astype(np.float64) @ self.weights.astype(np.float64)).mean(1)
        # copied, since sums over small arrays of NumPy's depend on where in memory they happen to begin
        return torch.tensor(x), torch.tensor(y, dtype=torch.float32)


class Line(nn.Module):
    """Mean of a linear map over time, with dropout so that the generator's state matters."""

    def __init__(self, width: int = 1) -> None:
        super().__init__()
        self.layer = nn.Linear(4, width)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        return self.layer(self.dropout(x)).mean((1, 2))


def train(folder: Path, data: Points | None = None, schedule: Schedule = SCHEDULE, optimizer: str = "Adam",
          seed: int = 3, width: int = 1, monitor: str = "fit"):  # fmt: skip
    torch.manual_seed(7)
    model = Line(width)
    held = Points().batch(np.arange(10))

    def validate(network):
        return {monitor: -float(nn.functional.mse_loss(network(held[0]), held[1]))}

    return fit(
        model, data or Points(), nn.functional.mse_loss, validate, schedule, monitor=monitor, seed=seed,
        folder=folder, fabric=make_fabric("cpu"), optimizer=OPTIMISERS[optimizer],
    )  # fmt: skip


def assert_same_end(one: Path, other: Path) -> None:
    """The same weights, best weights, moments, generator and curve, bit by bit."""
    whole, resumed = (load_file(folder / "checkpoint.safetensors") for folder in (one, other))
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    assert (one / "curve.csv").read_text() == (other / "curve.csv").read_text()


@pytest.mark.parametrize("name", OPTIMISERS)
def test_killed_at_any_step_and_resumed_ends_bit_equal(tmp_path, name):
    whole = train(tmp_path / "whole", optimizer=name)
    for step in range(N_STEPS) if name == "Adam" else (5, 9):
        killed = tmp_path / f"killed at {step}"
        with pytest.raises(Killed):
            train(killed, Points(step), optimizer=name)
        torch.manual_seed(99)  # whatever happened in between
        resumed = train(killed, optimizer=name)
        assert_same_end(tmp_path / "whole", killed)
        assert resumed.curve == whole.curve


def test_a_resumed_training_does_only_the_steps_that_are_left(tmp_path):
    with pytest.raises(Killed):
        train(tmp_path, Points(9))
    data = Points()
    train(tmp_path, data)
    assert data.asked + 1 == N_STEPS - 9  # 9 = 7 of the first epoch and 2 of the second, where a checkpoint lies


@pytest.mark.parametrize("number", range(8))
def test_killed_the_moment_after_a_checkpoint_ends_bit_equal(tmp_path, monkeypatch, number):
    """After the last one there is nothing left to do, and the log is whole all the same."""
    saved = []

    def save(*arguments):
        state.save(*arguments)
        saved.append(arguments)
        if len(saved) == number + 1:
            raise Killed

    train(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr("companion.training.loop.save", save)
        with pytest.raises(Killed):
            train(tmp_path / "killed")
    train(tmp_path / "killed")
    assert_same_end(tmp_path / "whole", tmp_path / "killed")


def test_patience_counts_across_a_kill(tmp_path):
    schedule = replace(SCHEDULE, epochs=30, patience=2, rate=Plateau("fit", 0.5, 1))
    whole = train(tmp_path / "whole", schedule=schedule)
    assert whole.epoch < 30
    with pytest.raises(Killed):
        train(tmp_path / "killed", Points(7 * whole.epoch - 3), schedule=schedule)
    assert train(tmp_path / "killed", schedule=schedule).epoch == whole.epoch
    assert_same_end(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.parametrize(
    "other",
    [
        {"schedule": replace(SCHEDULE, epochs=3)},
        {"schedule": replace(SCHEDULE, rate=Plateau("fit", 0.5, 1))},
        {"schedule": replace(SCHEDULE, clip_norm=None)},
        {"optimizer": "RMSprop"},
        {"seed": 4},
        {"width": 2},
        {"monitor": "other"},
    ],
    ids=["epochs", "rate", "clipping", "optimiser", "seed", "network", "measure"],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, other):
    train(tmp_path)
    with pytest.raises(CheckpointError, match=r"delete .* to start again"):
        train(tmp_path, **other)


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path):
    train(tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"checkpoint\.safetensors"):
        train(tmp_path)


@pytest.mark.parametrize("rate", [cosine, Plateau("fit", 0.5, 1)])
def test_the_words_of_a_schedule_are_the_same_in_every_process(rate):
    assert "0x" not in replace(SCHEDULE, rate=rate).words


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_resume import Points, train
train(Path({folder!r}), Points(pause={pause}))
"""


def kill(folder: Path) -> None:
    """Train in another process, and kill it as soon as it has written one more checkpoint."""
    code = SCRIPT.format(tests=str(Path(__file__).parent), folder=str(folder), pause=0.05)
    path = folder / "checkpoint.safetensors"
    before = path.stat().st_mtime_ns if path.exists() else 0
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not path.exists() or path.stat().st_mtime_ns == before:
        assert time.monotonic() < deadline
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_by_the_system_and_resumed_ends_bit_equal(tmp_path):
    train(tmp_path / "whole")
    kill(tmp_path / "killed")
    train(tmp_path / "killed")
    assert_same_end(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.soak
def test_killed_again_and_again_by_the_system_ends_bit_equal(tmp_path):
    train(tmp_path / "whole")
    for _ in range(5):
        kill(tmp_path / "killed")
    train(tmp_path / "killed")
    assert_same_end(tmp_path / "whole", tmp_path / "killed")
