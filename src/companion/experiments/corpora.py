"""The corpora page: what the synthetic world is made of, and how far one gets in it by level and spectrum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from companion.audio import Audio, resample
from companion.datasets.base import Clip, Dataset
from companion.datasets.esc50 import DURATION, ESC50
from companion.datasets.synthetic import RECIPES, SCENES, TARGET_CLASSES
from companion.events import length_statistics, read_table
from companion.features import NS_LOG_MEL, LogMel, extract
from companion.report.repository import checkout

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


def excerpt(audio: Audio, clip: Clip, seconds: float, sample_rate: int) -> Audio:
    """What a page lets a reader hear of a clip: from just before its first event, at a lower rate."""
    start = max(0.0, clip.strong[0].onset - 0.1) if clip.strong else 0.0
    start = min(start, max(0.0, audio.duration - seconds))
    first, last = (round(time * audio.sample_rate) for time in (start, start + seconds))
    return Audio(resample(audio.samples[first:last], audio.sample_rate, sample_rate), sample_rate)


def class_table() -> pd.DataFrame:
    """The classes of the synthetic world: recipes in words, and the ranges that voices are drawn from."""
    rows = [
        {
            "superclass": recipe.superclass,
            "class": recipe.name,
            "task": "target" if recipe.name in TARGET_CLASSES else "source",
            "recipe": recipe.words,
            "pitch, Hz": _range(recipe.pitch),
            "rate, 1/s": _range(recipe.rate),
            "length, s": _range(recipe.length),
        }
        for recipe in RECIPES.values()
    ]
    return pd.DataFrame(rows)


def scene_table() -> pd.DataFrame:
    """The scenes of the synthetic world: how likely each event is heard, and the slope of the background."""
    rows = [
        {
            "scene": scene.name,
            "events heard": ", ".join(f"{name} {probability:.0%}" for name, probability in scene.events.items()),
            "background, dB per octave": _range(scene.tilt),
        }
        for scene in SCENES
    ]
    return pd.DataFrame(rows)


def difficulty_table(found: Mapping[str, Difficulty]) -> pd.DataFrame:
    """One line for each task: what chance, levels and mean spectra reach, and on how much."""
    rows = [
        {
            "task": task,
            "chance, %": f"{measured.chance:.1f}",
            "levels and duration, %": f"{measured.level:.1f}",
            "log-mel statistics, %": f"{measured.log_mel:.1f}",
            "clips": measured.n_clips,
            "recordings": measured.n_recordings,
        }
        for task, measured in found.items()
    ]
    return pd.DataFrame(rows)


def _range(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}".replace("-", "−")


def event_lengths() -> pd.DataFrame:
    """How long the events cut from ESC-50 are, class by class, from the committed table."""
    cuts = read_table(checkout() / "data" / "events" / "esc50.csv")
    table = length_statistics(cuts, ESC50.sample_rate, DURATION).reset_index()
    names = {"label": "class", "n_cuts": "events", "n_clips": "clips", "n_recordings": "recordings"}
    table["label"] = table["label"].str.replace("_", " ")
    table[["median", "p5", "p95"]] = table[["median", "p5", "p95"]].map("{:.2f}".format)
    table["active"] = table["active"].map("{:.0%}".format)
    return table.rename(columns={**names, "p5": "5 % are shorter", "p95": "95 % are shorter", "active": "of the clip"})
