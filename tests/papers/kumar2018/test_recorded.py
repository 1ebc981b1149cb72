"""Recorded accuracies follow from the predictions that stand beside them, and their intervals from the event table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from companion.evaluation.intervals import mean_interval
from companion.evaluation.units import units_of

DATA = Path(__file__).resolve().parents[3] / "data"
UNTRAINED = " (untrained trunk)"
LAYERS = [f"{layer} {pooling}" for layer in ("F1", "F2") for pooling in ("max", "avg")]
PROBES = {"": "LIBLINEAR", "standardised": "LIBLINEAR, standardised"}


@pytest.fixture(scope="module", params=["transfer", "scenes"])
def run(request):
    folder = DATA / "recorded" / "esc50" / "kumar2018" / request.param
    return pd.read_csv(folder / "predictions.csv"), pd.read_csv(folder / "rows.csv")


def cell(row: str, column: str, probe: str) -> str:
    """The name that a row's predictions are kept under."""
    method = row.removesuffix(UNTRAINED)
    trunk = "untrained" if row != method else "source" if method.startswith(("N_T", "N_S")) else "none"
    if method == "N_S from scratch":
        trunk = "none"
    if method == "log-mel statistics":
        column = "features"
    return " | ".join([trunk, method, column] if column == "own output" else [trunk, method, column, probe])


def cells(line: pd.Series) -> list[str]:
    """The cell that a row is of, or the two whose difference it is; none where it is of something else."""
    item, _, kind = str(line["item"]).partition(", ")
    row, column = str(line["row"]), str(line["column"])
    if kind not in PROBES or item.startswith(("Table2 left", "Table3 upper")):
        return []
    if line["measure"] == "accuracy %" and item.startswith(("Table", "Own output")):
        return [cell(row, column, PROBES[kind])]
    if row.endswith(scaling := ", standardised - unscaled"):
        return [cell(row.removesuffix(scaling), column, PROBES[one]) for one in ("standardised", "")]
    if item == "Paired" and row.count(" - ") == 1 and column in LAYERS:
        return [cell(one, column, PROBES[kind]) for one in row.split(" - ")]
    if item == "Paired" and set(column.split(" - ")) < set(LAYERS):
        return [cell(row, one, PROBES[kind]) for one in column.split(" - ")]
    return []


def right(predictions: pd.DataFrame, line: pd.Series) -> np.ndarray:
    """Was each clip right, or in which of two systems alone? Shape: ``(S, N)``."""
    found = []
    for name in cells(line):
        runs = [one for one in predictions if one.rpartition(" | run ")[0] == name]
        assert runs, name
        found.append(np.array([predictions[one] == predictions["label"] for one in runs], dtype=float))
    return found[0] - found[1] if len(found) == 2 else found[0]


def test_values_are_means_over_folds_and_seeds(run):
    predictions, rows = run
    listed = [line for _, line in rows.iterrows() if cells(line)]
    assert len(listed) >= 100
    for line in listed:
        of_clips = pd.Series(right(predictions, line).mean(0))
        value = of_clips.groupby(predictions["fold"]).mean().mean()
        assert line["value"] == pytest.approx(100 * value, abs=1e-6), (line["item"], *cells(line))


def test_intervals_follow_from_who_recorded_what(run):
    predictions, rows = run
    events = pd.read_csv(DATA / "events" / "esc50.csv", dtype=str)
    author_of = events.dropna(subset="author").set_index("recording")["author"].to_dict()
    units = units_of(predictions["recording"].astype(str).tolist(), author_of)
    fold, label = predictions["fold"], predictions["label"]
    for _, line in rows.iterrows():
        if not cells(line):
            continue
        paired = len(cells(line)) == 2
        found = mean_interval(right(predictions, line), units, folds=fold, strata=label, difference=paired)
        ends = 100 * found.low, 100 * found.high
        assert (line["ci_low"], line["ci_high"]) == pytest.approx(ends, abs=0.05), (line["item"], *cells(line))
        assert line["n_recordings"] == units.n_recordings
