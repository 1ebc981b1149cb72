"""The baseline of acoustic scene classification: one Gaussian mixture over MFCC frames for each scene.

Source: Mesaros, Heittola, Virtanen 2016, "TUT database for acoustic scene classification and sound event
detection", EUSIPCO, section 4. Its public code is not run here; scikit-learn's mixtures and this project's MFCC
(Hann windows of 40 ms) stand for its own (Hamming windows, transformed at 2048 points).
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from companion.errors import DataError

Frames = NDArray[np.float32]

WIDTH = 9
"""Frames over which a slope is taken: four on either side."""

MAX_ITERATIONS = 40
"""Steps of expectation and maximisation, as in the baseline's settings."""

LEAST_VARIANCE = 1e-3
"""Added to every variance of the standardised features, as in the baseline's settings."""


def with_dynamics(mfcc: Frames) -> Frames:
    """Append delta and acceleration coefficients: first and second derivatives of a local polynomial.

    Args:
        mfcc: Static coefficients, time first. Shape: ``(T, F)``.

    Returns:
        Shape: ``(T, 3 * F)``.
    """
    import librosa  # takes a second to import

    # "nearest": defined for clips of any length, and no slope is made up at their ends
    slopes = [librosa.feature.delta(data=mfcc, width=WIDTH, order=n, axis=0, mode="nearest") for n in (1, 2)]
    return np.concatenate([mfcc, *slopes], axis=1).astype(np.float32)


def mfcc_gmm_folds(
    features: Sequence[Frames],
    labels: Sequence[str] | NDArray[Any],
    folds: Sequence[int] | NDArray[Any],
    *,
    n_components: int = 16,
    max_frames: int = 20_000,
    seed: int = 0,
    n_jobs: int = 1,
) -> NDArray[Any]:
    """Label every clip by the mixtures of the other folds.

    A clip's score for a scene is the sum of its frames' log-likelihoods; the highest score decides. Features are
    standardised with the mean and deviation of the training frames.

    Args:
        features: Each clip's frames, time first. Shape: N of ``(T, F)``.
        labels: Scene of every clip. Shape: ``(N,)``.
        folds: Fold of every clip; two folds or more. Shape: ``(N,)``.
        n_components: Gaussians in a mixture, with diagonal covariances.
        max_frames: Training frames of a scene beyond this number are left out at random, evenly over its clips. The
            baseline uses all of them; a mixture of 16 has some 2000 parameters.
        seed: Of the frames left in, and of the mixtures' first guess.
        n_jobs: Processes.

    Returns:
        Predicted labels. Shape: ``(N,)``.

    Raises:
        DataError: Lengths disagree, a value is not finite, or a scene has no training clip for some fold.

    Source: Mesaros, Heittola, Virtanen 2016, section 4.
    """
    labels, folds = np.asarray(labels), np.asarray(folds)
    _check(features, labels, folds)
    work = (
        delayed(_predict)(
            [features[int(i)] for i in np.flatnonzero(folds != fold)],
            labels[folds != fold],
            [features[int(i)] for i in np.flatnonzero(folds == fold)],
            n_components,
            max_frames,
            seed,
        )
        for fold in np.unique(folds)
    )
    predictions = np.empty_like(labels)
    for fold, predicted in zip(np.unique(folds), Parallel(n_jobs=n_jobs)(work), strict=True):
        predictions[folds == fold] = predicted
    return predictions


def _predict(
    seen: list[Frames], labels: NDArray[Any], new: list[Frames], n_components: int, max_frames: int, seed: int
) -> NDArray[Any]:
    """Fit one mixture per scene, and label other clips. Shape: ``(len(new),)``."""
    scaler = StandardScaler()
    for clip in seen:
        scaler.partial_fit(clip)
    test, starts = scaler.transform(np.concatenate(new)), np.cumsum([0, *(len(clip) for clip in new[:-1])])
    classes = np.unique(labels)
    scores = np.empty((len(new), len(classes)))
    for column, name in enumerate(classes):
        rng = np.random.default_rng([seed, column])
        frames = _subsample([clip for clip, label in zip(seen, labels, strict=True) if label == name], max_frames, rng)
        mixture = _fit(scaler.transform(frames), n_components, seed)
        scores[:, column] = np.add.reduceat(mixture.score_samples(test), starts)
    return classes[scores.argmax(axis=1)]


def _fit(frames: Frames, n_components: int, seed: int) -> GaussianMixture:
    mixture = GaussianMixture(
        n_components, covariance_type="diag", max_iter=MAX_ITERATIONS, reg_covar=LEAST_VARIANCE, random_state=seed
    )
    with warnings.catch_warnings():  # stopping after a fixed number of steps is what the baseline does
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(frames)


def _subsample(clips: list[Frames], max_frames: int, rng: np.random.Generator) -> Frames:
    """At most ``max_frames`` frames, the same share of each clip's. Shape: ``(M, F)``."""
    share = min(1.0, max_frames / sum(len(clip) for clip in clips))
    if share == 1.0:
        return np.concatenate(clips)
    kept = [rng.choice(len(clip), size=max(1, int(share * len(clip))), replace=False) for clip in clips]
    return np.concatenate([clip[np.sort(rows)] for clip, rows in zip(clips, kept, strict=True)])


def _check(features: Sequence[Frames], labels: NDArray[Any], folds: NDArray[Any]) -> None:
    if not len(features) == len(labels) == len(folds):
        problem = f"{len(features)} clips with {len(labels)} labels and {len(folds)} folds"
        raise DataError(problem, expected="one label and one fold a clip")
    bad = [i for i, clip in enumerate(features) if clip.ndim != 2 or not len(clip) or not np.isfinite(clip).all()]
    if bad:
        problem = f"{len(bad)} clips have no frames or values that are not finite, the first is number {bad[0]}"
        raise DataError(problem, expected="finite features of shape (T, F)", repair="companion validate the corpus")
    for fold in np.unique(folds):
        missing = sorted(set(labels.tolist()) - set(labels[folds != fold].tolist()))
        if missing:
            problem = f"nothing to learn {', '.join(map(str, missing))} from when fold {fold} is tested"
            raise DataError(problem, expected="clips of every scene in two folds or more")
