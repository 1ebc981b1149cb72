"""What is saved comes back, and what does not fit is named."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from companion.checkpoints import Checkpoint, load, save
from companion.checkpoints.saved import digest
from companion.errors import CheckpointError, StoreError
from companion.models.weak_cnn import WeakCNN

CLASSES = ("dog", "rain", "siren")


@pytest.fixture
def saved(tmp_path) -> tuple[Checkpoint, Path]:
    """A small network on disk."""
    torch.manual_seed(0)
    network = WeakCNN(3, width=0.125, pooling="max").to(memory_format=torch.channels_last)
    network(torch.randn(2, 200, 128))
    checkpoint = Checkpoint(network.eval(), CLASSES, provenance={"seed": 0, "epochs": [1, 2]})
    save(checkpoint, tmp_path / "n_s-v1.0")
    return checkpoint, tmp_path / "n_s-v1.0.safetensors"


def rewrite(path: Path, **changes: torch.Tensor | None) -> None:
    """Change layers of the weights, None to remove one, and keep the json's digest true."""
    state = {**load_file(path), **changes}
    save_file({name: value for name, value in state.items() if value is not None}, path)
    describe(path, sha256=digest(path))


def describe(path: Path, **changes: object) -> None:
    """Change entries of the json."""
    file = path.with_suffix(".json")
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize("suffix", ["", ".safetensors", ".json"])
def test_what_is_saved_comes_back(saved, suffix):
    checkpoint, path = saved
    random_state = torch.random.get_rng_state()
    loaded = load(path.with_name(f"n_s-v1.0{suffix}"), classes=CLASSES)
    assert torch.equal(torch.random.get_rng_state(), random_state)
    assert (loaded.classes, loaded.features, loaded.provenance) == (
        CLASSES,
        "ns-log-mel",
        checkpoint.provenance,
    )
    assert (loaded.network.n_classes, loaded.network.width, loaded.network.pooling) == (3, 0.125, "max")
    for name, value in checkpoint.network.state_dict().items():
        found = loaded.network.state_dict()[name]
        assert found.dtype == value.dtype
        assert torch.equal(found, value), name
    x = torch.randn(2, 300, 128)
    torch.testing.assert_close(loaded.network(x).recording, checkpoint.network(x).recording)
    assert not loaded.network.training
    assert all(parameter.requires_grad for parameter in loaded.network.parameters())
    assert sorted(file.name for file in path.parent.iterdir()) == ["n_s-v1.0.json", "n_s-v1.0.safetensors"]


def test_a_loaded_network_can_be_trained(saved):
    network = load(saved[1]).network.train()
    network(torch.randn(2, 200, 128)).recording.sum().backward()
    assert network.f2.weight.grad is not None


def test_another_shape_names_layer_and_both_shapes(saved):
    rewrite(saved[1], **{"f2.weight": torch.zeros(4, 128, 1, 1)})
    with pytest.raises(CheckpointError) as error:
        load(saved[1])
    for words in ("f2.weight", "(4, 128, 1, 1)", "(3, 128, 1, 1)", "n_s-v1.0.safetensors", "repair:"):
        assert words in str(error.value)


def test_a_missing_and_a_superfluous_layer_are_named(saved):
    rewrite(saved[1], **{"f1.bn.running_var": None})
    with pytest.raises(CheckpointError, match=r"f1.bn.running_var is missing(.|\n)*shape \(128,\)"):
        load(saved[1])
    rewrite(saved[1], **{"f1.bn.running_var": torch.ones(128), "f3.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"f3.weight is not part of N_S"):
        load(saved[1])


def test_weights_of_another_width_are_refused(saved):
    describe(saved[1], architecture={"n_classes": 3, "width": 0.25, "pooling": "max"})
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
    assert not list(tmp_path.glob("*other*"))
    describe(saved[1], classes=["dog", "rain"])
    with pytest.raises(CheckpointError, match="2 class names"):
        load(saved[1])


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_missing_file_is_named(saved, suffix):
    saved[1].with_suffix(suffix).unlink()
    with pytest.raises(CheckpointError, match=rf"no checkpoint at .*{suffix}"):
        load(saved[1])


def test_damaged_weights_are_refused(saved):
    content = bytearray(saved[1].read_bytes())
    content[-1] ^= 1
    saved[1].write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load(saved[1])
    saved[1].write_bytes(b"not weights")
    describe(saved[1], sha256=digest(saved[1]))
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load(saved[1])


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": {"n_classes": 3, "depth": 7}},
        {"architecture": {"n_classes": -3}},
        {"architecture": {"n_classes": 3, "pooling": "median"}},
        {"network": "ResNet"},
        {"classes": 3},
    ],
)
def test_a_description_of_something_else_is_refused(saved, changes):
    describe(saved[1], **changes)
    with pytest.raises(CheckpointError, match="does not describe a network"):
        load(saved[1])


def test_a_json_cut_short_is_refused(saved):
    file = saved[1].with_suffix(".json")
    file.write_text(file.read_text()[:100])
    with pytest.raises(CheckpointError, match="does not describe a network"):
        load(saved[1])


def test_a_writer_killed_between_the_two_files_is_noticed(saved, monkeypatch):
    """New weights beside the old json."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    checkpoint, path = saved
    with torch.no_grad():
        checkpoint.network.f2.bias.add_(1)
    monkeypatch.setattr("companion.checkpoints.saved.write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        save(checkpoint, path)
    with pytest.raises(CheckpointError, match="describes other weights"):
        load(path)


def test_a_folder_that_cannot_be_written_leaves_nothing(saved, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        save(saved[0], blocked / "n_s")
    assert blocked.read_text() == ""
