"""What is saved comes back, what does not fit is named, and nothing but a network of this library is ever made."""

import pkgutil
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from companion import models, store
from companion.checkpoints import Checkpoint, as_value, from_kept, load, save
from companion.checkpoints.saved import network_class
from companion.errors import CheckpointError, StoreError
from companion.models.weak_cnn import WeakCNN

CLASSES = ("dog", "rain", "siren")
FACTS = {"curve": [{"epoch": 1, "MAP": 0.5}], "from": None}


@pytest.fixture
def saved(tmp_path) -> tuple[Checkpoint, Path]:
    """A small network on disk."""
    torch.manual_seed(0)
    network = WeakCNN(3, width=0.125, pooling="max").to(memory_format=torch.channels_last)
    network(torch.randn(2, 200, 128))
    checkpoint = Checkpoint(network.eval(), CLASSES, "ns-log-mel", FACTS)
    save(checkpoint, tmp_path / "n_s.safetensors")
    return checkpoint, tmp_path / "n_s.safetensors"


def rewrite(path: Path, layers: dict[str, np.ndarray | None] | None = None, **facts: object) -> None:
    """Change layers, None to remove one, and facts, by the store's own writer: the checksum is true."""
    kept = store.read(path)
    arrays = {name: array for name, array in {**kept, **(layers or {})}.items() if array is not None}
    store.write(path, store.Value(arrays, {**kept.facts, **facts}), {})


def test_what_is_saved_comes_back(saved):
    checkpoint, path = saved
    random_state = torch.random.get_rng_state()
    loaded = load(path, classes=CLASSES)
    assert torch.equal(torch.random.get_rng_state(), random_state)
    assert (loaded.classes, loaded.features, loaded.facts) == (CLASSES, "ns-log-mel", FACTS)
    assert loaded.network.architecture == checkpoint.network.architecture
    for name, value in checkpoint.network.state_dict().items():
        found = loaded.network.state_dict()[name]
        assert found.dtype == value.dtype
        assert torch.equal(found, value), name
    x = torch.randn(2, 300, 128)
    torch.testing.assert_close(loaded.network(x).recording, checkpoint.network(x).recording)
    assert not loaded.network.training
    assert list(path.parent.iterdir()) == [path]


def test_a_loaded_network_can_be_trained(saved):
    network = load(saved[1]).network.train()
    assert all(parameter.requires_grad for parameter in network.parameters())
    network(torch.randn(2, 200, 128)).recording.sum().backward()
    assert network.f2.weight.grad is not None


def savable() -> list[str]:
    """Every class of the models with an ``architecture``, as files name it."""
    modules = [import_module(f"companion.models.{module.name}") for module in pkgutil.iter_modules(models.__path__)]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    found = [kind for kind in kinds if hasattr(kind, "architecture")]
    return sorted(f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}" for kind in found)


@pytest.mark.parametrize("name", savable())
def test_every_network_with_an_architecture_goes_through_the_store(name, tmp_path):
    network = network_class(name)(n_classes=3)
    value = as_value(Checkpoint(network, CLASSES))
    assert value.facts["network"] == name
    store.write(tmp_path / "x", value, {})
    found = from_kept(store.read(tmp_path / "x")).network
    assert type(found) is type(network)
    assert found.state_dict().keys() == network.state_dict().keys()


def keep_network(work: store.Work, seed: int) -> store.Value:
    torch.manual_seed(seed)
    return as_value(Checkpoint(WeakCNN(3, width=0.125), CLASSES))


def test_the_network_of_a_finished_training_is_loaded_by_its_path(tmp_path):
    kept = store.Store(tmp_path).keep(keep_network, 0, mmap=True)
    for network in (load(kept.path).network, from_kept(kept).network):
        np.testing.assert_array_equal(network.f2.weight.detach(), kept["f2.weight"])
        with torch.no_grad():
            network.f2.weight.zero_()  # the file's map is read-only, the network's weights are its own
    assert np.any(store.read(kept.path)["f2.weight"])


# --- what is no network of this library


class Foreign(nn.Module):
    architecture: dict[str, int] = {"n_classes": 3}  # noqa: RUF012


@pytest.mark.parametrize("network", [Foreign(), nn.Linear(3, 3), nn.Identity()])
def test_a_network_of_another_package_cannot_be_saved(tmp_path, network):
    with pytest.raises(CheckpointError, match="cannot be saved"):
        save(Checkpoint(network, CLASSES), tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    ["evil.Net", "..evil.Net", "weak_cnn.evil.Net", "torch.nn.Linear", "os.system", "WeakCNN", "", ".", "weak_cnn.",
     ".WeakCNN", "weak_cnn.pad_to_segment", "weak_cnn.Output", "weak_cnn.nn", "weak_cnn.__builtins__",
     "weak_cnn.WeakCNN.__init__", "slat.SegmentWise", "__init__.WeakCNN", "pooling.__loader__", 5, None],
)  # fmt: skip
def test_no_name_in_a_file_imports_or_makes_anything_else(saved, monkeypatch, name):
    (saved[1].parent / "evil.py").write_text("raise SystemExit('it ran')\nclass Net: architecture = {}\n")
    monkeypatch.syspath_prepend(saved[1].parent)
    rewrite(saved[1], network=name)
    before = set(sys.modules)
    with pytest.raises(CheckpointError, match="does not describe a network"):
        load(saved[1])
    with pytest.raises((ValueError, ImportError)):  # and nothing is called to find out
        network_class(str(name))
    assert not {module for module in set(sys.modules) - before if not module.startswith("companion.models.")}


@pytest.mark.parametrize(
    "facts",
    [
        {"architecture": {"n_classes": 3, "depth": 7}},
        {"architecture": {"n_classes": -3}},
        {"architecture": {"n_classes": 10**30}},
        {"architecture": {"n_classes": 3, "pooling": "median"}},
        {"architecture": {"width": 0.125}},
        {"architecture": [3]},
        {"classes": 3},
        {"facts": 3},
    ],
    ids=str,
)
def test_a_description_of_something_else_is_refused(saved, facts):
    rewrite(saved[1], **facts)
    with pytest.raises(CheckpointError, match="does not describe a network"):
        load(saved[1])


def test_a_value_that_holds_no_network_is_refused(tmp_path):
    store.write(tmp_path / "x", store.Value({"a": np.zeros(3)}), {})
    with pytest.raises(CheckpointError, match="does not describe a network"):
        load(tmp_path / "x")


# --- what does not fit


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ({"f2.weight": np.zeros((4, 128, 1, 1))}, r"f2.weight has shape \(4, 128, 1, 1\)(.|\n)*shape \(3, 128, 1, 1\)"),
        ({"f1.bn.running_var": None}, r"f1.bn.running_var is missing(.|\n)*shape \(128,\)"),
        ({"f3.weight": np.zeros(1)}, "f3.weight is not part of WeakCNN"),
        ({"f2.bias": np.array([0, np.nan, 0])}, "f2.bias holds values that are not finite"),
        ({"f1.bn.running_var": np.full(128, -1e-3)}, "f1.bn.running_var holds variances below zero"),
        ({"f1.bn.running_var": np.full(128, np.inf)}, "f1.bn.running_var holds values that are not finite"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(saved, layers, words):
    rewrite(saved[1], layers)
    with pytest.raises(CheckpointError, match=words) as caught:
        load(saved[1])
    assert str(saved[1]) in caught.value.problem
    assert caught.value.repair


def test_weights_of_another_width_are_refused(saved):
    rewrite(saved[1], architecture={"n_classes": 3, "width": 0.25, "pooling": "max"})
    with pytest.raises(CheckpointError, match=r"blocks.0.convs.0.conv.weight has shape \(2, 1, 3, 3\)"):
        load(saved[1])


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (("dog", "wind", "siren"), r"output 1 of 3 is 'rain'(.|\n)*'wind', in a list of 3"),
        (("dog", "rain"), r"output 2 of 3 is 'siren'(.|\n)*no class, in a list of 2"),
        (("dog", "rain", "siren", "cat"), r"output 3 of 3 is no class(.|\n)*'cat', in a list of 4"),
        (("siren", "rain", "dog"), r"output 0 of 3 is 'dog'(.|\n)*'siren', in a list of 3"),
    ],
)
def test_a_foreign_class_list_is_refused(saved, expected, words):
    with pytest.raises(CheckpointError, match=words):
        load(saved[1], classes=expected)


def test_class_names_and_outputs_must_agree(tmp_path, saved):
    with pytest.raises(CheckpointError, match=r"2 class names(.|\n)*3, one per output"):
        save(Checkpoint(saved[0].network, ("dog", "rain")), tmp_path / "other")
    assert not (tmp_path / "other").exists()
    rewrite(saved[1], classes=["dog", "rain"])
    with pytest.raises(CheckpointError, match="2 class names"):
        load(saved[1])


def test_a_missing_or_damaged_file_is_named(saved):
    path = saved[1]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    for damaged in (bytes(content), b"not weights", b""):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"n_s\.safetensors is damaged"):
            load(path)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*n_s\.safetensors"):
        load(path)


def test_a_folder_that_cannot_be_written_leaves_nothing(saved, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        save(saved[0], blocked / "n_s")
    assert blocked.read_text() == ""
