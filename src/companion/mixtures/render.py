"""The sound of a recipe: the same samples every time."""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from companion.audio import Samples
from companion.errors import DataError
from companion.events import cut
from companion.mixtures.recipe import Background, PhaseRandomised, Placement, Recipe, Stretch

PEAK = 0.9
"""A mixture whose peak would pass this is scaled down to it."""

Source = Callable[[str], Samples]
"""Clip id to its samples, at the mixtures' sample rate."""

DRAW_AGAIN = "draw the recipe again, or read it from the corpus that it was made for"


def render(recipe: Recipe, source: Source, sample_rate: int) -> Samples:
    """Make the audio of a recipe: the same samples every time.

    Each event is scaled so that its level over the level of the bed **under it** is what its placement says. Over a
    bed of noise what passes the mixture's end is cut off; over recordings an event must fit.

    Args:
        recipe: What to mix.
        source: Clip id to its samples at ``sample_rate``.
        sample_rate: Hz.

    Returns:
        Shape: ``(n_samples,)``, peak at most 0.9.

    Raises:
        DataError: An event or the bed under it is silent, so that no ratio is defined; an event is empty or does not
            fit; the bed is shorter than the mixture, or a stretch of it than its clip.
    """
    mixture = make_bed(recipe, source)
    scaled = [(placement.onset, _scaled(recipe, placement, mixture, source, sample_rate))
              for placement in recipe.placements]  # fmt: skip
    for onset, event in scaled:  # only now: no event is under another
        mixture[onset : onset + len(event)] += event
    peak = max(float(mixture.max()), -float(mixture.min()))
    mixture *= min(recipe.gain, PEAK / max(peak, 1e-9))
    return mixture


def _scaled(recipe: Recipe, placement: Placement, bed: Samples, source: Source, sample_rate: int) -> Samples:
    """An event at its ratio to the bed under it."""
    row = placement.event
    event = _fitting(recipe, placement, cut(source(row.clip), row.onset, row.offset, sample_rate, recipe.edge))
    under = bed[placement.onset : placement.onset + len(event)]
    gain = 10 ** (placement.ratio_db / 20) * level(under) / max(_heard(recipe, placement, event, under), 1e-9)
    return gain * event


def make_bed(recipe: Recipe, source: Source) -> Samples:
    """The bed of a recipe alone, before the whole is scaled. Shape: ``(n_samples,)``."""
    if isinstance(recipe.bed, PhaseRandomised):
        bed = phase_randomised_bed([source(clip) for clip in recipe.bed.clips], recipe.n_samples, recipe.bed.seed)
        bed *= 10 ** (recipe.bed.level_db / 20)
        return bed
    chains = (recipe.bed, *recipe.bed.beside)
    return np.sum([_crossfaded(recipe.id, one, recipe.n_samples, source) for one in chains], axis=0, dtype=np.float32)


def _crossfaded(name: str, background: Background, n_samples: int, source: Source) -> Samples:
    """Stretches of recordings, one fading into the next. Shape: ``(n_samples,)``."""
    if background.n_samples < n_samples or any(one.n_samples < 2 * background.fade for one in background.stretches):
        raise DataError(
            f"the background of {name} has {max(background.n_samples, 0)} samples in "
            f"{len(background.stretches)} stretches, and fades of {background.fade}",
            expected=f"{n_samples} samples or more, and stretches of two fades or more",
            repair="give it more or longer stretches, or ask for shorter mixtures",
        )
    bed, start = np.zeros(n_samples, dtype=np.float32), 0
    rise = np.sin(0.5 * np.pi * (np.arange(background.fade) + 0.5) / max(background.fade, 1)).astype(np.float32)
    for number, stretch in enumerate(background.stretches):
        if start >= n_samples:
            break
        samples = _stretch(name, stretch, source)
        if number > 0:
            samples[: len(rise)] *= rise
        if number + 1 < len(background.stretches):
            samples[len(samples) - len(rise) :] *= rise[::-1]
        heard = samples[: n_samples - start]
        bed[start : start + len(heard)] += heard
        start += len(samples) - len(rise)
    return bed


def _stretch(name: str, stretch: Stretch, source: Source) -> Samples:
    """A copy of a stretch at its level."""
    clip = source(stretch.clip)
    if not 0 <= stretch.onset < stretch.offset <= len(clip):
        raise DataError(
            f"the background of {name} takes samples {stretch.onset} to {stretch.offset} of {stretch.clip}",
            expected=f"some of its {len(clip)} samples",
            repair=DRAW_AGAIN,
        )
    samples = clip[stretch.onset : stretch.offset]
    if stretch.level_db is None:
        return samples.copy()
    found = float(np.sqrt(np.mean(np.square(samples), dtype=np.float64)))
    if found == 0:
        raise DataError(
            f"the background of {name} is silent in samples {stretch.onset} to {stretch.offset} of {stretch.clip}",
            expected="a stretch whose level can be set",
            repair="leave the clip out of the backgrounds, or leave its level as it is",
        )
    return samples * np.float32(10 ** (stretch.level_db / 20) / found)


def _fitting(recipe: Recipe, placement: Placement, event: Samples) -> Samples:
    """An event that is all there and ends with the mixture."""
    row, room = placement.event, recipe.n_samples - placement.onset
    over_recordings = isinstance(recipe.bed, Background)
    if not len(event) or (over_recordings and len(event) < row.n_samples):
        raise DataError(
            f"the event of {recipe.id}, samples {row.onset} to {row.offset} of {row.clip}, "
            f"{'ends before its cut' if len(event) else 'is empty'}",
            expected="a cut inside its clip, of one sample or more",
            repair="make the event table again, or " + DRAW_AGAIN,
        )
    if placement.onset < 0 or room <= 0 or (over_recordings and room < len(event)):
        raise DataError(
            f"the event of {recipe.id} has {len(event)} samples and starts at {placement.onset}",
            expected=f"an event that fits into the mixture's {recipe.n_samples} samples",
            repair="ask for longer mixtures or shorter events, or place it earlier",
        )
    return event[:room]


def _heard(recipe: Recipe, placement: Placement, event: Samples, under: Samples) -> float:
    """Level of an event over a bed that can be heard."""
    found = level(event)
    silent = "event" if found == 0 else "background under the event" if level(under) == 0 else ""
    if silent:
        raise DataError(
            f"the {silent} of {recipe.id} is silent: {placement.event.clip} at sample {placement.onset}",
            expected="sound in both, or no event-to-background ratio is defined",
            repair="leave the clip out, or place the event elsewhere",
        )
    return found


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
    return bed / level(bed)


def long_term_power(clip: Samples, n_fft: int = 2048) -> NDArray[np.float64]:
    """Mean power spectrum of a clip's frames, scaled to sum 1. Shape: ``(N,)`` to ``(1 + n_fft // 2,)``."""
    usable = np.pad(clip, (0, -len(clip) % n_fft)).reshape(-1, n_fft)
    power = np.mean(np.abs(scipy.fft.rfft(usable * np.hanning(n_fft), axis=1)) ** 2, axis=0) + 1e-12
    return np.asarray(power / power.sum())


def level(samples: Samples) -> float:
    """Root-mean-square amplitude. Shape: ``(N,)`` to ``()``."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
