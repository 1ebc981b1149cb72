"""Save and load N_S."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from companion.atomic import atomic_path, write_json
from companion.errors import CheckpointError, ParameterError
from companion.features import NS_LOG_MEL
from companion.models.weak_cnn import WeakCNN

AGAIN = "train or convert the network again, or restore both files together"


@dataclass(frozen=True)
class Checkpoint:
    """A network and what must be known to use it.

    Args:
        network: N_S.
        classes: Its output classes, in the order of its outputs.
        features: Name of the feature specification that it was trained on.
        provenance: Where the weights come from.
    """

    network: WeakCNN
    classes: tuple[str, ...]
    features: str = NS_LOG_MEL.name
    provenance: Mapping[str, Any] = field(default_factory=dict)


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write ``NAME.safetensors`` and ``NAME.json``, each of them whole or not at all.

    The json is written last and holds the weights' SHA-256, so a pair torn by a crash is noticed.

    Args:
        checkpoint: What to save.
        path: ``NAME``, with or without its suffix.

    Raises:
        CheckpointError: Another number of class names than outputs.
        StoreError: The folder cannot be written.
    """
    network, classes = checkpoint.network, list(checkpoint.classes)
    check_classes(classes, network.n_classes, path)
    weights, description = pair(path)
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with atomic_path(weights) as temporary:
        save_file(state, temporary)
        sha256 = digest(temporary)
    architecture = {"n_classes": network.n_classes, "width": network.width, "pooling": network.pooling}
    content = {
        "network": WeakCNN.__name__,
        "architecture": architecture,
        "features": checkpoint.features,
        "sha256": sha256,
        "provenance": dict(checkpoint.provenance),
        "classes": classes,
    }
    write_json(description, content)


def load(path: Path, *, classes: Sequence[str] | None = None) -> Checkpoint:
    """Read what ``save`` wrote.

    Args:
        path: ``NAME``, with or without its suffix.
        classes: The classes that the caller expects; None for any.

    Returns:
        Checkpoint: With its network in evaluation mode, on the CPU.

    Raises:
        CheckpointError: A file is missing or damaged, a layer is missing, superfluous or of another shape, or
            the classes are others.
    """
    weights, description = pair(path)
    for file in (weights, description):
        if not file.is_file():
            raise CheckpointError(
                f"no checkpoint at {file}",
                expected=f"{weights.name} and {description.name} side by side",
                repair=AGAIN,
            )
    checkpoint, sha256 = read_description(description)
    if digest(weights) != sha256:
        raise CheckpointError(
            f"{weights} is damaged, or {description.name} describes other weights",
            expected=f"SHA-256 {sha256}",
            repair=AGAIN,
        )
    check_classes(checkpoint.classes, checkpoint.network.n_classes, description, classes)
    try:
        state = load_file(weights)
    except SafetensorError as error:
        raise CheckpointError(f"{weights} is not a safetensors file: {error}", repair=AGAIN) from error
    fill(checkpoint.network, state, weights)
    return checkpoint


def read_description(path: Path) -> tuple[Checkpoint, str]:
    """Read the json of a checkpoint.

    Returns:
        The checkpoint with a network in evaluation mode that has no weights yet, and the weights' SHA-256.

    Raises:
        CheckpointError: It does not describe a network.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["network"] != WeakCNN.__name__:
            raise ValueError(f"network {content['network']}")
        # its weights come from the file: draw none, and leave the global generator alone
        with torch.device("meta"):
            network = WeakCNN(**content["architecture"]).eval()
        classes, provenance = tuple(content["classes"]), dict(content["provenance"])
        return Checkpoint(network, classes, str(content["features"]), provenance), str(content["sha256"])
    except (ValueError, TypeError, KeyError, ArithmeticError, RuntimeError, ParameterError) as error:
        problem = f"{path} does not describe a network: {type(error).__name__} {error}"
        raise CheckpointError(problem, expected="what checkpoints.save wrote", repair=AGAIN) from error


def pair(path: Path) -> tuple[Path, Path]:
    """The two files of a checkpoint.

    >>> [file.name for file in pair(Path("n_s-v1.0"))]
    ['n_s-v1.0.safetensors', 'n_s-v1.0.json']
    """
    path = Path(path)
    name = path.stem if path.suffix in (".safetensors", ".json") else path.name
    return path.with_name(f"{name}.safetensors"), path.with_name(f"{name}.json")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_classes(classes: Sequence[str], n_outputs: int, path: Path, expected: Sequence[str] | None = None) -> None:
    """Compare the number of class names with the network, and the names with those expected.

    Raises:
        CheckpointError: They differ.
    """
    if len(classes) != n_outputs:
        raise CheckpointError(f"{path}: {len(classes)} class names", expected=f"{n_outputs}, one per output")
    if expected is None or list(classes) == list(expected):
        return
    differing = [i for i, (ours, theirs) in enumerate(zip(classes, expected, strict=False)) if ours != theirs]
    first = differing[0] if differing else min(len(classes), len(expected))
    names = [repr(names[first]) if first < len(names) else "no class" for names in (classes, expected)]
    raise CheckpointError(
        f"{path} was trained for other classes: output {first} of {len(classes)} is {names[0]}",
        expected=f"{names[1]}, in a list of {len(expected)}",
        repair="use this checkpoint's classes, or adapt the network to the new ones (companion.transfer)",
    )


def fill(network: WeakCNN, state: Mapping[str, Tensor], path: Path) -> None:
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
            f"{path}: layer {superfluous[0]} is not part of N_S",
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
