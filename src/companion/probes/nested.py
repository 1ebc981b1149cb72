"""The probe protocol: a fold to test on, and C chosen inside the folds that remain."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.errors import DataError, ParameterError
from companion.probes.machine import Machine

Array = NDArray[np.float64]

PROBES = {"LIBLINEAR": False, "LIBLINEAR, standardised": True}
"""Name of a probe in the result rows, and whether it standardises the features."""

TIE = 1e-9  # accuracies are fractions of clips: closer than this they are one fraction, summed differently


@dataclass(frozen=True)
class FoldProbe:
    """What a linear probe found on one test fold.

    Args:
        predictions: Predicted label of every test clip, in the order given. Shape: ``(N_test,)``.
        c: The chosen C.
        inner_accuracy: Mean over the inner folds of that C's accuracy.
        at_edge: The best C is the first or last of the grid, and better than the one beside it: a better one may lie
            beyond.
        grid: Values of C that were tried, ascending. Shape: ``(G,)``.
        curve: Inner accuracy at each of them. Shape: ``(G,)``.
        n_unconverged: Machines (one class at one C) that did not reach their minimum.
    """

    predictions: NDArray[Any]
    c: float
    inner_accuracy: float
    at_edge: bool
    grid: Array
    curve: Array
    n_unconverged: int


def probe_fold(
    features: NDArray[Any],
    labels: NDArray[Any],
    folds: NDArray[Any],
    test_features: NDArray[Any],
    *,
    recordings: NDArray[Any] | None = None,
    probe: str = "LIBLINEAR",
    per_decade: int = 2,
    patience: float = np.inf,
) -> FoldProbe:
    """Train a linear SVM on the training folds and apply it to a test fold.

    C is chosen by leave-one-fold-out cross-validation over the training folds; the scaler, where there is one, is
    fitted on whatever the model is trained on. Nothing of the test fold enters: not even the range of the grid. The
    range is not guessed: it begins where every clip lies inside the margin and a smaller C only shrinks the same
    classifier, and ends at the hard margin, where a larger one changes nothing, or when patience is out. It must be
    wide: unscaled outputs of a network may need a C of 10⁷. Of several C with the same best score the smallest is
    taken.

    Args:
        features: Training clips. Shape: ``(N, D)``.
        labels: Class of every training clip. Shape: ``(N,)``.
        folds: Fold of every training clip; two folds or more. Shape: ``(N,)``.
        test_features: Clips to be labelled. Shape: ``(N_test, D)``.
        recordings: Source recording of every training clip, each clip its own when not given; in the inner splits no
            recording lies on both sides. Shape: ``(N,)``.
        probe: ``"LIBLINEAR"`` as the paper describes it, or ``"LIBLINEAR, standardised"`` (zero mean, unit variance).
        per_decade: Values of C in a factor of ten.
        patience: Factors of ten without a better inner accuracy after which a larger C is not tried; counted from
            where the first clip reaches its margin.

    Returns:
        FoldProbe: Predictions, and how they came about.

    Raises:
        ParameterError: The probe is unknown.
        DataError: Arrays disagree in length, features are not finite, or folds are too few.

    Source: Kumar et al. 2018, section 4 (linear SVM of LIBLINEAR, C by cross-validation on the training set); scaling,
    bias and grid are not stated there.
    """
    clips = _Clips(features, labels, folds, recordings, probe, per_decade, patience, fewest=2)
    inner = {fold: _path(clips, (fold,)) for fold in clips.names}
    return _outer(clips, np.ones(len(clips.labels), dtype=bool), np.asarray(test_features, dtype=np.float64), inner)


def probe_folds(
    features: NDArray[Any],
    labels: NDArray[Any],
    folds: NDArray[Any],
    *,
    recordings: NDArray[Any] | None = None,
    probe: str = "LIBLINEAR",
    per_decade: int = 2,
    patience: float = np.inf,
) -> list[FoldProbe]:
    """`probe_fold` on each fold in turn, for features that are the same whichever fold is tested.

    A model trained without folds i and j serves twice, to choose C for test fold i (scored on j) and for j (scored on
    i): half the work, and no leak, since it saw neither. Recordings that occur in fold i or j are left out of that
    training set. The outer split is left as the corpus defines it.

    Args:
        features: All clips. Shape: ``(N, D)``.
        labels, folds, recordings, probe, per_decade, patience: As for `probe_fold`; three folds or more.

    Returns:
        list[FoldProbe]: One a fold, folds ascending.

    Raises:
        ParameterError, DataError: As `probe_fold`.
    """
    clips = _Clips(features, labels, folds, recordings, probe, per_decade, patience, fewest=3)
    paths = {pair: _path(clips, pair) for pair in combinations(clips.names, 2)}
    results = []
    for fold in clips.names:
        inner = {other: path for pair, path in paths.items() if fold in pair for other in pair if other != fold}
        training = clips.folds != fold
        results.append(_outer(clips, training, clips.features[~training], inner))
    return results


class _Clips:
    """The checked arrays, and the settings."""

    def __init__(
        self,
        features: NDArray[Any],
        labels: NDArray[Any],
        folds: NDArray[Any],
        recordings: NDArray[Any] | None,
        probe: str,
        per_decade: int,
        patience: float,
        fewest: int,
    ) -> None:
        if probe not in PROBES:
            raise ParameterError(f"unknown probe {probe!r}", expected=f"one of {', '.join(map(repr, PROBES))}")
        self.features = np.asarray(features, dtype=np.float64)
        self.labels, self.folds = np.asarray(labels), np.asarray(folds)
        self.recordings = np.arange(len(self.features)) if recordings is None else np.asarray(recordings)
        self.standardised, self.per_decade, self.patience = PROBES[probe], per_decade, patience
        self.names = np.unique(self.folds)
        lengths = [len(self.labels), len(self.folds), len(self.recordings)]
        if self.features.ndim != 2 or {len(self.features)} != set(lengths):
            raise DataError(
                f"features of shape {self.features.shape} with {lengths} labels, folds and recordings",
                expected="features (clips, dimensions), and one label, fold and recording a clip",
            )
        if n_bad := int((~np.isfinite(self.features)).any(axis=1).sum()):
            raise DataError(f"{n_bad} clips have features that are not finite")
        if len(self.names) < fewest:
            raise DataError(f"{len(self.names)} folds", expected=f"at least {fewest}, as two are needed to choose C")


@dataclass(frozen=True)
class _Path:
    """Accuracy on the folds held out, at every step of C."""

    first: int
    accuracy: dict[Any, list[float]]
    n_unconverged: int

    def last(self, fold: Any) -> int:
        return self.first + len(self.accuracy[fold]) - 1

    def at(self, fold: Any, steps: NDArray[np.intp]) -> Array:
        """Accuracy at these steps; beyond either end the classifier is the one at the end."""
        known = np.array(self.accuracy[fold])
        return known[np.clip(steps - self.first, 0, len(known) - 1)]


def _path(clips: _Clips, held_out: tuple[Any, ...]) -> _Path:
    """Train without some folds, and without their recordings, at every C; score on each of them."""
    out = np.isin(clips.folds, held_out)
    seen = ~np.isin(clips.recordings, clips.recordings[out])
    machine = Machine(clips.features[seen], clips.labels[seen], clips.features[out], standardised=clips.standardised)
    accuracy: dict[Any, list[float]] = {fold: [] for fold in held_out}
    steps, n_unconverged = [], 0
    open_folds, n_waiting = set(held_out), 0
    for step, solution in machine.path(clips.per_decade):
        # While every clip is inside the margin of every class nothing but the common direction may have been fitted:
        # nearly constant features stay at chance for decades of C. Patience does not begin before that is over.
        n_waiting += bool((solution.coefficients != 0.0).all())
        right = machine.predict(solution) == clips.labels[out]
        for fold in sorted(open_folds):
            scores = accuracy[fold]
            scores.append(float(right[clips.folds[out] == fold].mean()))
            if len(scores) - 1 - max(int(np.argmax(scores)), n_waiting) >= clips.patience * clips.per_decade:
                open_folds.remove(fold)
        steps.append(step)
        n_unconverged += int((~solution.converged).sum())
        if not open_folds:
            break
    return _Path(steps[0], accuracy, n_unconverged)


def _outer(clips: _Clips, training: NDArray[np.bool_], test: Array, inner: dict[Any, _Path]) -> FoldProbe:
    """Choose C by the inner paths, the smallest of equals; train with it on all training folds, and apply."""
    steps = np.arange(
        min(path.first for path in inner.values()), max(path.last(fold) for fold, path in inner.items()) + 1
    )
    grid = 10.0 ** (steps / clips.per_decade)
    curve = np.mean([path.at(fold, steps) for fold, path in inner.items()], axis=0)
    best = int(np.argmax(curve >= curve.max() - TIE))
    neighbour = {0: 1, len(steps) - 1: len(steps) - 2}.get(best)
    machine = Machine(clips.features[training], clips.labels[training], test, standardised=clips.standardised)
    solution = machine.fit(grid[best])
    return FoldProbe(
        predictions=machine.predict(solution),
        c=float(grid[best]),
        inner_accuracy=float(curve[best]),
        at_edge=neighbour is not None and bool(curve[best] > curve[neighbour] + TIE),
        grid=grid,
        curve=curve,
        n_unconverged=int((~solution.converged).sum()) + sum(path.n_unconverged for path in inner.values()),
    )
