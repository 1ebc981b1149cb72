"""Where data and computed files live. Two environment variables move them."""

import os
from pathlib import Path

import platformdirs


def cache_root() -> Path:
    """Folder of everything computed: ``$COMPANION_CACHE``, else the user's cache folder."""
    chosen = os.environ.get("COMPANION_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("companion")


def data_root() -> Path:
    """Folder of the corpora: ``$COMPANION_DATA``, else ``data`` in the cache folder."""
    chosen = os.environ.get("COMPANION_DATA")
    return Path(chosen).expanduser() if chosen else cache_root() / "data"


def runs_root() -> Path:
    """Folder of finished and interrupted experiment runs."""
    return cache_root() / "runs"
