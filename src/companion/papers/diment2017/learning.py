"""How taggers are trained: on the source task, and then on the target task by one of the schemes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from companion import checkpoints
from companion.datasets.rare import RareMixtures, RareSounds
from companion.features import dv_mfcc
from companion.models.recurrent import RecurrentTagger, TaggerOutput
from companion.papers.diment2017.excerpts import Excerpts
from companion.papers.diment2017.sounds import SoundSettings, event_spans, recordings, steps_in
from companion.profiles import Settings
from companion.store import Kept, Value, Work
from companion.training import Examples, Schedule, constant, fit, make_fabric
from companion.training.optimizers import rmsprop
from companion.training.rates import late_fall
from companion.training.recordings import Recordings, score
from companion.transfer.frozen import FromFrozen, frozen_outputs
from companion.transfer.schemes import find_scheme, target_tagger

TestPart = Literal["test", "control"]


class TaggerSettings(Settings):
    """The tagger, as published but for what a profile changes.

    Args:
        units: Units of every LSTM.
        gates: ``hard sigmoid``, as in the paper's software, or ``sigmoid``.
        masks: Dropout masks of a clip: one for each ``gate``, as there, or one for the ``clip``.
        forget_bias: First bias of the forget gates of the lower layer and of the upper one.
        standardise: Whether features have mean 0 and deviation 1 over the training data. Open in the paper.
    """

    units: int = 100
    gates: Literal["hard sigmoid", "sigmoid"] = "hard sigmoid"
    masks: Literal["gate", "clip"] = "gate"
    forget_bias: tuple[float, float] = (1.0, 1.0)
    standardise: bool = True

    def network(self, layer: str, seed: int) -> RecurrentTagger:
        """A new tagger with one lower layer; the same for a seed."""
        return RecurrentTagger(
            units=self.units,
            gates=self.gates,
            masks=self.masks,
            forget_bias=self.forget_bias,
            lower=(layer,),
            generator=torch.Generator().manual_seed(seed),
        )


class CommonSettings(Settings):
    """What both tasks have in common.

    Args:
        sounds: Sounds and features.
        tagger: The network.
    """

    sounds: SoundSettings
    tagger: TaggerSettings = TaggerSettings()


class TrainSettings(Settings):
    """How long and how fast a task is learned, by RMSprop.

    Args:
        epochs: Passes over the mixtures.
        batch_size: Mixtures in a step. Open in the paper; 32 was its software's default.
        lr: Learning rate.
        clip_norm: Largest norm of all gradients together; None for any.
        patience: Passes without a better validation after which training ends; None for never.
        excerpts: Seconds of an excerpt and epochs for which the mixtures are heard so, one after the other; after
            these the whole is heard. None of it is in the paper.
        falling: Whether the learning rate falls to a twentieth in the last three tenths.
    """

    epochs: int = 300
    batch_size: int = 32
    lr: float = 1e-3
    clip_norm: float | None = None
    patience: int | None = None
    excerpts: tuple[tuple[float, int], ...] = ()
    falling: bool = False

    @property
    def schedule(self) -> Schedule:
        """For the training loop."""
        schedule = Schedule(self.epochs, self.batch_size, self.lr, clip_norm=self.clip_norm, patience=self.patience)
        return replace(schedule, rate=late_fall if self.falling else constant)

    def examples(self, mixtures: RareMixtures, heard: Recordings, sounds: SoundSettings, seed: int) -> Examples:
        """What the training loop learns from: the mixtures, or excerpts of them first."""
        if not self.excerpts:
            return heard
        stages = [(steps_in(seconds, sounds), epochs) for seconds, epochs in self.excerpts]
        return Excerpts(heard, event_spans(mixtures, sounds), stages, seed)


class SourceSettings(TrainSettings):
    """How the source task is learned.

    Args:
        n_train: Training mixtures.
        n_validation: Validation mixtures, which choose the epoch.
        n_test: Test mixtures, which say whether it was learned.
    """

    n_train: int = 1800
    n_validation: int = 300
    n_test: int = 500


class TargetSettings(TrainSettings):
    """How the target task is learned and tested.

    Args:
        n_test: Test mixtures in each rotation.
        n_control: Test mixtures in each rotation of which half hold another event.
    """

    n_test: int = 500
    n_control: int = 0


def train_source(
    work: Work,
    sounds: RareSounds,
    common: CommonSettings,
    settings: SourceSettings,
    layer: str,
    rotation: int,
    seed: int,
) -> Value:
    """A tagger of the source task: the epoch that validates best, with its accuracy on mixtures of other authors.

    Args:
        work: Where to compute, and a folder to go on from when this was killed.
        sounds: Where mixtures come from.
        common: Features and network.
        settings: How long.
        layer: Kind of the lower layer.
        rotation: Which of the ways of parting the sounds.
        seed: Of the mixtures, the weights and the order.
    """
    sizes = {"train": settings.n_train, "validation": settings.n_validation, "test": settings.n_test}
    mixtures = {part: sounds.mixtures("source", part, n, rotation=rotation, seed=seed) for part, n in sizes.items()}
    train, held, test = (recordings(one, common.sounds, work.n_jobs) for one in mixtures.values())
    network = common.tagger.network(layer, seed)
    if common.tagger.standardise:
        network.lower[0].standardise(train.features)  # type: ignore[operator]  # a LowerLayer
    fabric = make_fabric(work.device)
    assert work.folder is not None
    label = f"{sounds.targets['source']} tagger, rotation {rotation}, seed {seed}"
    state = fit(
        network,
        settings.examples(mixtures["train"], train, common.sounds, seed),
        tagging_loss,
        lambda model: {"accuracy": float(right(tag(model, held, fabric), held).mean())},
        settings.schedule,
        monitor="accuracy",
        seed=seed,
        folder=work.folder,
        fabric=fabric,
        optimizer=rmsprop,
        label=label,
    )
    said = tag(fabric.to_device(network), test, fabric)
    facts = {"curve": state.curve, "accuracy": float(right(said, test).mean()), "label": label}
    features = dv_mfcc(common.sounds.hop_length).name
    made = checkpoints.Checkpoint(network.cpu(), (sounds.targets["source"],), features, facts)
    return checkpoints.as_value(made)


def train_target(
    work: Work,
    sounds: RareSounds,
    common: CommonSettings,
    settings: TargetSettings,
    scheme: str,
    source: Kept | None,
    n_mixtures: int,
    rotation: int,
    seed: int,
) -> Value:
    """A tagger of the target task, trained on a few mixtures until the last epoch, and what it says of test mixtures.

    Args:
        work: Where to compute, and a folder to go on from when this was killed.
        sounds: Where mixtures come from.
        common: Features and network.
        settings: How long, and what is tested.
        scheme: A row of ``companion.transfer.schemes.SCHEMES``.
        source: What ``train_source`` made; None where nothing is transferred.
        n_mixtures: Training mixtures, half of them with the event.
        rotation: Which of the ways of parting the sounds.
        seed: Of the mixtures, the weights and the order.

    Returns:
        Value: ``test`` and, where there are any, ``control``: the probability of the event in each mixture.
    """
    row, tagger = find_scheme(scheme), common.tagger
    mixtures = sounds.mixtures("target", "train", n_mixtures, rotation=rotation, seed=seed)
    train = recordings(mixtures, common.sounds, work.n_jobs)
    network = target_tagger(
        tagger.network(row.layer, seed) if source is None else tagger_of(source),
        row,
        features=train.features if tagger.standardise else None,
        generator=torch.Generator().manual_seed(apart(seed)),
    )
    fabric = make_fabric(work.device)
    assert work.folder is not None
    learning: nn.Module = network
    if row.frozen and not settings.excerpts:  # what a frozen LSTM says in an excerpt depends on where that begins
        train, learning = Recordings(frozen_outputs(network, train.features), train.labels), FromFrozen(network)
    state = fit(
        learning,
        settings.examples(mixtures, train, common.sounds, seed),
        tagging_loss,
        lambda model: {},
        settings.schedule,
        monitor=None,
        seed=seed,
        folder=work.folder,
        fabric=fabric,
        optimizer=rmsprop,
        label=f"{sounds.targets['target']} tagger, {scheme}, {n_mixtures} mixtures, rotation {rotation}, seed {seed}",
    )
    fabric.to_device(network).eval()
    arrays = {"loss": np.array([line["loss"] for line in state.curve])}
    for part in test_parts(settings):
        heard = recordings(tested(sounds, settings, part, rotation), common.sounds, work.n_jobs)
        arrays[part] = tag(network, heard, fabric)
    return Value(arrays)


def apart(seed: int) -> int:
    """A seed for new layers of the target, of which no source network draws its own first weights."""
    return int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])


def test_parts(settings: TargetSettings) -> tuple[TestPart, ...]:
    """The sets of mixtures that are scored."""
    return ("test", "control") if settings.n_control else ("test",)


def tested(sounds: RareSounds, settings: TargetSettings, part: TestPart, rotation: int) -> RareMixtures:
    """Test mixtures of the target task, the same for every network; in the control, others hold another event."""
    size = settings.n_control if part == "control" else settings.n_test
    return sounds.mixtures("target", "test", size, rotation=rotation, control=part == "control")


def tagger_of(kept: Kept) -> RecurrentTagger:
    """The network that ``train_source`` kept."""
    network = checkpoints.from_kept(kept).network
    assert isinstance(network, RecurrentTagger)
    return network


def tagging_loss(output: TaggerOutput, target: Tensor) -> Tensor:
    """Binary cross-entropy (section 2), from the logits, where it is exact. Shape: two of ``(B, C)`` to a scalar."""
    return functional.binary_cross_entropy_with_logits(output.logits, target)


def tag(network: nn.Module, data: Recordings, fabric: Fabric) -> NDArray[np.float32]:
    """Probability of the event in each recording. Shape: ``(N,)``."""
    return score(network, data, fabric, batch_size=64).recording[:, 0]


def right(said: NDArray[np.float32], data: Recordings) -> NDArray[np.bool_]:
    """Whether a probability is on the right side of one half. Shape: ``(N,)``."""
    return (said > 0.5) == (data.labels[:, 0] > 0.5)


def facts_of(kept: Kept) -> Mapping[str, Any]:
    """What is known of a source tagger: ``curve``, ``accuracy`` and ``label``."""
    return checkpoints.from_kept(kept).facts
