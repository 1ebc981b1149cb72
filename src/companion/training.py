"""One visible training loop: Lightning Fabric places the tensors, everything else is on this page.

A run can be killed at any step. Batches depend only on (seed, epoch), and a checkpoint holds the weights, the
optimiser's moments, the generator and the running sums, so a resumed run ends bit-equal to an uninterrupted one.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from companion.atomic import atomic_path, write_text
from companion.errors import CheckpointError, CompanionError


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


@dataclass
class State:
    """Everything that a checkpoint holds.

    Args:
        model: The network in training.
        optimizer: Its Adam.
        epoch: Epochs completed.
        batch: Batches completed in the current epoch.
        loss_sum: Sum of the current epoch's batch losses.
        best: Best validation score so far.
        best_model: The weights that reached it.
        curve: One row an epoch: loss, validation measures, learning rate.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    best: float = -math.inf
    best_model: dict[str, Tensor] = field(default_factory=dict)
    curve: list[dict[str, float]] = field(default_factory=list)

    PROGRESS = ("epoch", "batch", "loss_sum", "best", "curve")


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


def save(state: State, path: Path, run_id: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically: one safetensors file, with the counters in its header."""
    tensors = {f"model.{name}": value for name, value in state.model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in state.best_model.items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
    tensors["generator"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["generator.cuda"] = torch.cuda.get_rng_state()
    header = {"run": dict(run_id), **{name: getattr(state, name) for name in State.PROGRESS}}
    contiguous = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata={"state": json.dumps(header)})


def restore(state: State, path: Path, run_id: Mapping[str, Any]) -> None:
    """Load a checkpoint into a fresh state.

    Raises:
        CheckpointError: Damaged, or made by another network, seed or schedule.
    """
    repair = f"delete {path.parent} to start again"
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"cannot read {path}: {error}", expected="a checkpoint", repair=repair) from error
    if header["run"] != run_id:
        raise CheckpointError(f"{path} belongs to {header['run']}", expected=f"{dict(run_id)}", repair=repair)
    for name in State.PROGRESS:
        setattr(state, name, header[name])
    try:
        state.model.load_state_dict(_part(tensors, "model."))
    except RuntimeError as error:
        raise CheckpointError(f"{path} holds another network: {error}", repair=repair) from error
    state.best_model = _part(tensors, "best.")
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimizer.").items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index), {})[key] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    torch.set_rng_state(tensors["generator"])
    if torch.cuda.is_available() and "generator.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["generator.cuda"])


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def write_curve(path: Path, curve: Sequence[Mapping[str, float]]) -> None:
    """Write the log: one csv row an epoch."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(curve[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    write_text(path, text.getvalue())


def make_fabric(device: str = "auto") -> Fabric:
    """Fabric on one device, with bfloat16 where the hardware multiplies it faster than float32.

    Args:
        device: ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        CompanionError: A GPU was asked for and there is none.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise CompanionError(
            f"device {device!r} was asked for, but PyTorch sees no GPU",
            expected="an NVIDIA GPU and a CUDA build of PyTorch",
            repair="use device=cpu or device=auto, or see `companion doctor`",
        )
    if device == "cpu" or not torch.cuda.is_available():
        return Fabric(accelerator="cpu", devices=1, precision="bf16-mixed" if fast_bfloat16() else "32-true")
    index = int(device.partition(":")[2] or 0)
    return Fabric(accelerator="cuda", devices=[index], precision="bf16-mixed")


def fast_bfloat16() -> bool:
    """True when this CPU has bfloat16 instructions (AMX or AVX-512 BF16); without them bfloat16 is far slower."""
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, probe, lambda: False)()) for probe in probes)
