"""What the variants of SoundNet learn from: sounds at 16 kHz, and what a teacher makes of each of them.

In the paper the teacher looks at a video's pictures. Here it is SoundNet itself, which listens: its heads hear 14.54 s,
so a clip of 5 s is repeated to 20 s, and what it says then belongs to the whole span of the clip.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from companion.audio import resample
from companion.datasets.base import Dataset
from companion.errors import DataError, ParameterError
from companion.models.receptive import geometries
from companion.models.soundnet import SAMPLE_RATE, SCALE, SoundNet, waveform
from companion.models.soundnet_variants import SAMPLE_RATE as STUDENT_RATE
from companion.papers.wangmetze2017.listening import Weights
from companion.store import Value, Work

SECONDS = 20.0
"""Length of sound that SoundNet was trained on, and that a clip is repeated to before the teacher hears it."""

FULL_SCALE = 32_767
"""Sounds are kept as 16-bit integers, as the corpora's own files are."""

Probabilities = NDArray[np.float32]
Spans = Sequence[tuple[int, int]]
"""First output and the one past the last, for every target."""


def hear_clips(work: Work, corpus: Dataset) -> Value:
    """Every clip at 16 kHz, kept because resampling takes longer than learning from it.

    Returns:
        Value: ``samples``, 16-bit. Shape: ``(N, 16000 × seconds)``.

    Raises:
        DataError: The clips have several lengths.
    """
    lengths = {clip.duration for clip in corpus.clips}
    if len(lengths) != 1:
        raise DataError(f"clips of {len(lengths)} lengths in {corpus.name}", expected="clips of one length")
    found = []
    for clip in tqdm(corpus.clips, desc=f"{corpus.name} at 16 kHz", unit="clip", delay=0.5, leave=False):
        audio = corpus.audio(clip)
        samples = resample(audio.samples, audio.sample_rate, STUDENT_RATE)
        found.append(np.rint(np.clip(samples, -1, 1) * FULL_SCALE).astype(np.int16))
    return Value({"samples": np.stack(found)})


def soundnet_targets(work: Work, corpus: Dataset, weights: Weights) -> Value:
    """What SoundNet says of every clip repeated to 20 s.

    Of the four outputs for 20 s the outer two hear padding: the mean over those that hear nothing but the clip.

    Returns:
        Value: ``objects``, shape ``(N, 1000)``, and ``scenes``, shape ``(N, 401)``: probabilities.
    """
    network = weights.network().to(work.device)
    inner = outputs_inside(network, SECONDS)
    objects, scenes = list[Probabilities](), list[Probabilities]()
    for clip in tqdm(corpus.clips, desc=f"{corpus.name} through its teacher", unit="clip", delay=0.5, leave=False):
        audio = corpus.audio(clip)
        samples = resample(audio.samples, audio.sample_rate, SAMPLE_RATE)
        heard = waveform(samples, SAMPLE_RATE, n_samples=round(SECONDS * SAMPLE_RATE))
        with torch.inference_mode():
            said = network(torch.from_numpy(heard)[None].to(work.device))
        for kept, head in ((objects, said.objects), (scenes, said.scenes)):
            kept.append(head[0, inner].double().exp().mean(0).float().cpu().numpy())
    return Value({"objects": np.stack(objects), "scenes": np.stack(scenes)})


def outputs_inside(network: SoundNet, seconds: float) -> list[int]:
    """Outputs of the heads that depend on no padding, for that length of sound.

    Raises:
        ParameterError: There is none.
    """
    at, n_samples = geometries(network.stack)["conv8"], round(seconds * network.sample_rate)
    first = -(at.start // at.stride)
    last = (n_samples - at.field - at.start) // at.stride
    if last < first:
        raise ParameterError(f"{seconds} s of sound", expected="so long that a head hears no padding")
    return list(range(first, last + 1))


def content_targets(work: Work, corpus: Dataset, sure: float) -> Value:
    """A teacher for generated sound that knows what it was made from: object and scene are class and kind of class.

    Args:
        work: Not used.
        corpus: Clips of one label each.
        sure: Probability of the true object, and of the true scene. Half of the rest goes to objects of the same
            kind, so that some mistakes are smaller than others.

    Returns:
        Value: ``objects`` and ``scenes``, as for `soundnet_targets`.
    """
    classes = list(corpus.classes)
    kinds = list(dict.fromkeys(corpus.superclass_of[name] for name in classes))
    kind_of = np.array([kinds.index(corpus.superclass_of[name]) for name in classes])
    alike = (kind_of[:, None] == kind_of).astype(float)
    rest = 0.5 * alike / alike.sum(1, keepdims=True) + 0.5 / len(classes)
    objects = sure * np.eye(len(classes)) + (1 - sure) * rest
    scenes = sure * np.eye(len(kinds)) + (1 - sure) / len(kinds)
    label = np.array([classes.index(str(clip.label)) for clip in corpus.clips])
    return Value({"objects": objects[label].astype(np.float32), "scenes": scenes[kind_of[label]].astype(np.float32)})


def spans(times: NDArray[np.float64], targets: Sequence[float], half: float | None) -> list[tuple[int, int]]:
    """Which outputs meet each target.

    Args:
        times: Seconds of the outputs, rising. Shape: ``(T,)``.
        targets: Seconds that targets belong to.
        half: Outputs within so many seconds meet it; None for the nearest one only.

    Raises:
        ParameterError: A target meets no output.

    Source: Wang, Metze 2017, which leaves it open; SN-F and SN-R have ten outputs a second and a target every five.
    """
    if half is None:
        nearest = [int(np.abs(times - seconds).argmin()) for seconds in targets]
        return [(number, number + 1) for number in nearest]
    ends = [np.searchsorted(times, (seconds - half, seconds + half)) for seconds in targets]
    if any(first >= stop for first, stop in ends):
        raise ParameterError(f"outputs within {half} s of {list(targets)} s", expected="one or more for every target")
    return [(int(first), int(stop)) for first, stop in ends]


def met(log_probs: Tensor, spans: Spans) -> Tensor:
    """What the network says to each target: the mean of its probabilities over the outputs that meet it, as logarithms.

    Shape:
        ``(B, T, C)`` to ``(B, K, C)``
    """
    pooled = [log_probs[:, a:b].logsumexp(1) - float(np.log(b - a)) for a, b in spans]
    return torch.stack(pooled, 1)


class Excerpts:
    """Clips joined to excerpts, other ones in every epoch: each clip is heard once before any is heard again.

    Which clips an excerpt holds is a function of seed, epoch and index alone, so that a training that was killed goes
    on with those that it would have heard.

    Args:
        samples: 16-bit. Shape: ``(N, n)``.
        targets: What the teacher says of each. Shape: ``(N, C)``.
        n_clips: Clips in an excerpt.
        n_excerpts: Excerpts in an epoch.
        seed: Of the draw.
    """

    def __init__(
        self, samples: NDArray[np.int16], targets: Probabilities, n_clips: int, n_excerpts: int, seed: int
    ) -> None:
        self.samples, self.targets = samples, targets
        self.n_clips, self.n_excerpts, self.seed = n_clips, n_excerpts, seed
        self._round = lru_cache(maxsize=4)(self._drawn)

    def clips(self, epoch: int, index: int) -> list[int]:
        """Numbers of the clips of an excerpt, in their order."""
        first = (epoch * self.n_excerpts + index) * self.n_clips
        rounds = (divmod(place, len(self.samples)) for place in range(first, first + self.n_clips))
        return [int(self._round(number)[place]) for number, place in rounds]

    def make(self, epoch: int, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A waveform as the network hears it, and what the teacher says of each of its clips.

        Shape:
            ``(n_clips × n,)`` and ``(n_clips, C)``
        """
        chosen = self.clips(epoch, index)
        return scaled(self.samples[chosen]).ravel(), self.targets[chosen]

    def _drawn(self, number: int) -> NDArray[np.int64]:
        """Order of the clips when they are heard for the n-th time."""
        return np.random.default_rng([self.seed, number]).permutation(len(self.samples))


def scaled(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """16-bit samples as a network hears them: amplitudes in [-1, 1] times SoundNet's factor. Shape: any."""
    return samples.astype(np.float32) * np.float32(SCALE / FULL_SCALE)
