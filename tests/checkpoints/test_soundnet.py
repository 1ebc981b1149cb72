"""SoundNet's published weights: layer by layer against a network written out in NumPy, and nothing else is taken."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from companion.checkpoints import Checkpoint, load
from companion.checkpoints.pickles import read
from companion.checkpoints.soundnet import convert_soundnet, load_soundnet, soundnet_state
from companion.errors import CheckpointError
from companion.models.soundnet import SoundNet

MAPS = (1, 16, 32, 64, 128, 256, 512, 1024)
FILTERS = (64, 32, 16, 8, 4, 4, 4)
POOLS = {1: 8, 2: 8, 5: 4}
N_SAMPLES = 30_000

Arrays = dict[str, dict[str, Any]]


def made_up() -> Arrays:
    """Weights in the published layout, written from the description and not from this library."""
    rng = np.random.default_rng(0)

    def array(*shape: int, scale: float = 1.0, around: float = 0.0) -> np.ndarray:
        return (around + scale * rng.standard_normal(shape, dtype=np.float32)).astype(np.float32)

    found: Arrays = {}
    for number, (maps_in, maps, size) in enumerate(zip(MAPS, MAPS[1:], FILTERS, strict=False), 1):
        found[f"conv{number}"] = {
            "weights": array(size, 1, maps_in, maps, scale=(size * maps_in) ** -0.5), "biases": array(maps, scale=0.1),
            "gamma": array(maps, scale=0.2, around=1.5), "beta": array(maps, scale=0.3),
            "mean": array(maps, scale=0.3), "var": 0.2 + rng.random(maps, dtype=np.float32),
        }  # fmt: skip
    for name, outputs in (("conv8", 1000), ("conv8_2", 401)):
        found[name] = {"weights": array(8, 1, 1024, outputs, scale=8192**-0.5), "biases": array(outputs)}
    return found


def convolved(x: np.ndarray, layer: dict[str, Any], padding: int) -> np.ndarray:
    """A convolution that moves on by 2. Shape: ``(T, C)`` to ``(T', C')``."""
    weights = layer["weights"][:, 0].astype(np.float64)
    size, maps_in, maps = weights.shape
    padded = np.pad(x, ((padding, padding), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)[::2]  # (T', C, K)
    flat = seen.transpose(0, 2, 1).reshape(len(seen), size * maps_in)
    return flat @ weights.reshape(size * maps_in, maps) + layer["biases"]


def written_out(arrays: Arrays, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Every layer's output, the heads' before the softmax, from the published arrays as they are."""
    hidden, found = samples.astype(np.float64)[:, None], {}
    for number, size in enumerate(FILTERS, 1):
        layer = arrays[f"conv{number}"]
        linear = convolved(hidden, layer, size // 2)
        normalised = (linear - layer["mean"]) / np.sqrt(layer["var"] + 1e-5) * layer["gamma"] + layer["beta"]
        hidden = np.maximum(0.0, normalised)
        found |= {f"conv{number}-linear": linear, f"conv{number}-BN": normalised, f"conv{number}": hidden}
        if number in POOLS:
            step = POOLS[number]
            hidden = hidden[: len(hidden) // step * step].reshape(-1, step, hidden.shape[1]).max(1)
            found[f"pool{number}"] = hidden
    return found


def assert_layer_by_layer(network: SoundNet, arrays: Arrays, scale: float) -> None:
    """The network that the library makes of a file, against the file's arrays written out."""
    rng = np.random.default_rng(1)
    samples = scale * rng.standard_normal(N_SAMPLES, dtype=np.float32)
    expected = written_out(arrays, samples)
    frames = np.abs(expected["conv7"].std() * rng.standard_normal((11, 1024), dtype=np.float32))
    expected |= {name: convolved(frames, arrays[name], 0) for name in ("conv8", "conv8_2")}
    with torch.inference_mode():
        x = torch.from_numpy(samples)[None]
        found = {name: part[0].numpy() for name, part in network.features(x, network.feature_names).items()}
        given = torch.from_numpy(frames.astype(np.float32)).T[None]
        found |= {name: getattr(network, name)(given)[0].T.numpy() for name in ("conv8", "conv8_2")}
    assert list(found) == list(expected)
    assert len(found) == 3 * 7 + 3 + 2
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-4 * value.std(), err_msg=name)


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return made_up()


@pytest.fixture(scope="module")
def file(arrays, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("soundnet") / "sound8.npy"
    np.save(path, arrays, allow_pickle=True)
    return path


@pytest.fixture(scope="module")
def loaded(file) -> Checkpoint:
    return load_soundnet(file)


def test_layer_by_layer_with_made_up_weights(loaded, arrays):
    assert_layer_by_layer(loaded.network, arrays, scale=1.0)


def test_layer_by_layer_with_the_published_weights():
    root = os.environ.get("COMPANION_DATA")
    path = Path(root or ".") / "soundnet" / "sound8.npy"
    if root is None or not path.is_file():
        pytest.skip("needs SoundNet's published weights: companion fetch soundnet")
    assert_layer_by_layer(load_soundnet(path).network, read(path), scale=20.0)


def test_conversion_is_lossless_and_says_where_it_came_from(file, loaded, tmp_path):
    target = tmp_path / "sound8.safetensors"
    convert_soundnet(file, target)
    found = load(target)
    for name, value in loaded.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], value), name
    assert found.facts["converted from"] == "sound8.npy"
    assert len(found.facts["sha256"]) == 64
    assert not found.network.training
    assert (found.classes[0], found.classes[999], found.classes[1000], len(found.classes)) == (
        "object 0", "object 999", "scene 0", 1401)  # fmt: skip


CHANGES = {
    "a layer is missing": (lambda a: a.pop("conv5"), "lacks 'conv5'"),
    "a layer too many": (lambda a: a.update(conv9=a["conv8"]), "has a superfluous 'conv9'"),
    "the variances are missing": (lambda a: a["conv3"].pop("var"), "conv3 lacks 'var'"),
    "a head is normalised": (lambda a: a["conv8"].update(gamma=np.ones(1000)), "conv8 has a superfluous 'gamma'"),
    "a layer is an array": (lambda a: a.update(conv1=np.ones(3)), "conv1 is no dictionary"),
    "an array is text": (lambda a: a["conv1"].update(biases="none"), "biases of conv1 is no array of numbers"),
    "an array is of integers": (lambda a: a["conv1"].update(mean=np.ones(16, int)), "mean of conv1 is no array"),
    "filters of a picture": (lambda a: a["conv2"].update(weights=np.ones((4, 4, 16, 32))), "weights of conv2 have sha"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_other_arrays_are_refused_by_name(arrays, name):
    change, said = CHANGES[name]
    other = {layer: dict(parts) for layer, parts in arrays.items()}
    change(other)
    with pytest.raises(CheckpointError, match=said) as caught:
        soundnet_state(other, Path("sound8.npy"))
    assert caught.value.expected
    assert caught.value.repair


def test_weights_of_another_size_are_refused(arrays, tmp_path):
    other = {**arrays, "conv6": {**arrays["conv6"], "weights": arrays["conv6"]["weights"][:2]}}
    np.save(tmp_path / "sound8.npy", other, allow_pickle=True)
    with pytest.raises(CheckpointError, match=r"trunk.conv6.conv.weight has shape \(512, 256, 2\)"):
        load_soundnet(tmp_path / "sound8.npy")


class Hostile:
    """Pickled as a call that leaves a file behind."""

    def __init__(self, left: Path) -> None:
        self.left = left

    def __reduce__(self):
        return os.mkdir, (str(self.left),)


def test_a_pickle_with_anything_but_arrays_is_refused_and_not_executed(tmp_path):
    left = tmp_path / "left"
    np.save(tmp_path / "sound8.npy", {"conv1": Hostile(left)}, allow_pickle=True)
    with pytest.raises(CheckpointError, match=r"was refused: it asks for \w+\.mkdir"):
        load_soundnet(tmp_path / "sound8.npy")
    assert not left.exists()
    pickle.loads(pickle.dumps(Hostile(left)))  # Python's own reader would have
    assert left.exists()


def test_an_array_of_numbers_is_refused(tmp_path):
    np.save(tmp_path / "sound8.npy", np.ones(3))
    with pytest.raises(CheckpointError, match="an array of numbers and no dictionary"):
        load_soundnet(tmp_path / "sound8.npy")
