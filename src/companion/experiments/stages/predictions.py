"""Every cell of Table 2 and every control, predicted for every seed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from companion.experiments.stages import scratch
from companion.experiments.stages.cells import (
    Adaptation,
    Cell,
    Probing,
    adapted,
    fixed_cells,
    network_trunks,
    off_the_shelf,
)
from companion.experiments.stages.comparisons import Key
from companion.experiments.stages.target import Target
from companion.models.weak_cnn import WeakCNN
from companion.transfer import METHODS

Predictions = Mapping[Key, Sequence[Cell]]


@dataclass(frozen=True)
class Plan:
    """How much is run.

    Args:
        seeds: Seeds of adaptation and of the untrained networks.
        adaptation_epochs: Epochs of Methods I to III.
        scratch_epochs: Epochs of N_S trained on the target alone; 0 leaves that control out.
        scratch_batch: Recordings in one of its steps.
        width: Factor on the filters of the networks that are not transferred.
        per_decade: Values of C in a factor of ten.
        control_probes: Probes of what is adapted from the untrained trunk or trained from scratch.
        untrained_methods: Methods that the untrained trunk is adapted by, as a control.
        untrained_seeds: How many seeds it is for; None for all.
    """

    seeds: tuple[int, ...]
    adaptation_epochs: int
    scratch_epochs: int
    scratch_batch: int
    width: float
    per_decade: int
    control_probes: tuple[str, ...]
    untrained_methods: tuple[str, ...] = tuple(METHODS)
    untrained_seeds: int | None = None

    def methods(self, trunk: str, number: int) -> tuple[str, ...]:
        """Methods that a trunk is adapted by for the seed of this number."""
        if trunk == "source":
            return tuple(METHODS)
        within = self.untrained_seeds is None or number < self.untrained_seeds
        return self.untrained_methods if within else ()


def predict(
    plan: Plan, target: Target, networks: Sequence[WeakCNN], device: torch.device, others: Sequence[Cell] = ()
) -> tuple[Predictions, dict[str, pd.DataFrame]]:
    """Predict every clip with every cell and control.

    Args:
        plan: How much.
        target: The task.
        networks: Trained source networks; seeds take them in turn.
        device: Where to compute.
        others: Cells predicted elsewhere, such as a published baseline's.

    Returns:
        The cells, one for each seed, and the tables ``adaptation_curves``, ``probes``, ``predictions``, ``folds``.
    """
    found: dict[Key, list[Cell]] = defaultdict(list)
    curves: list[dict[str, Any]] = []

    def keep(cell: Cell) -> None:
        found[Key(cell.trunk, cell.row, cell.column, cell.probe)].append(cell)

    settings = Adaptation(epochs=plan.adaptation_epochs)
    probing, controls = Probing(plan.per_decade), Probing(plan.per_decade, probes=plan.control_probes)
    for number, seed in enumerate(plan.seeds):
        source = networks[number % len(networks)]
        torch.manual_seed(seed)
        untrained = WeakCNN(source.n_classes, width=plan.width).eval()
        for trunk, network in (("source", source), ("untrained", untrained)):
            trunks = network_trunks(network, target, device)
            # A source network used again for another seed would give the same cells again.
            if trunk == "untrained" or number < len(networks):
                for cell in off_the_shelf(trunk, network, trunks, target, probing):
                    keep(cell)
            chosen = probing if trunk == "source" else controls
            methods = plan.methods(trunk, number)
            for cell, curve in adapted(
                trunk, network, trunks, target, settings, chosen, seed=seed, device=device, methods=methods
            ):
                keep(cell)
                curves += curve
    for name, x in (("log-mel statistics", target.statistics()), ("level only", target.level())):
        for cell in fixed_cells("none", name, {"features": x}, target, probing):
            keep(cell)
    for cell in others:
        keep(cell)
    if plan.scratch_epochs:
        for cell in scratch.cells(
            target, plan.scratch_epochs, plan.scratch_batch, plan.width, controls, plan.seeds[0], device
        ):
            keep(cell)
    return found, {
        "adaptation_curves": pd.DataFrame(curves),
        "probes": _probe_table(found, target),
        "predictions": _prediction_table(found, target),
        "folds": _fold_table(found, target),
    }


def _probe_table(found: Predictions, target: Target) -> pd.DataFrame:
    """C, inner accuracy and convergence of every probe."""
    folds = [f"C, fold {fold}" for fold in np.unique(target.folds)]
    return pd.DataFrame(
        {
            **asdict(key),
            "run": number,
            **dict(zip(folds, cell.c, strict=True)),
            "inner accuracy %": 100 * cell.inner_accuracy,
            "folds at edge": cell.n_at_edge,
            "unconverged fits": cell.n_unconverged,
        }
        for key, seeds in found.items()
        for number, cell in enumerate(seeds)
        if cell.probe
    )


def _prediction_table(found: Predictions, target: Target) -> pd.DataFrame:
    """Class predicted for every clip by every cell's first seed: enough to compute each interval again."""
    classes = np.array(target.dataset.classes)
    table: dict[str, NDArray[Any]] = {
        "clip": np.array([clip.id for clip in target.dataset.clips]),
        "recording": target.recordings,
        "fold": target.folds,
        "label": classes[target.labels],
    }
    for key, seeds in found.items():
        for number, cell in enumerate(seeds):
            table[f"{key.name} | run {number}"] = classes[cell.predictions]
    return pd.DataFrame(table)


def _fold_table(found: Predictions, target: Target) -> pd.DataFrame:
    """Accuracy of every cell in every fold."""
    return pd.DataFrame(
        {
            **asdict(key),
            "run": number,
            "fold": int(fold),
            "accuracy %": 100 * float((cell.predictions == target.labels)[target.folds == fold].mean()),
        }
        for key, seeds in found.items()
        for number, cell in enumerate(seeds)
        for fold in np.unique(target.folds)
    )
