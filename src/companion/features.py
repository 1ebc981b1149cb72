"""Log-mel spectrograms and MFCC as the papers compute them, as named, frozen specifications.

Values equal librosa's to 1e-3 dB, mostly to 1e-5. The transform is SciPy's FFT over blocks of strided frames
and a sparse filter bank, because a mel filter touches few bins: the same numbers, sooner. Like librosa's, it
is in double precision unless a specification says otherwise: in single precision, one clip of a hundred differs by
more than 1e-3 dB in its quiet bands.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy.fft
import scipy.signal
import scipy.sparse
from numpy.typing import NDArray

from companion.audio import Samples, check
from companion.errors import AudioError

Feature = NDArray[np.float32]
FLOOR_POWER = 1e-10
FLOOR_DB = -100.0
"""librosa's ``amin`` and its level: no power is taken as smaller, so silence is exactly −100 dB."""

BLOCK = 128
"""Frames transformed at a time."""


@dataclass(frozen=True)
class LogMel:
    """A log-mel spectrogram: Slaney mel bands of the power spectrum of centred Hann frames, in dB.

    Args:
        name: Stable name, part of every stored feature's key.
        sample_rate: Hz; recordings at another rate are refused.
        n_fft: Window and transform length in samples.
        hop_length: Samples between frames.
        n_mels: Number of mel bands.
        fmin: Lowest frequency in Hz.
        fmax: Highest frequency in Hz.
        top_db: Values are clipped to this range below the clip's maximum; None for no clipping.
        precision: Of the transform; ``single`` takes two thirds of the time.
    """

    name: str
    sample_rate: int = 44100
    n_fft: int = 1024
    hop_length: int = 512
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float = 22050.0
    top_db: float | None = 80.0
    precision: Literal["double", "single"] = "double"

    @property
    def n_features(self) -> int:
        """Values per frame."""
        return self.n_mels


@dataclass(frozen=True)
class Mfcc:
    """Mel-frequency cepstral coefficients: the orthonormal DCT-II of a log-mel spectrogram.

    Args:
        name: Stable name, part of every stored feature's key.
        log_mel: The spectrogram they are taken from.
        n_mfcc: Coefficients kept, from the zeroth.
    """

    name: str
    log_mel: LogMel
    n_mfcc: int = 20

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.log_mel.sample_rate

    @property
    def hop_length(self) -> int:
        """Samples between frames."""
        return self.log_mel.hop_length

    @property
    def n_features(self) -> int:
        """Values per frame."""
        return self.n_mfcc


FeatureSpec = LogMel | Mfcc

NS_LOG_MEL = LogMel("ns-log-mel")
"""Kumar, Khadkevich, Fügen 2018, section 2: 44.1 kHz, 23 ms windows, 11.6 ms hop, 128 bands."""

DV_MFCC = Mfcc("dv-mfcc", LogMel("dv-log-mel", n_fft=2048))
"""Diment, Virtanen 2017, section 3.4: 20 coefficients, 2048-sample windows, hop 512. 2584 frames in 30 s."""

TUT_MFCC = Mfcc("tut-mfcc", LogMel("tut-log-mel", n_fft=1764, hop_length=882, n_mels=40))
"""Mesaros, Heittola, Virtanen 2016, section 4: 20 coefficients from 40 bands, 40 ms windows, half of them shared."""

MULTI_SCALE_LOG_MEL = tuple(LogMel(f"multi-scale-log-mel-{n_fft}", n_fft=n_fft) for n_fft in (512, 1024, 2048, 4096))
"""Kumar, Raj 2017, section II: four window lengths at one hop of 512 samples."""


def dv_mfcc(hop_length: int = 512, precision: Literal["double", "single"] = "double") -> Mfcc:
    """The paper's MFCC at another hop, so that a sequence has fewer frames, or in single precision.

    >>> dv_mfcc() == DV_MFCC, n_frames(30 * 44100, dv_mfcc(hop_length=2048))
    (True, 646)
    """
    named = "" if (hop_length, precision) == (512, "double") else f"-{hop_length}-{precision}"
    log_mel = LogMel(f"dv-log-mel{named}", n_fft=2048, hop_length=hop_length, precision=precision)
    return Mfcc(f"dv-mfcc{named}", log_mel)


def n_frames(n_samples: int, spec: FeatureSpec) -> int:
    """Number of centred frames of a recording of ``n_samples`` samples."""
    return 1 + n_samples // spec.hop_length


def extract(samples: Samples, sample_rate: int, spec: FeatureSpec = NS_LOG_MEL) -> Feature:
    """Compute a feature of one recording.

    Args:
        samples: Mono amplitudes. Shape: ``(N,)``.
        sample_rate: Rate of ``samples`` in Hz; must be the specification's.
        spec: What to compute.

    Returns:
        Values in dB (log-mel) or dB-cepstra (MFCC), time first. Shape: ``(T, F)`` with ``T = 1 + N // hop``.

    Raises:
        AudioError: Wrong sample rate, samples that are no amplitudes (see `companion.audio.check`), or values that
            are not finite.
    """
    if sample_rate != spec.sample_rate:
        raise AudioError(
            f"recording at {sample_rate} Hz given to {spec.name}",
            expected=f"{spec.sample_rate} Hz",
            repair=f"audio.load(path, sample_rate={spec.sample_rate}), or audio.resample",
        )
    samples = check(samples)
    log_mel = spec if isinstance(spec, LogMel) else spec.log_mel
    feature = _power_to_db(_mel_power(samples, log_mel), log_mel.top_db)
    if isinstance(spec, Mfcc):
        feature = np.ascontiguousarray(scipy.fft.dct(feature, type=2, norm="ortho", axis=1)[:, : spec.n_mfcc])
    if not np.isfinite(feature).all():  # or it would be stored, and found again
        expected = "finite values: finite samples, and numbers in the specification"
        raise AudioError(f"{spec.name} of a recording is not finite", expected=expected, repair=f"look at {spec}")
    return feature


def _mel_power(samples: Samples, spec: LogMel) -> Feature:
    """Mel-band powers. Shape: ``(N,)`` to ``(T, n_mels)``."""
    padded = np.pad(samples, spec.n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, spec.n_fft)[:: spec.hop_length]
    window, filters = _window(spec.n_fft, spec.precision), _mel_filters(spec)
    mel = np.empty((len(frames), spec.n_mels), dtype=np.float32)
    # A block of frames stays in the processor's cache from window to filter bank.
    for start in range(0, len(frames), BLOCK):
        spectrum = scipy.fft.rfft(frames[start : start + BLOCK] * window, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        mel[start : start + BLOCK] = (filters @ power.astype(np.float32, copy=False).T).T
    return mel


def _power_to_db(power: Feature, top_db: float | None) -> Feature:
    """Decibels relative to power 1, floored, clipped to ``top_db`` below the maximum."""
    decibels = np.maximum(10.0 * np.log10(np.maximum(power, FLOOR_POWER)), FLOOR_DB)
    decibels[power <= FLOOR_POWER] = FLOOR_DB  # processors differ in the logarithm's last bit
    if top_db is not None:
        decibels = np.maximum(decibels, decibels.max() - top_db)
    return decibels.astype(np.float32)


@lru_cache(maxsize=16)
def _window(n_fft: int, precision: str) -> NDArray[np.floating]:
    window: NDArray[np.float64] = scipy.signal.get_window("hann", n_fft)
    return window.astype(precision)


@lru_cache(maxsize=16)
def _mel_filters(spec: LogMel) -> scipy.sparse.csr_array:
    """Slaney-normalised mel filters. Shape: ``(n_mels, 1 + n_fft // 2)``."""
    import librosa  # takes a second to import: only when a feature is first computed

    filters = librosa.filters.mel(
        sr=spec.sample_rate, n_fft=spec.n_fft, n_mels=spec.n_mels, fmin=spec.fmin, fmax=spec.fmax
    )
    return scipy.sparse.csr_array(filters)
