"""Features of a whole corpus, written shard by shard and read through memory maps.

No more than one shard is ever in memory, so a corpus of any length fits. A killed extraction goes on with the shard
it was killed in.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal, overload

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm.auto import tqdm

from companion.datasets.base import Clip, Dataset
from companion.errors import AudioError, StoreError
from companion.features import Feature, FeatureSpec, extract
from companion.store import Store, key

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
    parts = {"corpus": dataset.fingerprint(), "spec": spec}
    if on_error == "exclude":
        parts["on_error"] = on_error
    kept: list[Clip] = []
    excluded: dict[str, str] = {}
    shards = []
    with tqdm(total=len(chosen), desc=f"{spec.name} of {dataset.name}", unit="clip", delay=0.5) as bar:
        for first in range(0, len(chosen), shard_clips):
            group = chosen[first : first + shard_clips]

            def compute(group: Sequence[Clip] = group) -> list[Feature | str]:
                return _compute(dataset, group, spec, n_jobs, on_error, bar.update)

            shard, reasons = _shard(store, parts, group, spec, compute)
            shards.append(shard)
            excluded |= reasons
            kept += [clip for clip in group if clip.id not in reasons]
            bar.update(first + len(group) - bar.n)  # nothing, unless the shard was found
    return CorpusFeatures(tuple(shards), tuple(kept), excluded)


def _shard(
    store: Store,
    parts: Mapping[str, Any],
    clips: Sequence[Clip],
    spec: FeatureSpec,
    compute: Callable[[], list[Feature | str]],
) -> tuple[Shard, dict[str, str]]:
    """One shard, and why some of its clips are not in it. Its frames are written last: they complete it."""
    ids = hashlib.sha256("\n".join(clip.id for clip in clips).encode()).hexdigest()
    parts = {**parts, "clips": ids}
    computed: list[list[Feature | str]] = []

    def once() -> list[Feature | str]:
        if not computed:
            computed.append(compute())
        return computed[0]

    def frames() -> Feature:
        features = [feature for feature in once() if not isinstance(feature, str)]
        return np.concatenate(features) if features else np.empty((0, spec.n_features), dtype=np.float32)

    def lengths() -> NDArray[np.int64]:
        return np.array([0 if isinstance(feature, str) else len(feature) for feature in once()], dtype=np.int64)

    found = store.array({**parts, "part": "lengths"}, lengths)
    reasons: dict[str, str] = {}
    if not found.all():  # no feature has 0 frames: these are the excluded
        out = [clip.id for clip, length in zip(clips, found, strict=True) if length == 0]
        words = {**parts, "part": "reasons"}
        said = store.array(words, lambda: np.array([feature for feature in once() if isinstance(feature, str)]))
        reasons = dict(zip(out, map(str, said), strict=True))
    starts = np.concatenate(([0], np.cumsum(found[found > 0])))
    mapped = store.array({**parts, "part": "frames"}, frames, mmap=True)
    if len(mapped) != starts[-1]:
        raise _changed_meanwhile(store, parts)
    return Shard(mapped, starts), reasons


def _changed_meanwhile(store: Store, parts: Mapping[str, Any]) -> StoreError:
    files = [store.path(key({**parts, "part": part})) for part in ("lengths", "frames")]
    return StoreError(
        f"{files[1]} and its list of lengths disagree: the audio changed while features were computed",
        expected="recordings that stay as they are",
        repair=f"rm {files[0]} {files[1]}, and run again",
    )


def _compute(
    dataset: Dataset,
    clips: Sequence[Clip],
    spec: FeatureSpec,
    n_jobs: int,
    on_error: OnError,
    progress: Callable[[int], Any],
) -> list[Feature | str]:
    """Features of some clips, or why there is none."""
    step = max(1, min(64, len(clips) // (4 * n_jobs) or 1))
    groups = [clips[start : start + step] for start in range(0, len(clips), step)]
    work = (delayed(_group)(dataset.holding(group), group, spec, on_error) for group in groups)
    done: list[Feature | str] = []
    for features in Parallel(n_jobs=n_jobs, return_as="generator")(work):
        done += features
        progress(len(features))
    return done


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
