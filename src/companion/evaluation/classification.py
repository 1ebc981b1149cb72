"""Measures of single-label classification: accuracy by fold and by class, and what is taken for what."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from companion.errors import DataError


@dataclass(frozen=True)
class ClassificationScores:
    """How well the estimated labels agree with the reference.

    Args:
        classes: Labels, in the order of the arrays below. Shape: ``(K,)``.
        folds: Names of the folds. Shape: ``(F,)``.
        fold_accuracy: Share of right labels in each fold. Shape: ``(F,)``.
        class_accuracy: Share of each class's clips that are labelled right; NaN for a class without clips.
            Shape: ``(K,)``.
        confusion: Number of clips, reference down and estimated across. Shape: ``(K, K)``.
    """

    classes: NDArray[Any]
    folds: NDArray[Any]
    fold_accuracy: NDArray[np.float64]
    class_accuracy: NDArray[np.float64]
    confusion: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Mean over the folds of the accuracy in each: the statistic of the papers' tables."""
        return float(self.fold_accuracy.mean())

    @property
    def n_clips(self) -> int:
        """Number of clips scored."""
        return int(self.confusion.sum())


def validate(reference: NDArray[Any], estimated: NDArray[Any], folds: NDArray[Any]) -> None:
    """Refuse label lists that do not belong together.

    Raises:
        DataError: Nothing to score, or the lengths differ.
    """
    if not len(reference) == len(estimated) == len(folds) or np.ndim(reference) != 1:
        raise DataError(
            f"{len(reference)} reference labels, {len(estimated)} estimated, {len(folds)} folds",
            expected="one of each for every clip",
        )
    if len(reference) == 0:
        raise DataError("no clips to score")


def accuracy(reference: NDArray[Any], estimated: NDArray[Any]) -> float:
    """Share of clips labelled right. Shape: ``(N,)`` and ``(N,)``."""
    return float(np.mean(np.asarray(reference) == np.asarray(estimated)))


def fold_accuracy(reference: NDArray[Any], estimated: NDArray[Any], folds: NDArray[Any]) -> NDArray[np.float64]:
    """Accuracy in each fold, folds ascending. Shape: three of ``(N,)`` → ``(F,)``."""
    return np.array([accuracy(reference[folds == f], estimated[folds == f]) for f in np.unique(folds)])


def class_accuracy(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each class's clips labelled right. Shape: ``(K, K)`` → ``(K,)``."""
    clips = confusion.sum(axis=1)
    return np.divide(confusion.diagonal(), clips, out=np.full(len(clips), np.nan), where=clips > 0)


def evaluate(
    reference: NDArray[Any],
    estimated: NDArray[Any],
    folds: NDArray[Any],
    classes: NDArray[Any] | None = None,
) -> ClassificationScores:
    """Score a cross-validated classification.

    Args:
        reference: True labels. Shape: ``(N,)``.
        estimated: Labels by the model that did not see the clip's fold. Shape: ``(N,)``.
        folds: Fold of every clip. Shape: ``(N,)``.
        classes: Order of the classes; all labels that occur, sorted, when not given. Shape: ``(K,)``.

    Returns:
        ClassificationScores: Accuracies and the confusion matrix.

    Raises:
        DataError: The lengths differ, nothing is to be scored, or a label is not among the classes.

    >>> scores = evaluate(np.array(["dog", "dog", "rain", "rain"]), np.array(["dog", "rain", "rain", "rain"]),
    ...                   np.array([1, 1, 1, 2]))
    >>> scores.fold_accuracy.round(2), round(scores.accuracy, 2)
    (array([0.67, 1.  ]), 0.83)
    """
    reference, estimated, folds = np.asarray(reference), np.asarray(estimated), np.asarray(folds)
    validate(reference, estimated, folds)
    labels = np.unique(np.concatenate((reference, estimated)))
    classes = labels if classes is None else np.asarray(classes)
    if unknown := sorted(map(str, set(labels) - set(classes))):
        known = ", ".join(map(str, classes))
        raise DataError(f"labels that are no class: {', '.join(unknown)}", expected=known)
    confusion = confusion_matrix(reference, estimated, labels=classes).astype(np.int64)
    return ClassificationScores(
        classes=classes,
        folds=np.unique(folds),
        fold_accuracy=fold_accuracy(reference, estimated, folds),
        class_accuracy=class_accuracy(confusion),
        confusion=confusion,
    )
