"""What is counted of SN-F and SN-R: divergences on recordings that taught nothing, and how soon they fall."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from companion.evaluation.influence import Linearised, mean_score, weighted
from companion.evaluation.units import Units
from companion.losses.divergence import frame_kl
from companion.store import Kept

Array = NDArray[np.float64]

MARGINAL, UNIFORM = "training marginal", "uniform"
"""Predictions that hear nothing: the mean of what the teacher says of the training clips, and all classes alike."""


def unheard(teacher: Kept, folds: NDArray[np.int64]) -> dict[str, Array]:
    """Divergence of predictions that are the same for all clips.

    Of all such predictions the mean of the targets has the least divergence from them: whoever stays above it on other
    clips has learned nothing from their sound.

    Args:
        teacher: Made by ``soundnet_targets`` or ``content_targets``.
        folds: 1 for training. Shape: ``(N,)``.

    Returns:
        Sum of objects and scenes, nats, of every clip. Shape: ``(N,)`` each.
    """
    found = {MARGINAL: np.zeros(len(folds)), UNIFORM: np.zeros(len(folds))}
    for head in ("objects", "scenes"):
        true = np.asarray(teacher[head], dtype=np.float64)
        constants = {MARGINAL: true[folds == 1].mean(0), UNIFORM: np.full(true.shape[1], 1 / true.shape[1])}
        for name, constant in constants.items():
            log_probs = torch.from_numpy(np.log(np.maximum(constant, 1e-38))).expand(len(true), -1)
            found[name] += frame_kl(log_probs, torch.from_numpy(true)).numpy()
    return found


def level(networks: Sequence[Kept], chosen: NDArray[np.bool_], units: Units) -> Linearised:
    """Mean divergence on some clips, of every seed. Shape of ``chosen``: ``(N,)``."""
    return mean_score(np.stack([one["kl"][chosen].sum(1) for one in networks]), units)


def share(apart: Linearised, whole: Linearised) -> Linearised:
    """A difference as a share of another, seed by seed: nats mean more where there is less to learn.

    Args:
        apart: How much further from the teacher one network ends than another.
        whole: How far the other comes down from the training marginal.
    """
    value = apart.by_seed / whole.by_seed
    influence = (apart.influence - value[:, None] * whole.influence) / whole.by_seed[:, None]
    return Linearised(value, influence, apart.units, apart.degrees)


def checks_to(curves: Mapping[str, Array], marginal: Array, uniform: Array, units: Units) -> dict[str, Linearised]:
    """How many checks each network takes to a divergence that all of them reach.

    That is the one half way from the training marginal's to the lowest of the network that comes down least. Before its
    first step a network is taken to say that all classes are alike, and between two checks to fall on a straight line.

    Args:
        curves: Divergence of every validation clip at every check. Shape: ``(S, checks, N)`` by network.
        marginal, uniform: Divergence of constant predictions on the same clips. Shape: ``(N,)`` each.
        units: Which clips share something.
    """

    def count(name: str, weights: Array) -> Array:
        share = weights / weights.sum(1, keepdims=True)
        means = {key: np.einsum("rn,scn->rsc", share, values) for key, values in curves.items()}
        highest = np.max([found.min(2).mean(1) for found in means.values()], axis=0)
        stated = np.maximum((share @ marginal + highest) / 2, highest)
        start = np.broadcast_to((share @ uniform)[:, None, None], (*means[name].shape[:2], 1))
        return first_below(np.concatenate([start, means[name]], 2), stated[:, None])

    def counted(name: str) -> Linearised:
        return weighted(lambda weights: count(name, weights), units)

    return {name: counted(name) for name in curves}


def first_below(curves: Array, level: Array) -> Array:
    """When curves first reach a level, in checks, on the straight line between two checks.

    Args:
        curves: From check 0 on. Shape: ``(…, checks + 1)``.
        level: As far as it broadcasts to the curves. Shape: ``(…,)``.

    Returns:
        One more than the number of checks where a curve never does. Shape: ``(…,)``.
    """
    level = np.broadcast_to(level, curves.shape[:-1])
    below = curves <= level[..., None]
    at = below.argmax(-1)
    upper = np.maximum(at, 1)[..., None]
    before, after = (np.take_along_axis(curves, upper - back, -1)[..., 0] for back in (1, 0))
    share = np.divide(before - level, before - after, out=np.ones_like(before), where=before > after)
    reached = np.where(at == 0, 0.0, upper[..., 0] - 1 + share)
    return np.where(below.any(-1), reached, float(curves.shape[-1]))


def curve_lines(name: str, seed: int, kept: Kept) -> list[dict[str, Any]]:
    """Lines of the table ``checks``: what became of one training, check by check."""
    return [
        {"network": name, "seed": seed, "check": int(line["epoch"]), "training KL": line["loss"],
         "validation KL": line["validation"], "learning rate": line["lr"]}
        for line in kept.facts["curve"]
    ]  # fmt: skip


def wide(lines: Sequence[Mapping[str, Any]], networks: Sequence[str]) -> pd.DataFrame:
    """The curves of Fig. 1, a column for each network: validation divergence by seed and check."""
    frame = pd.DataFrame(lines)
    chosen = frame[frame["network"].isin(networks)]
    table = chosen.pivot(index=["seed", "check"], columns="network", values="validation KL")
    return table[list(networks)].reset_index().rename_axis(columns=None)
