"""How hard a corpus is: how far two deaf listeners get, one by levels alone and one by mean spectra."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from companion.audio import Audio
from companion.datasets.base import Clip, Dataset
from companion.features import NS_LOG_MEL, LogMel, extract

FRAME = 2205  # samples in which a level is taken: 50 ms at 44.1 kHz


@dataclass(frozen=True)
class Difficulty:
    """Accuracy of a linear SVM over the corpus's own folds, in per cent.

    Args:
        log_mel: From the mean and the standard deviation over time of each log-mel band.
        level: From the overall and the maximum level, and the duration.
        chance: For guessing one of the classes.
        n_clips: Clips scored.
        n_recordings: Distinct recordings among them.
    """

    log_mel: float
    level: float
    chance: float
    n_clips: int
    n_recordings: int


@dataclass(frozen=True)
class Described:
    """What two deaf listeners know of single-label clips.

    Args:
        clips: In the order of the rows below.
        spectra: ``log_mel_statistics`` of each. Shape: ``(N, 2 * n_mels)``.
        levels: ``level_statistics`` of each. Shape: ``(N, 3)``.
    """

    clips: Sequence[Clip]
    spectra: NDArray[np.float32]
    levels: NDArray[np.float64]


def log_mel_statistics(audio: Audio, spec: LogMel = NS_LOG_MEL) -> NDArray[np.float32]:
    """Mean and standard deviation over time of each band, dB: all of a clip but its course in time.

    Shape:
        -> (2 * n_mels,)
    """
    bands = extract(audio.samples, audio.sample_rate, spec)
    return np.concatenate([bands.mean(axis=0), bands.std(axis=0)])


def level_statistics(audio: Audio) -> NDArray[np.float64]:
    """Mean level over the clip and maximum over 50 ms frames, dB, and the duration, s: all but the sound.

    Shape:
        -> (3,)
    """
    count = max(1, len(audio.samples) // FRAME)
    power = np.array([np.mean(np.square(frame)) for frame in np.array_split(audio.samples, count)])
    mean, loudest = 10 * np.log10([power.mean() + 1e-12, power.max() + 1e-12])
    return np.array([mean, loudest, audio.duration])


def accuracy(
    features: NDArray[np.floating], labels: NDArray[np.str_], folds: NDArray[np.int_], *, C: float = 0.01
) -> float:
    """Cross-validated accuracy of a linear SVM on standardised features, per cent.

    The scaler is fitted, like the SVM, inside the training folds. C is fixed, so nothing is chosen on a fold
    that is scored.

    Shape:
        features (N, D), labels (N,), folds (N,) -> ()
    """
    right = 0
    for fold in np.unique(folds):
        test = folds == fold
        svm = make_pipeline(StandardScaler(), LinearSVC(C=C, tol=1e-2, random_state=0))
        right += (svm.fit(features[~test], labels[~test]).predict(features[test]) == labels[test]).sum()
    return float(100 * right / len(labels))


def describe(dataset: Dataset) -> Described:
    """Compute both kinds of statistics of every clip; its audio is made or read once and let go."""
    spectra, levels = [], []
    for clip in dataset.clips:
        audio = dataset.audio(clip)
        spectra.append(log_mel_statistics(audio))
        levels.append(level_statistics(audio))
    return Described(dataset.clips, np.stack(spectra), np.stack(levels))


def difficulty(described: Described, classes: Sequence[str]) -> Difficulty:
    """Measure what a linear SVM reaches by mean spectra, and by levels alone, on clips of some classes."""
    chosen = [index for index, clip in enumerate(described.clips) if clip.label in classes]
    clips = [described.clips[index] for index in chosen]
    labels, folds = np.array([clip.label for clip in clips]), np.array([clip.fold for clip in clips])
    return Difficulty(
        log_mel=accuracy(described.spectra[chosen], labels, folds),
        level=accuracy(described.levels[chosen], labels, folds),
        chance=100 / len(classes),
        n_clips=len(clips),
        n_recordings=len({clip.recording for clip in clips}),
    )
