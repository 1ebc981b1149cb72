"""Small lessons for students under test, and the same disturbed in one part."""

from pathlib import Path

import numpy as np

from companion.audio import Audio
from companion.datasets.base import Clip
from companion.datasets.synthetic import SyntheticEvents
from companion.models.soundnet import SAMPLE_RATE
from companion.papers.wangmetze2017.student_training import StudentSettings
from companion.store import Kept, Value

OBJECTS, SCENES, LENGTH = 4, 3, 16_000
TINY = StudentSettings(width=0.0625, size=4, batch_size=2, clips=2, steps=2, checks=3, patience=1)
FOLDS = np.array([1] * 6 + [2] * 3 + [3] * 3)


def kept(value: Value) -> Kept:
    """A value as if it came from the store."""
    return Kept(Path("made-up"), value.arrays, value.facts, {}, "0")


def clips_of(seed=0, n=12):
    """Sounds and targets of some clips of one second."""
    rng = np.random.default_rng(seed)
    samples = (rng.normal(size=(n, LENGTH)) * 3000).astype(np.int16)
    objects, scenes = (rng.dirichlet(np.ones(size), n).astype(np.float32) for size in (OBJECTS, SCENES))
    return kept(Value({"samples": samples})), kept(Value({"objects": objects, "scenes": scenes}))


def with_noise(sounds, teacher, fold):
    """The same with other sounds and other targets for the clips of a fold."""
    other_sounds, other_teacher = clips_of(seed=9)
    there = np.equal(FOLDS, fold)

    def mixed(one, other):
        arrays = {
            name: np.where(there.reshape(-1, *[1] * (one[name].ndim - 1)), other[name], one[name]) for name in one
        }
        return kept(Value(arrays))

    return mixed(sounds, other_sounds), mixed(teacher, other_teacher)


class Two(SyntheticEvents):
    """Two clips of noise, 5 s."""

    def __init__(self, lengths=(5.0, 5.0)):
        super().__init__(0, classes=("bark", "wail"), clips_per_class=5, duration=5.0)
        self.clips = tuple(Clip(str(i), str(i), 1, d, "bark") for i, d in enumerate(lengths))

    def audio(self, clip):
        rng = np.random.default_rng(int(clip.id))
        return Audio((rng.normal(size=round(clip.duration * SAMPLE_RATE)) * 0.1).astype(np.float32), SAMPLE_RATE)
