"""Cells of the chapter on SoundNet: a network's layer, how it is read off the clips, and what a linear machine says."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.datasets.base import Dataset
from companion.evaluation.influence import mean_score
from companion.evaluation.intervals import Interval, interval
from companion.evaluation.units import Units, units_of
from companion.probes import probe_folds
from companion.probes.primal import PrimalSVM
from companion.store import Kept, Value, Work


class Key(NamedTuple):
    """Names a cell."""

    network: str
    layer: str
    reading: str

    @property
    def name(self) -> str:
        """One line, for the heading of a column."""
        return " | ".join(self)


@dataclass(frozen=True)
class Cell:
    """What a machine said of every clip, trained without its fold.

    Args:
        predictions: Class index. Shape: ``(N,)``.
        c: C of each fold.
        inner_accuracy: Mean over folds of the accuracy by which C was chosen; NaN where it is given.
        n_at_edge: Folds whose C lies on the edge of what was tried.
        n_unconverged: Fits that stopped before their minimum.
    """

    predictions: NDArray[np.int64]
    c: tuple[float, ...]
    inner_accuracy: float = math.nan
    n_at_edge: int = 0
    n_unconverged: int = 0


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips of one label each, as arrays.

    Args:
        dataset: The corpus.
        labels: Class index of every clip. Shape: ``(N,)``.
        folds: Fold of every clip. Shape: ``(N,)``.
        recordings: Recording of every clip. Shape: ``(N,)``.
    """

    dataset: Dataset
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]
    recordings: NDArray[Any]

    @classmethod
    def of(cls, dataset: Dataset) -> "Clips":
        """The clips of a corpus."""
        index = {label: number for number, label in enumerate(dataset.classes)}
        return cls(
            dataset,
            np.array([index[str(clip.label)] for clip in dataset.clips], dtype=np.int64),
            np.array([clip.fold for clip in dataset.clips], dtype=np.int64),
            np.array([clip.recording for clip in dataset.clips]),
        )

    @cached_property
    def units(self) -> Units:
        """Which clips share a recording or an author."""
        return units_of(self.recordings.tolist(), self.dataset.author_of)

    def interval(
        self, scores: NDArray[Any], kept: NDArray[np.bool_] | None = None, *, difference: bool = False
    ) -> Interval:
        """Interval of the mean over folds of the mean score in each. Shape of the scores: ``(N,)``."""
        units, chosen = self.units, np.ones(len(self.labels), dtype=bool) if kept is None else kept
        if not chosen.all():
            units = units_of(self.recordings[chosen].tolist(), self.dataset.author_of)
        found = mean_score(scores[chosen], units, folds=self.folds[chosen], strata=self.labels[chosen])
        return interval(found, bounds=(-1.0, 1.0) if difference else (0.0, 1.0), difference=difference)


def windows(frames: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Every run of some frames of a clip, one frame apart, as one vector.

    Shape: ``(N, T, C)`` to ``(N, T − length + 1, length × C)``.

    >>> windows(np.arange(4.0).reshape(1, 4, 1), 3)[0].tolist()
    [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]]
    """
    N, T, C = frames.shape
    runs = np.lib.stride_tricks.sliding_window_view(frames, length, axis=1)  # (N, W, C, length)
    return np.ascontiguousarray(runs.transpose(0, 1, 3, 2)).reshape(N, T - length + 1, length * C)


def by_windows(
    work: Work, heard: Kept, name: str, labels: NDArray[np.int64], folds: NDArray[np.int64], fold: int, length: int,
    C: float,
) -> Value:  # fmt: skip
    """One fold of SoundNet's protocol: every window of the other folds is a sample, and a clip takes the mean decision.

    Args:
        work: Not used: one product of matrices after another.
        heard: Made by ``hear``.
        name: Of the frames in it. Shape: ``(N, T, C)``.
        labels, folds: Of the clips. Shape: ``(N,)``.
        fold: The one to test on.
        length: Frames of a window; the next one begins one frame later.
        C: Of LIBLINEAR's linear machine.

    Returns:
        Value: ``predictions`` of the fold's clips, in order; fact ``n_unconverged``.

    Source:
        The evaluation code of Aytar, Vondrick, Torralba 2016.
    """
    runs, test = windows(heard[name], length), folds == fold
    N, W, D = runs.shape
    machine = PrimalSVM(C).fit(runs[~test].reshape(-1, D), np.repeat(labels[~test], W))
    decisions = machine.decision_function(runs[test].reshape(-1, D)).reshape(-1, W, len(machine.classes_)).mean(1)
    return Value({"predictions": machine.classes_[decisions.argmax(1)]}, {"n_unconverged": machine.n_unconverged_})


def by_clip(
    work: Work, heard: Kept, name: str, labels: NDArray[np.int64], folds: NDArray[np.int64],
    recordings: NDArray[Any], per_decade: int, patience: float,
) -> Value:  # fmt: skip
    """One representation a clip, a linear machine for every fold, C chosen inside the other folds.

    Returns:
        Value: ``predictions`` of every clip and ``c`` of every fold; facts as in :class:`Cell`.
    """
    found = probe_folds(heard[name], labels, folds, recordings=recordings, per_decade=per_decade, patience=patience)
    predictions = np.empty_like(labels)
    for fold, probe in zip(np.unique(folds), found, strict=True):
        predictions[folds == fold] = probe.predictions
    return Value(
        {"predictions": predictions, "c": np.array([probe.c for probe in found])},
        {
            "inner_accuracy": float(np.mean([probe.inner_accuracy for probe in found])),
            "n_at_edge": sum(probe.at_edge for probe in found),
            "n_unconverged": sum(probe.n_unconverged for probe in found),
        },
    )


def tables(clips: Clips, cells: Mapping[Key, Cell]) -> dict[str, pd.DataFrame]:
    """The tables ``predictions``, ``probes`` and ``folds``."""
    classes, folds = np.array(clips.dataset.classes), np.unique(clips.folds)
    predictions = {
        "clip": np.array([clip.id for clip in clips.dataset.clips]),
        "recording": clips.recordings,
        "fold": clips.folds,
        "label": classes[clips.labels],
        **{key.name: classes[cell.predictions] for key, cell in cells.items()},
    }
    return {
        "predictions": pd.DataFrame(predictions),
        "probes": pd.DataFrame(_probe_lines(cells, folds)),
        "folds": pd.DataFrame(
            {**key._asdict(), "fold": int(fold),
             "accuracy %": 100 * float((cell.predictions == clips.labels)[clips.folds == fold].mean())}
            for key, cell in cells.items()
            for fold in folds
        ),
    }  # fmt: skip


def _probe_lines(cells: Mapping[Key, Cell], folds: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    for key, cell in cells.items():
        yield {
            **key._asdict(),
            **{f"C, fold {fold}": c for fold, c in zip(folds, cell.c, strict=True)},
            "inner accuracy %": 100 * cell.inner_accuracy,
            "folds at edge": cell.n_at_edge,
            "unconverged fits": cell.n_unconverged,
        }
