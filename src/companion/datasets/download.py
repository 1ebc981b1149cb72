"""Downloads from official addresses: registered, checked, unpacked safely, and whole or not there at all."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import stat
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeVar

import pooch

from companion.checkout import shipped
from companion.errors import CompanionError, DataError, DownloadError, StoreError

logger = logging.getLogger(__name__)

T = TypeVar("T")

OLD = 24 * 3600.0
"""Seconds after which a working folder counts as left behind where folders cannot be locked."""

SWELLING, SMALL = 10, 2**27
"""An archive unpacks to this many times its size at most, or to this many bytes: recordings hardly compress."""

ROOM = 2.5
"""Free space a download needs, as a multiple of the archive: the archive, its content, and some air."""


@dataclass(frozen=True)
class Remote:
    """One registered download, as it stands in ``data/registry/NAME.json``.

    Args:
        name: As in ``companion fetch NAME``.
        url: Official address.
        sha256: Checksum of the archive; empty when it is not stable.
        verified: Whether ``sha256`` was verified against the official file, and so is enforced.
        size: Bytes, to know beforehand whether the disk has room.
        licence: Of the content.
        note: What a reader should know, above all why a checksum is not verified.
    """

    name: str
    url: str
    sha256: str
    verified: bool
    size: int
    licence: str
    note: str


def registered(name: str) -> Remote:
    """Look up a download.

    Raises:
        DataError: There is no readable entry of this name.
    """
    return _entry(name, lambda content: Remote(**content))


def registered_files(name: str) -> tuple[Remote, ...]:
    """Look up a corpus that is downloaded file by file: its entry is a list.

    Raises:
        DataError: There is no readable entry of this name.
    """
    return _entry(name, lambda content: tuple(Remote(**file) for file in content))


def _entry(name: str, parse: Callable[[Any], T]) -> T:
    entry = shipped("registry") / f"{name}.json"
    if not entry.is_file():
        problem = f"no download is registered as {name!r}"
        raise DataError(problem, expected=f"data/registry/{name}.json", repair="companion fetch --help names them all")
    try:
        return parse(json.loads(entry.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        expected = f"JSON with {', '.join(Remote.__annotations__)}"
        repair = f"git checkout -- data/registry/{name}.json"
        raise DataError(f"{entry} is damaged: {error}", expected=expected, repair=repair) from error


@contextmanager
def unpacked(remote: Remote, root: Path) -> Iterator[Path]:
    """Download an archive and unpack it in a hidden folder inside ``root``.

    Move out what is needed: the folder and all that is left in it go when the block ends, however it ends.

    Args:
        remote: What to download.
        root: Folder on the file system where the content will stay. It is made if it is missing.

    Yields:
        Path: Folder of the unpacked content.

    Raises:
        DownloadError: The connection broke off, or the checksum is another.
        DataError: The archive is damaged, or a member would leave its folder.
        StoreError: The folder cannot be written, or has too little room.
    """
    with workspace(remote.name, remote.size, root) as folder:
        archive = download(remote, folder)
        content = folder / "content"
        unpack(archive, content)
        archive.unlink()
        yield content


def unpack_all(name: str, target: Path, inside: Callable[[Path], Path]) -> None:
    """Download and unpack a corpus of several archives, one after the other, into one folder.

    Args:
        name: In the registry.
        target: Where the files go; what lies there already is replaced file by file.
        inside: From an unpacked archive to the folder in it whose content belongs into ``target``.

    Raises:
        DownloadError, DataError, StoreError: As ``unpacked``. What came before stays.
    """
    for remote in registered_files(name):
        with unpacked(remote, target) as content:
            folder = inside(content)
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                place = target / file.relative_to(folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)


@contextmanager
def workspace(name: str, size: int, root: Path) -> Iterator[Path]:
    """A hidden folder inside ``root`` to download into; it goes when the block ends, however it ends.

    Args:
        name: Of the corpus. What killed downloads of this name left behind is removed first.
        size: Bytes of the download.
        root: Folder on the file system where the content will stay. It is made if it is missing.

    Yields:
        Path: The folder.

    Raises:
        StoreError: ``root`` cannot be written, or has too little room.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root, name)
        free = shutil.disk_usage(root).free
        if free < ROOM * size:
            raise _cannot_write(root, f"{free / 1e9:.1f} GB free, {ROOM * size / 1e9:.1f} GB needed")
        folder, lock = _locked_folder(root, name)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
    except OSError as error:
        raise _cannot_write(root, error.strerror or str(error)) from error


def download(remote: Remote, folder: Path) -> Path:
    """Download one file with a progress bar, and check it.

    Returns:
        Path: The file in ``folder``.

    Raises:
        DownloadError: The connection broke off, or the checksum is another. No file is left.
    """
    from requests import RequestException  # with pooch; too slow to import for whoever downloads nothing

    repair = f"companion fetch {remote.name} (it starts afresh; nothing of the broken download was kept)"
    path = folder / PurePosixPath(remote.url).name
    try:
        pooch.HTTPDownloader(progressbar=True, chunk_size=2**18)(remote.url, str(path), None)
    except (RequestException, ValueError) as error:  # a head that makes no sense is a ValueError
        path.unlink(missing_ok=True)
        problem = f"the download of {remote.url} broke off: {error}"
        raise DownloadError(problem, expected=f"about {remote.size / 1e6:.0f} MB", repair=repair) from error
    came = pooch.file_hash(str(path))
    if not remote.verified:
        logger.warning("%s: checksum not verified (this file's SHA-256 is %s). %s", remote.name, came, remote.note)
    elif came != remote.sha256:
        path.unlink()
        problem = f"{remote.url} gave a file with SHA-256 {came}"
        raise DownloadError(problem, expected=f"SHA-256 {remote.sha256}", repair=repair)
    return path


def unpack(archive: Path, target: Path) -> None:
    """Unpack a zip archive into a new folder, after every member's name and size were looked at.

    Raises:
        DataError: A member would leave the folder, or all of them fill the disk (nothing is written then), or the
            archive is damaged.
        OSError: The folder cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                _refuse_escape(member, archive)
            _refuse_swelling(sum(member.file_size for member in content.infolist()), archive)
            content.extractall(target)
    except CompanionError:
        raise
    except Exception as error:  # every method of compression has errors of its own
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's
        raise DataError(
            f"{archive.name} is damaged: {error}", expected="an intact zip archive", repair="fetch it again"
        ) from error


def _refuse_escape(member: zipfile.ZipInfo, archive: Path) -> None:
    name = member.orig_filename  # zipfile itself makes some names harmless: what was written is what counts
    windows = PureWindowsPath(name)  # reads / and \ alike, and knows drives
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    no_name = not windows.parts or "\0" in name or any(len(os.fsencode(part)) > 255 for part in windows.parts)
    if is_link or no_name or windows.drive or windows.root or ".." in windows.parts:
        raise DataError(
            f"{archive.name} holds {name[:300]!r}, which is a link, no name or leaves the folder; nothing was unpacked",
            expected="members inside the archive's own folder",
            repair="do not use this file; download it from the official address",
        )


def _refuse_swelling(n_bytes: int, archive: Path) -> None:
    size = archive.stat().st_size
    if n_bytes > max(SMALL, SWELLING * size):
        raise DataError(
            f"{archive.name} of {size / 1e6:.1f} MB would unpack to {n_bytes / 1e6:.1f} MB; nothing was unpacked",
            expected=f"no more than {SWELLING} times its size",
            repair="do not use this file; download it from the official address",
        )


def _sweep(root: Path, name: str) -> None:
    """Remove working folders of downloads that were killed: their locks went with them."""
    for leftover in root.glob(f".{name}-*"):
        with suppress(OSError):  # another download was quicker
            lock = os.open(leftover, os.O_RDONLY)
            try:
                if _lock(lock, otherwise=time.time() - leftover.stat().st_mtime > OLD):
                    shutil.rmtree(leftover, ignore_errors=True)
            finally:
                os.close(lock)


def _locked_folder(root: Path, name: str) -> tuple[Path, int]:
    """A new working folder, and its open lock, which the system takes back when the process ends in any way."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
        with suppress(FileNotFoundError):  # another download took it for a leftover before it was locked
            lock = os.open(folder, os.O_RDONLY)
            if _lock(lock, otherwise=True) and folder.exists():
                return folder, lock
            os.close(lock)


def _lock(folder: int, otherwise: bool) -> bool:
    """Lock an open folder: False when another process has it, ``otherwise`` where folders cannot be locked."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return otherwise
    return True


def _cannot_write(root: Path, reason: str) -> StoreError:
    return StoreError(
        f"cannot write {root}: {reason}",
        expected="a writable folder with free space",
        repair="free some space, or point COMPANION_DATA at another folder",
    )
