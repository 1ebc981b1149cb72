"""What it takes to learn the source task: the published settings, and those that the transfer starts from.

Three of the changed choices are taken back, each by itself, and in the end all of them. Networks of one rotation have
the same mixtures, first weights and order.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.datasets.rare import RareMixtures, RareSounds
from companion.experiment import Experiment, Findings, Part, Task
from companion.papers.diment2017 import transfer
from companion.papers.diment2017.learning import (
    CommonSettings,
    SourceSettings,
    facts_of,
    tag,
    tagger_of,
    train_source,
)
from companion.papers.diment2017.networks import TransferSettings
from companion.papers.diment2017.scored import Scores, pooled
from companion.papers.diment2017.sounds import SoundSettings, rare_sounds, recordings
from companion.profiles import Settings
from companion.results.rows import Rows, bare
from companion.store import Kept, Value, Work
from companion.training import make_fabric

OURS, PUBLISHED = "as transferred", "as published"
"""The settings of the networks that transfer, and the paper's."""
ITEM, COLUMN = "Source task", "test mixtures"


class Variant(Settings):
    """One way of learning the source task.

    Args:
        common: Features and network.
        source: How it is learned.
    """

    common: CommonSettings
    source: SourceSettings = SourceSettings()


class SourceTaskSettings(Settings):
    """Settings of one profile.

    Args:
        variants: Ways of learning, all from the same sounds, with as many test mixtures.
        rotations: How many of the ways of parting the sounds are used, with a network each; tests are put together.
    """

    variants: Mapping[str, Variant]
    rotations: int = 1


def variants(base: TransferSettings, published: SourceSettings, **tried: Variant) -> dict[str, Variant]:
    """The way of a profile's transfer, others that are tried, and the published one, for as long as there is time."""
    ours = Variant(common=base.common, source=base.source)
    sounds = SoundSettings(name=base.common.sounds.name)
    rest = {name.replace("_", " "): one for name, one in tried.items()}
    return {OURS: ours, **rest, PUBLISHED: Variant(common=CommonSettings(sounds=sounds), source=published)}


def changed(base: TransferSettings, tagger: Mapping[str, Any] | None = None, **source: Any) -> Variant:
    """The way of a profile's transfer with another tagger, or learned otherwise."""
    common = base.common.model_copy(update={"tagger": base.common.tagger.model_copy(update=dict(tagger or {}))})
    return Variant(common=common, source=base.source.model_copy(update=source))


# Cells with hard sigmoids are slow: in the demo they learn for a third of the passes.
DEMO, ESC50 = transfer.PROFILES["demo"], transfer.PROFILES["esc50"]
PROFILES: Mapping[str, SourceTaskSettings] = {
    "demo": SourceTaskSettings(
        variants=variants(
            DEMO,
            SourceSettings(epochs=2, n_train=64, n_validation=DEMO.source.n_validation, n_test=DEMO.source.n_test),
            hard_sigmoid_gates=changed(DEMO, {"gates": "hard sigmoid"}, epochs=10, excerpts=((1.5, 4), (3.0, 2))),
        )
    ),
    # The paper presents 540,000 mixtures; 7,200 of 2584 steps each are what a quarter of an hour allows.
    "esc50": SourceTaskSettings(
        variants=variants(
            ESC50,
            SourceSettings(epochs=12, n_train=600, n_validation=ESC50.source.n_validation, n_test=ESC50.source.n_test),
            hard_sigmoid_gates=changed(ESC50, {"gates": "hard sigmoid"}),
            forget_biases_of_1=changed(ESC50, {"forget_bias": (1.0, 1.0)}),
            whole_mixtures_from_the_start=changed(ESC50, excerpts=()),
        ),
        rotations=2,
    ),
    "paper": SourceTaskSettings(
        variants={PUBLISHED: Variant(common=CommonSettings(sounds=SoundSettings(name="tut2017")))}
    ),
}


def inputs(settings: SourceTaskSettings, seed: int, data: Path) -> dict[str, Any]:
    """The sounds, which are the same for all variants."""
    return {"sounds": rare_sounds(next(iter(settings.variants.values())).common.sounds, seed, data)}


def network(task: Task, variant: str, rotation: int) -> Kept:
    """The tagger that one variant learns in a rotation; of a rotation all have one seed."""
    way: Variant = task.settings.variants[variant]
    seed = task.seed + rotation
    return task.keep(train_source, task.inputs["sounds"], way.common, way.source, "LSTM", rotation, seed)


def test_mixtures(sounds: RareSounds, n_test: int, rotation: int, seed: int) -> RareMixtures:
    """Mixtures of authors that no training of the rotation heard; those whose accuracy ``train_source`` tells."""
    return sounds.mixtures("source", "test", n_test, rotation=rotation, seed=seed)


test_mixtures.__test__ = False  # type: ignore[attr-defined]


def said_of(
    work: Work, network: Kept, sounds: RareSounds, heard: SoundSettings, n_test: int, rotation: int, seed: int
) -> Value:
    """What a source tagger says of the test mixtures of its rotation: ``test``. Shape: ``(N,)``."""
    mixtures = recordings(test_mixtures(sounds, n_test, rotation, seed), heard, work.n_jobs)
    fabric = make_fabric(work.device)
    return Value({"test": tag(fabric.to_device(tagger_of(network)).eval(), mixtures, fabric)})


def compute(task: Task) -> Findings:
    """Rows, and the tables ``curves`` and ``test_predictions``."""
    settings: SourceTaskSettings = task.settings
    sounds, rows, rotations = task.inputs["sounds"], Rows(), range(settings.rotations)
    n_test = next(iter(settings.variants.values())).source.n_test
    tests = pooled([test_mixtures(sounds, n_test, r, task.seed + r) for r in rotations], sounds)
    scores, curves = Scores(tests, rows), list[pd.DataFrame]()
    for name, way in settings.variants.items():
        kept = [network(task, name, rotation) for rotation in rotations]
        heard = (sounds, way.common.sounds, n_test)
        said = [task.keep(said_of, one, *heard, r, task.seed + r)["test"] for r, one in enumerate(kept)]
        scores.add(name, [np.concatenate(said)])
        scores.accuracy(name, ITEM, name, COLUMN)
        presented = way.source.epochs * way.source.n_train
        rows.add("Presentations", name, "mixtures times passes", "count", bare(presented))
        curves += [pd.DataFrame(facts_of(one)["curve"]).assign(network=name, rotation=r) for r, one in enumerate(kept)]
    others = [name for name in settings.variants if name != OURS]
    for name in others if OURS in settings.variants else ():
        gain = scores.right(name) - scores.right(OURS)
        scores.difference(gain, f"{ITEM}, paired", f"{name} - {OURS}", COLUMN)
    words = f"{sounds.targets['source']} in mixtures of {sounds.corpus.name}, {n_test} test mixtures in each of "
    words += f"{settings.rotations} rotations"
    tables = {"curves": pd.concat(curves, ignore_index=True), "test_predictions": scores.table()}
    return Findings(rows, tables, words, tests.units.n_recordings, [task.seed])


experiment = Experiment(
    __name__,
    PROFILES,
    compute,
    inputs,
    {
        "network": Part(
            network,
            lambda s, seed: [{"variant": name, "rotation": r} for name in s.variants for r in range(s.rotations)],
        )
    },
)
run, find = experiment.run, experiment.find
