"""A result row from a number with its interval."""

from collections.abc import Mapping
from typing import Any

from companion.evaluation.bootstrap import Interval


def interval_row(
    common: Mapping[str, Any],
    item: str,
    row: str,
    column: str,
    measure: str,
    interval: Interval,
    note: str = "",
    *,
    scale: float = 1.0,
) -> dict[str, Any]:
    """One line of ``rows.csv``.

    Args:
        common: Columns that all rows of a run share.
        item, row, column, measure: The words of the published number, or others.
        interval: Value, ends and the counts behind them.
        note: In words.
        scale: Factor on value and ends; 100 for per cent.
    """
    return {
        **common,
        "item": item,
        "row": row,
        "column": column,
        "measure": measure,
        "value": scale * interval.value,
        "ci_low": scale * interval.low,
        "ci_high": scale * interval.high,
        "n_clips": interval.n_clips,
        "n_recordings": interval.n_recordings,
        "n_seeds": interval.n_seeds,
        "note": note,
    }
