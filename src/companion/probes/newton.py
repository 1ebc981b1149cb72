"""The exact minimum of LIBLINEAR's linear SVM, at one C after another.

The objective (in `companion.probes.svm`) is piecewise quadratic: its form changes where a clip crosses the margin. The
finite Newton method solves one piece exactly after another, and when the set of clips inside the margin no longer
changes the minimum is reached, to rounding and without a tolerance to choose. Written in inner products of clips, a
step costs the same whatever the number of features.

Source: Keerthi and DeCoste 2005, JMLR 6 (the method); Chapelle 2007, Neural Computation 19 (in inner products).
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv
from scipy.optimize import brentq

from companion.errors import ParameterError

Array = NDArray[np.float64]
MAX_STEPS = 100  # three to six are usual


def minima(X: Array, signs: Array, Cs: Iterable[float]) -> Iterator[tuple[float, Array, Array, int]]:
    """The minimum at each C, found from where the one before is.

    Args:
        X: Features. Shape: ``(N, D)``.
        signs: +1 where the clip is of the class, −1 elsewhere. Shape: ``(K, N)``.
        Cs: Costs of slack, ascending.

    Yields:
        C; the weights of each machine, its bias last; how far each clip lies inside its margin, 0 outside; and how many
        machines did not reach their minimum. Shape: number, ``(K, D + 1)``, ``(K, N)``, number.

    Raises:
        ParameterError: C is too large for these features in double precision.
    """
    # The constant's weight is the bias, penalised as LIBLINEAR does. The direction of the mean is common to all clips,
    # and may outweigh what distinguishes them by 10⁸: in one sum of products with it, the rest would lose its digits.
    extended = np.column_stack((X, np.ones(len(X))))
    direction = extended.mean(axis=0) / np.linalg.norm(extended.mean(axis=0))
    common = extended @ direction
    rest = extended - np.outer(common, direction)
    gram = rest @ rest.T
    points = [_Point(np.zeros(len(X)), 0.0, np.ones(len(X)))] * len(signs)
    for C in Cs:
        pieces = _Pieces(gram, common, signs, C)
        found = [_minimise(pieces, k, point) for k, point in enumerate(points)]
        points = [point for point, _ in found]
        alpha, along, slack = (np.array(parts) for parts in zip(*points, strict=True))
        weights = alpha @ rest + np.outer(along, direction)
        yield C, weights, np.maximum(0.0, slack), sum(not reached for _, reached in found)


class _Point(NamedTuple):
    """A machine: each training clip's weight, the weight along the common direction, each clip's 1 − s (w·x + b)."""

    alpha: Array
    along: Any
    slack: Array


class _Pieces:
    """Minima of the quadratic pieces at one C: ridge regression on the clips inside the margin."""

    def __init__(self, gram: Array, common: Array, signs: Array, C: float) -> None:
        self.gram, self.common, self.signs, self.C, self.ridge = gram, common, signs, C, 0.5 / C
        self.well_conditioned = gram.trace() < 1e6 * self.ridge

    def minimum(self, k: int, inside: NDArray[np.bool_]) -> _Point:
        """Where the piece of class k with these clips inside the margin is lowest."""
        sign, (rows,), (outside,) = self.signs[k], inside.nonzero(), (~inside).nonzero()
        both = np.zeros((2, len(sign)))  # (gram + ridge)⁻¹ on the clips inside, of their signs and of the direction
        if len(rows) > len(outside) and (self.well_conditioned or not len(outside)):
            both = self._of_all[[k, -1]]
            if len(outside):  # they are taken out of the solution for all clips, which serves every class
                columns = self._inverse.take(outside, axis=0)
                both -= self._solve(columns.take(outside, axis=1), both[:, outside]) @ columns
        elif len(rows):
            both[:, rows] = self._solve(self._ridged(rows), np.array((sign[rows], self.common[rows])))
        along = self.common @ both[0] / (1.0 + self.common @ both[1])  # Sherman and Morrison: of rank one
        alpha = both[0] - along * both[1]
        slack = 1.0 - sign * (self.gram @ alpha + along * self.common)
        slack[rows] = self.ridge * (sign * alpha)[rows]  # the same, but no digits are lost at a large C
        return _Point(alpha, along, slack)

    @cached_property
    def _of_all(self) -> Array:
        return self._solve(self._ridged(np.arange(len(self.gram))), np.vstack((self.signs, self.common)))

    @cached_property
    def _inverse(self) -> Array:
        return self._solve(self._ridged(np.arange(len(self.gram))), np.eye(len(self.gram)))

    def _ridged(self, rows: NDArray[np.intp]) -> Array:
        gram = self.gram.take(rows, axis=0).take(rows, axis=1)
        gram.flat[:: len(rows) + 1] += self.ridge
        return gram

    def _solve(self, matrix: Array, targets: Array) -> Array:
        _, solved, failed = dposv(matrix.T, targets.T, overwrite_a=1)  # transposed: in Fortran's order
        if failed:
            raise ParameterError(f"C = {self.C:.3g} is too large for these features in double precision")
        return np.asarray(solved.T)


def _minimise(pieces: _Pieces, k: int, now: _Point) -> tuple[_Point, bool]:
    """Newton steps from piece to piece until a minimum lies in its own piece; and whether one does."""
    for _ in range(MAX_STEPS):
        inside = now.slack > 0.0
        target = pieces.minimum(k, inside)
        # A clip exactly on the margin may flip by rounding; then the step is nothing: that is the minimum too.
        if ((target.slack > 0.0) == inside).all() or np.abs(target.slack - now.slack).max() < 1e-7:
            return target, True
        t = _lowest(now, target, pieces.signs[k], pieces.C)
        now = _Point(*(here + t * (there - here) for here, there in zip(now, target, strict=True)))
    return now, False


def _lowest(now: _Point, target: _Point, sign: Array, C: float) -> float:
    """The share of the way to the target where the objective is lowest: going all the way the method could cycle."""
    change = target.slack - now.slack
    linear, quadratic = -(sign * now.alpha) @ change, -(sign * (target.alpha - now.alpha)) @ change

    def slope(t: float) -> float:
        return float(linear + t * quadratic + 2.0 * C * np.maximum(0.0, now.slack + t * change) @ change)

    return float(brentq(slope, 0.0, 1.0)) if slope(1.0) > 0.0 > slope(0.0) else 1.0
