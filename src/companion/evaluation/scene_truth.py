"""Scores of relation between scenes and events against a known truth, and what chance or habit would reach.

The truth is a table of scenes by units: the written probability that an event is heard in a scene, 0 where the
scene's recipe does not hold it. Units that no recipe holds stay in the table with zeros, because a network that
names them is wrong; events that are no unit of the network cannot be named and are left out.

Arrays may have leading dimensions before ``(S, C)``, one for every resample of a bootstrap. Ties between units are
never broken by their order: the score is its mean over all orders of the tied.

Source of the ties: McSherry and Najork 2008, "Computing information retrieval performance measures efficiently in
the presence of tied scores", ECIR.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from companion.errors import DataError, ParameterError

Array = NDArray[np.float64]
ROUNDING = 1e-12


def precision_at(scores: ArrayLike, truth: ArrayLike, k: int = 5) -> Array:
    """Share of the k highest-scored units of each scene that its recipe holds.

    A scene whose recipe holds fewer than k events cannot reach 1.

    Args:
        scores: Of scenes and units. Shape: ``(…, S, C)``.
        truth: Probability that the event is heard. Shape: ``(S, C)``.
        k: Length of the list.

    Returns:
        Shape: ``(…, S)``.

    Raises:
        DataError: The arrays cannot be scored.
        ParameterError: k is not from 1 to C.

    >>> precision_at([[9, 5, 5, 0]], [[0.8, 0.1, 0, 0]], k=2).tolist()  # the tie is half in the list
    [0.75]
    """
    scores, truth = _checked(scores, truth)
    if not 1 <= k <= truth.shape[1]:
        raise ParameterError(f"k={k} of {truth.shape[1]} units", expected="from 1 to the number of units")
    return (_inclusion(scores, np.full(len(truth), k)) * (truth > 0)).sum(-1) / k


def rank_correlation(scores: ArrayLike, truth: ArrayLike) -> Array:
    """Spearman's rank correlation of scores and written probabilities across the units, for each scene.

    A scene whose units all score the same has 0, as that orders nothing.

    Args, raises: as for `precision_at`.

    Returns:
        NaN for a scene whose truth is the same for all units. Shape: ``(…, S)``.
    """
    scores, truth = _checked(scores, truth)
    # a perfect one is rounded to a little more than 1, which no interval takes
    correlations = np.clip((_standard_ranks(scores) * _standard_ranks(truth)).sum(-1), -1.0, 1.0)
    return np.where(_varied(truth), correlations, np.nan)


def globally_active(counts: ArrayLike) -> Array:
    """The same scores in every scene: how often each unit counts over all scenes together.

    A list that says nothing about a scene still holds some of its events, if they are common ones.

    Args:
        counts: Of scenes and units. Shape: ``(…, S, C)``.

    Returns:
        Shape: ``(…, S, C)``.
    """
    counts = np.asarray(counts, dtype=np.float64)
    return np.broadcast_to(counts.sum(-2, keepdims=True), counts.shape).copy()


@dataclass(frozen=True)
class PermutationBaseline:
    """What means over the scenes become when names are permuted.

    Args:
        observed: Mean precision at k and mean rank correlation of the names as they are.
        precision: Mean precision at k with permuted names. Shape: ``(n,)``.
        correlation: Mean rank correlation with permuted names. Shape: ``(n,)``.
    """

    observed: tuple[float, float]
    precision: Array
    correlation: Array

    @property
    def p_values(self) -> tuple[float, float]:
        """Share of permutations that reach each observed mean, the names as they are counted as one of them."""
        precision, correlation = (
            float((1 + (permuted >= value - ROUNDING).sum()) / (1 + len(permuted)))
            for value, permuted in zip(self.observed, (self.precision, self.correlation), strict=True)
        )
        return precision, correlation


def permutation_baseline(
    scores: ArrayLike,
    truth: ArrayLike,
    rng: np.random.Generator,
    n: int = 1000,
    *,
    k: int = 5,
    names: str = "units",
) -> PermutationBaseline:
    """Precision and rank correlation when the names of the units, or of the scenes, are dealt anew.

    With ``"units"``, one permutation of the unit names holds for all scenes: chance lists that keep how alike the
    scenes' lists are. Naming the commonest events everywhere can beat that. With ``"scenes"``, whole rows change
    places: lists of real events given to the wrong scenes. What beats that tells one scene from another.

    Args:
        scores: Of scenes and units. Shape: ``(S, C)``.
        truth: Probability that the event is heard. Shape: ``(S, C)``.
        rng: Generator of the permutations.
        n: Number of permutations.
        k: Length of the lists.
        names: ``"units"`` or ``"scenes"``.

    Returns:
        PermutationBaseline: The means as they are and with permuted names, and p-values.

    Raises:
        DataError: The arrays cannot be scored, or scores have leading dimensions.
        ParameterError: k or names is out of range.
    """
    scores, truth = _checked(scores, truth)
    if names not in ("units", "scenes") or scores.ndim != 2:
        raise ParameterError(f"permuted {names!r}, {scores.ndim} dimensions", expected="'units' or 'scenes', (S, C)")
    observed = float(precision_at(scores, truth, k).mean()), _mean(rank_correlation(scores, truth))
    # Both are sums over units of (a function of the scores) times (one of the truth): ranked once, permuted often.
    varied = _varied(truth)
    chosen, ranked = _inclusion(scores, np.full(len(truth), k)), _standard_ranks(scores)
    held, ranked_truth = (truth > 0) / (k * len(truth)), _standard_ranks(truth) / max(1, varied.sum())
    precision, correlation = np.empty(n), np.empty(n)
    for i in range(n):
        order = rng.permutation(truth.shape[1] if names == "units" else len(truth))
        dealt = np.s_[:, order] if names == "units" else np.s_[order]
        precision[i] = (chosen[dealt] * held).sum()
        correlation[i] = (ranked[dealt] * ranked_truth)[varied].sum()
    return PermutationBaseline(observed, precision, correlation)


def _mean(values: Array) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _inclusion(scores: Array, k: NDArray[np.int64]) -> Array:
    """Chance that a unit is among the k first of its scene when the tied are ordered at random."""
    ordered = np.sort(scores, axis=-1)
    last = np.broadcast_to((scores.shape[-1] - k)[:, None], (*scores.shape[:-1], 1))
    least = np.take_along_axis(ordered, last, axis=-1)
    above, tied = scores > least, scores == least
    left = k[:, None] - above.sum(-1, keepdims=True)
    return np.asarray(above + tied * (left / tied.sum(-1, keepdims=True)))


def _standard_ranks(values: Array) -> Array:
    """Ranks, centred and of unit length, so that a product of two is a correlation; zeros where all are equal."""
    ranks = rankdata(values, axis=-1)
    ranks -= ranks.mean(-1, keepdims=True)
    length = np.sqrt((ranks**2).sum(-1, keepdims=True))
    return np.divide(ranks, length, out=np.zeros(ranks.shape), where=length > 0)


def _varied(truth: Array) -> NDArray[np.bool_]:
    """Scenes whose truth orders the units."""
    return np.asarray((truth != truth[:, :1]).any(1))


def _checked(scores: ArrayLike, truth: ArrayLike) -> tuple[Array, Array]:
    scores, truth = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if truth.ndim != 2 or scores.ndim < 2 or scores.shape[-2:] != truth.shape or not truth.size:
        raise DataError(
            f"scores of shape {scores.shape}, truth of shape {truth.shape}", expected="(…, scenes, units) for both"
        )
    if not np.isfinite(scores).all():
        raise DataError(f"{int((~np.isfinite(scores)).sum())} of the scores are not finite")
    if not ((truth >= 0) & (truth <= 1)).all():
        raise DataError("the truth holds more than probabilities", expected="from 0 to 1, 0 where not in the recipe")
    return scores, truth
