"""The target task: clips with one label each, official folds, and the recordings they were cut from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion import paths
from companion.datasets.base import Dataset
from companion.datasets.extraction import CorpusFeatures, extract_corpus
from companion.features import NS_LOG_MEL
from companion.store import Store


@dataclass(frozen=True)
class Target:
    """A single-label task as arrays.

    Args:
        dataset: The corpus.
        features: Log-mel of every clip.
    """

    dataset: Dataset
    features: CorpusFeatures

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Class index of every clip. Shape: ``(N,)``."""
        index = {label: number for number, label in enumerate(self.dataset.classes)}
        return np.array([index[str(clip.label)] for clip in self.dataset.clips], dtype=np.int64)

    @cached_property
    def folds(self) -> NDArray[np.int64]:
        """Fold of every clip. Shape: ``(N,)``."""
        return np.array([clip.fold for clip in self.dataset.clips], dtype=np.int64)

    @cached_property
    def recordings(self) -> NDArray[Any]:
        """Recording of every clip. Shape: ``(N,)``."""
        return np.array([clip.recording for clip in self.dataset.clips])

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.dataset.classes)

    def statistics(self) -> NDArray[np.float32]:
        """Mean and standard deviation of every mel band: what any network must beat. Shape: ``(N, 2 F)``."""
        return np.array([np.concatenate((f.mean(0), f.std(0))) for f in self.features], dtype=np.float32)

    def level(self) -> NDArray[np.float32]:
        """Mean and maximum of the log-mel, and its length: loudness alone. Shape: ``(N, 3)``."""
        return np.array([(f.mean(), f.max(), len(f)) for f in self.features], dtype=np.float32)


def load_target(dataset: Dataset, n_jobs: int = 1) -> Target:
    """Extract, or find in the store, the features of a target corpus."""
    store = Store(paths.cache_root() / "store")
    return Target(dataset, extract_corpus(dataset, NS_LOG_MEL, store, n_jobs=n_jobs))
