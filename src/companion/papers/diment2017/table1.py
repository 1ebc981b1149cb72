"""Rows of the chapter on transfer: the published table, its differences, and what networks miss."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from companion.evaluation.intervals import interval
from companion.experiment import Task
from companion.papers.diment2017.learning import facts_of
from companion.papers.diment2017.networks import (
    ALSO,
    SCRATCH,
    TransferSettings,
    said,
    source_network,
    sources,
    with_source,
)
from companion.papers.diment2017.scored import ACCURACY, Scores
from companion.results.rows import Rows, bare
from companion.transfer.schemes import SCHEMES

TABLE, COLUMN = "Table1", "test 500 mixtures"
ROWS = {
    SCRATCH: "limited 36: from scratch",
    "a": "limited 36: pre-train all (a)",
    "b": "limited 36: low-level pre-train and fix (b)",
    "c": "limited 36: parallel lower layers (c)",
}
"""Rows of the published table by scheme."""
FULL = "full 1800: from scratch"
BOUND = "Bound"
PAIRS = (("c", "a"), ("c", "c, from scratch"), ("d", "d, from scratch"))
"""Compared beside training from scratch: parallel layers with pre-training, and with themselves without transfer."""


def result_rows(scores: Scores, able: bool, learned: Collection[str]) -> None:
    """The published table, the differences that it is about, and where in a mixture the event was missed.

    Args:
        scores: What networks say of the test mixtures.
        able: The target was learned, from many mixtures; without, no row answers a published one.
        learned: Lower layers with which the source was learned; no transfer of another answers for one that was.
    """
    table = {**ROWS, FULL: FULL}
    for system in scores.said:
        row = table.get(system, SCHEMES[system].title if system in SCHEMES else system)
        item = TABLE if system in table else "Other schemes"
        lacking = missing(system, able, learned)
        scores.accuracy(system, f"{item}, {lacking} not learned" if lacking else item, row, COLUMN)
    for system in scores.said:
        if system not in (SCRATCH, FULL):
            name = f"{table.get(system, system)} - {ROWS[SCRATCH]}"
            scores.difference(scores.right(system) - scores.right(SCRATCH), "Paired", name, COLUMN)
    for one, other in PAIRS:
        if {one, other} <= scores.said.keys():
            name = f"{table.get(one, one)} - {table.get(other, other)}"
            scores.difference(scores.right(one) - scores.right(other), "Paired", name, COLUMN)
    if "c" in scores.said and not missing("c", able, learned):
        midpoint(scores)
    by_event(scores)


def missing(system: str, able: bool, learned: Collection[str]) -> str:
    """The task that a system needed and that was not learned, ``source`` or ``target``; empty where none is missing."""
    if not able:
        return "target"
    scheme = SCHEMES[SCRATCH if system == FULL else system]
    return "source" if scheme.transfers and scheme.layer not in learned else ""


def midpoint(scores: Scores) -> None:
    """(c) above the middle between few mixtures and many, both from scratch (section 4)."""
    c, few, many = (scores.right(system) for system in ("c", SCRATCH, FULL))
    n = min(len(c), len(few), len(many))  # fewer seeds learn from many mixtures
    gain = c[:n] - (few[:n] + many[:n]) / 2
    scores.difference(gain, "Prose", "(c) - midpoint from few to full data", COLUMN, f"the first {n} seeds")


def untouched(scores: Scores, chosen_on: Sequence[int]) -> None:
    """Accuracy, and gain over training from scratch, in the rotations whose test authors helped to choose nothing."""
    item, column = "Authors that chose nothing", "their mixtures"
    kept = ~scores.tests.table["rotation"].isin(chosen_on).to_numpy()
    for system in scores.said:
        scores.accuracy(system, item, system, column, kept=kept)
    for system in scores.said:
        if len(scores.said[system]) == len(scores.said[SCRATCH]) and system != SCRATCH:
            gain = scores.right(system) - scores.right(SCRATCH)
            scores.difference(gain, f"{item}, paired", f"{system} - {SCRATCH}", column, kept=kept)


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


def count_rows(rows: Rows, counts: pd.DataFrame) -> None:
    """Events of both tasks, as many as there are to train with, validation among them, and to test with."""
    events = counts[(counts["kind"] == "events") & (counts["rotation"] == 0)]
    for target, part in events.groupby("target", sort=False):
        n_test = int(part.loc[part["part"] == "test", "cuts"].sum())
        rows.add("Claim", f"events {target}", "training events", "count", bare(int(part["cuts"].sum()) - n_test))
        rows.add("Claim", f"events {target}", "test events", "count", bare(n_test))


def control_rows(scores: Scores) -> None:
    """How often another event, pasted in the same way, is taken for the target's."""
    other = ~scores.tests.labels
    for system, said_ in scores.said.items():
        found = interval(scores.tests.mean((said_ > 0.5).astype(float), other), bounds=(0.0, 1.0))
        scores.rows.add("Control", system, "another event", "false alarms %", found, scale=100)


def source_rows(rows: Rows, task: Task, layers: Sequence[str], prefix: str = "") -> list[str]:
    """Accuracy of the source taggers on mixtures of authors they did not hear; the layers that learned their task."""
    settings: TransferSettings = task.settings
    learned = []
    for layer in layers:
        found = [float(facts_of(source_network(task, layer, seed))["accuracy"]) for seed in sources(task)]
        mean = float(np.mean(found))
        if mean >= settings.learned:
            learned.append(layer)
        each = ", ".join(f"{100 * one:.1f}" for one in found)
        note = f"of each network: {each}; learned from {100 * settings.learned:g} on"
        shown = bare(mean, n_clips=settings.source.n_test * len(found), n_seeds=len(found))
        rows.add("Source task", f"{prefix}{layer} below", "test mixtures", ACCURACY, shown, note, scale=100)
    return learned


def other_source(task: Task, name: str, scores: Scores, able: bool) -> None:
    """The same transfer from another source: its accuracy, and what it gains over training from scratch.

    Args:
        task: Of the chapter.
        name: Of the source.
        scores: Where its systems are added to.
        able: The target was learned, from many mixtures.
    """
    other, settings = with_source(task, name), task.settings
    learned = source_rows(scores.rows, other, ("LSTM",), f"{name}: ")
    item = "Other sources" if able and learned else f"Other sources, {'source' if able else 'target'} not learned"
    for scheme in ALSO:
        system = f"{name}: {ROWS[scheme]}"
        seeds = task.seeds(settings.n_seeds)
        scores.add(system, [said(other, scheme, settings.n_limited, settings.target, seed)["test"] for seed in seeds])
        scores.accuracy(system, item, system, COLUMN)
        gain = scores.right(system) - scores.right(SCRATCH)
        scores.difference(gain, "Paired", f"{system} - {ROWS[SCRATCH]}", COLUMN)
