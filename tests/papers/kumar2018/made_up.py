"""Recordings with weak and strong labels, and what made-up networks say of them: nothing is trained."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.datasets.base import Clip, Event
from companion.papers.kumar2018.source import SHOWN, weak_labels
from companion.papers.kumar2018.table1 import HEARD, Fold, System
from companion.training.recordings import Scored

CLASSES = tuple("abcdefghijklmn")
SYSTEMS: list[System] = [(shown, heard) for shown in SHOWN[:2] for heard in HEARD]
FRAMES = {4.0: 345, 8.0: 690}
"""Log-mel frames of both lengths of recordings, in seconds."""

Outputs = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]
"""From what holds to what a network says: weak labels, or labels of segments. Shape: ``(…, C)`` to the same."""


def clips(n: int, seed: int = 0, classes: Sequence[str] = CLASSES) -> tuple[Clip, ...]:
    """Recordings of two lengths, each with events of one to four classes."""
    rng = np.random.default_rng(seed)

    def clip(number: int) -> Clip:
        duration = float(rng.choice(list(FRAMES)))
        events = [
            Event(start := float(rng.uniform(0, duration - 1.6)), start + float(rng.uniform(0.3, 1.5)), str(label))
            for label in rng.choice(classes, rng.integers(1, 5), replace=False)
        ]
        weak = tuple(sorted({event.label for event in events}))
        return Clip(f"clip-{number:03d}", f"recording-{number:03d}", 3, duration, None, weak, tuple(sorted(events)))

    return tuple(clip(number) for number in range(n))


def fold(
    said: Mapping[System, Outputs] | Outputs,
    n: int = 40,
    *,
    seed: int = 0,
    n_seeds: int = 2,
    classes: Sequence[str] = CLASSES,
    author_of: Mapping[str, str] | None = None,
) -> Fold:
    """Recordings, and what every system says of them; each seed of a system draws anew."""
    from companion.evaluation.localization import segment_reference
    from companion.models.weak_cnn import n_segments
    from companion.representations import segment_bounds

    chosen = clips(n, seed, classes)
    labels = weak_labels(chosen, classes)
    active = [
        segment_reference(
            [(e.onset, e.offset, e.label) for e in clip.strong],
            segment_bounds(n_segments(FRAMES[clip.duration])),
            classes,
        )
        for clip in chosen
    ]
    scored = {}
    for number, system in enumerate(SYSTEMS):
        outputs = said[system] if isinstance(said, Mapping) else said
        draws = [np.random.default_rng([seed, number, run]) for run in range(n_seeds)]
        scored[system] = [Scored(outputs(labels, rng), [outputs(one, rng) for one in active]) for rng in draws]
    return Fold(chosen, tuple(classes), labels, scored, author_of or {})


def chance(labels: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """A network that knows nothing."""
    return rng.uniform(0.05, 0.95, labels.shape)


def perfect(labels: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """A network that is always right."""
    return np.where(labels > 0, rng.uniform(0.8, 0.9, labels.shape), rng.uniform(0.1, 0.2, labels.shape))


def partly(share: float) -> Outputs:
    """A network that is right in a share of its outputs."""

    def outputs(labels: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        known = rng.random(labels.shape) < share
        return np.where(known, perfect(labels, rng), chance(labels, rng))

    return outputs
