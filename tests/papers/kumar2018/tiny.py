"""The smallest settings of this paper's experiments that still have every part."""

from functools import cache
from typing import Any

from companion.datasets.synthetic import SOURCE_CLASSES, SyntheticMixtures
from companion.experiment import Task
from companion.papers.kumar2018.source import SHOWN
from worlds import with_inputs

TINY_SOURCE = {"epochs": 1, "batch_size": 8, "width": 0.0625}
TINY_WEAK = {"n_train": 24, "n_validation": 20, "n_test": 24, "duration": (3.5, 4.5)}

TINY_MAP: dict[str, Any] = {"weak": TINY_WEAK, "source": TINY_SOURCE, "n_seeds": 2}

TINY_TAGGING: dict[str, Any] = {**TINY_MAP, "shown": SHOWN[:2]}

TINY_CELLS: dict[str, Any] = {
    "weak": TINY_WEAK,
    "source": TINY_SOURCE,
    "adaptation_epochs": 2,
    "untrained_methods": ("III",),
    "probes": ("LIBLINEAR",),
    "control_probes": ("LIBLINEAR",),
    "per_decade": 1,
    "patience": 1.0,
}

TINY_TRANSFER: dict[str, Any] = {**TINY_CELLS, "scratch": {"epochs": 1, "width": 0.0625}}

TINY_SCENES: dict[str, Any] = {**TINY_CELLS, "n_components": 2, "clips_per_scene": 4, "duration": 3.5}


@cache
def weak_corpus() -> SyntheticMixtures:
    """Weakly labelled recordings of seven classes: twenty-four to train, twenty to validate, twenty-four to test."""
    sizes = {"recordings": TINY_WEAK["n_train"], "validation": TINY_WEAK["n_validation"], "test": TINY_WEAK["n_test"]}
    return SyntheticMixtures(0, classes=SOURCE_CLASSES[::3], duration=TINY_WEAK["duration"], **sizes)


def tiny_task(experiment: Any, settings: dict[str, Any], **inputs: Any) -> Task:
    """A task of the smallest settings and corpora; weak recordings are ``weak_corpus`` unless others are given."""
    return with_inputs(experiment, settings, **{"source": weak_corpus(), **inputs})
