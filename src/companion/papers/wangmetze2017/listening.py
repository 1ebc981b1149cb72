"""What SoundNet makes of every clip of a corpus, in one pass over its sounds."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from companion import checkpoints, store
from companion.audio import resample
from companion.datasets.base import Dataset
from companion.errors import DataError
from companion.models.soundnet import SAMPLE_RATE, SoundNet, waveform
from companion.store import Value, Work

POOLINGS = ("max", "mean")
"""How the frames of a clip become one representation."""

FILE = Path("soundnet", "sound8.safetensors")
"""Where ``companion fetch soundnet`` leaves the weights, below the data folder."""


@dataclass(frozen=True)
class Weights:
    """A SoundNet: the published one, or one that never learned.

    Args:
        path: File of the weights; None for weights drawn at random.
        width: Of a network drawn at random.
        seed: Of the draw.
    """

    path: Path | None = None
    width: float = 1.0
    seed: int = 0

    def fingerprint(self) -> str:
        """Digest of the weights' values, or of what they are drawn from."""
        if self.path is not None:
            return store.read(self.path, mmap=True).sha256
        return hashlib.sha256(f"untrained {self.width} {self.seed}".encode()).hexdigest()

    @property
    def words(self) -> str:
        """What the network is."""
        return "SoundNet with the published weights" if self.path else f"an untrained SoundNet of width {self.width:g}"

    def network(self) -> SoundNet:
        """The network, in evaluation mode.

        Raises:
            CheckpointError: The file is damaged, or holds another network.
        """
        if self.path is not None:
            network = checkpoints.load(self.path).network
            assert isinstance(network, SoundNet)
            return network
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return SoundNet(width=self.width).eval()


def published_weights(data: Path) -> Weights:
    """The published weights below a data folder.

    Raises:
        DataError: They are not there.
    """
    if not (data / FILE).is_file():
        raise DataError(f"no weights at {data / FILE}", expected=str(FILE), repair="companion fetch soundnet")
    return Weights(data / FILE)


@dataclass(frozen=True)
class Hearing:
    """One way to let the network hear a clip, and what is read off.

    Args:
        name: Of this way.
        layers: What is read off.
        seconds: Clips are repeated from their beginning, or cropped, to this length.
        scale: Factor on amplitudes in [-1, 1].
        pooled: Keep each layer's maximum and mean over the clip, not its frames.
    """

    name: str
    layers: tuple[str, ...]
    seconds: float
    scale: float
    pooled: bool = False


@torch.inference_mode()
def hear(work: Work, corpus: Dataset, weights: Weights, hearings: Sequence[Hearing]) -> Value:
    """Features of every clip, in the order of the corpus.

    Returns:
        Value: Under ``NAME | LAYER`` the frames, shape ``(N, T, C)``; where they are pooled, under ``NAME | LAYER max``
        and ``NAME | LAYER mean`` one representation a clip, shape ``(N, C)``.
    """
    network = weights.network().to(work.device)
    found = defaultdict[str, list[NDArray[np.float32]]](list)
    for clip in tqdm(corpus.clips, desc=f"{corpus.name} through SoundNet", unit="clip", delay=0.5, leave=False):
        audio = corpus.audio(clip)
        samples = resample(audio.samples, audio.sample_rate, SAMPLE_RATE)
        for one in hearings:
            heard = waveform(samples, SAMPLE_RATE, n_samples=round(one.seconds * SAMPLE_RATE), scale=one.scale)
            features = network.features(torch.from_numpy(heard)[None].to(work.device), one.layers)
            for layer, frames in features.items():
                if one.pooled:
                    found[f"{one.name} | {layer} max"].append(frames[0].amax(0).cpu().numpy())
                    found[f"{one.name} | {layer} mean"].append(frames[0].mean(0).cpu().numpy())
                else:
                    found[f"{one.name} | {layer}"].append(frames[0].cpu().numpy())
    return Value({name: np.stack(parts) for name, parts in found.items()})
