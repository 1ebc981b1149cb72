"""From babies' cries to breaking glass with 36 examples: Table 1 of Diment, Virtanen 2017.

A tagger learns the source task; then it, or its first layer, is the start of one that learns the target task from a few
mixtures. Every mixture of the target task is tested by networks that heard neither its recordings nor their authors.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from companion.experiment import Experiment, Findings, Part, Task
from companion.papers.diment2017.learning import (
    CommonSettings,
    SourceSettings,
    TaggerSettings,
    TargetSettings,
    facts_of,
    test_parts,
)
from companion.papers.diment2017.networks import (
    PUBLISHED,
    SCRATCH,
    TransferSettings,
    layers_of,
    other_indices,
    other_part,
    said,
    source_network,
    sources,
    target_indices,
    target_part,
    with_source,
)
from companion.papers.diment2017.scored import Scores, test_set
from companion.papers.diment2017.sounds import SoundSettings, rare_sounds
from companion.papers.diment2017.table1 import (
    BOUND,
    COLUMN,
    FULL,
    control_rows,
    count_rows,
    other_source,
    result_rows,
    source_rows,
    untouched,
)
from companion.results.rows import Rows

STEPS: dict[str, Any] = {"lr": 2e-3, "clip_norm": 1.0, "falling": True}
DEMO_STEPS = STEPS | {"lr": 5e-3}
PROFILES: Mapping[str, TransferSettings] = {
    "demo": TransferSettings(
        common=CommonSettings(
            sounds=SoundSettings(name="synthetic", averaged=16),
            tagger=TaggerSettings(units=24, gates="sigmoid", masks="clip", forget_bias=(1.0, 3.0)),
        ),
        source=SourceSettings(
            **DEMO_STEPS, epochs=30, excerpts=((1.5, 12), (3.0, 6)), n_train=200, n_validation=60, n_test=60
        ),
        target=TargetSettings(**DEMO_STEPS, epochs=60, excerpts=((1.5, 24), (3.0, 12)), n_test=60, n_control=20),
        full=TargetSettings(**DEMO_STEPS, epochs=30, excerpts=((1.5, 12), (3.0, 6)), n_test=60, n_control=20),
        n_full=120,
        n_seeds=1,
        n_full_seeds=1,
    ),
    # Chosen on mixtures of the source task alone. Averages of sixteen frames, sigmoid gates, a forget bias of 3 above,
    # twice the rate, shorter gradients and excerpts first: with the published settings the source was not learned in
    # the time there was (held-out accuracy 68 % after five core-minutes).
    # A first recorded run had the target learned from whole mixtures, and no network learned it. On the source task,
    # 600 whole mixtures and 30 epochs taught nothing either (60 %), and excerpts first did (95 % after 90); with 36
    # mixtures it was chance both ways. In a second run every network learned from excerpts first: with all data 56 %.
    # Then, on training authors of rotations 0 and 1 alone, one of their groups left out: as it was 57 %, with the mean
    # of each mixture taken out 81 %, with the deviation too 82 %, with pooled MFCC under boosted trees 91 to 96 %. On
    # the source's validation mixtures: nothing taken out 92 %, the mean 88 %, the deviation too 91 %.
    "esc50": TransferSettings(
        common=CommonSettings(
            sounds=SoundSettings(name="esc50", averaged=16, normalised="mean and deviation"),
            tagger=TaggerSettings(gates="sigmoid", masks="clip", forget_bias=(1.0, 3.0)),
        ),
        source=SourceSettings(**STEPS, epochs=18, excerpts=((7.0, 5), (15.0, 3)), n_train=3000, n_test=300),
        target=TargetSettings(**STEPS, epochs=120, excerpts=((7.0, 35), (15.0, 20)), n_test=200, n_control=100),
        full=TargetSettings(**STEPS, epochs=45, excerpts=((7.0, 13), (15.0, 8)), n_test=200, n_control=100),
        n_full=600,
        schemes=(*PUBLISHED, "b, tuned", "c, from scratch", "d, from scratch", "d"),
        rotations=5,
        chosen_on=(1, 2),
        n_sources=5,
        # Twelve kinds of voices take twice as long to learn as cries: 94 % after 110,000 presentations, on mixtures of
        # this source alone.
        also={"voices": SourceSettings(**STEPS, epochs=37, excerpts=((7.0, 10), (15.0, 7)), n_train=3000, n_test=300)},
    ),
    "paper": TransferSettings(common=CommonSettings(sounds=SoundSettings(name="tut2017"))),
}


def inputs(settings: TransferSettings, seed: int, data: Path) -> dict[str, Any]:
    """The sounds of both tasks, and the same with every other source."""
    sounds = settings.common.sounds
    others = {name: rare_sounds(sounds.model_copy(update={"source": name}), seed, data) for name in settings.also}
    return {"sounds": rare_sounds(sounds, seed, data), **others}


def compute(task: Task) -> Findings:
    """Rows, and the tables ``test_predictions``, ``control_predictions``, ``source_curves`` and ``counts``."""
    settings: TransferSettings = task.settings
    sounds, rows = task.inputs["sounds"], Rows()
    parts = test_parts(settings.target)
    scores = {part: Scores(test_set(sounds, settings.target, part, settings.rotations), rows) for part in parts}
    learned = source_rows(rows, task, layers_of(settings))
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
    result_rows(scores["test"], able, learned)
    for name in settings.also:
        other_source(task, name, scores["test"], able)
    if settings.chosen_on:
        untouched(scores["test"], settings.chosen_on)
    if "control" in scores:
        control_rows(scores["control"])
    counts = sounds.counts()
    count_rows(rows, counts.assign(target=counts["task"].map(sounds.targets)))
    tables = {f"{part}_predictions": scores[part].table() for part in parts} | {"counts": counts}
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


def source_tables(task: Task) -> dict[str, pd.DataFrame]:
    """Learning curves of the source taggers."""
    curves = [
        pd.DataFrame(facts_of(source_network(task, "LSTM", seed))["curve"]).assign(seed=seed) for seed in sources(task)
    ]
    return {"source_curves": pd.concat(curves, ignore_index=True)}


experiment = Experiment(
    __name__,
    PROFILES,
    compute,
    inputs,
    {
        "source": Part(
            source_network,
            lambda s, seed: [{"layer": layer, "seed": seed + i} for layer in layers_of(s) for i in range(s.n_sources)],
        ),
        "target": Part(target_part, target_indices, after=("source",)),
        "other-source": Part(
            lambda task, source, seed: source_network(with_source(task, source), "LSTM", seed),
            lambda s, seed: [{"source": name, "seed": seed + i} for name in s.also for i in range(s.n_sources)],
        ),
        "other-target": Part(other_part, other_indices, after=("other-source",)),
    },
)
run, find = experiment.run, experiment.find
