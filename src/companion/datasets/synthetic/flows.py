"""Flows of air, water and fire: noise shaped by what it streams past, or the sum of many small sources."""

import numpy as np
from numpy.typing import NDArray

from companion.datasets.synthetic.elements import (
    RATE,
    Samples,
    band_noise,
    blows,
    moving_noise,
    overlay,
    random_times,
    resonate,
    spread,
)
from companion.datasets.synthetic.recipe import SoundClass, Voice


def minnaert(radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frequency of air bubbles in water at the surface: sqrt(3 gamma p / rho) / (2 pi radius), hertz.

    The law is its own inverse: it also gives the radius of a bubble of a frequency.

    Args:
        radius: Metres.

    Source: Minnaert, On musical air-bubbles and the sounds of running water, Philosophical Magazine 16, 1933.

    >>> minnaert(np.array([0.0033])).round()
    array([996.])
    """
    stiffness, density = 3 * 1.4 * 101_325, 998.0  # three times adiabatic index times pressure, Pa; kg/m³
    return np.sqrt(stiffness / density) / (2 * np.pi * radius)


def bubble(frequency: float, rise: float) -> Samples:
    """One bubble on its way to the surface: a decaying tone whose pitch climbs.

    Args:
        frequency: Hertz, before it rises.
        rise: 0 for a deep bubble (steady pitch) to about 0.3 for one near the surface.

    Source: van den Doel, Physically based models for liquid sounds, ACM Transactions on Applied Perception
    2(4), 2005.
    """
    radius = minnaert(np.array(frequency))
    damping = 0.13 / radius + 0.0072 * radius**-1.5
    time = np.arange(round(0.04 * RATE)) / RATE
    phase = 2 * np.pi * frequency * time * (1 + 0.5 * rise * damping * time)
    return np.sin(phase) * np.exp(-damping * time)


def stream(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Bubbles of many sizes that break the surface at random."""
    kinds, rises = voice.pitch * 2 ** rng.uniform(-0.7, 0.7, 24), rng.uniform(0, 0.3, 24)
    bubbles = np.stack([bubble(kind, rise) for kind, rise in zip(kinds, rises, strict=True)])
    times = random_times(rng, voice.rate, n)
    loudness = rng.uniform(0.2, 1, len(times))[:, None]
    return overlay(loudness * bubbles[rng.integers(0, len(kinds), len(times))], times, n)


def rain(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Drops at random on surfaces of four kinds, and the hiss of those too far away to be told apart."""
    times = random_times(rng, voice.rate, n)
    drops = blows(times, rng.lognormal(0, 0.5, len(times)), 2e-4, n)
    force = drops + 0.01 * spread(voice.damping, 0.5, 3) * rng.standard_normal(n)
    surfaces = voice.pitch * 2 ** rng.uniform(-0.8, 0.8, 4)
    return resonate(force, surfaces, np.ones(4), 8 / (2 * np.pi * surfaces))


def fire(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Twigs that crack at random, and the rumble of the draught."""
    times = random_times(rng, voice.rate, n)
    cracks = blows(times, rng.lognormal(0, 0.7, len(times)), 2e-4, n)
    twigs = voice.pitch * 2 ** rng.uniform(-0.8, 0.8, 4)
    rumble = band_noise(rng, n, 60, 400) * spread(voice.colour, 0.02, 0.005)
    return resonate(cracks, twigs, np.ones(4), 5 / (2 * np.pi * twigs)) + rumble


def steam(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """A jet through a valve, two octaves wide, with a little flutter."""
    flutter = 1 + 0.2 * np.sin(2 * np.pi * voice.rate * np.arange(n) / RATE + rng.uniform(0, 2 * np.pi))
    return band_noise(rng, n, voice.pitch / 2, voice.pitch * 2) * flutter


def wind(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Gusts come at random; tone and force of the eddies behind an edge both grow with the speed of the air.

    Source: Strouhal's law, frequency = 0.2 speed / diameter (Rayleigh, The Theory of Sound, section 372).
    """
    gusts = int(np.ceil(voice.rate * n / RATE)) + 2
    speed = np.interp(np.linspace(0, gusts, 64), np.arange(gusts + 1), rng.uniform(0.35, 1.3, gusts + 1))
    return moving_noise(rng, voice.pitch * speed, spread(voice.colour, 0.3, 0.7), speed**2, n)


def surf(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """One wave: it swells slowly, breaks (loudest and brightest), and runs out."""
    time, breaks = np.linspace(0, 1, 64), rng.uniform(0.45, 0.7)
    swell = np.where(time < breaks, time / breaks, np.maximum(1 - time, 0) / (1 - breaks))
    centre = voice.pitch * (0.35 + 0.95 * swell)
    return moving_noise(rng, centre, spread(voice.colour, 0.3, 0.7), 0.05 + swell**2, n)


FLOWS = (
    SoundClass(
        "rain", "flow", "a dense shower of drops, each a short click on a surface, over hiss",
        length=(1.0, 3.5), pitch=(2500, 4500), rate=(150, 600), render=rain,
    ),
    SoundClass(
        "stream", "flow", "air bubbles at their Minnaert pitch, rising and bursting",
        length=(0.8, 3.5), pitch=(700, 1200), rate=(15, 80), render=stream,
    ),
    SoundClass(
        "fire", "flow", "sparse crackles of very uneven force over a low rumble",
        length=(0.8, 3.5), pitch=(1300, 2400), rate=(6, 30), render=fire,
    ),
    SoundClass(
        "steam", "flow", "a steady jet: high noise that starts and stops at once",
        length=(0.5, 2.5), pitch=(4000, 7000), rate=(2, 8), render=steam,
    ),
    SoundClass(
        "wind", "flow", "gusts at random: the noise gets louder and brighter with the air's speed",
        length=(1.2, 3.5), pitch=(400, 800), rate=(0.8, 2.5), render=wind,
    ),
    SoundClass(
        "surf", "flow", "the same noise in one long swell that breaks and runs out",
        length=(1.2, 3.5), pitch=(400, 800), rate=(0.3, 0.8), render=surf,
    ),
)  # fmt: skip
