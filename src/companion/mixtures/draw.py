"""Recipes drawn from a distribution: a few events of different classes, anywhere in the mixture."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from companion.errors import DataError
from companion.events import EventCut
from companion.mixtures.recipe import PhaseRandomised, Placement, Recipe


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
                bed=PhaseRandomised(
                    clips=tuple(draw_cut(beds[label], rng).clip for label in mixed),
                    level_db=float(rng.uniform(*rule.bed_level_db)),
                    seed=int(rng.integers(2**31)),
                ),
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
