"""The probe protocol: a fold to test on, and C chosen inside the folds that remain."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.errors import DataError, ParameterError
from companion.probes.svm import LinearSVMCV

PROBES = {"LIBLINEAR": False, "LIBLINEAR, standardised": True}
"""Name of a probe in the result rows, and whether it standardises the features."""


@dataclass(frozen=True)
class FoldProbe:
    """What a linear probe found on one test fold.

    Args:
        predictions: Predicted label of every test clip, in the order given. Shape: ``(N_test,)``.
        c, at_edge, n_unconverged: As `LinearSVMCV` says them.
        inner_accuracy: Mean over the inner folds of that C's accuracy.
        grid, curve: Values of C that were tried, ascending, and the inner accuracy at each of them. Shape: ``(G,)``.
    """

    predictions: NDArray[Any]
    c: float
    inner_accuracy: float
    at_edge: bool
    grid: NDArray[np.float64]
    curve: NDArray[np.float64]
    n_unconverged: int


def probe_fold(
    features: NDArray[Any],
    labels: NDArray[Any],
    folds: NDArray[Any],
    test_features: NDArray[Any],
    *,
    recordings: NDArray[Any] | None = None,
    test_recordings: NDArray[Any] | None = None,
    probe: str = "LIBLINEAR",
    per_decade: int = 2,
    patience: float = np.inf,
) -> FoldProbe:
    """Train a linear SVM on the training folds and apply it to a test fold.

    C is chosen by leave-one-fold-out cross-validation over the training folds; the scaler, where there is one, is
    fitted on whatever the model is trained on. Nothing of the test fold enters: not even the range of the grid.

    Args:
        features: Training clips. Shape: ``(N, D)``.
        labels: Class of every training clip. Shape: ``(N,)``.
        folds: Fold of every training clip; two folds or more. Shape: ``(N,)``.
        test_features: Clips to be labelled. Shape: ``(N_test, D)``.
        recordings: Source recording of every training clip, each clip its own when not given; in the inner splits no
            recording lies on both sides. Shape: ``(N,)``.
        test_recordings: Recordings that no inner training part may hold either.
        probe: ``"LIBLINEAR"`` as the paper describes it, or ``"LIBLINEAR, standardised"`` (zero mean, unit variance).
        per_decade, patience: Of the search over C, as for `LinearSVMCV`.

    Returns:
        FoldProbe: Predictions, and how they came about.

    Raises:
        ParameterError: The probe is unknown.
        DataError: Arrays disagree in length, features are not finite, or folds or classes are too few.

    Source: Kumar et al. 2018, section 4 (linear SVM of LIBLINEAR, C by cross-validation on the training set); scaling,
    bias and grid are not stated there.
    """
    if probe not in PROBES:
        raise ParameterError(f"unknown probe {probe!r}", expected=f"one of {', '.join(map(repr, PROBES))}")
    recordings = np.arange(len(features)) if recordings is None else recordings
    _check(features, labels, folds, recordings, fewest=2)
    splits = list(inner_splits(folds, recordings, test_recordings))
    if (n_classes := min(len(np.unique(labels[train])) for train, _ in splits)) < 2:
        raise DataError(f"inner training clips of {n_classes} classes", expected="at least two, in any folds but one")
    search = LinearSVMCV(splits, standardised=PROBES[probe], per_decade=per_decade, patience=patience)
    search.fit(features, labels)
    return FoldProbe(
        predictions=search.predict(test_features),
        c=search.C_,
        inner_accuracy=search.best_score_,
        at_edge=search.at_edge_,
        grid=search.Cs_,
        curve=search.scores_.mean(axis=0),
        n_unconverged=search.n_unconverged_,
    )


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

    C is chosen without the recordings of the test fold; the outer split is left as the corpus defines it.

    Args:
        features: All clips. Shape: ``(N, D)``.
        labels, folds, recordings, probe, per_decade, patience: As for `probe_fold`; three folds or more.

    Returns:
        list[FoldProbe]: One a fold, folds ascending.

    Raises:
        ParameterError, DataError: As `probe_fold`.
    """
    recordings = np.arange(len(features)) if recordings is None else recordings
    _check(features, labels, folds, recordings, fewest=3)
    return [
        probe_fold(
            features[~test],
            labels[~test],
            folds[~test],
            features[test],
            recordings=recordings[~test],
            test_recordings=recordings[test],
            probe=probe,
            per_decade=per_decade,
            patience=patience,
        )
        for test in (folds == fold for fold in np.unique(folds))
    ]


def inner_splits(
    folds: NDArray[Any], recordings: NDArray[Any], test_recordings: NDArray[Any] | None = None
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Leave out one fold at a time, every clip of its recordings, and every clip of some others.

    Yields:
        Numbers of the clips to train on, and of those to score.
    """
    apart = np.isin(recordings, [] if test_recordings is None else test_recordings)
    for fold in np.unique(folds):
        held = folds == fold
        yield np.flatnonzero(~apart & ~np.isin(recordings, recordings[held])), np.flatnonzero(held)


def _check(
    features: NDArray[Any], labels: NDArray[Any], folds: NDArray[Any], recordings: NDArray[Any], *, fewest: int
) -> None:
    shapes = [np.shape(part) for part in (features, labels, folds, recordings)]
    if len(shapes[0]) != 2 or {shape[:1] for shape in shapes} != {shapes[0][:1]}:
        problem = f"features, labels, folds and recordings of shapes {', '.join(map(str, shapes))}"
        raise DataError(problem, expected="features (clips, dimensions), and one of each other a clip")
    if n_bad := int((~np.isfinite(features)).any(axis=1).sum()):
        raise DataError(f"{n_bad} clips have features that are not finite")
    if (n_folds := len(np.unique(folds))) < fewest:
        raise DataError(f"{n_folds} folds", expected=f"at least {fewest}, as two are needed to choose C")
