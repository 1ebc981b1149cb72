"""Mixtures: a recipe is data, its audio a pure function of the recipe and the source clips.

Events are placed at onsets and event-to-background ratios over a bed. A bed is phase-randomised noise with
the long-term spectrum of clips of the same split: it sounds like a place, repeats no event, and is never
digital silence.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from companion.audio import Samples
from companion.errors import DataError
from companion.events import EventCut, cut

PEAK = 0.9
"""A mixture whose peak would pass this is scaled down to it."""


@dataclass(frozen=True)
class Placement:
    """One event in a mixture.

    Args:
        event: Which cut.
        onset: Sample at which it starts.
        ratio_db: Event-to-background ratio: the event's level over the bed's level under it.
    """

    event: EventCut
    onset: int
    ratio_db: float


@dataclass(frozen=True)
class Recipe:
    """Everything that makes one mixture.

    Args:
        id: Unique in its corpus.
        split: ``train``, ``validation`` or ``test``.
        n_samples: Length.
        placements: The events.
        bed: Clips whose averaged long-term spectrum the bed has.
        bed_level_db: Root-mean-square level of the bed, relative to full scale.
        bed_seed: Seed of the bed's phases.
    """

    id: str
    split: str
    n_samples: int
    placements: tuple[Placement, ...]
    bed: tuple[str, ...]
    bed_level_db: float
    bed_seed: int

    @property
    def recordings(self) -> frozenset[str]:
        """The recordings its events come from."""
        return frozenset(placement.event.recording for placement in self.placements)

    @property
    def clips(self) -> frozenset[str]:
        """The clips that are heard in it, as events or in the bed."""
        return frozenset(placement.event.clip for placement in self.placements) | frozenset(self.bed)


@dataclass(frozen=True)
class MixtureRule:
    """The distribution that recipes are drawn from.

    Args:
        duration: Seconds of every mixture, or several lengths of which each is equally likely.
        n_events: Fewest and most events; the number is uniform between them.
        ratio_db: Lowest and highest event-to-background ratio; uniform between them.
        bed_level_db: Lowest and highest level of the bed; uniform between them.
        bed_classes: Classes in one bed: one clip of each, whose spectra are averaged.
        longest: Seconds after which an event is cut off; None for its whole length.
    """

    duration: float | tuple[float, ...] = 10.0
    n_events: tuple[int, int] = (1, 3)
    ratio_db: tuple[float, float] = (0.0, 24.0)
    bed_level_db: tuple[float, float] = (-50.0, -30.0)
    bed_classes: int = 6
    longest: float | None = 3.0

    def draw_duration(self, rng: np.random.Generator) -> float:
        """Seconds of the next mixture; nothing is drawn where all have one length."""
        return float(rng.choice(self.duration)) if isinstance(self.duration, tuple) else self.duration


def draw_recipes(
    cuts: Sequence[EventCut],
    split: str,
    n_recipes: int,
    rule: MixtureRule,
    sample_rate: int,
    rng: np.random.Generator,
    *,
    not_in_beds: Container[str] = (),
) -> list[Recipe]:
    """Draw mixtures of one split.

    Classes are equally likely whatever their number of cuts, and within a class recordings are, so that a
    recording that gives many clips is not heard more often.

    Args:
        cuts: The event cuts of this split only.
        split: Name written into the recipes and their ids.
        n_recipes: How many.
        rule: The distribution.
        sample_rate: Hz.
        rng: Source of randomness.
        not_in_beds: Classes whose spectrum alone names them: a bed of rain is rain without its label.

    Returns:
        Recipes whose events, beds and recordings all belong to ``cuts``.
    """
    if not cuts:
        raise DataError(f"no event cuts for the {split} split", expected="at least one", repair="check the event table")
    chosen = cuts if rule.longest is None else capped(cuts, round(rule.longest * sample_rate))
    by_class = grouped(chosen)
    beds = {label: recordings for label, recordings in by_class.items() if label not in not_in_beds}
    classes, recipes = sorted(by_class), []
    for number in range(n_recipes):
        n_samples = round(rule.draw_duration(rng) * sample_rate)
        placements = []
        for label in rng.choice(classes, size=rng.integers(rule.n_events[0], rule.n_events[1] + 1), replace=False):
            event = draw_cut(by_class[label], rng)
            onset = int(rng.integers(0, max(1, n_samples - event.n_samples)))
            placements.append(Placement(event, onset, float(rng.uniform(*rule.ratio_db))))
        mixed = rng.choice(sorted(beds), size=min(rule.bed_classes, len(beds)), replace=False)
        recipes.append(
            Recipe(
                id=f"{split}-{number:05d}",
                split=split,
                n_samples=n_samples,
                placements=tuple(placements),
                bed=tuple(draw_cut(beds[label], rng).clip for label in mixed),
                bed_level_db=float(rng.uniform(*rule.bed_level_db)),
                bed_seed=int(rng.integers(2**31)),
            )
        )
    return recipes


Grouped = Mapping[str, Mapping[str, Sequence[EventCut]]]
"""Event cuts by class, and within a class by recording."""


def grouped(cuts: Iterable[EventCut]) -> Grouped:
    """Event cuts by class and recording."""
    found: dict[str, dict[str, list[EventCut]]] = {}
    for row in cuts:
        found.setdefault(row.label, {}).setdefault(row.recording, []).append(row)
    return found


def draw_cut(recordings: Mapping[str, Sequence[EventCut]], rng: np.random.Generator) -> EventCut:
    """One cut of one recording; recordings are equally likely, however many cuts they give."""
    choices = recordings[sorted(recordings)[rng.integers(len(recordings))]]
    return choices[int(rng.integers(len(choices)))]


def capped(cuts: Iterable[EventCut], n_samples: int) -> list[EventCut]:
    """Event cuts that end after ``n_samples`` at the latest."""
    return [replace(row, offset=min(row.offset, row.onset + n_samples)) for row in cuts]


def render(recipe: Recipe, source: Callable[[str], Samples], sample_rate: int) -> Samples:
    """Make the audio of a recipe: the same samples every time.

    Args:
        recipe: What to mix.
        source: Clip id to its samples at ``sample_rate``.
        sample_rate: Hz.

    Returns:
        Shape: ``(n_samples,)``, peak at most 0.9.
    """
    bed = phase_randomised_bed([source(clip) for clip in recipe.bed], recipe.n_samples, recipe.bed_seed)
    bed *= 10 ** (recipe.bed_level_db / 20)
    mixture = bed.copy()
    for placement in recipe.placements:
        row = placement.event
        event = cut(source(row.clip), row.onset, row.offset, sample_rate)[: recipe.n_samples - placement.onset]
        under = bed[placement.onset : placement.onset + len(event)]
        gain = 10 ** (placement.ratio_db / 20) * _level(under) / max(_level(event), 1e-9)
        mixture[placement.onset : placement.onset + len(event)] += gain * event
    return mixture * min(1.0, PEAK / float(np.abs(mixture).max()))


def phase_randomised_bed(clips: Sequence[Samples], n_samples: int, seed: int) -> Samples:
    """Stationary noise of unit level with the average long-term spectrum of some clips.

    Each clip's spectrum is scaled to unit power first, so that no loud clip decides alone.

    Shape: ``(n_samples,)``.
    """
    power = np.mean([long_term_power(clip) for clip in clips], axis=0)
    frequencies = np.linspace(0.0, 1.0, n_samples // 2 + 1)
    magnitude = np.sqrt(np.interp(frequencies, np.linspace(0.0, 1.0, len(power)), power)).astype(np.float32)
    phase = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, len(magnitude)).astype(np.float32)
    bed = scipy.fft.irfft(magnitude * np.exp(1j * phase), n=n_samples).astype(np.float32)
    return bed / _level(bed)


def long_term_power(clip: Samples, n_fft: int = 2048) -> NDArray[np.float64]:
    """Mean power spectrum of a clip's frames, scaled to sum 1. Shape: ``(N,)`` to ``(1 + n_fft // 2,)``."""
    usable = np.pad(clip, (0, -len(clip) % n_fft)).reshape(-1, n_fft)
    power = np.mean(np.abs(scipy.fft.rfft(usable * np.hanning(n_fft), axis=1)) ** 2, axis=0) + 1e-12
    return np.asarray(power / power.sum())


def _level(samples: Samples) -> float:
    """Root-mean-square amplitude."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
