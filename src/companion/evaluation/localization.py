"""Outputs of segments against strong labels: segment-based F1, its thresholds, and scores without a threshold.

Segments are the network's own, 1.486 s long every 0.743 s, so every instant away from the ends of a clip is judged
twice. Active means an output at or above the threshold of its class. Thresholds are chosen on validation clips and
handed over as numbers; nothing here chooses them on what it scores.

What is counted for each clip is enough for every F1, so a bootstrap over recordings weights clips and never
listens again.

Source: Mesaros, Heittola and Virtanen 2016, "Metrics for polyphonic sound event detection", Applied Sciences 6
(segment-based metrics; there segments do not overlap).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import precision_recall_curve

from companion.errors import DataError
from companion.evaluation import tagging
from companion.evaluation.onsets import OnsetErrors, one_per_class, onset_error
from companion.evaluation.strong_labels import segment_reference

__all__ = [
    "OnsetErrors", "SegmentScores", "choose_thresholds", "counts_per_clip", "f1_from_counts", "onset_error",
    "segment_f1", "segment_reference",
]  # fmt: skip

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SegmentScores:
    """F1, precision and recall of segments, from the numbers behind them.

    Args:
        counts: True positives, false positives, false negatives of each class. Shape: ``(…, C, 3)``, with a leading
            dimension where there are resamples.
    """

    counts: Array

    @property
    def micro(self) -> Array:
        """F1, precision, recall of all decisions together: common classes weigh most. Shape: ``(…, 3)``."""
        return _f1_precision_recall(self.counts.sum(-2))

    @property
    def by_class(self) -> Array:
        """F1, precision, recall of each class; NaN where the reference is never active. Shape: ``(…, C, 3)``."""
        scores = _f1_precision_recall(self.counts)
        scores[self.counts[..., 0] + self.counts[..., 2] == 0] = np.nan
        return scores

    @property
    def macro(self) -> Array:
        """Means over the classes that the reference has active somewhere. Shape: ``(…, 3)``.

        A class that is estimated but never active counts against the micro scores alone.
        """
        scores = self.by_class
        defined = ~np.isnan(scores)
        sums, n = np.where(defined, scores, 0.0).sum(-2), defined.sum(-2)
        return np.divide(sums, n, out=np.full(sums.shape, np.nan), where=n > 0)


def _f1_precision_recall(counts: Array) -> Array:
    """Shape: ``(…, 3)`` to ``(…, 3)``; zero where nothing was estimated or nothing is there to be found."""
    tp, fp, fn = np.moveaxis(counts, -1, 0)
    parts, wholes = np.stack([2 * tp, tp, tp], -1), np.stack([2 * tp + fp + fn, tp + fp, tp + fn], -1)
    return np.divide(parts, wholes, out=np.zeros(parts.shape), where=wholes > 0)


def counts_per_clip(
    reference: Sequence[NDArray[Any]], estimated: Sequence[NDArray[Any]], thresholds: ArrayLike
) -> NDArray[np.int64]:
    """True positives, false positives and false negatives of each clip and class, in segments.

    Args:
        reference: 1 where the class is active, for each clip. Shape: ``(K, C)`` each.
        estimated: Outputs, larger for likelier. Shape: ``(K, C)`` each.
        thresholds: One for all, or one a class. Shape: ``()`` or ``(C,)``.

    Returns:
        Shape: ``(N, C, 3)``.

    Raises:
        DataError: The arrays cannot be scored.
        ParameterError: There is not one threshold for each class.
    """
    _check_pairs(reference, estimated)
    limits = one_per_class(thresholds, np.shape(reference[0])[1])
    counted = []
    for truth, outputs in zip(reference, estimated, strict=True):
        there, found = np.asarray(truth).astype(bool), np.asarray(outputs) >= limits
        counted.append([(there & found).sum(0), (~there & found).sum(0), (there & ~found).sum(0)])
    return np.asarray(counted, dtype=np.int64).transpose(0, 2, 1)


def f1_from_counts(counts: ArrayLike, weights: ArrayLike | None = None) -> SegmentScores:
    """Scores of weighted clips.

    Args:
        counts: From `counts_per_clip`. Shape: ``(N, C, 3)``.
        weights: How much each clip counts, as in a bootstrap. Shape: ``(N,)``, or ``(R, N)`` for R resamples.

    Raises:
        DataError: The arrays do not belong together.
    """
    counts = np.asarray(counts, dtype=np.float64)
    weights = np.ones(len(counts)) if weights is None else np.asarray(weights, dtype=np.float64)
    if counts.ndim != 3 or counts.shape[2] != 3 or weights.shape[-1:] != counts.shape[:1]:
        raise DataError(
            f"counts of shape {counts.shape}, weights of shape {weights.shape}",
            expected="(clips, classes, 3), and a weight for every clip",
        )
    return SegmentScores(np.tensordot(weights, counts, axes=1))


def segment_f1(
    reference: Sequence[NDArray[Any]], estimated: Sequence[NDArray[Any]], thresholds: ArrayLike
) -> SegmentScores:
    """Segment-based F1, precision and recall. Args, raises: as for `counts_per_clip`.

    >>> segment_f1([np.array([[1], [0], [1]])], [np.array([[0.9], [0.8], [0.1]])], 0.5).micro.tolist()
    [0.5, 0.5, 0.5]
    """
    return f1_from_counts(counts_per_clip(reference, estimated, thresholds))


def choose_thresholds(reference: Sequence[NDArray[Any]], estimated: Sequence[NDArray[Any]]) -> Array:
    """The threshold of each class with the highest segment F1, for clips that are used for nothing else.

    It lies half-way between the lowest output that is accepted and the highest that is not, so that as much room is
    left to either side. Of equal F1 the lowest threshold is taken. A class that is never active in these clips gets
    the threshold that is best for all classes together.

    Args, raises: as for `counts_per_clip`; DataError also when no class is ever active.

    Returns:
        Shape: ``(C,)``.
    """
    _check_pairs(reference, estimated)
    truth, outputs = np.concatenate(reference).astype(np.int64), np.concatenate(estimated)
    if not truth.any():
        raise DataError("no class is active in any segment", expected="validation clips with strong labels")
    common = _best_threshold(truth.ravel(), outputs.ravel())
    pairs = zip(truth.T, outputs.T, strict=True)
    return np.array([_best_threshold(own, scores) if own.any() else common for own, scores in pairs])


def _best_threshold(truth: NDArray[Any], outputs: NDArray[Any]) -> float:
    precision, recall, thresholds = precision_recall_curve(truth, outputs)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros(both.shape), where=both > 0)[:-1]
    best = int(np.argmax(f1 >= f1.max() - 1e-12))
    return float(thresholds[max(0, best - 1) : best + 1].astype(np.float64).mean())


def _check_pairs(reference: Sequence[NDArray[Any]], estimated: Sequence[NDArray[Any]]) -> None:
    if not 0 < len(reference) == len(estimated):
        raise DataError(f"{len(reference)} clips of reference, {len(estimated)} estimated", expected="as many of both")
    for truth, outputs in zip(reference, estimated, strict=True):
        tagging.validate(np.asarray(truth), np.asarray(outputs))
    if len({np.shape(clip)[1] for clip in reference}) > 1:
        raise DataError("clips with different numbers of classes", expected="(segments, classes), equal classes")
