"""A sound event as a physical recipe: what is drawn once for a source, and how it then sounds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.datasets.synthetic.elements import RATE, Samples, soft_edges

Range = tuple[float, float]

LOUDNESS_WINDOW = 0.05  # seconds: the level of an event is that of its loudest twentieth of a second


@dataclass(frozen=True)
class Voice:
    """One sound source: this bell, that bird. It stays the same throughout a recording.

    Attributes:
        pitch: Fundamental, first mode or centre of the noise band, hertz.
        rate: Strokes, notes, pulses or gusts per second.
        colour: 0 (dull) to 1 (bright).
        damping: 0 (rings long) to 1 (dry).
    """

    pitch: float
    rate: float
    colour: float
    damping: float


@dataclass(frozen=True)
class SoundClass:
    """How one class of events comes to sound.

    Attributes:
        name: Of the class.
        superclass: The physical mechanism it belongs to.
        words: The recipe in one sentence, for the reader.
        length: Range of an event's length, seconds.
        pitch: Range of ``Voice.pitch``, hertz.
        rate: Range of ``Voice.rate``, per second.
        render: (voice, n_samples, generator) -> (n_samples,) at 44.1 kHz.
    """

    name: str
    superclass: str
    words: str
    length: Range
    pitch: Range
    rate: Range
    render: Callable[[Voice, int, np.random.Generator], Samples]

    def voice(self, rng: np.random.Generator) -> Voice:
        """Draw a source: pitch and rate in equal ratios over their ranges, colour and damping evenly."""
        pitch, rate = (float(np.exp(rng.uniform(*np.log(ends)))) for ends in (self.pitch, self.rate))
        return Voice(pitch, rate, colour=float(rng.uniform()), damping=float(rng.uniform()))

    def sound(self, voice: Voice, duration: float, rng: np.random.Generator) -> Samples:
        """Let the source sound once for ``duration`` seconds, dry, at level 0 dB (see ``loudest_level``).

        Shape:
            -> (round(duration * 44100),)
        """
        samples = soft_edges(self.render(voice, round(duration * RATE), rng), 0.005)
        return samples / loudest_level(samples)


def loudest_level(samples: NDArray[np.floating]) -> float:
    """Root mean square of the loudest 50 ms: what decides whether an event is heard over a bed.

    The mean over the whole event would set a click train 20 dB higher than a drone of the same level.
    """
    half = round(LOUDNESS_WINDOW / 2 * RATE)
    padded = np.pad(samples, (0, half - len(samples) % half)).reshape(-1, half)
    energy = np.einsum("bn,bn->b", padded, padded)
    together = energy[:-1] + energy[1:] if len(energy) > 1 else energy
    return float(np.sqrt(together.max() / (2 * half)))
