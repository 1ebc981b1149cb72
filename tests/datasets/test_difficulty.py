"""The synthetic task is neither trivial nor hopeless; its measures do what they say."""

import numpy as np
import pytest

from companion.audio import Audio
from companion.datasets.difficulty import accuracy, describe, difficulty, level_statistics, log_mel_statistics
from companion.datasets.synthetic import CLASSES, TARGET_CLASSES, SyntheticEvents

RATE = 44_100


def test_the_synthetic_task_is_neither_trivial_nor_hopeless():
    """Five clips of 3.5 s a class; with ten of 5 s, the first figure is some ten points higher."""
    described = describe(SyntheticEvents(0, clips_per_class=5, duration=3.5))
    found = difficulty(described, CLASSES)
    assert found.chance <= 5
    assert 30 < found.log_mel < 80
    assert found.level < 20
    assert found.n_clips == 5 * len(CLASSES)
    target = difficulty(described, TARGET_CLASSES)
    assert 30 < target.log_mel < 80
    assert target.n_clips == 5 * len(TARGET_CLASSES)
    assert target.n_recordings == len({clip.recording for clip in described.clips if clip.label in TARGET_CLASSES})


def test_levels_of_a_sine():
    time = np.arange(2 * RATE) / RATE
    sine = 0.5 * np.sin(2 * np.pi * 441 * time).astype(np.float32)
    sine[RATE:] = 0
    mean, loudest, duration = level_statistics(Audio(sine, RATE))
    assert loudest == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.01)
    assert mean == pytest.approx(loudest - 3.01, abs=0.01)  # half of the time there is nothing
    assert duration == 2


def test_statistics_do_not_hear_the_course_of_time():
    rng = np.random.default_rng(0)
    n = 86 * 512  # frames of the reversed clip are the frames reversed, but for one sample
    noise = rng.standard_normal(n).astype(np.float32) * np.linspace(0.1, 1, n, dtype=np.float32)
    forth, back = (log_mel_statistics(Audio(samples, RATE)) for samples in (noise, noise[::-1].copy()))
    np.testing.assert_allclose(forth, back, atol=0.5)


def test_accuracy_is_full_where_features_tell_and_chance_where_they_do_not():
    rng = np.random.default_rng(0)
    labels, folds = np.array(list("abcd") * 100), np.repeat(np.arange(1, 6), 80)
    telling = (labels[:, None] == np.array(list("abcd"))) + 0.01 * rng.standard_normal((400, 4))
    assert accuracy(telling, labels, folds) == 100
    assert accuracy(rng.standard_normal((400, 3)), labels, folds) == pytest.approx(25, abs=8)
