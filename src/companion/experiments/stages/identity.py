"""What makes two runs the same: their settings, their data and the code that decides the result."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[2]

TRANSFER_MODULES = (
    "audio",
    "features",
    "events",
    "mixtures",
    "datasets",
    "models",
    "losses",
    "training",
    "transfer",
    "representations",
    "probes",
    "projection",
    "evaluation",
    "experiments",
)
"""Modules whose code decides the rows of a transfer; a finished run is out of date when one of them changed."""


def digest(modules: Sequence[str], **settings: Any) -> str:
    """Digest of some modules' source code and any JSON-able settings.

    Args:
        modules: Names below ``companion``; a package counts with all its modules.
        settings: Everything else that decides the result.
    """
    content = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for name in modules:
        place = PACKAGE / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]:
            content.update(file.relative_to(PACKAGE).as_posix().encode())
            content.update(file.read_bytes())
    return content.hexdigest()
