"""Weights from a file in the place of a trained source network: the authors' released ones, or this library's own."""

import hashlib
import shlex
from pathlib import Path

from companion import checkpoints, paths
from companion.checkpoints.saved import AGAIN, pair
from companion.errors import CheckpointError, DataError
from companion.profiles import Parameters, is_safetensors


def chosen_weights(parameters: Parameters, config_weights: str = "") -> Path | None:
    """The checkpoint to transfer from, ready to be loaded.

    Args:
        parameters: Their ``weights`` go before anything a profile says. A pickle is converted, without being
            executed, when it is first used with its class order.
        config_weights: Checkpoint below the data folder that the profile reads; empty where it trains its own.

    Returns:
        Path: A ``.safetensors`` with its json beside it; None where a network is to be trained.

    Raises:
        CheckpointError: The profile's checkpoint is not there, or the pickle holds anything but the weights of
            N_S, or another number of classes.
        DataError: The class order cannot be read.
    """
    if parameters.weights:
        given = Path(parameters.weights).expanduser()
        return given if is_safetensors(given) else converted(given, Path(parameters.class_order).expanduser())
    if not config_weights:
        return None
    path = parameters.data_root / config_weights
    if not path.is_file():
        raise CheckpointError(
            f"no checkpoint at {path}",
            expected="the weights that the authors released, converted, or their pickle",
            repair="add --weights mx-h64-1024_0d3-1.17.pkl --class-order FILE, its class names, one a line",
        )
    return path


def converted(released: Path, class_order: Path) -> Path:
    """The released pickle as safetensors in the cache, under the SHA-256 of both files."""
    identity = hashlib.sha256(released.read_bytes() + class_order.read_bytes()).hexdigest()
    weights, description = pair(paths.cache_root() / "released" / identity)
    if not description.is_file():  # written last
        checkpoints.convert(released, weights, classes=class_names(class_order))
    return weights


def weights_digest(path: Path | None) -> str:
    """Digest of a checkpoint's weights and description; empty where a network is to be trained.

    Raises:
        CheckpointError: One of its two files is missing.
    """
    if path is None:
        return ""
    try:
        return hashlib.sha256(b"".join(file.read_bytes() for file in pair(path))).hexdigest()
    except FileNotFoundError as error:
        expected = " and ".join(file.name for file in pair(path)) + " side by side"
        raise CheckpointError(f"no checkpoint at {error.filename}", expected=expected, repair=AGAIN) from error


def weights_words(parameters: Parameters) -> list[str]:
    """The words of a command that name the weights; none where the profile's own are used."""
    named = {"--weights": parameters.weights, "--class-order": parameters.class_order}
    return [word for option, value in named.items() if value for word in (option, value)]


def run_command(name: str, parameters: Parameters) -> str:
    """The command that makes a run of an experiment again."""
    words = ["companion", "experiment", name, "--profile", parameters.profile, "--seed", str(parameters.seed)]
    words += ["--budget", f"{parameters.budget:g}"] if parameters.budget != 1 else []
    words += ["--device", parameters.device] if parameters.device != "auto" else []
    return shlex.join(words + weights_words(parameters))


def class_names(path: Path) -> list[str]:
    """Class names of a text file, one a line, in the order of a network's outputs.

    Raises:
        DataError: It is no text file.
    """
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}", expected="a text file, one class name a line") from error
