"""Single-label clips of events, in the manner of a small environmental sound collection."""

from collections.abc import Iterator, Sequence

import numpy as np

from companion.datasets.base import Clip, Event
from companion.datasets.synthetic.catalogue import CLASSES
from companion.datasets.synthetic.elements import RATE
from companion.datasets.synthetic.recording import Occurrence, Score, stream
from companion.datasets.synthetic.world import (
    EVENT_TO_BED,
    LEVEL,
    SyntheticDataset,
    check_classes,
    check_duration,
    draw_length,
)
from companion.errors import ParameterError

FOLDS = 5
TAKES, TAKE_SHARES = "ABC", (0.6, 0.25, 0.15)  # shares of recordings that give one, two and three clips
MOST_REPEATS = 4


class SyntheticEvents(SyntheticDataset):
    """Clips that hold one class of event, once or several times, over a bed.

    Each class has the same number of clips in each of five folds. Some recordings give two or three clips
    (one voice in one place), and a recording never crosses folds.

    Args:
        seed: Of the world.
        classes: Names out of ``CLASSES``; a clip sounds the same whichever others are chosen.
        clips_per_class: A multiple of 5.
        duration: Seconds.

    Raises:
        ParameterError: An unknown class, an uneven number of clips or too short a duration.
    """

    name = "synthetic-events"

    def __init__(
        self,
        seed: int = 0,
        *,
        classes: Sequence[str] = CLASSES,
        clips_per_class: int = 40,
        duration: float = 5.0,
    ) -> None:
        self.classes = check_classes(classes)
        if clips_per_class < FOLDS or clips_per_class % FOLDS:
            raise ParameterError(
                f"{clips_per_class} clips per class in {FOLDS} folds",
                expected=f"a positive multiple of {FOLDS}",
                repair=f"ask for {FOLDS * max(1, round(clips_per_class / FOLDS))}",
            )
        per_fold, duration = clips_per_class // FOLDS, check_duration(duration)
        super().__init__(
            seed,
            (
                (_score(seed, label, recording, take, duration), fold, label)
                for label in self.classes
                for fold in range(1, FOLDS + 1)
                for recording, take in _takes(seed, label, fold, per_fold)
            ),
        )

    def clearest(self, label: str) -> Clip:
        """The clip of a class whose events stand highest over their bed: the one to listen to first."""
        clips = [clip for clip in self.clips if clip.label == label]
        return max(clips, key=lambda clip: self.scores[clip.id].placements[0].ratio)


def _takes(seed: int, label: str, fold: int, count: int) -> Iterator[tuple[str, str]]:
    """Recording and take of the first ``count`` clips of a class in a fold."""
    rng, number = stream(seed, "events", label, str(fold)), 0
    while count > 0:
        number += 1
        takes = min(count, int(rng.choice([1, 2, 3], p=TAKE_SHARES)))
        yield from ((f"{label}-{fold}{number:02d}", take) for take in TAKES[:takes])
        count -= takes


def _score(seed: int, label: str, recording: str, take: str, duration: float) -> Score:
    clip = f"{recording}-{take}"
    rng = stream(seed, clip, "score")
    level, ratio = float(rng.uniform(*LEVEL)), float(rng.uniform(*EVENT_TO_BED))
    placements = tuple(Occurrence(event, recording, ratio) for event in _repeats(label, duration, rng))
    return Score(clip, recording, duration, level, placements)


def _repeats(label: str, duration: float, rng: np.random.Generator) -> list[Event]:
    """One to four events of about one length, apart from each other, at random in the clip."""
    length = draw_length(label, duration, rng)
    most = min(MOST_REPEATS, max(1, int(duration / (1.2 * length))))
    count = int(rng.integers(1, most + 1))
    lengths = np.round(length * rng.uniform(0.85, 1.0, count) * RATE)
    free = round(duration * RATE) - lengths.sum()
    gaps = np.floor(free * rng.dirichlet(np.ones(count + 1)))
    onsets = np.cumsum(gaps[:-1]) + np.concatenate([[0], np.cumsum(lengths[:-1])])
    return [Event(on / RATE, off / RATE, label) for on, off in zip(onsets, onsets + lengths, strict=True)]
