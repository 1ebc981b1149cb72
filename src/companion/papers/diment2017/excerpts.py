"""A curriculum: excerpts of mixtures first, short ones in which an event is much, then the whole.

Not in the paper. A network that speaks at the last step must learn what to look for and to remember it; 600 whole
mixtures alone taught that hardly at all. With 3,000, excerpts were not needed, as the chapter on the source task shows.
They need to know when events sound, which is known of mixtures.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from companion.training.recordings import Recordings

Span = tuple[int, int] | None
"""First step of an event and the one after its last; None where there is none."""


class Excerpts:
    """Training examples: an excerpt of each mixture, drawn anew in every epoch, with the whole event or without any.

    Args:
        recordings: The mixtures.
        spans: Where the event of each is.
        stages: Steps of an excerpt, and epochs for which it has them, one stage after the other; then all is heard.
        seed: Of the draws.
    """

    def __init__(
        self, recordings: Recordings, spans: Sequence[Span], stages: Sequence[tuple[int, int]], seed: int
    ) -> None:
        self.recordings, self.spans, self.stages, self.seed = recordings, spans, stages, seed
        self.lengths = recordings.lengths
        self.epoch = 0

    def begin_epoch(self, epoch: int) -> None:
        """Let the batches that follow belong to an epoch, from 0."""
        self.epoch = epoch

    @property
    def steps(self) -> int | None:
        """Steps of an excerpt in this epoch; None for the whole."""
        until = 0
        for steps, epochs in self.stages:
            until += epochs
            if self.epoch < until:
                return steps
        return None

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Shape: ``(B, T, F)`` and ``(B, C)``."""
        x, y = self.recordings.batch(indices)
        length = self.steps
        if length is None or length >= x.shape[1]:
            return x, y
        starts = [self._start(int(i), length) for i in indices]
        return torch.stack([one[start : start + length] for one, start in zip(x, starts, strict=True)]), y

    def _start(self, index: int, length: int) -> int:
        """Where an excerpt begins: anywhere, or so that the event is in it, from its first step where it is longer."""
        rng = np.random.default_rng([self.seed, self.epoch, index])
        last = self.lengths[index] - length
        span = self.spans[index]
        if span is None:
            return int(rng.integers(0, last + 1))
        first, end = span
        low, high = max(0, end - length), min(first, last)
        return int(rng.integers(low, high + 1)) if low <= high else min(first, last)
