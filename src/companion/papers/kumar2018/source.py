"""The source task: N_S and N_S^slat trained on weakly labelled recordings, for every chapter that starts from them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from companion import checkpoints
from companion.datasets.base import Clip, Dataset
from companion.datasets.extraction import CorpusFeatures, OnError, extract_corpus
from companion.errors import DataError, ParameterError
from companion.evaluation import tagging
from companion.features import NS_LOG_MEL
from companion.losses import recording_bce
from companion.models.slat import SegmentWise
from companion.models.weak_cnn import HOP, SEGMENT, WeakCNN
from companion.paths import given
from companion.profiles import Settings
from companion.store import Kept, Store, Value, Work
from companion.training import Plateau, Rate, Schedule, batches, constant, cosine, fit, make_fabric
from companion.training.recordings import Recordings, Segments, score

TRAIN, VALIDATION, TEST = 1, 2, 3
"""Folds of a weakly labelled corpus."""

Shown = Literal["recordings", "segments", "segments, small batches"]
SHOWN: tuple[Shown, ...] = get_args(Shown)
"""What a network is shown at a time in training: whole recordings (N_S); segments in any order, each with its
recording's labels, in batches so large that a pass has as many steps as one of N_S (N_S^slat); or in small batches,
with more steps a pass."""


class SourceSettings(Settings):
    """How N_S and N_S^slat are trained. The paper states neither epochs nor batch size.

    Args:
        width: Factor on N_S's filters.
        pooling: Global pooling of the segment outputs.
        epochs: Passes over the training recordings, at most.
        patience: Passes without a better validation MAP after which training ends; None for never.
        batch_size: Recordings in a step.
        small_batch: Segments in a step, where they come in small batches.
        lr: Highest learning rate of Adam.
        rate: Rule of the learning rate.
    """

    width: float = 1.0
    pooling: str = "average"
    epochs: int
    patience: int | None = None
    batch_size: int = 16
    small_batch: int = 32
    lr: float = 1e-3
    rate: Literal["constant", "cosine", "plateau"] = "constant"

    def schedule(self, batch_size: int, monitor: str = "MAP") -> Schedule:
        """The training schedule with batches of some size; ``plateau`` halves the rate after two passes in vain."""
        rates: dict[str, Rate] = {"constant": constant, "cosine": cosine, "plateau": Plateau(monitor, 0.5, 2)}
        return Schedule(self.epochs, batch_size, self.lr, rates[self.rate], patience=self.patience)


@dataclass(frozen=True, eq=False)
class Source:
    """A source network and what is known of it.

    Args:
        network: N_S with the weights that validated best.
        classes: Its output classes.
        digest: Of its weights.
        curve: One row an epoch: loss, validation MAP and MAUC, learning rate.
        measures: Validation measures of the network and of the level-only baseline.
        description: The source data in words.
        n_validation: Validation recordings.
        n_recordings: Distinct original recordings in them.
    """

    network: WeakCNN
    classes: tuple[str, ...]
    digest: str
    curve: pd.DataFrame = field(default_factory=pd.DataFrame)
    measures: Mapping[str, float] = field(default_factory=dict)
    description: str = ""
    n_validation: int = 0
    n_recordings: int = 0

    def fingerprint(self) -> str:
        """Digest of the weights: what is made from a network depends on nothing else of it."""
        return self.digest


def untrained(n_classes: int, width: float, seed: int) -> Source:
    """N_S as its constructor draws it: the control of what training gave."""
    torch.manual_seed(seed)
    network = WeakCNN(n_classes, width=width).eval()
    return Source(network, (), weights_digest(network))


def trained(kept: Kept) -> Source:
    """The network that ``train`` kept."""
    return of_checkpoint(checkpoints.from_kept(kept))


def of_checkpoint(checkpoint: checkpoints.Checkpoint) -> Source:
    """A source network from a checkpoint: this library's own, or the authors' released weights."""
    network, said = checkpoint.network, checkpoint.facts
    if not isinstance(network, WeakCNN):
        raise ParameterError(f"{type(network).__name__} given as source network", expected="N_S, a WeakCNN")
    known = ("measures", "description", "n_validation", "n_recordings")
    return Source(
        network,
        checkpoint.classes,
        weights_digest(network),
        pd.DataFrame(said.get("curve", [])),
        **{name: said[name] for name in known if name in said},
    )


def weights_digest(network: nn.Module) -> str:
    """Digest of a network's weights and statistics."""
    content = hashlib.sha256()
    for name, value in network.state_dict().items():
        content.update(name.encode())
        content.update(value.cpu().contiguous().numpy().tobytes())
    return content.hexdigest()


def train(work: Work, corpus: Dataset, settings: SourceSettings, shown: Shown, seed: int) -> Value:
    """Train N_S, or N_S^slat, on a weakly labelled corpus; the epoch that validates best is kept.

    A network is validated as the paper hears it: N_S scans recordings, N_S^slat hears them segment by segment.

    Args:
        work: Device, processes, and a folder to go on from when this was killed.
        corpus: Fold 1 trains, fold 2 validates.
        settings: How.
        shown: One of :data:`SHOWN`.
        seed: Of the weights and of the order of batches; all networks of a seed start from the same.

    Source: Kumar, Khadkevich, Fügen 2018, sections 2.1, 2.2 and 4.1.
    """
    whole, held = (recordings(corpus, fold, work.n_jobs) for fold in (TRAIN, VALIDATION))
    network, batch_size = first_network(settings, len(corpus.classes), seed), settings.batch_size
    examples: Recordings | Segments = whole
    if shown != SHOWN[0]:
        examples = Segments(whole, SEGMENT, HOP)
        same_steps = round(settings.batch_size * len(examples.lengths) / len(whole.lengths))
        batch_size = same_steps if shown == SHOWN[1] else settings.small_batch
    fabric = make_fabric(work.device)
    assert work.folder is not None
    state = fit(
        network,
        examples,
        lambda output, target: recording_bce(output.recording, target),
        lambda model: map_and_mauc(held.labels, score(hearing(model, shown != SHOWN[0]), held, fabric).recording),
        settings.schedule(batch_size),
        monitor="MAP",
        seed=seed,
        folder=work.folder,
        fabric=fabric,
        label=f"N_S shown {shown} of {corpus.name}, seed {seed}",
    )
    best = max(state.curve, key=lambda row: row["MAP"])
    level = level_baseline(whole, held)
    heard = fold_features(corpus, VALIDATION, work.n_jobs).clips
    n_steps = len(list(batches(examples.lengths, batch_size, seed, 0)))
    n_train, n_classes = len(whole.lengths), len(corpus.classes)
    facts = {
        "description": f"{n_train} weakly labelled recordings ({corpus.name}, {n_classes} classes)",
        "measures": {name: best[name] for name in level} | {f"level-only {name}": level[name] for name in level},
        "curve": [{**row, "steps": row["epoch"] * n_steps} for row in state.curve],
        "n_validation": len(heard),
        "n_recordings": len({recording for clip in heard for recording in clip.recording.split("+")}),
    }
    made = checkpoints.Checkpoint(network.cpu(), tuple(corpus.classes), NS_LOG_MEL.name, facts)
    return checkpoints.as_value(made)


def first_network(settings: SourceSettings, n_classes: int, seed: int) -> WeakCNN:
    """N_S with the weights that every network of a seed starts from."""
    torch.manual_seed(seed)
    return WeakCNN(n_classes, width=settings.width, pooling=settings.pooling)


def hearing(network: nn.Module, segmentwise: bool) -> nn.Module:
    """A network as it hears recordings: scanning them, or segment by segment."""
    return SegmentWise(network) if segmentwise else network


def fold_features(corpus: Dataset, fold: int, n_jobs: int) -> CorpusFeatures:
    """Log-mel of one fold of a weakly labelled corpus.

    A corpus of downloaded clips, some of which turn out damaged only when they are read, goes on without them: they
    are named, and the result holds those that were read.
    """
    on_error: OnError = "exclude" if hasattr(corpus, "excluded") else "raise"
    clips = tuple(clip for clip in corpus.clips if clip.fold == fold)
    return extract_corpus(corpus, NS_LOG_MEL, Store(), clips=clips, n_jobs=n_jobs, on_error=on_error)


def recordings(corpus: Dataset, fold: int, n_jobs: int) -> Recordings:
    """The recordings of one fold with their weak labels."""
    features = fold_features(corpus, fold, n_jobs)
    return Recordings(features, weak_labels(features.clips, corpus.classes))


def weak_labels(clips: Sequence[Clip], classes: Sequence[str]) -> NDArray[np.float32]:
    """Which classes occur in which clip. Shape: ``(N, C)``."""
    return np.array([[label in clip.weak for label in classes] for clip in clips], dtype=np.float32)


def map_and_mauc(reference: NDArray[Any], estimated: NDArray[Any]) -> dict[str, float]:
    """Mean average precision and mean area under the ROC curve over classes."""
    scores = tagging.evaluate(reference, estimated)
    return {"MAP": scores.mean_average_precision, "MAUC": scores.mean_auc}


def level_baseline(training: Recordings, held: Recordings) -> dict[str, float]:
    """How far loudness and length alone go: logistic regression on mean level, maximum level and duration."""

    def level(data: Recordings) -> NDArray[np.float64]:
        return np.array([[f.mean(), f.max(), len(f)] for f in data.features], dtype=np.float64)

    x, scores = level(training), np.zeros_like(held.labels, dtype=np.float64)
    for index in range(training.labels.shape[1]):
        if 0 < training.labels[:, index].sum() < len(x):
            model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, training.labels[:, index])
            scores[:, index] = model.predict_proba(level(held))[:, 1]
    return map_and_mauc(held.labels, scores)


@dataclass(frozen=True)
class Weights:
    """A source network from a file: the authors' released pickle, or a ``.safetensors`` of this library.

    Args:
        path: The file.
        class_order: Text file with the pickle's class names, one a line, in the order of its outputs.
    """

    path: Path
    class_order: Path | None = None

    def fingerprint(self) -> str:
        """Digest of the files."""
        content = self.path.read_bytes() + (self.class_order.read_bytes() if self.class_order else b"")
        return hashlib.sha256(content).hexdigest()

    def source(self) -> Source:
        """The network; nothing in a pickle is executed.

        Raises:
            CheckpointError: The file is damaged, or holds anything but the weights of N_S.
        """
        if self.class_order is None:
            return of_checkpoint(checkpoints.load(self.path))
        return of_checkpoint(checkpoints.load_released(self.path, classes=checkpoints.class_names(self.class_order)))


def given_weights(weights: str, class_order: str, data: Path) -> dict[str, Weights]:
    """The weights that settings name, as an input of an experiment; none where a network is to be trained.

    Args:
        weights: A file, or its place below the data folder; empty for none.
        class_order: For a pickle, its class names.
        data: Folder of the corpora.

    Raises:
        ParameterError: A pickle without its class names, or class names for a file that has its own.
        DataError: A file is missing.
    """
    if not weights:
        return {}
    path = next((p for p in (given(weights), data / weights) if p.is_file()), None)
    if path is None:
        raise DataError(
            f"no weights at {weights}",
            expected="the weights that the authors released, converted or as their pickle",
            repair="--set weights=mx-h64-1024_0d3-1.17.pkl --set class_order=FILE (its class names, one a line)",
        )
    if (path.suffix == ".safetensors") == bool(class_order):
        raise ParameterError(
            f"weights {path.name} with class_order {class_order!r}",
            expected="a class order with the authors' pickle, which has no class names, and none with a .safetensors",
            repair="--set class_order=FILE",
        )
    order = given(class_order) if class_order else None
    if order is not None and not order.is_file():
        raise DataError(f"no class order at {order}", expected="a text file, one class name a line")
    return {"weights": Weights(path, order)}
