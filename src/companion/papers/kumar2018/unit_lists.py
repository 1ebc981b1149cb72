"""What the units of F2 are active for in each scene: counts, and lists beside the recipes where there are any."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.evaluation import scene_events
from companion.experiment import Task
from companion.papers.kumar2018.adaptation import Target, trunks
from companion.papers.kumar2018.cells import keep_adapted
from companion.papers.kumar2018.source import Source
from companion.representations import segment_outputs

NETWORKS = {"N_S": "", "N_T^II": "II", "N_T^III": "III"}
"""Networks with an F2, and the method that adapts each."""

Counts = NDArray[Any]


def listed_units(target: Target, sources: Sequence[Source]) -> list[str]:
    """Names of the units that may be among the five most active: all, but those of the classes that beds are made of.

    A bed sounds all the time, and no recipe says how much its classes are heard; left in, they would take the places of
    the events that lists are scored on.
    """
    beds = getattr(target.dataset, "bed_classes", ())
    return [name for name in sources[0].classes if name not in beds]


def unit_counts(task: Task, target: Target, sources: Sequence[Source]) -> dict[str, list[Counts]]:
    """In how many segments of each clip each unit is among the five most active of those that are listed.

    Returns:
        For each network one array a seed, in the order of :func:`listed_units`. Shape: ``(N, C)``.
    """
    listed = np.flatnonzero(np.isin(sources[0].classes, listed_units(target, sources)))
    found: dict[str, list[Counts]] = {network: [] for network in NETWORKS}
    for number, seed in enumerate(task.seeds(task.settings.n_seeds)):
        source = sources[number % len(sources)]
        outputs = trunks(source, target, task.work.device)
        for network, method in NETWORKS.items():
            if method:
                segments = adapted_events(task, source, target, method, seed)
            else:
                segments = segment_outputs(source.network, outputs)[1] or []
            found[network].append(scene_events.count_top([clip[:, listed] for clip in segments]))
    return found


def adapted_events(task: Task, source: Source, target: Target, method: str, seed: int) -> list[NDArray[np.float32]]:
    """F2 of every segment of every clip, by the network adapted without the clip's fold. Shape: ``(K, C_S)`` each."""
    outputs = trunks(source, target, task.work.device)
    segments: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)] * len(outputs)
    for fold in np.unique(target.folds):
        test = np.flatnonzero(target.folds == fold)
        kept = keep_adapted(task, source, target, method, (int(fold),), seed)
        ends = np.cumsum([outputs[i].shape[1] - 1 for i in test])
        for i, found in zip(test, np.split(kept["F2 segments"], ends[:-1]), strict=True):
            segments[int(i)] = found
    return segments


def written_truth(target: Target, units: Sequence[str]) -> pd.DataFrame | None:
    """Probabilities of the recipes; None for recorded scenes. Shape: scenes × units.

    A unit whose event no recipe holds has probability 0: listing it is an error. An event of a recipe that F2 has no
    unit for can be listed by nobody, and is left out.
    """
    if not hasattr(target.dataset, "truth"):
        return None
    truth: pd.DataFrame = target.dataset.truth()
    return truth.reindex(index=list(target.dataset.classes), columns=list(units), fill_value=0.0)


def relation_table(counts: Mapping[str, Sequence[Counts]], target: Target, units: Sequence[str]) -> pd.DataFrame:
    """Every relation of every scene and unit, and the recipe's probability where there are recipes.

    Args:
        counts: For each network one array a seed. Shape: ``(N, C)``.
        target: The scenes.
        units: Names of the units that were counted.

    Returns:
        DataFrame: ``network``, ``score``, ``scene``, ``event``, ``value``, and perhaps ``probability``.
    """
    scenes = list(target.dataset.classes)
    lines = []
    for network, by_seed in counts.items():
        totals = np.mean([totals_of(one, target) for one in by_seed], axis=0)
        for name, relation in scene_events.RELATIONS.items():
            frame = pd.DataFrame(relation(totals), index=pd.Index(scenes, name="scene"), columns=list(units))
            long = frame.melt(ignore_index=False, var_name="event", value_name="value").reset_index()
            lines.append(long.assign(network=network, score=name))
    table = pd.concat(lines, ignore_index=True)
    truth = written_truth(target, units)
    if truth is not None:
        written = truth.rename_axis("scene").melt(ignore_index=False, var_name="event", value_name="probability")
        table = table.merge(written.reset_index(), on=["scene", "event"], how="left")
    return table.round({"value": 5})


def totals_of(counts: Counts, target: Target) -> Counts:
    """Counts of every scene. Shape: ``(N, C)`` to ``(S, C)``."""
    scenes = list(target.dataset.classes)
    return scene_events.by_scene(counts, np.array(scenes)[target.labels], scenes)
