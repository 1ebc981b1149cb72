"""What a training run remembers: all of it in one safetensors file, written whole or not at all."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from companion.atomic import atomic_path, write_text
from companion.errors import CheckpointError


@dataclass
class State:
    """Everything that a checkpoint holds.

    Args:
        model: The network in training.
        optimizer: Its optimiser.
        epoch: Epochs completed.
        batch: Batches completed in the current epoch.
        loss_sum: Sum of the current epoch's batch losses.
        best: Best validation score so far, negative where less is better.
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


def save(state: State, path: Path, run_id: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically: one safetensors file, with the counters in its header."""
    tensors = {f"model.{name}": value for name, value in state.model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in state.best_model.items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        named = {name: value for name, value in moments.items() if isinstance(value, torch.Tensor)}
        tensors |= {f"optimizer.{index}.{name}": value for name, value in named.items()}
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
