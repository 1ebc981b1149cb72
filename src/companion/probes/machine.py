"""One training set: its machines, and the clips they are applied to."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from companion.errors import DataError
from companion.probes import svm

Array = NDArray[np.float64]

HARD_MARGIN = 1e-3  # slack's share of the objective below which a larger C leaves the classifier as it is
PRECISION = 1e10  # largest ratio of features to penalty in one sum: a double keeps six digits of the penalty


class Machine:
    """Inner products and signs of a training set, and the inner products of the clips it is applied to.

    Args:
        seen: Features of the training clips. Shape: ``(N, D)``.
        labels: Their classes. Shape: ``(N,)``.
        new: Features of the clips it is applied to. Shape: ``(M, D)``.
        standardised: Remove the mean and divide by the standard deviation, both of the training clips.
    """

    def __init__(self, seen: Array, labels: NDArray[Any], new: Array, *, standardised: bool) -> None:
        self.classes, index = np.unique(labels, return_inverse=True)
        if len(self.classes) < 2:
            raise DataError(f"{len(labels)} training clips of {len(self.classes)} classes", expected="at least two")
        self.signs = np.where(index[:, None] == np.arange(len(self.classes)), 1.0, -1.0)
        if standardised:
            scaler = StandardScaler().fit(seen)
            seen, new = scaler.transform(seen), scaler.transform(new)
        self.gram, self._applied = svm.products(seen, new)

    def predict(self, solution: svm.Solution) -> NDArray[Any]:
        """Labels of the clips it is applied to: the class whose machine is surest. Shape: ``(M,)``."""
        return self.classes[solution.decide(self._applied).argmax(axis=1)]

    def fit(self, c: float, start: svm.Solution | None = None) -> svm.Solution:
        """Train the machines at one C."""
        return svm.fit(self.gram, self.signs, c, start)

    def path(self, per_decade: int) -> Iterator[tuple[int, svm.Solution]]:
        """Solutions at ascending C = 10^(step / per_decade), over all that C can do."""
        spread = self.gram.rest.diagonal()
        length = spread + self.gram.common**2
        # With C at 1 / (2 N max‖x‖²) no clip can reach the margin (Chu et al. 2015, KDD); a tenth of it is the limit
        # in all but name.
        lowest = np.log10(0.05 / (len(length) * length.max()))
        highest = np.log10(0.5 * PRECISION / max(spread.sum(), length.sum() / PRECISION))
        solution: svm.Solution | None = None
        for step in range(int(np.floor(lowest * per_decade)), int(np.floor(highest * per_decade)) + 1):
            c = 10.0 ** (step / per_decade)
            solution = self.fit(c, solution)
            yield step, solution
            if solution.slack_share(self.gram, self.signs, c) < HARD_MARGIN:
                return
