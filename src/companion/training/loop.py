"""The loop: Lightning Fabric places the tensors, everything else is on this page.

A run can be killed at any step. Batches depend only on (seed, epoch), examples at most on the epoch, and a checkpoint
holds the weights, the optimiser's moments, the generator and the running sums, so a resumed run ends bit-equal to an
uninterrupted one.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm.auto import tqdm

from companion.errors import CompanionError
from companion.training.rates import Progress, Rate, constant
from companion.training.state import State, restore, save, write_curve


class Examples(Protocol):
    """Training examples, addressed by index."""

    @property
    def lengths(self) -> Sequence[int]:
        """Frames of each example; examples of one length share a batch."""

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Inputs ``(B, T, F)`` and targets ``(B, …)``."""


@runtime_checkable
class Renewed(Protocol):
    """Training examples that are others in every epoch."""

    def begin_epoch(self, epoch: int) -> None:
        """Let the batches that follow belong to an epoch, from 0."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Args:
        epochs: Passes over the examples, at most.
        batch_size: Examples in a step.
        lr: Highest learning rate.
        rate: Rule of the learning rate; see :mod:`companion.training.rates`.
        clip_value: Largest absolute value of any gradient; None for any.
        clip_norm: Largest Euclidean norm of all gradients together; None for any.
        patience: Epochs without a better validation after which training ends; None for never.
        checkpoint_every: Steps between checkpoints; one is also made after every epoch.
    """

    epochs: int
    batch_size: int = 16
    lr: float = 1e-3
    rate: Rate = constant
    clip_value: float | None = None
    clip_norm: float | None = None
    patience: int | None = None
    checkpoint_every: int = 100

    @property
    def words(self) -> str:
        """The schedule as text, the same in every process."""
        rule = getattr(self.rate, "__qualname__", repr(self.rate))
        return f"{replace(self, rate=constant)} {rule}".replace(repr(constant), "rule")


def adam(parameters: Iterable[nn.Parameter], lr: float) -> Optimizer:
    """Adam as published (Kingma, Ba 2015)."""
    return torch.optim.Adam(parameters, lr=lr)


def fit(
    model: nn.Module,
    examples: Examples,
    loss: Callable[[Any, Tensor], Tensor],
    validate: Callable[[nn.Module], Mapping[str, float]],
    schedule: Schedule,
    *,
    monitor: str | None,
    seed: int,
    folder: Path,
    fabric: Fabric,
    optimizer: Callable[[Iterable[nn.Parameter], float], Optimizer] = adam,
    minimise: bool = False,
    label: str = "training",
) -> State:
    """Train, keep the weights that validate best, or the last ones, and survive being killed.

    Args:
        model: The network; the weights that are kept are loaded into it at the end.
        examples: What to learn from.
        loss: (input, target) to a scalar.
        validate: Measures of the network on validation data; must be deterministic.
        schedule: How long and how fast.
        monitor: The measure that decides which weights are best; None to keep the last, whatever they are worth.
        seed: Seed of the order of batches and of anything random in the network.
        folder: Where the checkpoint and the log ``curve.csv`` live; a checkpoint found there is resumed.
        fabric: Device and precision.
        optimizer: From the parameters that learn and the learning rate to an optimiser.
        minimise: A smaller value of ``monitor`` is better.
        label: Shown beside the progress bar.

    Returns:
        State: With the kept weights in ``model`` and the whole curve.

    Raises:
        CompanionError: The self-check failed, or the loss stopped being finite.
        CheckpointError: The checkpoint found in ``folder`` belongs to another network or schedule.
    """
    torch.manual_seed(seed)
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    network, fabric_optimizer = fabric.setup(model, optimizer(learning, schedule.lr))
    state = State(model, fabric_optimizer)
    sign = -1.0 if minimise else 1.0
    run_id = {
        "schedule": schedule.words,
        "optimizer": repr(fabric_optimizer.optimizer),
        "seed": seed,
        "examples": len(examples.lengths),
        "monitor": f"{'-' if minimise else ''}{monitor}",
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
        while state.epoch < schedule.epochs and not (
            monitor is not None and stalled(state.curve, monitor, sign, schedule.patience)
        ):
            order = list(batches(examples.lengths, schedule.batch_size, seed, state.epoch))
            if isinstance(examples, Renewed):
                examples.begin_epoch(state.epoch)
            network.train()
            for indices in order[state.batch :]:
                progress = Progress(state.epoch * n_batches + state.batch, n_steps, state.curve)
                rate = schedule.rate(progress, schedule.lr)
                state.loss_sum += train_step(network, fabric_optimizer, examples, indices, loss, rate, fabric, schedule)
                state.batch += 1
                bar.update()
                bar.set_postfix(loss=f"{state.loss_sum / state.batch:.4f}", refresh=False)
                if state.batch % schedule.checkpoint_every == 0:
                    save(state, checkpoint, run_id)
            finish_epoch(state, network, validate, monitor, sign, len(order))
            write_curve(folder / "curve.csv", state.curve)
            save(state, checkpoint, run_id)
    model.load_state_dict(state.best_model)
    return state


def stalled(curve: Sequence[Mapping[str, float]], monitor: str, sign: float, patience: int | None) -> bool:
    """Whether the best epoch lies ``patience`` epochs back."""
    if patience is None or not curve:
        return False
    values = [sign * row[monitor] for row in curve]
    return len(values) - 1 - values.index(max(values)) >= patience


def train_step(
    network: nn.Module,
    optimizer: Optimizer,
    examples: Examples,
    indices: NDArray[np.int64],
    loss: Callable[[Any, Tensor], Tensor],
    rate: float,
    fabric: Fabric,
    schedule: Schedule,
) -> float:
    """One step of the optimiser at a given learning rate; returns the batch's loss."""
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
    if schedule.clip_value is not None:
        fabric.clip_gradients(network, optimizer, clip_val=schedule.clip_value)
    if schedule.clip_norm is not None:
        fabric.clip_gradients(network, optimizer, max_norm=schedule.clip_norm)
    optimizer.step()
    return float(value.detach())


def finish_epoch(
    state: State,
    network: nn.Module,
    validate: Callable[[nn.Module], Mapping[str, float]],
    monitor: str | None,
    sign: float,
    n_batches: int,
) -> None:
    """Validate, remember the best weights, write the epoch's row. ``sign`` is −1 where less is better."""
    network.eval()
    with torch.inference_mode():
        measures = dict(validate(network))
    if monitor is not None and not math.isfinite(measures[monitor]):
        raise CompanionError(
            f"validation gave {monitor} = {measures[monitor]}",
            expected="a finite measure to choose the best epoch by",
            repair="validate on examples of every class, or watch another measure",
        )
    state.epoch += 1
    rate = state.optimizer.param_groups[0]["lr"]
    state.curve.append({"epoch": state.epoch, "loss": state.loss_sum / n_batches, **measures, "lr": rate})
    worth = state.epoch if monitor is None else sign * measures[monitor]
    if worth > state.best:
        state.best = worth
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
