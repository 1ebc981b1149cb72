"""Alarms: electronic tones with few overtones, told apart by how their pitch moves, not by where it lies."""

import numpy as np

from companion.datasets.synthetic.elements import RATE, Samples, harmonics, spread
from companion.datasets.synthetic.recipe import SoundClass, Voice


def horn(voice: Voice, octaves: Samples) -> Samples:
    """A siren's horn whose pitch lies ``octaves`` above ``voice.pitch``: odd harmonics, as of a clipped tone.

    Shape:
        octaves (N,) -> (N,)
    """
    amplitudes = np.array([1, 0, 1, 0, 1, 0, 1]) * np.arange(1.0, 8.0) ** -spread(voice.damping, 3.0, 1.0)
    return harmonics(voice.pitch * 2.0**octaves, amplitudes)


def cycles(voice: Voice, n: int, start: float) -> Samples:
    """Cycles passed since ``start`` (in cycles) at each sample, at ``voice.rate`` per second."""
    return np.arange(n) / RATE * voice.rate + start


def _span(voice: Voice) -> float:
    """Half the range that a siren sweeps, octaves."""
    return spread(voice.colour, 0.25, 0.5)


def swing(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """The pitch goes up and down as a sine."""
    return horn(voice, _span(voice) * np.sin(2 * np.pi * cycles(voice, n, rng.uniform())))


def rising_sweep(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """The pitch rises evenly, falls back at once, and rises again."""
    return horn(voice, _span(voice) * (2 * (cycles(voice, n, rng.uniform()) % 1) - 1))


def falling_sweep(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """The same backwards."""
    return horn(voice, _span(voice) * (1 - 2 * (cycles(voice, n, rng.uniform()) % 1)))


def two_tone(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """A high and a low tone in turn."""
    high = cycles(voice, n, rng.uniform()) % 1 < 0.5
    return horn(voice, np.where(high, 0.5, -0.5) * _span(voice))


def telephone(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Two tones 0.4 octaves apart in turn, ``voice.rate`` times a second; rings of 0.4 s, pauses of 0.2 s."""
    turn = cycles(voice, n, rng.uniform()) % 1 < 0.5
    ring = (np.arange(n) / RATE) % 0.6 < 0.4
    return horn(voice, np.where(turn, 0.2, -0.2)) * ring


ALARMS = (
    SoundClass(
        "two_tone", "alarm", "two pitches in turn, once or twice a second",
        length=(0.8, 3.0), pitch=(700, 1000), rate=(0.8, 2.5), render=two_tone,
    ),
    SoundClass(
        "telephone", "alarm", "rings of two pitches in quick turn, with pauses",
        length=(0.5, 3.0), pitch=(1100, 1500), rate=(12, 25), render=telephone,
    ),
    SoundClass(
        "rising_sweep", "alarm", "the pitch sweeps up and starts anew",
        length=(0.6, 3.0), pitch=(550, 800), rate=(1.5, 5), render=rising_sweep,
    ),
    SoundClass(
        "falling_sweep", "alarm", "the pitch sweeps down and starts anew",
        length=(0.6, 3.0), pitch=(550, 800), rate=(1.5, 5), render=falling_sweep,
    ),
    SoundClass(
        "wail", "alarm", "the pitch swings up and down slowly",
        length=(1.0, 3.5), pitch=(850, 1250), rate=(0.3, 0.8), render=swing,
    ),
    SoundClass(
        "yelp", "alarm", "the same swing, five to ten times as fast",
        length=(1.0, 3.5), pitch=(850, 1250), rate=(2.5, 6), render=swing,
    ),
)  # fmt: skip
