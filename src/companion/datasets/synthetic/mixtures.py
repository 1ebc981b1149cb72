"""A weakly labelled corpus to learn from: a few events of different classes in each recording."""

from collections.abc import Sequence

from companion.datasets.synthetic.catalogue import SOURCE_CLASSES
from companion.datasets.synthetic.recording import Occurrence, Score, stream
from companion.datasets.synthetic.world import (
    EVENT_TO_BED,
    LEVEL,
    SyntheticDataset,
    check_classes,
    check_duration,
    draw_event,
)
from companion.errors import ParameterError

TRAIN, VALIDATION, TEST = 1, 2, 3
MOST_EVENTS = 3


class SyntheticMixtures(SyntheticDataset):
    """Recordings with one to three events of different classes, which may overlap.

    Every event of every recording has a voice of its own, so nothing is shared between training, validation
    and any other corpus of the same seed.

    Args:
        seed: Of the world.
        classes: Event classes; by default those that the target task leaves out.
        recordings: Number for training (fold 1).
        validation: Number for validation (fold 2).
        test: Number for test (fold 3).
        duration: Seconds, or several lengths of which each is equally likely.

    Raises:
        ParameterError: An unknown class, no recordings or too short a duration.
    """

    name = "synthetic-mixtures"

    def __init__(
        self,
        seed: int = 0,
        *,
        classes: Sequence[str] = SOURCE_CLASSES,
        recordings: int = 400,
        validation: int = 100,
        test: int = 0,
        duration: float | tuple[float, ...] = 10.0,
    ) -> None:
        self.classes = check_classes(classes)
        durations = tuple(check_duration(d) for d in (duration if isinstance(duration, tuple) else (duration,)))
        if recordings < 1 or validation < 0 or test < 0:
            raise ParameterError(
                f"{recordings} recordings for training, {validation} for validation and {test} for test",
                expected="at least 1, and at least 0 of the others",
                repair="ask for more recordings",
            )
        parts = [("train", TRAIN, recordings), ("validation", VALIDATION, validation), ("test", TEST, test)]
        super().__init__(
            seed,
            (
                (_score(seed, f"mixture-{part}-{number:05d}", self.classes, durations), fold, None)
                for part, fold, count in parts
                for number in range(count)
            ),
        )


def _score(seed: int, name: str, classes: tuple[str, ...], durations: tuple[float, ...]) -> Score:
    duration = float(stream(seed, name, "duration").choice(durations))
    rng = stream(seed, name, "score")
    level = float(rng.uniform(*LEVEL))
    count = min(len(classes), int(rng.integers(1, MOST_EVENTS + 1)))
    chosen = [classes[index] for index in rng.choice(len(classes), count, replace=False)]
    placements = tuple(
        Occurrence(draw_event(label, duration, rng), f"{name}/{label}", float(rng.uniform(*EVENT_TO_BED)))
        for label in chosen
    )
    return Score(name, name, duration, level, placements)
