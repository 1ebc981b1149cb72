"""Where a number comes from: code, versions, machine, data, time and the command that made it."""

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from companion.profiles import PROFILES
from companion.report.repository import repository_root

_PACKAGES = ("companion", "torch", "numpy", "scipy", "pandas", "scikit-learn", "librosa", "openTSNE")
_CODE = ("src", "pyproject.toml", "requirements.lock", "data/published")
_ABSOLUTE = re.compile(r"(?<![\w/.$}~…])(?:/[^\s/'\"=,;:]+)+/([^\s/'\"=,;:]+)")


def collect(
    *,
    experiment: str,
    profile: str,
    data: str,
    seeds: Sequence[int],
    device: str,
    command: str,
    config: Mapping[str, Any],
    wall_time: float,
    n_recordings: int,
) -> dict[str, Any]:
    """Everything a reader needs to run an experiment again.

    Folders of the machine are shortened to their last name: they are of no use to a reader.

    Args:
        experiment: Name of the experiment.
        profile: ``demo``, ``esc50`` or ``paper``.
        data: The data in words, for instance "ESC-10, 400 clips, official folds".
        seeds: Seeds of the run.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        command: The exact command.
        config: The experiment's configuration.
        wall_time: Seconds.
        n_recordings: Distinct recordings behind the numbers.

    Returns:
        dict: The content of provenance.json.
    """
    commit, dirty = git_state()
    return {
        "experiment": experiment,
        "profile": profile,
        "evidence": PROFILES[profile].evidence,
        "data": without_folders(data),
        "seeds": [int(seed) for seed in seeds],
        "device": device_name(device),
        "commit": commit,
        "dirty": dirty,
        "versions": versions(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_time_s": round(float(wall_time), 1),
        "command": without_folders(command),
        "config": without_folders(dict(config)),
        "n_recordings": int(n_recordings),
    }


def git_state(root: Path | None = None) -> tuple[str, bool]:
    """Commit of the checkout, and whether the code that makes the numbers differs from it.

    Notebooks, pages and recorded results may change without touching a number, so only the package, its
    pinned requirements and the published values count.

    Returns:
        tuple: Hash and flag; ``("", True)`` where there is no git or no commit.
    """
    root = root or repository_root()
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", *_CODE)
    return (commit or "", changes is None or bool(changes)) if commit else ("", True)


def _git(root: Path | None, *words: str) -> str | None:
    """Output of a git command, or None where it fails."""
    if root is None:
        return None
    command = ["git", "--no-optional-locks", "-C", str(root), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that touch a number; those not installed are left out."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def device_name(device: str) -> str:
    """The device in words: its kind, model and, for a processor, the number of cores this process may use."""
    if str(device).startswith("cuda"):
        import torch  # only a GPU run needs it here

        return f"{device}: {torch.cuda.get_device_name(device)}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{device}: {_processor()}, {cores} core{'' if cores == 1 else 's'}"


def _processor() -> str:
    """Model name of the processor; Linux hides it from the platform module."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", listing.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return re.sub(r"\s+", " ", found.group(1)).strip()
    return platform.processor() or platform.machine()


def without_folders(content: Any) -> Any:
    """``content`` with absolute paths in its strings shortened: ``/home/me/ESC-50`` becomes ``…/ESC-50``."""
    if isinstance(content, str | Path):
        return _ABSOLUTE.sub(r"…/\1", str(content))
    if isinstance(content, Mapping):
        return {str(name): without_folders(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_folders(value) for value in content]
    return content
