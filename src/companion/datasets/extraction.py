"""Features of a whole corpus: one array of frames on disk, read through a memory map."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm.auto import tqdm

from companion.datasets.base import Clip, Dataset
from companion.features import Feature, FeatureSpec, extract
from companion.store import Store


@dataclass(frozen=True)
class CorpusFeatures(Sequence[Feature]):
    """One feature array per clip, kept end to end.

    Args:
        frames: All clips' frames. Shape: ``(sum of T, F)``.
        starts: Where each clip begins, and the end of the last. Shape: ``(N + 1,)``.
    """

    frames: NDArray[np.float32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> Feature: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Feature]: ...
    def __getitem__(self, index: int | slice) -> Feature | Sequence[Feature]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.frames[self.starts[index] : self.starts[index + 1]]

    def __iter__(self) -> Iterator[Feature]:
        return (self[i] for i in range(len(self)))

    @property
    def lengths(self) -> list[int]:
        """Frames of each clip."""
        return [int(length) for length in np.diff(self.starts)]


def extract_corpus(
    dataset: Dataset, spec: FeatureSpec, store: Store, *, clips: Sequence[Clip] | None = None, n_jobs: int = 1
) -> CorpusFeatures:
    """Compute, or find in the store, a feature of every clip of a corpus.

    Args:
        dataset: The corpus.
        spec: Which feature.
        store: Where the arrays are kept; their key covers the corpus's audio and the whole specification.
        clips: Some of its clips; None for all.
        n_jobs: Processes.

    Returns:
        CorpusFeatures: In the order of ``clips``.
    """
    chosen = dataset.clips if clips is None else tuple(clips)
    ids = hashlib.sha256("\n".join(clip.id for clip in chosen).encode()).hexdigest()
    key = {"corpus": dataset.fingerprint(), "clips": ids, "spec": spec}

    def compute() -> list[Feature]:
        step = max(1, min(64, len(chosen) // (4 * n_jobs) or 1))
        groups = [chosen[start : start + step] for start in range(0, len(chosen), step)]
        work = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(_group)(dataset, group, spec) for group in groups)
        done: list[Feature] = []
        with tqdm(total=len(chosen), desc=f"{spec.name} of {dataset.name}", unit="clip") as bar:
            for group in work:
                done += group
                bar.update(len(group))
        return done

    computed: list[list[Feature]] = []

    def once() -> list[Feature]:
        if not computed:
            computed.append(compute())
        return computed[0]

    lengths = store.array({**key, "part": "lengths"}, lambda: np.array([len(f) for f in once()], dtype=np.int64))
    frames = store.array({**key, "part": "frames"}, lambda: np.concatenate(once()), mmap=True)
    return CorpusFeatures(frames, np.concatenate(([0], np.cumsum(lengths))))


def _group(dataset: Dataset, clips: Sequence[Clip], spec: FeatureSpec) -> list[Feature]:
    return [extract(dataset.audio(clip).samples, dataset.sample_rate, spec) for clip in clips]
