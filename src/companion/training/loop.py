"""The loop: Lightning Fabric places the tensors, everything else is on this page.

A run can be killed at any step. Batches depend only on (seed, epoch), and a checkpoint holds the weights, the
optimiser's moments, the generator and the running sums, so a resumed run ends bit-equal to an uninterrupted one.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from companion.errors import CompanionError
from companion.training.state import State, restore, save, write_curve


class Examples(Protocol):
    """Training examples, addressed by index."""

    @property
    def lengths(self) -> Sequence[int]:
        """Frames of each example; examples of one length share a batch."""

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Inputs ``(B, T, F)`` and targets ``(B, …)``."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Args:
        epochs: Passes over the examples.
        batch_size: Examples in a step.
        lr: Highest learning rate of Adam.
        decay: ``constant``, or ``cosine``: a linear rise over the first tenth, then a cosine to zero.
        checkpoint_every: Steps between checkpoints; one is also made after every epoch.
    """

    epochs: int
    batch_size: int = 16
    lr: float = 1e-3
    decay: str = "constant"
    checkpoint_every: int = 100

    def rate(self, step: int, n_steps: int) -> float:
        """Learning rate of a step, counted from 0."""
        if self.decay == "constant":
            return self.lr
        rise = max(1, n_steps // 10)
        if step < rise:
            return self.lr * (step + 1) / rise
        return self.lr * 0.5 * (1.0 + math.cos(math.pi * (step - rise) / max(1, n_steps - rise)))


def fit(
    model: nn.Module,
    examples: Examples,
    loss: Callable[[Any, Tensor], Tensor],
    validate: Callable[[nn.Module], Mapping[str, float]],
    schedule: Schedule,
    *,
    monitor: str,
    seed: int,
    folder: Path,
    fabric: Fabric,
    label: str = "training",
) -> State:
    """Train, keep the weights that validate best, and survive being killed.

    Args:
        model: The network; its best weights are loaded into it at the end.
        examples: What to learn from.
        loss: (input, target) to a scalar.
        validate: Measures of the network on validation data; must be deterministic.
        schedule: How long and how fast.
        monitor: The measure to maximise.
        seed: Seed of the order of batches and of anything random in the network.
        folder: Where the checkpoint and the log ``curve.csv`` live; a checkpoint found there is resumed.
        fabric: Device and precision.
        label: Shown beside the progress bar.

    Returns:
        State: With the best weights in ``model`` and the whole curve.

    Raises:
        CompanionError: The self-check failed, or the loss stopped being finite.
        CheckpointError: The checkpoint found in ``folder`` belongs to another network or schedule.
    """
    torch.manual_seed(seed)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(model.parameters(), lr=schedule.lr)
    network, optimizer = fabric.setup(model, optimizer)
    state = State(model, optimizer)
    run_id = {
        "schedule": asdict(schedule),
        "seed": seed,
        "examples": len(examples.lengths),
        "monitor": monitor,
    }
    checkpoint = folder / "checkpoint.safetensors"
    if checkpoint.is_file():
        restore(state, checkpoint, run_id)
    else:
        self_check(network, examples, loss, validate, fabric)
        torch.manual_seed(seed)
    n_batches = len(list(batches(examples.lengths, schedule.batch_size, seed, 0)))
    n_steps = n_batches * schedule.epochs
    with tqdm(total=n_steps, initial=state.epoch * n_batches + state.batch, desc=label, unit="step") as bar:
        while state.epoch < schedule.epochs:
            order = list(batches(examples.lengths, schedule.batch_size, seed, state.epoch))
            network.train()
            for indices in order[state.batch :]:
                rate = schedule.rate(state.epoch * n_batches + state.batch, n_steps)
                state.loss_sum += train_step(network, optimizer, examples, indices, loss, rate, fabric)
                state.batch += 1
                bar.update()
                bar.set_postfix(loss=f"{state.loss_sum / state.batch:.4f}", refresh=False)
                if state.batch % schedule.checkpoint_every == 0:
                    save(state, checkpoint, run_id)
            finish_epoch(state, network, validate, monitor, len(order))
            save(state, checkpoint, run_id)
            write_curve(folder / "curve.csv", state.curve)
    model.load_state_dict(state.best_model)
    return state


def train_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    examples: Examples,
    indices: NDArray[np.int64],
    loss: Callable[[Any, Tensor], Tensor],
    rate: float,
    fabric: Fabric,
) -> float:
    """One step of Adam at a given learning rate; returns the batch's loss."""
    x, y = (fabric.to_device(tensor) for tensor in examples.batch(indices))
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    value = loss(network(x), y)
    if not bool(torch.isfinite(value)):
        raise CompanionError(
            f"the training loss became {value.item()}",
            expected="a finite loss",
            repair="lower the learning rate, or train in 32-bit precision",
        )
    fabric.backward(value)
    optimizer.step()
    return float(value.detach())


def finish_epoch(
    state: State,
    network: nn.Module,
    validate: Callable[[nn.Module], Mapping[str, float]],
    monitor: str,
    n_batches: int,
) -> None:
    """Validate, remember the best weights, write the epoch's row."""
    network.eval()
    with torch.inference_mode():
        measures = dict(validate(network))
    state.epoch += 1
    rate = state.optimizer.param_groups[0]["lr"]
    state.curve.append({"epoch": state.epoch, "loss": state.loss_sum / n_batches, **measures, "lr": rate})
    if measures[monitor] > state.best:
        state.best = measures[monitor]
        state.best_model = {name: value.detach().clone() for name, value in state.model.state_dict().items()}
    state.batch, state.loss_sum = 0, 0.0


def batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> Iterator[NDArray[np.int64]]:
    """Shuffled batches whose examples have one length, so that nothing is padded.

    The order is a function of seed and epoch alone. The last batch of a length may be smaller; one with a
    single example joins the batch before it, because batch statistics of one example mean little.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    by_length = np.asarray(lengths)[order]
    groups: list[NDArray[np.int64]] = []
    for length in np.unique(by_length):
        members = order[by_length == length]
        cuts = list(range(batch_size, len(members), batch_size))
        if cuts and len(members) - cuts[-1] == 1:
            cuts.pop()
        groups += np.split(members, cuts)
    for position in rng.permutation(len(groups)):
        yield groups[position]


def self_check(
    network: nn.Module,
    examples: Examples,
    loss: Callable[[Any, Tensor], Tensor],
    validate: Callable[[nn.Module], Mapping[str, float]],
    fabric: Fabric,
) -> None:
    """Find in seconds what would spoil hours: a loss that is not finite, a validation that is not repeatable.

    Raises:
        CompanionError: Says which.
    """
    indices = next(batches(examples.lengths, 2, 0, 0))
    x, y = (fabric.to_device(tensor) for tensor in examples.batch(indices))
    network.eval()
    with torch.inference_mode():
        value = float(loss(network(x), y))
        first, second = (dict(validate(network)) for _ in range(2))
    if not math.isfinite(value):
        raise CompanionError(f"self-check: the first loss is {value}", expected="a finite loss")
    same = all(first[name] == second[name] or first[name] != first[name] for name in first)
    if not same:
        raise CompanionError(f"self-check: validation gave {first}, then {second}", expected="the same measures twice")
