"""How N_W learns, taking weak labels as weak (WLER) or as strong ones (SLAT), and what it says of recordings."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from companion import checkpoints
from companion.datasets.base import Clip, Dataset
from companion.datasets.extraction import CorpusFeatures, OnError, extract_corpus
from companion.evaluation import tagging
from companion.features import MULTI_SCALE_LOG_MEL
from companion.losses import recording_bce
from companion.models.slat import SegmentWise
from companion.models.weak_cnn import SEGMENT
from companion.models.wler import WLER, BlockWise
from companion.profiles import Settings
from companion.store import Kept, Store, Value, Work
from companion.training import Schedule, batches, fit, make_fabric
from companion.training.adagrad import adagrad
from companion.training.ragged import Ragged, averaged, joined
from companion.training.recordings import Recordings, Scored, Segments, score

TRAIN, VALIDATION, TEST = 1, 2, 3
"""Folds."""

Shown = Literal["recordings", "segments"]
SHOWN: tuple[Shown, ...] = get_args(Shown)
"""What a network is shown at a time in training: whole recordings, of which the highest segment meets the label (WLER),
or segments, each of which does (SLAT)."""

Heard = Literal["scanned", "segment by segment"]
HEARD: tuple[Heard, ...] = get_args(Heard)
"""How it hears a recording at test."""

SCALES = {spec.n_fft: spec for spec in MULTI_SCALE_LOG_MEL}
"""Log-mel specifications by window length in samples."""


class TrainSettings(Settings):
    """How networks are trained. The paper states neither batch size nor the hop of SLAT's segments.

    Args:
        width: Factor on N_W's filters.
        dropout: Before FCv1 and FCv2.
        centre: Level in dB that counts as zero.
        spread: Decibels that count as one.
        epochs: Passes over the training recordings, at most; the best is kept, by validation MAP.
        patience: Passes without a better one after which training ends; None for never.
        batch_size: Recordings in a step; of segments so many that there are as many steps.
        lr: Learning rate of Adagrad.
        ratio: Largest ratio of lengths in a batch.
        train_hop: Frames from one of SLAT's segments to the next in training.
        test_hop: The same at test.
        scales: Window lengths in samples; each gives an example of its own.
    """

    width: float = 1.0
    dropout: float = 0.5
    centre: float = 0.0
    spread: float = 1.0
    epochs: int = 150
    patience: int | None = None
    batch_size: int = 8
    lr: float = 1e-3
    ratio: float = 1.1
    train_hop: int = SEGMENT
    test_hop: int = SEGMENT // 2
    scales: tuple[int, ...] = (512, 1024, 2048, 4096)


def train(work: Work, corpus: Dataset, validation: Dataset, settings: TrainSettings, shown: Shown, seed: int) -> Value:
    """Train one network; the pass that validates best is kept.

    Networks of a seed start from the same weights. Each is validated as the paper hears it: WLER scans recordings, SLAT
    hears them segment by segment.

    Args:
        work: Device, processes, and a folder to go on from when this was killed.
        corpus: Its fold 1 trains.
        validation: Its fold 2 chooses the pass; its classes are the outputs.
        settings: How.
        shown: One of :data:`SHOWN`.
        seed: Of the weights, the order of batches and dropout.

    Source: Kumar, Raj 2017, sections II and III.
    """
    classes = validation.classes
    whole = joined([recordings(corpus, TRAIN, n_fft, classes, work.n_jobs) for n_fft in settings.scales])
    held = [recordings(validation, VALIDATION, n_fft, classes, work.n_jobs) for n_fft in settings.scales]
    network, fabric = first_network(settings, len(classes), seed), make_fabric(work.device)
    examples, batch_size = shown_as(whole, settings, shown)
    heard: Heard = HEARD[SHOWN.index(shown)]

    def validate(model: nn.Module) -> dict[str, float]:
        said = averaged([score(hearing(model, heard, settings), one, fabric, batch_size=8) for one in held])
        return {"MAP": mean_ap(held[0].labels, said.recording)}

    assert work.folder is not None
    state = fit(
        network,
        examples,
        lambda output, target: recording_bce(output.recording, target),
        validate,
        Schedule(settings.epochs, batch_size, settings.lr, patience=settings.patience),
        monitor="MAP",
        seed=seed,
        folder=work.folder,
        fabric=fabric,
        optimizer=adagrad,
        label=f"N_W shown {shown} of {corpus.name}, seed {seed}",
    )
    n_steps = len(list(batches(examples.lengths, batch_size, seed, 0)))
    curve = [{**row, "steps": row["epoch"] * n_steps} for row in state.curve]
    facts = {"curve": curve, "MAP": state.best, "n_train": len(whole.lengths) // len(settings.scales)}
    return checkpoints.as_value(checkpoints.Checkpoint(network.cpu(), tuple(classes), "multi-scale-log-mel", facts))


def shown_as(whole: Recordings, settings: TrainSettings, shown: Shown) -> tuple[Ragged | Segments, int]:
    """Training examples, and how many of them make a step: about as many steps for segments as for recordings."""
    ragged = Ragged(whole, settings.ratio)
    if shown == "recordings":
        return ragged, settings.batch_size
    segments = Segments(whole, SEGMENT, settings.train_hop)
    n_steps = len(list(batches(ragged.lengths, settings.batch_size, 0, 0)))
    return segments, max(1, round(len(segments.lengths) / n_steps))


def first_network(settings: TrainSettings, n_classes: int, seed: int) -> WLER:
    """N_W with the weights that every network of a seed starts from."""
    torch.manual_seed(seed)
    s = settings
    return WLER(n_classes, width=s.width, dropout=s.dropout, centre=s.centre, spread=s.spread)


def untrained(work: Work, classes: Sequence[str], settings: TrainSettings, seed: int) -> Value:
    """The same, for the control of what training gave."""
    network = first_network(settings, len(classes), seed)
    return checkpoints.as_value(checkpoints.Checkpoint(network, tuple(classes), "multi-scale-log-mel", {}))


def network_of(kept: Kept) -> WLER:
    """The network that ``train`` kept, in evaluation mode."""
    network = checkpoints.from_kept(kept).network
    assert isinstance(network, WLER)
    return network


def hearing(network: nn.Module, heard: Heard, settings: TrainSettings) -> nn.Module:
    """A network as it hears recordings: scanning them in blocks, or segment by segment."""
    return BlockWise(network) if heard == "scanned" else SegmentWise(network, settings.test_hop)  # type: ignore[arg-type]


def said_of(work: Work, network: Kept, corpus: Dataset, fold: int, settings: TrainSettings, heard: Heard) -> Value:
    """What a network says of one fold, in each scale by itself.

    Returns:
        ``recording``, shape ``(S, N, C)``, and ``segments`` of the mean over scales, end to end, with their ``counts``.
    """
    fabric, made = make_fabric(work.device), checkpoints.from_kept(network)
    model = hearing(fabric.to_device(made.network).eval(), heard, settings)
    found = [
        score(model, recordings(corpus, fold, n_fft, made.classes, work.n_jobs), fabric, batch_size=8)
        for n_fft in settings.scales
    ]
    mean = averaged(found)
    return Value(
        {
            "recording": np.stack([one.recording for one in found]),
            "segments": np.concatenate(mean.segments),
            "counts": np.array([len(one) for one in mean.segments]),
        }
    )


def scored(said: Kept) -> Scored:
    """The mean over scales of what ``said_of`` kept: the paper's prediction."""
    segments = np.split(said["segments"], np.cumsum(said["counts"])[:-1])
    return Scored(said["recording"].mean(0, dtype=np.float32), segments)


def recordings(corpus: Dataset, fold: int, n_fft: int, classes: Sequence[str], n_jobs: int) -> Recordings:
    """The recordings of one fold in one scale, with their weak labels in the order of some classes."""
    features = fold_features(corpus, fold, n_fft, n_jobs)
    return Recordings(features, weak_labels(features.clips, classes))


def fold_features(corpus: Dataset, fold: int, n_fft: int, n_jobs: int) -> CorpusFeatures:
    """Log-mel of one fold in one scale. Downloaded recordings that turn out damaged are left out, and named."""
    on_error: OnError = "exclude" if hasattr(corpus, "excluded") else "raise"
    clips = tuple(clip for clip in corpus.clips if clip.fold == fold)
    return extract_corpus(corpus, SCALES[n_fft], Store(), clips=clips, n_jobs=n_jobs, on_error=on_error)


def weak_labels(clips: Sequence[Clip], classes: Sequence[str]) -> NDArray[np.float32]:
    """Which classes occur in which clip. Shape: ``(N, C)``."""
    return np.array([[label in clip.weak for label in classes] for clip in clips], dtype=np.float32)


def mean_ap(reference: NDArray[Any], estimated: NDArray[Any]) -> float:
    """Mean average precision over the classes that occur; a class that never does has none."""
    return tagging.evaluate(reference, estimated).mean_average_precision
