"""The smallest settings of this paper's experiments that still have every part."""

from typing import Any

TINY_SOURCE = {"epochs": 1, "batch_size": 8, "width": 0.0625}
TINY_WEAK = {"n_train": 24, "n_validation": 20, "n_test": 24, "duration": (3.5, 4.5)}

TINY_TAGGING: dict[str, Any] = {"weak": TINY_WEAK, "source": TINY_SOURCE, "n_seeds": 2}

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
