"""Result rows: one line for every number, how they are collected, and the checks of their format."""

import math
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from companion.errors import DataError
from companion.evaluation.intervals import Interval
from companion.profiles import PROFILES, Evidence

KEY = ["paper", "item", "row", "column", "measure"]
"""The words that say which published number a row answers."""

_TEXT = ["experiment", *KEY, "profile", "evidence", "data", "note"]
_NUMBERS = ["value", "ci_low", "ci_high", "p_value"]
_COUNTS = ["n_clips", "n_recordings", "n_seeds"]

COLUMNS = ["experiment", *KEY, *_NUMBERS, *_COUNTS, "profile", "evidence", "data", "note"]
"""Columns of rows.csv, in order. Interval ends and p-values may be blank, values may not."""

_REPAIR = "run the experiment again, or `git checkout` the folder if it is a recorded one"


class Rows:
    """Collects the rows of an experiment: what was measured, under the words of the published number or others."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def add(
        self,
        item: str,
        row: str,
        column: str,
        measure: str,
        found: Interval,
        note: str = "",
        *,
        scale: float = 1.0,
        data: str = "",
    ) -> None:
        """Add one row.

        Args:
            item, row, column, measure: The words of the published number, or others.
            found: Value, ends and the counts behind them.
            note: In words.
            scale: Factor on value and ends; 100 for per cent.
            data: What it was measured on, where that is not the run's own data.
        """
        self.lines.append(
            {
                "item": item,
                "row": row,
                "column": column,
                "measure": measure,
                "value": scale * found.value,
                "ci_low": scale * found.low,
                "ci_high": scale * found.high,
                "p_value": np.nan if found.p_value is None else found.p_value,
                "n_clips": found.n_clips,
                "n_recordings": found.n_recordings,
                "n_seeds": found.n_seeds,
                "data": data,
                "note": "; ".join(words for words in (note, found.note) if words),
            }
        )

    def frame(self, **common: str) -> pd.DataFrame:
        """All rows, with the columns that a whole run shares."""
        frame = pd.DataFrame(self.lines)
        return frame.assign(**{name: words for name, words in common.items() if name != "data"}).assign(
            data=frame["data"].where(frame["data"] != "", common["data"])
        )


def bare(value: float, *, n_clips: int = 0, n_recordings: int = 0, n_seeds: int = 0) -> Interval:
    """A number without an interval: a count, or a value that nothing was drawn for."""
    return Interval(float(value), math.nan, math.nan, n_clips, n_recordings, n_seeds)


def read_csv(path: Path) -> pd.DataFrame:
    """Read a result table. Only an empty field is a missing value: a label may be called NA or None.

    Raises:
        DataError: The file cannot be parsed.
    """
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged: {error}", expected="a comma-separated table", repair=_REPAIR) from error


def checked_evidence(evidence: str, profile: str, folder: Path) -> None:
    """Raise DataError unless profile and kind of evidence exist."""
    for name, value, allowed in (("profile", profile, PROFILES), ("evidence", evidence, get_args(Evidence))):
        if value not in allowed:
            raise DataError(
                f"{folder}: provenance {name} is {value!r}", expected=f"one of {', '.join(allowed)}", repair=_REPAIR
            )


def checked_rows(rows: pd.DataFrame, provenance: dict[str, Any], folder: Path) -> pd.DataFrame:
    """Rows in the order of :data:`COLUMNS`, every value finite, every interval in order, no key twice.

    A run is of one experiment, profile and evidence: a synthetic number cannot stand among recorded ones.

    Raises:
        DataError: Names the folder and the first row that breaks the format.
    """
    rows = rows if "p_value" in rows else rows.assign(p_value=math.nan)
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
