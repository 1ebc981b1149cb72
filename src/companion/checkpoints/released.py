"""The authors' released weights: a pickle, read without executing it.

Source:
    Weights published with Kumar, Khadkevich, Fügen 2018: a PyTorch pickle with keys ``layer1.0.weight`` to
    ``layer19.0.bias``, where ``.0`` is a convolution and ``.1`` its batch normalisation. Layers 3, 6, 9, 12,
    15 and 17 are poolings. Networks trained on several GPUs prefix ``module.``.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from companion.checkpoints.pickles import SWELLING, read
from companion.checkpoints.saved import Checkpoint, check_classes, digest, fill, save
from companion.errors import CheckpointError, DataError
from companion.features import NS_LOG_MEL
from companion.models.weak_cnn import WeakCNN

LAYERS = {
    1: "blocks.0.convs.0",
    2: "blocks.0.convs.1",
    4: "blocks.1.convs.0",
    5: "blocks.1.convs.1",
    7: "blocks.2.convs.0",
    8: "blocks.2.convs.1",
    10: "blocks.3.convs.0",
    11: "blocks.3.convs.1",
    13: "blocks.4.convs.0",
    14: "blocks.4.convs.1",
    16: "blocks.5.convs.0",
    18: "f1",
}
"""Released layer to the convolution with batch normalisation that it is in ``WeakCNN``; layer 19 is F2."""


def convert(source: Path, target: Path, *, classes: Sequence[str] | None = None) -> None:
    """Rewrite a released pickle as a checkpoint of this library.

    Args:
        source: The pickle.
        target: The ``.safetensors`` to write.
        classes: Names of the outputs; see ``load_released``.

    Raises:
        CheckpointError: As ``load_released``.
    """
    save(load_released(source, classes=classes), target)


def load_released(path: Path, *, classes: Sequence[str] | None = None) -> Checkpoint:
    """Read a released pickle into N_S.

    Args:
        path: The pickle, in PyTorch's format before or since version 1.6, or a plain pickle of the weights.
        classes: Names of the outputs in the order of the checkpoint, which is its own and not AudioSet's; the
            pickle holds none. None numbers them.

    Returns:
        Checkpoint: With average pooling, as documented with the released weights, in evaluation mode.

    Raises:
        CheckpointError: The pickle holds anything but weights, or a layer is missing, superfluous or of
            another shape.
    """
    weights = read_weights(path)
    state = released_state(weights, path)
    n_classes = next(iter(state["f2.weight"].shape if "f2.weight" in state else ()), 527)
    names = tuple(f"output {i}" for i in range(n_classes)) if classes is None else tuple(classes)
    check_classes(names, n_classes, path)
    with torch.device("meta"):
        network = WeakCNN(n_classes)
    fill(network, state, path)
    name = Path(path).name
    description = f"weights converted from {name}, {n_classes} classes"
    facts = {"description": description, "converted from": name, "sha256": digest(path)}
    return Checkpoint(network.eval(), names, NS_LOG_MEL.name, facts)


def class_names(path: Path) -> list[str]:
    """Class names of a text file, one a line, in the order of a network's outputs.

    Raises:
        DataError: It is no text file.
    """
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}", expected="a text file, one class name a line") from error


def released_state(weights: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Rename the released layers to those of ``WeakCNN``.

    Raises:
        CheckpointError: A name is not one of the released layout.
    """
    state = {}
    for key, value in weights.items():
        layer, _, rest = key.partition(".")
        part, _, name = rest.partition(".")
        number = int(layer[5:]) if re.fullmatch(r"layer\d{1,2}", layer, re.ASCII) else 0
        if number in LAYERS and part in ("0", "1"):
            state[f"{LAYERS[number]}.{('conv', 'bn')[int(part)]}.{name}"] = value
        elif number == 19 and part == "0":
            state[f"f2.{name}"] = value
        else:
            raise CheckpointError(
                f"{path}: {key} is not a layer of the released network",
                expected="layer1.0.weight to layer19.0.bias, with or without `module.`",
                repair="use the authors' checkpoint of N_S; for this library's own, checkpoints.load",
            )
    for place in LAYERS.values():  # PyTorch before 0.4.1 did not count batches
        state.setdefault(f"{place}.bn.num_batches_tracked", torch.tensor(0))
    return state


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a pickle by name, without ``module.``; nothing in the pickle is executed.

    Raises:
        CheckpointError: It is missing, damaged, or holds anything but arrays in a dictionary.
    """
    path = Path(path)
    content = read(path)
    if isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    arrays = {str(name).removeprefix("module."): value for name, value in content.items()}
    n_bytes = sum(value.nbytes if isinstance(value, np.ndarray) else 0 for value in arrays.values())
    if not all(isinstance(value, np.ndarray) for value in arrays.values()) or n_bytes > SWELLING * path.stat().st_size:
        raise CheckpointError(
            f"{path} holds something else than weights, or the same weights many times",
            expected="a dictionary of tensors",
            repair="use the authors' checkpoint of N_S",
        )
    # copied, because the arrays are views of the file that cannot be written
    native = {name: np.array(value, value.dtype.newbyteorder("="), order="C") for name, value in arrays.items()}
    return {name: torch.from_numpy(value) for name, value in native.items()}
