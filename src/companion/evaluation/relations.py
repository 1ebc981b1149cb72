"""Which classes lie beside which in a representation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances

from companion.errors import DataError, ParameterError


@dataclass(frozen=True)
class ClassNeighbours:
    """Every other class, ordered by the distance of its centroid.

    Args:
        classes: Labels, in the order of the arrays below. Shape: ``(K,)``.
        distances: Between centroids. Shape: ``(K, K)``.
        order: Indices of the other classes, nearest first. Shape: ``(K, K − 1)``.
    """

    classes: NDArray[Any]
    distances: NDArray[np.float64]
    order: NDArray[np.intp]

    def nearest(self, label: Any, k: int = 5) -> list[Any]:
        """The k classes nearest to one, nearest first."""
        return [self.classes[other] for other in self.order[self._index(label)][:k]]

    def rank(self, label: Any, other: Any) -> int:
        """Place of another class among the neighbours of one: 1 for the nearest, K − 1 for the farthest."""
        row = self.order[self._index(label)]
        return int(np.flatnonzero(row == self._index(other))[0]) + 1

    def _index(self, label: Any) -> int:
        found = np.flatnonzero(self.classes == label)
        if not len(found):
            raise ParameterError(f"no class {label!r}", expected=", ".join(map(str, self.classes)))
        return int(found[0])


def class_centroid_neighbours(
    representations: NDArray[Any], labels: NDArray[Any], metric: str = "cosine"
) -> ClassNeighbours:
    """Order the classes around each class by the distance of their centroids, in the full space.

    A t-SNE picture keeps neighbours of clips but not distances between groups, so a claim such as "vacuum
    cleaner lies near chainsaw, engine and hand saw" is checked here and not read off the picture. Centroids
    are taken after the mean of all clips is removed: what all classes share says nothing about which two
    are alike.

    Args:
        representations: One row a clip. Shape: ``(N, D)``.
        labels: Class of every clip. Shape: ``(N,)``.
        metric: ``"cosine"`` or ``"euclidean"``.

    Returns:
        ClassNeighbours: Distances and their order.

    Raises:
        DataError: Lengths differ, or there are fewer than two classes.
        ParameterError: The metric is unknown.

    Source: Kumar et al. 2018, section 4.4.
    """
    representations, labels = np.asarray(representations, dtype=np.float64), np.asarray(labels)
    if metric not in ("cosine", "euclidean"):
        raise ParameterError(f"unknown metric {metric!r}", expected="'cosine' or 'euclidean'")
    if representations.ndim != 2 or len(representations) != len(labels):
        raise DataError(
            f"representations of shape {representations.shape}, {len(labels)} labels",
            expected="(clips, dimensions) and one label a clip",
        )
    classes = np.unique(labels)
    if len(classes) < 2:
        raise DataError(f"{len(classes)} class has no neighbour", expected="two classes or more")
    centred = representations - representations.mean(axis=0)
    centroids = np.stack([centred[labels == label].mean(axis=0) for label in classes])
    distances = pairwise_distances(centroids, metric=metric)
    away = distances + np.diag(np.full(len(classes), np.inf))  # a class is no neighbour of its own
    return ClassNeighbours(classes, distances, np.argsort(away, axis=1, kind="stable")[:, :-1])
