"""The loop learns, keeps what validates best, and comes back from the dead unchanged."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from companion.errors import CheckpointError, CompanionError
from companion.training import Schedule, batches, fit, make_fabric

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import train
train(Path({folder!r}), epochs=4, pause={pause})
"""


class Points:
    """A linear problem with two example lengths."""

    def __init__(self, pause: float = 0.0) -> None:
        rng = np.random.default_rng(0)
        self.lengths = [3] * 30 + [5] * 21
        self.weights = rng.normal(size=4).astype(np.float32)
        self.x = [rng.normal(size=(length, 4)).astype(np.float32) for length in self.lengths]
        self.pause = pause

    def batch(self, indices):
        time.sleep(self.pause)
        x = np.stack([self.x[i] for i in indices])
        return torch.from_numpy(x), torch.from_numpy((x @ self.weights).mean(1))


class Line(nn.Module):
    """Mean of a linear map over time, with dropout so that the generator's state matters."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        return self.layer(self.dropout(x)).mean((1, 2))


def train(folder: Path, epochs: int = 4, pause: float = 0.0, lr: float = 0.05, decay: str = "cosine"):
    torch.manual_seed(7)
    model, data = Line(), Points(pause)
    held = Points().batch(np.arange(10))

    def validate(network):
        return {"fit": -float(nn.functional.mse_loss(network(held[0]), held[1]))}

    schedule = Schedule(epochs, batch_size=8, lr=lr, decay=decay, checkpoint_every=2)
    return fit(
        model, data, nn.functional.mse_loss, validate, schedule,
        monitor="fit", seed=3, folder=folder, fabric=make_fabric("cpu"),
    )  # fmt: skip


def test_every_example_is_seen_once_an_epoch_in_batches_of_one_length():
    lengths = [10] * 17 + [20] * 8 + [30]
    groups = list(batches(lengths, 4, seed=0, epoch=1))
    assert sorted(np.concatenate(groups).tolist()) == list(range(26))
    assert all(len({lengths[i] for i in group}) == 1 for group in groups)
    assert sorted(len(group) for group in groups if lengths[group[0]] == 10) == [4, 4, 4, 5]


def test_order_depends_on_seed_and_epoch_only():
    first = np.concatenate(list(batches([5] * 40, 8, 1, 2)))
    np.testing.assert_array_equal(first, np.concatenate(list(batches([5] * 40, 8, 1, 2))))
    assert not np.array_equal(first, np.concatenate(list(batches([5] * 40, 8, 1, 3))))
    assert not np.array_equal(first, np.concatenate(list(batches([5] * 40, 8, 2, 2))))


def test_learns_and_returns_the_weights_that_validated_best(tmp_path):
    state = train(tmp_path)
    scores = [row["fit"] for row in state.curve]
    assert scores[-1] > scores[0]
    assert state.best == max(scores)
    for name, value in state.model.state_dict().items():
        torch.testing.assert_close(value, state.best_model[name], rtol=0, atol=0)
    assert (tmp_path / "curve.csv").read_text().splitlines()[0] == "epoch,loss,fit,lr"


def test_cosine_schedule_rises_then_falls_to_nearly_zero():
    schedule = Schedule(1, lr=1.0, decay="cosine")
    rates = [schedule.rate(step, 100) for step in range(100)]
    assert rates[9] == 1.0
    assert np.all(np.diff(rates[:10]) > 0)
    assert np.all(np.diff(rates[10:]) < 0)
    assert rates[-1] < 0.001


def test_killed_at_any_step_and_resumed_ends_bit_equal(tmp_path):
    train(tmp_path / "whole")
    interrupted = tmp_path / "killed"
    code = SCRIPT.format(tests=str(Path(__file__).parent), folder=str(interrupted), pause=0.03)
    kills = 0
    while not (interrupted / "curve.csv").exists() or kills < 3:
        before = (interrupted / "checkpoint.safetensors").exists()
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        mark = _stamp(interrupted)
        while process.poll() is None and _stamp(interrupted) == mark and time.monotonic() < deadline:
            time.sleep(0.005)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        assert before or kills == 1
        if kills == 6:
            break
    assert kills >= 3
    train(interrupted)
    whole, resumed = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    assert (interrupted / "curve.csv").read_text() == (tmp_path / "whole" / "curve.csv").read_text()


def _stamp(folder: Path) -> float:
    path = folder / "checkpoint.safetensors"
    return path.stat().st_mtime_ns if path.exists() else 0


def test_a_checkpoint_of_another_schedule_is_refused(tmp_path):
    train(tmp_path, epochs=1)
    with pytest.raises(CheckpointError, match=r"delete .* to start again"):
        train(tmp_path, epochs=2)


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path):
    train(tmp_path, epochs=1)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"checkpoint\.safetensors"):
        train(tmp_path, epochs=1)


def test_a_diverging_loss_stops_the_run(tmp_path):
    with pytest.raises(CompanionError, match="loss became"):
        train(tmp_path, lr=1e30, decay="constant")


def test_the_self_check_refuses_a_validation_that_is_not_repeatable(tmp_path):
    rng = np.random.default_rng(0)
    with pytest.raises(CompanionError, match="self-check"):
        fit(
            Line(), Points(), nn.functional.mse_loss, lambda network: {"fit": rng.random()}, Schedule(1),
            monitor="fit", seed=0, folder=tmp_path, fabric=make_fabric("cpu"),
        )  # fmt: skip


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_asking_for_a_gpu_that_is_not_there_says_so():
    with pytest.raises(CompanionError, match="companion doctor"):
        make_fabric("cuda")
