"""The smallest settings of this paper's experiments that still have every part."""

from typing import Any

TINY_SOURCE = {"epochs": 1, "batch_size": 8, "width": 0.0625}
TINY_TRANSFER: dict[str, Any] = {
    "weak": {"n_train": 24, "n_validation": 20, "n_test": 0, "duration": 3.5},
    "source": TINY_SOURCE,
    "scratch": {"epochs": 1, "width": 0.0625},
    "width": 0.0625,
    "adaptation_epochs": 2,
    "untrained_methods": ("III",),
    "probes": ("LIBLINEAR",),
    "control_probes": ("LIBLINEAR",),
    "per_decade": 1,
    "patience": 1.0,
    "n_resamples": 50,
}

TINY_SCENES: dict[str, Any] = {
    **{name: value for name, value in TINY_TRANSFER.items() if name != "scratch"},
    "n_components": 2,
    "clips_per_scene": 4,
    "duration": 3.5,
}
