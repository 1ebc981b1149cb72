"""Intervals where a clip holds several recordings: mixtures and composed scenes.

A mixture of three recordings shares each of them with other mixtures, so no clustering makes clips independent.
Each recording gets a random weight of mean 1, and a clip the product of its recordings' weights: what depends on a
recording moves with it in every clip that holds it. Products of many weights would leave nearly everything to a
few clips, so weights vary little (standard deviation ``SPREAD``), and how far the statistic moves is scaled up
again. What is proper to a clip alone is counted once for each of its recordings: the intervals are somewhat too wide
rather than too narrow.

Where every clip holds one recording, this is the cluster bootstrap of :mod:`companion.evaluation.bootstrap`, up to
its smoother weights.

Source: Owen and Eckles 2012, "Bootstrapping data arrays of arbitrary order", Annals of Applied Statistics 6 (products
of weights over crossed factors).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError
from companion.evaluation.bootstrap import BLOCK, Interval, interval_of

Array = NDArray[np.float64]

SPREAD = 0.2
"""Standard deviation of a recording's weight."""

SEPARATOR = "+"
"""Between the recordings of one clip, as in ``Clip.recording``."""


def membership(recordings: ArrayLike) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    """Which clip holds which recording.

    Args:
        recordings: Recordings of every clip, joined by ``+``. Shape: ``(N,)``.

    Returns:
        Names of the distinct recordings, shape ``(G,)``, and their places, shape ``(N, G)``.

    >>> names, held = membership(["a+b", "b"])
    >>> names.tolist(), held.tolist()
    (['a', 'b'], [[True, True], [False, True]])
    """
    held = [set(str(joined).split(SEPARATOR)) for joined in np.asarray(recordings).tolist()]
    names = sorted(set().union(*held))
    place = {name: column for column, name in enumerate(names)}
    found = np.zeros((len(held), len(names)), dtype=bool)
    for row, members in enumerate(held):
        found[row, [place[name] for name in members]] = True
    return np.array(names), found


def mixture_bootstrap(
    statistic: Callable[[Array], Array],
    recordings: ArrayLike,
    rng: np.random.Generator,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    difference: bool = False,
) -> Interval:
    """Interval of any statistic of weighted clips that hold several recordings each, crossed with seeds.

    Args:
        statistic: Given weights of the clips, shape ``(R, N)``, returns the statistic of each resample for each
            seed, shape ``(R, S)``. It is called with every weight at 1 too.
        recordings: Recordings of every clip, joined by ``+``. Shape: ``(N,)``.
        rng: Generator of the resamples.
        n_resamples: Number of resamples.
        level: Share of resamples inside the interval.
        difference: The statistic is a difference: give the p-value of zero.

    Returns:
        Interval: The statistic, averaged over seeds, and its interval.

    Raises:
        DataError: There is no clip.
    """
    if not np.size(recordings):
        raise DataError("no clip to resample", expected="one clip or more")
    names, held = membership(recordings)
    by_seed = statistic(np.ones((1, len(held))))[0]
    # Two streams, so that the weights drawn do not depend on the number of seeds.
    of_recordings, of_seeds = rng.spawn(2)
    resamples = []
    for start in range(0, n_resamples, BLOCK):
        size = min(BLOCK, n_resamples - start)
        weights = of_recordings.gamma(SPREAD**-2, SPREAD**2, (size, len(names)))
        shares = of_seeds.multinomial(len(by_seed), np.full(len(by_seed), 1 / len(by_seed)), size) / len(by_seed)
        moved = statistic(np.exp(np.log(weights) @ held.T)) - by_seed
        resamples.append((shares * (by_seed + moved / SPREAD)).sum(1))
    counts = {"n_clips": len(held), "n_recordings": len(names), "n_seeds": len(by_seed)}
    return interval_of(float(by_seed.mean()), np.concatenate(resamples), level, difference, **counts)


def fold_accuracy(scores: ArrayLike, folds: ArrayLike) -> Callable[[Array], Array]:
    """The mean over folds of the mean score in each, as a statistic of weighted clips.

    Args:
        scores: Is each seed's prediction of each clip right, or a difference of two such? Shape: ``(S, N)``.
        folds: Fold of every clip. Shape: ``(N,)``.
    """
    by_seed, folds = np.atleast_2d(np.asarray(scores, dtype=np.float64)), np.asarray(folds)
    members = [folds == fold for fold in np.unique(folds)]

    def statistic(weights: Array) -> Array:
        means = [weights[:, fold] @ by_seed[:, fold].T / weights[:, fold].sum(1, keepdims=True) for fold in members]
        return np.asarray(np.mean(means, axis=0))

    return statistic
