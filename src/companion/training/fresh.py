"""Training examples that are made when they are asked for, and are others in every epoch."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Make = Callable[[int, int], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Epoch and index to an input ``(T, F)`` and its target; the same ones whenever it is asked."""


class Fresh:
    """Examples made by a function of epoch and index.

    Nothing is remembered from one batch to the next but the epoch, which the training loop says when one begins: a
    training that was killed and goes on hears what it would have heard.

    Args:
        make: Makes one example.
        lengths: Frames of each example, the same in every epoch.
        threads: Examples of a batch that are made at the same time.
    """

    def __init__(self, make: Make, lengths: Sequence[int], *, threads: int = 1) -> None:
        self.make, self.lengths, self.threads, self.epoch = make, lengths, threads, 0

    def begin_epoch(self, epoch: int) -> None:
        """Let the batches that follow belong to an epoch, from 0."""
        self.epoch = epoch

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Shape: ``(B, T, F)`` and ``(B, …)``."""
        epochs, numbers = [self.epoch] * len(indices), [int(i) for i in indices]
        if self.threads == 1:
            made = list(map(self.make, epochs, numbers))
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                made = list(pool.map(self.make, epochs, numbers))
        inputs, targets = zip(*made, strict=True)
        return torch.from_numpy(np.stack(inputs)), torch.from_numpy(np.stack(targets))
