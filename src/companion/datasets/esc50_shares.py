"""Ten classes of ESC-50 in recordings of 2 to 60 seconds, in place of the ten of UrbanSound.

No recording and no author is in two splits, neither in events nor in backgrounds. A background is made of many
recordings of classes that are nobody's events, none of which sounds like one of the ten for long.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_parts import cuts_by_part, deal_authors
from companion.datasets.mixtures import Mixtures
from companion.errors import DataError
from companion.events import EventCut
from companion.mixtures.shares import ShareDraw, ShareRule

STAND_INS: Mapping[str, str] = {
    "air_conditioner": "vacuum_cleaner",
    "car_horn": "car_horn",
    "children_playing": "laughing",
    "dog_bark": "dog",
    "drilling": "chainsaw",
    "engine_idling": "engine",
    "gun_shot": "glass_breaking",
    "jackhammer": "hand_saw",
    "siren": "siren",
    "street_music": "church_bells",
}
"""Class of ESC-50 by class of UrbanSound. Car horns, dogs, engines and sirens are the same events; the others stand in
as steady motors, voices, tools, sudden blows and tones."""

BACKGROUNDS = (
    "breathing", "brushing_teeth", "can_opening", "chirping_birds", "clapping", "crackling_fire", "crickets",
    "drinking_sipping", "footsteps", "frog", "insects", "keyboard_typing", "mouse_click", "pouring_water", "rain",
    "sea_waves", "sheep", "snoring", "thunderstorm", "toilet_flush", "water_drops", "wind",
)  # fmt: skip
"""Classes of backgrounds. Motors, bells, alarms, knocks, and voices like a dog's or a laughter's are in none."""

SHARES: Mapping[str, float] = {"train": 0.5, "validation": 0.15, "test": 0.35}
"""Share of every class's recordings by split."""

LEAST = 5
"""Test recordings that every class must have."""

SHORTEST_BED = 1.0
"""Seconds that a cut must last to be part of a background."""


def parts(corpus: ESC50, cuts: Sequence[EventCut]) -> dict[str, tuple[list[EventCut], list[EventCut]]]:
    """Events and backgrounds of each split.

    Raises:
        DataError: A class has fewer than five test recordings, or the table names clips that are not in the corpus.
    """
    known = {clip.id for clip in corpus.clips}
    wanted = {*STAND_INS.values(), *BACKGROUNDS}
    rows = [row for row in cuts if row.label in wanted]
    unknown = sorted({row.clip for row in rows} - known)
    if unknown:
        raise DataError(f"the event table names {unknown[0]}", expected=f"clips of {corpus.name}",
                        repair="make it again with `companion events esc50`")  # fmt: skip
    events = set(STAND_INS.values())
    found = {}
    for split, own in cuts_by_part(rows, deal_authors(rows, SHARES)).items():
        beds = [r for r in own if r.label not in events and r.n_samples >= SHORTEST_BED * corpus.sample_rate]
        found[split] = ([row for row in own if row.label in events], beds)
    for label in sorted(events):
        n = len({row.recording for row in found["test"][0] if row.label == label})
        if n < LEAST:
            raise DataError(f"{n} test recordings of {label}", expected=f"{LEAST} or more", repair="the whole table")
    return found


def share_mixtures(
    corpus: ESC50, cuts: Sequence[EventCut], sizes: Mapping[str, int], rule: ShareRule, name: str, seed: int
) -> Mixtures:
    """Draw recordings of the ten classes.

    Args:
        corpus: The whole of ESC-50.
        cuts: Its event table.
        sizes: Recordings in each split that has some.
        rule: Their distribution.
        name: Of the set, in the ids.
        seed: Of the draw.

    Returns:
        Mixtures: With the classes of ESC-50 in the order of :data:`STAND_INS`.
    """
    of_split, rng = parts(corpus, cuts), np.random.default_rng(seed)
    recipes = [
        recipe
        for split, count in sizes.items()
        if count
        for recipe in ShareDraw(*of_split[split], rule, corpus.sample_rate).recipes(
            f"{name}-{split}", split, count, rng
        )
    ]
    made = Mixtures(recipes, corpus, list(STAND_INS.values()))
    made.name = f"{name} mixtures of {corpus.name}"
    return made
