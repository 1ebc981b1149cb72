"""Finds the repository's data folders: the papers' numbers and the results recorded on real audio."""

from pathlib import Path

from companion.errors import DataError

_MARK = Path("data", "published", "published.csv")


def repository_root() -> Path | None:
    """Folder of the checkout, or None.

    An editable installation knows it from the source file. Otherwise the working directory and the folders
    above it are tried, so that a notebook of the book finds the data it was cloned with.
    """
    here = Path(__file__).resolve()
    candidates = [*here.parents[3:4], Path.cwd(), *Path.cwd().parents]
    return next((folder for folder in candidates if (folder / _MARK).is_file()), None)


def published_folder() -> Path:
    """Folder of the papers' numbers, ``data/published``.

    Raises:
        DataError: There is no checkout to be found.
    """
    return checkout() / "data" / "published"


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
            repair="clone the repository, `pip install -e .` in it, and run from inside it",
        )
    return root


def recorded_folder() -> Path | None:
    """Folder of the recorded results, ``data/recorded``, or None where nothing is recorded."""
    root = repository_root()
    folder = root / "data" / "recorded" if root else None
    return folder if folder and folder.is_dir() else None
