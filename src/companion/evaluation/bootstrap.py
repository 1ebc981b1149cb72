"""Intervals and comparisons that respect where clips come from.

Clips cut from one Freesound recording are not independent, and neither are clips scored by one trained
network. So recordings are drawn with replacement, each with all its clips, and seeds are drawn with
replacement, crossed with them. Recordings are drawn over the whole corpus, not within folds or classes: a
recording that lies in two folds must move as one, and the recordings of a class are themselves a draw from
Freesound. Fold sizes then vary between resamples, which the mean of fold *accuracies* divides out.

Intervals are percentile intervals. Two limits: where every clip is right (or every one wrong) the interval
has no width, and S seeds show only (S − 1) / S of the variance of training, none of it when S = 1.

Source: Field and Welsh 2007, "Bootstrapping clustered data", JRSS B 69; Owen 2007, "The pigeonhole
bootstrap", Annals of Applied Statistics 1 (crossed factors).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError

Array = NDArray[np.float64]
BLOCK = 256  # resamples at a time: bounds memory for corpora of many thousand recordings


@dataclass(frozen=True)
class Interval:
    """A value, how far chance could move it, and how much data stands behind it.

    Args:
        value: The statistic on the data themselves.
        low: Lower end of the interval.
        high: Upper end of the interval.
        n_clips: Number of clips.
        n_recordings: Number of distinct recordings: what the interval's width depends on.
        n_seeds: Number of trained networks.
        p_value: For a difference: twice the share of resamples on the far side of zero; else None.
    """

    value: float
    low: float
    high: float
    n_clips: int
    n_recordings: int
    n_seeds: int
    p_value: float | None = None

    @property
    def coverage(self) -> str:
        """What the interval covers, in words."""
        if self.n_seeds == 1:
            return "recordings; one seed: training variance not covered"
        return f"recordings and {self.n_seeds} seeds"


def cluster_interval(
    correct: ArrayLike,
    recordings: ArrayLike,
    folds: ArrayLike,
    rng: np.random.Generator,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """Interval of the mean over folds of the accuracy in each.

    Args:
        correct: Is each seed's prediction of each clip right? Shape: ``(S, N)``, or ``(N,)`` for one seed.
        recordings: Source recording of every clip. Shape: ``(N,)``.
        folds: Fold of every clip. Shape: ``(N,)``.
        rng: Generator of the resamples.
        n_resamples: Number of resamples.
        level: Share of resamples inside the interval.

    Returns:
        Interval: The accuracy (0 to 1), averaged over seeds, and its interval.

    Raises:
        DataError: The arrays do not belong together.
    """
    counts = _Counts(np.atleast_2d(np.asarray(correct, dtype=np.float64)), recordings, folds)
    return counts.interval(rng, n_resamples, level, difference=False)


def paired_difference(
    correct_a: ArrayLike,
    correct_b: ArrayLike,
    recordings: ArrayLike,
    folds: ArrayLike,
    rng: np.random.Generator,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """Interval of the accuracy of ``a`` minus that of ``b`` on the same clips.

    Both are scored on the same resampled recordings and seeds. What has no seed (a statistic of the
    log-mel, say) may give one row; it is compared with every seed of the other.

    Args:
        correct_a: Is each prediction right? Shape: ``(S, N)``, or ``(N,)``.
        correct_b: The same for the other. Shape: ``(S, N)``, or ``(N,)``.
        recordings, folds, rng, n_resamples, level: As for `cluster_interval`.

    Returns:
        Interval: The difference, its interval and its two-sided p-value.

    Raises:
        DataError: The arrays do not belong together.
    """
    a, b = (np.atleast_2d(np.asarray(c, dtype=np.float64)) for c in (correct_a, correct_b))
    if a.shape[1] != b.shape[1] or (len(a) != len(b) and 1 not in (len(a), len(b))):
        raise DataError(f"predictions of shapes {a.shape} and {b.shape} are not paired", expected="(seeds, clips)")
    return _Counts(a - b, recordings, folds).interval(rng, n_resamples, level, difference=True)


def cluster_bootstrap(
    statistic: Callable[[NDArray[np.int64]], ArrayLike],
    recordings: ArrayLike,
    rng: np.random.Generator,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    difference: bool = False,
) -> Interval:
    """Interval of any statistic of weighted clips, such as a mean average precision or a difference of two.

    Args:
        statistic: Given how often each clip is drawn, shape ``(N,)``, returns the statistic, or one for every
            seed, shape ``(S,)``. It is first called with every weight at 1.
        recordings, rng, n_resamples, level: As for `cluster_interval`.
        difference: The statistic is a difference: give the p-value of zero.

    Returns:
        Interval: The statistic, averaged over seeds, and its interval; resamples on which it is NaN are
            left out.
    """
    names, cluster = np.unique(np.asarray(recordings), return_inverse=True)
    by_seed = np.atleast_1d(np.asarray(statistic(np.ones(len(cluster), dtype=np.int64)), dtype=np.float64))
    resamples = [
        np.atleast_1d(statistic(drawn[cluster])) @ seeds
        for draws, shares in _draws(len(names), len(by_seed), n_resamples, rng)
        for drawn, seeds in zip(draws, shares, strict=True)
    ]
    counts = {"n_clips": len(cluster), "n_recordings": len(names), "n_seeds": len(by_seed)}
    return interval_of(float(by_seed.mean()), np.array(resamples), level, difference, **counts)


def _draws(
    n_recordings: int, n_seeds: int, n_resamples: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], Array]]:
    """How often each recording is drawn, and each seed's share: ``(R, G)`` and ``(R, S)``, block by block."""
    # Two streams, so that the recordings drawn do not depend on the number of seeds.
    of_recordings, of_seeds = rng.spawn(2)
    recording, seed = np.full(n_recordings, 1 / n_recordings), np.full(n_seeds, 1 / n_seeds)
    for start in range(0, n_resamples, BLOCK):
        size = min(BLOCK, n_resamples - start)
        drawn = of_recordings.multinomial(n_recordings, recording, size)
        yield drawn, of_seeds.multinomial(n_seeds, seed, size) / n_seeds


class _Counts:
    """Clips and scores, added up over every recording in every fold: all that a resample needs to know."""

    def __init__(self, scores: Array, recordings: ArrayLike, folds: ArrayLike) -> None:
        names, cluster = np.unique(np.asarray(recordings), return_inverse=True)
        fold_names, fold = np.unique(np.asarray(folds), return_inverse=True)
        if scores.ndim != 2 or not 0 < scores.shape[1] == len(cluster) == len(fold):
            raise DataError(
                f"scores of shape {scores.shape}, {len(cluster)} recordings, {len(fold)} folds",
                expected="scores (seeds, clips), and a recording and a fold for every clip",
            )
        cell, shape = cluster * len(fold_names) + fold, (len(names), len(fold_names))
        self.n_clips, self.n_recordings, self.n_seeds = len(cluster), len(names), len(scores)
        self.clips = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
        self.scores = np.stack(
            [np.bincount(cell, weights=row, minlength=shape[0] * shape[1]).reshape(shape) for row in scores]
        )

    def statistic(self, drawn: NDArray[np.int64], seeds: Array) -> Array:
        """Mean over folds of the mean score in each. Shape: ``(R, G)`` and ``(R, S)`` → ``(R,)``."""
        clips = drawn @ self.clips
        sums = np.einsum("rg,sgf,rs->rf", drawn, self.scores, seeds, optimize=True)
        means = np.divide(sums, clips, out=np.full(sums.shape, np.nan), where=clips > 0)
        return np.nanmean(means, axis=1)  # a fold of which nothing was drawn has no accuracy

    def interval(self, rng: np.random.Generator, n_resamples: int, level: float, difference: bool) -> Interval:
        everything = np.ones((1, self.n_recordings), dtype=np.int64)
        value = float(self.statistic(everything, np.full((1, self.n_seeds), 1 / self.n_seeds))[0])
        draws = _draws(self.n_recordings, self.n_seeds, n_resamples, rng)
        resamples = np.concatenate([self.statistic(drawn, seeds) for drawn, seeds in draws])
        counts = {"n_clips": self.n_clips, "n_recordings": self.n_recordings, "n_seeds": self.n_seeds}
        return interval_of(value, resamples, level, difference, **counts)


def interval_of(value: float, resamples: Array, level: float, difference: bool, **counts: int) -> Interval:
    """Percentile interval of resampled statistics; resamples on which it is NaN are left out."""
    resamples = resamples[~np.isnan(resamples)]
    if not len(resamples):
        return Interval(value, np.nan, np.nan, p_value=np.nan if difference else None, **counts)
    low, high = np.quantile(resamples, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), p_value=_p_value(resamples) if difference else None, **counts)


def _p_value(resamples: Array) -> float:
    """Twice the share of resamples on the far side of zero, the data themselves counted as one resample."""
    rounding = 1e-12
    below, above = (resamples < rounding).sum(), (resamples > -rounding).sum()
    return float(min(1.0, 2 * (min(below, above) + 1) / (len(resamples) + 1)))
