"""N_S against N_S^slat on weakly labelled recordings: Table 1 of Kumar, Khadkevich, Fügen 2018.

Both networks have the same layers, weights at the start, recordings, passes over them and seeds; they differ in
what they are shown at a time, a recording or a segment, and so in what a label is taken to say.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from companion.datasets.base import Dataset
from companion.evaluation.mixture_bootstrap import membership
from companion.experiment import Experiment, Findings, Part, Task
from companion.models.slat import SegmentWise
from companion.papers.kumar2018.corpora import WeakSettings, weak_corpus
from companion.papers.kumar2018.localisation import localise
from companion.papers.kumar2018.source import (
    TEST,
    TRAIN,
    VALIDATION,
    Source,
    SourceSettings,
    fold_features,
    level_baseline,
    recordings,
    train,
    trained,
    weak_labels,
)
from companion.papers.kumar2018.table1 import NETWORKS, Fold, table1
from companion.profiles import Settings
from companion.results.rows import Rows, bare
from companion.store import Value, Work
from companion.training import make_fabric
from companion.training.recordings import Scored, score


class TaggingSettings(Settings):
    """Settings of one profile.

    Args:
        weak: Weakly labelled corpus.
        source: How both networks are trained; N_S^slat differs in what it is shown alone.
        n_seeds: Seeds of the weights and of the order of recordings, the same for both networks.
        n_resamples: Resamples of every interval.
    """

    weak: WeakSettings
    source: SourceSettings
    n_seeds: int = 1
    n_resamples: int = 1000


PROFILES: Mapping[str, TaggingSettings] = {
    "demo": TaggingSettings(
        weak=WeakSettings(name="synthetic", n_train=240, n_validation=80, n_test=120, duration=(3.5, 4.0, 6.0)),
        source=SourceSettings(epochs=8, batch_size=8, width=0.25, rate="cosine", lr=2e-3),
        n_resamples=200,
    ),
    # Fixed before any test recording was scored. Half the filters, three passes and batches of eight are what two
    # cores without bfloat16 allow for six networks in two hours; they are the same for both.
    "esc50": TaggingSettings(
        weak=WeakSettings(
            name="esc50", n_train=3000, n_validation=300, n_test=1000, duration=(4.0, 6.0, 8.0, 10.0, 12.0, 30.0)
        ),
        source=SourceSettings(epochs=3, batch_size=8, width=0.5, rate="cosine"),
        n_seeds=3,
    ),
    # Batch size and rate of the closest public code; the paper states neither, nor its epochs.
    "paper": TaggingSettings(
        weak=WeakSettings(name="audioset", n_train=22160, n_validation=1000, n_test=20371),
        source=SourceSettings(epochs=30, batch_size=72),
        n_seeds=3,
        n_resamples=200,
    ),
}


def inputs(settings: TaggingSettings, seed: int, data: Path) -> dict[str, Dataset]:
    """The weakly labelled corpus."""
    return {"source": weak_corpus(settings.weak, seed, data)}


def network(task: Task, name: str, seed: int) -> Source:
    """One network of one seed."""
    return trained(task.keep(train, task.inputs["source"], task.settings.source, name == "N_S_slat", seed))


def compute(task: Task) -> Findings:
    """Rows and the tables ``class_ap``, ``curves``, ``localisation`` and ``events``."""
    settings: TaggingSettings = task.settings
    corpus: Dataset = task.inputs["source"]
    seeds = task.seeds(settings.n_seeds)
    sources = {name: [network(task, name, seed) for seed in seeds] for name in NETWORKS}
    test, validation = (scored_fold(task, corpus, fold, sources) for fold in (TEST, VALIDATION))
    rows = Rows()
    by_class = table1(rows, test, validation, settings.n_resamples, task.seed)
    control_rows(rows, task, corpus, test)
    examples = localise(rows, test, validation, settings.n_resamples, task.seed)
    curves = [
        source.curve.assign(network=name, seed=seed)
        for name, of_name in sources.items()
        for seed, source in zip(seeds, of_name, strict=True)
    ]
    tables = {"class_ap": by_class, "curves": pd.concat(curves, ignore_index=True), **examples}
    words = description(corpus, len(validation.clips), len(test.clips))
    return Findings(rows, tables, words, len(membership(test.recordings)[0]), seeds)


def scored_fold(task: Task, corpus: Dataset, fold: int, sources: Mapping[str, Sequence[Source]]) -> Fold:
    """Every network's outputs for the recordings of one fold."""
    scored = {
        name: [of_kept(task.keep(score_fold, source, name == "N_S_slat", corpus, fold)) for source in of_name]
        for name, of_name in sources.items()
    }
    clips = fold_features(corpus, fold, task.work.n_jobs).clips
    return Fold(clips, tuple(corpus.classes), weak_labels(clips, corpus.classes), scored)


def score_fold(work: Work, source: Source, segmentwise: bool, corpus: Dataset, fold: int) -> Value:
    """A network's outputs for one fold: ``recording`` (N, C), and ``segments`` end to end with their ``counts``."""
    fabric = make_fabric(work.device)
    model: nn.Module = SegmentWise(source.network) if segmentwise else source.network
    found = score(fabric.to_device(model).eval(), recordings(corpus, fold, work.n_jobs), fabric)
    counts = np.array([len(segments) for segments in found.segments])
    return Value({"recording": found.recording, "segments": np.concatenate(found.segments), "counts": counts})


def of_kept(kept: Mapping[str, NDArray[Any]]) -> Scored:
    """The outputs that ``score_fold`` kept."""
    return Scored(kept["recording"], np.split(kept["segments"], np.cumsum(kept["counts"])[:-1]))


def control_rows(rows: Rows, task: Task, corpus: Dataset, test: Fold) -> None:
    """What MAP and MAUC are without a network: by loudness and length, and by the same guess for every recording."""
    found = level_baseline(*(recordings(corpus, fold, task.work.n_jobs) for fold in (TRAIN, TEST)))
    guess = {"MAP": float(test.labels.mean(0)[test.labels.any(0)].mean())}
    counts = {"n_clips": len(test.clips), "n_recordings": len(membership(test.recordings)[0]), "n_seeds": 1}
    for row, measures in (("level only", found), ("same guess for all", guess)):
        for measure, value in measures.items():
            rows.add("Table1 controls", row, "test recordings", measure, bare(value, **counts))


def description(corpus: Dataset, n_validation: int, n_test: int) -> str:
    """Sizes of the corpus in words, and how much of its lists a disk holds where that may be less than all."""
    n_train = sum(clip.fold == TRAIN for clip in corpus.clips)
    words = f"{corpus.name}: {n_train} training, {n_validation} validation, {n_test} test recordings"
    return f"{words}; {corpus.description}" if hasattr(corpus, "description") else words


experiment = Experiment(
    __name__,
    PROFILES,
    compute,
    inputs,
    {
        "network": Part(
            network,
            lambda s, seed: [{"name": name, "seed": seed + i} for name in NETWORKS for i in range(s.n_seeds)],
        )
    },
)
run, find = experiment.run, experiment.find
