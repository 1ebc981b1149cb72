"""Released weights: layer by layer against the table written out again, and pickles never executed."""

import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from companion.checkpoints import convert, load, load_released
from companion.errors import CheckpointError
from companion.models.weak_cnn import WeakCNN

N_CLASSES = 11


@pytest.fixture(scope="module")
def reference(released_network) -> nn.Sequential:
    """The written-out network with weights and batch statistics that are nowhere 0 or 1."""
    return released_network(N_CLASSES)


@pytest.fixture(scope="module")
def zipped(reference, tmp_path_factory) -> Path:
    """A checkpoint in PyTorch's present format."""
    path = tmp_path_factory.mktemp("released") / "n_s.pkl"
    torch.save(reference.state_dict(), path)
    return path


def before_0_4_1(state: dict[str, Tensor]) -> OrderedDict[str, Tensor]:
    """Old checkpoints do not count batches."""
    return OrderedDict((name, value) for name, value in state.items() if "num_batches" not in name)


def write_as_python_2(state: dict[str, Tensor], path: Path) -> None:
    """The bytes that PyTorch 0.3 wrote under Python 2.

    Protocol 2, byte strings, ``_rebuild_tensor`` of four arguments, and storages of six, five with the type.
    """

    def string(text: str) -> bytes:
        return b"U" + bytes([len(text)]) + text.encode()

    def integer(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    def integers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(integer, values)) + b"t"

    body = b"\x80\x02ccollections\nOrderedDict\n]\x85R("  # as Python 2 reduced it: OrderedDict([])
    for i, (name, value) in enumerate(state.items()):
        kind = string("storage") + b"ctorch\nFloatStorage\n" + string(str(i)) + string("cpu")
        storage = b"(" + kind + integer(value.numel()) + b"NtQ"
        body += string(name) + b"ctorch._utils\n_rebuild_tensor\n("
        body += storage + integer(0) + integers(value.shape) + integers(value.stride()) + b"tR"
    header = (
        0x1950A86A20F9469CFC6C,
        1001,
        {"little_endian": True, "protocol_version": 1001, "type_sizes": {}},
    )
    with path.open("wb") as file:
        for part in header:
            pickle.dump(part, file, protocol=2)
        file.write(body + b"u.")
        pickle.dump([str(i) for i in range(len(state))], file, protocol=2)
        for value in state.values():
            file.write(struct.pack("<q", value.numel()) + value.contiguous().numpy().tobytes())


def write(state: dict[str, Tensor], path: Path, form: str) -> None:
    """One of the forms in which such weights are found."""
    if form == "zip":
        torch.save(state, path)
    elif form == "legacy":
        torch.save(before_0_4_1(state), path, _use_new_zipfile_serialization=False)
    elif form == "python 2":
        write_as_python_2(before_0_4_1(state), path)
    elif form == "data parallel":
        torch.save({f"module.{name}": value for name, value in state.items()}, path)
    elif form == "state_dict":
        torch.save({"epoch": 3, "state_dict": state}, path, _use_new_zipfile_serialization=False)
    elif form.startswith("plain"):
        path.write_bytes(pickle.dumps(before_0_4_1(state), protocol=int(form[-1])))


@pytest.mark.parametrize(
    "form", ["zip", "legacy", "python 2", "data parallel", "state_dict", "plain 2", "plain 4", "plain 5"]
)
def test_every_form_gives_the_same_weights(reference, zipped, tmp_path, form):
    write(reference.state_dict(), tmp_path / "other.pkl", form)
    expected = load_released(zipped).network.state_dict()
    found = load_released(tmp_path / "other.pkl").network.state_dict()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_layer_by_layer(reference, zipped):
    """Every layer's output, statistics of batch normalisation included, and the whole."""
    network = load_released(zipped).network
    places = {
        f"layer{i}": convs for i, convs in zip((1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16), in_order(network), strict=True)
    }
    places |= {f"layer{i}": network.blocks[j].pool for j, i in enumerate((3, 6, 9, 12, 15, 17))}
    places["layer18"] = network.f1
    outputs: dict[str, Tensor] = {}

    def record(name: str, module: nn.Module) -> None:
        module.register_forward_hook(lambda _module, _input, output: outputs.__setitem__(name, output))

    for name, module in places.items():
        record(name, module)
    x = 15 * torch.randn(2, 300, 128, generator=torch.Generator().manual_seed(1)) - 40
    output = network(x)
    hidden = x[:, None]
    for name, layer in reference.named_children():
        hidden = layer(hidden)
        if name != "layer19":
            torch.testing.assert_close(outputs[name], hidden, rtol=1e-4, atol=1e-4, msg=lambda m, n=name: f"{n}: {m}")
    assert len(outputs) == 18
    segments = hidden[..., 0].mT
    torch.testing.assert_close(output.segments, segments)
    torch.testing.assert_close(output.recording, segments.mean(1))


def in_order(network: WeakCNN) -> list[nn.Module]:
    """Convolutions with batch normalisation of B1 to B6."""
    return [conv for block in network.blocks for conv in block.convs]


def test_conversion_is_lossless_and_says_where_it_came_from(zipped, tmp_path):
    names = [f"class {i}" for i in range(N_CLASSES)]
    convert(zipped, tmp_path / "n_s.safetensors", classes=names)
    loaded, direct = load(tmp_path / "n_s.safetensors", classes=names), load_released(zipped)
    for name, value in direct.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value), name
    assert loaded.facts["converted from"] == "n_s.pkl"
    assert loaded.network.pooling == "average"
    assert direct.classes[:2] == ("output 0", "output 1")


def test_another_number_of_class_names_is_refused(zipped, tmp_path):
    with pytest.raises(CheckpointError, match="2 class names"):
        convert(zipped, tmp_path / "n_s", classes=["a", "b"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("layer13.0.weight", None, r"blocks.4.convs.0.conv.weight is missing(.|\n)*\(256, 128, 3, 3\)"),
        (
            "layer18.1.running_mean",
            torch.zeros(512),
            r"f1.bn.running_mean has shape \(512,\)(.|\n)*\(1024,\)",
        ),
        ("layer20.0.weight", torch.zeros(1), r"layer20.0.weight is not a layer of the released network"),
        ("layer3.0.weight", torch.zeros(1), r"layer3.0.weight is not a layer"),
        ("layer1.0.scale", torch.zeros(1), r"blocks.0.convs.0.conv.scale is not part of WeakCNN"),
        ("fc.weight", torch.zeros(1), r"fc.weight is not a layer"),
        (f"layer{'9' * 5000}.0.weight", torch.zeros(1), r"is not a layer"),
        ("layer19.0.weight", torch.tensor(0.0), r"f2.weight has shape \(\)"),
        ("layer19.0.bias", "none", r"something else than weights"),
    ],
)
def test_what_does_not_fit_is_named(reference, tmp_path, name, value, words):
    state = {**reference.state_dict(), name: value}
    torch.save({key: entry for key, entry in state.items() if entry is not None}, tmp_path / "n_s.pkl")
    with pytest.raises(CheckpointError, match=words):
        load_released(tmp_path / "n_s.pkl")


class Malice:
    """Unpickled without care, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch '{self.path}'",)


@pytest.mark.parametrize("form", ["plain 2", "plain 5", "zip", "legacy", "storage"])
def test_a_hostile_pickle_is_refused_and_not_executed(tmp_path, form):
    trace, path = tmp_path / "executed", tmp_path / "n_s.pkl"
    content = {"layer1.0.weight": torch.zeros(1), "layer1.0.bias": Malice(trace)}
    if form == "zip":
        torch.save(content, path)
    elif form == "legacy":
        torch.save(content, path, _use_new_zipfile_serialization=False)
    elif form == "storage":  # hidden in the bytes that a plain pickle hands to PyTorch
        inner = pickle.dumps(Malice(trace), protocol=2)
        path.write_bytes(b"\x80\x03ctorch.storage\n_load_from_bytes\nC" + bytes([len(inner)]) + inner + b"\x85R.")
    else:
        path.write_bytes(pickle.dumps(content, protocol=int(form[-1])))
    with pytest.raises(CheckpointError, match="was refused"):
        load_released(path)
    assert not trace.exists()
    if form.startswith("plain"):  # the trap works: otherwise this test could not fail
        pickle.loads(path.read_bytes())
        assert trace.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "number"])
def test_a_damaged_file_is_refused(zipped, tmp_path, damage):
    content = zipped.read_bytes()
    damaged = {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "text": b"<html>404</html>",
        "number": b"I1\n.",
    }
    path = tmp_path / "n_s.pkl"
    path.write_bytes(damaged[damage])
    with pytest.raises(CheckpointError, match=r"refused|something else"):
        load_released(path)


def test_weights_that_are_the_same_many_times_are_refused(tmp_path):
    """A megabyte that a hundred names share would be a hundred megabytes."""
    values = torch.zeros(250_000)
    torch.save({f"layer1.0.weight{i}": values for i in range(100)}, tmp_path / "n_s.pkl")
    with pytest.raises(CheckpointError, match="the same weights many times"):
        load_released(tmp_path / "n_s.pkl")


def test_weights_that_are_not_finite_are_named(reference, tmp_path):
    state = reference.state_dict()
    state["layer5.1.running_var"] = torch.full((32,), -1.0)
    torch.save(state, tmp_path / "n_s.pkl")
    with pytest.raises(CheckpointError, match=r"blocks\.1\.convs\.1\.bn\.running_var holds variances below zero"):
        load_released(tmp_path / "n_s.pkl")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*n_s.pkl"):
        load_released(tmp_path / "n_s.pkl")
