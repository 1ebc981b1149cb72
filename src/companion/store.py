"""Computed arrays on disk, found again by what they were computed from.

An entry's name is a digest of its ingredients, so nothing in the store can be out of date: change a
sample, a parameter or a version, and the name is another. Several processes may use one folder at a
time: an entry appears whole or not at all, and two that compute the same one write the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.atomic import atomic_path
from companion.audio import Samples
from companion.errors import ParameterError, StoreError
from companion.features import Feature, FeatureSpec, extract
from companion.paths import cache_root

OLD = 24 * 3600.0
"""Seconds after which an unfinished file counts as left behind by a writer that was killed."""


class Store:
    """A folder of arrays.

    Args:
        root: The folder; None for ``store`` in the cache folder. It is made with the first entry.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = cache_root() / "store" if root is None else Path(root)

    def feature(self, samples: Samples, sample_rate: int, spec: FeatureSpec) -> Feature:
        """Compute a feature, or read it back.

        Args:
            samples: Mono amplitudes. Shape: ``(N,)``.
            sample_rate: Hz.
            spec: What to compute.

        Returns:
            The feature, time first. Shape: ``(T, F)``.

        Raises:
            AudioError: See `companion.features.extract`.
            StoreError: The folder cannot be read or written, or the disk is full.
        """
        parts = {"samples": samples, "sample_rate": sample_rate, "spec": spec}
        return self.array(parts, lambda: extract(samples, sample_rate, spec))

    def array(
        self, parts: Mapping[str, Any], compute: Callable[[], NDArray[Any]], *, mmap: bool = False
    ) -> NDArray[Any]:
        """Compute an array, or read it back.

        Args:
            parts: Everything the array depends on, the version of its code included; see `key`.
            compute: Makes the array when no intact entry has its key.
            mmap: Map the file, read-only, instead of reading it whole.

        Returns:
            The array.

        Raises:
            StoreError: The folder cannot be read or written, or the disk is full.
        """
        path = self.path(key(parts))
        stored = _read(path, mmap)
        if stored is not None:
            return stored
        computed = np.asarray(compute())
        _sweep(path.parent)
        with atomic_path(path) as temporary:
            np.save(temporary, computed, allow_pickle=False)
        return np.load(path, mmap_mode="r", allow_pickle=False) if mmap else computed

    def path(self, key: str) -> Path:
        """Where the entry with this key lies, whether or not it exists."""
        return self.root / key[:2] / f"{key}.npy"


def key(parts: Mapping[str, Any]) -> str:
    """Digest of everything an array depends on.

    Args:
        parts: Numbers, strings, booleans, None, arrays, dataclasses (by class name and every field), and
            mappings and sequences of these. Arrays count with data type, shape and every byte.

    Returns:
        64 hexadecimal digits of SHA-256.

    Raises:
        ParameterError: A part is of another kind, and so cannot be told apart from others of it.

    Example:
        >>> key({"a": 1, "b": 2.5}) == key({"b": 2.5, "a": 1})
        True
        >>> key({"a": 1}) == key({"a": 2})
        False
    """
    return hashlib.sha256(json.dumps(_canonical(parts), sort_keys=True).encode()).hexdigest()


def _canonical(part: Any) -> Any:
    """The same thing in JSON's terms, tagged with its kind so that no two kinds look alike."""
    if part is None or isinstance(part, bool | int | float | str):
        return part
    if isinstance(part, np.generic):
        return part.item()
    if isinstance(part, np.ndarray) and not part.dtype.hasobject:
        content = hashlib.sha256(np.ascontiguousarray(part).data).hexdigest()
        return ["array", part.dtype.str, part.shape, content]
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        values = {field.name: _canonical(getattr(part, field.name)) for field in dataclasses.fields(part)}
        return ["dataclass", type(part).__name__, values]
    if isinstance(part, Mapping) and all(isinstance(name, str) for name in part):
        return ["mapping", {name: _canonical(value) for name, value in part.items()}]
    if isinstance(part, Sequence) and not isinstance(part, bytes | bytearray):
        return ["sequence", [_canonical(value) for value in part]]
    raise ParameterError(
        f"{type(part).__name__} cannot be part of a store key",
        expected="numbers, strings, arrays, dataclasses, and sequences and mappings (by name) of them",
        repair="give the values that it stands for",
    )


def _read(path: Path, mmap: bool) -> NDArray[Any] | None:
    """Read an entry; None when there is none, or a damaged one, which is said in a warning."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, EOFError) as error:
        warnings.warn(f"damaged store entry {path} is computed again: {error}", stacklevel=3)
        return None
    except OSError as error:
        raise StoreError(
            f"cannot read {path}: {error.strerror or error}",
            expected="a readable store entry",
            repair="give yourself the right to read it, or point COMPANION_CACHE at another folder",
        ) from error
    return array


def _sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder. Unfinished names begin with a dot, entries never do."""
    for leftover in folder.glob(".*"):
        try:
            if time.time() - leftover.stat().st_mtime > OLD:
                leftover.unlink()
        except OSError:  # another process was quicker, or may not be ours to remove: then it stays
            continue
