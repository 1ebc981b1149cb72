"""Result rows of Kumar, Khadkevich, Fügen 2018, Table 3: scenes, one by one and by representation."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion import paths
from companion.datasets.dcase2016_lists import TABLE_3
from companion.datasets.extraction import extract_corpus
from companion.experiments.stages.cells import COLUMNS, OWN_OUTPUT, Cell
from companion.experiments.stages.comparisons import Key, Table
from companion.experiments.stages.kumar2018_rows import (
    ADAPTED,
    PLAIN,
    STANDARDISED,
    Common,
    claims,
    item_of,
    row_of,
    source_rows,
)
from companion.experiments.stages.predictions import Predictions
from companion.experiments.stages.source import Source
from companion.experiments.stages.target import Target
from companion.features import TUT_MFCC
from companion.probes.gmm import mfcc_gmm_folds, with_dynamics
from companion.store import Store

BASELINE = Key("none", "Baseline (MFCC-GMM)", OWN_OUTPUT, "")
BEST = Key("source", "N_T^III", "F1 max", PLAIN)
"""The two columns of the table's upper half."""


def baseline_cells(target: Target, n_components: int, seeds: Sequence[int], n_jobs: int) -> list[Cell]:
    """The scenes predicted by the baseline of the DCASE 2016 challenge, rerun; one cell a seed."""
    data = target.dataset
    static = extract_corpus(data, TUT_MFCC, Store(paths.cache_root() / "store"), n_jobs=n_jobs)
    frames = [with_dynamics(mfcc) for mfcc in static]
    cells = []
    for seed in seeds:
        predicted = mfcc_gmm_folds(
            frames, target.labels, target.folds, n_components=n_components, seed=seed, n_jobs=n_jobs
        )
        cells.append(Cell(BASELINE.trunk, BASELINE.row, BASELINE.column, BASELINE.probe, predicted))
    return cells


def scene_rows(
    common: Common,
    target: Target,
    sources: Sequence[Source],
    predictions: Predictions,
    n_resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Both halves of Table 3, the controls, and the paired tests of what the paper says of it."""
    correct: dict[Key, NDArray[Any]] = {
        key: np.stack([cell.predictions == target.labels for cell in seeds]) for key, seeds in predictions.items()
    }
    table = Table(target, correct, n_resamples, seed, asdict(common))
    for key in correct:
        table.accuracy(key, item_of(key, "Table3 lower", "Table3 controls"), row_of(key))
    upper(table)
    for probe, suffix in ((PLAIN, ""), (STANDARDISED, ", standardised")):
        claims(table, probe, f"Paired{suffix}")
    prose(table)
    return [*table.rows, *source_rows(common, sources)]


def upper(table: Table) -> None:
    """Each scene and their mean, the baseline's beside N_T^III's, with the difference between them."""
    baseline, best = "Baseline (MFCC-GMM)", "N_T^III F1 max"
    worse = 0
    for index, label in [(None, "Mean"), *enumerate(table.target.dataset.classes)]:
        scene = TABLE_3.get(label, label) if table.common["evidence"] == "official" else label
        table.kept = None if index is None else table.target.labels == index
        table.accuracy(BASELINE, "Table3 upper", scene, baseline)
        table.accuracy(BEST, "Table3 upper", scene, best)
        gain = table.difference(BEST, BASELINE, "Paired", scene, f"{best} - {baseline}")
        worse += index is not None and gain.high < 0
    table.kept = None
    table.count("scenes below the baseline", "intervals below 0", worse)


def prose(table: Table) -> None:
    """What section 4.3 says in words: adapted against not, and N_T^III against N_T^I and N_T^II."""
    pairs = [
        (Key("source", row, column, PLAIN), Key("source", "N_S", column, PLAIN))
        for row in ADAPTED
        for column in COLUMNS
        if Key("source", row, column, PLAIN) in table.correct
    ]
    means = {
        Key("mean", name, "all cells", PLAIN): np.mean([table.correct[pair[side]] for pair in pairs], axis=0)
        for side, name in enumerate(("adapted", "N_S"))
    }
    both: Mapping[Key, NDArray[Any]] = {**table.correct, **means}
    table.correct = both
    above = sum(float(table.correct[a].mean()) > float(table.correct[b].mean()) for a, b in pairs)
    table.count("adapted cells above N_S", "scenes", above)
    adapted, plain = means
    table.difference(adapted, plain, "Paired", "adapted - N_S", f"mean of {len(pairs)} cells")
    for row in ("N_T^I", "N_T^II"):
        table.difference(BEST, Key("source", row, "F1 max", PLAIN), "Paired", f"N_T^III - {row}", "F1 max")
