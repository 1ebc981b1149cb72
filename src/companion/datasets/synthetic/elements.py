"""The physical elements that every recipe is built from: blows, resonators, harmonic sources and noise.

All functions are pure, take time in seconds and frequency in hertz, and return float64 samples at ``RATE``.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

RATE = 44_100
HIGHEST = 0.45 * RATE  # partials above this are left out: no aliasing
TABLE = 1 << 14  # points of a tabulated period: rounding to a point adds noise 70 dB below

Samples = NDArray[np.float64]  # amplitudes, or any other numbers in a row


def spread(share: float, low: float, high: float) -> float:
    """Map 0..1 to low..high in equal ratios, as ears hear pitch and time.

    >>> round(spread(0.5, 1, 100))
    10
    """
    return float(low * (high / low) ** share)


def overlay(grains: NDArray[np.floating], times: NDArray[np.floating], n: int) -> Samples:
    """Add short sounds into one track, each at its own time; what passes the end is cut.

    Args:
        grains: One short sound per row.
        times: Start of each row, seconds, not negative.
        n: Length of the track, samples.

    Shape:
        grains (K, M), times (K,) -> (n,)
    """
    _, M = grains.shape
    track = np.zeros(n + M)
    starts = np.minimum(np.rint(times * RATE).astype(int), n)
    np.add.at(track, starts[:, None] + np.arange(M), grains)
    return track[:n]


def blows(times: NDArray[np.float64], strengths: NDArray[np.float64], contact: float, n: int) -> Samples:
    """Force of hammer blows: raised-cosine pulses, the harder the hammer the shorter the contact.

    A contact of ``t`` seconds excites modes up to about ``1 / t`` hertz: it sets the brightness.

    Source: Fletcher and Rossing, The Physics of Musical Instruments (2nd ed., 1998), on mallets and hammers.
    """
    M = max(1, round(contact * RATE))
    pulse = np.hanning(M + 2)[1:-1]
    return overlay(strengths[:, None] * pulse / pulse.sum(), times, n)


def resonate(
    force: Samples, frequencies: NDArray[np.float64], gains: NDArray[np.float64], decays: NDArray[np.float64]
) -> Samples:
    """Modal synthesis: a force drives a parallel bank of damped oscillators.

    A unit impulse makes mode k answer with ``gains[k] * exp(-t / decays[k]) * sin(2 pi frequencies[k] t)``.

    Args:
        force: Excitation.
        frequencies: Of the modes, hertz; modes above ``HIGHEST`` are left out.
        gains: Amplitude of each mode.
        decays: Time in which each mode falls to 1/e, seconds.

    Shape:
        force (N,), frequencies (K,), gains (K,), decays (K,) -> (N,)

    Source: van den Doel and Pai, The sounds of physical shapes, Presence 7(4), 1998, equation 1.
    """
    sound = np.zeros_like(force)
    for frequency, gain, decay in zip(frequencies, gains, decays, strict=True):
        if frequency > HIGHEST:
            continue
        radius, angle = np.exp(-1 / (decay * RATE)), 2 * np.pi * frequency / RATE
        feedback = [1, -2 * radius * np.cos(angle), radius**2]
        sound += signal.lfilter([0, gain * radius * np.sin(angle)], feedback, force)
    return sound


def harmonics(pitch: Samples, amplitudes: NDArray[np.float64]) -> Samples:
    """A harmonic source whose pitch moves: ``sum_k amplitudes[k] sin((k + 1) phase)``, read from a table.

    One period is tabulated once, so the cost does not grow with the number of overtones. Overtones that
    would pass ``HIGHEST`` at the top of the glide are left out.

    Args:
        pitch: Hertz at every sample.
        amplitudes: Of the harmonics, the fundamental first.

    Shape:
        pitch (N,), amplitudes (K,) -> (N,)
    """
    audible = amplitudes[: int(HIGHEST // pitch.max())]
    spectrum = np.zeros(TABLE // 2 + 1, dtype=complex)
    spectrum[1 : len(audible) + 1] = -0.5j * TABLE * audible
    cycles = np.cumsum(pitch) / RATE
    return fft.irfft(spectrum, TABLE)[(cycles * TABLE).astype(np.int64) % TABLE]


def glide(times: NDArray[np.float64], octaves: NDArray[np.float64], pitch: float, n: int) -> Samples:
    """Pitch curve through points given in octaves above ``pitch``, straight on a musical scale.

    Args:
        times: Of the points, as fractions of the length, rising from 0 to 1.
        octaves: Height of each point over ``pitch``.
        pitch: Reference, hertz.
        n: Length, samples.

    Shape:
        times (P,), octaves (P,) -> (n,)
    """
    return pitch * 2.0 ** np.interp(np.linspace(0, 1, n), times, octaves)


def band_noise(rng: np.random.Generator, n: int, low: float, high: float) -> Samples:
    """Gaussian noise between two frequencies (second-order Butterworth slopes: 12 dB per octave)."""
    sections = signal.butter(2, [low, min(high, HIGHEST)], btype="bandpass", fs=RATE, output="sos")
    return signal.sosfilt(sections, rng.standard_normal(n))


def moving_noise(
    rng: np.random.Generator, centre: Samples, width: float, strength: Samples, n: int, *, window: int = 2048
) -> Samples:
    """Noise through one resonance whose centre and strength move: random spectra, shaped, overlap-added.

    Args:
        rng: Source of the noise.
        centre: Of the resonance at equally spaced moments, hertz.
        width: Standard deviation of the (Gaussian) resonance, octaves.
        strength: Amplitude at the same moments.
        n: Length, samples.
        window: Length of one spectrum, samples; they overlap by half.

    Shape:
        centre (P,), strength (P,) -> (n,)
    """
    hop, T, F = window // 2, n // (window // 2) + 2, window // 2 + 1
    moments, points = np.linspace(0, 1, T), np.linspace(0, 1, len(centre))
    frequencies = np.maximum(fft.rfftfreq(window, 1 / RATE), 1.0)
    distance = np.log2(frequencies / np.interp(moments, points, centre)[:, None]) / width
    shape = np.interp(moments, points, strength)[:, None] * np.exp(-0.5 * distance**2)
    spectra = shape * (rng.standard_normal((T, F)) + 1j * rng.standard_normal((T, F)))
    # half-overlapping sine windows keep the power of independent frames constant
    frames = fft.irfft(spectra, window, axis=1) * np.sin(np.pi * (np.arange(window) + 0.5) / window)
    track = np.zeros((T + 1) * hop)
    track[: T * hop] = frames[:, :hop].ravel()
    track[hop:] += frames[:, hop:].ravel()
    return track[hop : hop + n]


def steady_times(rng: np.random.Generator, rate: float, n: int, *, jitter: float = 0.0) -> Samples:
    """Moments of a train of ``rate`` per second, each up to half of ``jitter`` periods early or late."""
    count = max(1, int(np.ceil(n / RATE * rate)))
    times = (np.arange(count) + jitter * rng.uniform(-0.5, 0.5, count)) / rate
    return np.maximum(times, 0.0)


def random_times(rng: np.random.Generator, rate: float, n: int) -> Samples:
    """Moments of a Poisson process of ``rate`` per second, the first at 0."""
    count = rng.poisson(rate * n / RATE)
    return np.concatenate([[0.0], np.sort(rng.uniform(0, n / RATE, count))])


def soft_edges(samples: Samples, seconds: float) -> Samples:
    """Raised-cosine fade in and out over ``seconds`` each (or half the length, if that is shorter)."""
    n = min(round(seconds * RATE), len(samples) // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n) if n else np.ones(0)
    faded = samples.copy()
    faded[:n] *= ramp
    faded[len(samples) - n :] *= ramp[::-1]
    return faded
