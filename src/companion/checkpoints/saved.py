"""Trained networks as values of the store: their weights, and what must be known to use them, in one file."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from companion import store
from companion.errors import CheckpointError, ParameterError, StoreError

AGAIN = "train or convert the network again"
MODELS = "companion.models."


@dataclass(frozen=True)
class Checkpoint:
    """A network and what must be known to use it.

    Args:
        network: Any network of :mod:`companion.models` with an ``architecture``.
        classes: Its output classes, in the order of its outputs.
        features: Name of the feature specification that it was trained on.
        facts: What else is known: its learning curve, validation measures, where its weights come from.
    """

    network: nn.Module
    classes: tuple[str, ...]
    features: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def as_value(checkpoint: Checkpoint) -> store.Value:
    """A checkpoint in the terms of the store.

    Raises:
        CheckpointError: Another number of class names than outputs, or a network of another package.
    """
    network, kind = checkpoint.network, type(checkpoint.network)
    if not kind.__module__.startswith(MODELS) or not hasattr(network, "architecture"):
        raise CheckpointError(f"{kind.__name__} cannot be saved", expected=f"a network of {MODELS.rstrip('.')}")
    architecture: dict[str, Any] = dict(network.architecture)  # type: ignore[arg-type]
    check_classes(checkpoint.classes, architecture["n_classes"], kind.__name__)
    facts = {
        "network": f"{kind.__module__.removeprefix(MODELS)}.{kind.__name__}",
        "architecture": architecture,
        "classes": list(checkpoint.classes),
        "features": checkpoint.features,
        "facts": dict(checkpoint.facts),
    }
    state = network.state_dict().items()
    return store.Value({name: value.detach().cpu().contiguous().numpy() for name, value in state}, facts)


def from_kept(kept: store.Kept, *, classes: Sequence[str] | None = None) -> Checkpoint:
    """The network that a value of the store holds.

    Args:
        kept: Made by ``as_value``.
        classes: The classes that the caller expects; None for any.

    Returns:
        Checkpoint: With its network in evaluation mode, on the CPU.

    Raises:
        CheckpointError: It holds no network, a layer is missing, superfluous or of another shape, a weight is not
            finite, or the classes are others.
    """
    path = kept.path
    try:
        said = kept.facts
        # its weights come from the file: draw none, and leave the global generator alone
        with torch.device("meta"):
            network = network_class(str(said["network"]))(**said["architecture"]).eval()
        names = tuple(said["classes"])
        checkpoint = Checkpoint(network, names, str(said["features"]), dict(said["facts"]))
        n_classes = int(said["architecture"]["n_classes"])
    except (ValueError, TypeError, KeyError, ArithmeticError, RuntimeError, ImportError, ParameterError) as error:
        problem = f"{path} does not describe a network: {type(error).__name__} {error}"
        raise CheckpointError(problem, expected="what checkpoints.save wrote", repair=AGAIN) from error
    check_classes(names, n_classes, path, classes)
    fill(network, {name: torch.from_numpy(array.copy()) for name, array in kept.items()}, path)
    return checkpoint


def network_class(name: str) -> type[nn.Module]:
    """A network by its module and class below :mod:`companion.models`; nothing else is ever imported.

    Raises:
        ValueError: There is no such network.
    """
    module, _, kind = name.rpartition(".")
    if not all(part.isidentifier() for part in (*module.split("."), kind)):
        raise ValueError(f"no network {name!r}")
    found = getattr(import_module(f"{MODELS}{module}"), kind, None)
    if not (isinstance(found, type) and issubclass(found, nn.Module) and hasattr(found, "architecture")):
        raise ValueError(f"no network {name!r}")
    return found


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint as one safetensors file, whole or not at all.

    Raises:
        CheckpointError: Another number of class names than outputs, or a network of another package.
        StoreError: The folder cannot be written.
    """
    store.write(Path(path), as_value(checkpoint), {})


def load(path: Path, *, classes: Sequence[str] | None = None) -> Checkpoint:
    """Read what ``save`` wrote, or the network of a finished training in the store.

    Raises:
        CheckpointError: The file is missing or damaged, or as ``from_kept``.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}", expected="a .safetensors of this library", repair=AGAIN)
    try:
        kept = store.read(path)
    except StoreError as error:
        raise CheckpointError(error.problem, expected="a .safetensors of this library", repair=AGAIN) from error
    return from_kept(kept, classes=classes)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_classes(
    classes: Sequence[str], n_outputs: int, place: Path | str, expected: Sequence[str] | None = None
) -> None:
    """Compare the number of class names with the network, and the names with those expected.

    Raises:
        CheckpointError: They differ.
    """
    if len(classes) != n_outputs:
        raise CheckpointError(f"{place}: {len(classes)} class names", expected=f"{n_outputs}, one per output")
    if expected is None or list(classes) == list(expected):
        return
    differing = [i for i, (ours, theirs) in enumerate(zip(classes, expected, strict=False)) if ours != theirs]
    first = differing[0] if differing else min(len(classes), len(expected))
    names = [repr(names[first]) if first < len(names) else "no class" for names in (classes, expected)]
    raise CheckpointError(
        f"{place} was trained for other classes: output {first} of {len(classes)} is {names[0]}",
        expected=f"{names[1]}, in a list of {len(expected)}",
        repair="use this checkpoint's classes, or adapt the network to the new ones (companion.transfer)",
    )


def fill(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Give a network its weights, after every layer's name, shape and values were looked at.

    Raises:
        CheckpointError: Names the first layer that does not fit, what was expected and what came; or that holds NaN,
            infinity or a negative variance.
    """
    wanted = network.state_dict()
    repair = "use weights of the same width and number of classes, or " + AGAIN
    for name, value in wanted.items():
        expected = f"{name} of shape {tuple(value.shape)}"
        if name not in state:
            raise CheckpointError(f"{path}: layer {name} is missing", expected=expected, repair=repair)
        if state[name].shape != value.shape:
            given = tuple(state[name].shape)
            raise CheckpointError(f"{path}: layer {name} has shape {given}", expected=expected, repair=repair)
    superfluous = sorted(state.keys() - wanted.keys())
    if superfluous:
        raise CheckpointError(
            f"{path}: layer {superfluous[0]} is not part of {type(network).__name__}",
            expected=f"{len(wanted)} layers",
            repair=repair,
        )
    typed = {name: state[name].to(value.dtype) for name, value in wanted.items()}
    for name, value in typed.items():
        if not bool(torch.isfinite(value).all()):
            problem = f"{path}: layer {name} holds values that are not finite"
            raise CheckpointError(problem, expected="finite weights", repair=AGAIN)
        if name.endswith("running_var") and bool((value < 0).any()):
            problem = f"{path}: layer {name} holds variances below zero"
            raise CheckpointError(problem, expected="variances of zero or more", repair=AGAIN)
    network.load_state_dict(typed, assign=True)
