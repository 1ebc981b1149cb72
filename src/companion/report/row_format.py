"""The format of result rows and provenance, and its checks."""

import math
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from companion.errors import DataError
from companion.profiles import PROFILES, Evidence

KEY = ["paper", "item", "row", "column", "measure"]
"""The words that say which published number a row answers."""

_TEXT = ["experiment", *KEY, "profile", "evidence", "data", "note"]
_NUMBERS = ["value", "ci_low", "ci_high"]
_COUNTS = ["n_clips", "n_recordings", "n_seeds"]

COLUMNS = ["experiment", *KEY, *_NUMBERS, *_COUNTS, "profile", "evidence", "data", "note"]
"""Columns of rows.csv, in order. Interval ends may be blank, values may not."""

_PROVENANCE: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("experiment", "profile", "evidence", "data", "device", "commit", "date", "command"), str),
    **dict.fromkeys(("versions", "config"), dict),
    "seeds": list,
    "dirty": bool,
    "wall_time_s": (int, float),
    "n_recordings": int,
}
_REPAIR = "run the experiment again, or `git checkout` the folder if it is a recorded one"


def read_csv(path: Path) -> pd.DataFrame:
    """Read a result table. Only an empty field is a missing value: a label may be called NA or None.

    Raises:
        DataError: The file cannot be parsed.
    """
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged: {error}", expected="a comma-separated table", repair=_REPAIR) from error


def checked_provenance(provenance: Any, folder: Path) -> dict[str, Any]:
    """Provenance with every field there and of its type.

    Raises:
        DataError: Names the field and the folder.
    """
    if not isinstance(provenance, dict):
        raise DataError(f"{folder}: provenance.json holds no JSON object", expected="an object", repair=_REPAIR)
    for name, kind in _PROVENANCE.items():
        if not isinstance(provenance.get(name), kind):
            came = type(provenance[name]).__name__ if name in provenance else "nothing"
            wanted = kind.__name__ if isinstance(kind, type) else "number"
            raise DataError(f"{folder}: provenance field {name!r} holds {came}", expected=wanted, repair=_REPAIR)
    _one_of(provenance["profile"], list(PROFILES), "profile", folder)
    _one_of(provenance["evidence"], list(get_args(Evidence)), "evidence", folder)
    return provenance


def checked_rows(rows: pd.DataFrame, provenance: dict[str, Any], folder: Path) -> pd.DataFrame:
    """Rows in the order of :data:`COLUMNS`, every value finite, every interval in order, no key twice.

    A run is of one experiment, profile and evidence: a synthetic number cannot stand among recorded ones.

    Raises:
        DataError: Names the folder and the first row that breaks the format.
    """
    missing, extra = set(COLUMNS) - set(rows.columns), set(rows.columns) - set(COLUMNS)
    if missing or extra:
        raise DataError(
            f"{folder}: rows lack {sorted(missing)} and have {sorted(extra)} too many",
            expected=", ".join(COLUMNS),
            repair=_REPAIR,
        )
    rows = rows.loc[:, COLUMNS].reset_index(drop=True)
    for name in _TEXT:
        rows[name] = rows[name].astype(object).where(rows[name].notna(), "").astype(str)
    try:
        rows = rows.astype(dict.fromkeys(_NUMBERS, float) | dict.fromkeys(_COUNTS, int))
    except (TypeError, ValueError) as error:
        raise DataError(f"{folder}: a number of the rows cannot be read: {error}", repair=_REPAIR) from error
    for row in rows.itertuples():
        problem = _problem(row, provenance)
        if problem:
            raise DataError(f"{folder}: row {row.item} / {row.row} / {row.column}: {problem}", repair=_REPAIR)
    twice = rows[rows.duplicated(KEY)]
    if len(twice):
        raise DataError(f"{folder}: two rows for {' / '.join(twice.iloc[0][KEY])}", repair=_REPAIR)
    return rows


def _problem(row: Any, provenance: dict[str, Any]) -> str:
    """What is wrong with one row, in words; empty when nothing is."""
    for name in ("experiment", "profile", "evidence"):
        if getattr(row, name) != provenance[name]:
            return f"{name} is {getattr(row, name)!r}, but the run's is {provenance[name]!r}"
    if not math.isfinite(row.value):
        return f"value is {row.value}"
    if math.isnan(row.ci_low) != math.isnan(row.ci_high) or row.ci_low > row.ci_high:
        return f"interval is [{row.ci_low}, {row.ci_high}]"
    return ""


def _one_of(value: str, allowed: list[str], name: str, folder: Path) -> None:
    if value not in allowed:
        raise DataError(
            f"{folder}: provenance {name} is {value!r}",
            expected=f"one of {', '.join(allowed)}",
            repair=_REPAIR,
        )
