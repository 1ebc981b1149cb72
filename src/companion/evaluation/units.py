"""Which clips depend on each other: those that share a Freesound recording, its author or a bed.

A mixture holds several recordings and shares each of them with other mixtures, so no clustering makes clips
independent. What can be said of any two clips is whether they share something; two that share nothing are taken to be
independent, and of two that do nothing is assumed. The variance of a sum over clips is then the sum of the products
of all pairs that share. Where every clip holds one recording, these are the pairs within clusters.

Source: Fafchamps and Gubert 2007, "The formation of risk sharing networks", Journal of Development Economics 83;
Aronow, Samii and Assenova 2015, "Cluster-robust variance estimation for dyadic data", Political Analysis 23.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import brentq
from scipy.stats import t as student

from companion.errors import DataError

Array = NDArray[np.float64]

SEPARATOR = "+"
"""Between the recordings of one clip, as in ``Clip.recording``."""

FLOOR = 0.25
"""Least variance, as a share of what independent clips would have: sums over sharing pairs can fall below zero."""

FEW, DRAWS, LEVEL = 40.0, 4_000, 0.95
"""Independent clips from which on Student's t is close to the normal, and how the quantile of fewer is drawn."""


def membership(recordings: ArrayLike) -> tuple[NDArray[np.str_], sparse.csr_array]:
    """Which clip holds which recording.

    Args:
        recordings: Recordings of every clip, joined by ``+``. Shape: ``(N,)``.

    Returns:
        Names of the distinct recordings, shape ``(G,)``, and a sparse table of ones, shape ``(N, G)``.

    >>> names, held = membership(["a+b", "b", "b+b"])
    >>> names.tolist(), held.toarray().tolist()
    (['a', 'b'], [[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    """
    held = [sorted(set(str(joined).split(SEPARATOR)) - {""}) for joined in np.asarray(recordings).tolist()]
    flat = np.array([name for members in held for name in members], dtype=np.str_)
    names, columns = np.unique(flat, return_inverse=True)
    starts = np.cumsum([0, *map(len, held)])
    return names, sparse.csr_array((np.ones(len(columns)), columns, starts), shape=(len(held), len(names)))


class Units:
    """The clips of one test set, and which of them share something.

    Args:
        recordings: Recordings of every clip, joined by ``+``. Shape: ``(N,)``.
        others: Further memberships in the same form, such as authors or beds; an empty name is no membership.
        over: What the intervals are over, in a word.

    Raises:
        DataError: There is no clip, or the memberships are not of the same clips.

    Attributes:
        n_clips: Number of clips N.
        n_recordings: Number of distinct recordings.
        sharing: 1 for every pair of clips that share something, a clip and itself included. Shape: ``(N, N)``, sparse.
        blocks: Number of every clip's set of memberships; clips of one number share all. Shape: ``(N,)``.
    """

    def __init__(self, recordings: ArrayLike, *others: ArrayLike, over: str = "recordings") -> None:
        tables = [membership(joined)[1] for joined in (recordings, *others)]
        nameless = np.flatnonzero(tables[0].sum(1) == 0)
        if len(nameless):
            raise DataError(f"clip {nameless[0]} names no recording", expected="one or more for every clip")
        self.over = over
        self.n_clips, self.n_recordings = tables[0].shape
        if not self.n_clips or any(table.shape[0] != self.n_clips for table in tables):
            raise DataError(
                f"memberships of {', '.join(str(table.shape[0]) for table in tables)} clips",
                expected="one clip or more, and as many in every membership",
            )
        held = sparse.hstack([*tables, sparse.eye_array(self.n_clips)], format="csr")
        self.sharing = (held @ held.T).sign().tocsr()
        self.blocks = _numbered(np.column_stack([_sets(joined) for joined in (recordings, *others)]))

    def variance(self, influence: ArrayLike) -> Array:
        """Variance of the sum of what each clip adds; see `FLOOR` for its least value.

        Args:
            influence: What each clip adds, with mean zero. Shape: ``(…, N)``.

        Returns:
            Shape: ``(…,)``.
        """
        influence = np.asarray(influence, dtype=np.float64)
        return np.asarray(np.maximum(self._pairs(influence), FLOOR * (influence**2).sum(-1)))

    def effective(self, weights: ArrayLike) -> Array:
        """How many independent clips stand behind a weighted sum, if clips that share anything are the same.

        For clips of equal weight in equal clusters that is the number of clusters. One over it is the share of the
        variance that centring takes away, and it less one are the degrees of freedom that are left.

        Args:
            weights: Shape: ``(…, N)``.

        Returns:
            From 1 to N; 1 where no clip has any weight. Shape: ``(…,)``.

        Source: Bell and McCaffrey 2002, "Bias reduction in standard errors for linear regression with multi-stage
        samples", Survey Methodology 28, for independent clips of equal variance.
        """
        squares = np.asarray(weights, dtype=np.float64) ** 2
        pairs, total = self._pairs(squares), squares.sum(-1) ** 2
        return np.asarray(np.divide(total, pairs, out=np.ones(np.shape(total)), where=pairs > 0))

    @cached_property
    def freedom(self) -> float:
        """Degrees of freedom that the variance has, over those that `effective` says; 1 where clips are in clusters.

        Where clips share some recordings with these and others with those, products of pairs cancel, and a variance
        that is far too small is rarer than among as many clusters. How rare is drawn: sums of independent normal clips
        over their estimated errors, and the Student's t whose central 95 % is as wide as theirs.
        """
        independent = float(self.effective(np.ones(self.n_clips)))
        if not 2 < independent < FEW or self._clustered:
            return 1.0
        drawn = np.random.default_rng(0).normal(size=(DRAWS, self.n_clips))
        left = drawn - drawn.mean(1, keepdims=True)
        errors = np.sqrt(self.variance(left) / (1 - 1 / independent))
        wide = float(np.quantile(np.abs(drawn.sum(1)) / errors, LEVEL))
        least, most = independent - 1, 10 * independent
        tail = (1 - LEVEL) / 2
        if not student.isf(tail, most) < wide < student.isf(tail, least):
            return 1.0 if wide >= student.isf(tail, least) else most / least
        return float(brentq(lambda degrees: student.isf(tail, degrees) - wide, least, most)) / least

    @property
    def _clustered(self) -> bool:
        """Whether clips that share something with one clip share something with each other."""
        return bool(((self.sharing @ self.sharing).sign() != self.sharing).nnz == 0)

    def _pairs(self, values: Array) -> Array:
        rows = values.reshape(-1, self.n_clips)
        sums = ((self.sharing @ rows.T).T * rows).sum(-1)
        return np.asarray(sums.reshape(values.shape[:-1]))


def _sets(joined: ArrayLike) -> NDArray[np.int64]:
    """Number of every clip's set of members, in whatever order they are named."""
    names = [SEPARATOR.join(sorted(set(str(one).split(SEPARATOR)))) for one in np.asarray(joined).tolist()]
    return _numbered(np.array(names))


def _numbered(values: NDArray[Any]) -> NDArray[np.int64]:
    return np.asarray(np.unique(values, axis=0, return_inverse=True)[1], dtype=np.int64).ravel()


def units_of(recordings: Sequence[str], author_of: Mapping[str, str]) -> Units:
    """Clips that share a recording, or an author where that is known.

    Args:
        recordings: Recordings of every clip, joined by ``+``. Shape: ``(N,)``.
        author_of: Who made each recording.
    """
    if not author_of:
        return Units(recordings)
    authors = [SEPARATOR.join(author_of.get(name, "") for name in joined.split(SEPARATOR)) for joined in recordings]
    return Units(recordings, authors)
