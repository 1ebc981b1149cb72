"""What the three synthetic corpora share: clips that are scores, and audio made from them on demand."""

from collections.abc import Iterable, Sequence

import numpy as np

from companion.audio import Audio
from companion.datasets.base import Clip, Dataset, Event, Validation
from companion.datasets.synthetic.catalogue import CLASSES, RECIPES, SUPERCLASS_OF
from companion.datasets.synthetic.elements import RATE
from companion.datasets.synthetic.recording import Score, record
from companion.errors import DataError, ParameterError

EVENT_TO_BED = (6.0, 30.0)
"""Level of an event's loudest moment over the bed, dB."""

LEVEL = (-35.0, -15.0)
"""Level of a clip's loudest moment relative to full scale, dB."""


class SyntheticDataset(Dataset):
    """A corpus made from a seed. Nothing is downloaded, stored or drawn in advance but the scores.

    The audio of a clip depends on the seed and the clip's id alone: not on the order in which clips are asked
    for, nor on the process, nor on how many other clips or classes the corpus was given.

    Args:
        seed: Of the world.
        labelled: Each clip's score with its fold and its single label (None where it has none).
    """

    sample_rate = RATE
    superclass_of = SUPERCLASS_OF
    licence = "CC0-1.0 (generated)"
    citation = ""
    homepage = ""

    def __init__(self, seed: int, labelled: Iterable[tuple[Score, int, str | None]]) -> None:
        self.seed = seed
        scored = [(score, _clip(score, fold, label)) for score, fold, label in labelled]
        self.scores = {clip.id: score for score, clip in scored}
        self.clips = tuple(clip for _, clip in scored)

    def audio(self, clip: Clip) -> Audio:
        """Make the audio of one clip, mono, 44.1 kHz.

        Raises:
            DataError: The clip is not of this corpus.
        """
        if clip.id not in self.scores:
            raise DataError(
                f"{self.name} has no clip {clip.id!r}",
                expected=f"one of its {len(self.clips)} clips, such as {self.clips[0].id!r}",
                repair="take the clip from the corpus's own .clips",
            )
        return Audio(record(self.scores[clip.id], self.seed), RATE)

    def validate(self) -> Validation:
        """Generated audio is never missing."""
        count = len(self.clips)
        return Validation(expected=count, notes={f"generated from seed {self.seed}": count})


def _clip(score: Score, fold: int, label: str | None) -> Clip:
    """The labels of a clip, each kind taken from the same score."""
    strong = score.events
    weak = tuple(name for name in CLASSES if name in {event.label for event in strong})
    return Clip(score.clip, score.recording, fold, score.duration, label, weak, strong)


def draw_length(label: str, longest: float, rng: np.random.Generator) -> float:
    """Length of an event, in equal ratios over its recipe's range, at most ``longest``: seconds."""
    shortest, top = RECIPES[label].length
    length = float(np.exp(rng.uniform(np.log(shortest), np.log(top))))
    return round(min(length, longest) * RATE) / RATE


def draw_event(label: str, duration: float, rng: np.random.Generator) -> Event:
    """An event anywhere in a clip of ``duration`` seconds, wholly inside it."""
    length = draw_length(label, duration, rng)
    onset = int(rng.uniform(0, duration - length) * RATE) / RATE
    return Event(onset, onset + length, label)


def check_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the classes as a tuple.

    Raises:
        ParameterError: A class is unknown or named twice.
    """
    unknown = [name for name in classes if name not in RECIPES]
    if unknown or len(set(classes)) < len(classes) or not classes:
        raise ParameterError(
            f"classes {unknown or list(classes)} of the synthetic world",
            expected="distinct names out of: " + ", ".join(CLASSES),
            repair="companion.datasets.synthetic.CLASSES lists them",
        )
    return tuple(classes)


def check_duration(duration: float) -> float:
    """Return the duration of a clip.

    Raises:
        ParameterError: Shorter than the longest event may be.
    """
    longest = max(recipe.length[1] for recipe in RECIPES.values())
    if not duration >= longest:
        raise ParameterError(
            f"clips of {duration} s",
            expected=f"at least {longest} s, the length of the longest event",
            repair="ask for a longer duration, and crop the audio afterwards",
        )
    return float(duration)
