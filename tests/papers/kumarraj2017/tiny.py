"""The smallest recordings and settings of this paper's experiments that still have every part."""

from functools import cache
from typing import Any

import numpy as np

from companion.datasets.base import Clip
from companion.datasets.synthetic import SyntheticMixtures
from companion.papers.kumarraj2017.corpora import SYNTHETIC
from companion.papers.kumarraj2017.learning import HEARD, SHOWN, TrainSettings
from companion.papers.kumarraj2017.tables import ALIKE, TRAINED, US_TEST, TestSet
from companion.training.recordings import Scored

SCALES = (512, 2048)
TRAINING = TrainSettings(width=0.03, dropout=0.5, centre=-40.0, spread=20.0, epochs=2, batch_size=4, lr=0.01,
                         train_hop=128, test_hop=64, scales=SCALES)  # fmt: skip
CLASSES = SYNTHETIC[:3]
SYSTEMS = [(trained, shown, heard) for trained in TRAINED for shown in SHOWN for heard in (*HEARD, ALIKE)]


@cache
def corpus(seed: int = 0) -> SyntheticMixtures:
    """Eight recordings to train, six to validate, six to test, of three classes."""
    made = SyntheticMixtures(seed, classes=CLASSES, recordings=8, validation=6, test=6, duration=(3.5, 4.2))
    made.name = f"{made.name} {seed}"
    return made


def outputs(labels: np.ndarray, seed: int, quality: float = 1.0) -> Scored:
    """Scores that tell more of the labels the better they are."""
    rng = np.random.default_rng(seed)
    scores = (quality * labels + rng.normal(size=labels.shape)).astype(np.float32)
    return Scored(scores, [np.stack([row - 1, row]) for row in scores])


def made_up(n: int = 60, n_classes: int = 4, seeds: int = 2, systems: Any = SYSTEMS, item: str = US_TEST,
             quality: Any = None, **changed: Any) -> TestSet:  # fmt: skip
    """Made-up recordings of one class each, and made-up outputs: of a system as good as ``quality`` says."""
    rng = np.random.default_rng(5)
    classes = ("dog", "siren", "drill", "absent")[:n_classes]
    held = rng.permutation(np.arange(n) % 3)
    labels = np.eye(n_classes, dtype=np.float32)[held]
    clips = tuple(
        Clip(f"c{i}", f"r{i}", 3, 10.0, weak=(classes[held[i]],)) for i in range(n)
    )  # fmt: skip
    quality = quality or (lambda system: 1.0)
    scored = {
        system: [outputs(labels, 100 * number + seed, quality(system)) for seed in range(seeds)]
        for number, system in enumerate(systems)
    }
    return TestSet(**{"item": item, "clips": clips, "classes": classes, "labels": labels, "scored": scored, **changed})


def rows_of(rows: Any) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """Lines by their words; no two have the same."""
    found = {(line["item"], line["row"], line["column"], line["measure"]): line for line in rows.lines}
    assert len(found) == len(rows.lines)
    return found
