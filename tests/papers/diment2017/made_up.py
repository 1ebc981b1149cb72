"""Networks that are made up, and say of test mixtures what a test wants: nothing is trained and no sound is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.datasets.rare import RareMixtures, RareSounds
from companion.experiment import Findings, Task
from companion.papers.diment2017.learning import tested
from companion.store import key

N = 24
"""Test mixtures of a rotation."""


class Heard:
    """Test mixtures of one rotation, as a made-up network hears them.

    Args:
        mixtures: The mixtures.
        part: ``test`` or ``control``.
        n_mixtures: How many the network was trained with.
        rotation: In which rotation.
        seed: Its seed.

    Attributes:
        labels: Which hold the event. Shape: ``(N,)``.
        onset: Its first second, NaN where there is none. Shape: ``(N,)``.
        ratio: Its ratio to the background in dB, NaN where there is none. Shape: ``(N,)``.
        sounds: What the network's training heard.
    """

    sounds: RareSounds

    def __init__(self, mixtures: RareMixtures, part: str, n_mixtures: int, rotation: int, seed: int) -> None:
        self.part, self.n_mixtures, self.rotation, self.seed = part, n_mixtures, rotation, seed
        self.labels = np.array([bool(clip.weak) for clip in mixtures.clips])
        self.onset = np.array([clip.strong[0].onset if clip.strong else np.nan for clip in mixtures.clips])
        placed = [mixtures.recipes[clip.id].placements if clip.weak else () for clip in mixtures.clips]
        self.ratio = np.array([one[0].ratio_db if one else np.nan for one in placed])

    def right(self, right: Any) -> NDArray[Any]:
        """Probabilities on the right side of one half where they should be. Shape: ``(N,)``."""
        return np.where(np.broadcast_to(right, self.labels.shape) == self.labels, 0.9, 0.1)

    def first(self, n: int) -> NDArray[np.bool_]:
        """The first mixtures. Shape: ``(N,)``."""
        return np.arange(len(self.labels)) < n


@dataclass(frozen=True)
class Learned:
    """A source tagger that was not trained."""

    accuracy: float

    @property
    def facts(self) -> dict[str, Any]:
        """As of one that was."""
        curve = [{"epoch": 1, "loss": 0.5, "accuracy": self.accuracy}]
        return {"accuracy": self.accuracy, "curve": curve, "label": ""}


@dataclass(frozen=True)
class MadeUp(Task):
    """A task whose networks are made up; it notes what was asked of the store.

    Args:
        said: From a scheme and ``Heard`` to the probability of the event in each mixture.
        accuracy: Of each source tagger with recurrent lower layers.
        convolved: Of each with convolutional ones.
    """

    said: Callable[[str, Heard], NDArray[Any]] = lambda scheme, heard: heard.right(heard.first(12))
    accuracy: Sequence[float] = (0.95, 0.95, 0.95)
    convolved: Sequence[float] = (0.95, 0.95, 0.95)
    asked: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def keep(self, function: Callable[..., Any], *arguments: Any, mmap: bool = False) -> Any:
        self.asked.append((function.__name__, arguments))
        self.receipts.append({"function": function.__name__, "key": key(list(arguments))})
        if function.__name__ == "train_source":
            *_, layer, _, seed = arguments
            return Learned((self.convolved if layer == "convolution" else self.accuracy)[seed - self.seed])
        sounds, _, settings, scheme, _, n_mixtures, rotation, seed = arguments
        found = {}
        for part in ("test", "control") if settings.n_control else ("test",):
            heard = Heard(tested(sounds, settings, part, rotation), part, n_mixtures, rotation, seed)
            heard.sounds = sounds
            found[part] = np.asarray(self.said(scheme, heard), dtype=np.float32)
        return found


def rows_of(findings: Findings) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Rows by item, row and column; no two have the same words."""
    found = {(line["item"], line["row"], line["column"]): line for line in findings.rows.lines}
    assert len(found) == len(findings.rows.lines)
    return found


def system(scheme: str, heard: Heard) -> str:
    """Training from scratch with many mixtures, which are eight here, has a name of its own."""
    return "full" if heard.n_mixtures == 8 else scheme


def right_in(counts: Mapping[str, int]) -> Callable[[str, Heard], NDArray[Any]]:
    """Systems that are right in so many of a rotation's test mixtures, the first ones; others in half of them."""
    return lambda scheme, heard: heard.right(heard.first(counts.get(system(scheme, heard), N // 2)))
