"""AudioSet's lists from their official addresses. The clips have none."""

from contextlib import suppress
from pathlib import Path, PurePosixPath

from companion.datasets import audioset_lists
from companion.datasets.audioset_lists import CLASSES, FILES, ONTOLOGY, UNBALANCED
from companion.datasets.download import Remote, download, registered_files, workspace
from companion.errors import DataError


def fetch_lists(root: Path) -> Path:
    """Download the lists that are missing or damaged; all of them are read before one is put in its place.

    Args:
        root: Folder that holds ``AudioSet/``, or is to hold it, or that folder itself.

    Returns:
        Path: The folder of the lists.

    Raises:
        DownloadError: The connection broke off.
        DataError: A downloaded list is not the official one.
        StoreError: The folder cannot be written, or has too little room.
    """
    folder = root if root.name == "AudioSet" else root / "AudioSet"
    with suppress(DataError):  # there is none yet
        folder = audioset_lists.find_folder(root)
    wanted = [remote for remote in registered_files("audioset") if not _intact(folder, _file(remote))]
    if wanted:
        with workspace("audioset", sum(remote.size for remote in wanted), folder) as fresh:
            files = [download(remote, fresh) for remote in wanted]
            for file in files:
                _check(fresh, fresh if (fresh / CLASSES).exists() else folder, file.name)
            for file in files:
                file.replace(folder / file.name)
    return folder


def _file(remote: Remote) -> str:
    return PurePosixPath(remote.url).name


def _intact(folder: Path, name: str) -> bool:
    with suppress(DataError):
        _check(folder, folder, name)
        return True
    return False


def _check(folder: Path, labels: Path, name: str) -> None:
    """Read one official file, with the classes of another folder.

    Raises:
        DataError: It is missing or damaged.
    """
    classes = audioset_lists.read_classes(labels / CLASSES)
    if name == ONTOLOGY:
        audioset_lists.superclasses(folder / name, classes)
    elif name != CLASSES:
        audioset_lists.read_segments(folder / name, classes, only=() if name == FILES[UNBALANCED] else None)
