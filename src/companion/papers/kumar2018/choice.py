"""Which representation stands for the method: chosen for every test fold by clips that no network behind it has heard.

The accuracy by which C is chosen flatters adapted networks: they have heard the clips that it is measured on, and
network against network it would favour whoever fits them best. So for a choice networks are adapted anew without
two folds, one to test and one to choose by. Only C is that of the cell, chosen within all training folds.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.experiment import Task
from companion.papers.kumar2018.adaptation import Target, columns, trunks
from companion.papers.kumar2018.cells import PLAIN, Cell, Key, keep_adapted
from companion.papers.kumar2018.source import Source
from companion.probes import LinearSVM
from companion.representations import represent

METHOD_OF = {"N_S": "", "N_T^I": "I", "N_T^II": "II", "N_T^III": "III"}
"""Rows of the published table, and the method that adapts each."""

Representations = Mapping[str, NDArray[np.float32]]


def choose(
    task: Task, target: Target, source: Source, seed: int, cells: Mapping[Key, Cell]
) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Predict every test fold by the F1 representation that is best without it.

    Args:
        task: Its settings name the ``candidates``, rows of the table.
        target: The task of clips.
        source: The network of this seed.
        seed: Of the adaptation.
        cells: Cells of this seed, whose C and predictions are used.

    Returns:
        Predicted class of every clip, shape ``(N,)``, and the choices (seed, fold, row, column, inner accuracy %).
    """
    folds = np.unique(target.folds)
    keys = [key for key in cells if _is_candidate(key, task.settings.candidates)]
    worth = {key: np.full((len(folds), len(folds)), np.nan) for key in keys}
    for pair in combinations(range(len(folds)), 2):
        found = {row: _without(task, target, source, row, folds[list(pair)], seed) for row in {key.row for key in keys}}
        for key in keys:
            for test, aside in (pair, pair[::-1]):
                x = found[key.row][key.column]
                worth[key][test, aside] = accuracy(x, target, folds[test], folds[aside], cells[key].c[test])
    means = np.array([np.nanmean(worth[key], axis=1) for key in keys])
    best = means.argmax(axis=0)
    predictions = np.empty_like(target.labels)
    for number, fold in enumerate(folds):
        here = target.folds == fold
        predictions[here] = cells[keys[best[number]]].predictions[here]
    lines = [
        {"seed": seed, "fold": int(fold), "row": keys[one].row, "column": keys[one].column,
         "inner accuracy %": 100 * means[one, number]}
        for number, (fold, one) in enumerate(zip(folds, best, strict=True))
    ]  # fmt: skip
    return predictions, pd.DataFrame(lines)


def accuracy(x: NDArray[np.float32], target: Target, test: Any, aside: Any, c: float) -> float:
    """Accuracy on the fold set aside, by clips that share no recording with it and are not in the test fold."""
    held = target.folds == aside
    training = (target.folds != test) & ~np.isin(target.recordings, target.recordings[held])
    machine = LinearSVM(c).fit(x[training], target.labels[training])
    return float(machine.score(x[held], target.labels[held]))


def adapt_pair(task: Task, target: Target, source: Source, method: str, pair: Sequence[int], seed: int) -> Any:
    """A network adapted without two folds."""
    first, second = sorted(int(fold) for fold in pair)
    return keep_adapted(task, source, target, method, (first, second), seed)


def _is_candidate(key: Key, rows: Sequence[str]) -> bool:
    return key.trunk == "source" and key.probe == PLAIN and key.row in rows and key.column.startswith("F1")


def _without(
    task: Task, target: Target, source: Source, row: str, pair: NDArray[np.int64], seed: int
) -> Representations:
    """What a row's network makes of every clip if it was adapted without two folds."""
    if METHOD_OF[row]:
        found: Representations = adapt_pair(task, target, source, METHOD_OF[row], pair.tolist(), seed)
        return found
    return columns(represent(source.network, trunks(source, target, task.work.device)))
