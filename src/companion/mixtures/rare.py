"""Mixtures of the DCASE 2017 rare event task: one event, or none, somewhere in half a minute of background.

Source: Diment, Virtanen 2017, section 3.2; the order of the operations is that of the task's own synthesiser.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from companion.errors import DataError, ParameterError
from companion.events import EventCut
from companion.mixtures.draw import draw_cut, grouped
from companion.mixtures.recipe import Background, Placement, Recipe, Stretch


@dataclass(frozen=True)
class Crossfade:
    """How a background is put together where no recording is long enough: stretches that fade into each other.

    Args:
        stretch: Shortest and longest time that one recording is heard, seconds; uniform between them.
        fade: Seconds in which one gives way to the next.
        level_db: Lowest and highest level of the whole, relative to full scale; uniform between them.
        spread_db: Most that a single recording lies above or below that level; uniform.
        recordings: Recordings in one chain of stretches, which come round again; None for all of the place.
        layers: Chains that are heard at the same time.
    """

    stretch: tuple[float, float] = (3.0, 5.0)
    fade: float = 0.5
    level_db: tuple[float, float] = (-40.0, -28.0)
    spread_db: float = 3.0
    recordings: int | None = None
    layers: int = 1


@dataclass(frozen=True)
class RareRule:
    """The distribution that mixtures are drawn from. The defaults are the paper's.

    Args:
        duration: Seconds of every mixture.
        ratios_db: Event-to-background ratios, each equally likely.
        gain: Factor of every mixture, so that none clips and their dynamics stay.
        edge: Seconds of the events' raised-cosine edges; the paper's events were cut by hand, and have none.
        by_recording: Whether recordings are equally likely, however many events each gives; else events are.
        crossfade: How backgrounds are put together; None takes one recording, as it is.
    """

    duration: float = 30.0
    ratios_db: tuple[float, ...] = (-6.0, 0.0, 6.0)
    gain: float = 0.2
    edge: float = 0.0
    by_recording: bool = False
    crossfade: Crossfade | None = None


@dataclass(frozen=True)
class Pool:
    """What the mixtures of one part of a task are made of.

    Args:
        events: Cuts of the target event.
        places: Recordings by place. A background is heard at one place, so that what is alike in two mixtures is
            known: the place.
        distractors: Cuts of other events, for mixtures in which something is heard that is not the target.
    """

    events: tuple[EventCut, ...]
    places: tuple[tuple[EventCut, ...], ...]
    distractors: tuple[EventCut, ...] = ()

    @property
    def cuts(self) -> tuple[EventCut, ...]:
        """All that may be heard."""
        return (*self.events, *self.distractors, *(row for place in self.places for row in place))


class RareDraw:
    """Draws recipes, one at a time.

    Args:
        pool: What they are made of.
        rule: Their distribution.
        sample_rate: Hz.

    Raises:
        DataError: There is no event or no background, or one of them does not fill or fit a mixture.
        ParameterError: The rule's backgrounds cannot be put together.
    """

    def __init__(self, pool: Pool, rule: RareRule, sample_rate: int) -> None:
        self.pool, self.rule, self.sample_rate = pool, rule, sample_rate
        self.n_samples = round(rule.duration * sample_rate)
        _check(self)
        self._places = [list(_by_recording(place).values()) for place in pool.places]
        self._grouped = {True: grouped(pool.events), False: grouped(pool.distractors)}

    def recipe(
        self, name: str, split: str, present: bool, rng: np.random.Generator, *, distract: bool = False
    ) -> Recipe:
        """Draw one mixture.

        Background, event, ratio and onset are drawn in this order, each uniformly.

        Args:
            name: Its id.
            split: The part that it belongs to.
            present: Whether it holds the target event.
            rng: Source of randomness.
            distract: Whether it holds another event where it does not hold the target's.
        """
        bed = self._background(rng)
        placements: tuple[Placement, ...] = ()
        if present or distract:
            event = self._event(present, rng)
            ratio = float(rng.choice(self.rule.ratios_db))
            onset = int(rng.integers(0, self.n_samples - event.n_samples + 1))
            placements = (Placement(event, onset, ratio),)
        return Recipe(name, split, self.n_samples, placements, bed, self.rule.gain, self.rule.edge)

    def recipes(
        self, prefix: str, split: str, n_recipes: int, rng: np.random.Generator, *, distract: bool = False
    ) -> list[Recipe]:
        """Draw a set, of which exactly half holds the target event, in random order.

        Args:
            prefix: What their ids begin with.
            split: The part that they belong to.
            n_recipes: How many; even.
            rng: Source of randomness.
            distract: Whether the other half holds other events.

        Raises:
            ParameterError: The number cannot be halved.
            DataError: There is no other event to be heard.
        """
        if n_recipes < 2 or n_recipes % 2:
            expected, repair = "2 or more, and even: half of them hold the event", f"ask for {max(2, n_recipes + 1)}"
            raise ParameterError(f"{n_recipes} mixtures", expected=expected, repair=repair)
        if distract and not self.pool.distractors:
            raise DataError("no other event to be heard", expected="distractors", repair="name their classes")
        presence = rng.permutation(np.arange(n_recipes) < n_recipes // 2)
        return [
            self.recipe(f"{prefix}-{number:05d}", split, bool(present), rng, distract=distract)
            for number, present in enumerate(presence)
        ]

    def _event(self, target: bool, rng: np.random.Generator) -> EventCut:
        if not self.rule.by_recording:
            rows = self.pool.events if target else self.pool.distractors
            return rows[int(rng.integers(len(rows)))]
        by_class = self._grouped[target]
        return draw_cut(by_class[sorted(by_class)[rng.integers(len(by_class))]], rng)

    def _background(self, rng: np.random.Generator) -> Background:
        place = self._places[int(rng.integers(len(self._places)))]
        if self.rule.crossfade is None:
            rows = [row for rows in place for row in rows]
            row = rows[int(rng.integers(len(rows)))]
            onset = row.onset + int(rng.integers(row.n_samples - self.n_samples + 1))
            return Background((Stretch(row.clip, onset, onset + self.n_samples),))
        rule = self.rule.crossfade
        level = float(rng.uniform(*rule.level_db))
        first, *others = (self._chain(place, rule, level, rng) for _ in range(rule.layers))
        return replace(first, beside=tuple(others))

    def _chain(
        self, place: Sequence[Sequence[EventCut]], rule: Crossfade, level: float, rng: np.random.Generator
    ) -> Background:
        """Recordings of a place in random order, and round again, until the mixture is filled."""
        fade = round(rule.fade * self.sample_rate)
        if rule.recordings is not None:
            place = [place[i] for i in rng.permutation(len(place))[: rule.recordings]]
        stretches: list[Stretch] = []
        own = level + rng.uniform(-rule.spread_db, rule.spread_db, len(place))
        filled, order = fade, np.zeros(0, dtype=np.int64)
        while filled < self.n_samples + fade:
            if not len(order):
                order = rng.permutation(len(place))
            number, order = int(order[0]), order[1:]
            recording = place[number]
            row = recording[int(rng.integers(len(recording)))]
            wanted = round(float(rng.uniform(*rule.stretch)) * self.sample_rate)
            n_samples = min(row.n_samples, wanted)
            onset = row.onset + int(rng.integers(row.n_samples - n_samples + 1))
            stretches.append(Stretch(row.clip, onset, onset + n_samples, float(own[number])))
            filled += n_samples - fade
        return Background(tuple(stretches), fade)


def _by_recording(rows: Sequence[EventCut]) -> dict[str, list[EventCut]]:
    found: dict[str, list[EventCut]] = {}
    for row in rows:
        found.setdefault(row.recording, []).append(row)
    return dict(sorted(found.items()))


def _check(draw: RareDraw) -> None:
    """Raise unless every mixture that can be drawn can be rendered."""
    pool, rule, n_samples = draw.pool, draw.rule, draw.n_samples
    if not pool.events or not pool.places or not all(pool.places):
        missing = "background" if pool.events else "event"
        raise DataError(f"no {missing} to draw mixtures from", expected="one or more", repair="check the lists of cuts")
    for row in (*pool.events, *pool.distractors):
        if not 0 < row.n_samples <= n_samples:
            raise DataError(
                f"the event in {row.clip} from sample {row.onset} to {row.offset} cannot be in {n_samples} samples",
                expected="one sample or more, and no more than the mixture has",
                repair="ask for longer mixtures, or leave the event out",
            )
    shortest = n_samples if rule.crossfade is None else 2 * round(rule.crossfade.fade * draw.sample_rate) + 1
    for place in pool.places:
        for row in place:
            if row.n_samples < shortest:
                raise DataError(
                    f"the background in {row.clip} from sample {row.onset} to {row.offset} is too short",
                    expected=f"{shortest} samples or more",
                    repair="ask for shorter mixtures or fades, or leave the background out",
                )
    faded = rule.crossfade
    if faded is not None and not 2 * faded.fade < faded.stretch[0] <= faded.stretch[1]:
        raise ParameterError(
            f"stretches of {faded.stretch} s and fades of {faded.fade} s",
            expected="the shortest stretch before the longest, and longer than two fades",
            repair="choose longer stretches or a shorter fade",
        )
