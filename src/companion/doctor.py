"""Looks at the machine and the installation, and says what to do about what is missing."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from companion import paths
from companion.checkout import repository_root
from companion.datasets.base import Clip
from companion.errors import CompanionError, DataError
from companion.results.provenance import versions
from companion.training import device_name

State = Literal["ok", "note", "bad"]
_FETCH = "only the esc50 profile needs it: companion fetch esc50, or point COMPANION_DATA at its folder"
BOOK_PACKAGES = ("jupyter-book", "papermill", "snakemake", "sphinx-mathjax-offline", "ipykernel")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        state: ``ok``; ``note``, something that only other profiles need; or ``bad``, to be mended first.
        subject: What was looked at.
        seen: What was found.
        advice: What to do; empty when nothing.
    """

    state: State
    subject: str
    seen: str
    advice: str = ""


def examine(data: str = "") -> Iterator[Finding]:
    """Yield one finding after the other; nothing is changed on the machine.

    Args:
        data: Folder of the corpora; empty for ``$COMPANION_DATA``.
    """
    yield _python()
    yield _checkout()
    yield from _packages()
    yield Finding("ok", "processor", device_name("cpu").removeprefix("cpu: "))
    yield _gpu()
    yield _memory()
    yield _cache(paths.cache_root())
    yield _esc50(paths.given(data) if data else paths.data_root())


def _python() -> Finding:
    seen = f"{versions()['python']} at {sys.executable}"
    if (3, 11) <= sys.version_info < (3, 14):
        return Finding("ok", "Python", seen)
    return Finding("bad", "Python", seen, "use Python 3.11, 3.12 or 3.13")


def _checkout() -> Finding:
    root = repository_root()
    if root is not None:
        return Finding("ok", "checkout", str(root))
    seen = "none: build, the book's notebooks and run --record need one; all other commands do without"
    return Finding("note", "checkout", seen, "for the book: clone the repository, and call make book in it")


def _packages() -> Iterator[Finding]:
    found = versions()
    found.pop("python")
    yield Finding("ok", "library", ", ".join(f"{name} {number}" for name, number in found.items()))
    missing = [name for name in BOOK_PACKAGES if not _installed(name)]
    if missing:
        advice = "in a checkout: make book, or pip install -e '.[book]'"
        state: State = "note" if repository_root() is None else "bad"
        yield Finding(state, "book", f"not installed: {', '.join(missing)}", advice)
    else:
        yield Finding("ok", "book", ", ".join(f"{name} {metadata.version(name)}" for name in BOOK_PACKAGES))


def _installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def _gpu() -> Finding:
    import torch  # two seconds of import, paid only by who asks

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        memory = f"{free / 2**30:.0f} of {total / 2**30:.0f} GiB free"
        return Finding("ok", "GPU", f"{device_name('cuda')}, {memory}")
    advice = "" if torch.version.cuda else "this torch is a CPU build; for a GPU install the CUDA build"
    return Finding("note", "GPU", "none: demo needs none, esc50 takes hours instead of minutes", advice)


def _memory() -> Finding:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    if size >= 4:
        return Finding("ok", "memory", f"{size:.0f} GiB")
    return Finding("note", "memory", f"{size:.1f} GiB", "run one at a time: companion build --cores 1")


def _cache(root: Path) -> Finding:
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        advice = "export COMPANION_CACHE=/a/folder/you/can/write"
        return Finding("bad", "cache", f"{root} cannot be written: {error.strerror}", advice)
    free = shutil.disk_usage(root).free / 2**30
    if free < 2:
        return Finding("bad", "cache", f"{root}, only {free:.1f} GiB free", "free some space, or move it")
    return Finding("ok", "cache", f"{root}, writable, {free:.0f} GiB free")


def _esc50(root: Path) -> Finding:
    from companion.datasets.esc50 import ESC50

    try:
        corpus = ESC50(root)
        present = sum(_has_file(corpus.path, clip) for clip in corpus.clips)
    except (CompanionError, OSError) as error:
        reason = error.problem if isinstance(error, CompanionError) else error.strerror
        return Finding("note", "ESC-50", f"0 of 2000 clips: {reason}", _FETCH)
    seen = f"{present} of {len(corpus.clips)} clips in {corpus.folder}"
    if present < len(corpus.clips):
        return Finding("note", "ESC-50", seen, _FETCH)
    return Finding("ok", "ESC-50", f"{seen}; `companion validate esc50` listens to each")


def _has_file(path: Callable[[Clip], Path], clip: Clip) -> bool:
    try:
        return bool(path(clip))
    except DataError:
        return False
