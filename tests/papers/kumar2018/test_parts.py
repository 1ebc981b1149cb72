"""Every listed part of a chapter is made by itself, and together they are all that the chapter trains."""

from collections import Counter
from functools import cache

import numpy as np
import pandas as pd
import pytest

from companion.experiment import Task
from companion.papers.kumar2018 import cells, choice, scenes, tagging, transfer
from companion.papers.kumar2018.adaptation import COLUMNS, load_target
from companion.papers.kumar2018.source import untrained
from companion.probes import FoldProbe
from companion.store import key
from papers.kumar2018.tiny import TINY_SCENES, TINY_TAGGING, TINY_TRANSFER, tiny_task
from worlds import Disturbed

ALONE = {"n_seeds": 2, "untrained_methods": (), "probes": ("LIBLINEAR",)}


class Listening(Task):
    """Notes what is asked of the store; what would take long is made up."""

    def keep(self, function, *arguments, mmap=False):
        self.receipts.append((function.__name__, key(list(arguments))))
        return MADE_UP[function.__name__](*arguments)


def adapted(network, target, method, *_):
    """Representations by chance."""
    rng = np.random.default_rng(0)
    found = {name: rng.normal(size=(len(target.labels), 4)).astype(np.float32) for name in COLUMNS}
    found = {name: x for name, x in found.items() if method != "I" or name.startswith("F1")}
    return {**found, "scores": np.eye(target.n_classes)[target.labels], "curve": np.zeros((1, 2))}


def probed(x, labels, folds, test, **options):
    return FoldProbe(np.zeros(len(test), dtype=np.int64), 1.0, 0.5, False, np.ones(1), np.ones(1), 0)


def probed_folds(x, labels, folds, **options):
    return [probed(x, labels, folds, x[folds == fold]) for fold in np.unique(folds)]


@cache
def drawn(n_classes, seed):
    return untrained(n_classes, 0.0625, seed)


MADE_UP = {
    "train": lambda corpus, settings, shown, seed: drawn(len(corpus.classes), seed),
    "adapt_without": adapted,
    "train_fold": lambda target, *_: drawn(target.n_classes, 0),
    "baseline": lambda data, *_: {"predicted": np.zeros(len(data.clips), dtype=np.int64)},
    "score_fold": lambda *_: {},
}


@pytest.fixture
def chapter(shared, monkeypatch, weak_world, events_world, scenes_world):
    """A chapter's module and a task of it with two seeds, without what no part is made of."""
    known = cache(load_target)
    for module in (tagging, transfer):
        monkeypatch.setattr(module, "trained", lambda kept: kept)
    for module in (transfer, scenes):
        monkeypatch.setattr(module, "load_target", lambda data, n_jobs: known(data))
    for module, names in ((scenes, ("unit_counts", "relation_table", "layout")),
                          (tagging, ("of_kept", "table1", "control_rows", "filled"))):  # fmt: skip
        for name in names:
            monkeypatch.setattr(module, name, lambda *_: pd.DataFrame())
    monkeypatch.setattr(tagging, "localise", lambda *_: {})
    monkeypatch.setattr(cells, "probe_fold", probed)
    monkeypatch.setattr(cells, "probe_folds", probed_folds)
    monkeypatch.setattr(choice, "accuracy", lambda *_: 0.5)
    monkeypatch.setattr(tagging, "score_table", lambda *_: pd.DataFrame())
    events = Disturbed(events_world.corpus, folds=5)
    transfers = {**TINY_TRANSFER, **ALONE, "candidates": ("N_S", "N_T^I")}
    made = {
        "tagging": (tagging, tiny_task(tagging.experiment, TINY_TAGGING)),
        "transfer": (transfer, tiny_task(transfer.experiment, transfers, target=events)),
        "scenes": (scenes, tiny_task(scenes.experiment, {**TINY_SCENES, **ALONE}, scenes=scenes_world)),
    }
    return made.__getitem__


def listening(task):
    return Listening(task.settings, task.seed, task.inputs, task.work, task.store, [])


@pytest.mark.parametrize("name", ["tagging", "transfer", "scenes"])
def test_parts_are_together_all_that_a_chapter_trains(chapter, name):
    """What a chapter asks of the store is what its parts have made, and no part makes what nobody asks for."""
    module, task = chapter(name)
    made = {}
    for part, listed in module.experiment.parts.items():
        for index in listed.each(task.settings, task.seed):
            heard = listening(task)
            listed.make(heard, **index)
            made[part, *index.values()] = heard.receipts
    own = Counter(receipts[-1] for receipts in made.values())
    assert max(own.values()) == 1, "no two parts are the same"
    for (part, *_), receipts in made.items():
        before = {done[-1] for (other, *_), done in made.items() if other in module.experiment.parts[part].after}
        assert set(receipts[:-1]) <= before, "what a part uses is made before it"
    whole = listening(task)
    module.compute(whole)
    assert {one for one in whole.receipts if one[0] in ("train", "adapt_without", "train_fold")} == set(own)
