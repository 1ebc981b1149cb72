"""Computed values on disk, found again by what they were computed from.

A value's key is a digest of its ingredients: the arguments of the function that makes it, and that function's code
with all that it imports (:mod:`companion.code`). So nothing in the store can be out of date. The file holds its own
key and a checksum of its content; one that was damaged, or exchanged for another, is computed again. Several
processes may use one folder at a time: an entry appears whole or not at all, and where two want the same one, the
second waits and reads what the first has made.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tqdm import tqdm

from companion import code
from companion.atomic import atomic_path, cannot_write
from companion.errors import ParameterError, StoreError
from companion.paths import cache_root

Array = NDArray[Any]

OLD = 24 * 3600.0
"""Seconds after which an unfinished file counts as left behind by a writer that was killed."""

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
          "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "?"}  # fmt: skip
"""Types of the safetensors format that an entry may hold."""


@dataclass(frozen=True)
class Work:
    """Where and how a value is computed. Nothing in it may change the value but in its last digits.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        n_jobs: Processes.
        folder: A folder for what a killed computation leaves to go on from; removed when the value is there.
    """

    device: str = "cpu"
    n_jobs: int = 1
    folder: Path | None = None


@dataclass(frozen=True)
class Value:
    """What a kept function returns.

    Args:
        arrays: By name.
        facts: Anything JSON can hold.
    """

    arrays: Mapping[str, Array]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Kept(Mapping[str, Array]):
    """A value as it lies on disk: its arrays by name, and what is known of it.

    Args:
        path: The file.
        arrays: By name.
        facts: What the function said beside its arrays.
        receipt: How it was made: key, function, and whatever the store was told to note (commit, device, time).
        sha256: Of the arrays and the facts.
    """

    path: Path
    arrays: Mapping[str, Array]
    facts: Mapping[str, Any]
    receipt: Mapping[str, Any]
    sha256: str

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def fingerprint(self) -> str:
        """Digest of the content: what depends on this value depends on its numbers, however they came about."""
        return self.sha256


class Store:
    """A folder of values.

    Args:
        root: The folder; None for ``store`` in the cache folder. It is made with the first entry.
        stamp: What to note in a new entry's receipt beside key, function and time, asked for before the work begins.
    """

    def __init__(
        self, root: Path | str | None = None, stamp: Callable[[Work], Mapping[str, Any]] = lambda work: {}
    ) -> None:
        self.root = cache_root() / "store" if root is None else Path(root)
        self.stamp = stamp

    def keep(
        self, function: Callable[..., Value], *arguments: Any, work: Work | None = None, mmap: bool = False
    ) -> Kept:
        """Compute ``function(work, *arguments)``, or read it back.

        Args:
            function: A function of a module; makes the value when no intact entry has its key.
            *arguments: Everything that the value depends on; see `key`.
            work: Where and how to compute; not part of the key.
            mmap: Map the arrays, read-only, instead of reading them whole.

        Returns:
            The value as it is stored.

        Raises:
            StoreError: The folder cannot be read or written, or the disk is full.
        """
        identity = self.identity(function, *arguments)
        path = self.path(function, identity)
        found = _intact(path, identity, mmap)
        if found is not None:
            return found
        work = work or Work()
        scratch = path.with_suffix("")
        with _alone(path):
            found = _intact(path, identity, mmap)
            if found is not None:  # another process has made it meanwhile
                return found
            noted, started = dict(self.stamp(work)), time.perf_counter()
            value = function(dataclasses.replace(work, folder=scratch), *arguments)
            seconds = round(time.perf_counter() - started, 1)
            receipt = {"key": identity, "function": _name(function), **noted, "seconds": seconds}
            _sweep(path.parent)
            write(path, value, receipt)
            shutil.rmtree(scratch, ignore_errors=True)
        return read(path, mmap=mmap)

    def identity(self, function: Callable[..., Value], *arguments: Any) -> str:
        """Key of a value: the function, its code, and its arguments."""
        return key([_name(function), code.digest(function), *arguments])

    def path(self, function: Callable[..., Value], identity: str) -> Path:
        """Where the value with this key lies, whether or not it exists."""
        return self.root / _name(function).removeprefix("companion.") / f"{identity[:40]}.safetensors"


def key(part: Any) -> str:
    """Digest of everything a value depends on.

    Args:
        part: Numbers, strings, booleans, None, arrays, dataclasses and pydantic models (by class name and every
            field), functions (by name and code), anything with a ``fingerprint()``, and mappings and sequences of
            these. Arrays count with data type, shape and every byte.

    Returns:
        64 hexadecimal digits of SHA-256.

    Raises:
        ParameterError: A part is of another kind, and so cannot be told apart from others of it.

    Example:
        >>> key({"a": 1, "b": 2.5}) == key({"b": 2.5, "a": 1})
        True
        >>> key({"a": 1}) == key({"a": 2})
        False
    """
    return hashlib.sha256(json.dumps(_canonical(part), sort_keys=True).encode()).hexdigest()


def _canonical(part: Any) -> Any:
    """The same thing in JSON's terms, tagged with its kind so that no two kinds look alike."""
    if part is None or isinstance(part, bool | int | float | str):
        return part
    if isinstance(part, np.generic):
        return part.item()
    if isinstance(part, np.ndarray) and not part.dtype.hasobject:
        content = hashlib.sha256(np.ascontiguousarray(part).data).hexdigest()
        return ["array", part.dtype.str, part.shape, content]
    if not isinstance(part, type):
        if hasattr(part, "fingerprint"):
            return ["fingerprint", type(part).__name__, part.fingerprint()]
        if dataclasses.is_dataclass(part):
            values = {field.name: _canonical(getattr(part, field.name)) for field in dataclasses.fields(part)}
            return ["dataclass", type(part).__name__, values]
        if hasattr(part, "model_dump"):
            return ["settings", type(part).__name__, _canonical(part.model_dump())]
    if isinstance(part, Mapping) and all(isinstance(name, str) for name in part):
        return ["mapping", {name: _canonical(value) for name, value in part.items()}]
    if isinstance(part, Sequence) and not isinstance(part, bytes | bytearray):
        return ["sequence", [_canonical(value) for value in part]]
    if callable(part) and hasattr(part, "__qualname__") and part.__module__.partition(".")[0] == "companion":
        return ["code", _name(part), code.digest(part)]
    raise ParameterError(
        f"{type(part).__name__} cannot be part of a store key",
        expected="numbers, strings, arrays, dataclasses, settings, and sequences and mappings (by name) of them",
        repair="give the values that it stands for",
    )


def write(path: Path, value: Value, receipt: Mapping[str, Any]) -> None:
    """Write a value with its receipt as one safetensors file, atomically.

    Raises:
        ParameterError: An array is of a type that the format does not have.
        StoreError: The folder cannot be written, or the disk is full.
    """
    arrays = {name: _storable(name, np.asarray(array)) for name, array in value.arrays.items()}
    facts = json.dumps(dict(value.facts), sort_keys=True)
    header = {"facts": facts, "receipt": json.dumps(dict(receipt)), "sha256": checksum(arrays, facts)}
    header["receipt_sha256"] = checksum({}, header["receipt"])
    with atomic_path(path) as temporary:
        save_file(arrays, temporary, metadata=header)


def _storable(name: str, array: Array) -> Array:
    """An array as the file holds it: little-endian, row after row."""
    stored = array.dtype.newbyteorder("<")
    if stored not in map(np.dtype, DTYPES.values()):
        raise ParameterError(f"array {name!r} of type {array.dtype} cannot be stored", expected=", ".join(DTYPES))
    return array.astype(stored, order="C", copy=False)


def read(path: Path, *, mmap: bool = False) -> Kept:
    """Read a value and verify its checksum.

    Args:
        path: The file.
        mmap: Map the arrays, read-only.

    Raises:
        StoreError: The file is missing, cannot be read, is damaged, or is none of the store's.
    """
    try:
        content = np.memmap(path, mode="r", dtype=np.uint8)
        start = 8 + int(content[:8].view("<u8")[0])
        header = json.loads(content[8:start].tobytes())
        said = header.pop("__metadata__")
        arrays = {name: _array(content[start:], entry, mmap) for name, entry in header.items()}
        facts, receipt = json.loads(said["facts"]), json.loads(said["receipt"])
    except OSError as error:
        raise StoreError(
            f"cannot read {path}: {error.strerror or error}",
            expected="a readable file of the store",
            repair="give yourself the right to read it, or point COMPANION_CACHE at another folder",
        ) from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise damaged(path, str(error)) from error
    if checksum(arrays, said["facts"]) != said.get("sha256"):
        raise damaged(path, "its content does not have its checksum")
    if checksum({}, said["receipt"]) != said.get("receipt_sha256"):
        raise damaged(path, "its receipt does not have its checksum")
    return Kept(path, arrays, facts, receipt, said["sha256"])


def _intact(path: Path, identity: str, mmap: bool) -> Kept | None:
    """The value of a file, or None where there is none, or it is damaged or another one, which is said."""
    if not path.is_file():
        return None
    try:
        kept = read(path, mmap=mmap)
    except StoreError as error:
        if isinstance(error.__cause__, OSError):
            raise
        warnings.warn(f"{error.problem}: it is computed again", stacklevel=3)
        return None
    if kept.receipt.get("key") != identity:
        warnings.warn(f"{path} holds another value than its name says: it is computed again", stacklevel=3)
        return None
    return kept


def damaged(path: Path, reason: str) -> StoreError:
    """The error of a file that is there, but not what the store wrote."""
    return StoreError(f"{path} is damaged: {reason}", expected="a file of the store", repair=f"delete {path}")


def checksum(arrays: Mapping[str, Array], facts: str) -> str:
    """SHA-256 of arrays, with their names, types and shapes, and of facts."""
    content = hashlib.sha256(facts.encode())
    for name in sorted(arrays):
        array = arrays[name]
        content.update(f"\0{name} {array.dtype.str} {array.shape}\0".encode())
        content.update(np.asarray(array, order="C").reshape(-1).view(np.uint8).data)
    return content.hexdigest()


def _array(content: Array, entry: Mapping[str, Any], mmap: bool) -> Array:
    """One array of a safetensors file, mapped or copied."""
    first, last = entry["data_offsets"]
    array = content[first:last].view(DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return array if mmap else np.array(array)


def _name(function: Callable[..., Any]) -> str:
    """Module and name of a function.

    Raises:
        ParameterError: It is a lambda, lives inside another function, or is bound to an object: its code alone does
            not tell what it does.
    """
    name = getattr(function, "__qualname__", repr(function))
    if not hasattr(function, "__qualname__") or "<" in name or hasattr(function, "__self__"):
        raise ParameterError(
            f"{name} cannot be kept: what it does depends on more than its code",
            expected="a function of a module",
        )
    return f"{function.__module__}.{name}"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold an entry: no other process computes it meanwhile.

    Raises:
        StoreError: The store's folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.parent / f".{path.stem}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            tqdm.write(f"{path.parent.name}: another process computes this; waiting for it", file=sys.stderr)
            lock.acquire()
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder. Unfinished names begin with a dot, entries never do."""
    for leftover in folder.glob(".*"):
        try:
            if time.time() - leftover.stat().st_mtime > OLD:
                leftover.unlink()
        except OSError:  # another process was quicker, or may not be ours to remove: then it stays
            continue
