"""Animal calls: a harmonic source with a gliding pitch, given rhythm and a vocal tract."""

import numpy as np

from companion.datasets.synthetic.elements import (
    RATE,
    Samples,
    band_noise,
    blows,
    glide,
    harmonics,
    overlay,
    resonate,
    soft_edges,
    spread,
    steady_times,
)
from companion.datasets.synthetic.recipe import SoundClass, Voice


def overtones(voice: Voice, count: int = 12) -> Samples:
    """Amplitudes of a voiced source: falling by 12 dB per octave (soft) to 3 dB per octave (pressed)."""
    return np.arange(1.0, count + 1.0) ** -spread(voice.colour, 2.0, 0.5)


def notes(note: Samples, voice: Voice, n: int, rng: np.random.Generator, *, jitter: float = 0.15) -> Samples:
    """Repeat one note ``voice.rate`` times a second, each within 2 dB of the others."""
    times = steady_times(rng, voice.rate, n, jitter=jitter)
    strengths = 10 ** (rng.normal(0, 2, len(times)) / 20)
    return overlay(strengths[:, None] * note, times, n)


def chirps(voice: Voice, n: int, rng: np.random.Generator, octaves: float) -> Samples:
    """Notes that glide by ``octaves``, half above and half below the pitch, whichever the direction."""
    M = round(spread(voice.damping, 0.7, 0.35) / voice.rate * RATE)
    pitch = glide(np.array([0, 1]), np.array([-0.5, 0.5]) * octaves, voice.pitch, M)
    return notes(soft_edges(harmonics(pitch, overtones(voice, 3) ** 2), 0.02), voice, n, rng)


def rising_chirp(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Notes that glide up."""
    return chirps(voice, n, rng, spread(voice.colour, 0.4, 1.0))


def falling_chirp(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """The same notes gliding down."""
    return chirps(voice, n, rng, -spread(voice.colour, 0.4, 1.0))


def bark(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """A burst of a hoarse voice that jumps up and falls off, through two formants."""
    M = round(rng.uniform(0.10, 0.20) * RATE)
    pitch = glide(np.array([0, 0.2, 1]), np.array([-0.4, 0.2, -0.5]), voice.pitch, M)
    throat = harmonics(pitch, overtones(voice)) + 0.3 * rng.standard_normal(M)
    formants = np.array([2.2, 4.5]) * voice.pitch
    spoken = resonate(throat, formants, np.ones(2), 4 / (2 * np.pi * formants)) + 0.3 * throat
    return notes(spoken * np.hanning(M) ** 0.5, voice, n, rng)


def howl(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """One long call: up, held with a little vibrato, down."""
    top = rng.uniform(0.15, 0.35)
    curve = glide(np.array([0, top, 0.7, 1]), np.array([-0.8, 0.0, 0.0, -0.6]), voice.pitch, n)
    vibrato = 1 + 0.012 * np.sin(2 * np.pi * voice.rate * np.arange(n) / RATE)
    return soft_edges(harmonics(curve * vibrato, overtones(voice)), 0.15 * n / RATE)


def frog(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Croaks: pulses of the vocal cords, so slow that each is heard, through the vocal sac; rests between."""
    M = round(rng.uniform(0.25, 0.5) * RATE)
    times = steady_times(rng, voice.rate, M, jitter=0.05)
    pulses = blows(times, np.ones(len(times)), 5e-4, M)
    sac = voice.pitch * np.array([1, 2.1, 3.2])
    decays = spread(voice.damping, 12, 5) / (2 * np.pi * sac)
    croak = soft_edges(resonate(pulses, sac, np.array([1, 0.6, 0.3]), decays), 0.05)
    starts = np.arange(0, n, 4 * M // 3) / RATE
    return overlay(np.tile(croak, (len(starts), 1)), starts, n)


def cricket(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """A file drawn over a scraper rings the wing: chirps of three to five strokes of a nearly pure tone."""
    M, strokes = round(0.02 * RATE), int(rng.integers(3, 6))
    stroke = np.sin(2 * np.pi * voice.pitch * np.arange(M) / RATE) * np.hanning(M)
    chirp = overlay(np.tile(stroke, (strokes, 1)), np.arange(strokes) * 0.028, round(strokes * 0.028 * RATE))
    hiss = band_noise(rng, n, voice.pitch * 0.8, voice.pitch * 1.25) * 0.02
    return notes(chirp, voice, n, rng, jitter=0.1) + hiss


CALLS = (
    SoundClass(
        "bark", "call", "hoarse bursts that jump up and fall off, through two formants",
        length=(0.3, 2.0), pitch=(350, 600), rate=(1.5, 4), render=bark,
    ),
    SoundClass(
        "cricket", "call", "chirps of three to five strokes of a nearly pure, high tone",
        length=(0.6, 3.0), pitch=(3500, 5000), rate=(2, 5), render=cricket,
    ),
    SoundClass(
        "frog", "call", "croaks: slow pulses through a resonating sac",
        length=(0.4, 2.0), pitch=(600, 1000), rate=(20, 60), render=frog,
    ),
    SoundClass(
        "howl", "call", "one long harmonic call that rises, holds with vibrato and falls",
        length=(0.8, 3.0), pitch=(350, 600), rate=(4, 7), render=howl,
    ),
    SoundClass(
        "rising_chirp", "call", "whistled notes that glide up by 0.4 to 1 octave",
        length=(0.4, 2.5), pitch=(2000, 3200), rate=(2.5, 7), render=rising_chirp,
    ),
    SoundClass(
        "falling_chirp", "call", "the same notes gliding down",
        length=(0.4, 2.5), pitch=(2000, 3200), rate=(2.5, 7), render=falling_chirp,
    ),
)  # fmt: skip
