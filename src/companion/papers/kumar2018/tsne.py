"""The map of sounds, and who is whose neighbour in it: Fig. 2 (left) and section 4.4 of Kumar, Khadkevich, Fügen 2018.

The paper reads off its t-SNE picture that the vacuum cleaner, a domestic sound, lies near chainsaw, engine and hand
saw, exterior ones. The picture cannot carry that; the distances between class centroids in F1 can.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances

from companion.datasets.base import Dataset
from companion.evaluation.influence import Linearised, weighted
from companion.evaluation.intervals import interval, mean_interval
from companion.evaluation.relations import class_centroid_neighbours
from companion.experiment import Experiment, Findings, Task
from companion.papers.kumar2018 import tagging
from companion.papers.kumar2018.adaptation import Target, load_target, trunks
from companion.papers.kumar2018.corpora import WeakSettings, event_corpus, weak_corpus
from companion.papers.kumar2018.source import Source, SourceSettings, given_weights
from companion.profiles import Settings
from companion.projection import project
from companion.representations import represent
from companion.results.rows import Rows, bare

CLASS, NEAR = "vacuum_cleaner", ("chainsaw", "engine", "hand_saw")
N_LISTED = 10
Statistic = Callable[[NDArray[np.float64]], float]


class MapSettings(Settings):
    """Settings of one profile. The source networks are those of the chapter on tagging.

    Args:
        target: Corpus that is laid out; ``held out`` are all clips of ESC-50 by authors that no network heard.
        clips_per_class: Clips of each class, for the synthetic target.
        clip_duration: Seconds of each clip, for the synthetic target.
        weak: Weakly labelled corpus of the source task.
        source: How N_S is trained on it.
        n_seeds: Source networks.
        weights: A checkpoint in place of trained source networks: the authors' pickle, or this library's own.
        class_order: Class names of a pickle, one a line.
    """

    target: Literal["synthetic", "held out", "esc50"]
    clips_per_class: int = 0
    clip_duration: float = 5.0
    weak: WeakSettings
    source: SourceSettings
    n_seeds: int = 1
    weights: str = ""
    class_order: str = ""


def _source(profile: str) -> dict[str, Any]:
    """The source task of the chapter on tagging."""
    return {name: getattr(tagging.PROFILES[profile], name) for name in ("weak", "source", "n_seeds")}


PROFILES: Mapping[str, MapSettings] = {
    "demo": MapSettings(**_source("demo"), target="synthetic", clips_per_class=10, clip_duration=3.5),
    "esc50": MapSettings(**_source("esc50"), target="held out"),
    "paper": MapSettings(**_source("paper"), target="esc50", weights="checkpoints/ns-audioset.safetensors"),
}


def inputs(settings: MapSettings, seed: int, data: Path) -> dict[str, Any]:
    """The corpus that is laid out, and the source corpus or the weights that stand for it."""
    s = settings
    target = event_corpus(s.target, seed, data, s.clips_per_class, s.clip_duration)
    given: Mapping[str, Any] = given_weights(s.weights, s.class_order, data)
    return {"target": target, **(given or {"source": weak_corpus(s.weak, seed, data)})}


def compute(task: Task) -> Findings:
    """Rows and the tables ``tsne`` and, where there is a vacuum cleaner, ``class_neighbours``."""
    data: Dataset = task.inputs["target"]
    target = load_target(data, task.work.n_jobs)
    sources = tagging.source_networks(task)
    spaces = [f1_max(source, target, task.work.device) for source in sources]
    rows = Rows()
    nearest(rows, spaces, target)
    tables = {"tsne": layout(rows, spaces[0], target, task.seed, "Fig2 top-left")}
    if {CLASS, *NEAR} <= set(data.classes):
        tables["class_neighbours"] = company(rows, spaces, target)
    n_recordings = len(set(target.recordings))
    words = f"{data.name}: {len(data.clips)} clips of {n_recordings} recordings in {target.n_classes} classes; "
    return Findings(rows, tables, words + f"source: {sources[0].description}", n_recordings, task.seeds(len(sources)))


def f1_max(source: Source, target: Target, device: str) -> NDArray[np.float32]:
    """F1 of every clip, maximum over segments. Shape: ``(N, 1024)``."""
    return represent(source.network, trunks(source, target, device)).f1_max


def layout(rows: Rows, x: NDArray[np.float32], target: Target, seed: int, item: str) -> pd.DataFrame:
    """Lay the clips out by t-SNE, as the paper's Fig. 2, and add how far the picture can be trusted.

    Returns:
        DataFrame: One row a clip (clip, recording, label, superclass, x, y).
    """
    projection = project(x, seed=seed)
    labels = [str(clip.label) for clip in target.dataset.clips]
    n_recordings = len(set(target.recordings))
    trust = bare(projection.trustworthiness, n_clips=len(labels), n_recordings=n_recordings, n_seeds=1)
    rows.add(item, "t-SNE, N_S F1 max", "trustworthiness", "share, 0 to 1", trust)
    return pd.DataFrame(
        {
            "clip": [clip.id for clip in target.dataset.clips],
            "recording": target.recordings,
            "label": labels,
            "superclass": [target.dataset.superclass_of[label] for label in labels],
            "x": projection.coordinates[:, 0].round(4),
            "y": projection.coordinates[:, 1].round(4),
        }
    )


def nearest(rows: Rows, spaces: Sequence[NDArray[np.float32]], target: Target) -> None:
    """How often a clip's nearest neighbour, from another recording, is of its class, and of its group.

    Euclidean distance in F1 max of each network, and in the standardised log-mel statistics for comparison.
    """
    statistics = target.statistics()
    named = {"N_S F1 max": spaces, "log-mel statistics": [(statistics - statistics.mean(0)) / statistics.std(0)]}
    groups = np.array([target.dataset.superclass_of[str(clip.label)] for clip in target.dataset.clips])
    beside = {row: [neighbours(space, target.recordings) for space in of_row] for row, of_row in named.items()}
    for column, names in (("same class", target.labels), ("same group", groups)):
        same = {row: np.stack([names[one] == names for one in found]).astype(float) for row, found in beside.items()}
        for row, shares in same.items():
            found = mean_interval(shares, target.units, strata=target.labels)
            rows.add("Neighbours", row, column, "share of clips, %", found, scale=100)
        first, second = same.values()
        gain = mean_interval(first - second, target.units, strata=target.labels, difference=True, bounds=(-1.0, 1.0))
        rows.add("Neighbours", " - ".join(same), column, "difference of shares, points", gain, scale=100)


def neighbours(x: NDArray[np.floating], recordings: NDArray[Any]) -> NDArray[np.intp]:
    """The nearest clip of another recording. Shape: ``(N, D)`` to ``(N,)``."""
    distance = pairwise_distances(x)
    distance[recordings[:, None] == recordings] = np.inf
    return distance.argmin(1)


def company(rows: Rows, spaces: Sequence[NDArray[Any]], target: Target) -> pd.DataFrame:
    """Add how near the claimed classes lie, one by one and in the mean, beside the tenth nearest class.

    The claim's second half follows: exterior classes beside the other domestic ones, in the mean. Ranks move by whole
    places, which no interval over recordings can follow; distances do not.

    Returns:
        DataFrame: The classes nearest to the vacuum cleaner by their mean rank over seeds.
    """
    classes, group = np.array(target.dataset.classes), target.dataset.superclass_of
    others = classes[classes != CLASS]
    groups = np.array([group[name] for name in others.tolist()])
    exterior, domestic = (groups == group[name] for name in (NEAR[0], CLASS))
    measured: dict[str, Statistic] = {
        f"{', '.join(near).replace('_', ' ')} - tenth nearest class": partial(_behind_the_tenth, np.isin(others, near))
        for near in (NEAR, *((name,) for name in NEAR))
    }
    measured["exterior - other domestic classes"] = lambda d: float(d[exterior].mean() - d[domestic].mean())
    gaps = _gaps(list(measured.values()), spaces, target)
    for words, gap in zip(measured, gaps, strict=True):
        rows.add("Class neighbours", "vacuum cleaner", words, "cosine distance", interval(gap, difference=True))
    found = [class_centroid_neighbours(x, classes[target.labels]) for x in spaces]
    ranks = {other: float(np.mean([one.rank(CLASS, other) for one in found])) for other in sorted(others.tolist())}
    order = sorted(ranks, key=lambda other: ranks[other])
    listed = order[:N_LISTED] + [name for name in order[N_LISTED:] if name in NEAR]
    mean_rank = float(np.mean([ranks[name] for name in NEAR]))
    counts = {"n_clips": len(target.labels), "n_recordings": target.units.n_recordings, "n_seeds": len(spaces)}
    note = f"of {len(others)} other classes; by chance the mean rank is half of them"
    column = "mean rank of chainsaw, engine, hand saw"
    rows.add("Class neighbours", "vacuum cleaner", column, "rank", bare(mean_rank, **counts), note)
    lines = [{"class": n.replace("_", " "), "group": group[n], "mean rank": round(ranks[n], 1)} for n in listed]
    return pd.DataFrame(lines)


def _gaps(statistics: Sequence[Statistic], spaces: Sequence[NDArray[Any]], target: Target) -> list[Linearised]:
    """Statistics of the same distances, each with what every clip adds to it in every network."""
    classes, n = np.array(target.dataset.classes), len(spaces)

    def of_weights(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        distances = [[_distances(x, target.labels, classes, one) for x in spaces] for one in weights]
        return np.array([[statistic(d) for statistic in statistics for d in of_one] for of_one in distances])

    found = weighted(of_weights, target.units)
    parts = [slice(n * number, n * number + n) for number in range(len(statistics))]
    return [replace(found, by_seed=found.by_seed[part], influence=found.influence[part]) for part in parts]


def _distances(
    x: NDArray[Any], labels: NDArray[np.int64], classes: NDArray[Any], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Cosine distances of the other classes' centroids to the vacuum cleaner's, less the mean clip."""
    belongs = weights * (labels == np.arange(len(classes))[:, None])
    centroids = (belongs / belongs.sum(1, keepdims=True)) @ x - np.average(x, axis=0, weights=weights)
    found: NDArray[np.float64] = pairwise_distances(centroids[classes == CLASS], centroids, metric="cosine")[0]
    return found[classes != CLASS]


def _behind_the_tenth(claimed: NDArray[np.bool_], distances: NDArray[np.float64]) -> float:
    """Mean distance of the claimed classes less that of the tenth nearest: below 0 they are among the nearest."""
    return float(distances[claimed].mean() - np.sort(distances)[N_LISTED - 1])


experiment = Experiment(__name__, PROFILES, compute, inputs)
run, find = experiment.run, experiment.find
