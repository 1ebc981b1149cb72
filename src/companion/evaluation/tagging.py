"""Measures of weak-label tagging: average precision, area under the ROC curve, and d′."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from sklearn.metrics import average_precision_score, roc_auc_score

from companion.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TaggingScores:
    """Scores per class; NaN where a class has no positive clip, or no negative one.

    Args:
        average_precision: AP. Shape: ``(C,)``.
        auc: Area under the ROC curve. Shape: ``(C,)``.
        positives: Number of positive clips. Shape: ``(C,)``.
    """

    average_precision: Array
    auc: Array
    positives: NDArray[np.int64]

    @property
    def d_prime(self) -> Array:
        """Sensitivity of every class; infinite where positives and negatives are told apart without error."""
        return d_prime(self.auc)

    @property
    def n_undefined(self) -> int:
        """Number of classes left out of the means, as they have no score."""
        return int(np.isnan(self.auc).sum())

    @property
    def mean_average_precision(self) -> float:
        """MAP over the classes that have a score."""
        return _mean(self.average_precision)

    @property
    def mean_auc(self) -> float:
        """MAUC over the classes that have a score."""
        return _mean(self.auc)

    @property
    def mean_d_prime(self) -> float:
        """d′ of the mean AUC, as published; a mean of d′ would be infinite with one perfect class."""
        return float(d_prime(self.mean_auc))


def validate(reference: NDArray[Any], estimated: NDArray[Any]) -> None:
    """Refuse arrays that cannot be scored.

    Raises:
        DataError: Shapes differ, the reference is not 0 and 1, or a score is not finite.
    """
    if reference.ndim != 2 or reference.shape != estimated.shape:
        raise DataError(
            f"reference of shape {reference.shape}, estimated of shape {estimated.shape}",
            expected="(clips, classes) for both",
        )
    if not np.isin(reference, (0, 1)).all():
        raise DataError("the reference holds more than 0 and 1", expected="1 where the class occurs in the clip")
    if not np.isfinite(estimated).all():
        raise DataError(f"{int((~np.isfinite(estimated)).sum())} of the estimated scores are not finite")


def average_precision(reference: ArrayLike, estimated: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean precision at the rank of every positive clip; NaN without positives or without negatives.

    Args:
        reference: 1 where the class occurs. Shape: ``(N,)``.
        estimated: Scores, larger for likelier. Shape: ``(N,)``.
        weights: How often each clip counts, as in a bootstrap resample. Shape: ``(N,)``.

    Returns:
        float: AP, 0 to 1.

    Source: Buckley and Voorhees 2004, SIGIR (reference 29 of Kumar et al. 2018); not interpolated.

    >>> round(average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]), 4)
    0.8333
    """
    reference, weights = _counted(reference, weights)
    if not _scorable(reference, weights):
        return float("nan")
    return float(average_precision_score(reference, np.asarray(estimated), sample_weight=weights))


def area_under_roc(reference: ArrayLike, estimated: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Chance that a positive clip scores above a negative one, ties counting half; NaN without such a pair.

    Args, shapes: as for `average_precision`.

    Returns:
        float: AUC, 0 to 1; 0.5 for scores that know nothing.

    Source: Fawcett 2004 (reference 28 of Kumar et al. 2018).

    >>> area_under_roc([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])
    0.75
    """
    reference, weights = _counted(reference, weights)
    if not _scorable(reference, weights):
        return float("nan")
    return float(roc_auc_score(reference, np.asarray(estimated), sample_weight=weights))


def d_prime(auc: ArrayLike) -> Array:
    """Distance in standard deviations between two normal distributions with this AUC: √2 Φ⁻¹(AUC).

    Source: Hershey et al. 2017, "CNN architectures for large-scale audio classification", ICASSP.

    >>> float(d_prime(0.5)), round(float(d_prime(0.9)), 3)
    (0.0, 1.812)
    """
    return np.asarray(np.sqrt(2.0) * ndtri(np.asarray(auc, dtype=np.float64)))


def evaluate(reference: ArrayLike, estimated: ArrayLike, weights: ArrayLike | None = None) -> TaggingScores:
    """Score every class.

    Args:
        reference: 1 where the class occurs in the clip. Shape: ``(N, C)``.
        estimated: Scores, larger for likelier. Shape: ``(N, C)``.
        weights: How often each clip counts. Shape: ``(N,)``.

    Returns:
        TaggingScores: Per class, and their means.

    Raises:
        DataError: The arrays cannot be scored.
    """
    reference = np.asarray(reference)
    counts = np.ones(len(reference), dtype=np.int64) if weights is None else np.asarray(weights)
    ap, auc = resampled(reference, estimated, counts[None])
    return TaggingScores(ap[0], auc[0], positives=np.asarray(counts @ reference, dtype=np.int64))


def resampled(reference: ArrayLike, estimated: ArrayLike, weights: ArrayLike) -> tuple[Array, Array]:
    """AP and AUC of every class under many sets of weights at once, sorting each class only once.

    The same numbers as `average_precision` and `area_under_roc` with each row of weights, at a hundredth of the time.

    Args:
        reference: 1 where the class occurs in the clip. Shape: ``(N, C)``.
        estimated: Scores, larger for likelier. Shape: ``(N, C)``.
        weights: How much each clip counts in each resample. Shape: ``(R, N)``.

    Returns:
        AP and AUC, NaN where a class has no positive clip or no negative one. Shape: ``(R, C)`` each.
    """
    reference, estimated = np.asarray(reference), np.asarray(estimated)
    weights = np.asarray(weights, dtype=np.float64)
    validate(reference, estimated)
    pairs = [_resampled_class(y, scores, weights) for y, scores in zip(reference.T, estimated.T, strict=True)]
    return np.stack([ap for ap, _ in pairs], axis=1), np.stack([auc for _, auc in pairs], axis=1)


def _resampled_class(reference: NDArray[Any], estimated: NDArray[Any], weights: Array) -> tuple[Array, Array]:
    order = np.argsort(-estimated, kind="stable")
    y, scores, w = reference[order], estimated[order], weights[:, order]
    last = np.append(scores[1:] != scores[:-1], True)  # clips of one score pass the threshold together
    hits, alarms = (np.cumsum(w * part, axis=1)[:, last] for part in (y, 1 - y))
    all_hits, all_alarms = hits[:, -1], alarms[:, -1]
    gained = np.diff(hits, axis=1, prepend=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ap = (gained * np.nan_to_num(hits / (hits + alarms))).sum(1) / all_hits
        below = hits - gained / 2  # ties count half
        auc = (np.diff(alarms, axis=1, prepend=0.0) * below).sum(1) / (all_hits * all_alarms)
    undefined = (all_hits == 0) | (all_alarms == 0)
    ap[undefined] = auc[undefined] = np.nan
    return ap, auc


def influence(reference: ArrayLike, estimated: ArrayLike) -> tuple[TaggingScores, Array, Array]:
    """Score every class, and say how AP and AUC move when a clip counts more.

    Args, raises: as for `evaluate`.

    Returns:
        The scores of `evaluate`, and the derivatives of AP and of AUC by the weight of each clip, NaN where a class
        has no score. Shape: ``(N, C)`` each.
    """
    reference, estimated = np.asarray(reference), np.asarray(estimated)
    validate(reference, estimated)
    found = [_class_influence(y, outputs) for y, outputs in zip(reference.T, estimated.T, strict=True)]
    ap, auc, of_ap, of_auc = (np.stack(parts, axis=-1) for parts in zip(*found, strict=True))
    return TaggingScores(ap, auc, np.asarray(reference.sum(0), dtype=np.int64)), of_ap, of_auc


def _class_influence(reference: NDArray[Any], estimated: NDArray[Any]) -> tuple[Array, Array, Array, Array]:
    """AP and AUC, shape ``()``, and their derivatives, shape ``(N,)``."""
    if not 0 < reference.sum() < len(reference):
        return tuple(np.full(shape, np.nan) for shape in ((), (), reference.shape, reference.shape))  # type: ignore[return-value]
    _, step = np.unique(-estimated, return_inverse=True)  # clips of one score pass the threshold together
    y = reference.astype(np.float64)
    gained, alarmed = np.bincount(step, weights=y), np.bincount(step, weights=1 - y)
    hits, alarms = gained.cumsum(), alarmed.cumsum()
    n_hits, n_alarms, passed = hits[-1], alarms[-1], hits + alarms
    precision = hits / passed
    # From its own threshold on a clip lowers every precision, and raises it where it is a hit.
    up, down = (part[::-1].cumsum()[::-1] for part in (gained / passed, gained * precision / passed))
    ap = gained @ precision / n_hits
    of_ap = (y * (precision - ap + up)[step] - down[step]) / n_hits
    above, below = (hits - gained / 2) / n_hits, 1 - (alarms - alarmed / 2) / n_alarms  # ties count half
    auc = gained @ below / n_hits
    of_auc = np.where(y > 0, (below - auc)[step] / n_hits, (above - auc)[step] / n_alarms)
    return np.asarray(ap), np.asarray(auc), of_ap, of_auc


def _counted(reference: ArrayLike, weights: ArrayLike | None) -> tuple[NDArray[Any], NDArray[Any]]:
    reference = np.asarray(reference)
    return reference, np.ones(len(reference)) if weights is None else np.asarray(weights)


def _scorable(reference: NDArray[Any], weights: NDArray[Any]) -> bool:
    """Positives and negatives both occur."""
    return bool(0 < (weights * reference).sum() < weights.sum())


def _mean(scores: Array) -> float:
    defined = scores[~np.isnan(scores)]
    return float(defined.mean()) if len(defined) else float("nan")
