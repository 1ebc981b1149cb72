"""Mixtures of three seconds with two ways of parting their sounds, the same disturbed, and the smallest settings."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from companion.audio import Audio
from companion.datasets.base import Clip
from companion.datasets.rare import RareMixtures, Task
from companion.datasets.synthetic.rare import SyntheticRare
from companion.mixtures.rare import Pool
from companion.papers.diment2017.learning import CommonSettings, SourceSettings, TaggerSettings, TargetSettings
from companion.papers.diment2017.sounds import SoundSettings

UNITS = 4
SOUNDS = SoundSettings(name="synthetic", hop_length=2048, averaged=2)
COMMON = CommonSettings(sounds=SOUNDS, tagger=TaggerSettings(units=UNITS, gates="sigmoid", masks="clip"))
SOURCE = SourceSettings(epochs=2, batch_size=4, lr=0.03, n_train=8, n_validation=10, n_test=8)
TARGET = TargetSettings(epochs=2, batch_size=4, n_test=8, n_control=6)

TINY: dict[str, Any] = {
    "common": COMMON, "source": SOURCE, "target": TARGET, "full": TARGET, "n_limited": 6, "n_full": 8,
    "rotations": 2, "n_sources": 2, "n_seeds": 3, "n_full_seeds": 2, "bound": 0.0,
}  # fmt: skip
"""Settings of the chapter on transfer, and of that on samples but for its sizes."""


class Noise(RareMixtures):
    """Mixtures of which nothing is left but their names and labels."""

    def audio(self, clip: Clip) -> Audio:
        rng = np.random.default_rng(int(clip.id[-5:]))
        samples = rng.normal(0, 0.05, self.recipes[clip.id].n_samples).astype(np.float32)
        return Audio(samples, self.sample_rate)


class World(SyntheticRare):
    """Three seconds, four voices a part, and two rotations: in the second, test sounds train and training sounds test.

    Args:
        labels: What ids of mixtures begin with whose labels are turned, such as ``target-test``.
        noise: The same of mixtures that are noise.
    """

    rotations = 2

    def __init__(self, *, labels: Iterable[str] = (), noise: Iterable[str] = ()) -> None:
        super().__init__(0, voices=4, takes=2, backgrounds=2, duration=3.0)
        self.labels, self.noise = tuple(labels), tuple(noise)
        self._drawn: dict[Any, RareMixtures] = {}

    def pool(self, task: Task, part: str, rotation: int = 0) -> Pool:
        turned = {"train": "test", "test": "train"}
        return super().pool(task, turned.get(part, part) if rotation else part)

    def mixtures(self, task: Task, part: str, n_mixtures: int, **options: Any) -> RareMixtures:
        """Drawn once."""
        asked = (task, part, n_mixtures, *sorted(options.items()))
        if asked not in self._drawn:
            self._drawn[asked] = self._disturbed(super().mixtures(task, part, n_mixtures, **options))
        return self._drawn[asked]

    def _disturbed(self, made: RareMixtures) -> RareMixtures:
        first = made.clips[0].id
        if first.startswith(self.noise):
            made = Noise(list(made.recipes.values()), made.corpus, made.target, made.positives)
            made.name = f"noise for {made.name}"
        if first.startswith(self.labels):
            made.clips = tuple(replace(clip, weak=() if clip.weak else (made.target,)) for clip in made.clips)
        return made

    def fingerprint(self) -> str:
        return self._digest

    @cached_property
    def _digest(self) -> str:
        """Looked for hundreds of times."""
        return f"{super().fingerprint()} {self.labels} {self.noise}"


def equal(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks, or layers, are equal bit by bit, normalisation included."""
    values = other.state_dict()
    return all(torch.equal(value, values[name]) for name, value in one.state_dict().items())
