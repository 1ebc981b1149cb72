"""Features of a whole corpus, written shard by shard and read through memory maps.

No more than one shard is ever in memory, so a corpus of any length fits. A killed extraction goes on with the shard
it was killed in.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Literal, overload

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm.auto import tqdm

from companion.datasets.base import Clip, Dataset
from companion.errors import AudioError
from companion.features import Feature, FeatureSpec, extract
from companion.store import Store, Value, Work

SHARD = 256
"""Clips in a shard: 113 MB of 10 s log-mel. Each shard keeps one file open."""

OnError = Literal["raise", "exclude"]


@dataclass(frozen=True)
class Shard:
    """Features of some clips, end to end.

    Args:
        frames: All clips' frames, mapped. Shape: ``(sum of T, F)``.
        starts: Where each clip begins, and the end of the last. Shape: ``(N + 1,)``.
    """

    frames: NDArray[np.float32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1


@dataclass(frozen=True)
class CorpusFeatures(Sequence[Feature]):
    """One feature array per clip, each of shape ``(T, F)``; a clip's frames are read when they are asked for.

    Args:
        shards: The arrays, in the order of the clips.
        clips: The clip of each feature.
        excluded: Clips whose audio cannot be used, by id, with the reason; they have no feature.
    """

    shards: tuple[Shard, ...]
    clips: tuple[Clip, ...]
    excluded: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.clips)

    @overload
    def __getitem__(self, index: int) -> Feature: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Feature]: ...
    def __getitem__(self, index: int | slice) -> Feature | Sequence[Feature]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = bisect_right(self._firsts, index) - 1
        shard, place = self.shards[number], index - self._firsts[number]
        return shard.frames[shard.starts[place] : shard.starts[place + 1]]

    def __iter__(self) -> Iterator[Feature]:
        return (self[i] for i in range(len(self)))

    @cached_property
    def _firsts(self) -> list[int]:
        """Index of each shard's first clip; an empty shard shares it with the next."""
        return list(accumulate((len(shard) for shard in self.shards), initial=0))[:-1]

    @property
    def lengths(self) -> list[int]:
        """Frames of each clip."""
        return [int(length) for shard in self.shards for length in np.diff(shard.starts)]


def extract_corpus(
    dataset: Dataset,
    spec: FeatureSpec,
    store: Store,
    *,
    clips: Sequence[Clip] | None = None,
    n_jobs: int = 1,
    on_error: OnError = "raise",
    shard_clips: int = SHARD,
) -> CorpusFeatures:
    """Compute, or find in the store, a feature of every clip of a corpus.

    Args:
        dataset: The corpus.
        spec: Which feature.
        store: Where the arrays are kept; their keys cover the corpus's audio and the whole specification.
        clips: Some of its clips; None for all.
        n_jobs: Processes.
        on_error: What to do with a clip whose audio turns out to be unusable: ``raise``, or ``exclude`` it and
            name it in the result. A file that is missing always raises.
        shard_clips: Clips that are computed and written together.

    Returns:
        CorpusFeatures: In the order of ``clips``.

    Raises:
        AudioError: A clip cannot be used, and ``on_error`` is ``raise``.
        DataError: A clip's file is missing.
    """
    chosen = dataset.clips if clips is None else tuple(clips)
    groups = [chosen[first : first + shard_clips] for first in range(0, len(chosen), shard_clips)]
    shards = [
        store.keep(
            extract_shard, dataset, tuple(clip.id for clip in group), spec, on_error,
            work=Work(n_jobs=n_jobs), mmap=True,
        )
        for group in groups
    ]  # fmt: skip
    excluded = {name: reason for shard in shards for name, reason in shard.facts["excluded"].items()}
    return CorpusFeatures(
        tuple(Shard(shard["frames"], shard["starts"]) for shard in shards),
        tuple(clip for clip in chosen if clip.id not in excluded),
        excluded,
    )


def extract_shard(work: Work, dataset: Dataset, ids: Sequence[str], spec: FeatureSpec, on_error: OnError) -> Value:
    """Features of some clips, end to end, and why some of them have none."""
    by_id = {clip.id: clip for clip in dataset.clips}
    clips = [by_id[name] for name in ids]
    step = max(1, min(64, len(clips) // (4 * work.n_jobs) or 1))
    groups = [clips[start : start + step] for start in range(0, len(clips), step)]
    jobs = (delayed(_group)(dataset.holding(group), group, spec, on_error) for group in groups)
    found: list[Feature | str] = []
    with tqdm(total=len(clips), desc=f"{spec.name} of {dataset.name}", unit="clip", delay=0.5, leave=False) as bar:
        for features in Parallel(n_jobs=work.n_jobs, return_as="generator")(jobs):
            found += features
            bar.update(len(features))
    kept = [feature for feature in found if not isinstance(feature, str)]
    frames = np.concatenate(kept) if kept else np.empty((0, spec.n_features), dtype=np.float32)
    starts = np.cumsum([0, *map(len, kept)], dtype=np.int64)
    excluded = {name: reason for name, reason in zip(ids, found, strict=True) if isinstance(reason, str)}
    return Value({"frames": frames, "starts": starts}, {"excluded": excluded})


def _group(dataset: Dataset, clips: Sequence[Clip], spec: FeatureSpec, on_error: OnError) -> list[Feature | str]:
    done: list[Feature | str] = []
    for clip in clips:
        try:
            done.append(extract(dataset.audio(clip).samples, dataset.sample_rate, spec))
        except AudioError as error:
            if on_error == "raise":
                raise
            done.append(error.problem)
    return done
