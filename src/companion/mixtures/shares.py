"""Recordings of many lengths, each of which is filled by its event to a share that is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from companion.errors import DataError
from companion.events import EventCut
from companion.mixtures.draw import capped, draw_cut, grouped
from companion.mixtures.rare import Crossfade, Pool, RareDraw, RareRule
from companion.mixtures.recipe import Placement, Recipe

BACKGROUND = Crossfade(stretch=(2.0, 5.0), fade=0.25, layers=2)
"""Two recordings at a time, each for some seconds."""


@dataclass(frozen=True)
class ShareRule:
    """The distribution that recipes are drawn from.

    Args:
        durations: Seconds, each equally likely.
        shares: Bounds of the bins of shares; a bin is drawn first, equally likely, and within it a share, in equal
            ratios. Bins that would ask for less than ``shortest`` in a recording are left out.
        shortest: Seconds of the shortest event, and of the shortest piece of one.
        n_classes: Fewest and most classes of events in a recording; the number is uniform between them.
        ratio_db: Lowest and highest event-to-background ratio; uniform between them.
        crossfade: How backgrounds are put together.
    """

    durations: tuple[float, ...] = (2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
    shares: tuple[float, ...] = (0.01, 0.05, 0.2, 0.6, 1.0)
    shortest: float = 0.3
    n_classes: tuple[int, int] = (1, 1)
    ratio_db: tuple[float, float] = (0.0, 20.0)
    crossfade: Crossfade = BACKGROUND


class ShareDraw:
    """Draws recipes. Backgrounds are those of :class:`companion.mixtures.rare.RareDraw`.

    Args:
        events: Cuts of the events.
        beds: Cuts of the backgrounds, of other classes.
        rule: The distribution.
        sample_rate: Hz.

    Raises:
        DataError: There is no event or no background, or a background is too short for its fades.
    """

    def __init__(self, events: Sequence[EventCut], beds: Sequence[EventCut], rule: ShareRule, sample_rate: int) -> None:
        both = {row.label for row in events} & {row.label for row in beds}
        if both:
            raise DataError(f"{', '.join(sorted(both))} both as events and as background", expected="one or the other")
        self.rule, self.sample_rate = rule, sample_rate
        self.by_class = grouped(events)
        self._beds: Mapping[float, RareDraw] = {
            seconds: RareDraw(
                Pool(tuple(capped(events, round(seconds * sample_rate))), (tuple(beds),)),
                RareRule(duration=seconds, gain=1.0, edge=Recipe.edge, crossfade=rule.crossfade),
                sample_rate,
            )
            for seconds in rule.durations
        }

    def recipes(self, prefix: str, split: str, n_recipes: int, rng: np.random.Generator) -> list[Recipe]:
        """Draw a set. Classes come in turn, each as often as any other, and in random order.

        Args:
            prefix: What their ids begin with.
            split: The part that they belong to.
            n_recipes: How many.
            rng: Source of randomness.
        """
        names = sorted(self.by_class)
        first = rng.permutation([names[i % len(names)] for i in range(n_recipes)])
        return [self._recipe(f"{prefix}-{i:05d}", split, str(label), rng) for i, label in enumerate(first)]

    def _recipe(self, name: str, split: str, label: str, rng: np.random.Generator) -> Recipe:
        rule = self.rule
        seconds = float(rng.choice(rule.durations))
        bed = self._beds[seconds].recipe(name, split, False, rng)
        others = [other for other in sorted(self.by_class) if other != label]
        count = int(rng.integers(rule.n_classes[0], rule.n_classes[1] + 1))
        labels = [label, *rng.choice(others, size=min(count - 1, len(others)), replace=False)]
        placements = [placed for one in labels for placed in self._fill(str(one), seconds, rng)]
        return replace(bed, placements=tuple(placements))

    def _fill(self, label: str, seconds: float, rng: np.random.Generator) -> list[Placement]:
        """Pieces of one recording of a class, one after the other with pauses between, up to the share drawn."""
        n_samples, shortest = round(seconds * self.sample_rate), round(self.rule.shortest * self.sample_rate)
        left = max(shortest, round(draw_share(self.rule, seconds, rng) * n_samples))
        recordings = self.by_class[label]
        recording = {name: recordings[name] for name in [sorted(recordings)[rng.integers(len(recordings))]]}
        pieces: list[EventCut] = []
        while left >= shortest or not pieces:
            row = draw_cut(recording, rng)
            pieces.append(replace(row, offset=min(row.offset, row.onset + left)))
            left -= pieces[-1].n_samples
        free = n_samples - sum(piece.n_samples for piece in pieces)
        pauses = np.floor(free * rng.dirichlet(np.ones(len(pieces) + 1)))[:-1].astype(int)
        before = np.cumsum([0, *(piece.n_samples for piece in pieces[:-1])])
        ratio = float(rng.uniform(*self.rule.ratio_db))
        onsets = np.cumsum(pauses) + before
        return [Placement(piece, int(onset), ratio) for piece, onset in zip(pieces, onsets, strict=True)]


def draw_share(rule: ShareRule, seconds: float, rng: np.random.Generator) -> float:
    """Share of a recording of so many seconds that its event fills."""
    bins = [(a, b) for a, b in pairwise(rule.shares) if b * seconds >= rule.shortest]
    low, high = bins[int(rng.integers(len(bins)))]
    low = max(low, rule.shortest / seconds)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
