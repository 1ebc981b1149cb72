"""Which taggers the chapters train, and what they say: source networks, and target networks that begin with them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.experiment import Task
from companion.papers.diment2017.learning import (
    CommonSettings,
    SourceSettings,
    TargetSettings,
    TestPart,
    test_parts,
    train_source,
    train_target,
)
from companion.profiles import Settings
from companion.store import Kept
from companion.transfer.schemes import SCHEMES

SCRATCH = "from scratch"
PUBLISHED = (SCRATCH, "a", "b", "c")
"""Schemes of the published table."""
ALSO = ("a", "c")
"""Schemes that are tried with other sources."""


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
        chosen_on: Rotations whose test authors helped to choose a setting; accuracy is also told without them.
        n_sources: Source networks; seeds take them in turn.
        n_seeds: Seeds of mixtures and weights, for few mixtures.
        n_full_seeds: The same for many.
        schemes: Rows of ``companion.transfer.schemes.SCHEMES`` that are tried.
        also: Other sources (see ``SoundSettings.source``) and how they are learned; what they change is tried with
            schemes (a) and (c).
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
    schemes: tuple[str, ...] = PUBLISHED
    learned: float = 0.85
    bound: float = 0.65
    also: Mapping[str, SourceSettings] = {}
    chosen_on: tuple[int, ...] = ()


def with_source(task: Task, name: str) -> Task:
    """The same task with another source, learned in its own way; the target's mixtures are the same."""
    settings: TransferSettings = task.settings
    sounds = settings.common.sounds.model_copy(update={"source": name})
    common = settings.common.model_copy(update={"sounds": sounds})
    changed = settings.model_copy(update={"common": common, "source": settings.also[name], "also": {}})
    return replace(task, settings=changed, inputs={"sounds": task.inputs[name]})


def source_network(task: Task, layer: str, seed: int) -> Kept:
    """The tagger of the source task that a seed starts from; each parts the sounds in another way."""
    settings, sounds = task.settings, task.inputs["sounds"]
    number = (seed - task.seed) % settings.n_sources
    rotation = number % settings.rotations
    return task.keep(train_source, sounds, settings.common, settings.source, layer, rotation, task.seed + number)


def sources(task: Task) -> list[int]:
    """Seeds of the source networks."""
    return task.seeds(task.settings.n_sources)


def layers_of(settings: TransferSettings) -> tuple[str, ...]:
    """Lower layers of the source networks that the schemes begin with."""
    rows = [SCHEMES[name] for name in settings.schemes]
    return tuple(dict.fromkeys(row.layer for row in rows if row.transfers))


def said(
    task: Task, scheme: str, n_mixtures: int, settings: TargetSettings, seed: int
) -> dict[TestPart, NDArray[np.float32]]:
    """What the networks of one seed say of the test mixtures of every rotation. Shape: ``(N,)`` each."""
    row = SCHEMES[scheme]
    source = source_network(task, row.layer, seed) if row.transfers else None
    known = (task.inputs["sounds"], task.settings.common, settings, scheme, source, n_mixtures)
    kept = [task.keep(train_target, *known, rotation, seed) for rotation in range(task.settings.rotations)]
    return {part: np.concatenate([one[part] for one in kept]) for part in test_parts(settings)}


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


def other_part(task: Task, source: str, scheme: str, seed: int) -> None:
    """The networks of one other source, scheme and seed, in every rotation."""
    said(with_source(task, source), scheme, task.settings.n_limited, task.settings.target, seed)


def other_indices(settings: TransferSettings, seed: int) -> list[dict[str, Any]]:
    """Every other source with a few mixtures."""
    return [
        {"source": name, "scheme": scheme, "seed": seed + i}
        for name in settings.also
        for scheme in ALSO
        for i in range(settings.n_seeds)
    ]
