"""The store: an entry's key covers everything it depends on, and an entry is whole or absent."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from companion.errors import AudioError, ParameterError, StoreError
from companion.features import DV_MFCC, MULTI_SCALE_LOG_MEL, NS_LOG_MEL, LogMel, extract
from companion.store import OLD, Store, key

SPECS = [NS_LOG_MEL, DV_MFCC, *MULTI_SCALE_LOG_MEL]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def samples():
    return np.random.default_rng(0).standard_normal(8192).astype(np.float32)


def never():
    raise AssertionError("an intact entry was computed again")


def files(store):
    return [path for path in store.root.rglob("*") if path.is_file()]


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


# --- the key


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_any_parameter_changes_the_key(spec, samples):
    changed = list(changes(spec))
    assert {name for name, _ in changed} == {field.name for field in dataclasses.fields(spec)}
    assert "version" in {name for name, _ in changed}
    keys = [key({"samples": samples, "spec": other}) for _, other in [("", spec), *changed]]
    assert len(set(keys)) == len(keys)


def test_specifications_differ():
    assert len({key({"spec": spec}) for spec in SPECS}) == len(SPECS)


def test_class_counts_and_equal_specifications_share():
    @dataclasses.dataclass(frozen=True)
    class Other:
        name: str

    @dataclasses.dataclass(frozen=True)
    class Another:
        name: str

    assert key({"spec": Other("a")}) != key({"spec": Another("a")})
    assert key({"spec": LogMel("ns-log-mel")}) == key({"spec": NS_LOG_MEL})


def test_audio_changes_the_key(samples):
    one_bit = samples.copy()
    one_bit.view(np.uint32)[4000] ^= 1
    variants = [
        samples,
        one_bit,
        samples[:-1],
        samples[::-1],
        samples.astype(np.float64),
        samples.reshape(2, -1),
    ]
    assert len({key({"samples": variant}) for variant in variants}) == len(variants)
    assert key({"samples": samples[::-1]}) == key({"samples": samples[::-1].copy()})


def test_sample_rate_changes_the_key(store, samples):
    low = dataclasses.replace(NS_LOG_MEL, sample_rate=22050, fmax=11025.0)
    store.feature(samples, 44100, NS_LOG_MEL)
    store.feature(samples, 22050, low)
    assert len(files(store)) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"b": 1}),
        ({"a": 0.1}, {"a": np.nextafter(0.1, 1)}),
        ({"a": None}, {"a": "None"}),
        ({"a": [1, [2]]}, {"a": [[1], 2]}),
        ({"a": {"b": 1}}, {"a": ["mapping", {"b": 1}]}),
        ({"a": np.zeros(0)}, {"a": np.zeros((0, 2))}),
        ({"a": np.zeros(2)}, {"a": [0.0, 0.0]}),
    ],
)
def test_what_differs_has_another_key(one, other):
    assert key(one) != key(other)


def test_order_of_names_does_not_matter():
    assert key({"a": 1, "b": 2}) == key({"b": 2, "a": 1})


@pytest.mark.parametrize("part", [object(), {1: 2}, Path("x"), np.array([object()]), b"bytes", LogMel])
def test_parts_that_cannot_be_told_apart_are_refused(part):
    with pytest.raises(ParameterError, match="cannot be part of a store key"):
        key({"part": part})


# --- reading and writing


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_feature_is_bit_equal_first_and_later(store, samples, spec, monkeypatch):
    expected = extract(samples, 44100, spec)
    assert np.array_equal(store.feature(samples, 44100, spec), expected)
    monkeypatch.setattr("companion.store.extract", lambda *_: never())
    assert np.array_equal(store.feature(samples, 44100, spec), expected)


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("shape", [(3, 4), (0, 4), ()])
def test_array_comes_back(store, mmap, shape):
    array = np.random.default_rng(1).standard_normal(shape)
    first = store.array({"shape": shape}, lambda: array, mmap=mmap)
    again = store.array({"shape": shape}, never, mmap=mmap)
    for found in (first, again):
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)


def test_mapped_array_is_read_only_and_outlives_its_replacement(store):
    mapped = store.array({}, lambda: np.arange(1000), mmap=True)
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    np.save(store.path(key({})).with_suffix(".new.npy"), np.zeros(1000))
    store.path(key({})).with_suffix(".new.npy").replace(store.path(key({})))
    assert np.array_equal(mapped, np.arange(1000))


def test_default_folder_is_in_the_cache(cache):
    assert Store().root == cache / "store"
    assert not cache.exists()


def test_wrong_rate_stores_nothing(store, samples):
    with pytest.raises(AudioError, match="16000 Hz"):
        store.feature(samples, 16000, NS_LOG_MEL)
    assert files(store) == []


def test_pickles_are_neither_written_nor_read(store):
    with pytest.raises(ValueError, match="pickle"):
        store.array({}, lambda: np.array([object()]))
    assert files(store) == []
    path = store.path(key({}))
    np.save(path, np.array([{"code": "runs"}], dtype=object), allow_pickle=True)
    with pytest.warns(UserWarning, match="damaged"):
        assert store.array({}, lambda: np.arange(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("mmap", [False, True])
def test_truncated_entry_is_computed_again(store, mmap):
    array = np.arange(100.0)
    store.array({}, lambda: array)
    path = store.path(key({}))
    whole = path.read_bytes()
    for length in (0, 1, 5, 8, 60, 127, 128, 129, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.warns(UserWarning, match=f"damaged store entry {path}"):
            assert np.array_equal(store.array({}, lambda: array, mmap=mmap), array)
        assert path.read_bytes() == whole


# --- killed, crowded, full


WRITER = """
import sys, time
import numpy as np
from companion.store import Store

def slow_save(path, array, allow_pickle):
    with open(path, "wb") as file:
        file.write(b"half")
        file.flush()
        print("writing", flush=True)
        time.sleep(60)

np.save = slow_save
Store(sys.argv[1]).array({"name": "killed"}, lambda: np.arange(10))
"""


def test_killed_writer_leaves_nothing_visible_and_is_swept(store):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(store.root)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "writing\n"
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    (leftover,) = files(store)
    assert leftover.name.startswith(".")
    assert not store.path(key({"name": "killed"})).exists()

    # a young one may still be written to; an old one goes with the next entry in its folder
    assert store.array({"name": "killed"}, lambda: np.arange(10)).tolist() == list(range(10))
    assert leftover.exists()
    old = time.time() - OLD - 60
    os.utime(leftover, (old, old))
    store.path(key({"name": "killed"})).unlink()
    store.array({"name": "killed"}, lambda: np.arange(10))
    assert [path.name for path in files(store)] == [store.path(key({"name": "killed"})).name]


RACER = """
import sys
import numpy as np
from companion.store import Store
store = Store(sys.argv[1])
sys.stdin.readline()
for number in range(30):
    array = store.array({"number": number}, lambda: np.full(20_000, number))
    assert (array == number).all(), number
print("right")
"""


def test_processes_computing_the_same_entries_all_get_them_right(store):
    def race(_):
        process = subprocess.Popen(
            [sys.executable, "-c", RACER, str(store.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return process.communicate("go\n")[0]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(race, range(2))) == ["right\n"] * 2
    assert len(files(store)) == 30
    assert not any(path.name.startswith(".") for path in files(store))


def test_full_disk_leaves_nothing(store, monkeypatch):
    def full(path, array, allow_pickle):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("companion.store.np.save", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        store.array({}, lambda: np.arange(10))
    assert str(store.path(key({}))) in caught.value.problem
    assert "COMPANION_CACHE" in caught.value.repair
    assert files(store) == []


def test_failing_computation_is_not_a_store_error(store):
    def fails():
        raise OSError("the computation's own trouble")

    with pytest.raises(OSError, match="own trouble"):
        store.array({}, fails)
    assert files(store) == []


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write") as caught:
        Store(tmp_path / "file" / "store").array({}, lambda: np.arange(3))
    assert "COMPANION_CACHE" in caught.value.repair
