"""Event boundaries by CTC: token error rates with several features, and how soon the network begins to speak.

The noiseme corpus was never released. Polyphonic recordings made from ESC-50 stand in for it, so levels are those of
another task: what can be compared are differences between features, and how many epochs pass before anything is said.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.datasets.base import Dataset
from companion.errors import ParameterError
from companion.evaluation.influence import Linearised
from companion.evaluation.intervals import interval
from companion.evaluation.strong_labels import Event
from companion.evaluation.token_errors import token_errors
from companion.evaluation.units import Units
from companion.experiment import Experiment, Findings, Task
from companion.papers.wangmetze2017 import students
from companion.papers.wangmetze2017.ctc_networks import (
    PARTS,
    detector_of,
    frames_of,
    heard_so,
    helped_of,
    is_student,
    network_of,
    pretrained_of,
)
from companion.papers.wangmetze2017.ctc_rows import (
    POINTS,
    TER,
    epoch_rows,
    event_counts,
    events_made,
    f1_rows,
    kinds_of,
    rate,
    units,
)
from companion.papers.wangmetze2017.ctc_settings import PROFILES, ROWS, CtcSettings
from companion.papers.wangmetze2017.frames import LOW_LEVEL, Heard
from companion.papers.wangmetze2017.framewise import events_said, tokens_said
from companion.papers.wangmetze2017.learning import SPLITS, Said, first_token
from companion.papers.wangmetze2017.listening import Weights, published_weights
from companion.results.rows import Rows
from companion.store import Kept

WARM_UP = {LOW_LEVEL: ("warm-up low-level", "random start"), "conv5": ("warm-up transferred", "conv5")}
"""Row and column of the epochs before anything is said, by feature."""
CURVES = {"loss": "training loss", "train": "training TER", "validation": "validation TER", "test": "test TER"}
"""Columns of the curves, as row C211 has them, by what the training loop calls them."""
COLUMNS = {"train": "train", "validation": "val", "test": "test"}
GRU = ("SN-R gru1", "SN-R gru2", "SN-R gru3")
LAYER_PAIRS = [*((one, f"{one}-BN") for one in GRU), (GRU[1], GRU[0]), (GRU[2], GRU[1])]
"""Layers that the paper holds against each other: before and after batch normalisation, and higher against lower."""
NOISEME = (
    "animal", "cheer", "crowd", "engine", "human", "mumble", "music", "music_sing", "noise_nature", "noise_ongoing",
    "noise_pulse", "noise_tone", "radio", "singing", "speech", "speech_ne", "white_noise",
)  # fmt: skip
"""Types of events in noiseme, which was never released: lists of other types are not taken for it."""


def inputs(settings: CtcSettings, seed: int, data: Path) -> dict[str, Any]:
    """The recordings, and SoundNet's weights where a layer of it is heard."""
    found: dict[str, Any] = {"corpus": corpus(settings, seed, data)}
    if any(is_student(feature) for feature in settings.heard):
        found["students"] = students.corpus(settings.taught, seed, data)
        if settings.taught.teacher == "soundnet":
            found["teacher"] = published_weights(data)
    if any(feature != LOW_LEVEL and not is_student(feature) for feature in settings.heard):
        found["weights"] = Weights(width=settings.width, seed=seed) if settings.width else published_weights(data)
    return found


def corpus(settings: CtcSettings, seed: int, data: Path) -> Dataset:
    """The recordings."""
    sizes = dict(zip(SPLITS, settings.sizes, strict=True))
    if settings.corpus == "synthetic":
        from companion.datasets.synthetic.sequences import SyntheticSequences

        return SyntheticSequences(seed, classes=settings.classes, sizes=sizes, duration=settings.duration)
    if settings.corpus in ("noiseme", "files"):
        from companion.datasets.strong_tsv import Split, StrongFiles

        official = settings.corpus == "noiseme"
        name, classes = ("noiseme", NOISEME) if official else (settings.files, settings.classes or None)
        if not name:
            raise ParameterError("no folder of files", expected="its name", repair="--set files=FOLDER")
        splits = {part: Split(data / name / f"{part}.tsv", data / name / "audio") for part in SPLITS}
        citation = "Burger, Jin, Schulam, Metze 2012, CMU-LTI-12-07" if official else ""
        return StrongFiles(splits, classes, name=name, citation=citation)
    from companion.checkout import event_table
    from companion.datasets.esc50 import ESC50
    from companion.datasets.esc50_sequences import sequences
    from companion.events import read_table

    return sequences(ESC50(data), read_table(event_table()), sizes=sizes, seed=seed, duration=settings.duration)


def compute(task: Task) -> Findings:
    """Rows, and the tables ``ctc_curves``, ``helped_curves``, ``errors`` and ``spelled``."""
    settings: CtcSettings = task.settings
    recordings: Dataset = task.inputs["corpus"]
    rows, curves, kinds = Rows(), list[dict[str, Any]](), list[dict[str, Any]]()
    rates: dict[str, dict[str, Linearised]] = {}
    begun: dict[tuple[str, str], list[int | None]] = {}
    spelled = [spelling("labels", recordings, [clip.strong for clip in recordings.clips])]
    of_split = {split: units(recordings, split) for split in SPLITS}
    for feature, n_seeds in settings.heard.items():
        row, seeds = ROWS.get(feature, feature), task.seeds(n_seeds)
        heard = Heard.of(recordings, frames_of(task, feature), components=None)
        said = [Said.of(network_of(task, feature, seed)) for seed in seeds]
        rates[feature] = {}
        for split, number in SPLITS.items():
            chosen = heard.fold(number)
            true = [heard.tokens[i] for i in chosen]
            errors = [token_errors(true, one.only(chosen)) for one in said]
            rates[feature][split] = found = rate(errors, of_split[split])
            rows.add("Table4", row, COLUMNS[split], TER, interval(found, bounds=(0, np.inf)))
            kinds += [{"feature": feature, "split": split, **line} for line in kinds_of(true, said, chosen, errors)]
        events = [events_made(one, heard) for one in said]
        detected = detector_rows(rows, task, feature, heard, rates[feature]["test"])
        f1_rows(rows, row, [event_counts(heard, one) for one in events], of_split["test"], detected)
        # the training recordings are what they are: only who was recorded for the test is left to chance
        learned = rates[feature]["train"].by_seed
        gap = replace(rates[feature]["test"], by_seed=rates[feature]["test"].by_seed - learned)
        rows.add("Gap", row, "test - train", POINTS, interval(gap, difference=True))
        if feature not in settings.features:
            continue
        begun[warm_up(feature)] = [first_token(one.curve) for one in said]
        spelled.append(spelling(feature, recordings, events[0]))
        curves += curve_lines(feature, seeds, said)
    pair_rows(rows, settings, {feature: found["test"] for feature, found in rates.items()})
    helped = [line for help in helps(task) for line in help_rows(rows, task, help, of_split["test"], rates, begun)]
    epoch_rows(rows, begun)
    tables = {
        "ctc_curves": pd.DataFrame(curves).rename(columns=CURVES),
        **({"helped_curves": pd.DataFrame(helped).rename(columns=CURVES)} if helped else {}),
        "errors": pd.DataFrame(kinds),
        "spelled": pd.concat(spelled, ignore_index=True),
    }
    names = {name for clip in recordings.clips for name in clip.recording.split("+")}
    return Findings(rows, tables, words(recordings, len(names)), len(names), task.seeds(settings.n_seeds))


def warm_up(feature: str, help: str = "") -> tuple[str, str]:
    """Row and column of the epochs before anything is said.

    >>> warm_up("low-level"), warm_up("low-level", "pre-trained")
    (('warm-up low-level', 'random start'), ('warm-up low-level', 'pre-trained'))
    >>> warm_up("SN-F fc1"), warm_up("conv5", "pre-trained")
    (('warm-up transferred', 'SN-F fc1'), ('warm-up transferred', 'conv5, pre-trained'))
    """
    row, start = WARM_UP.get(feature, (WARM_UP["conv5"][0], feature))
    if not help:
        return row, start
    return row, help if feature == LOW_LEVEL else f"{start}, {help}"


def curve_lines(network: str, seeds: Sequence[int], said: Sequence[Said]) -> list[dict[str, Any]]:
    """How networks of one name learned, one line an epoch and seed."""
    pairs = zip(seeds, said, strict=True)
    return [{"feature": network, "seed": seed, **line} for seed, one in pairs for line in one.curve]


def pair_rows(rows: Rows, settings: CtcSettings, rates: Mapping[str, Linearised]) -> None:
    """Token error rates of one feature less those of another, on the same test recordings."""
    pairs = [(f"{other} - {one}", rates[other], rates[one]) for one, other in pairwise(settings.features)]
    with_conv5 = [("conv5", other) for other in ROWS if other != "conv5"]
    for one, other in (*with_conv5, *LAYER_PAIRS):
        if one in rates and other in rates:
            pairs.append((f"{ROWS[one]} - {ROWS[other]}", rates[one], rates[other]))
    for name, first, second in pairs:
        count = min(len(first.by_seed), len(second.by_seed))
        difference = interval(first.first(count) - second.first(count), difference=True)
        rows.add("Paired", name, "test", POINTS, difference)


class Help(NamedTuple):
    """Something that is tried with one feature.

    Args:
        feature: Which.
        words: What is done, as it follows the feature's name.
        network: The network of one seed.
        n_seeds: Networks.
    """

    feature: str
    words: str
    network: Callable[[int], Kept]
    n_seeds: int


def helps(task: Task) -> list[Help]:
    """Pre-training, and techniques with low-level features, as the settings have them."""
    settings: CtcSettings = task.settings
    found = [
        Help(feature, "pre-trained", partial(pretrained_of, task, feature), settings.n_seeds)
        for feature in heard_so(settings, settings.pretrained)
    ]
    techniques = settings.techniques if LOW_LEVEL in settings.heard else ()
    return found + [
        Help(LOW_LEVEL, f"with {technique}", partial(helped_of, task, technique), settings.n_other_seeds)
        for technique in techniques
    ]


def help_rows(
    rows: Rows,
    task: Task,
    help: Help,
    units: Units,
    rates: Mapping[str, Mapping[str, Linearised]],
    begun: dict[tuple[str, str], list[int | None]],
) -> list[dict[str, Any]]:
    """What it makes of errors, against networks of the same seeds without, and of the warm-up; returns its curves."""
    heard = Heard.of(task.inputs["corpus"], frames_of(task, help.feature), components=None)
    chosen, seeds = heard.fold(SPLITS["test"]), task.seeds(help.n_seeds)
    said = [Said.of(help.network(seed)) for seed in seeds]
    true, name = [heard.tokens[i] for i in chosen], f"{help.feature} {help.words}"
    found, plain = rate([token_errors(true, one.only(chosen)) for one in said], units), rates[help.feature]["test"]
    rows.add("Techniques", name, "test", TER, interval(found, bounds=(0, np.inf)))
    gain = interval(found - plain.first(len(seeds)), difference=True)
    rows.add("Techniques, paired", f"{name} - {help.feature}", "test", POINTS, gain)
    begun[warm_up(help.feature, help.words)] = [first_token(one.curve) for one in said]
    return curve_lines(name, seeds, said)


def spelling(heard_by: str, recordings: Dataset, events: Sequence[Sequence[Event]]) -> pd.DataFrame:
    """Events of the first test recording, a line each: what is true, or what a feature's first network makes of it."""
    number = next(i for i, clip in enumerate(recordings.clips) if clip.fold == SPLITS["test"])
    clip = recordings.clips[number]
    lines = [(clip.id, clip.duration, heard_by, label, onset, offset) for onset, offset, label in events[number]]
    return pd.DataFrame(lines, columns=["recording", "duration", "by", "class", "onset", "offset"])


def detector_rows(
    rows: Rows, task: Task, feature: str, heard: Heard, boundaries: Linearised
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]] | None:
    """Token error rate of frame-wise detectors on the test recordings, and what their events hit; None without any."""
    if feature not in task.settings.framewise:
        return None
    row, chosen = ROWS.get(feature, feature), heard.fold(SPLITS["test"])
    seeds, smooth = task.seeds(task.settings.n_seeds), task.settings.frame.smooth
    events = [events_said(detector_of(task, feature, seed), heard, smooth) for seed in seeds]
    true = [heard.tokens[i] for i in chosen]
    tokens = [tokens_said(one, heard) for one in events]
    errors = [token_errors(true, [of_seed[i] for i in chosen]) for of_seed in tokens]
    found = rate(errors, boundaries.units)
    rows.add("Frame by frame", row, "test", TER, interval(found, bounds=(0, np.inf)))
    gain = interval(boundaries - found, difference=True)
    rows.add("Frame by frame, paired", row, "boundaries - frame by frame", POINTS, gain)
    return [event_counts(heard, one) for one in events]


def words(recordings: Dataset, n_originals: int) -> str:
    """The data in words."""
    hours = sum(clip.duration for clip in recordings.clips) / 3600
    return (
        f"{recordings.name}: {len(recordings.clips)} recordings, {hours:.2g} h, {n_originals} original ones, "
        f"{len(recordings.classes)} classes"
    )


experiment = Experiment(__name__, PROFILES, compute, inputs, PARTS)
run, find = experiment.run, experiment.find
