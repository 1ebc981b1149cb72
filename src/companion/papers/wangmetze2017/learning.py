"""How a network of event boundaries is trained, and what it says of every recording."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from companion.datasets.base import Dataset
from companion.evaluation.boundaries import Tokens, n_tokens
from companion.evaluation.token_errors import token_errors
from companion.losses.ctc import ctc_loss
from companion.models.ctc_blstm import BoundaryNetwork
from companion.papers.wangmetze2017.frames import DIMENSIONS, LOW_LEVEL, Heard
from companion.profiles import Settings
from companion.store import Kept, Value, Work
from companion.training import Plateau, Schedule, fit, make_fabric
from companion.training.optimizers import nesterov
from companion.training.sequences import Sequences, decode

SPLITS = {"train": 1, "validation": 2, "test": 3}


class NetworkSettings(Settings):
    """Network and training; defaults are the paper's.

    Args:
        units: Of the LSTM, each way.
        activation: In the LSTM's cell.
        epochs: Passes over the training recordings.
        low_level_epochs: The same for low-level features, which need more.
        batch_size: Sequences in a step.
        length: Frames of a sequence.
        tolerance: Frames by which a token may be off its true one in training; None for any.
        lr: First learning rate, which is multiplied by 0.8 after five epochs without a better token error rate on
            validation.
        clip_value: Largest absolute value of any gradient. Open in the paper; its author's later code clips each
            gradient by itself.
        dropout: Share of the LSTM's outputs that are dropped in training.
        noise: Deviation of the noise that is added to the features, whose own is one, in training.
    """

    units: int = 400
    activation: Literal["relu", "tanh"] = "relu"
    epochs: int = 200
    low_level_epochs: int = 500
    batch_size: int = 5
    length: int = 500
    tolerance: int | None = 10
    lr: float = 3.0
    clip_value: float | None = 1e-3
    dropout: float = 0.0
    noise: float = 0.0

    def n_epochs(self, feature: str) -> int:
        """Epochs with a feature."""
        return self.low_level_epochs if feature == LOW_LEVEL else self.epochs


def train(
    work: Work,
    corpus: Dataset,
    frames: Kept,
    feature: str,
    settings: NetworkSettings,
    seed: int,
    start: Kept | None = None,
) -> Value:
    """Train on the training recordings until the last epoch; validation sets the learning rate, test nothing.

    Args:
        work: Where to compute, and a folder to go on from when this was killed.
        corpus: The recordings.
        frames: What ``hear_frames`` made of them.
        feature: Its name.
        settings: Network and training.
        seed: Of weights and order.
        start: What ``framewise.train_activity`` made, whose LSTM the network begins with; None for weights drawn anew.

    Returns:
        Value: What the network says at the end, ``tokens`` of all recordings one after the other, shape
        ``(sum of L, 2)``, and ``starts`` of each, shape ``(N + 1,)``; the ``curve`` among the facts.
    """
    heard = heard_as(corpus, frames, feature)
    examples = learned(heard, settings)
    examples.check(n_tokens(len(corpus.classes)), settings.tolerance)
    network = BoundaryNetwork(
        len(corpus.classes),
        n_features=heard.features[0].shape[1],
        units=settings.units,
        activation=settings.activation,
        dropout=settings.dropout,
        noise=settings.noise,
        generator=torch.Generator().manual_seed(seed),
    )
    if start is not None:
        lstm = {name: torch.from_numpy(np.array(start[f"lstm.{name}"])) for name in network.lstm.state_dict()}
        network.lstm.load_state_dict(lstm)
    fabric = make_fabric(work.device)
    assert work.folder is not None

    def loss(input: Tensor, target: Tensor) -> Tensor:
        return ctc_loss(input, target, tolerance=settings.tolerance)

    schedule = Schedule(
        settings.n_epochs(feature),
        settings.batch_size,
        settings.lr,
        rate=Plateau("validation", 0.8, 5, minimise=True),
        clip_value=settings.clip_value,
    )
    state = fit(
        network, examples, loss, lambda model: measures(model, heard, fabric), schedule,
        monitor=None, seed=seed, folder=work.folder, fabric=fabric, optimizer=nesterov, label=f"{feature}, seed {seed}",
    )  # fmt: skip
    # set up as it was for training, which under mixed precision rounds what comes in
    said = decode(fabric.setup_module(network).eval(), heard.features, fabric)
    return Value(
        {"tokens": np.concatenate(said), "starts": np.cumsum([0, *map(len, said)])}, {"curve": list(state.curve)}
    )


def heard_as(corpus: Dataset, frames: Kept, feature: str) -> Heard:
    """A feature as networks hear it: low-level ones as their principal components."""
    return Heard.of(corpus, frames, components=DIMENSIONS if feature == LOW_LEVEL else None)


def learned(heard: Heard, settings: NetworkSettings) -> Sequences:
    """Pieces of the training recordings."""
    chosen = heard.fold(SPLITS["train"])
    return Sequences(
        [heard.features[i] for i in chosen],
        [heard.tokens[i] for i in chosen],
        settings.length,
        names=[heard.corpus.clips[i].id for i in chosen],
    )


def measures(network: nn.Module, heard: Heard, fabric: Fabric) -> Mapping[str, float]:
    """Token error rate in per cent on each split, and ``said``, tokens on the training recordings over true ones."""
    found = dict[str, float]()
    for name, number in SPLITS.items():
        chosen = heard.fold(number)
        said = decode(network, [heard.features[i] for i in chosen], fabric)
        true = [heard.tokens[i] for i in chosen]
        found[name] = token_errors(true, said).rate()
        if name == "train":
            found["said"] = sum(map(len, said)) / sum(map(len, true))
    return found


class Said(NamedTuple):
    """What the network of one seed says.

    Args:
        tokens: Of every recording. Shape: ``(L, 2)`` each.
        curve: One line an epoch.
    """

    tokens: list[Tokens]
    curve: Sequence[Mapping[str, float]]

    @classmethod
    def of(cls, kept: Kept) -> "Said":
        """What ``train`` kept."""
        starts = kept["starts"]
        return cls([kept["tokens"][a:b] for a, b in pairwise(starts)], kept.facts["curve"])

    def only(self, chosen: NDArray[np.intp]) -> list[Tokens]:
        """Tokens of some recordings."""
        return [self.tokens[i] for i in chosen]


def first_token(curve: Sequence[Mapping[str, float]], share: float = 0.01) -> int | None:
    """Epoch after which a network says something: tokens of at least this share of the true ones.

    Returns:
        From 1; None where it never does.
    """
    return next((int(line["epoch"]) for line in curve if line["said"] >= share), None)
