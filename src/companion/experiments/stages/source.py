"""The source task: train N_S on weakly labelled recordings, once, for every chapter that transfers from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from companion import checkpoints, paths
from companion.datasets.base import Clip, Dataset
from companion.datasets.extraction import OnError, extract_corpus
from companion.evaluation import tagging
from companion.experiments.stages.identity import digest
from companion.features import NS_LOG_MEL, Feature
from companion.losses import recording_bce
from companion.models.slat import SegmentWise, segment_bce
from companion.models.weak_cnn import Output, WeakCNN
from companion.report.provenance import device_name, git_state
from companion.store import Store
from companion.training import Schedule, fit, make_fabric

MODULES = (
    "audio",
    "features",
    "events",
    "models/masked",
    "models/pooling",
    "models/slat",
    "models/weak_cnn",
    "losses",
    "training",
)
"""Modules whose code decides the trained weights, with those of the corpus; a change in one trains anew."""

TRAIN, VALIDATION, TEST = 1, 2, 3
"""Folds of a source corpus."""


class SourceConfig(BaseModel):
    """Settings of the source task.

    Args:
        n_train: Training recordings.
        n_validation: Validation recordings; they choose the best epoch.
        n_test: Test recordings, where the source task itself is scored.
        duration: Seconds of a recording, or several lengths of which each is equally likely.
        corpus_seed: Seed of the draw of the corpus.
        width: Factor on N_S's filters.
        pooling: Global pooling of the segment outputs.
        segmentwise: Train N_S^slat: every segment by itself, with the labels of its recording.
        epochs: Passes over the training recordings.
        batch_size: Recordings in a step.
        lr: Highest learning rate of Adam.
        decay: Learning-rate schedule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_train: int
    n_validation: int
    n_test: int = 0
    duration: float | tuple[float, ...] = 10.0
    corpus_seed: int = 0
    width: float = 1.0
    pooling: str = "average"
    segmentwise: bool = False
    epochs: int
    batch_size: int = 16
    lr: float = 1e-3
    decay: str = "constant"

    def schedule(self, budget: float) -> Schedule:
        """The training schedule, shortened to a share of its epochs."""
        return Schedule(max(1, round(self.epochs * budget)), self.batch_size, self.lr, self.decay)


@dataclass(frozen=True)
class Source:
    """A trained source network and what is known of it.

    Args:
        network: N_S with the weights that validated best.
        classes: Its output classes.
        curve: One row an epoch: loss, validation MAP and MAUC, learning rate.
        measures: Validation measures of the network and of the level-only baseline.
        description: The source data in words.
        n_validation: Validation recordings.
        n_recordings: Distinct original recordings in them.
    """

    network: WeakCNN
    classes: tuple[str, ...]
    curve: pd.DataFrame
    measures: Mapping[str, float]
    description: str
    n_validation: int = 0
    n_recordings: int = 0


class Recordings:
    """Training examples: log-mel in, weak labels out.

    Args:
        features: Log-mel of each recording. Shape: ``(T, F)`` each.
        labels: 1 where the class occurs. Shape: ``(N, C)``.
        clips: The recordings themselves, where they are known.
    """

    def __init__(self, features: Sequence[Feature], labels: NDArray[np.float32], clips: tuple[Clip, ...] = ()) -> None:
        self.features, self.labels, self.clips = features, labels, clips
        self.lengths = [len(feature) for feature in features]

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Shape: ``(B, T, F)`` and ``(B, C)``."""
        x = np.stack([self.features[int(i)] for i in indices])
        return torch.from_numpy(x), torch.from_numpy(self.labels[indices])


def weak_labels(clips: tuple[Clip, ...], classes: tuple[str, ...]) -> NDArray[np.float32]:
    """Which classes occur in which clip. Shape: ``(N, C)``."""
    return np.array([[label in clip.weak for label in classes] for clip in clips], dtype=np.float32)


def train_source(
    corpus: Dataset, config: SourceConfig, *, seed: int, device: str, budget: float = 1.0, n_jobs: int = 1
) -> Source:
    """Train N_S or N_S^slat on a weakly labelled corpus, or load it when it was trained before.

    Args:
        corpus: Fold 1 trains, fold 2 validates.
        config: Settings.
        seed: Seed of the weights and of the order of batches.
        device: As in ``Parameters``.
        budget: Share of the epochs.
        n_jobs: Processes that extract features.

    Source: Kumar, Khadkevich, Fügen 2018, sections 2.1, 2.2 and 4.1.
    """
    modules = (*MODULES, *corpus_modules(corpus))
    identity = digest(modules, corpus=corpus.fingerprint(), config=config.model_dump(), seed=seed, budget=budget)
    folder = paths.cache_root() / "source" / identity[:16]
    finished = folder / "n_s.safetensors"
    if finished.is_file():
        return load_source(finished)
    train, validation = (recordings(corpus, fold, n_jobs) for fold in (TRAIN, VALIDATION))
    torch.manual_seed(seed)
    network = WeakCNN(len(corpus.classes), width=config.width, pooling=config.pooling)
    fabric = make_fabric(device)
    state = fit(
        SegmentWise(network) if config.segmentwise else network,
        train,
        segment_bce if config.segmentwise else lambda output, target: recording_bce(output.recording, target),
        lambda model: tag(model, validation, fabric.to_device),
        config.schedule(budget),
        monitor="MAP",
        seed=seed,
        folder=folder,
        fabric=fabric,
        label=f"{'N_S_slat' if config.segmentwise else 'N_S'} on {corpus.name}",
    )
    return save_source(network, corpus, state.curve, level_baseline(train, validation), finished, str(fabric.device))


def corpus_modules(corpus: Dataset) -> tuple[str, ...]:
    """Modules that make a corpus's audio and labels: its class's own, and those of the corpus it mixes."""
    own = "/".join(type(corpus).__module__.split(".")[1:3])
    mixed = getattr(corpus, "corpus", None)
    return (own, *(corpus_modules(mixed) if isinstance(mixed, Dataset) else ()))


def recordings(corpus: Dataset, fold: int, n_jobs: int) -> Recordings:
    """The recordings of one fold of a source corpus, with their weak labels.

    A corpus of downloaded clips, some of which turn out damaged only when they are read, goes on without them: they
    are named, and the result holds those that were read.
    """
    clips = tuple(clip for clip in corpus.clips if clip.fold == fold)
    store = Store(paths.cache_root() / "store")
    on_error: OnError = "exclude" if hasattr(corpus, "excluded") else "raise"
    features = extract_corpus(corpus, NS_LOG_MEL, store, clips=clips, n_jobs=n_jobs, on_error=on_error)
    return Recordings(features, weak_labels(features.clips, corpus.classes), features.clips)


def save_source(
    network: WeakCNN,
    corpus: Dataset,
    curve: Sequence[Mapping[str, float]],
    baseline: Mapping[str, float],
    path: Path,
    device: str,
) -> Source:
    """Write a trained source network with what is known of it, and read it back."""
    best = max(curve, key=lambda row: row["MAP"])
    held = [clip for clip in corpus.clips if clip.fold == VALIDATION]
    n_train = sum(clip.fold == TRAIN for clip in corpus.clips)
    commit, dirty = git_state()
    measures = {"MAP": best["MAP"], "MAUC": best["MAUC"]}
    known = {
        "description": f"{n_train} weakly labelled recordings ({corpus.name}, {len(corpus.classes)} classes)",
        "measures": measures | {f"level-only {name}": value for name, value in baseline.items()},
        "curve": list(curve),
        "n_validation": len(held),
        "n_recordings": len({recording for clip in held for recording in clip.recording.split("+")}),
        "commit": commit,
        "dirty": dirty,
        "device": device_name(device),
    }
    checkpoints.save(checkpoints.Checkpoint(network.cpu(), corpus.classes, provenance=known), path)
    return load_source(path)


def load_source(path: Path) -> Source:
    """Read a trained source network: this library's own, or a converted released checkpoint.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    checkpoint = checkpoints.load(path)
    known = checkpoint.provenance
    return Source(
        checkpoint.network,
        checkpoint.classes,
        pd.DataFrame(known.get("curve", [])),
        known.get("measures", {}),
        known.get("description", f"weights from {path.name}, {len(checkpoint.classes)} classes"),
        known.get("n_validation", 0),
        known.get("n_recordings", 0),
    )


def tag(model: nn.Module, data: Recordings, to_device: Any) -> dict[str, float]:
    """MAP and MAUC of a network on labelled recordings."""
    scores = np.empty_like(data.labels)
    lengths = np.asarray(data.lengths)
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        for indices in np.array_split(members, -(-len(members) // 16)):
            output: Output = model(to_device(data.batch(indices)[0]))
            scores[indices] = output.recording.float().cpu().numpy()
    return _map_mauc(data.labels, scores)


def level_baseline(train: Recordings, validation: Recordings) -> dict[str, float]:
    """How far loudness and length alone go: logistic regression on mean level, maximum level and duration."""

    def level(data: Recordings) -> NDArray[np.float64]:
        return np.array([[f.mean(), f.max(), len(f)] for f in data.features], dtype=np.float64)

    x, scores = level(train), np.zeros_like(validation.labels, dtype=np.float64)
    for index in range(train.labels.shape[1]):
        if 0 < train.labels[:, index].sum() < len(x):
            model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, train.labels[:, index])
            scores[:, index] = model.predict_proba(level(validation))[:, 1]
    return _map_mauc(validation.labels, scores)


def _map_mauc(reference: NDArray[Any], estimated: NDArray[Any]) -> dict[str, float]:
    scores = tagging.evaluate(reference, estimated)
    return {"MAP": scores.mean_average_precision, "MAUC": scores.mean_auc}
