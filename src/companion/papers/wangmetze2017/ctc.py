"""Event boundaries by CTC: token error rates with several features, and how soon the network begins to speak.

The noiseme corpus was never released. Polyphonic recordings made from ESC-50 stand in for it, so levels are those of
another task: what can be compared are differences between features, and how many epochs pass before anything is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.datasets.base import Dataset
from companion.evaluation.boundaries import Tokens
from companion.evaluation.event_matching import event_f1, segment_f1_of_events
from companion.evaluation.influence import Linearised, weighted
from companion.evaluation.intervals import interval
from companion.evaluation.token_errors import TokenErrors, errors_in_any_order, token_errors
from companion.evaluation.units import Units, units_of
from companion.experiment import Experiment, Findings, Part, Task
from companion.papers.wangmetze2017 import students
from companion.papers.wangmetze2017.frames import LOW_LEVEL, Heard, hear_frames
from companion.papers.wangmetze2017.learning import SPLITS, NetworkSettings, Said, first_token, train
from companion.papers.wangmetze2017.listening import Weights, published_weights
from companion.papers.wangmetze2017.student_features import STUDENTS, hear_student, named
from companion.profiles import Settings
from companion.results.rows import Rows, bare
from companion.store import Kept

TER, POINTS = "TER %", "TER difference, points"
ROWS = {
    LOW_LEVEL: "Low-level (50-d, epoch 500)",
    "conv5": "SoundNet conv5 256",
    **{f"{network} pool5": f"{network} pool5 256" for network in STUDENTS},
    **{f"SN-F fc{number}": f"SN-F fc{number} 100" for number in (1, 2, 3)},
    **{f"SN-R gru{number}{end}": f"SN-R gru{number}{end} 200" for number in (1, 2, 3) for end in ("", "-BN")},
}
"""Rows of Table 4 by feature; layers that the paper does not list have their own name."""
WARM_UP = {LOW_LEVEL: ("warm-up low-level", "random start"), "conv5": ("warm-up transferred", "conv5")}
"""Row and column of the epochs before anything is said, by feature."""
CURVES = {"loss": "training loss", "train": "training TER", "validation": "validation TER", "test": "test TER"}
"""Columns of the curves, as row C211 has them, by what the training loop calls them."""
COLUMNS = {"train": "train", "validation": "val", "test": "test"}


class CtcSettings(Settings):
    """Settings of one profile.

    Args:
        corpus: Polyphonic recordings made from ``esc50``, of the ``synthetic`` world, or ``noiseme`` itself.
        classes: Of the synthetic corpus.
        sizes: Recordings of training, validation and test that are made.
        duration: Seconds of each.
        features: What is compared: ``low-level``, a layer of SoundNet such as ``conv5``, or a row of Table 4 without
            its number of dimensions, such as ``SN-F fc1`` or ``SN-R gru1-BN``.
        taught: Of the chapter on SN-F and SN-R: which networks their layers are read off.
        width: Of a SoundNet that never learned, where the published weights are not used.
        network: Network and training.
        n_seeds: Networks of each feature.
    """

    corpus: Literal["esc50", "synthetic", "noiseme"] = "esc50"
    classes: tuple[str, ...] = ()
    sizes: tuple[int, int, int] = (90, 30, 30)
    duration: float = 50.0
    features: tuple[str, ...] = (LOW_LEVEL, "conv5")
    taught: students.StudentsSettings = students.PROFILES["esc50"]
    width: float = 0.0
    network: NetworkSettings = NetworkSettings()
    n_seeds: int = 3


PROFILES: Mapping[str, CtcSettings] = {
    "demo": CtcSettings(
        corpus="synthetic",
        classes=("bark", "drum", "telephone"),
        sizes=(18, 6, 6),
        duration=10.0,
        taught=students.PROFILES["demo"],
        width=0.0625,
        network=NetworkSettings(
            units=24, activation="tanh", epochs=20, low_level_epochs=20, batch_size=3, lr=1.0, clip_value=0.05
        ),
        n_seeds=1,
    ),
    # Hyperbolic tangents, which run fused: a step takes 0.4 s of one core and 1.3 s with ReLU, whose network also needs
    # the clipping to stay finite. An epoch has 18 steps; three networks of each feature are 2100 epochs.
    "esc50": CtcSettings(network=NetworkSettings(activation="tanh")),
    "paper": CtcSettings(corpus="noiseme"),
}

NOISEME = (
    "animal", "cheer", "crowd", "engine", "human", "mumble", "music", "music_sing", "noise_nature", "noise_ongoing",
    "noise_pulse", "noise_tone", "radio", "singing", "speech", "speech_ne", "white_noise",
)  # fmt: skip
"""Types of events in noiseme, which was never released: lists of other types are not taken for it."""


def inputs(settings: CtcSettings, seed: int, data: Path) -> dict[str, Any]:
    """The recordings, and SoundNet's weights where a layer of it is heard."""
    found: dict[str, Any] = {"corpus": corpus(settings, seed, data)}
    if any(is_student(feature) for feature in settings.features):
        found["students"] = students.corpus(settings.taught, seed, data)
        if settings.taught.teacher == "soundnet":
            found["teacher"] = published_weights(data)
    if any(feature != LOW_LEVEL and not is_student(feature) for feature in settings.features):
        found["weights"] = Weights(width=settings.width, seed=seed) if settings.width else published_weights(data)
    return found


def corpus(settings: CtcSettings, seed: int, data: Path) -> Dataset:
    """The recordings."""
    sizes = dict(zip(SPLITS, settings.sizes, strict=True))
    if settings.corpus == "synthetic":
        from companion.datasets.synthetic.sequences import SyntheticSequences

        return SyntheticSequences(seed, classes=settings.classes, sizes=sizes, duration=settings.duration)
    if settings.corpus == "noiseme":
        from companion.datasets.strong_tsv import Split, StrongFiles

        folder = data / "noiseme"
        splits = {part: Split(folder / f"{part}.tsv", folder / "audio") for part in SPLITS}
        return StrongFiles(splits, NOISEME, name="noiseme", citation="Burger, Jin, Schulam, Metze 2012, CMU-LTI-12-07")
    from companion.checkout import event_table
    from companion.datasets.esc50 import ESC50
    from companion.datasets.esc50_sequences import sequences
    from companion.events import read_table

    return sequences(ESC50(data), read_table(event_table()), sizes=sizes, seed=seed, duration=settings.duration)


def frames_of(task: Task, feature: str) -> Kept:
    """A feature of every recording; those of one student, whatever the seed of the network that hears them."""
    if is_student(feature):
        network, layer = named(feature)
        found = students.network_of(student_task(task), STUDENTS[network], task.seed)
        return task.keep(hear_student, task.inputs["corpus"], found, layer, mmap=True)
    weights = None if feature == LOW_LEVEL else task.inputs["weights"]
    return task.keep(hear_frames, task.inputs["corpus"], feature, weights, mmap=True)


def is_student(feature: str) -> bool:
    """Whether a feature is a layer of SN-F or SN-R."""
    return feature.startswith("SN-")


def student_task(task: Task) -> Task:
    """What the chapter on SN-F and SN-R would be given to do."""
    given = {"corpus": task.inputs["students"], "weights": task.inputs.get("teacher")}
    return replace(task, settings=task.settings.taught, inputs=given)


def network_of(task: Task, feature: str, seed: int) -> Kept:
    """What the network of one feature and seed says."""
    known = (task.inputs["corpus"], frames_of(task, feature), feature, task.settings.network, seed)
    return task.keep(train, *known)


def compute(task: Task) -> Findings:
    """Rows, and the tables ``ctc_curves`` and ``errors``."""
    recordings: Dataset = task.inputs["corpus"]
    rows, curves, kinds = Rows(), list[dict[str, Any]](), list[dict[str, Any]]()
    rates: dict[str, dict[str, Linearised]] = {}
    units = {split: _units(recordings, number) for split, number in SPLITS.items()}
    for feature in task.settings.features:
        heard = Heard.of(recordings, frames_of(task, feature), components=None)
        said = [Said.of(network_of(task, feature, seed)) for seed in task.seeds(task.settings.n_seeds)]
        rates[feature] = {}
        for split, number in SPLITS.items():
            chosen = heard.fold(number)
            true = [heard.tokens[i] for i in chosen]
            errors = [token_errors(true, one.only(chosen)) for one in said]
            rates[feature][split] = found = rate(errors, units[split])
            rows.add("Table4", ROWS.get(feature, feature), COLUMNS[split], TER, interval(found, bounds=(0, np.inf)))
            kinds += [{"feature": feature, "split": split, **line} for line in kinds_of(true, said, chosen, errors)]
        # the training recordings are what they are: only who was recorded for the test is left to chance
        learned = rates[feature]["train"].by_seed
        gap = replace(rates[feature]["test"], by_seed=rates[feature]["test"].by_seed - learned)
        rows.add("Gap", ROWS.get(feature, feature), "test - train", POINTS, interval(gap, difference=True))
        begun = float(np.mean([first_token(one.curve) for one in said]))
        row, column = WARM_UP.get(feature, (WARM_UP["conv5"][0], feature))
        rows.add("Claim", row, column, "epochs", bare(begun, n_seeds=len(said)))
        f1_rows(rows, feature, heard, said)
        curves += [{"feature": feature, "seed": seed, **line} for seed, one in enumerate(said) for line in one.curve]
    for one, other in pairwise(task.settings.features):
        difference = interval(rates[other]["test"] - rates[one]["test"], difference=True)
        rows.add("Paired", f"{other} - {one}", "test", POINTS, difference)
    names = {name for clip in recordings.clips for name in clip.recording.split("+")}
    hours = sum(clip.duration for clip in recordings.clips) / 3600
    words = f"{recordings.name}: {len(recordings.clips)} recordings, {hours:.2g} h, {len(names)} original ones, "
    words += f"{len(recordings.classes)} classes"
    tables = {"ctc_curves": pd.DataFrame(curves).rename(columns=CURVES), "errors": pd.DataFrame(kinds)}
    return Findings(rows, tables, words, len(names), task.seeds(task.settings.n_seeds))


def _units(recordings: Dataset, fold: int) -> Units:
    return units_of([clip.recording for clip in recordings.clips if clip.fold == fold], recordings.author_of)


def rate(errors: Sequence[TokenErrors], units: Units) -> Linearised:
    """Token error rate of each seed, in per cent, and how every recording moves it."""
    wrong = np.stack([one.errors for one in errors]).astype(np.float64)
    true = errors[0].n_reference.astype(np.float64)
    return weighted(lambda weights: 100 * (weights @ wrong.T) / (weights @ true)[:, None], units)


def kinds_of(
    true: Sequence[Tokens], said: Sequence[Said], chosen: NDArray[np.intp], errors: Sequence[TokenErrors]
) -> Iterator[dict[str, float]]:
    """What kinds of errors each seed makes, in per cent of the true tokens, and what the order alone costs."""
    for seed, (one, found) in enumerate(zip(said, errors, strict=True)):
        whole = float(found.n_reference.sum())
        unordered = errors_in_any_order(true, one.only(chosen))
        yield {
            "seed": seed,
            "substitutions": 100 * found.substitutions.sum() / whole,
            "deletions": 100 * found.deletions.sum() / whole,
            "insertions": 100 * found.insertions.sum() / whole,
            "order of simultaneous boundaries": 100 * (found.errors - unordered).sum() / whole,
        }


def f1_rows(rows: Rows, feature: str, heard: Heard, said: Sequence[Said]) -> None:
    """F1 of the events that the boundaries make, on the test recordings."""
    chosen, classes = heard.fold(SPLITS["test"]), heard.corpus.classes
    clips = [heard.corpus.clips[i] for i in chosen]
    true = [[(event.onset, event.offset, event.label) for event in clip.strong] for clip in clips]
    scores = []
    for one in said:
        made = [heard.grid.events(one.tokens[i], classes, len(heard.features[i])) for i in chosen]
        segments = segment_f1_of_events(true, made, [clip.duration for clip in clips], classes)
        scores.append([event_f1(true, made, classes, collar=1.0).micro[0], segments.micro[0]])
    for column, value in zip(("events, collar 1 s", "segments of 1 s"), np.mean(scores, axis=0), strict=True):
        rows.add("F1", ROWS.get(feature, feature), column, "F1 %", bare(100 * value, n_seeds=len(said)))


experiment = Experiment(
    __name__,
    PROFILES,
    compute,
    inputs,
    {
        "frames": Part(
            lambda task, feature: frames_of(task, feature),
            lambda s, seed: [{"feature": feature} for feature in s.features],
        ),
        "network": Part(
            lambda task, feature, seed: network_of(task, feature, int(seed)),
            lambda s, seed: [{"feature": f, "seed": seed + i} for f in s.features for i in range(s.n_seeds)],
            after=("frames",),
        ),
    },
)
run, find = experiment.run, experiment.find
