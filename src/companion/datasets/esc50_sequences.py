"""Polyphonic recordings made from ESC-50, every onset and offset known: seventeen classes, up to several at once.

They stand in for the noiseme corpus of Wang, Metze 2017 (464 recordings, 17 types of events, never released).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_mixtures import STEADY
from companion.datasets.esc50_parts import cuts_by_part, deal_authors
from companion.datasets.mixtures import Mixtures
from companion.errors import DataError
from companion.events import EventCut, author_of
from companion.mixtures import Grouped, PhaseRandomised, Placement, Recipe, draw_cut, grouped
from companion.mixtures.timeline import TimelineRule, draw_timeline

CLASSES = (
    "can_opening", "car_horn", "cat", "chainsaw", "church_bells", "clapping", "clock_alarm", "coughing", "crow",
    "crying_baby", "dog", "door_wood_knock", "glass_breaking", "laughing", "rooster", "siren", "sneezing",
)  # fmt: skip
"""As many as noiseme has types, and of its kinds: voices of people and animals, crowds, engines, pulses and tones."""

PARTS: Mapping[str, float] = {"train": 0.6, "validation": 0.2, "test": 0.2}
"""Share of the original recordings that each part hears: 3:1:1, as the paper divides durations."""

TIMELINE = TimelineRule(spacing=(0.2, 6.0))
"""So dense that about 30 % of the time in which something sounds, two events or more do."""

GROUPS: Mapping[str, int] = {"test": 5}
"""Groups of authors in a part, each heard in recordings of its own. Without them any two test recordings would share
somebody, and nothing could be said about how far a result depends on who was recorded."""

RATIO_DB, BED_DB, BED_CLASSES = (3.0, 21.0), (-50.0, -35.0), 6
"""Lowest and highest event-to-background ratio and level of the bed, and classes that are mixed in it."""


def sequences(
    corpus: ESC50,
    cuts: Sequence[EventCut],
    *,
    sizes: Mapping[str, int],
    seed: int,
    duration: float = 50.0,
    timeline: TimelineRule = TIMELINE,
    classes: Sequence[str] = CLASSES,
    groups: Mapping[str, int] = GROUPS,
) -> Mixtures:
    """Draw the corpus: whole authors belong to one part, with their events and with what they give to beds.

    The recordings of a part go round its groups of authors. A group may lack some classes.

    A bed is stationary noise with the mean spectrum of recordings of six steady classes, drawn anew for each
    recording; none of these classes is an event. Within a class all original recordings are equally likely.

    Args:
        corpus: The whole of ESC-50.
        cuts: Its event table.
        sizes: Recordings of each part.
        seed: Of the draw.
        duration: Seconds of each; events are cut where the event table cuts them, so at most 5 s.
        timeline: When events begin.
        classes: Event classes.
        groups: Groups of authors in each part; one where none are named.

    Returns:
        Mixtures: Folds 1, 2 and 3 are training, validation and test.

    Raises:
        DataError: A class has no recording in some part, or an event is of a class that beds are made of.
    """
    heard = [row for row in cuts if row.label in (*classes, *STEADY)]
    parts = cuts_by_part(heard, deal(cuts, classes))
    rng, recipes = np.random.default_rng(seed), list[Recipe]()
    for part, size in sizes.items():
        own = parts.get(part, [])
        _check(grouped(own), part, classes)
        pools = [
            pool for pool in _pools(own, groups.get(part, 1)) if set(classes) & set(pool) and set(STEADY) & set(pool)
        ]
        recipes += [
            _recipe(
                f"{part}-{number:04d}", part, pools[number % len(pools)], corpus.sample_rate, duration, timeline, rng
            )
            for number in range(size)
        ]
    return Mixtures(recipes, corpus, sorted(classes))


def deal(cuts: Sequence[EventCut], classes: Sequence[str] = CLASSES) -> dict[str, str]:
    """Part of every author of an event table.

    Whoever is heard in these recordings, in an event or in a bed, is dealt first, as if there were no others; those
    who recorded other classes only are dealt after them. So a network that learns from all of ESC-50 can keep to
    the same parts.

    Args:
        cuts: The event table of all classes.
        classes: Event classes of the recordings.

    Returns:
        ``train``, ``validation`` or ``test`` of every author, as ``events.author_of`` names them.
    """
    parts = deal_authors([row for row in cuts if row.label in (*classes, *STEADY)], PARTS)
    others = [row for row in cuts if author_of(row) not in parts]
    return {**parts, **(deal_authors(others, PARTS) if others else {})}


def _pools(cuts: Sequence[EventCut], n_groups: int) -> list[Grouped]:
    """Cuts of each group of authors that has something to place and something to place it over."""
    shares = {f"group-{number}": 1 / n_groups for number in range(1, n_groups + 1)}
    dealt = cuts_by_part(cuts, deal_authors(cuts, shares))
    pools = [grouped(dealt[name]) for name in shares if name in dealt]
    return [pool for pool in pools if set(STEADY) & set(pool) and set(pool) - set(STEADY)]


def _recipe(
    name: str,
    part: str,
    pool: Grouped,
    sample_rate: int,
    duration: float,
    timeline: TimelineRule,
    rng: np.random.Generator,
) -> Recipe:
    def draw(label: str, rng: np.random.Generator) -> tuple[EventCut, float]:
        event = draw_cut(pool[label], rng)
        return event, event.n_samples / sample_rate

    n_samples = round(duration * sample_rate)
    placements = tuple(
        Placement(event, min(round(onset * sample_rate), n_samples - event.n_samples), float(rng.uniform(*RATIO_DB)))
        for event, onset in draw_timeline(sorted(set(pool) - set(STEADY)), duration, draw, timeline, rng)
    )
    steady = [label for label in STEADY if label in pool]
    mixed = rng.choice(steady, size=min(BED_CLASSES, len(steady)), replace=False)
    bed = PhaseRandomised(
        clips=tuple(draw_cut(pool[label], rng).clip for label in mixed),
        level_db=float(rng.uniform(*BED_DB)),
        seed=int(rng.integers(2**31)),
    )
    return Recipe(name, part, n_samples, placements, bed)


def _check(pool: Grouped, part: str, classes: Sequence[str]) -> None:
    """Raise DataError unless a part has events of every class and something to make beds of."""
    repair = "check the event table, or make it again with `companion events esc50`"
    absent = [label for label in classes if not pool.get(label)]
    if absent:
        raise DataError(f"no recording of {absent[0]} in {part}", expected="one or more of every class", repair=repair)
    if set(classes) & set(STEADY):
        raise DataError(
            f"events of {', '.join(sorted(set(classes) & set(STEADY)))} over beds made of the same",
            expected="events of classes that no bed is made of",
            repair="choose other classes",
        )
    if not any(label in pool for label in STEADY):
        raise DataError(f"no steady recording in {part} to make beds of", expected="one or more", repair=repair)
