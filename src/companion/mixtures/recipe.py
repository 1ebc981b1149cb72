"""What makes one mixture, as data."""

from dataclasses import dataclass

from companion.events import CutRule, EventCut


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
class PhaseRandomised:
    """A bed of stationary noise, never digital silence.

    Args:
        clips: Clips whose averaged long-term spectrum it has.
        level_db: Its root-mean-square level, relative to full scale.
        seed: Seed of its phases.
    """

    clips: tuple[str, ...]
    level_db: float
    seed: int


@dataclass(frozen=True)
class Stretch:
    """A stretch of one clip, as it was recorded.

    Args:
        clip: Which clip.
        onset: First sample.
        offset: One past the last.
        level_db: Root-mean-square level that it is brought to, relative to full scale; None leaves it as it is.
    """

    clip: str
    onset: int
    offset: int
    level_db: float | None = None

    @property
    def n_samples(self) -> int:
        """Length in samples."""
        return self.offset - self.onset


@dataclass(frozen=True)
class Background:
    """A bed of recordings heard as they are, one fading into the next.

    Args:
        stretches: In the order in which they are heard; what passes the mixture's end is not.
        fade: Samples that two neighbours share. Equal powers cross, so that the level of two unlike sounds stays.
        beside: Further ones that are heard at the same time.
    """

    stretches: tuple[Stretch, ...]
    fade: int = 0
    beside: tuple["Background", ...] = ()

    @property
    def clips(self) -> tuple[str, ...]:
        """The clips that it is made of."""
        return (*(stretch.clip for stretch in self.stretches), *(clip for one in self.beside for clip in one.clips))

    @property
    def n_samples(self) -> int:
        """Length of the whole, in samples."""
        return sum(stretch.n_samples for stretch in self.stretches) - self.fade * (len(self.stretches) - 1)


@dataclass(frozen=True)
class Recipe:
    """Everything that makes one mixture.

    Args:
        id: Unique in its corpus.
        split: ``train``, ``validation`` or ``test``.
        n_samples: Length.
        placements: The events.
        bed: What is heard beside them.
        gain: Factor of the whole, less where the peak would pass 0.9.
        edge: Seconds of the raised-cosine edges of its events.
    """

    id: str
    split: str
    n_samples: int
    placements: tuple[Placement, ...]
    bed: PhaseRandomised | Background
    gain: float = 1.0
    edge: float = CutRule.edge

    @property
    def recordings(self) -> frozenset[str]:
        """The recordings its events come from."""
        return frozenset(placement.event.recording for placement in self.placements)

    @property
    def clips(self) -> frozenset[str]:
        """The clips that are heard in it, as events or in the bed."""
        return frozenset(placement.event.clip for placement in self.placements) | frozenset(self.bed.clips)
