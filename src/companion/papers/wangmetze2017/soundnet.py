"""SoundNet's published weights on ESC-50: its authors' own protocol, and what a linear machine reads off each layer.

Corpus, weights and protocol are the authors' own, so the numbers may be held against the published one; the corpus is
its first release, in OGG. Beside it stand the same network untrained, and every layer under one protocol, C chosen
inside the training folds.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from companion.datasets.base import Dataset
from companion.datasets.esc50 import straddling_recordings
from companion.experiment import Experiment, Findings, Part, Task
from companion.papers.wangmetze2017.cells import Cell, Clips, Key, by_clip, by_windows, tables
from companion.papers.wangmetze2017.listening import POOLINGS, Hearing, Weights, hear, published_weights
from companion.profiles import Settings
from companion.results.rows import Rows
from companion.store import Kept

SOUNDNET, UNTRAINED = "SoundNet", "untrained SoundNet"
PUBLISHED, AS_TRAINED, WHOLE = "as published", "scaled as in training", "clip"
"""Ways to hear a clip."""

LEVEL, POINTS = "accuracy %", "accuracy difference, points"
WINDOWS, FOLDS = "pool5, windows", "mean of 5 folds"


class SoundNetSettings(Settings):
    """Settings of one profile; defaults are those of the authors' evaluation code.

    Args:
        corpus: ``esc50``, or the ``synthetic`` world.
        weights: ``published``, or ``untrained``: drawn at random.
        width: Of an untrained network.
        clips_per_class: Of each class, for the synthetic corpus.
        clip_seconds: Length of the corpus's clips.
        layer: That the protocol reads.
        heard_seconds: Clips are repeated to this length.
        window_seconds: Length of a sample of the machine; the next one begins one frame later.
        scale: Factor on amplitudes in the evaluation code: twice as loud as in training.
        training_scale: Factor on amplitudes in training, and of every other row.
        C: Of the protocol's machine.
        layers: Layers that are compared.
        control_layers: Layers of the untrained network that they are compared with.
        per_decade, patience: Of the search for C, as for ``LinearSVMCV``.
    """

    corpus: Literal["esc50", "synthetic"] = "esc50"
    weights: Literal["published", "untrained"] = "published"
    width: float = 1.0
    clips_per_class: int = 0
    clip_seconds: float = 5.0
    layer: str = "pool5"
    heard_seconds: float = 10.0
    window_seconds: float = 1.0
    scale: float = 512.0
    training_scale: float = 256.0
    C: float = 0.01
    layers: tuple[str, ...] = ("conv3", "conv4", "conv5", "pool5", "conv6", "conv7")
    control_layers: tuple[str, ...] = ("conv5", "pool5", "conv6")
    per_decade: int = 1
    patience: float = 4.0


PROFILES: Mapping[str, SoundNetSettings] = {
    "demo": SoundNetSettings(
        corpus="synthetic",
        weights="untrained",
        width=0.125,
        clips_per_class=5,
        clip_seconds=3.5,
        heard_seconds=5.0,
        patience=1.0,
    ),
    # The protocol's settings are those of the authors' code, in which nothing is chosen. For the layers, values of C
    # are ten times apart, and the untrained network has three layers under one pooling, so that the page takes a
    # core-hour or two. With a patience of one factor of ten the search ends at chance on features of an untrained
    # network, which stay there for decades.
    "esc50": SoundNetSettings(),
}


def inputs(settings: SoundNetSettings, seed: int, data: Path) -> dict[str, Any]:
    """The corpus, and the published weights where they are used."""
    if settings.weights == "published":
        return {"corpus": corpus(settings, seed, data), "weights": published_weights(data)}
    return {"corpus": corpus(settings, seed, data)}


def corpus(settings: SoundNetSettings, seed: int, data: Path) -> Dataset:
    """The clips to classify."""
    if settings.corpus == "synthetic":
        from companion.datasets.synthetic import TARGET_CLASSES, SyntheticEvents

        return SyntheticEvents(
            seed, classes=TARGET_CLASSES, clips_per_class=settings.clips_per_class, duration=settings.clip_seconds
        )
    from companion.datasets.esc50 import ESC50

    return ESC50(data)


def compute(task: Task) -> Findings:
    """Rows, and the tables ``predictions``, ``probes`` and ``folds``."""
    clips = Clips.of(task.inputs["corpus"])
    cells = dict(protocol_cells(task, clips))
    cells |= layer_cells(task, clips)
    rows = Rows()
    result_rows(rows, clips, cells)
    crossing = straddling_recordings(clips.dataset.clips)
    if crossing:
        kept = ~np.isin(clips.recordings, list(crossing))
        result_rows(rows, clips, cells, kept, ", without recordings in two folds")
    data, n_recordings = clips.dataset, len(set(clips.recordings))
    words = f"{data.name}: {len(data.clips)} clips of {n_recordings} recordings in {len(data.classes)} classes and "
    words += f"{len(data.folds)} folds; {source(task).words}"
    return Findings(rows, tables(clips, cells), words, n_recordings, task.seeds(1))


def source(task: Task) -> Weights:
    """The network that is compared with an untrained one."""
    found: Weights = task.inputs.get("weights") or Weights(width=task.settings.width, seed=task.seed)
    return found


def hearings(s: SoundNetSettings) -> list[Hearing]:
    """The protocol's way to hear a clip, and the same as loud as in training."""
    return [
        Hearing(PUBLISHED, (s.layer,), s.heard_seconds, s.scale),
        Hearing(AS_TRAINED, (s.layer,), s.heard_seconds, s.training_scale),
    ]


def whole(s: SoundNetSettings, layers: Sequence[str]) -> Hearing:
    """A clip heard once, each layer pooled over it."""
    return Hearing(WHOLE, tuple(layers), s.clip_seconds, s.training_scale, pooled=True)


def listened(task: Task, way: str) -> Kept:
    """Features of every clip: for the ``protocol``, or pooled over the clip, by ``SoundNet`` or the untrained one."""
    s, weights = task.settings, source(task)
    control = Weights(width=weights.width, seed=task.seed + 1)
    network, ways = {
        "protocol": (weights, hearings(s)),
        SOUNDNET: (weights, [whole(s, s.layers)]),
        UNTRAINED: (control, [whole(s, s.control_layers)]),
    }[way]
    return task.keep(hear, task.inputs["corpus"], network, ways, mmap=True)


def protocol_cells(task: Task, clips: Clips) -> Iterator[tuple[Key, Cell]]:
    """SoundNet's own protocol, as published and as loud as in training."""
    s: SoundNetSettings = task.settings
    for way in (PUBLISHED, AS_TRAINED):
        predictions, failed = np.empty_like(clips.labels), 0
        for fold in np.unique(clips.folds):
            found = protocol_fold(task, clips, way, int(fold))
            predictions[clips.folds == fold] = found["predictions"]
            failed += found.facts["n_unconverged"]
        c = (s.C,) * len(clips.dataset.folds)
        yield Key(SOUNDNET, s.layer, f"windows, {way}"), Cell(predictions, c, n_unconverged=failed)


def protocol_fold(task: Task, clips: Clips, way: str, fold: int) -> Kept:
    """One fold of the protocol."""
    s: SoundNetSettings = task.settings
    heard, name = listened(task, "protocol"), f"{way} | {s.layer}"
    length = math.ceil(s.window_seconds / s.heard_seconds * heard[name].shape[1])
    return task.keep(by_windows, heard, name, clips.labels, clips.folds, fold, length, s.C)


def layer_keys(s: SoundNetSettings) -> list[Key]:
    """Every layer under every pooling, and the untrained network's under the first."""
    keys = [Key(SOUNDNET, layer, pooling) for layer in s.layers for pooling in POOLINGS]
    return keys + [Key(UNTRAINED, layer, POOLINGS[0]) for layer in s.control_layers]


def layer_cells(task: Task, clips: Clips) -> Iterator[tuple[Key, Cell]]:
    """Every layer as one representation a clip."""
    for key in layer_keys(task.settings):
        found = layer_kept(task, clips, key)
        yield key, Cell(found["predictions"], tuple(found["c"].tolist()), **found.facts)


def layer_kept(task: Task, clips: Clips, key: Key) -> Kept:
    """One layer under one pooling."""
    s: SoundNetSettings = task.settings
    known = (clips.labels, clips.folds, clips.recordings, s.per_decade, s.patience)
    return task.keep(by_clip, listened(task, key.network), f"{WHOLE} | {key.layer} {key.reading}", *known)


def result_rows(
    rows: Rows, clips: Clips, cells: Mapping[Key, Cell], kept: NDArray[np.bool_] | None = None, suffix: str = ""
) -> None:
    """The protocol, the layers, the untrained network, and the paired differences, for all clips or some."""
    right = {key: (cell.predictions == clips.labels).astype(float) for key, cell in cells.items()}
    for key, scores in right.items():
        rows.add(item_of(key) + suffix, *row_of(key), LEVEL, clips.interval(scores, kept), scale=100)
    for (row, column), (one, other) in pairs(list(right)).items():
        found = clips.interval(right[one] - right[other], kept, difference=True)
        rows.add(f"Paired{suffix}", row, column, POINTS, found, scale=100)


def item_of(key: Key) -> str:
    """Under which item a cell stands."""
    if key.reading in POOLINGS:
        return "Layers" if key.network == SOUNDNET else "Layers, untrained"
    return "SoundNet ESC-50" if key.reading.endswith(PUBLISHED) else f"SoundNet ESC-50, {AS_TRAINED}"


def row_of(key: Key) -> tuple[str, str]:
    """Row and column of a cell."""
    return (key.layer, key.reading) if key.reading in POOLINGS else (f"{key.layer}, windows", FOLDS)


def pairs(keys: Sequence[Key]) -> dict[tuple[str, str], tuple[Key, Key]]:
    """What is compared on the same clips, by row and column."""
    published, trained = (Key(SOUNDNET, "pool5", f"windows, {way}") for way in (PUBLISHED, AS_TRAINED))
    layers = list(dict.fromkeys(key.layer for key in keys if key.network == SOUNDNET and key.reading in POOLINGS))
    wanted = {
        (WINDOWS, f"{PUBLISHED} - {AS_TRAINED}"): (published, trained),
        ("pool5", "windows - max"): (trained, Key(SOUNDNET, "pool5", "max")),
    }
    for pooling in POOLINGS:
        for lower, upper in [*pairwise(layers), ("pool5", "conv7"), ("conv5", "conv6")]:
            ends = (Key(SOUNDNET, upper, pooling), Key(SOUNDNET, lower, pooling))
            wanted[f"{upper} - {lower}", pooling] = ends
    for layer in layers:
        wanted[layer, "max - mean"] = (Key(SOUNDNET, layer, "max"), Key(SOUNDNET, layer, "mean"))
        ends = (Key(SOUNDNET, layer, "max"), Key(UNTRAINED, layer, "max"))
        wanted[f"{SOUNDNET} - {UNTRAINED}", f"{layer} max"] = ends
    return {place: ends for place, ends in wanted.items() if set(ends) <= set(keys)}


experiment = Experiment(
    __name__,
    PROFILES,
    compute,
    inputs,
    {
        "heard": Part(
            lambda task, way: listened(task, way),
            lambda s, seed: [{"way": w} for w in ("protocol", SOUNDNET, UNTRAINED)],
        ),
        "protocol": Part(
            lambda task, way, fold: protocol_fold(task, Clips.of(task.inputs["corpus"]), way, fold),
            lambda s, seed: [{"way": way, "fold": fold} for way in (PUBLISHED, AS_TRAINED) for fold in range(1, 6)],
            after=("heard",),
        ),
        "layer": Part(
            lambda task, **key: layer_kept(task, Clips.of(task.inputs["corpus"]), Key(**key)),
            lambda s, seed: [key._asdict() for key in layer_keys(s)],
            after=("heard",),
        ),
    },
    evidence={"esc50": "official"},
)
run, find = experiment.run, experiment.find
