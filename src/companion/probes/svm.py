"""LIBLINEAR's linear SVM, one-vs-rest, at its exact minimum: an estimator, and one that chooses its C.

For each class, with s = +1 for its clips and −1 for all others, the model minimises

    ½‖w‖² + ½b² + C Σ max(0, 1 − s (w·x + b))²

which is LIBLINEAR with the squared hinge and a bias (solver types 1 and 2, ``sklearn.svm.LinearSVC``). The minimum is
unique, so any solver that reaches it gives the same classifier. LIBLINEAR's own two stop at a tolerance: on features
that are nearly constant beside their mean, such as sigmoid scores, long before they have learned anything. Nor does
``GridSearchCV`` do for the choice of C: it starts every machine anew, and on features made from ESC-50 it took 4 to 12
times as long on a wide grid, 3.5 to 5 times on the same values, for the same C. ``benchmarks/probes.py`` shows both.

Source: Fan et al. 2008, "LIBLINEAR", JMLR 9.
"""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import check_cv
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from companion.errors import ParameterError
from companion.probes.newton import minima

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

RUNG = 1e4  # factor between values of C on the way to a large one: straight from nothing it may not be reached
HARD_MARGIN = 1e-3  # slack's share of the objective below which a larger C leaves the classifier as it is
PRECISION = 1e10  # largest ratio of features to penalty in one sum: a double keeps six digits of the penalty
TIE = 1e-9  # accuracies are fractions of clips: closer than this they are one fraction, summed differently


class LinearSVM(ClassifierMixin, BaseEstimator):
    """Linear SVM with the squared hinge and a penalised bias: ``sklearn.svm.LinearSVC`` at its exact minimum.

    Args:
        C: The cost of slack, above 0.

    Attributes:
        classes_: Classes, sorted. Shape: ``(K,)``.
        coef_: Weights, one row a class; of two classes only the second has one. Shape: ``(K, D)`` or ``(1, D)``.
        intercept_: Biases. Shape: ``(K,)`` or ``(1,)``.
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
            ParameterError: C is not above 0, or too large for these features in double precision.
            ValueError: As every estimator of scikit-learn: shapes disagree, values are not finite, one class alone.
        """
        features, labels = validate_data(self, X, y, dtype=np.float64)
        self.classes_, signs = one_vs_rest(labels)
        if not 0.0 < self.C < np.inf:
            raise ParameterError(f"C = {self.C}", expected="a number above 0")
        signs = signs[len(self.classes_) == 2 :]  # of two classes, one machine is the other's mirror image
        n_rungs = max(0, int(np.log(self.C / c_limits(features)[0]) / np.log(RUNG)))
        *_, (_, weights, _, self.n_unconverged_) = minima(features, signs, self.C / RUNG ** np.arange(n_rungs, -1, -1))
        self.coef_, self.intercept_ = weights[:, :-1], weights[:, -1]
        if self.n_unconverged_:
            warnings.warn(f"{self.n_unconverged_} machines not at their minimum", ConvergenceWarning, stacklevel=2)
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """How sure each machine is. Shape: ``(M, D)`` → ``(M, K)``, or ``(M,)`` for the second of two classes."""
        check_is_fitted(self)
        scores = validate_data(self, X, reset=False, dtype=np.float64) @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The class whose machine is surest. Shape: ``(M, D)`` → ``(M,)``."""
        scores = self.decision_function(X)
        return self.classes_[scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0.0).astype(int)]


class LinearSVMCV(ClassifierMixin, BaseEstimator):
    """`LinearSVM` with the C of the best cross-validated accuracy, the smallest of equals.

    The machines of one C start from those of the C before. The grid is not guessed: it begins where every clip lies
    inside the margin, so that a smaller C only shrinks the same classifier, and ends at the hard margin, where a larger
    one changes nothing, or when patience is out. Unscaled outputs of a network may need a C of 10⁷.

    Args:
        cv: Splits as ``GridSearchCV`` takes them: a splitter, a number of folds, or pairs of training and test indices.
        standardised: Scale features to zero mean and unit variance, by whatever is trained on.
        per_decade: Values of C in a factor of ten.
        patience: Factors of ten without a better accuracy after which a larger C is not tried; counted from where the
            first clip reaches its margin.

    Attributes:
        classes_: Classes, sorted. Shape: ``(K,)``.
        Cs_: Values of C that were tried, ascending. Shape: ``(G,)``.
        scores_: Accuracy of every split at each of them. Shape: ``(n_splits, G)``.
        C_, best_score_: The chosen C, and its mean accuracy over the splits.
        at_edge_: The chosen C is the first or last that was tried, and better than the one beside it.
        best_estimator_: Scaler and `LinearSVM`, trained with that C on everything.
        n_unconverged_: Machines (one class at one C) that did not reach their minimum.
    """

    def __init__(
        self, cv: Any = None, *, standardised: bool = False, per_decade: int = 2, patience: float = np.inf
    ) -> None:
        self.cv = cv
        self.standardised = standardised
        self.per_decade = per_decade
        self.patience = patience

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose C, and train with it. Arguments and errors are those of `LinearSVM.fit`."""
        features, labels = validate_data(self, X, y, dtype=np.float64)
        self.classes_, _ = one_vs_rest(labels)
        splits = list(check_cv(self.cv, labels, classifier=True).split(features, labels))
        limits = np.array([c_limits(self._scaler().fit_transform(features[train])) for train, _ in splits])
        steps = np.floor(self.per_decade * np.log10([limits[:, 0].min(), limits[:, 1].max()]))
        grid = 10.0 ** (np.arange(steps[0], steps[1] + 1) / self.per_decade)
        found = [self._curve(features, labels, train, test, grid) for train, test in splits]
        curves, n_unconverged = zip(*found, strict=True)
        longest = max(map(len, curves))
        self.Cs_ = grid[:longest]
        self.scores_ = np.array([np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves])
        mean = self.scores_.mean(axis=0)
        best = int(np.argmax(mean >= mean.max() - TIE))
        neighbour = {0: 1, longest - 1: longest - 2}.get(best)
        self.at_edge_ = neighbour is not None and bool(mean[best] > mean[neighbour] + TIE)
        self.C_, self.best_score_ = float(grid[best]), float(mean[best])
        self.best_estimator_ = make_pipeline(self._scaler(), LinearSVM(self.C_)).fit(features, labels)
        self.n_unconverged_ = sum(n_unconverged) + self.best_estimator_[-1].n_unconverged_
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """As `LinearSVM.predict`."""
        check_is_fitted(self)
        return np.asarray(self.best_estimator_.predict(validate_data(self, X, reset=False, dtype=np.float64)))

    def _scaler(self) -> StandardScaler:
        return StandardScaler(with_mean=self.standardised, with_std=self.standardised)

    def _curve(
        self, features: Array, labels: NDArray[Any], train: Indices, test: Indices, grid: Array
    ) -> tuple[list[float], int]:
        """Accuracy on one split at each C, as far as it is worth while; and how many machines did not converge."""
        scaler = self._scaler().fit(features[train])
        classes, signs = one_vs_rest(labels[train])
        new = np.column_stack((scaler.transform(features[test]), np.ones(len(test))))
        curve: list[float] = []
        n_waiting = n_unconverged = 0
        for C, weights, slack, n_failed in minima(scaler.transform(features[train]), signs, grid):
            curve.append(float((classes[(new @ weights.T).argmax(axis=1)] == labels[test]).mean()))
            n_unconverged += n_failed
            # While every clip is inside the margin of every class nothing but the common direction may have been
            # fitted: nearly constant features stay at chance for decades. Patience begins when that is over.
            n_waiting += bool((slack > 0.0).all())
            since_best = len(curve) - 1 - max(int(np.argmax(curve)), n_waiting)
            cost, norm = C * (slack**2).sum(axis=1), 0.5 * (weights**2).sum(axis=1)
            if since_best >= self.patience * self.per_decade or (cost < HARD_MARGIN * (cost + norm)).all():
                break
        return curve, n_unconverged


def one_vs_rest(y: NDArray[Any]) -> tuple[NDArray[Any], Array]:
    """Classes, sorted, and for each +1 where a clip is of it and −1 elsewhere. Shape: ``(N,)`` → ``(K,), (K, N)``."""
    check_classification_targets(y)
    classes, index = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"{len(y)} training clips of one class; at least two classes are needed")
    return classes, np.where(np.arange(len(classes))[:, None] == index, 1.0, -1.0)


def c_limits(features: Array) -> tuple[float, float]:
    """The smallest C worth trying, and the largest that double precision can be trusted with.

    With C at 1 / (2 N max‖x‖²) no clip can reach the margin (Chu et al. 2015, KDD); a tenth of it is the limit in all
    but name.
    """
    length, spread = (features**2).sum(axis=1) + 1.0, ((features - features.mean(axis=0)) ** 2).sum()
    return 0.05 / (len(length) * length.max()), 0.5 * PRECISION / max(spread, length.sum() / PRECISION)
