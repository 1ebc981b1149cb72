"""Measures of weak-label tagging: average precision and area under the ROC curve."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score


@dataclass(frozen=True)
class TaggingScores:
    """Scores per class; NaN where a class never occurs."""

    average_precision: NDArray[np.float64]
    auc: NDArray[np.float64]

    @property
    def mean_average_precision(self) -> float:
        """MAP over the classes that occur."""
        return float(np.nanmean(self.average_precision))

    @property
    def mean_auc(self) -> float:
        """MAUC over the classes that occur."""
        return float(np.nanmean(self.auc))


def evaluate(reference: NDArray[Any], estimated: NDArray[Any]) -> TaggingScores:
    """Score every class. Shape: ``(N, C)`` and ``(N, C)``."""
    ap, auc = np.full(reference.shape[1], np.nan), np.full(reference.shape[1], np.nan)
    for index, (truth, score) in enumerate(zip(reference.T, estimated.T, strict=True)):
        if 0 < truth.sum() < len(truth):
            ap[index], auc[index] = average_precision_score(truth, score), roc_auc_score(truth, score)
    return TaggingScores(ap, auc)
