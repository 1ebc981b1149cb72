"""Pickles as data: every form of arrays comes back, and no pickle reaches the process, its memory or its time."""

import builtins
import collections
import copy
import io
import os
import pickle
import struct
import sys
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.checkpoints.pickles import read
from companion.checkpoints.values import MOST_STEPS
from companion.errors import CheckpointError

SOUND = {
    "conv1": {"weights": np.arange(24, dtype=np.float32).reshape(4, 1, 6), "mean": np.linspace(0, 1, 6)},
    "conv8_2": {"biases": np.array([-1.5, 2.5], dtype=np.float16), "steps": 3, "name": "heads"},
}


def assert_same(found, expected) -> None:
    """Equal in structure, types of numbers and values."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert found.tobytes() == expected.tobytes()
        assert not found.flags.writeable
    else:
        assert (type(found), found) == (type(expected), expected)


# --- what comes back


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_in_dictionaries(tmp_path, protocol):
    path = tmp_path / "sound8.pkl"
    path.write_bytes(pickle.dumps(SOUND, protocol=protocol))
    assert_same(read(path), SOUND)


def test_an_object_array_of_numpy(tmp_path):
    np.save(tmp_path / "sound8.npy", SOUND, allow_pickle=True)
    assert_same(read(tmp_path / "sound8.npy"), SOUND)


def test_arrays_as_python_2_wrote_them(tmp_path):
    """Byte strings for names and for numbers, and NumPy's old module."""
    values = np.array([[1.5, -2.0, 3.0]], dtype=">f4")
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x01K\x03\x86"
    array += b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
    array += b"T" + struct.pack("<i", values.nbytes) + values.tobytes() + b"tb"
    (tmp_path / "sound8.npy").write_bytes(b"\x80\x02}U\x05conv1}U\x07weights" + array + b"ss.")
    assert_same(read(tmp_path / "sound8.npy"), {"conv1": {"weights": values}})


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize(
    "array",
    [np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(5, dtype=">i2"), np.array([True, False]), np.array(7.0),
     np.empty((0, 3), dtype=np.int64), np.arange(20)[::3]],
    ids=["by columns", "big-endian", "truth values", "no axis", "empty", "a slice"],
)  # fmt: skip
def test_any_array_of_numbers(tmp_path, array, protocol):
    path = tmp_path / "array.pkl"
    path.write_bytes(pickle.dumps({"array": array, "scalar": array.dtype.type(1)}, protocol=protocol))
    found = read(path)
    assert found["array"].dtype == array.dtype
    np.testing.assert_array_equal(found["array"], array)
    assert found["scalar"] == 1


def tensors() -> dict[str, torch.Tensor]:
    base = torch.arange(24.0).reshape(4, 6)
    return {
        "whole": base, "part": base[1:3, ::2], "turned": base.mT, "none": torch.empty(0, 3), "one": torch.tensor(3),
        "half": base.half(), "brain": base.bfloat16(), "bytes": torch.tensor([1, 2], dtype=torch.uint8),
        "truth": torch.tensor([True, False]), "parameter": torch.nn.Parameter(base + 1),
    }  # fmt: skip


@pytest.mark.parametrize("form", ["zip", "legacy", "plain 2", "plain 5"])
def test_any_tensor(tmp_path, form):
    path = tmp_path / "tensors.pt"
    if form.startswith("plain"):
        path.write_bytes(pickle.dumps(tensors(), protocol=int(form[-1])))
    else:
        torch.save(tensors(), path, _use_new_zipfile_serialization=form == "zip")
    found = read(path)
    for name, tensor in tensors().items():
        expected = tensor.detach().float() if tensor.dtype == torch.bfloat16 else tensor.detach()
        assert torch.equal(torch.from_numpy(found[name].copy()), expected), name
        assert found[name].dtype == expected.numpy().dtype
        assert not found[name].flags.writeable


def test_attributes_of_dictionaries_are_passed_over(tmp_path):
    state = torch.nn.Sequential(torch.nn.Linear(2, 3)).state_dict()
    assert state._metadata
    torch.save({"state_dict": state, "epoch": 3, "best": 0.5, "seen": [1, (2, None)]}, tmp_path / "n.pt")
    found = read(tmp_path / "n.pt")
    assert list(found["state_dict"]) == ["0.weight", "0.bias"]
    assert (found["epoch"], found["best"], found["seen"]) == (3, 0.5, [1, (2, None)])


# --- hostile pickles: plain, in a zip archive of PyTorch's, and in its older format


def text(words: str) -> bytes:
    return b"X" + struct.pack("<I", len(words.encode())) + words.encode()


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


TOUCH = text("touch executed") + b"\x85"
NAN = text("nan") + b"\x85"
TENSOR = named("torch._utils", "_rebuild_tensor_v2")
ARRAY = named("numpy.core.multiarray", "_reconstruct") + named("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
FLOAT = named("numpy", "dtype") + text("f4") + b"\x89\x88\x87R"

HOSTILE = {
    "GLOBAL and REDUCE": named("os", "system") + TOUCH + b"R.",
    "STACK_GLOBAL": text("os") + text("system") + b"\x93" + TOUCH + b"R.",
    "a name alone": named("builtins", "eval") + b".",
    "a name that is allowed, alone": TENSOR + b".",
    "a name of colours": text("\x1b[31mos\x1b[0m") + text("weights_only=False") + b"\x93.",
    "INST": b"(" + text("touch executed") + b"ios\nsystem\n.",
    "OBJ": b"(" + named("os", "system") + text("touch executed") + b"o.",
    "NEWOBJ": named("subprocess", "Popen") + TOUCH + b"\x81.",
    "NEWOBJ of an allowed name": named("collections", "OrderedDict") + b")\x81.",
    "NEWOBJ_EX": named("subprocess", "Popen") + TOUCH + b"}\x92.",
    "EXT1": b"\x82\x01.",
    "EXT4": b"\x84\x01\x00\x00\x00.",
    "BUILD on an allowed function": TENSOR + b"N}" + text("__defaults__") + b"(" + NAN + b"ts\x86b.",
    "BUILD of slots": TENSOR + b"}" + text("__code__") + b"Ns" + b"b.",
    "BUILD on a class": named("collections", "OrderedDict") + b"}" + text("get") + TENSOR + b"sb.",
    "BUILD on a module's function": named("numpy.core.multiarray", "scalar") + b"}" + text("__name__") + b"Nsb.",
    "BUILD twice": b"}" + text("a") + ARRAY + 2 * (b"(K\x01K\x00\x85" + FLOAT + b"\x89C\x00tb") + b"s.",
    "BUILD of a type twice": FLOAT + 2 * (b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb")
    + b".",
    "a call of what may only be named": named("numpy", "ndarray") + b"K\x05\x85\x85R.",
    "a call of a result": named("collections", "OrderedDict") + b")R)R.",
    "a call with a list": named("collections", "OrderedDict") + b"]R.",
    "codecs by another name": named("codecs", "decode") + text("x") + text("rot13") + b"\x86R.",
    "a codec that is none": named("_codecs", "encode") + b"K\x01" + text("rot13") + b"\x86R.",
    "a path of attributes": text("torch._utils") + text("_rebuild_tensor.__globals__") + b"\x93.",
    "dill": named("dill._dill", "_create_function") + b"(" + named("dill._dill", "_load_type")
    + text("CodeType") + b"\x85RtR.",
    "cloudpickle": named("cloudpickle.cloudpickle", "_make_function") + b")R.",
    "joblib": named("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81.",
    "functools": named("functools", "partial") + named("os", "system") + b"\x85R" + TOUCH + b"R.",
    "getattr": named("builtins", "getattr") + TENSOR + text("__globals__") + b"\x86R.",
    "torch.load": named("torch.serialization", "load") + text("other.pkl") + b"\x85R.",
    "a file in a file": named("torch.storage", "_load_from_bytes") + b"C\x04cos\n\x85R.",
    "NEXT_BUFFER": b"\x97.",
    "a persistent id as text": b"Pstorage\n.",
    "a persistent id of a module": b"(" + text("module") + named("os", "system") + b"tQ.",
    "a set": b"\x8f.",
    "a key that is a tuple": b"})Ns.",
    "a key that collides": b"}" + b"\x8a\x09" + (2**61 - 1).to_bytes(9, "little") + b"Ns.",
    "items into a tuple": b")" + text("a") + b"a.",
    "a pop below a mark": b"}(0.",
    "a mark that was never set": b"]e.",
    "a memo that was never set": b"h\x07.",
    "two results": b"}}.",
    "no result": b".",
    "no end": b"}",
    "an array of objects": b"}" + text("a") + ARRAY + b"(K\x01K\x02\x85" + named("numpy", "dtype") + text("O8")
    + b"\x89\x88\x87R\x89](NNetbs.",
    "an array of records": named("numpy", "dtype") + text("V16") + b"\x89\x88\x87R.",
    "an array of more than its bytes": b"}" + text("a") + ARRAY + b"(K\x01J\xff\xff\xff\x7f\x85" + FLOAT
    + b"\x89C\x04\x00\x00\x00\x00tbs.",
    "an array of a negative size": b"}" + text("a") + ARRAY + b"(K\x01J\xff\xff\xff\xff\x85" + FLOAT + b"\x89C\x00tbs.",
    "an array that was never told": b"}" + text("a") + ARRAY + b"s.",
    "a tensor of nothing": b"}" + text("a") + TENSOR + b"(NK\x00K\x01\x85K\x01\x85\x89NtRs.",
    "text in place of a dictionary": text("weights") + b".",
}  # fmt: skip

LEGACY_HEAD = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
INNER = LEGACY_HEAD + b"(" + text("storage") + named("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x00tQ."
INNER += pickle.dumps(["0"], 2) + bytes(8) + bytes(1_000_000)  # a storage of nothing, and a megabyte behind it


def nested(n: int) -> dict[str, bytes]:
    """Pickles whose cost grows with their length."""
    return {
        "lists": b"]" * 15 * n + b".",
        "nested tuples": b")" + b"\x85" * n + b".",
        "nested lists": b"]" * n + b"a" * (n - 1) + b".",
        "memo at great indices": b"]" + b"".join(b"r" + struct.pack("<I", 2**32 - 1 - i) for i in range(2 * n)) + b".",
    }


BOMBS = nested(5_000) | {
    "lists of lists of one list": b"}" + text("a") + b"](NNNNNNNNNeq\x000"
    + b"".join(b"](" + 9 * bytes([104, i]) + b"eq" + bytes([i + 1, 48]) for i in range(15)) + b"h\x0fs.",
    "a dictionary in itself": b"}q\x00" + text("a") + b"h\x00s.",
    "a long integer": b"\x8b" + struct.pack("<i", 2_900_000) + b"\x7f" * 2_900_000 + b".",
    "a long integer that is not there": b"\x8b\xff\xff\xff\x7f.",
    "a long integer of negative length": b"\x8b\xff\xff\xff\xff.",
    "a decimal integer": b"L" + b"7" * 2_900_000 + b"L\n.",
    "bytes that are not there": b"\x8e" + struct.pack("<Q", 2**62) + b"a.",
    "bytes of four gigabytes": b"\x8e" + struct.pack("<Q", 2**32) + b"a.",
    "text that is not there": b"\x8d" + struct.pack("<Q", 2**63 - 1) + b"a.",
    "a byte array that is not there": b"\x96" + struct.pack("<Q", 2**40) + b"a.",
    "a text encoded again and again": b"]" + text("x" * 1_000_000) + b"q\x000" + (
        named("_codecs", "encode") + b"h\x00" + text("latin1") + b"\x86Ra") * 1000 + b".",
    "a dictionary made again and again": b"](" + b"".join(
        b"(" + text(f"{i}") + b"Nt" for i in range(2000)) + b"eq\x000](" + (
        named("collections", "OrderedDict") + b"h\x00\x85R") * 20_000 + b"e.",
    "numbers that collide in the memo": b"]" + b"".join(f"p{i * (2**61 - 1)}\n".encode() for i in range(60_000)) + b".",
    "a file unpacked again and again": b"]B" + struct.pack("<I", len(INNER)) + INNER + b"q\x000" + (
        named("torch.storage", "_load_from_bytes") + b"h\x00\x85Ra") * 1000 + b".",
}  # fmt: skip


def wrapped(content: bytes, form: str, path: Path, stored: dict[str, bytes] | None = None, order="little") -> None:
    """A pickle as a file of each kind, with storages of float32."""
    stored = stored or {}
    if form == "plain":
        path.write_bytes(content)
    elif form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("n_s/data.pkl", content)
            archive.writestr("n_s/byteorder", order)
            for key, values in stored.items():
                archive.writestr(f"n_s/data/{key}", values)
    else:
        head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": order == "little"})
        tail = [pickle.dumps(list(stored), 2), *(struct.pack("<q", len(v) // 4) + v for v in stored.values())]
        path.write_bytes(b"".join([*(pickle.dumps(part, protocol=2) for part in head), content, *tail]))


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory):
    """What is imported when a file of any form is first read is no doing of a pickle."""
    path = tmp_path_factory.mktemp("warm") / "n_s.pkl"
    for form in ("plain", "zip", "legacy"):
        wrapped(b"}.", form, path)
        assert read(path) == {}


def process() -> dict[str, object]:
    """What a pickle might change: allowed functions, modules, builtins, the environment."""
    functions = (torch._utils._rebuild_tensor, torch._utils._rebuild_tensor_v2, torch._utils._rebuild_parameter)
    return {
        "functions": [(f.__defaults__, f.__kwdefaults__, f.__code__, dict(f.__dict__), f.__name__) for f in functions],
        "classes": [dict(vars(kind)) for kind in (collections.OrderedDict, np.ndarray, np.dtype, torch.Tensor)],
        "loader": torch.storage._load_from_bytes,
        "modules": dict(sys.modules),
        "builtins": dict(vars(builtins)),
        "environment": dict(os.environ),
        "limit": sys.getrecursionlimit(),
    }


def assert_refused(path: Path) -> str:
    """The file is refused in plain words, and the process is as it was."""
    before = process()
    with pytest.raises(CheckpointError) as caught:
        read(path)
    assert process() == before
    assert "was refused" in caught.value.problem or "something else than a dictionary" in caught.value.problem
    assert str(path) in caught.value.problem
    assert caught.value.expected
    assert caught.value.repair
    said = str(caught.value)
    assert all(line.isprintable() for line in said.splitlines())
    assert len(said) < 1000
    assert not any(advice in said for advice in ("weights_only", "torch.load", "allow_pickle", "safe_globals"))
    return said


@pytest.mark.usefixtures("ten_seconds")
@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "a name of colours"])
def test_a_hostile_pickle_reaches_nothing(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for form in ("plain", "zip", "legacy"):
        wrapped(HOSTILE[name], form, tmp_path / "n_s.pkl")
        assert_refused(tmp_path / "n_s.pkl")
    assert [file.name for file in tmp_path.iterdir()] == ["n_s.pkl"]


def test_a_name_is_quoted_in_plain_characters(tmp_path):
    (tmp_path / "n_s.pkl").write_bytes(HOSTILE["a name of colours"])
    with pytest.raises(CheckpointError, match=r"asks for \\x1b\[31mos\\x1b\[0m\.weights_only=False") as caught:
        read(tmp_path / "n_s.pkl")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["GLOBAL and REDUCE", "STACK_GLOBAL", "INST", "OBJ"])
def test_the_traps_work(tmp_path, monkeypatch, name):
    """Otherwise the tests above could not fail."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(HOSTILE[name])
    assert (tmp_path / "executed").exists()


GREAT = nested(200_000)
"""More than Python's and the processor's own stacks hold, and more than the steps that are allowed."""


@pytest.mark.usefixtures("ten_seconds")
@pytest.mark.parametrize(
    ("name", "content"),
    [*BOMBS.items(), *(pytest.param(*bomb, marks=pytest.mark.soak) for bomb in GREAT.items())],
    ids=[*BOMBS, *(f"great {name}" for name in GREAT)],
)
def test_a_bomb_takes_little_memory_and_time(tmp_path, name, content):
    (tmp_path / "n_s.pkl").write_bytes(content)
    tracemalloc.start()
    try:
        said = assert_refused(tmp_path / "n_s.pkl")
        assert tracemalloc.get_traced_memory()[1] < 100e6
        assert "again" not in name or any(words in said for words in ("several times", "steps"))
    finally:
        tracemalloc.stop()


# --- storages that are not what the pickle says


def integers(*values: int) -> bytes:
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def tensor(size, stride, offset=0, n_items=4, key="0", kind="FloatStorage", word="storage", rest=b"") -> bytes:
    """A tensor of the storage that a file has."""
    reference = text(word) + named("torch", kind) + text(key) + text("cpu") + b"J" + struct.pack("<i", n_items) + rest
    place = b"J" + struct.pack("<i", offset)
    return TENSOR + b"((" + reference + b"tQ" + place + integers(*size) + integers(*stride) + b"\x89NtR"


def dictionary(**values: bytes) -> bytes:
    return b"}" + b"".join(text(key) + value + b"s" for key, value in values.items()) + b"."


FOUR = struct.pack("<4f", 1, 2, 3, 4)


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_tensors_of_one_storage(tmp_path, form):
    content = dictionary(a=tensor((2, 2), (2, 1)), b=tensor((2,), (2,), offset=1), c=tensor((), (), offset=3))
    wrapped(content, form, tmp_path / "n_s.pkl", {"0": FOUR})
    found = read(tmp_path / "n_s.pkl")
    assert {key: value.tolist() for key, value in found.items()} == {"a": [[1, 2], [3, 4]], "b": [2, 4], "c": 4}


@pytest.mark.parametrize("form", ["zip", "legacy"])
@pytest.mark.parametrize(
    "content",
    [
        dictionary(a=tensor((5,), (1,))),
        dictionary(a=tensor((2,), (4,))),
        dictionary(a=tensor((1,), (1,), offset=4)),
        dictionary(a=tensor((4,), (1,), offset=-1)),
        dictionary(a=tensor((2,), (-1,), offset=3)),
        dictionary(a=tensor((2**30, 2**30), (0, 0))),
        dictionary(a=tensor((2, 2), (1,))),
        dictionary(a=tensor((-1,), (1,))),
        dictionary(a=tensor((4,), (1,), n_items=5)),
        dictionary(a=tensor((4,), (1,), n_items=2**31 - 1)),
        dictionary(a=tensor((4,), (1,), n_items=-4)),
        dictionary(a=tensor((4,), (1,)), b=tensor((2,), (1,), n_items=2, kind="DoubleStorage")),
        dictionary(a=tensor((4,), (1,), key="1")),
        dictionary(a=tensor((4,), (1,), key="../../../etc/passwd")),
        dictionary(a=tensor((4,), (1,), word="module")),
        dictionary(a=tensor((4,), (1,), rest=b"N" + b"N")),
        dictionary(a=text("storage") + b"Q"),
    ],
)  # fmt: skip
def test_a_description_that_does_not_fit_its_storage(tmp_path, content, form):
    wrapped(content, form, tmp_path / "n_s.pkl", {"0": FOUR})
    assert_refused(tmp_path / "n_s.pkl")


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_numbers_in_another_order_and_files_cut_short(tmp_path, form):
    path = tmp_path / "n_s.pkl"
    content = dictionary(a=tensor((4,), (1,)))
    wrapped(content, form, path, {"0": FOUR}, order="big")
    assert "big-endian" in assert_refused(path)
    wrapped(content, form, path, {"0": FOUR})
    path.write_bytes(path.read_bytes()[:-5])
    assert_refused(path)


@pytest.mark.parametrize("depth", [1_000, pytest.param(200_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_a_storage_named_by_tuples_without_end(tmp_path, form, depth):
    """Their hash would need more of the processor's stack than there is, and end the process."""
    endless = b")" + b"\x85" * depth
    reference = b"(" + text("storage") + named("torch", "FloatStorage") + endless + text("cpu") + b"K\x04tQ"
    wrapped(dictionary(a=reference), form, tmp_path / "n_s.pkl", {"0": FOUR})
    assert_refused(tmp_path / "n_s.pkl")
    (tmp_path / "n_s.pkl").write_bytes(LEGACY_HEAD + b"}.]" + endless + b"a.")
    assert_refused(tmp_path / "n_s.pkl")


def test_a_storage_that_counts_its_values_otherwise(tmp_path):
    path = tmp_path / "n_s.pkl"
    wrapped(dictionary(a=tensor((4,), (1,))), "legacy", path, {"0": FOUR})
    path.write_bytes(path.read_bytes().replace(struct.pack("<q", 4) + FOUR, struct.pack("<q", 3) + FOUR))
    assert "a storage of 4 values has 3" in assert_refused(path)


def test_an_archive_that_swells(tmp_path):
    """A member of a gigabyte of zeros in one of a megabyte; one that lies about itself; the same bytes many times."""
    path, zeros = tmp_path / "n_s.pkl", bytes(10_000_000)
    content = dictionary(a=tensor((1,), (1,), n_items=2_500_000))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("n_s/data.pkl", content)
        archive.writestr("n_s/data/0", zeros, zipfile.ZIP_DEFLATED)
    assert "compressed" in assert_refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("n_s/data.pkl", content, zipfile.ZIP_DEFLATED)
    assert "compressed" in assert_refused(path)
    many = {f"k{i}": tensor((1,), (1,), n_items=250_000, key=str(i)) for i in range(50)}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("n_s/data.pkl", dictionary(**many))
        archive.writestr("n_s/data/0", zeros[:1_000_000])
        first = archive.getinfo("n_s/data/0")
        for i in range(1, 50):  # more names for the same place
            other = copy.copy(first)
            other.filename = other.orig_filename = f"n_s/data/{i}"
            archive.filelist.append(other)
    tracemalloc.start()
    try:
        assert_refused(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_an_archive_of_too_many_or_too_few_members(tmp_path):
    path = tmp_path / "n_s.pkl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("n_s/other.pkl", b"}.")
    assert "0 members data.pkl" in assert_refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"}.")
        archive.writestr("b/data.pkl", b"}.")
    assert "2 members data.pkl" in assert_refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(10_001):
            archive.writestr(f"n_s/data/{i}", b"")
    assert "more than 10000 members" in assert_refused(path)


# --- damage


@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans(), form=st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_any_damage_is_refused_or_harmless(tmp_path_factory, place, byte, cut, form):
    """Whatever becomes of a file, reading it ends in data or in a refusal."""
    path = tmp_path_factory.getbasetemp() / "damaged.pkl"
    content = bytearray(INTACT[form])
    index = int(place * len(content))
    content[index] = byte
    path.write_bytes(content[:index] if cut else content)
    with suppress(CheckpointError):
        assert isinstance(read(path), dict)


def saved(save) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


INTACT = [
    pickle.dumps(SOUND, protocol=2),
    saved(lambda file: np.save(file, SOUND, allow_pickle=True)),
    saved(lambda file: torch.save({"a": torch.ones(3), "b": torch.zeros(2, 2)}, file)),
    saved(lambda file: torch.save({"a": torch.ones(3)}, file, _use_new_zipfile_serialization=False)),
]


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04", b"\x93NUMPY", b"\x93NUMPY\x01\x00"])
def test_files_of_something_else(tmp_path, content):
    (tmp_path / "n_s.pkl").write_bytes(content)
    assert_refused(tmp_path / "n_s.pkl")


def test_an_array_of_numbers_needs_no_pickle(tmp_path):
    np.save(tmp_path / "numbers.npy", np.arange(3))
    assert "numpy.load reads it" in assert_refused(tmp_path / "numbers.npy")


@pytest.mark.usefixtures("ten_seconds")
def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.pkl")
    for name in ("gone.pkl", "pipe.pkl", "."):
        with pytest.raises(CheckpointError, match="no checkpoint at"):
            read(tmp_path / name)
    with pytest.raises(CheckpointError, match="was refused"):
        read(tmp_path / ("x" * 300))


def test_a_file_too_large_is_not_read(tmp_path):
    with (tmp_path / "n_s.pkl").open("wb") as file:
        file.truncate(2**29 + 1)
    assert "more than 512 MiB" in assert_refused(tmp_path / "n_s.pkl")


def test_a_checkpoint_may_take_its_steps(tmp_path):
    """The limit is far above what honest files need."""
    history = {"loss": list(np.linspace(0, 1, MOST_STEPS // 5).tolist()), "weights": torch.ones(3)}
    torch.save(history, tmp_path / "n.pt")
    assert len(read(tmp_path / "n.pt")["loss"]) == MOST_STEPS // 5
