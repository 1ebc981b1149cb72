"""Recordings in: any format libsndfile reads, as finite mono samples at the rate that was asked for."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from companion.atomic import atomic_path
from companion.errors import AudioError

Samples = NDArray[np.float32]

READ = 2**20
"""Values read at a time: a clip of ten seconds in one piece, whatever length a header makes up."""

BLOCK = 2**16
"""Samples written at a time: libsndfile's Vorbis encoder overflows the stack on a minute in one piece."""

LOUDEST = 1000.0
"""Amplitude. Sixty decibels above full scale there are no recordings, but integers that were never scaled."""

MOST_SAMPLES = 2**29
"""Samples of one recording: 3.4 hours at 44.1 kHz, 2 GB."""

MISSING = 0.1
"""Seconds, and share of the whole, that a file may lack of what its header states: mp3 encoders pad."""

UNSTATED = 2**31 - 2**16
"""Bytes. Programs that write a header before they know the length put a number as large as this into it."""

_LOGGED = re.compile(r"^ *(?:data|SSND|Data Size|Riff size|riff) *: (\d+) \(should be (\d+)\)", re.MULTILINE)


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


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Args:
        n_samples: Samples of each channel.
        sample_rate: Hz.
        channels: Number of channels.
    """

    n_samples: int
    sample_rate: int
    channels: int

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate


def load(path: Path | str, sample_rate: int | None = None) -> Audio:
    """Read a recording, mix it down and resample it.

    Args:
        path: File in any format that libsndfile reads and that says how long it is (wav, flac, ogg, mp3, aiff …).
        sample_rate: Wanted rate in Hz; None keeps the file's own.

    Returns:
        Audio: Mono float32 samples at ``sample_rate``.

    Raises:
        AudioError: The file is missing, unreadable, empty, or too long for the memory; it ends before its header
            says; it changes while it is read; or its samples are no amplitudes (see `check`).
    """
    path = Path(path)
    with _opened(path) as file:
        samples, file_rate = _read(file, path), file.samplerate
    samples = check(samples, name=str(path))
    if sample_rate is not None:
        samples = check(resample(samples, file_rate, sample_rate), name=f"{path} at {sample_rate} Hz")
    return Audio(samples, sample_rate or file_rate)


def header(path: Path | str) -> Header:
    """Read what a file says of itself, and none of its sound.

    Raises:
        AudioError: The file is missing or unreadable.
    """
    with _opened(Path(path)) as file:
        return Header(file.frames, file.samplerate, file.channels)


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a recording. Whatever goes wrong in the decoder, with the name or with the file is an AudioError."""
    try:
        if not path.is_file():  # a pipe would be waited for
            raise AudioError(f"no recording at {path}", expected="an audio file", repair="check the path")
        before = path.stat()
        # as bytes: a name that is not UTF-8 cannot be given in another way
        with soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else str(path)) as file:
            yield file
        after = path.stat()
    except (OSError, RuntimeError, TypeError, ValueError, MemoryError) as error:
        reason = getattr(error, "error_string", "") or str(error) or type(error).__name__
        raise AudioError(
            f"cannot read {path}: {reason}",
            expected="an intact wav, flac, ogg, mp3 or aiff file",
            repair="fetch or export the file again",
        ) from error
    if (before.st_ino, before.st_size, before.st_mtime_ns) != (after.st_ino, after.st_size, after.st_mtime_ns):
        raise AudioError(f"{path} changed while it was read", expected="a file at rest", repair="read it again")


def _read(file: soundfile.SoundFile, path: Path) -> Samples:
    """Decode a file block by block, so that a header that lies about the length costs no memory."""
    if file.frames > MOST_SAMPLES:
        raise AudioError(
            f"{path} does not say how long it is, or says {file.frames} samples",
            expected=f"a header that states its length, and at most {MOST_SAMPLES} samples",
            repair="export the file again, in parts if it is that long",
        )
    samples = np.empty(file.frames, dtype=np.float32)
    n = 0
    while len(block := file.read(READ // file.channels, dtype="float32", always_2d=True)):
        samples[n : n + len(block)] = mix_down(block)
        n += len(block)
    stated = file.frames + _cut_off(file)
    if stated - n > min(MISSING * file.samplerate, MISSING * stated):
        raise AudioError(
            f"{path} breaks off after {n / file.samplerate:.2f} s",
            expected=f"{stated / file.samplerate:.2f} s, as its header says",
            repair="fetch or export the file again",
        )
    return samples[:n]


def _cut_off(file: soundfile.SoundFile) -> int:
    """Samples that an uncompressed file's header states and the file does not hold; libsndfile only logs them."""
    for stated, held in _LOGGED.findall(file.extra_info):
        if int(held) < int(stated) < UNSTATED:
            return (int(stated) - int(held)) * file.frames // max(1, int(held))
    return 0


def check(samples: NDArray[np.floating], name: str = "recording") -> Samples:
    """Return ``samples`` as float32 if it is a usable mono recording.

    Args:
        samples: Amplitudes. Shape: ``(N,)``.
        name: What to call it in an error, usually the file's path.

    Raises:
        AudioError: Integers, not one-dimensional, empty, not finite, or beyond `LOUDEST`.
    """
    _refuse_integers(samples, name)
    if samples.ndim != 1:
        raise AudioError(
            f"{name} has shape {samples.shape}", expected="one channel, (N,)", repair="call audio.mix_down first"
        )
    if samples.size == 0:
        raise AudioError(f"{name} is empty", expected="at least one sample", repair="export it again")
    if not (samples.max() <= LOUDEST and samples.min() >= -LOUDEST):  # NaN is neither
        first = int(np.flatnonzero(~(np.abs(samples) <= LOUDEST))[0])
        value = samples[first]
        what = f"the amplitude {value:g}" if np.isfinite(value) else "a value that is not finite"
        raise AudioError(
            f"{name} holds {what} at sample {first}",
            expected=f"finite amplitudes, nominally in [-1, 1] and never beyond {LOUDEST:g}",
            repair="export it again; divide what was integers by full scale (32768 for 16 bits), replace NaN",
        )
    return np.ascontiguousarray(samples, dtype=np.float32)


def _refuse_integers(samples: NDArray[np.generic], name: str) -> None:
    if not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(
            f"{name} is an array of {samples.dtype}",
            expected="floating-point amplitudes, nominally in [-1, 1]",
            repair="read the file with audio.load, or divide by full scale: 32768 for 16 bits",
        )


def mix_down(channels: NDArray[np.floating]) -> Samples:
    """Mean of the channels. Shape: ``(N, channels)`` or ``(N,)`` to ``(N,)``.

    Raises:
        AudioError: Integers.
    """
    _refuse_integers(channels, "recording")
    mono = channels if channels.ndim == 1 else channels.mean(axis=1)
    return np.asarray(mono, dtype=np.float32)


def resample(samples: Samples, rate_in: int, rate_out: int) -> Samples:
    """Resample with soxr's high-quality setting; equal rates return the input.

    Shape: ``(N,)`` to ``(M,)`` with M close to ``N * rate_out / rate_in``.

    Raises:
        AudioError: A rate is not a number of samples per second, or M is beyond `MOST_SAMPLES`.
    """
    for rate in (rate_in, rate_out):
        _check_rate(rate)
    if len(samples) * rate_out > MOST_SAMPLES * rate_in:
        problem = f"{len(samples)} samples at {rate_in} Hz are too many at {rate_out} Hz"
        raise AudioError(problem, expected=f"at most {MOST_SAMPLES} samples", repair="check both rates")
    if rate_in == rate_out:
        return samples
    return np.asarray(soxr.resample(samples, rate_in, rate_out, quality="HQ"), dtype=np.float32)


def _check_rate(rate: float) -> None:
    if not 0 < rate < np.inf:
        raise AudioError(f"a sample rate of {rate} Hz", expected="a positive number", repair="44100, for instance")


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


def save(path: Path | str, audio: Audio, bits: int | None = None) -> None:
    """Write a recording atomically; the format follows the file's suffix.

    Args:
        path: The file.
        audio: What to write.
        bits: Of each sample; None for what is usual in the format.

    Raises:
        AudioError: The suffix names no format, or none with as many bits, or the samples are no amplitudes (see
            `check`).
        StoreError: The folder cannot be written or the disk is full.
    """
    path = Path(path)
    if path.suffix[1:].upper() not in soundfile.available_formats():
        raise AudioError(
            f"cannot write {path}: no audio format is called {path.suffix!r}",
            expected="a name that ends with .wav, .flac or .ogg",
            repair="change the suffix",
        )
    subtype = None if bits is None else f"PCM_{bits}"
    if subtype is not None and not soundfile.check_format(path.suffix[1:].upper(), subtype):
        raise AudioError(
            f"cannot write {path} with {bits} bits", expected="16 or 24 bits in .wav or .flac", repair="change one"
        )
    samples, rate = check(audio.samples, name=f"what is to be saved as {path}"), audio.sample_rate
    _check_rate(rate)
    with atomic_path(path) as temporary, soundfile.SoundFile(temporary, "w", rate, 1, subtype) as file:
        for start in range(0, len(samples), BLOCK):
            file.write(samples[start : start + BLOCK])
