"""A detector that says of every frame which classes sound, with which networks of boundaries are compared, or begin.

The same LSTM hears the same features; only what it says differs. Its events become boundaries afterwards, so that both
are scored alike.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from companion.datasets.base import Dataset
from companion.evaluation.activity import activity, events_of
from companion.evaluation.boundaries import Tokens
from companion.evaluation.strong_labels import Event
from companion.models.ctc_blstm import ActivityNetwork
from companion.papers.wangmetze2017.frames import Heard
from companion.papers.wangmetze2017.learning import SPLITS, NetworkSettings, heard_as, learned
from companion.profiles import Settings
from companion.store import Kept, Value, Work
from companion.training import Schedule, fit, make_fabric
from companion.training.sequences import FrameLabels, outputs_of


class FramewiseSettings(Settings):
    """How a frame-wise detector is trained, by Adam, and read. All of it is open in the paper.

    Args:
        epochs: Passes over the training recordings; the one with the least validation loss is kept.
        lr: Learning rate.
        smooth: Frames over which the median of a class's activity is taken.
    """

    epochs: int = 40
    lr: float = 1e-3
    smooth: int = 5


def train_activity(
    work: Work,
    corpus: Dataset,
    frames: Kept,
    feature: str,
    network: NetworkSettings,
    settings: FramewiseSettings,
    seed: int,
) -> Value:
    """Train a frame-wise detector on the training recordings; validation chooses the epoch, test nothing.

    Args:
        work: Where to compute, and a folder to go on from when this was killed.
        corpus: The recordings.
        frames: What ``hear_frames`` made of them.
        feature: Its name.
        network: Units, pieces and batches, as for boundaries.
        settings: How long, and how it is read.
        seed: Of weights and order.

    Returns:
        Value: ``active``, 1 where a class sounds in a frame, of all recordings one after the other, shape
        ``(sum of T, n)``, and ``starts`` of each, shape ``(N + 1,)``; weights of the LSTM, ``lstm.…``; the ``curve``
        among the facts.

    Source: Wang, Metze 2017, section 3.2 (pre-training with a frame-wise classifier).
    """
    heard = heard_as(corpus, frames, feature)
    true = [
        activity(clip.strong, corpus.classes, heard.grid.times(len(x)))
        for clip, x in zip(corpus.clips, heard.features, strict=True)
    ]
    examples = FrameLabels(learned(heard, network), [true[i].astype(np.float32) for i in heard.fold(SPLITS["train"])])
    model = ActivityNetwork(
        len(corpus.classes),
        n_features=heard.features[0].shape[1],
        units=network.units,
        activation=network.activation,
        generator=torch.Generator().manual_seed(seed),
    )
    fabric = make_fabric(work.device)
    assert work.folder is not None
    state = fit(
        model,
        examples,
        activity_loss,
        lambda one: validation_loss(one, heard, true, fabric),
        Schedule(settings.epochs, network.batch_size, settings.lr),
        monitor="validation",
        minimise=True,
        seed=seed,
        folder=work.folder,
        fabric=fabric,
        label=f"{feature}, frame by frame, seed {seed}",
    )
    logits = outputs_of(fabric.setup_module(model).eval(), heard.features, fabric)
    arrays = {f"lstm.{name}": value.detach().cpu().numpy() for name, value in model.lstm.state_dict().items()}
    arrays["active"] = np.concatenate([one > 0 for one in logits]).astype(np.uint8)
    arrays["starts"] = np.cumsum([0, *map(len, logits)])
    return Value(arrays, {"curve": list(state.curve)})


def activity_loss(input: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over frames and classes. Shape: two of ``(B, T, n)`` to a scalar."""
    return functional.binary_cross_entropy_with_logits(input, target)


def validation_loss(
    network: nn.Module, heard: Heard, true: list[NDArray[np.bool_]], fabric: Fabric
) -> Mapping[str, float]:
    """``validation``: the mean loss over all frames of the validation recordings."""
    chosen = heard.fold(SPLITS["validation"])
    said = np.concatenate(outputs_of(network, [heard.features[i] for i in chosen], fabric))
    target = np.concatenate([true[i] for i in chosen]).astype(np.float32)
    return {"validation": float(activity_loss(torch.from_numpy(said), torch.from_numpy(target)))}


def events_said(kept: Kept, heard: Heard, smooth: int) -> list[list[Event]]:
    """Events of every recording, in seconds, from what ``train_activity`` kept."""
    parts = [np.asarray(kept["active"][a:b], dtype=bool) for a, b in pairwise(kept["starts"])]
    return [events_of(one, heard.corpus.classes, heard.grid.times(len(one)), smooth) for one in parts]


def tokens_said(events: list[list[Event]], heard: Heard) -> list[Tokens]:
    """Their boundaries, as a network of boundaries would say them. Shape: ``(L, 2)`` each."""
    pairs = zip(events, heard.features, strict=True)
    return [heard.grid.boundaries(one, heard.corpus.classes, len(x)) for one, x in pairs]
