"""The store: a key covers everything that a value depends on, and an entry is whole, itself, or computed again."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from companion.atomic import write_json
from companion.errors import ParameterError, StoreError
from companion.features import DV_MFCC, MULTI_SCALE_LOG_MEL, NS_LOG_MEL, LogMel, extract
from companion.store import DTYPES, OLD, Kept, Store, Value, Work, key, read, write

SPECS = [NS_LOG_MEL, DV_MFCC, *MULTI_SCALE_LOG_MEL]
CALLS: list[str] = []


def ramp(work: Work, *arguments) -> Value:
    """A kept function; what it computes does not depend on its arguments, its key must."""
    CALLS.append("ramp")
    return Value({"ramp": np.arange(10.0), "flags": np.array([True, False])}, {"unit": "m", "sizes": [1, 2]})


def slope(work: Work, *arguments) -> Value:
    CALLS.append("slope")
    return Value({"ramp": np.arange(10.0) + 1})


def staged(work: Work) -> Value:
    """Leaves a file in its folder, fails once, and goes on from the file."""
    CALLS.append(f"{work.folder.is_dir()}")
    work.folder.mkdir(parents=True, exist_ok=True)
    (work.folder / "half").touch()
    if len(CALLS) == 1:
        raise OSError("the computation's own trouble")
    return Value({})


@pytest.fixture(autouse=True)
def calls():
    CALLS.clear()
    return CALLS


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def files(store):
    return sorted(path for path in store.root.rglob("*") if path.is_file())


# --- the key


def changes(spec):
    """The specification with one field changed, for every field and every field of its fields."""
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if dataclasses.is_dataclass(value):
            others = [inner for _, inner in changes(value)]
        elif isinstance(value, str):
            others = [value + "x"]
        else:
            others = [value + 1, None]
        for other in others:
            yield field.name, dataclasses.replace(spec, **{field.name: other})


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_any_field_of_a_dataclass_changes_the_key(spec):
    changed = list(changes(spec))
    assert {name for name, _ in changed} == {field.name for field in dataclasses.fields(spec)}
    keys = [key(other) for other in [spec, *(other for _, other in changed)]]
    assert len(set(keys)) == len(keys)
    assert key(LogMel("ns-log-mel")) == key(NS_LOG_MEL)


class Named(BaseModel):
    name: str = "a"
    inner: tuple[int, ...] = (1,)


class Other(Named):
    pass


@dataclasses.dataclass
class Given:
    """Something that knows its own content; ``path`` is where it lies, which decides nothing."""

    content: str
    path: str = ""

    def fingerprint(self) -> str:
        return self.content


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        (1, True),
        (1, 1.0),
        (0.1, np.nextafter(0.1, 1)),
        (None, "None"),
        ({"a": 1}, {"b": 1}),
        ([1, [2]], [[1], 2]),
        ({"b": 1}, ["mapping", {"b": 1}]),
        (np.zeros(0), np.zeros((0, 2))),
        (np.zeros(2), [0.0, 0.0]),
        (np.zeros(2), np.zeros(2, np.int64)),
        (np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2)),
        (np.arange(6.0), np.arange(6.0)[::-1]),
        (Named(), Named(name="b")),
        (Named(), Named(inner=(1, 1))),
        (Named(), Other()),
        (Given("a"), Given("b")),
        (Given("a"), ["fingerprint", "Given", "a"]),
        (extract, write_json),
        (LogMel, extract),
    ],
)
def test_what_differs_has_another_key(one, other):
    assert key([one]) != key([other])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ((1, 2), [1, 2]),
        (Named(), Named(name="a")),
        (Given("a", "here"), Given("a", "there")),
        ([np.float32(0.5), np.int64(3), np.bool_(True)], [0.5, 3, True]),
        (np.arange(6.0)[::-1], np.arange(6.0)[::-1].copy()),
    ],
)
def test_what_means_the_same_shares_one(one, other):
    assert key([one]) == key([other])


def test_one_bit_of_audio_changes_the_key():
    samples = np.random.default_rng(0).standard_normal(8192).astype(np.float32)
    before = key(samples)
    samples.view(np.uint32)[4000] ^= 1
    assert key(samples) != before


@pytest.mark.parametrize("part", [object(), {1: 2}, Path("x"), np.array([object()]), b"bytes", len, {1, 2}])
def test_parts_that_cannot_be_told_apart_are_refused(part):
    with pytest.raises(ParameterError, match="cannot be part of a store key"):
        key([part])


def test_functions_that_are_more_than_their_code_are_refused(store):
    def inner(work: Work) -> Value:
        return Value({})

    for function in (lambda work: Value({}), inner, partial(ramp, 1), Given("a").fingerprint):
        with pytest.raises(ParameterError, match="cannot be kept"):
            store.keep(function)
    assert files(store) == []


# --- computed once


def test_the_same_arguments_are_computed_once_and_others_again(store):
    kept = [store.keep(ramp, "a", {"n": 1}, NS_LOG_MEL) for _ in range(2)]
    assert CALLS == ["ramp"]
    for value in kept:
        np.testing.assert_array_equal(value["ramp"], np.arange(10.0))
        assert value["flags"].tolist() == [True, False]
        assert value.facts == {"unit": "m", "sizes": [1, 2]}
    assert kept[0].receipt == kept[1].receipt
    assert sorted(kept[0]) == ["flags", "ramp"]
    for others in (["b", {"n": 1}, NS_LOG_MEL], ["a", {"n": 2}, NS_LOG_MEL], ["a", {"n": 1}, DV_MFCC], ["a", {"n": 1}]):
        store.keep(ramp, *others)
    assert len(CALLS) == len(files(store)) == 5


def test_another_function_and_other_code_are_computed(store, monkeypatch):
    store.keep(ramp, 1)
    store.keep(slope, 1)
    assert CALLS == ["ramp", "slope"]
    monkeypatch.setattr("companion.store.code.digest", lambda *things: "changed")
    store.keep(ramp, 1)
    assert CALLS == ["ramp", "slope", "ramp"]


def test_a_function_that_is_given_counts_with_its_code(monkeypatch):
    before = key([extract])
    monkeypatch.setattr("companion.store.code.digest", lambda *things: "changed")
    assert key([extract]) != before


def test_how_it_is_computed_is_no_part_of_the_key(store, tmp_path):
    for work in (None, Work(n_jobs=4), Work("cuda:1"), Work(folder=tmp_path / "mine")):
        store.keep(ramp, 1, work=work)
    assert CALLS == ["ramp"]


def test_a_value_counts_in_a_key_by_its_content(store):
    """Where a value came from, and when, is not what a later one depends on."""
    one, other, third = store.keep(ramp, 1), store.keep(ramp, 2), store.keep(slope, 1)
    assert one.path != other.path
    assert key(one) == key(other) != key(third)
    facts = [write_read(store.root / "x", Value({}, {"n": n})) for n in (1, 2)]
    assert key(facts[0]) != key(facts[1])


def test_the_receipt_says_how_it_was_made_and_is_begun_before_the_work(tmp_path, monkeypatch):
    def stamp(work: Work) -> dict[str, str]:
        CALLS.append("stamp")
        return {"device": work.device}

    monkeypatch.setattr("companion.store.time.perf_counter", lambda: 10.0 + 90.0 * CALLS.count("ramp"))
    store = Store(tmp_path, stamp)
    receipt = store.keep(ramp, 1, work=Work("cuda:1")).receipt
    assert CALLS == ["stamp", "ramp"]
    assert receipt["key"] == store.identity(ramp, 1)
    assert receipt["function"].endswith("test_store.ramp")
    assert receipt["device"] == "cuda:1"
    assert receipt["seconds"] == 90.0
    store.keep(ramp, 1)
    assert CALLS == ["stamp", "ramp"]


def test_a_computation_goes_on_from_what_a_killed_one_left_and_leaves_nothing(store):
    with pytest.raises(OSError, match="own trouble"):
        store.keep(staged)
    kept = store.keep(staged)
    assert CALLS == ["False", "True"]
    assert list(kept.path.parent.iterdir()) == [kept.path]


def test_default_folder_is_in_the_cache(cache):
    assert Store().root == cache / "store"
    assert not cache.exists()


# --- what is written is what is read


def write_read(path: Path, value: Value, mmap: bool = False) -> Kept:
    write(path, value, {})
    return read(path, mmap=mmap)


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("shape", [(3, 4), (0, 4), ()])
@pytest.mark.parametrize("dtype", [*DTYPES.values(), ">f8"])
def test_an_array_comes_back(tmp_path, dtype, shape, mmap):
    array = (200 * np.random.default_rng(1).random((2, *shape)))[0].astype(dtype)
    found = write_read(tmp_path / "x", Value({"a b": array, "other": np.arange(3)}), mmap)["a b"]
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.shape == shape
    np.testing.assert_array_equal(found, array)


def test_an_array_that_is_not_in_one_piece_comes_back(tmp_path):
    array = np.arange(24.0).reshape(4, 6)
    for view in (array.T, array[::2, ::-1], np.asfortranarray(array)):
        np.testing.assert_array_equal(write_read(tmp_path / "x", Value({"a": view}))["a"], view)


@pytest.mark.parametrize("array", [np.array([object()]), np.array(["text"]), np.zeros(2, complex)])
def test_arrays_that_cannot_be_stored_are_refused_by_name(tmp_path, array):
    with pytest.raises(ParameterError, match="array 'spectrum' of type"):
        write(tmp_path / "x", Value({"spectrum": array}), {})
    assert list(tmp_path.iterdir()) == []


def test_a_mapped_array_is_read_only_and_outlives_its_replacement(store):
    kept = store.keep(ramp, mmap=True)
    assert isinstance(kept["ramp"], np.memmap)
    assert not kept["ramp"].flags.writeable
    write(kept.path, Value({"ramp": np.zeros(10)}), {})
    np.testing.assert_array_equal(kept["ramp"], np.arange(10.0))
    store.keep(slope)["ramp"][0] = 5  # one that was read belongs to its reader


# --- damage


def test_a_receipt_is_no_longer_believed_when_somebody_changed_it(tmp_path):
    store = Store(tmp_path, lambda work: {"commit": "a" * 40})
    path = store.keep(ramp).path
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"a" * 40, b"b" * 40))
    with pytest.raises(StoreError, match="receipt does not have its checksum"):
        read(path)


def test_no_flipped_byte_passes_for_data_or_facts(store):
    """Wherever it stands, a changed byte is noticed, or it changed neither an array nor a fact."""
    kept = store.keep(ramp)
    whole = kept.path.read_bytes()
    content = {name: (array.dtype, array.shape, array.tobytes()) for name, array in kept.items()}
    passed = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        kept.path.write_bytes(damaged)
        try:
            found = read(kept.path)
        except StoreError:
            continue
        passed += 1
        assert (found.facts, found.receipt) == (kept.facts, kept.receipt)
        assert {name: (array.dtype, array.shape, array.tobytes()) for name, array in found.items()} == content
    assert passed < 20, "more passes than the padding"


def header(content: str) -> bytes:
    return len(content).to_bytes(8, "little") + content.encode()


DAMAGES = {
    "empty": lambda whole: b"",
    "one byte": lambda whole: whole[:1],
    "header cut": lambda whole: whole[:100],
    "data cut": lambda whole: whole[:-1],
    "nothing but a length": lambda whole: whole[:8],
    "huge header": lambda whole: (2**63).to_bytes(8, "little") + whole[8:],
    "header of all there is": lambda whole: len(whole).to_bytes(8, "little") + whole[8:],
    "text": lambda whole: b"<html>Please log in to this network</html>",
    "a number": lambda whole: header("5"),
    "null": lambda whole: header("null"),
    "a list": lambda whole: header("[[[]]]"),
    "no metadata": lambda whole: header("{}"),
    "metadata of another writer": lambda whole: header('{"__metadata__": {"format": "pt"}}'),
    "odd metadata": lambda whole: header('{"__metadata__": []}'),
    "nested a million deep": lambda whole: header("[" * 10**6),
    "flipped datum": lambda whole: whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:],
    "flipped fact": lambda whole: whole.replace(b'\\"m\\"', b'\\"k\\"'),
    "a pickle": lambda whole: b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
}


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_computed_again(store, damage, mmap):
    kept = store.keep(ramp)
    whole = kept.path.read_bytes()
    damaged = DAMAGES[damage](whole)
    assert damaged != whole
    kept.path.write_bytes(damaged)
    with pytest.raises(StoreError, match="is damaged") as caught:
        read(kept.path, mmap=mmap)
    assert str(kept.path) in caught.value.problem
    assert caught.value.repair == f"delete {kept.path}"
    with pytest.warns(UserWarning, match="computed again"):
        again = store.keep(ramp, mmap=mmap)
    assert CALLS == ["ramp", "ramp"]
    np.testing.assert_array_equal(again["ramp"], np.arange(10.0))
    assert read(kept.path).facts == kept.facts


def test_two_files_that_were_exchanged_are_computed_again(store):
    one, other = store.keep(ramp), store.keep(slope)
    contents = one.path.read_bytes(), other.path.read_bytes()
    one.path.write_bytes(contents[1])
    other.path.write_bytes(contents[0])
    with pytest.warns(UserWarning, match="holds another value than its name says"):
        np.testing.assert_array_equal(store.keep(ramp)["ramp"], np.arange(10.0))
    assert CALLS == ["ramp", "slope", "ramp"]


def test_a_file_that_may_not_be_read_is_no_reason_to_compute(store, monkeypatch):
    store.keep(ramp)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("companion.store.np.memmap", refuse)
    with pytest.raises(StoreError, match="Permission denied") as caught:
        store.keep(ramp)
    assert "COMPANION_CACHE" in caught.value.repair
    assert CALLS == ["ramp"]


# --- killed, crowded, full


SCRIPT = """
import sys, time
import numpy as np
import companion.store
from companion.store import Store, Value

def full(work, number):
    return Value({"full": np.full(20_000, number)})
"""

KILLED = """
def half(arrays, path, metadata):
    path.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)

companion.store.save_file = half
Store(sys.argv[1]).keep(full, 1)
"""

RACER = """
store = Store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(30):
    assert (store.keep(full, number)["full"] == number).all(), number
print("right")
"""


def start(code: str, store: Store) -> subprocess.Popen:
    command = [sys.executable, "-W", "error", "-c", SCRIPT + code, str(store.root)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()  # it has got so far
    return process


def test_a_killed_writer_leaves_nothing_visible_and_is_swept(store):
    writer = start(KILLED, store)
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    (leftover,) = (file for file in files(store) if file.suffix != ".lock")  # a dead process holds no lock
    assert leftover.name.startswith(".")
    # a young one may still be written to; an old one goes with the next entry in its folder
    aside = store.path(ramp, store.identity(ramp)).parent / leftover.name
    aside.parent.mkdir()
    leftover.rename(aside)
    store.keep(ramp)
    assert aside.exists()
    old = time.time() - OLD - 60
    os.utime(aside, (old, old))
    kept = store.keep(ramp, 1)
    assert not aside.exists()
    assert kept.path in files(store)


def slow(work: Work) -> Value:
    CALLS.append("slow")
    time.sleep(0.3)
    return Value({})


def test_of_two_that_want_the_same_entry_one_computes_and_the_other_waits(store, capfd):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: store.keep(slow), range(2))
    assert CALLS == ["slow"]
    assert first.path == second.path
    assert "another process computes this" in capfd.readouterr().err
    assert files(store) == [first.path]


def test_processes_that_compute_the_same_entries_all_get_them_right(store):
    with ThreadPoolExecutor(2) as pool:
        racers = [start(RACER, store) for _ in range(2)]
        assert list(pool.map(lambda racer: racer.communicate("go\n")[0], racers)) == ["right\n"] * 2
    assert len(files(store)) == 30
    assert not any(path.name.startswith(".") for path in store.root.rglob("*"))


def test_a_full_disk_says_so_and_leaves_nothing(store, monkeypatch):
    def full(arrays, path, metadata):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("companion.store.save_file", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        store.keep(ramp)
    assert str(store.root) in caught.value.problem
    assert "COMPANION_CACHE" in caught.value.repair
    assert files(store) == []


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write") as caught:
        Store(tmp_path / "file" / "store").keep(ramp)
    assert "COMPANION_CACHE" in caught.value.repair


def test_the_receipt_is_read_without_the_store(store):
    """The format is safetensors: any reader of it finds arrays, facts and receipt."""
    from safetensors import safe_open

    kept = store.keep(ramp)
    with safe_open(kept.path, framework="np") as file:
        said = file.metadata()
        np.testing.assert_array_equal(file.get_tensor("ramp"), kept["ramp"])
    assert json.loads(said["facts"]) == kept.facts
    assert json.loads(said["receipt"]) == kept.receipt
