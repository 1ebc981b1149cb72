"""Token error rate: how many tokens must be exchanged, left out or put in to make the reference the estimate.

The least number of errors is unique. How it divides into kinds is not: an order exchanged is two substitutions, or a
deletion and an insertion. Kinds are those of one best alignment.

Source: Wang, Metze 2017, section 3.2 (computed as a word error rate, boundaries as words).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rapidfuzz.distance import Levenshtein

from companion.errors import DataError
from companion.evaluation.boundaries import Tokens

MOST_SIMULTANEOUS = 12
"""Boundaries of one group whose orders are all tried."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class TokenErrors:
    """Errors of each clip.

    Args:
        substitutions: Shape: ``(N,)``.
        deletions: Reference tokens that were not estimated. Shape: ``(N,)``.
        insertions: Estimated tokens that are not in the reference. Shape: ``(N,)``.
        n_reference: Reference tokens. Shape: ``(N,)``.
    """

    substitutions: Counts
    deletions: Counts
    insertions: Counts
    n_reference: Counts

    @property
    def errors(self) -> Counts:
        """Errors of all kinds. Shape: ``(N,)``."""
        return self.substitutions + self.deletions + self.insertions

    def rate(self, weights: ArrayLike | None = None) -> float:
        """Token error rate of all clips together, in per cent; it may exceed 100.

        A clip without reference tokens adds its insertions.

        Args:
            weights: How often each clip counts. Shape: ``(N,)``.

        Raises:
            DataError: No clip has a reference token: the rate is undefined.
        """
        weights = np.ones(len(self.n_reference)) if weights is None else np.asarray(weights, dtype=np.float64)
        whole = float(weights @ self.n_reference)
        if whole <= 0:
            raise DataError(
                f"the references of {len(self.n_reference)} clips hold no token: the token error rate is undefined",
                expected="one reference token or more",
                repair="score clips in which something happens, or count insertions instead",
            )
        return 100 * float(weights @ self.errors) / whole


def token_errors(reference: Sequence[ArrayLike], estimated: Sequence[ArrayLike]) -> TokenErrors:
    """Errors of one best alignment of every clip.

    Args:
        reference: Tokens of each clip. Shape: ``(L,)`` each, or ``(L, 2)`` with their frames, which do not count.
        estimated: The same, as estimated.

    Raises:
        DataError: The lists do not belong together.
    """
    _check(reference, estimated)
    counts = np.zeros((len(reference), 4), dtype=np.int64)
    for row, true, said in zip(counts, map(_tokens, reference), map(_tokens, estimated), strict=True):
        kinds = [operation.tag for operation in Levenshtein.editops(true, said)]
        row[:] = [*map(kinds.count, ("replace", "delete", "insert")), len(true)]
    return TokenErrors(*counts.T)


def errors_in_any_order(reference: Sequence[Tokens], estimated: Sequence[ArrayLike], within: int = 0) -> Counts:
    """Least number of errors of each clip if simultaneous boundaries may be said in any order.

    What is then missing from the errors in the fixed order is due to that order alone.

    Args:
        reference: Tokens and frames of each clip, in order of frames. Shape: ``(L, 2)`` each.
        estimated: Tokens of each clip. Shape: ``(L,)`` or ``(L, 2)`` each.
        within: A boundary is simultaneous with the first of a group that lies at most so many frames before it.

    Returns:
        Shape: ``(N,)``.

    Raises:
        DataError: The lists do not belong together, or more boundaries are simultaneous than can be tried.
    """
    _check(reference, estimated)
    pairs = zip(reference, map(_tokens, estimated), strict=True)
    return np.array([_least(_groups(true, within), said) for true, said in pairs], dtype=np.int64)


def _groups(tokens: Tokens, within: int) -> list[list[int]]:
    """Tokens that happen at the same time."""
    groups, first = list[list[int]](), -within - 1
    for token, frame in np.asarray(tokens).tolist():
        if not groups or frame - first > within:
            groups.append([])
            first = frame
        groups[-1].append(token)
    return groups


def _least(groups: Sequence[Sequence[int]], said: Sequence[int]) -> int:
    """Edit distance to the nearest sequence in which each group stands in some order.

    The usual table has a row for every beginning of the reference; here it has one for every set of a group's
    members that may have come so far.
    """
    estimated, columns = np.array(said, dtype=np.int64), np.arange(len(said) + 1)
    row = columns
    for group in groups:
        if len(group) > MOST_SIMULTANEOUS:
            raise DataError(
                f"{len(group)} simultaneous boundaries",
                expected=f"at most {MOST_SIMULTANEOUS}",
                repair="count fewer frames as simultaneous",
            )
        rows = {0: row}
        for members in range(1, 2 ** len(group)):
            ways = []
            for number, token in enumerate(group):
                if members >> number & 1:
                    before = rows[members ^ 1 << number]
                    ways += [before + 1, np.append(before[0] + 1, before[:-1] + (estimated != token))]
            least = np.min(ways, axis=0)
            # an insertion costs one a column, so the least of all columns to the left is a running minimum
            rows[members] = np.minimum.accumulate(least - columns) + columns
        row = rows[2 ** len(group) - 1]
    return int(row[-1])


def _tokens(clip: ArrayLike) -> list[int]:
    found = np.asarray(clip, dtype=np.int64)
    return (found if found.ndim == 1 else found[:, 0]).tolist()


def _check(reference: Sequence[ArrayLike], estimated: Sequence[ArrayLike]) -> None:
    if len(reference) != len(estimated) or not len(reference):
        raise DataError(
            f"tokens of {len(reference)} reference clips and {len(estimated)} estimated ones",
            expected="one clip or more, and as many of each",
        )
