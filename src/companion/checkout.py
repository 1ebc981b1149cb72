"""Finds what the project ships: the papers' numbers, the event table, the registered downloads, recorded results.

In a checkout they lie under ``data``. An installed package carries the first three with it.
"""

from pathlib import Path

from companion.errors import DataError

_MARK = Path("data", "published", "published.csv")
PACKAGED = Path(__file__).resolve().parent / "data"


def repository_root() -> Path | None:
    """Folder of the checkout, or None.

    An editable installation knows it from the source file. Otherwise the working directory and the folders
    above it are tried, so that a notebook of the book finds the data it was cloned with.
    """
    here = Path(__file__).resolve().parents[2:3]
    try:
        candidates = [*here, Path.cwd(), *Path.cwd().parents]
    except FileNotFoundError:  # the working directory was deleted
        candidates = [*here]
    return next((folder for folder in candidates if (folder / _MARK).is_file()), None)


def checkout() -> Path:
    """Folder of the checkout.

    Raises:
        DataError: There is none to be found.
    """
    root = repository_root()
    if root is None:
        raise DataError(
            f"{_MARK} was not found beside the installed package or above the working directory",
            expected="a checkout of the repository",
            repair="clone the repository, `make install` in it, and run from inside it",
        )
    return root


def shipped(name: str) -> Path:
    """Folder ``data/NAME`` of the checkout, or the package's own copy of it: ``published``, ``events``, ``registry``.

    Raises:
        DataError: There is neither.
    """
    root = repository_root()
    folder = (root / "data" if root else PACKAGED) / name
    if not folder.is_dir():
        raise DataError(
            f"no folder {name} of the project's data in {folder.parent}",
            expected="a checkout of the repository, or a whole installation",
            repair="git checkout -- data, or install the package again",
        )
    return folder


def published_folder() -> Path:
    """Folder of the papers' numbers."""
    return shipped("published")


def event_table() -> Path:
    """The table of events cut from ESC-50."""
    return shipped("events") / "esc50.csv"


def recorded_folder() -> Path | None:
    """Folder of the recorded results, ``data/recorded``, or None where nothing is recorded."""
    root = repository_root()
    folder = root / "data" / "recorded" if root else None
    return folder if folder and folder.is_dir() else None
