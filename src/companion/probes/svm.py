"""LIBLINEAR's linear SVM, one-vs-rest, solved exactly at many values of C.

For each class, with s = +1 for its clips and −1 for all others, the model minimises

    ½‖w‖² + ½b² + C Σ max(0, 1 − s (w·x + b))²

which is LIBLINEAR with the squared hinge and a bias (solver types 1 and 2, ``sklearn.svm.LinearSVC``). The
minimum is unique, so any solver that reaches it gives the same classifier. LIBLINEAR's own two stop at a
tolerance, and on features that are nearly constant beside their mean (sigmoid scores, ReLU outputs) they
stop at the default one long before they have learned anything: ``benchmarks/probes.py`` shows it. This
module uses the finite Newton method instead: the objective is piecewise quadratic, a step solves one piece
exactly, and when the set of clips inside the margin no longer changes the minimum is reached, to rounding
and without a tolerance to choose. Written in inner products of clips, a step costs the same whatever the
number of features, and each C starts from the solution of the one before.

Source: Fan et al. 2008, "LIBLINEAR", JMLR 9 (the model); Keerthi and DeCoste 2005, JMLR 6 (the method);
Chapelle 2007, Neural Computation 19 (the form in inner products).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs
from scipy.optimize import brentq

from companion.errors import ParameterError

Array = NDArray[np.float64]
MAX_STEPS = 100  # three to six are usual


@dataclass(frozen=True)
class Products:
    """Inner products of clips with the training clips, the training mean's direction apart.

    That direction is common to all clips and may outweigh what distinguishes them by 10⁸; kept in one sum, it
    would take their digits.

    Args:
        common: Component of every clip along the direction of the training mean. Shape: ``(M,)``.
        rest: Inner products of what remains. Shape: ``(M, N)``.
    """

    common: Array
    rest: Array


def products(training: Array, *others: Array) -> tuple[Products, ...]:
    """Inner products of the training clips, and of others, with the training clips.

    A constant 1 is appended to every clip: its weight is the bias, penalised as LIBLINEAR penalises it.

    Shape: ``(N, D)`` and ``(M, D)`` → ``(N, N)`` and ``(M, N)``.
    """
    extended = [np.column_stack((clips, np.ones(len(clips)))) for clips in (training, *others)]
    mean = extended[0].mean(axis=0)
    direction = mean / np.linalg.norm(mean)
    common = [clips @ direction for clips in extended]
    rest = [clips - np.outer(along, direction) for clips, along in zip(extended, common, strict=True)]
    return tuple(Products(along, clips @ rest[0].T) for along, clips in zip(common, rest, strict=True))


@dataclass(frozen=True)
class Solution:
    """The minimum at one C, for one class or for K of them.

    Args:
        coefficients: Weight of every training clip. Shape: ``(N, K)`` or ``(N,)``.
        common: Weight along the direction of the training mean. Shape: ``(K,)`` or a number.
        rest: What the coefficients add to the decision values of the training clips. Shape: as they are.
        converged: The minimum was reached. Shape: as ``common``, or one answer for all.
    """

    coefficients: Array
    common: Any
    rest: Array
    converged: Any

    def of(self, k: int) -> "Solution":
        """The machine of one class."""
        return Solution(self.coefficients[:, k], self.common[k], self.rest[:, k], self.converged)

    def decide(self, clips: Products) -> Array:
        """Decision values. Shape: M clips → ``(M, K)``."""
        return clips.rest @ self.coefficients + np.outer(clips.common, self.common)

    def slack_share(self, gram: Products, signs: Array, c: float) -> float:
        """The slack's share of the objective, largest over the classes.

        It is 1 where nothing is fitted, and 0 at the hard margin, where a larger C changes nothing any more.
        """
        decisions = self.rest + np.outer(gram.common, self.common)
        slack = c * (np.maximum(0.0, 1.0 - signs * decisions) ** 2).sum(axis=0)
        norm = 0.5 * ((self.coefficients * self.rest).sum(axis=0) + self.common**2)
        return float((slack / (slack + norm)).max())


def fit(gram: Products, signs: Array, c: float, start: Solution | None = None) -> Solution:
    """Train one machine per class.

    Args:
        gram: Inner products of the training clips, from `products`.
        signs: +1 where the clip is of the class, −1 elsewhere. Shape: ``(N, K)``.
        c: The cost of slack, above 0.
        start: A solution at another C, to start from.

    Returns:
        Solution: The minimum.
    """
    pieces = _Pieces(gram, 0.5 / c)
    now = start or Solution(np.zeros_like(signs), np.zeros(signs.shape[1]), np.zeros_like(signs), False)
    decisions = now.rest + np.outer(gram.common, now.common)
    machines: list[Solution | None] = [None] * signs.shape[1]
    if len(whole := np.flatnonzero((signs * decisions < 1.0).all(axis=0))):
        # At a small C every clip of every class is inside the margin, and one piece answers for all of them.
        target = pieces.minimum(signs[:, whole], np.ones(len(signs), dtype=bool))
        reached = target.rest + np.outer(gram.common, target.common)
        for place in np.flatnonzero((signs[:, whole] * reached < 1.0).all(axis=0)):
            machines[whole[place]] = target.of(int(place))
    solved = [machine or _minimise(pieces, signs[:, k], now.of(k)) for k, machine in enumerate(machines)]
    return Solution(
        np.column_stack([machine.coefficients for machine in solved]),
        np.array([machine.common for machine in solved]),
        np.column_stack([machine.rest for machine in solved]),
        np.array([machine.converged for machine in solved]),
    )


class _Pieces:
    """Minima of the quadratic pieces: ridge regression on the clips inside the margin."""

    def __init__(self, gram: Products, ridge: float) -> None:
        self.gram, self.ridge = gram, ridge
        self._whole: Array | None = None

    def minimum(self, sign: Array, inside: NDArray[np.bool_]) -> Solution:
        """Where the piece with these clips inside the margin is lowest, for one class or for several."""
        rows = np.flatnonzero(inside)
        coefficients, common = np.zeros_like(sign), np.zeros(sign.shape[1:])
        if len(rows):
            along = self.gram.common[rows]
            by_all = dpotrs(self._factor(rows), np.column_stack((sign[rows], along)))[0]
            by_sign, by_common = by_all[:, :-1].reshape(sign[rows].shape), by_all[:, -1]
            common = (along @ by_sign) / (1.0 + along @ by_common)  # Sherman and Morrison: a part of rank one
            coefficients[rows] = by_sign - np.multiply.outer(by_common, common)
        return Solution(coefficients, common, self.gram.rest @ coefficients, True)

    def _factor(self, rows: NDArray[np.intp]) -> Array:
        if len(rows) < len(self.gram.rest):
            return self._cholesky(self.gram.rest.take(rows, axis=0).take(rows, axis=1))
        if self._whole is None:  # where every class begins: one factor serves all
            self._whole = self._cholesky(self.gram.rest.copy())
        return self._whole

    def _cholesky(self, matrix: Array) -> Array:
        matrix.flat[:: len(matrix) + 1] += self.ridge
        factor, failed = dpotrf(matrix.T, clean=0, overwrite_a=1)  # the transpose is itself, in Fortran's order
        if failed:
            raise ParameterError(f"C = {0.5 / self.ridge:.3g} is too large for these features in double precision")
        return np.asarray(factor)


def _minimise(pieces: _Pieces, sign: Array, now: Solution) -> Solution:
    """Newton steps from piece to piece until a minimum lies in its own piece."""
    along = pieces.gram.common
    for _ in range(MAX_STEPS):
        decision = now.rest + now.common * along
        inside = sign * decision < 1.0
        target = pieces.minimum(sign, inside)
        reached = target.rest + target.common * along
        # A clip exactly on the margin may flip by rounding; then the step is nothing: that is the minimum too.
        if np.array_equal(sign * reached < 1.0, inside) or np.abs(reached - decision).max() < 1e-7:
            return target
        now = _step(now, target, sign, decision, reached - decision, pieces.ridge)
    return now


def _step(now: Solution, target: Solution, sign: Array, decision: Array, change: Array, ridge: float) -> Solution:
    """The lowest point on the way to a target: without stopping there the method could cycle."""
    turn, common = target.coefficients - now.coefficients, target.common - now.common
    rest = target.rest - now.rest
    linear = now.coefficients @ rest + now.common * common
    quadratic = turn @ rest + common**2

    def slope(t: float) -> float:
        slack = np.maximum(0.0, 1.0 - sign * (decision + t * change))
        return float(linear + t * quadratic - (slack * sign) @ change / ridge)

    t = brentq(slope, 0.0, 1.0) if slope(0.0) < 0.0 < slope(1.0) else 1.0
    return Solution(now.coefficients + t * turn, now.common + t * common, now.rest + t * rest, False)
