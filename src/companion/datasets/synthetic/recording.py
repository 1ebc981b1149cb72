"""From a score to a recording: voices sound in a room, over a bed, through a microphone, at some level."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from companion.datasets.base import Event
from companion.datasets.synthetic.catalogue import RECIPES
from companion.datasets.synthetic.elements import HIGHEST, RATE, Samples
from companion.datasets.synthetic.recipe import Range, loudest_level

PEAK = 0.9  # no sample of a recording exceeds this


@dataclass(frozen=True)
class Place:
    """Where and with what a recording was made.

    Args:
        reverberation: Time in which the room's sound decays by 60 dB, seconds.
        directness: Level of the direct sound over that of the room, dB.
        tilt: Slope of the bed's spectrum, dB per octave.
        microphone: Zero and pole of a first-order filter; above 0 it cuts low, below 0 high frequencies.
    """

    reverberation: float
    directness: float
    tilt: float
    microphone: tuple[float, float]


@dataclass(frozen=True)
class Occurrence:
    """One event of a score.

    Args:
        event: Label, onset and offset of the dry sound; the room's tail may outlast it.
        voice: Name of the source that sounds; equal names are the same bell, the same bird.
        ratio: Level of the event's loudest moment over the bed, dB.
    """

    event: Event
    voice: str
    ratio: float


@dataclass(frozen=True)
class Score:
    """All that is needed, beside the seed of the world, to make one clip.

    Args:
        clip: Name of the clip; draws what differs between the clips of one recording.
        recording: Name of the recording; draws the place.
        duration: Seconds.
        level: Level of the clip's loudest moment (50 ms) relative to full scale, dB.
        placements: The events.
        tilt: Range of the slope of the bed's spectrum, dB per octave.
    """

    clip: str
    recording: str
    duration: float
    level: float
    placements: tuple[Occurrence, ...]
    tilt: Range = (-4.0, -1.0)

    @property
    def events(self) -> tuple[Event, ...]:
        """Strong labels in order of onset."""
        return tuple(sorted(placement.event for placement in self.placements))


def stream(seed: int, *names: str) -> np.random.Generator:
    """Random numbers that belong to a name, whatever was drawn before, in any process.

    >>> bool(stream(0, "bark", "A").random() == stream(0, "bark", "A").random())
    True
    """
    digest = hashlib.blake2b("/".join([str(seed), *names]).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def draw_place(rng: np.random.Generator, tilt: Range) -> Place:
    """A dry to a lively room, a near to a distant microphone."""
    return Place(
        reverberation=float(np.exp(rng.uniform(*np.log((0.15, 1.2))))),
        directness=float(rng.uniform(-3, 15)),
        tilt=float(rng.uniform(*tilt)),
        microphone=(float(rng.uniform(-0.4, 0.4)), float(rng.uniform(-0.4, 0.4))),
    )


def impulse_response(place: Place, rng: np.random.Generator) -> Samples:
    """The direct sound, then exponentially decaying noise, all through the microphone.

    Source: Moorer, About this reverberation business, Computer Music Journal 3(2), 1979: a concert hall's
    response sounds like decaying white noise.
    """
    time = np.arange(1, round(0.6 * place.reverberation * RATE)) / RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / place.reverberation)
    tail *= 10 ** (-place.directness / 20) / np.sqrt(np.sum(tail**2))
    zero, pole = place.microphone
    return signal.lfilter([1, -zero], [1, pole], np.concatenate([[1.0], tail]))


def convolve(samples: Samples, response: Samples) -> NDArray[np.float32]:
    """Linear convolution, cut to the length of ``samples``; single precision halves the time.

    Shape:
        samples (N,), response (M,) -> (N,)
    """
    size = fft.next_fast_len(len(samples) + len(response) - 1, real=True)
    spectrum = fft.rfft(samples.astype(np.float32), size) * fft.rfft(response.astype(np.float32), size)
    return fft.irfft(spectrum, size)[: len(samples)]


def bed(tilt: float, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Background noise of level 0 dB whose spectrum rises or falls steadily from 50 Hz up.

    Four poles stand two octaves apart, each with a zero above it (falling) or below it (rising); the closer
    the zero to the next pole, the steeper the slope.

    Args:
        tilt: Slope, -6 to 6 dB per octave.
        n: Length, samples.
        rng: Source of the noise.

    Shape:
        -> (n,)

    Source: Smith and Smith, Closed form fractional integration and differentiation via real exponentially
    spaced pole-zero pairs, arXiv:1606.06154, 2016.
    """
    octaves = np.log2(HIGHEST / 50) / 4
    poles = 50 * 2 ** (octaves * np.arange(4))
    zeros = poles * 2 ** (-octaves * tilt / 6.02)
    z, p = (np.exp(-2 * np.pi * corners / RATE).reshape(2, 2) for corners in (zeros, poles))
    sections = np.column_stack([np.ones(2), -z.sum(1), z.prod(1), np.ones(2), -p.sum(1), p.prod(1)])
    white = rng.random(n, dtype=np.float32) - np.float32(0.5)  # uniform: a third of the time of Gaussian
    noise = signal.sosfilt(sections.astype(np.float32), white)
    return noise / np.sqrt(np.mean(noise**2))


def record(score: Score, seed: int) -> NDArray[np.float32]:
    """Make a clip: a pure function of its score and the seed of the world.

    Shape:
        -> (round(duration * 44100),) with no sample above ``PEAK``
    """
    n = round(score.duration * RATE)
    place = draw_place(stream(seed, score.recording, "place"), score.tilt)
    room = impulse_response(place, stream(seed, score.recording, "room"))
    heard = bed(place.tilt, n, stream(seed, score.clip, "bed"))
    if score.events:
        first = round(score.events[0].onset * RATE)  # before it there is nothing to hear but the bed
        last = round(max(event.offset for event in score.events) * RATE) + len(room)
        heard[first:last] += convolve(perform(score, seed)[first:last], room)
    gain = min(10 ** (score.level / 20) / loudest_level(heard), PEAK / float(np.abs(heard).max()))
    return (gain * heard).astype(np.float32)


def perform(score: Score, seed: int) -> Samples:
    """The dry events alone, at their levels over the bed.

    Shape:
        -> (round(duration * 44100),)
    """
    track = np.zeros(round(score.duration * RATE))
    for number, placement in enumerate(score.placements):
        event, recipe = placement.event, RECIPES[placement.event.label]
        voice = recipe.voice(stream(seed, placement.voice, "voice"))
        rng = stream(seed, score.clip, "event", str(number))
        sound = recipe.sound(voice, event.offset - event.onset, rng)
        start = round(event.onset * RATE)
        sound = sound[: len(track) - start]  # rounding may carry the last sample over the end
        track[start : start + len(sound)] += 10 ** (placement.ratio / 20) * sound
    return track
