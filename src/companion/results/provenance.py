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

from companion.checkout import repository_root
from companion.code import NUMERICAL, PACKAGE
from companion.errors import DataError
from companion.results.rows import checked_evidence

DISTRIBUTION = "weak-audio-companion"
"""Name of this package where packages are installed from."""

_CODE = ("src", "pyproject.toml", "requirements.lock", "data/published", "data/events")
_ABSOLUTE = re.compile(r"(?<![\w/.$}~…])(?:/[^\s/'\"=,;:]+)+/([^\s/'\"=,;:]+)")
FIELDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("experiment", "profile", "evidence", "data", "device", "commit", "date", "command"), str),
    "versions": dict,
    "seeds": list,
    "dirty": bool,
    "wall_time_s": (int, float),
    "n_recordings": int,
}
"""Fields that every provenance has, with their types."""


def collect(
    *,
    experiment: str,
    profile: str,
    evidence: str,
    data: str,
    inputs: Mapping[str, str],
    seed: int,
    seeds: Sequence[int],
    command: str,
    settings: Mapping[str, Any],
    changed: Mapping[str, Any],
    parts: Sequence[Mapping[str, Any]],
    started: Mapping[str, Any],
    wall_time: float,
    n_recordings: int,
) -> dict[str, Any]:
    """Everything a reader needs to run an experiment again.

    Folders of the machine are shortened to their last name: they are of no use to a reader.

    Args:
        experiment: Name of the experiment.
        profile: ``demo``, ``esc50`` or ``paper``.
        evidence: Kind of evidence.
        data: The data in words, for instance "ESC-10, 400 clips, official folds".
        inputs: Digest of every corpus and of given weights, by name.
        seed: First seed that the run was started with.
        seeds: Seeds of trained networks and draws.
        command: The exact command.
        settings: All settings of the experiment.
        changed: Those that differ from the profile's own.
        parts: Receipts of the parts it was put together from: the commit, device and seconds of each.
        started: What ``stamp`` said when the run began: commit, versions, device, precision, threads.
        wall_time: Seconds of this run, parts that were found in the store left out.
        n_recordings: Distinct recordings behind the numbers.

    Returns:
        dict: The content of provenance.json.
    """
    return {
        "experiment": experiment,
        "profile": profile,
        "evidence": evidence,
        "data": without_folders(data),
        "inputs": dict(inputs),
        "seed": int(seed),
        "seeds": [int(one) for one in seeds],
        **started,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_time_s": round(float(wall_time), 1),
        "command": without_folders(command),
        "settings": without_folders(dict(settings)),
        "changed": without_folders(dict(changed)),
        "parts": [dict(part) for part in parts],
        "n_recordings": int(n_recordings),
    }


def stamp(machine: Mapping[str, Any]) -> dict[str, Any]:
    """Code and machine at this moment: asked for before work begins, because the code may change meanwhile.

    Args:
        machine: As :func:`companion.training.device.machine` tells it.
    """
    commit, dirty = git_state()
    return {"commit": commit, "dirty": dirty, "versions": versions(), **machine}


def checked_provenance(provenance: Any, folder: Path) -> dict[str, Any]:
    """Provenance with every field there and of its type.

    Raises:
        DataError: Names the field and the folder.
    """
    repair = "run the experiment again, or `git checkout` the folder if it is a recorded one"
    if not isinstance(provenance, dict):
        raise DataError(f"{folder}: provenance.json holds no JSON object", expected="an object", repair=repair)
    for name, kind in FIELDS.items():
        if not isinstance(provenance.get(name), kind):
            came = type(provenance[name]).__name__ if name in provenance else "nothing"
            wanted = kind.__name__ if isinstance(kind, type) else "number"
            raise DataError(f"{folder}: provenance field {name!r} holds {came}", expected=wanted, repair=repair)
    checked_evidence(provenance["evidence"], provenance["profile"], folder)
    return provenance


def git_state(root: Path | None = None) -> tuple[str, bool]:
    """Commit of the checkout, and whether the code that makes the numbers differs from it.

    Notebooks, pages and recorded results may change without touching a number, so only the package, its
    pinned requirements, the published values and the event table count.

    Returns:
        tuple: Hash and flag; ``("", True)`` where there is no git or no commit, where the nearest repository is
        another one that the sources happen to lie in, or where an installed package runs beside a checkout.
    """
    if root is None:
        found = repository_root()
        root = found if found and (found / "src" / "companion").resolve() == PACKAGE else None
    top = _git(root, "rev-parse", "--show-toplevel")
    if root is None or not top or Path(top).resolve() != root.resolve():
        return "", True
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", *_CODE)
    return (commit or "", changes is None or bool(changes)) if commit else ("", True)


def _git(root: Path | None, *words: str) -> str | None:
    """Output of a git command, or None where it fails."""
    if root is None:
        return None
    # GIT_DIR and its like would name another repository than the one the sources lie in
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(root), *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=True, env=environment)
    except (OSError, subprocess.SubprocessError):
        return None
    return os.fsdecode(done.stdout).strip()  # the path of a repository may be any bytes


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that touch a number; those not installed are left out."""
    found = {"python": platform.python_version()}
    for name in (DISTRIBUTION, "pandas", *NUMERICAL.values()):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def without_folders(content: Any) -> Any:
    """``content`` with absolute paths in its strings shortened: ``/home/me/ESC-50`` becomes ``…/ESC-50``."""
    if isinstance(content, str | Path):
        return _ABSOLUTE.sub(r"…/\1", str(content))
    if isinstance(content, Mapping):
        return {str(name): without_folders(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_folders(value) for value in content]
    return content
