"""Where data and computed files live. Two environment variables move them."""

import os
from pathlib import Path

import platformdirs

from companion.errors import ParameterError


def cache_root() -> Path:
    """Folder of everything computed: ``$COMPANION_CACHE``, else the user's cache folder."""
    chosen = os.environ.get("COMPANION_CACHE")
    return given(chosen) if chosen else platformdirs.user_cache_path("companion")


def data_root() -> Path:
    """Folder of the corpora: ``$COMPANION_DATA``, else ``data`` in the cache folder."""
    chosen = os.environ.get("COMPANION_DATA")
    return given(chosen) if chosen else cache_root() / "data"


def runs_root() -> Path:
    """Folder of finished and interrupted experiment runs."""
    return cache_root() / "runs"


def given(path: str | Path) -> Path:
    """A path as someone typed it, ``~`` and ``~name`` resolved.

    Raises:
        ParameterError: There is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ParameterError(
            f"{path} cannot be found: {error}",
            expected="the home folder of a user that this machine knows",
            repair="write the whole path, or ./ before a name that begins with ~",
        ) from error
