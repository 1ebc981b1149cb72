"""Intervals where a clip holds several recordings: mixtures and composed scenes.

A mixture of three recordings shares each of them with other mixtures, so no clustering makes clips independent.
Each recording gets a random weight of mean 1, and a clip the product of its recordings' weights: what depends on a
recording moves with it in every clip that holds it. Products of many weights would leave nearly everything to a few
clips, so the more recordings a clip holds, the less a weight varies (standard deviation 1 / √m for m recordings in
the mean clip), and how far the statistic moves is scaled up again. What is proper to a clip alone is counted once for
each of its recordings: the intervals are somewhat too wide rather than too narrow.

Where every clip holds one recording, weights are exponential and nothing is scaled: the Bayesian bootstrap of
clusters.

Source: Owen and Eckles 2012, "Bootstrapping data arrays of arbitrary order", Annals of Applied Statistics 6 (products
of weights over crossed factors).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import DataError
from companion.evaluation.bootstrap import Interval, interval_of

Array = NDArray[np.float64]

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


@dataclass(frozen=True)
class Resamples:
    """Random weights of clips and seeds, drawn once for every statistic that is to be compared.

    Args:
        weights: Weight of each clip in each resample. Shape: ``(R, N)``.
        shares: Share of each seed. Shape: ``(R, S)``.
        n_recordings: Distinct recordings behind the clips.
        spread: Standard deviation of a recording's weight.
    """

    weights: Array
    shares: Array
    n_recordings: int
    spread: float

    def interval(
        self,
        by_seed: Array,
        resampled: Array,
        *,
        level: float = 0.95,
        difference: bool = False,
        centred: bool = False,
    ) -> Interval:
        """Interval of a statistic from its values under the weights.

        Args:
            by_seed: The statistic of each seed with every weight at 1. Shape: ``(S,)``.
            resampled: The statistic of each resample for each seed. Shape: ``(R, S)``.
            level: Share of resamples inside the interval.
            difference: The statistic is a difference: give the p-value of zero.
            centred: Lay the resampled statistics around the statistic itself. For what is decided by an order:
                weights disturb the first five of a list, and so lower what is right in it in the mean, and repeat
                positives, and so raise average precision.
        """
        value = float(np.mean(by_seed))
        moved = (self.shares * (by_seed + (resampled - by_seed) / self.spread)).sum(1)
        moved = moved - moved.mean() + value if centred else moved
        n_clips, n_seeds = self.weights.shape[1], self.shares.shape[1]
        counts = {"n_clips": n_clips, "n_recordings": self.n_recordings, "n_seeds": n_seeds}
        return interval_of(value, moved, level, difference, **counts)


def draw(recordings: ArrayLike, n_seeds: int, rng: np.random.Generator, n_resamples: int = 2000) -> Resamples:
    """Draw weights for clips that hold several recordings each.

    Args:
        recordings: Recordings of every clip, joined by ``+``. Shape: ``(N,)``.
        n_seeds: Trained networks, drawn with replacement and crossed with the recordings.
        rng: Generator of the resamples.
        n_resamples: Number of resamples R.

    Raises:
        DataError: There is no clip.
    """
    if not np.size(recordings):
        raise DataError("no clip to resample", expected="one clip or more")
    names, held = membership(recordings)
    # Two streams, so that the weights drawn do not depend on the number of seeds.
    of_recordings, of_seeds = rng.spawn(2)
    spread = float(held.sum(1).mean() ** -0.5)
    weights = of_recordings.gamma(spread**-2, spread**2, (n_resamples, len(names)))
    shares = of_seeds.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), n_resamples) / n_seeds
    return Resamples(np.exp(np.log(weights) @ held.T.astype(np.float64)), shares, len(names), spread)


def mixture_bootstrap(
    statistic: Callable[[Array], Array],
    recordings: ArrayLike,
    rng: np.random.Generator,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    difference: bool = False,
) -> Interval:
    """Interval of one statistic of weighted clips that hold several recordings each, crossed with seeds.

    Args:
        statistic: Given weights of the clips, shape ``(R, N)``, returns the statistic of each resample for each
            seed, shape ``(R, S)``. It is called with every weight at 1 too.
        recordings, rng, n_resamples: As for `draw`.
        level, difference: As for `Resamples.interval`.
    """
    by_seed = statistic(np.ones((1, np.size(recordings))))[0]
    resamples = draw(recordings, len(by_seed), rng, n_resamples)
    return resamples.interval(by_seed, statistic(resamples.weights), level=level, difference=difference)


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
