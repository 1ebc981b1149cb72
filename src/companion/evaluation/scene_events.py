"""Which units of F2 are active in which scene: counts over segments, and scores of relation made from them.

A unit of F2 stands for an event class. Counted in how many segments it is among the most active, it tells what a
network hears in a scene. How the counts are turned into an order of events is a choice of its own: the number
alone, as published, also lists what is active in every scene; the other scores ask what is active here *more than
elsewhere*.

The scores take arrays with leading dimensions, so that a bootstrap can score all its resamples at once:
``(…, S, C)`` is scenes by units. Their comparison with a known truth is in :mod:`companion.evaluation.scene_truth`.

Source: Kumar et al. 2018, section 4.4 and Figure 2, bottom (five most active of N_T^III, ten most frequent).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError, ParameterError
from companion.evaluation.scene_truth import (
    globally_active,
    permutation_baseline,
    precision_at,
    rank_correlation,
)

__all__ = [
    "RELATIONS", "by_scene", "count", "count_top", "globally_active", "log_odds", "most_frequent",
    "permutation_baseline", "pmi", "precision_at", "rank_correlation", "share",
]  # fmt: skip

Array = NDArray[np.float64]
DECIMALS = 10  # what is equal but for rounding must tie


def count_top(segments: Sequence[NDArray[Any]], k: int = 5) -> NDArray[np.int64]:
    """In how many segments of each clip each unit is among the k most active.

    A unit is among them when fewer than k units are more active than it. Units that tie at the last place count
    all, so the order of the units decides nothing. A unit at zero is not active and never counts, even where fewer
    than k are above zero: after a ReLU most of them are at zero.

    Args:
        segments: Activations of each clip, after a sigmoid or a ReLU. Shape: ``(K, C)`` each.
        k: Number of units counted in a segment.

    Returns:
        Shape: ``(N, C)``.

    Raises:
        DataError: No clip, clips with different units, or activations that are negative or not finite.
        ParameterError: k is not from 1 to C.

    >>> count_top([np.array([[0.9, 0.1, 0.5], [0.0, 0.0, 0.2]])], k=2).tolist()
    [[1, 0, 2]]
    """
    clips = [np.asarray(clip) for clip in segments]
    if not clips or any(clip.ndim != 2 or clip.shape[1] != clips[0].shape[-1] for clip in clips):
        raise DataError(
            f"segments of shapes {sorted({clip.shape for clip in clips})}", expected="(segments, units), equal units"
        )
    if not all(np.isfinite(clip).all() and (clip >= 0).all() for clip in clips):
        raise DataError("activations below zero or not finite", expected="F2 after its sigmoid or ReLU, not logits")
    if not 1 <= k <= clips[0].shape[1]:
        raise ParameterError(f"k={k} of {clips[0].shape[1]} units", expected="from 1 to the number of units")
    return np.stack([_among_top(clip, k).sum(0) for clip in clips])


def _among_top(clip: NDArray[Any], k: int) -> NDArray[np.bool_]:
    least = -np.partition(-clip, k - 1, axis=1)[:, k - 1 : k]
    return (clip >= least) & (clip > 0)


def by_scene(
    counts: ArrayLike, labels: ArrayLike, scenes: Sequence[Any], weights: ArrayLike | None = None
) -> NDArray[Any]:
    """Counts summed over the clips of each scene.

    Args:
        counts: Of each clip. Shape: ``(N, C)``.
        labels: Scene of each clip. Shape: ``(N,)``.
        scenes: Scenes S, in the order of the result.
        weights: How much each clip counts, as in a bootstrap. Shape: ``(N,)``, or ``(R, N)`` for R resamples.

    Returns:
        Shape: ``(S, C)``, or ``(R, S, C)``.

    Raises:
        DataError: The arrays do not belong together, or a label is no scene.

    >>> by_scene([[1, 0], [2, 1], [0, 4]], ["home", "home", "park"], ["park", "home"]).tolist()
    [[0, 4], [3, 1]]
    """
    counts, labels = np.asarray(counts), np.asarray(labels)
    weights = np.ones(len(labels), dtype=np.int64) if weights is None else np.asarray(weights)
    if counts.ndim != 2 or labels.shape != counts.shape[:1] or weights.shape[-1:] != labels.shape:
        raise DataError(
            f"counts of shape {counts.shape}, labels {labels.shape}, weights {weights.shape}",
            expected="(clips, units), and a label and a weight for every clip",
        )
    unknown = sorted(set(labels.tolist()) - set(scenes))
    if unknown:
        raise DataError(f"no scene {unknown[0]!r}", expected=", ".join(map(str, scenes)))
    members = [labels == scene for scene in scenes]
    return np.stack([weights[..., own] @ counts[own] for own in members], axis=-2)


def count(counts: ArrayLike) -> Array:
    """The number of segments itself: the paper's order."""
    return _checked(counts)


def share(counts: ArrayLike) -> Array:
    """Share of the scene's counts; the order of `count`, but comparable between scenes of unequal length."""
    counts = _checked(counts)
    return _ratio(counts, counts.sum(-1, keepdims=True))


def pmi(counts: ArrayLike, smoothing: float = 1.0) -> Array:
    """Positive pointwise mutual information of scene and unit, in nats.

    log p(scene, unit) / (p(scene) p(unit)), and 0 where that is negative. What is active in every scene alike
    scores 0. Of a unit that is hardly ever active the logarithm says much on little evidence, which adding a
    constant to every count only softens.

    Args:
        counts: Of scenes and units. Shape: ``(…, S, C)``.
        smoothing: Added to every count.

    Source: Church and Hanks 1990, "Word association norms, mutual information, and lexicography", Computational
    Linguistics 16; Bullinaria and Levy 2007, Behavior Research Methods 39 (its positive part).
    """
    joint = _checked(counts) + smoothing
    expected = joint.sum(-1, keepdims=True) * joint.sum(-2, keepdims=True)
    lift = _ratio(joint * joint.sum((-2, -1), keepdims=True), expected)
    return np.log(np.maximum(lift, 1.0)).round(DECIMALS)


def log_odds(counts: ArrayLike, prior: float = 0.1) -> Array:
    """Log-odds of a unit in one scene against all others, in standard errors, shrunk towards its share overall.

    A difference of log-odds alone would, like `pmi`, put rare units first. Divided by its standard error it asks
    how sure the difference is, so a unit must be both more frequent here than elsewhere and counted often. As
    segments overlap and neighbours are alike, the standard errors are too small; only their order is used. A unit
    that is nowhere counted scores 0.

    Args:
        counts: Of scenes and units. Shape: ``(…, S, C)``.
        prior: Weight of the prior, in mean counts of one scene; its shares are those of all scenes together.

    Source: Monroe, Colaresi and Quinn 2008, "Fightin' words", Political Analysis 16 (z-scores of the log-odds
    ratio with an informative Dirichlet prior).
    """
    counts = _checked(counts)
    of_unit, total = counts.sum(-2, keepdims=True), counts.sum((-2, -1), keepdims=True)
    pseudo = prior * total / counts.shape[-2]
    alpha = _ratio(of_unit, total) * pseudo
    here, there = counts + alpha, of_unit - counts + alpha
    n_here = counts.sum(-1, keepdims=True) + pseudo
    n_there = total - counts.sum(-1, keepdims=True) + pseudo
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = np.log(here / (n_here - here)) - np.log(there / (n_there - there))
        score = difference / np.sqrt(1 / here + 1 / there)
    return np.nan_to_num(score, nan=0.0).round(DECIMALS)


RELATIONS: Mapping[str, Callable[[ArrayLike], Array]] = {
    "count": count,
    "share": share,
    "pmi": pmi,
    "log_odds": log_odds,
}
"""Scores of relation by name; the first is the paper's."""


def most_frequent(scores: ArrayLike, units: Sequence[str], n: int = 10) -> list[list[str]]:
    """Names of the highest-scored units of each scene, highest first: a row of the paper's table each.

    Only units with a score above 0 are named. Of equal scores the earlier unit comes first.

    Args:
        scores: Of scenes and units. Shape: ``(S, C)``.
        units: Names. Shape: ``(C,)``.
        n: Longest list.

    >>> most_frequent([[3, 0, 5], [0, 0, 1]], ["dog", "rain", "wind"])
    [['wind', 'dog'], ['wind']]
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or scores.shape[1] != len(units):
        raise DataError(f"scores of shape {scores.shape}, {len(units)} units", expected="(scenes, units)")
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    return [[units[unit] for unit in row if of_scene[unit] > 0] for row, of_scene in zip(order, scores, strict=True)]


def _checked(counts: ArrayLike) -> Array:
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim < 2 or not np.isfinite(counts).all() or (counts < 0).any():
        raise DataError(f"counts of shape {counts.shape}", expected="(scenes, units), finite, none below zero")
    return counts


def _ratio(part: Array, whole: Array) -> Array:
    """Zero where there is nothing to divide by."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
