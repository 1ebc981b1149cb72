"""From babies' cries to breaking glass with 36 examples: Table 1 of Diment, Virtanen 2017.

A tagger learns the source task; then it, or its first layer, is the start of one that learns the target task from a few
mixtures. Every mixture of the target task is tested by networks that heard neither its recordings nor their authors.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.evaluation.intervals import interval
from companion.experiment import Experiment, Findings, Part, Task
from companion.papers.diment2017.learning import (
    CommonSettings,
    SourceSettings,
    TaggerSettings,
    TargetSettings,
    TestPart,
    facts_of,
    train_source,
    train_target,
)
from companion.papers.diment2017.scored import ACCURACY, Scores, test_set
from companion.papers.diment2017.sounds import SoundSettings, rare_sounds
from companion.profiles import Settings
from companion.results.rows import Rows, bare
from companion.store import Kept
from companion.transfer.schemes import SCHEMES

TABLE, COLUMN = "Table1", "test 500 mixtures"
SCRATCH = "from scratch"
ROWS = {
    SCRATCH: "limited 36: from scratch",
    "a": "limited 36: pre-train all (a)",
    "b": "limited 36: low-level pre-train and fix (b)",
    "c": "limited 36: parallel lower layers (c)",
}
"""Rows of the published table by scheme."""
FULL = "full 1800: from scratch"
BOUND = "Bound"


class TransferSettings(Settings):
    """Settings of one profile.

    Args:
        common: Features and network.
        source: How the source task is learned.
        target: How the target task is learned from few mixtures, and tested.
        full: How it is learned from many.
        n_limited: Few mixtures.
        n_full: Many.
        rotations: How many of the ways of parting the sounds are used; tests of all are put together.
        n_sources: Source networks; seeds take them in turn.
        n_seeds: Seeds of mixtures and weights, for few mixtures.
        n_full_seeds: The same for many.
        schemes: Rows of ``companion.transfer.schemes.SCHEMES`` that are tried.
        learned: Mean accuracy of the source networks on test mixtures of theirs from which the source task counts as
            learned; below it no transfer answers a published row.
        bound: Accuracy of networks that learned from many mixtures from which the target task counts as learned at all;
            below it no row answers a published one.
    """

    common: CommonSettings
    source: SourceSettings = SourceSettings()
    target: TargetSettings = TargetSettings()
    full: TargetSettings = TargetSettings()
    n_limited: int = 36
    n_full: int = 1800
    rotations: int = 1
    n_sources: int = 1
    n_seeds: int = 5
    n_full_seeds: int = 3
    schemes: tuple[str, ...] = tuple(ROWS)
    learned: float = 0.85
    bound: float = 0.65


PROFILES: Mapping[str, TransferSettings] = {
    "demo": TransferSettings(
        common=CommonSettings(
            sounds=SoundSettings(name="synthetic", averaged=16),
            tagger=TaggerSettings(units=24, gates="sigmoid", masks="clip", forget_bias=(1.0, 3.0)),
        ),
        source=SourceSettings(epochs=12, n_train=200, n_validation=60, n_test=60),
        target=TargetSettings(epochs=40, n_test=60, n_control=20),
        full=TargetSettings(epochs=12, n_test=60, n_control=20),
        n_full=120,
        n_seeds=1,
        n_full_seeds=1,
    ),
    # Chosen on mixtures of the source task alone, before any mixture of the target's was rendered. Averages of sixteen
    # frames, sigmoid gates, a forget bias of 3 above, twice the rate and a curriculum of excerpts: with the published
    # settings the source was not learned in the time there was (held-out accuracy 68 % after five core-minutes).
    "esc50": TransferSettings(
        common=CommonSettings(
            sounds=SoundSettings(name="esc50", averaged=16),
            tagger=TaggerSettings(gates="sigmoid", masks="clip", forget_bias=(1.0, 3.0)),
        ),
        source=SourceSettings(
            epochs=18,
            lr=2e-3,
            clip_norm=1.0,
            falling=True,
            excerpts=((7.0, 5), (15.0, 3)),
            n_train=3000,
            n_test=300,
        ),
        target=TargetSettings(n_test=200, n_control=100),
        full=TargetSettings(epochs=30, n_test=200, n_control=100),
        n_full=600,
        rotations=5,
        n_sources=3,
    ),
    "paper": TransferSettings(common=CommonSettings(sounds=SoundSettings(name="tut2017"))),
}


def inputs(settings: TransferSettings, seed: int, data: Path) -> dict[str, Any]:
    """The sounds of both tasks."""
    return {"sounds": rare_sounds(settings.common.sounds, seed, data)}


def source_network(task: Task, layer: str, seed: int) -> Kept:
    """The tagger of the source task that a seed starts from; each parts the sounds in another way."""
    settings, sounds = task.settings, task.inputs["sounds"]
    number = (seed - task.seed) % settings.n_sources
    rotation = number % settings.rotations
    return task.keep(train_source, sounds, settings.common, settings.source, layer, rotation, task.seed + number)


def said(
    task: Task, scheme: str, n_mixtures: int, settings: TargetSettings, seed: int
) -> dict[TestPart, NDArray[np.float32]]:
    """What the networks of one seed say of the test mixtures of every rotation. Shape: ``(N,)`` each."""
    row = SCHEMES[scheme]
    learned = any(start != "new" for start in row.lower)
    source = source_network(task, row.layer, seed) if learned else None
    known = (task.inputs["sounds"], task.settings.common, settings, scheme, source, n_mixtures)
    kept = [task.keep(train_target, *known, rotation, seed) for rotation in range(task.settings.rotations)]
    parts: tuple[TestPart, ...] = ("test", "control") if settings.n_control else ("test",)
    return {part: np.concatenate([one[part] for one in kept]) for part in parts}


def compute(task: Task) -> Findings:
    """Rows, and the tables ``test_predictions``, ``control_predictions``, ``source_curves`` and ``counts``."""
    settings: TransferSettings = task.settings
    sounds, rows = task.inputs["sounds"], Rows()
    parts: tuple[TestPart, ...] = ("test", "control") if settings.target.n_control else ("test",)
    scores = {part: Scores(test_set(sounds, settings.target, part, settings.rotations), rows) for part in parts}
    learned = source_rows(rows, task)
    for scheme in settings.schemes:
        found = [said(task, scheme, settings.n_limited, settings.target, seed) for seed in task.seeds(settings.n_seeds)]
        for part in parts:
            scores[part].add(scheme, [one[part] for one in found])
    seeds = task.seeds(settings.n_full_seeds)
    found = [said(task, SCRATCH, settings.n_full, settings.full, seed) for seed in seeds]
    for part in parts:
        scores[part].add(FULL, [one[part] for one in found])
    scores["test"].accuracy(FULL, BOUND, "from scratch, all data", COLUMN)
    able = float(scores["test"].right(FULL).mean()) >= settings.bound
    result_rows(scores["test"], "" if able and learned else "source" if able else "target")
    if "control" in scores:
        control_rows(scores["control"])
    tables = {f"{part}_predictions": scores[part].table() for part in parts} | {"counts": sounds.counts()}
    tables |= source_tables(task)
    n_recordings = scores["test"].tests.units.n_recordings
    data = words(task, (settings.n_limited, settings.n_full))
    return Findings(rows, tables, data, n_recordings, task.seeds(settings.n_seeds))


def words(task: Task, sizes: Sequence[int]) -> str:
    """The data in words; sizes are those of training sets of the target task."""
    settings, sounds = task.settings, task.inputs["sounds"]
    source, target = (sounds.targets[name] for name in ("source", "target"))
    return (
        f"{source} to {target} in mixtures of {sounds.corpus.name}: {settings.source.n_train} training mixtures of the "
        f"source, {' or '.join(map(str, sizes))} of the target, {settings.target.n_test} test mixtures in each of "
        f"{settings.rotations} rotations"
    )


def result_rows(scores: Scores, not_learned: str) -> None:
    """The published table, the differences that it is about, and where in a mixture the event was missed.

    Args:
        scores: What networks say of the test mixtures.
        not_learned: Task that was not learned, ``source`` or ``target``; empty for neither. Without the source no
            transfer answers a published row, and without the target, which not even many mixtures taught, no row does.
    """
    table = {**ROWS, FULL: FULL}
    for system in scores.said:
        row = table.get(system, SCHEMES[system].title if system in SCHEMES else system)
        withheld = not_learned == "target" or (not_learned == "source" and system in ("a", "b", "c"))
        item = f"{TABLE}, {not_learned} not learned" if withheld else TABLE
        scores.accuracy(system, item if system in table else "Other schemes", row, COLUMN)
    for system in scores.said:
        if system not in (SCRATCH, FULL):
            name = f"{table.get(system, system)} - {ROWS[SCRATCH]}"
            scores.difference(scores.right(system) - scores.right(SCRATCH), "Paired", name, COLUMN)
    if "c" in scores.said and not not_learned:
        midpoint(scores)
    by_event(scores)


def midpoint(scores: Scores) -> None:
    """(c) above the middle between few mixtures and many, both from scratch (section 4)."""
    c, few, many = (scores.right(system) for system in ("c", SCRATCH, FULL))
    n = min(len(c), len(few), len(many))  # fewer seeds learn from many mixtures
    gain = c[:n] - (few[:n] + many[:n]) / 2
    scores.difference(gain, "Prose", "(c) - midpoint from few to full data", COLUMN, f"the first {n} seeds")


def by_event(scores: Scores) -> None:
    """How often the event is found, by its ratio to the background and by when it begins."""
    table = scores.tests.table
    thirds = pd.cut(table["onset"], 3, labels=["first third", "second third", "last third"])
    kept = {
        f"event at {ratio:+g} dB": table["ratio_db"] == ratio for ratio in sorted(table["ratio_db"].dropna().unique())
    }
    kept |= {f"onset in the {name}": thirds == name for name in thirds.cat.categories}
    kept["no event"] = ~table["label"].astype(bool)
    for system in scores.said:
        for column, members in kept.items():
            scores.accuracy(system, "By event", system, column, kept=members.to_numpy(dtype=bool))


def control_rows(scores: Scores) -> None:
    """How often another event, pasted in the same way, is taken for the target's."""
    other = ~scores.tests.labels
    for system, said_ in scores.said.items():
        found = interval(scores.tests.mean((said_ > 0.5).astype(float), other), bounds=(0.0, 1.0))
        scores.rows.add("Control", system, "another event", "false alarms %", found, scale=100)


def source_rows(rows: Rows, task: Task) -> bool:
    """Accuracy of the source taggers on mixtures of authors they did not hear; whether they learned their task."""
    settings: TransferSettings = task.settings
    layers = {row.layer: None for name in settings.schemes if {"copied", "frozen"} & set((row := SCHEMES[name]).lower)}
    learned = True
    for layer in layers:
        found = [float(facts_of(source_network(task, layer, seed))["accuracy"]) for seed in sources(task)]
        mean = float(np.mean(found))
        learned = learned and mean >= settings.learned
        each = ", ".join(f"{100 * one:.1f}" for one in found)
        note = f"of each network: {each}; learned from {100 * settings.learned:g} on"
        shown = bare(mean, n_clips=settings.source.n_test * len(found), n_seeds=len(found))
        rows.add("Source task", f"{layer} below", "test mixtures", ACCURACY, shown, note, scale=100)
    return learned


def sources(task: Task) -> list[int]:
    """Seeds of the source networks."""
    return task.seeds(task.settings.n_sources)


def source_tables(task: Task) -> dict[str, pd.DataFrame]:
    """Learning curves of the source taggers."""
    curves = [
        pd.DataFrame(facts_of(source_network(task, "LSTM", seed))["curve"]).assign(seed=seed) for seed in sources(task)
    ]
    return {"source_curves": pd.concat(curves, ignore_index=True)}


def target_part(task: Task, scheme: str, n_mixtures: int, seed: int) -> None:
    """The networks of one scheme, size and seed, in every rotation."""
    full = n_mixtures == task.settings.n_full
    said(task, scheme, n_mixtures, task.settings.full if full else task.settings.target, seed)


def target_indices(settings: TransferSettings, seed: int) -> list[dict[str, Any]]:
    """Every scheme with few mixtures, and training from scratch with many."""
    few = [
        {"scheme": scheme, "n_mixtures": settings.n_limited, "seed": seed + i}
        for scheme in settings.schemes
        for i in range(settings.n_seeds)
    ]
    many = [{"scheme": SCRATCH, "n_mixtures": settings.n_full, "seed": seed + i} for i in range(settings.n_full_seeds)]
    return few + many


experiment = Experiment(
    __name__,
    PROFILES,
    compute,
    inputs,
    {
        "source": Part(
            source_network, lambda s, seed: [{"layer": "LSTM", "seed": seed + i} for i in range(s.n_sources)]
        ),
        "target": Part(target_part, target_indices, after=("source",)),
    },
)
run, find = experiment.run, experiment.find
