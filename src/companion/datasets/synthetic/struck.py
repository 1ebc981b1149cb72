"""Struck bodies: a blow sets the modes of a bar, bell, ring, membrane or plate ringing.

The ratios of the modes tell what was struck, the decay what it is made of, the contact time of the blow how
hard the hammer was (Fletcher and Rossing, The Physics of Musical Instruments, 2nd ed., chapters 2, 3 and 21).
"""

import numpy as np

from companion.datasets.synthetic.elements import RATE, Samples, blows, resonate, spread, steady_times
from companion.datasets.synthetic.recipe import SoundClass, Voice

FREE_BAR = np.array([1, 2.756, 5.404, 8.933])  # transverse modes of a free bar; chapter 2
MEMBRANE = np.array([1, 1.594, 2.136, 2.296, 2.653, 2.918])  # ideal circular membrane; chapter 3
CHURCH_BELL = np.array([0.5, 1, 1.2, 1.5, 2, 2.5, 2.667, 3, 4])  # hum, prime, tierce, ...; chapter 21
SQUARE_PLATE = np.array([1, 2.5, 4, 5, 6.5, 8.5])  # supported plate, (m² + n²) / 2; chapter 3


def ring_modes(count: int) -> Samples:
    """Inextensional modes of a thin ring, as of a wine glass: n(n² - 1) / sqrt(n² + 1), n = 2, 3, ...

    Source: Rayleigh, The Theory of Sound, section 233.
    """
    n = np.arange(2, 2 + count)
    modes = n * (n**2 - 1) / np.sqrt(n**2 + 1)
    return modes / modes[0]


def strike(voice: Voice, ratios: Samples, decay: float, times: Samples, strengths: Samples, n: int) -> Samples:
    """Blows at ``times`` on a body with modes at ``voice.pitch * ratios``.

    Higher modes die sooner, in inverse proportion to their frequency (constant quality factor). The contact
    time lies between 2 ms (soft) and 0.1 ms (hard), by ``voice.colour``.

    Shape:
        ratios (K,), times (S,), strengths (S,) -> (n,)
    """
    force = blows(times, strengths, spread(voice.colour, 2e-3, 1e-4), n)
    return resonate(force, voice.pitch * ratios, np.ones(len(ratios)), decay / np.maximum(ratios, 1))


def _strengths(rng: np.random.Generator, times: Samples) -> Samples:
    """Blows of uneven force: 2 dB standard deviation."""
    return 10 ** (rng.normal(0, 2, len(times)) / 20)


def struck_bar(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """A player's blows on a bar of wood or metal, ringing 0.08 to 0.6 s."""
    times = steady_times(rng, voice.rate, n, jitter=0.2)
    return strike(voice, FREE_BAR, spread(voice.damping, 0.6, 0.08), times, _strengths(rng, times), n)


def church_bell(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Strokes of a clapper, ringing 0.5 to 2.5 s."""
    times = steady_times(rng, voice.rate, n, jitter=0.1)
    return strike(voice, CHURCH_BELL, spread(voice.damping, 2.5, 0.5), times, _strengths(rng, times), n)


def glass(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Clinks at irregular distances, ringing 0.05 to 0.4 s."""
    times = steady_times(rng, voice.rate, n, jitter=0.7)
    return strike(voice, ring_modes(4), spread(voice.damping, 0.4, 0.05), times, _strengths(rng, times), n)


def drum(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """A steady beat, ringing 0.08 to 0.3 s."""
    times = steady_times(rng, voice.rate, n, jitter=0.05)
    return strike(voice, MEMBRANE, spread(voice.damping, 0.3, 0.08), times, _strengths(rng, times), n)


def knocking(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Steady knocks on a door that rings 8 to 30 ms."""
    times = steady_times(rng, voice.rate, n, jitter=0.1)
    return strike(voice, SQUARE_PLATE, spread(voice.damping, 0.03, 0.008), times, _strengths(rng, times), n)


def bouncing_ball(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Each flight lasts ``restitution`` times the one before, and lands that much softer.

    The restitution is the one for which the bouncing just dies out as the event ends:
    the flights sum to ``first / (1 - restitution)``. The height of the drop varies by a quarter.
    """
    first = rng.uniform(0.93, 1.05) / voice.rate
    restitution = np.clip(1 - first / (n / RATE), 0.5, 0.92)
    flights = first * restitution ** np.arange(60)
    times = np.concatenate([[0], np.cumsum(flights)])
    strengths = restitution ** np.arange(len(times))
    heard = (times < n / RATE) & (strengths > 0.01)
    decay = spread(voice.damping, 0.03, 0.008)
    return strike(voice, SQUARE_PLATE, decay, times[heard], strengths[heard], n)


STRUCK = (
    SoundClass(
        "struck_bar", "struck", "blows on a free bar, modes 1 : 2.76 : 5.40 : 8.93",
        length=(0.6, 2.5), pitch=(500, 900), rate=(1, 4), render=struck_bar,
    ),
    SoundClass(
        "church_bell", "struck", "slow strokes on a bell: hum, prime, minor third, fifth and octave",
        length=(1.5, 3.5), pitch=(280, 480), rate=(0.5, 1.5), render=church_bell,
    ),
    SoundClass(
        "glass", "struck", "irregular clinks of a thin ring, modes 1 : 2.83 : 5.42 : 8.77",
        length=(0.4, 2.0), pitch=(1800, 3000), rate=(2, 6), render=glass,
    ),
    SoundClass(
        "drum", "struck", "steady blows on a round membrane, modes 1 : 1.59 : 2.14 : 2.30",
        length=(0.5, 2.5), pitch=(80, 150), rate=(2, 6), render=drum,
    ),
    SoundClass(
        "knocking", "struck", "steady knocks on a damped square plate",
        length=(0.6, 2.5), pitch=(250, 450), rate=(2.5, 6), render=knocking,
    ),
    SoundClass(
        "bouncing_ball", "struck", "the same plate, hit ever faster and softer by a bouncing ball",
        length=(0.6, 2.5), pitch=(250, 450), rate=(2.5, 6), render=bouncing_ball,
    ),
)  # fmt: skip
