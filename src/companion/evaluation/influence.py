"""How much every clip moves a statistic: all that an interval needs to know.

A statistic of many clips is close to a sum of what each clip adds. For a mean this is exact; for other statistics the
clip's weight is halved and the statistic looked at again. Statistics that move by steps (a list of the first five, a
rank) do not have such sums: see :mod:`companion.evaluation.intervals` for what is done with them.

Source: Hampel 1974, "The influence curve and its role in robust estimation", JASA 69; Efron 1982, "The Jackknife, the
Bootstrap and Other Resampling Plans", SIAM.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError
from companion.evaluation import tagging
from companion.evaluation.units import Units

Array = NDArray[np.float64]
LEFT = 0.5  # of a clip's weight; whole clips would leave classes without positives, and centre twice
BLOCK = 256  # sets of weights at a time: bounds memory


@dataclass(frozen=True)
class Linearised:
    """A statistic of each seed, and how much every clip adds to its error.

    Args:
        by_seed: The statistic. Shape: ``(S,)``.
        influence: What each clip adds, with mean zero. Shape: ``(S, N)``.
        units: Which clips share something.
        degrees: Degrees of freedom of the variance over clips; None for what the influence itself says.
    """

    by_seed: Array
    influence: Array
    units: Units
    degrees: float | None = None

    def __sub__(self, other: "Linearised") -> "Linearised":
        """The difference on the same clips, seed by seed."""
        return self.scaled(1.0) + other.scaled(-1.0)

    def __add__(self, other: "Linearised") -> "Linearised":
        """The sum on the same clips, seed by seed; one seed is paired with every seed of the other."""
        seeds = {len(self.by_seed), len(other.by_seed)} - {1}
        if self.units is not other.units or len(seeds) > 1:
            raise DataError(
                f"statistics of {len(self.by_seed)} and {len(other.by_seed)} seeds are not paired",
                expected="as many seeds, or one, and the same `Units`",
            )
        degrees = None if self.degrees is None or other.degrees is None else min(self.degrees, other.degrees)
        influence = self.influence + other.influence
        return Linearised(self.by_seed + other.by_seed, influence, self.units, degrees)

    def scaled(self, factor: float) -> "Linearised":
        """The statistic times a number."""
        return replace(self, by_seed=factor * self.by_seed, influence=factor * self.influence)

    def first(self, count: int) -> "Linearised":
        """That of the first seeds, for what was repeated with these alone."""
        return replace(self, by_seed=self.by_seed[:count], influence=self.influence[:count])

    def through(self, function: Callable[[Array], Array], step: float = 1e-5) -> "Linearised":
        """A smooth function of the statistic, such as d′ of a mean AUC."""
        slope = (function(self.by_seed + step) - function(self.by_seed - step)) / (2 * step)
        return replace(self, by_seed=function(self.by_seed), influence=self.influence * slope[:, None])


def mean_score(
    scores: ArrayLike, units: Units, *, folds: ArrayLike | None = None, strata: ArrayLike | None = None
) -> Linearised:
    """The mean over folds of the mean score in each.

    Folds say how clips are weighted, not what is fixed: recordings were dealt to them. Strata are fixed: classes that
    are as many in any such test set. What sets them apart is not counted as chance.

    Args:
        scores: Of each seed and clip, or differences of two systems on the same clips. Shape: ``(S, N)`` or ``(N,)``.
        units: Which clips share something.
        folds: Fold of every clip; None for one fold. Shape: ``(N,)``.
        strata: Class of every clip; None for one class. Where a class has fewer than two independent clips, so that
            nothing can be learned from within it, all classes count as one. Shape: ``(N,)``.

    Raises:
        DataError: The arrays do not belong together.
    """
    scores = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    n_clips = units.n_clips
    folds, strata = (np.zeros(n_clips) if names is None else np.asarray(names) for names in (folds, strata))
    if scores.ndim != 2 or not scores.shape[1] == len(folds) == len(strata) == n_clips:
        raise DataError(
            f"scores of shape {scores.shape}, {len(folds)} folds, {len(strata)} strata, units of {n_clips} clips",
            expected="scores (seeds, clips), and a fold and a stratum for every clip",
        )
    _, fold, sizes = np.unique(folds, return_inverse=True, return_counts=True)
    weights = 1 / (len(sizes) * sizes[fold])
    shares = weights * (np.unique(strata)[:, None] == strata)
    if len(shares) > 1 and units.effective(shares).min() < 2:
        shares = weights[None]
    groups = np.maximum(units.effective(shares), 1 + 1e-9)
    influence = np.zeros(scores.shape)
    for share, independent in zip(shares, groups, strict=True):
        own = share > 0
        left = scores[:, own] - scores[:, own].mean(1, keepdims=True)
        influence[:, own] = share[own] * left * (1 - 1 / independent) ** -0.5
    squares = (shares**2).sum(1)
    degrees = units.freedom * units.effective(weights) * (squares * (1 - 1 / groups)).sum() / squares.sum()
    return Linearised(scores @ weights, influence, units, float(degrees))


def weighted(statistic: Callable[[Array], ArrayLike], units: Units) -> Linearised:
    """Any smooth statistic of weighted clips, with the half-weight jackknife.

    Clips with the same recordings are halved together. Halving, not leaving out, makes the variance right to first
    order where the statistic is centred on itself: of a mean of n clips, a clip then adds 1 / (1 − 1/2n) of its
    influence, whose square is close to the n / (n − 1) that centring takes away.

    Args:
        statistic: Given weights of the clips, shape ``(R, N)``, returns the statistic of each row and seed, shape
            ``(R, S)``. It must not change when all weights change by one factor.
        units: Which clips share something.
    """
    _, numbers, sizes = np.unique(units.blocks, return_inverse=True, return_counts=True)
    by_seed = np.asarray(statistic(np.ones((1, units.n_clips))), dtype=np.float64)[0]
    moved = np.empty((len(sizes), len(by_seed)))
    for start in range(0, len(sizes), BLOCK):
        part = np.arange(start, min(start + BLOCK, len(sizes)))
        weights = 1 - (1 - LEFT) * (part[:, None] == numbers)
        moved[part] = (by_seed - np.asarray(statistic(weights))) / (1 - LEFT)
    return Linearised(by_seed, (moved / sizes[:, None])[numbers].T, units)


class TaggingInfluence:
    """AP and AUC of every class and seed, with the influence of every clip on each.

    Args:
        reference: 1 where the class occurs in the clip. Shape: ``(N, C)``.
        estimated: Scores of each seed, larger for likelier. Shape: ``(S, N, C)``.
        units: Which clips share something.

    Attributes:
        values: By measure, ``"AP"`` and ``"AUC"``; NaN for a class without positives or negatives. Shape: ``(S, C)``.

    Raises:
        DataError: The arrays cannot be scored.
    """

    def __init__(self, reference: ArrayLike, estimated: Sequence[ArrayLike], units: Units) -> None:
        found = [tagging.influence(reference, scores) for scores in estimated]
        # A class's score is centred on its own few recordings, which takes away a part of its variance.
        independent = np.maximum(units.effective(np.asarray(reference).T), 2.0)
        widened = (1 - 1 / independent) ** -0.5
        self.units = units
        self.values: dict[str, Array] = {
            "AP": np.stack([scores.average_precision for scores, _, _ in found]),
            "AUC": np.stack([scores.auc for scores, _, _ in found]),
        }
        self._influence: dict[str, Array] = {
            "AP": np.stack([ap * widened for _, ap, _ in found]),
            "AUC": np.stack([auc * widened for _, _, auc in found]),
        }

    def mean(self, measure: str, classes: Sequence[int] | NDArray[np.intp] | None = None) -> Linearised:
        """The mean over some classes, or all, of those that have a score."""
        chosen = np.arange(self.values[measure].shape[1]) if classes is None else np.asarray(classes)
        chosen = chosen[np.isfinite(self.values[measure][:, chosen]).all(0)]
        if not len(chosen):
            raise DataError("no class has a score", expected="a class with positive and negative clips")
        influence = self._influence[measure][..., chosen].mean(-1)
        return Linearised(self.values[measure][:, chosen].mean(1), influence, self.units)
