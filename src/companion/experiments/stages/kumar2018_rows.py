"""Result rows of Kumar, Khadkevich, Fügen 2018, Table 2: the cells, the controls, the tests of the claims."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.datasets.esc50 import straddling_recordings
from companion.experiments.stages.cells import COLUMNS, OWN_OUTPUT
from companion.experiments.stages.comparisons import Key, Table
from companion.experiments.stages.predictions import Predictions
from companion.experiments.stages.source import Source
from companion.experiments.stages.target import Target

TABLE = "Table2 right"
ADAPTED = ("N_T^I", "N_T^II", "N_T^III")
PLAIN, STANDARDISED = "LIBLINEAR", "LIBLINEAR, standardised"


@dataclass(frozen=True)
class Common:
    """What all rows of a run share."""

    experiment: str
    profile: str
    evidence: str
    data: str
    paper: str = "Kumar2018"


def result_rows(
    common: Common,
    target: Target,
    sources: Sequence[Source],
    predictions: Predictions,
    neighbours: Mapping[Key, NDArray[np.bool_]],
    trustworthiness: float,
    n_resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """All rows of the experiment."""
    correct = {
        key: np.stack([cell.predictions == target.labels for cell in seeds]) for key, seeds in predictions.items()
    }
    table = Table(target, correct, n_resamples, seed, asdict(common))
    for key in correct:
        table.accuracy(key, item_of(key), row_of(key))
    best = best_f1(predictions)
    note = f"{best.row}, {best.column}: the F1 representation with the best inner cross-validation"
    table.accuracy(best, "Table2 left", "Proposed (F1)", "mean of 5 folds", note)
    for probe, suffix in ((PLAIN, ""), (STANDARDISED, ", standardised")):
        claims(table, probe, f"Paired{suffix}")
    pairs = Table(target, neighbours, n_resamples, seed, asdict(common))
    for key in neighbours:
        pairs.accuracy(key, "Neighbours", measure="share of clips, %")
    crossing = straddling_recordings(target.dataset.clips)
    if crossing:
        table.kept = ~np.isin(target.recordings, list(crossing))
        for key in correct:
            if key.trunk == "source" and key.probe == PLAIN:
                table.accuracy(key, f"{TABLE}, without recordings in two folds")
    return [*table.rows, *pairs.rows, *source_rows(common, sources), trust_row(common, target, trustworthiness)]


def item_of(key: Key, table: str = TABLE, controls: str = "Table2 controls") -> str:
    """The published table's name for its fourteen cells, another for everything else."""
    if not key.probe:
        return "Own output"
    suffix = ", standardised" if key.probe == STANDARDISED else ""
    return (table if key.trunk == "source" else controls) + suffix


def row_of(key: Key) -> str:
    """The network's name, with its trunk where that is not the trained one."""
    return f"{key.row} (untrained trunk)" if key.trunk == "untrained" else key.row


def best_f1(predictions: Predictions) -> Key:
    """The F1 representation that the training folds, not the test folds, prefer."""
    candidates = [key for key in predictions if item_of(key) == TABLE and key.column.startswith("F1")]
    return max(candidates, key=lambda key: float(np.mean([cell.inner_accuracy for cell in predictions[key]])))


def claims(table: Table, probe: str, item: str) -> None:
    """Paired tests of what the paper says of Table 2, and of whether it is transfer at all."""

    def cell(row: str, column: str, trunk: str = "source") -> Key:
        return Key(trunk, row, column, probe)

    def differ(a: Key, b: Key, row: str, column: str) -> None:
        if a in table.correct and b in table.correct:
            table.difference(a, b, item, row, column)

    for row in ADAPTED:
        for column in COLUMNS:
            differ(cell(row, column), cell("N_S", column), f"{row} - N_S", column)
    for row in ("N_S", *ADAPTED):
        for layer in ("F1", "F2"):
            differ(cell(row, f"{layer} max"), cell(row, f"{layer} avg"), row, f"{layer} max - {layer} avg")
    for row in ("N_S", "N_T^II", "N_T^III"):
        differ(cell(row, "F2 max"), cell(row, "F1 max"), row, "F2 max - F1 max")
    for row in ("N_S", *ADAPTED):
        for column in COLUMNS:
            differ(cell(row, column), cell(row, column, "untrained"), f"{row} - {row} (untrained trunk)", column)
    differ(cell("N_S", "F1 max"), cell("log-mel statistics", "features", "none"), "N_S - log-mel statistics", "F1 max")
    differ(cell("N_S", "F1 max"), cell("N_S from scratch", "F1 max", "none"), "N_S - N_S from scratch", "F1 max")
    own = Key("none", "N_S from scratch", OWN_OUTPUT, "")
    differ(cell("N_S", "F1 max"), own, "N_S - N_S from scratch", f"F1 max - {OWN_OUTPUT}")
    if probe == STANDARDISED:
        for row, column in (("N_S", "F1 max"), ("N_S", "F2 max"), ("N_T^III", "F2 max")):
            differ(cell(row, column), Key("source", row, column, PLAIN), f"{row}, standardised - unscaled", column)


def source_rows(common: Common, sources: Sequence[Source]) -> list[dict[str, Any]]:
    """How well the source task was learned, on its validation recordings."""
    return [
        {
            **asdict(common),
            "item": "Source task",
            "row": row,
            "column": "validation",
            "measure": measure,
            "value": float(np.mean([source.measures[name] for source in sources])),
            "ci_low": np.nan,
            "ci_high": np.nan,
            "n_clips": sources[0].n_validation,
            "n_recordings": sources[0].n_recordings,
            "n_seeds": len(sources),
            "data": sources[0].description,
            "note": "the best epoch was chosen on these recordings",
        }
        for row, measure, name in (
            ("N_S", "MAP", "MAP"),
            ("N_S", "MAUC", "MAUC"),
            ("level only", "MAP", "level-only MAP"),
            ("level only", "MAUC", "level-only MAUC"),
        )
        if name in sources[0].measures
    ]


def trust_row(common: Common, target: Target, trustworthiness: float, item: str = "Fig2 top-left") -> dict[str, Any]:
    """How far the neighbours in the t-SNE picture are neighbours in F1."""
    return {
        **asdict(common),
        "item": item,
        "row": "t-SNE, N_S F1 max",
        "column": "trustworthiness",
        "measure": "share, 0 to 1",
        "value": trustworthiness,
        "ci_low": np.nan,
        "ci_high": np.nan,
        "n_clips": len(target.labels),
        "n_recordings": len(set(target.recordings)),
        "n_seeds": 1,
        "note": "",
    }
