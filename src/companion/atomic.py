"""Atomic writes: a reader sees the old file or the whole new one, never half of it."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from companion.errors import StoreError, shorten


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target`` that replaces it when the block ends well.

    The temporary file keeps the target's suffix, so that writers which choose a format by name work.
    It lives in the same folder because a rename is atomic only within one file system.

    Args:
        target: The file to be written. Missing parent folders are made.

    Yields:
        Path: Where to write.

    Raises:
        StoreError: The folder cannot be written or the disk is full. Nothing is left behind.
    """
    target = Path(target)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as error:
        raise cannot_write(target, error) from error
    except Exception as error:
        # Writers in C and Rust (libsndfile, safetensors) report a full disk in words of their own.
        if temporary is not None and (full := _refusal(temporary)) is not None:
            raise cannot_write(target, full) from error
        raise
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _refusal(path: Path) -> OSError | None:
    """The system's error when a file cannot grow by a megabyte, or None when it can."""
    try:
        with path.open("ab") as file:
            file.write(bytes(2**20))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def cannot_write(target: Path, error: OSError) -> StoreError:
    """The error of a file or folder that the system does not let us write."""
    if error.errno == errno.ENAMETOOLONG:
        return StoreError(
            f"cannot write {shorten(str(target))}: its name is too long for the file system",
            expected="names of up to 255 bytes",
            repair="give it a shorter name",
        )
    return StoreError(
        f"cannot write {target}: {error.strerror or error}",
        expected="a writable folder with free space",
        repair="free some space, or point COMPANION_CACHE at another folder",
    )


def replace_folder(fresh: Path, target: Path) -> None:
    """Give a finished folder the place of another: a reader sees the former one, none, or the whole new one.

    Several may do so at once: each new folder takes the place in turn, and the last one stays.

    Args:
        fresh: The new folder, on the same file system.
        target: Its place; what is there comes back if the new one cannot take it.

    Raises:
        OSError: The place cannot be taken.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        former = Path(scratch, "former")
        while True:
            try:
                fresh.rename(target)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    if former.exists():
                        former.rename(target)
                    raise
            shutil.rmtree(former, ignore_errors=True)
            with suppress(FileNotFoundError):  # another writer has moved it aside
                target.rename(former)


def write_text(target: Path, text: str) -> None:
    """Write ``text`` to ``target`` atomically, as UTF-8."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, content: Any) -> None:
    """Write ``content`` to ``target`` atomically, as indented JSON with a final newline."""
    write_text(target, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
