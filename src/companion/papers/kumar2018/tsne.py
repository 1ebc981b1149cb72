"""The map of sounds, and who is whose neighbour in it: Fig. 2 (left) and section 4.4 of Kumar, Khadkevich, Fügen 2018.

The paper reads off its t-SNE picture that the vacuum cleaner, a domestic sound, lies near chainsaw, engine and hand
saw, exterior ones. The picture cannot carry that; the distances between class centroids in F1 can.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances

from companion.datasets.base import Dataset
from companion.evaluation.bootstrap import Interval, cluster_bootstrap, cluster_interval
from companion.evaluation.relations import class_centroid_neighbours
from companion.experiment import Experiment, Findings, Task
from companion.papers.kumar2018 import transfer
from companion.papers.kumar2018.adaptation import Target, load_target, trunks
from companion.papers.kumar2018.corpora import WeakSettings, event_corpus, weak_corpus
from companion.papers.kumar2018.source import Source, SourceSettings, given_weights
from companion.profiles import Settings
from companion.projection import project
from companion.representations import represent
from companion.results.rows import Rows, bare

CLASS, NEAR = "vacuum_cleaner", ("chainsaw", "engine", "hand_saw")
N_LISTED = 10


class MapSettings(Settings):
    """Settings of one profile. The source network is that of the chapter on transfer.

    Args:
        target: Corpus that is laid out.
        clips_per_class: Clips of each class, for the synthetic target.
        clip_duration: Seconds of each clip, for the synthetic target.
        weak: Weakly labelled corpus of the source task.
        source: How N_S is trained on it.
        n_sources: Source networks.
        weights: A checkpoint in place of trained source networks: the authors' pickle, or this library's own.
        class_order: Class names of a pickle, one a line.
        n_resamples: Resamples of every interval.
    """

    target: Literal["synthetic", "esc10", "esc50"]
    clips_per_class: int = 0
    clip_duration: float = 5.0
    weak: WeakSettings
    source: SourceSettings
    n_sources: int = 1
    weights: str = ""
    class_order: str = ""
    n_resamples: int = 2000


def _like_transfer(profile: str) -> MapSettings:
    """The settings that both chapters have, with the values of the chapter on transfer."""
    theirs = transfer.PROFILES[profile]
    return MapSettings(**{name: getattr(theirs, name) for name in MapSettings.model_fields})


PROFILES: Mapping[str, MapSettings] = {profile: _like_transfer(profile) for profile in transfer.PROFILES}


def inputs(settings: MapSettings, seed: int, data: Path) -> dict[str, Any]:
    """The corpus that is laid out, and the source corpus or the weights that stand for it."""
    s = settings
    target = event_corpus(s.target, seed, data, s.clips_per_class, s.clip_duration)
    given: Mapping[str, Any] = given_weights(s.weights, s.class_order, data)
    return {"target": target, **(given or {"source": weak_corpus(s.weak, seed, data)})}


def compute(task: Task) -> Findings:
    """Rows and the tables ``tsne`` and, where there is a vacuum cleaner, ``class_neighbours``."""
    settings: MapSettings = task.settings
    data: Dataset = task.inputs["target"]
    target = load_target(data, task.work.n_jobs)
    sources = transfer.source_networks(task)
    spaces = [f1_max(source, target, task.work.device) for source in sources]
    rows = Rows()
    nearest(rows, spaces[0], target, settings.n_resamples, task.seed)
    tables = {"tsne": layout(rows, spaces[0], target, task.seed, "Fig2 top-left")}
    if {CLASS, *NEAR} <= set(data.classes):
        rows.add("Class neighbours", "vacuum cleaner", "mean rank of chainsaw, engine, hand saw", "rank",
                 rank(spaces, target, settings.n_resamples, task.seed),
                 f"of {target.n_classes - 1} other classes; by chance the mean rank is half of them")  # fmt: skip
        tables["class_neighbours"] = neighbour_table(spaces, target)
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


def nearest(rows: Rows, x: NDArray[np.float32], target: Target, n_resamples: int, seed: int) -> None:
    """How often a clip's nearest neighbour, from another recording, is of its class, and of its group.

    Euclidean distance in F1 max of the network, and in the standardised log-mel statistics for comparison.
    """
    statistics = target.statistics()
    spaces = {"N_S F1 max": x, "log-mel statistics": (statistics - statistics.mean(0)) / statistics.std(0)}
    groups = np.array([target.dataset.superclass_of[str(clip.label)] for clip in target.dataset.clips])
    for row, space in spaces.items():
        neighbour = neighbours(space, target.recordings)
        for column, names in (("same class", target.labels), ("same group", groups)):
            same = (names[neighbour] == names)[None]
            rng = np.random.default_rng(seed)
            found = cluster_interval(same, target.recordings, target.folds, rng, n_resamples=n_resamples)
            rows.add("Neighbours", row, column, "share of clips, %", found, scale=100)


def neighbours(x: NDArray[np.floating], recordings: NDArray[Any]) -> NDArray[np.intp]:
    """The nearest clip of another recording. Shape: ``(N, D)`` to ``(N,)``."""
    distance = pairwise_distances(x)
    distance[recordings[:, None] == recordings] = np.inf
    return distance.argmin(1)


def rank(spaces: Sequence[NDArray[Any]], target: Target, n_resamples: int, seed: int) -> Interval:
    """Mean rank of the claimed neighbours, with recordings and seeds resampled."""
    labels = np.array(target.dataset.classes)[target.labels]

    def statistic(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        drawn = np.repeat(np.arange(len(labels)), weights)
        if not {CLASS, *NEAR} <= set(labels[drawn].tolist()):
            return np.full(len(spaces), np.nan)
        found = [class_centroid_neighbours(x[drawn], labels[drawn]) for x in spaces]
        return np.array([np.mean([one.rank(CLASS, other) for other in NEAR]) for one in found])

    return cluster_bootstrap(statistic, target.recordings, np.random.default_rng(seed), n_resamples=n_resamples)


def neighbour_table(spaces: Sequence[NDArray[Any]], target: Target) -> pd.DataFrame:
    """The classes nearest to the vacuum cleaner by their mean rank over seeds."""
    labels = np.array(target.dataset.classes)[target.labels]
    others = sorted(set(labels.tolist()) - {CLASS})
    found = [class_centroid_neighbours(x, labels) for x in spaces]
    ranks = {other: float(np.mean([one.rank(CLASS, other) for one in found])) for other in others}
    order = sorted(others, key=lambda other: ranks[other])
    listed = order[:N_LISTED] + [name for name in order[N_LISTED:] if name in NEAR]
    group = target.dataset.superclass_of
    lines = [{"class": n.replace("_", " "), "group": group[n], "mean rank": round(ranks[n], 1)} for n in listed]
    return pd.DataFrame(lines)


experiment = Experiment(__name__, PROFILES, compute, inputs)
run, find = experiment.run, experiment.find
