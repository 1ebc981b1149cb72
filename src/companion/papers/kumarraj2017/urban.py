"""Weak labels as weak or as strong: Tables I and II of Kumar, Raj 2017.

Networks learn from recordings that were labelled with care, or as a search engine would, and are tested on recordings
of both kinds. WLER and SLAT have the same layers, weights at the start, recordings, seeds, and rule for when to stop.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from companion.datasets.base import Dataset
from companion.experiment import Experiment, Findings, Part, Task
from companion.models.wler import HOP
from companion.papers.kumarraj2017 import footsteps
from companion.papers.kumarraj2017.corpora import SoundSettings, row_of, sounds, stepping
from companion.papers.kumarraj2017.learning import (
    HEARD,
    SHOWN,
    TEST,
    TRAIN,
    VALIDATION,
    Heard,
    Shown,
    TrainSettings,
    fold_features,
    said_of,
    scored,
    train,
    untrained,
    weak_labels,
)
from companion.papers.kumarraj2017.tables import (
    ALIKE,
    KINDS,
    TABLES,
    TRAINED,
    US,
    Judge,
    System,
    TestSet,
    alike,
    by_length,
    by_share,
    cross,
    published,
    scale_rows,
    scale_system,
    table,
)
from companion.profiles import Settings
from companion.results.rows import Rows, bare
from companion.store import Kept
from companion.training.recordings import Scored

SHARES = (0.0, 0.05, 0.2, 0.6, 1.0)
"""Bounds of the bins of shares that events fill."""

LENGTHS = (0.0, 4.0, 15.0, 60.0, 600.0)
"""Bounds of the bins of lengths, in seconds."""


CORPORA = {
    "synthetic": "synthetic mixtures",
    "esc50": "mixtures of ESC-50",
    "urbansound": "UrbanSound, recordings from queries and AudioSet eval",
}
"""The corpora in words, by the name that settings use."""


class UrbanSettings(Settings):
    """Settings of one profile.

    Args:
        sounds: The recordings.
        training: How all networks are trained.
        n_seeds: Seeds of the weights, the order of batches and dropout, the same for all networks.
        single: Window lengths that WLER is also trained on alone, with as many steps as on all.
        n_single_seeds: Seeds of these, the first of ``n_seeds``.
        share_from: Seconds of the shortest test recordings that are told apart by the share that their events fill:
            those that can be filled as little as any.
    """

    sounds: SoundSettings
    training: TrainSettings
    n_seeds: int = 1
    single: tuple[int, ...] = ()
    n_single_seeds: int = 1
    share_from: float = 0.0


PROFILES: Mapping[str, UrbanSettings] = {
    "demo": UrbanSettings(
        sounds=SoundSettings(
            name="synthetic",
            n_train=24, n_validation=12, n_test=24, n_web=24, n_wild=16,
            durations=(3.5, 7.0), wild_durations=(4.0,),
        ),
        training=TrainSettings(
            width=0.0625, dropout=0.0, centre=-40.0, spread=20.0, epochs=3, lr=1e-2, train_hop=128, test_hop=128,
            scales=(1024, 4096),
        ),
        single=(1024,),
    ),
    # Fixed before any test recording was scored. An eighth of the filters, 240 recordings for each training, and
    # training until ten passes bring no better validation. Levels are centred and scaled, for with levels as they are
    # the zeros around a recording are louder than nearly all of it. Rate, size of a batch (open in the paper) and
    # dropout were chosen by WLER's MAP on the validation recordings of the tables, with the weights of seed 0, and hold
    # for SLAT as they are. For the first passes WLER learns nothing, then all at once; what differs is when. After nine
    # passes it had 0.39 as below, 0.27 with batches of 8 at a rate of 0.01 (0.42 after twelve), 0.28 with these at half
    # the rate; a dropout of 0.1 at twice that rate gave 0.20 after twelve, one of 0.2 gave 0.31 after fifteen, with
    # batches of 2 or 4 less than 0.20 after six. The published dropout was tried on recordings of 2 s in one scale,
    # drawn for that alone: 0.17 after 400 steps, where 0.2 gave 0.51.
    "esc50": UrbanSettings(
        sounds=SoundSettings(
            name="esc50",
            n_train=240, n_validation=60, n_test=300, n_web=240, n_wild=200,
            durations=(2.0, 2.0, 4.0, 4.0, 8.0, 8.0, 15.0, 15.0, 30.0, 60.0), wild_durations=(10.0,),
        ),
        training=TrainSettings(
            width=0.125, dropout=0.0, centre=-30.0, spread=17.0, epochs=40, patience=10, batch_size=4, lr=7e-3,
        ),
        n_seeds=3,
        single=(512, 1024, 2048, 4096),
        share_from=8.0,
    ),
    "paper": UrbanSettings(
        sounds=SoundSettings(name="urbansound"),
        training=TrainSettings(),
        n_seeds=3,
        single=(512, 1024, 2048, 4096),
        n_single_seeds=3,
    ),
}  # fmt: skip


def inputs(settings: UrbanSettings, seed: int, data: Path) -> dict[str, Dataset]:
    """The three corpora, and recordings of steps where there are some."""
    found = sounds(settings.sounds, seed, data)
    steps = stepping(settings.sounds, seed, data)
    return {"clean": found.clean, "web": found.web, "wild": found.wild, **({"steps": steps} if steps else {})}


def network(task: Task, trained: str, shown: Shown, seed: int) -> Kept:
    """One of the networks of the tables."""
    corpus = task.inputs["clean" if trained == US else "web"]
    return task.keep(train, corpus, task.inputs["clean"], task.settings.training, shown, seed)


def one_scale(settings: TrainSettings, n_fft: int) -> TrainSettings:
    """The same training on one scale, with as many steps; patience, too, is in steps."""
    factor = len(settings.scales)
    patience = None if settings.patience is None else settings.patience * factor
    return settings.model_copy(update={"scales": (n_fft,), "epochs": settings.epochs * factor, "patience": patience})


def single(task: Task, n_fft: int, seed: int) -> Kept:
    """WLER with care, trained on one scale."""
    clean = task.inputs["clean"]
    return task.keep(train, clean, clean, one_scale(task.settings.training, n_fft), SHOWN[0], seed)


def said(task: Task, trained: str, shown: Shown, heard: Heard, corpus: str, seed: int) -> Kept:
    """What one network says of the test recordings of a corpus."""
    kept = network(task, trained, shown, seed)
    return task.keep(said_of, kept, task.inputs[corpus], TEST, task.settings.training, heard)


def compute(task: Task) -> Findings:
    """Rows, and the tables ``class_ap``, ``curves``, ``sizes``, ``filled``, ``footsteps`` and ``boundaries``."""
    settings: UrbanSettings = task.settings
    rows, seeds = Rows(), task.seeds(settings.n_seeds)
    tests = [test_set(task, item, seeds) for item in TABLES]
    names = {label: row_of(label, settings.sounds.name) for label in tests[0].classes}
    class_ap = [table(rows, test, names) for test in tests]
    us, wild = tests
    cross(Judge(rows, us), "all recordings")
    if any(clip.strong for clip in us.clips):
        by_share(rows, us, SHARES, settings.share_from)
    by_length(rows, us, LENGTHS)
    control_rows(rows, task, us)
    if settings.single:
        scale_rows(rows, us, settings.single)
    tables = {
        "class_ap": pd.concat(class_ap, ignore_index=True),
        "curves": curves(task, seeds),
        "sizes": sizes(task),
        "filled": pd.DataFrame({"clip": [c.id for c in us.clips], "seconds": [c.duration for c in us.clips],
                                "share": us.filled.round(4)}),
    }  # fmt: skip
    if "steps" in task.inputs:
        tables |= footsteps.tables(task.inputs["steps"], task.inputs["steps"].classes[0])
    n_train = [sum(clip.fold == TRAIN for clip in task.inputs[name].clips) for name in ("clean", "web")]
    words = f"{CORPORA[settings.sounds.name]}: {n_train[0]} training recordings labelled with care, "
    words += f"{n_train[1]} as by a search, "
    words += f"{len(us.clips)} and {len(wild.clips)} test recordings"
    return Findings(rows, tables, words, us.units.n_recordings, seeds)


def test_set(task: Task, item: str, seeds: Sequence[int]) -> TestSet:
    """One test set with everything that is said of it."""
    settings: UrbanSettings = task.settings
    name = "clean" if item == TABLES[0] else "wild"
    corpus, classes = task.inputs[name], tuple(task.inputs["clean"].classes)
    found: dict[System, list[Scored]] = {}
    for trained in TRAINED:
        for kind, (shown, heard) in KINDS.items():
            kept = [said(task, trained, shown, heard, name, seed) for seed in seeds]
            found[published(trained, kind)] = [scored(one) for one in kept]
    if name == "clean":
        for shown in SHOWN:
            for heard in HEARD:
                found[US, shown, heard] = [scored(said(task, US, shown, heard, name, seed)) for seed in seeds]
            step = settings.training.test_hop // HOP
            found[US, shown, ALIKE] = [alike(one, step) for one in found[US, shown, HEARD[0]]]
        add_scales(task, found, seeds[: settings.n_single_seeds])
    clips = fold_features(corpus, TEST, settings.training.scales[0], task.work.n_jobs).clips
    return TestSet(item, clips, classes, weak_labels(clips, classes), found, corpus.author_of)


test_set.__test__ = False  # type: ignore[attr-defined]


def add_scales(task: Task, found: dict[System, list[Scored]], seeds: Sequence[int]) -> None:
    """What WLER says in all scales and in each, trained on all and on that alone."""
    settings: UrbanSettings = task.settings
    shown, heard = KINDS["WLER"]
    if settings.single:
        found[scale_system("all")] = found[published(US, "WLER")][: len(seeds)]
    for n_fft in settings.single:
        number, alone = settings.training.scales.index(n_fft), one_scale(settings.training, n_fft)
        of_all = [said(task, US, shown, heard, "clean", seed)["recording"][number] for seed in seeds]
        found[scale_system("all", n_fft)] = [Scored(one, []) for one in of_all]
        of_one = [task.keep(said_of, single(task, n_fft, s), task.inputs["clean"], TEST, alone, heard) for s in seeds]
        found[scale_system("one", n_fft)] = [scored(one) for one in of_one]


def control_rows(rows: Rows, task: Task, test: TestSet) -> None:
    """MAP without training, and of the same guess for every recording."""
    settings: UrbanSettings = task.settings
    counts = {"n_clips": len(test.clips), "n_recordings": test.units.n_recordings}
    held = test.labels[:, test.labels.any(0)]
    rows.add("Controls", "same guess for all", test.name, "AP", bare(float(held.mean()), **counts))
    seeds = task.seeds(settings.n_seeds)
    drawn = [task.keep(untrained, test.classes, settings.training, seed) for seed in seeds]
    found = [task.keep(said_of, one, task.inputs["clean"], TEST, settings.training, HEARD[0]) for one in drawn]
    system: System = (US, SHOWN[0], "untrained")
    judge = Judge(rows, TestSet(test.item, test.clips, test.classes, test.labels,
                                {system: [scored(one) for one in found]}, test.author_of))  # fmt: skip
    judge.value("Controls", "untrained", test.name, judge.mean(system))


def curves(task: Task, seeds: Sequence[int]) -> pd.DataFrame:
    """How every network of the tables learned: one line a pass."""
    return pd.concat(
        [
            pd.DataFrame(network(task, trained, shown, seed).facts["facts"]["curve"]).assign(
                network=f"{trained} {kind}", seed=seed
            )
            for trained in TRAINED
            for kind, (shown, _) in KINDS.items()
            for seed in seeds
        ],
        ignore_index=True,
    )


def sizes(task: Task) -> pd.DataFrame:
    """Clips, hours and original recordings of every corpus and split."""
    lines = []
    for name, folds in (("clean", (TRAIN, VALIDATION, TEST)), ("web", (TRAIN,)), ("wild", (TEST,))):
        for fold in folds:
            clips = [clip for clip in task.inputs[name].clips if clip.fold == fold]
            hours = sum(clip.duration for clip in clips) / 3600
            originals = {recording for clip in clips for recording in clip.recording.split("+")}
            split = {TRAIN: "training", VALIDATION: "validation", TEST: "test"}[fold]
            lines.append({"corpus": name, "split": split, "recordings": len(clips), "hours": round(hours, 2),
                          "originals": len(originals)})  # fmt: skip
    return pd.DataFrame(lines)


experiment = Experiment(
    __name__,
    PROFILES,
    compute,
    inputs,
    {
        "network": Part(
            network,
            lambda s, seed: [
                {"trained": trained, "shown": shown, "seed": seed + i}
                for i in range(s.n_seeds)
                for trained in TRAINED
                for shown in SHOWN
            ],
        ),
        "single": Part(
            single, lambda s, seed: [{"n_fft": n, "seed": seed + i} for i in range(s.n_single_seeds) for n in s.single]
        ),
    },
)
run, find = experiment.run, experiment.find
