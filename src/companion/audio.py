"""Recordings in: any format libsndfile reads, as finite mono samples at the rate that was asked for."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from companion.atomic import atomic_path
from companion.errors import AudioError

Samples = NDArray[np.float32]

BLOCK = 2**16
"""Samples written at a time: libsndfile's Vorbis encoder overflows the stack on a minute in one piece."""


@dataclass(frozen=True)
class Audio:
    """A mono recording.

    Args:
        samples: Amplitudes, nominally in [-1, 1]. Shape: ``(N,)``.
        sample_rate: Samples per second.
    """

    samples: Samples
    sample_rate: int

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


def load(path: Path | str, sample_rate: int | None = None) -> Audio:
    """Read a recording, mix it down and resample it.

    Args:
        path: File in any format that libsndfile reads (wav, flac, ogg, mp3, aiff …).
        sample_rate: Wanted rate in Hz; None keeps the file's own.

    Returns:
        Audio: Mono float32 samples at ``sample_rate``.

    Raises:
        AudioError: The file is missing, unreadable, empty, or holds values that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"no recording at {path}", expected="an audio file", repair="check the path")
    try:
        channels, file_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError(
            f"cannot read {path}: {error}",
            expected="an intact wav, flac, ogg, mp3 or aiff file",
            repair="fetch or export the file again",
        ) from error
    samples = check(mix_down(channels), name=str(path))
    if sample_rate is not None:
        samples = check(resample(samples, file_rate, sample_rate), name=f"{path} at {sample_rate} Hz")
    return Audio(samples, sample_rate or file_rate)


def check(samples: NDArray[np.floating], name: str = "recording") -> Samples:
    """Return ``samples`` as float32 if it is a usable mono recording.

    Args:
        samples: Amplitudes. Shape: ``(N,)``.
        name: What to call it in an error, usually the file's path.

    Raises:
        AudioError: Not one-dimensional, empty, or not finite.
    """
    if samples.ndim != 1:
        raise AudioError(
            f"{name} has shape {samples.shape}", expected="one channel, (N,)", repair="call audio.mix_down first"
        )
    if samples.size == 0:
        raise AudioError(f"{name} is empty", expected="at least one sample", repair="export it again")
    if not np.isfinite(samples).all():
        first = int(np.flatnonzero(~np.isfinite(samples))[0])
        raise AudioError(
            f"{name} holds a value that is not finite at sample {first}",
            expected="finite amplitudes",
            repair="export it again, or replace NaN and infinity before loading",
        )
    return np.ascontiguousarray(samples, dtype=np.float32)


def mix_down(channels: NDArray[np.floating]) -> Samples:
    """Mean of the channels. Shape: ``(N, channels)`` or ``(N,)`` to ``(N,)``."""
    mono = channels if channels.ndim == 1 else channels.mean(axis=1)
    return np.asarray(mono, dtype=np.float32)


def resample(samples: Samples, rate_in: int, rate_out: int) -> Samples:
    """Resample with soxr's high-quality setting; equal rates return the input.

    Shape: ``(N,)`` to ``(M,)`` with M close to ``N * rate_out / rate_in``.
    """
    if rate_in == rate_out:
        return samples
    return np.asarray(soxr.resample(samples, rate_in, rate_out, quality="HQ"), dtype=np.float32)


def fit_length(samples: Samples, n_samples: int) -> Samples:
    """Crop the end, or pad it with zeros, to exactly ``n_samples``. Shape: ``(N,)`` to ``(n_samples,)``."""
    if len(samples) >= n_samples:
        return samples[:n_samples]
    return np.pad(samples, (0, n_samples - len(samples)))


def frame_times(n_frames: int, hop_length: int, sample_rate: int) -> NDArray[np.float64]:
    """Times of frame centres in seconds, for centred frames.

    Each time is one division of an integer sample position, so it does not drift in a long recording.

    Shape: ``(n_frames,)``.
    """
    return np.arange(n_frames, dtype=np.int64) * hop_length / sample_rate


def save(path: Path | str, audio: Audio) -> None:
    """Write a recording atomically; the format follows the file's suffix.

    Raises:
        AudioError: The suffix names no format.
        StoreError: The folder cannot be written or the disk is full.
    """
    path = Path(path)
    if path.suffix[1:].upper() not in soundfile.available_formats():
        raise AudioError(
            f"cannot write {path}: no audio format is called {path.suffix!r}",
            expected="a name that ends with .wav, .flac or .ogg",
            repair="change the suffix",
        )
    rate = audio.sample_rate
    with atomic_path(path) as temporary, soundfile.SoundFile(temporary, "w", rate, channels=1) as file:
        for start in range(0, len(audio.samples), BLOCK):
            file.write(audio.samples[start : start + BLOCK])
