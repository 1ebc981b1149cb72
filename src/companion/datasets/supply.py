"""Training mixtures without end: another set of the same size in every epoch, made when it is asked for."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from companion import code
from companion.audio import Samples
from companion.datasets.base import Dataset
from companion.errors import ParameterError
from companion.features import Feature, FeatureSpec, extract, n_frames
from companion.mixtures import Recipe, render
from companion.mixtures.rare import RareDraw

ROOM = 2**31
"""Bytes of decoded clips that are kept in memory; further ones are decoded each time they are heard."""


class Loaded:
    """Clips of a corpus, decoded once as long as there is room.

    Args:
        corpus: Where they come from.
        room: Bytes.
    """

    def __init__(self, corpus: Dataset, room: int = ROOM) -> None:
        self.corpus, self.room = corpus, room
        self._clips = {clip.id: clip for clip in corpus.clips}
        self._kept: dict[str, Samples] = {}

    def __call__(self, name: str) -> Samples:
        """Samples of a clip. Shape: ``(N,)``."""
        found = self._kept.get(name)
        if found is None:
            found = self.corpus.audio(self._clips[name]).samples
            if found.nbytes <= self.room:
                self.room -= found.nbytes
                found.flags.writeable = False
                self._kept[name] = found
        return found


class Supply:
    """Mixtures that are a function of seed, epoch and index; half of each epoch's hold the target event.

    Args:
        corpus: Where the sounds come from.
        draw: Distribution of the mixtures.
        n_mixtures: In each epoch; even.
        spec: Their feature.
        seed: Seed of the draws.

    Raises:
        ParameterError: The number cannot be halved.
    """

    def __init__(self, corpus: Dataset, draw: RareDraw, n_mixtures: int, spec: FeatureSpec, *, seed: int = 0) -> None:
        if n_mixtures < 2 or n_mixtures % 2:
            raise ParameterError(f"{n_mixtures} mixtures an epoch", expected="an even number", repair="one more")
        self.draw, self.spec, self.seed = draw, spec, seed
        self.source = Loaded(corpus)
        self.lengths = [n_frames(draw.n_samples, spec)] * n_mixtures

    def recipe(self, epoch: int, index: int) -> Recipe:
        """The recipe of one mixture: even indices hold the target event."""
        rng = np.random.default_rng([self.seed, epoch, index, 0])
        return self.draw.recipe(f"train-{epoch:05d}-{index:05d}", "train", index % 2 == 0, rng)

    def __call__(self, epoch: int, index: int) -> tuple[Feature, NDArray[np.float32]]:
        """Feature and label of one mixture. Shape: ``(T, F)`` and ``(1,)``."""
        rate = self.draw.sample_rate
        samples = render(self.recipe(epoch, index), self.source, rate)
        return extract(samples, rate, self.spec), np.array([index % 2 == 0], dtype=np.float32)

    def fingerprint(self) -> str:
        """Digest of all that decides the mixtures."""
        corpus, draw = self.source.corpus, self.draw
        words = f"{code.digest(type(self))} {corpus.fingerprint()} {draw.pool!r} {draw.rule!r}"
        content = f"{words} {self.spec!r} {self.seed} {len(self.lengths)}"
        return hashlib.sha256(content.encode()).hexdigest()
