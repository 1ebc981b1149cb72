"""Machines: trains of impacts or strokes at a declared rate, through the resonances of what carries them."""

import numpy as np

from companion.datasets.synthetic.elements import (
    RATE,
    Samples,
    band_noise,
    blows,
    glide,
    harmonics,
    resonate,
    spread,
    steady_times,
)
from companion.datasets.synthetic.recipe import SoundClass, Voice


def clicks(voice: Voice, times: Samples, n: int, rng: np.random.Generator) -> Samples:
    """Clicks of a small stiff part in its case: three strongly damped resonances.

    Shape:
        times (K,) -> (n,)
    """
    case = voice.pitch * np.array([1, 1.83, 2.71])
    strengths = 10 ** (rng.normal(0, 2, len(times)) / 20)
    quality = spread(voice.damping, 25, 8)
    return resonate(blows(times, strengths, 1e-4, n), case, np.ones(3), quality / (2 * np.pi * case))


def clock(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Clicks at equal distances."""
    return clicks(voice, steady_times(rng, voice.rate, n), n, rng)


def typewriter(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """As many clicks a second as asked for, at uneven distances (0.1 to 2.5 times the mean)."""
    count = int(np.ceil(n / RATE * voice.rate)) + 3
    gaps = np.clip(rng.exponential(1.0, count), 0.1, 2.5)
    times = np.concatenate([[0], np.cumsum(gaps / gaps.mean() / voice.rate)])
    return clicks(voice, times, n, rng)


def engine(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Firings of slightly uneven strength through the exhaust pipe's resonances."""
    times = steady_times(rng, voice.rate, n, jitter=0.06)
    firings = blows(times, 1 + 0.2 * rng.standard_normal(len(times)), spread(voice.colour, 3e-3, 5e-4), n)
    pipe = voice.pitch * np.array([1, 3, 5, 7])  # closed at the engine, open at the end: odd harmonics
    return resonate(firings, pipe, 1 / np.arange(1, 5), np.full(4, spread(voice.damping, 0.02, 0.006)))


def saw(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Strokes to and fro: bursts of scraping noise, the return stroke softer and duller."""
    position = np.arange(n) / RATE * voice.rate + rng.uniform(-0.02, 0.02)
    push = np.maximum(np.sin(2 * np.pi * position), 0) ** 0.5
    pull = np.maximum(-np.sin(2 * np.pi * position), 0) ** 0.5
    cut = band_noise(rng, n, voice.pitch * 0.8, voice.pitch * 3)
    back = band_noise(rng, n, voice.pitch * 0.5, voice.pitch * 2) * spread(voice.damping, 0.7, 0.2)
    return cut * push + back * pull


def rotor(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Each passing blade slaps the air: low noise that swells with every blade."""
    phase = 2 * np.pi * voice.rate * np.arange(n) / RATE
    slap = np.exp(spread(voice.colour, 1.0, 4.0) * (np.cos(phase) - 1))
    return band_noise(rng, n, voice.pitch / 2, voice.pitch * spread(voice.damping, 2, 4)) * slap


def drill(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """A motor winds up, whines with ``voice.rate`` load changes a second, and runs down."""
    curve = glide(np.array([0, 0.12, 0.88, 1]), np.array([-1.5, 0, 0, -1.2]), voice.pitch, n)
    load = 1 + 0.03 * np.sin(2 * np.pi * voice.rate * np.arange(n) / RATE)
    whine = harmonics(curve * load, np.arange(1.0, 25.0) ** -spread(voice.colour, 1.0, 0.2))
    return whine + 0.4 * band_noise(rng, n, voice.pitch * 4, voice.pitch * 20)


MACHINES = (
    SoundClass(
        "engine", "machine", "uneven firings through an exhaust pipe's odd resonances",
        length=(0.8, 3.5), pitch=(80, 140), rate=(12, 45), render=engine,
    ),
    SoundClass(
        "saw", "machine", "scraping noise to and fro, the return stroke softer and duller",
        length=(0.8, 3.0), pitch=(1000, 1800), rate=(1.2, 3), render=saw,
    ),
    SoundClass(
        "rotor", "machine", "low noise that swells with every blade",
        length=(0.8, 3.5), pitch=(250, 450), rate=(6, 16), render=rotor,
    ),
    SoundClass(
        "drill", "machine", "a motor's whine, rich in overtones, winding up and running down",
        length=(0.6, 2.5), pitch=(180, 300), rate=(2, 6), render=drill,
    ),
    SoundClass(
        "clock", "machine", "clicks of a case's three resonances, exactly steady",
        length=(0.8, 3.0), pitch=(1600, 2800), rate=(3, 8), render=clock,
    ),
    SoundClass(
        "typewriter", "machine", "the same clicks, as many a second, at random distances",
        length=(0.8, 3.0), pitch=(1600, 2800), rate=(3, 8), render=typewriter,
    ),
)  # fmt: skip
