"""LIBLINEAR's linear SVM at its exact minimum where samples are many and features few: windows of clips, say.

The model is that of `companion.probes.svm`. There its minimum is sought in inner products of samples, which is
fastest while these are few; here in the weights, where a step costs the squared number of features for every sample
that crosses the margin. The objective is piecewise quadratic: Newton's method solves one piece after another, and an
exact search along each step makes it converge from anywhere.

Source: Keerthi and DeCoste 2005, "A modified finite Newton method for fast solution of large scale linear SVMs", JMLR
6.
"""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.lapack import dposv
from scipy.optimize import brentq
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from companion.errors import ParameterError
from companion.probes.svm import one_vs_rest

Array = NDArray[np.float64]

TOLERANCE = 1e-8
"""Length of the gradient at which a machine counts as at its minimum, as a share of that at zero."""

MOST_STEPS = 100


class PrimalSVM(ClassifierMixin, BaseEstimator):
    """`companion.probes.LinearSVM` for many samples: squared hinge, penalised bias, one machine a class.

    Args:
        C: The cost of slack, above 0.

    Attributes:
        classes_: Classes, sorted. Shape: ``(K,)``.
        coef_: Weights, one row a class. Shape: ``(K, D)``.
        intercept_: Biases. Shape: ``(K,)``.
        n_unconverged_: Machines that did not reach their minimum.
    """

    def __init__(self, C: float = 1.0) -> None:
        self.C = C

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train one machine a class.

        Args:
            X: Features. Shape: ``(N, D)``.
            y: Classes. Shape: ``(N,)``.

        Raises:
            ParameterError: C is not above 0.
            ValueError: As every estimator of scikit-learn: shapes disagree, values are not finite, one class alone.
        """
        features, labels = validate_data(self, X, y, dtype=np.float64)
        self.classes_, signs = one_vs_rest(labels)
        if not 0.0 < self.C < np.inf:
            raise ParameterError(f"C = {self.C}", expected="a number above 0")
        weights, self.n_unconverged_ = minimum(np.column_stack((features, np.ones(len(features)))), signs, self.C)
        self.coef_, self.intercept_ = weights[:, :-1], weights[:, -1]
        if self.n_unconverged_:
            warnings.warn(f"{self.n_unconverged_} machines not at their minimum", ConvergenceWarning, stacklevel=2)
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """How sure each machine is. Shape: ``(M, D)`` → ``(M, K)``."""
        check_is_fitted(self)
        found: Array = validate_data(self, X, reset=False, dtype=np.float64) @ self.coef_.T + self.intercept_
        return found

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The class whose machine is surest. Shape: ``(M, D)`` → ``(M,)``."""
        return np.asarray(self.classes_[self.decision_function(X).argmax(axis=1)])


def minimum(X: Array, signs: Array, C: float) -> tuple[Array, int]:
    """Weights of every machine, and how many machines did not reach their minimum.

    Args:
        X: Features, a constant for the bias among them. Shape: ``(N, D)``.
        signs: +1 where a sample is of the class, −1 elsewhere. Shape: ``(K, N)``.
        C: Cost of slack.

    Returns:
        Shape: ``(K, D)``, and a number.
    """
    gram = X.T @ X
    found = [_machine(X, gram, sign, C) for sign in signs]
    return np.array([weights for weights, _ in found]), sum(not reached for _, reached in found)


def _machine(X: Array, gram: Array, sign: Array, C: float) -> tuple[Array, bool]:
    """One machine's weights, from zero by Newton's steps; and whether they are at the minimum.

    ``gram`` are the products of features over all samples, which are all inside the margin at first. From one step to
    the next few samples cross it: their products are added and taken away.
    """
    weights, slack, first = np.zeros(X.shape[1]), np.ones(len(X)), 0.0
    inside, inner = np.ones(len(X), dtype=bool), gram.copy()
    for _ in range(MOST_STEPS):
        gradient = weights - 2 * C * (sign * np.maximum(0.0, slack)) @ X
        length = float(np.linalg.norm(gradient))
        first = first or length
        if length <= TOLERANCE * first:
            return weights, True
        came, went = X[(slack > 0.0) & ~inside], X[(slack <= 0.0) & inside]
        inner += came.T @ came - went.T @ went
        inside = slack > 0.0
        curved = 2 * C * inner
        curved.flat[:: len(curved) + 1] += 1.0
        change = -dposv(curved.T, gradient, overwrite_a=1)[1]  # it is positive definite: one was added
        along = -sign * (X @ change)  # by which the slack changes
        t = _lowest(float(weights @ change), float(change @ change), slack, along, C)
        weights, slack = weights + t * change, slack + t * along
    return weights, False


def _lowest(linear: float, quadratic: float, slack: Array, along: Array, C: float) -> float:
    """The share of a step at which the objective is lowest: all of it, unless its slope turns before."""

    def slope(t: float) -> float:
        return float(linear + t * quadratic + 2 * C * np.maximum(0.0, slack + t * along) @ along)

    return float(brentq(slope, 0.0, 1.0)) if slope(1.0) > 0.0 > slope(0.0) else 1.0
