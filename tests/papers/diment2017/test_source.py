"""Truths of the chapter on the source task: which settings reach which network, and who answers in which row."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from companion.experiment import Task
from companion.papers.diment2017 import source, transfer
from companion.papers.diment2017.source import OURS, PROFILES, PUBLISHED, Variant
from companion.profiles import changed
from companion.store import Work
from papers.diment2017.made_up import Learned, N, rows_of
from papers.diment2017.tiny import COMMON, SOURCE
from worlds import with_inputs

SLOW = COMMON.model_copy(update={"tagger": COMMON.tagger.model_copy(update={"gates": "hard sigmoid"})})
FINE = COMMON.model_copy(update={"sounds": COMMON.sounds.model_copy(update={"averaged": 1})})
VARIANTS = {
    OURS: Variant(common=COMMON, source=SOURCE.model_copy(update={"n_test": N})),
    "hard": Variant(common=SLOW, source=SOURCE.model_copy(update={"n_test": N})),
    PUBLISHED: Variant(common=FINE, source=SOURCE.model_copy(update={"n_test": N, "epochs": 7})),
}


@dataclass(frozen=True)
class Net(Learned):
    """A tagger that was not trained: which it is."""

    name: str = ""
    rotation: int = 0


@dataclass(frozen=True)
class MadeUp(Task):
    """A task whose taggers are made up; how many mixtures each is right in is known by name and rotation."""

    right: Any = None
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def keep(self, function: Any, *arguments: Any, mmap: bool = False) -> Any:
        self.asked.append((function.__name__, arguments))
        if function.__name__ == "train_source":
            _, common, settings, _, rotation, _ = arguments
            name = next(n for n, v in VARIANTS.items() if (v.common, v.source) == (common, settings))
            return Net(0.9 + rotation / 100 + len(name) / 1e4, name, rotation)
        network, sounds, _, n_test, rotation, seed = arguments
        assert network.rotation == rotation
        labels = np.array([bool(c.weak) for c in source.test_mixtures(sounds, n_test, rotation, seed).clips])
        right = np.arange(n_test) < self.right(network.name, rotation)
        return {"test": np.where(right == labels, 0.9, 0.1).astype(np.float32)}


@pytest.fixture
def task(shared, world, monkeypatch):
    monkeypatch.setattr(source, "facts_of", lambda kept: kept.facts)

    def make(right: Any) -> MadeUp:
        made = with_inputs(source.experiment, {"variants": VARIANTS, "rotations": 2}, sounds=world)
        return MadeUp(**vars(made), right=right)

    return make


def test_curves_are_of_the_network_and_rotation_that_their_line_names(task):
    made = task(lambda name, rotation: 12)
    findings, made_world = source.compute(made), made.inputs["sounds"]
    curves = findings.tables["curves"]
    assert findings.data.startswith(f"{made_world.targets['source']} in mixtures of ")
    assert len(curves) == 2 * len(VARIANTS)
    for line in curves.itertuples():
        assert line.accuracy == pytest.approx(0.9 + line.rotation / 100 + len(line.network) / 1e4)


def test_each_way_of_learning_has_its_own_row_over_both_rotations(task):
    counts = {OURS: (20, 16), "hard": (12, 18), PUBLISHED: (10, 14)}
    findings = source.compute(task(lambda name, rotation: counts[name][rotation]))
    rows = rows_of(findings)
    for name, pair in counts.items():
        found = rows["Source task", name, "test mixtures"]
        assert found["value"] == pytest.approx(100 * sum(pair) / (2 * N))
        assert found["n_clips"] == 2 * N
        assert found["ci_low"] < found["value"] < found["ci_high"]
        if name != OURS:
            gain = rows["Source task, paired", f"{name} - {OURS}", "test mixtures"]
            assert gain["value"] == pytest.approx(100 * (sum(pair) - sum(counts[OURS])) / (2 * N))
    assert rows["Presentations", PUBLISHED, "mixtures times passes"]["value"] == 7 * SOURCE.n_train
    curves = findings.tables["curves"]
    assert {(line.network, line.rotation) for line in curves.itertuples()} == {(n, r) for n in VARIANTS for r in (0, 1)}


def test_ways_of_learning_differ_in_their_settings_alone(task):
    made = task(lambda *_: 12)
    source.compute(made)
    trained = [arguments for name, arguments in made.asked if name == "train_source"]
    assert [(a[1], a[2]) for a in trained] == [(v.common, v.source) for v in VARIANTS.values() for _ in (0, 1)]
    assert [a[3:] for a in trained] == [("LSTM", 0, 0), ("LSTM", 1, 1)] * 3
    said = [arguments for name, arguments in made.asked if name == "said_of"]
    assert [a[2] for a in said] == [v.common.sounds for v in VARIANTS.values() for _ in (0, 1)]
    assert [a[4:] for a in said] == [a[4:] for a in trained], "tested in its own rotation, with mixtures of its seed"


def test_one_way_by_itself_has_its_row_and_no_difference(task):
    made = task(lambda *_: 12)
    alone = made.settings.model_copy(update={"variants": {PUBLISHED: VARIANTS[PUBLISHED]}})
    object.__setattr__(made, "settings", alone)
    rows = rows_of(source.compute(made))
    assert {item for item, *_ in rows} == {"Source task", "Presentations"}


def test_parts_are_every_network_once(task):
    made = task(lambda *_: 12)
    for index in source.experiment.parts["network"].each(made.settings, 0):
        source.experiment.parts["network"].make(made, **index)
    parts = [arguments for name, arguments in made.asked]
    made.asked.clear()
    source.compute(made)
    assert parts == [arguments for name, arguments in made.asked if name == "train_source"]


def test_a_tagger_is_tested_on_the_mixtures_that_its_training_tells_the_accuracy_of(trained, world):
    """In its own rotation and seed; in any other the share that it has right is another."""
    one = trained.source(rotation=1, seed=1)
    said = source.said_of(Work(), one.kept, world, COMMON.sounds, SOURCE.n_test, 1, 1).arrays["test"]
    labels = [bool(clip.weak) for clip in source.test_mixtures(world, SOURCE.n_test, 1, 1).clips]
    assert float(((said > 0.5) == labels).mean()) == pytest.approx(one.facts["accuracy"])
    other = source.said_of(Work(), one.kept, world, COMMON.sounds, SOURCE.n_test, 0, 1).arrays["test"]
    assert not np.allclose(said, other)


@pytest.mark.parametrize("profile", ["demo", "esc50"])
def test_the_first_way_is_that_of_the_transfer_and_the_last_the_papers(profile):
    settings, base = PROFILES[profile], transfer.PROFILES[profile]
    first, *_, last = settings.variants.values()
    assert (first.common, first.source) == (base.common, base.source)
    published = transfer.PROFILES["paper"]
    assert last.common.tagger == published.common.tagger
    assert last.common.sounds.model_copy(update={"name": "tut2017"}) == published.common.sounds
    kept = ("epochs", "n_train", "n_validation", "n_test")
    assert last.source.model_dump(exclude=set(kept)) == published.source.model_dump(exclude=set(kept))
    assert {v.source.n_test for v in settings.variants.values()} == {base.source.n_test}


def test_each_other_way_takes_back_one_choice():
    ours, base = PROFILES["esc50"].variants[OURS], transfer.PROFILES["esc50"]
    changes = {}
    for name, one in PROFILES["esc50"].variants.items():
        flat = {**one.common.tagger.model_dump(), **one.common.sounds.model_dump(), **one.source.model_dump()}
        own = {**ours.common.tagger.model_dump(), **ours.common.sounds.model_dump(), **ours.source.model_dump()}
        changes[name] = {key: value for key, value in flat.items() if value != own[key]}
    assert changes.pop(OURS) == {}
    assert set(changes.pop(PUBLISHED)) >= {"gates", "masks", "forget_bias", "averaged", "normalised", "excerpts", "lr"}
    assert changes == {
        "hard sigmoid gates": {"gates": "hard sigmoid"},
        "forget biases of 1": {"forget_bias": (1.0, 1.0)},
        "whole mixtures from the start": {"excerpts": ()},
    }
    assert base.source.excerpts


def test_one_way_can_be_run_by_itself_with_a_change():
    given = changed(PROFILES["demo"], {"variants": {PUBLISHED: {"source": {"epochs": 4}}}})
    assert given.variants[PUBLISHED].source.epochs == 4
    assert given.variants[PUBLISHED].common == PROFILES["demo"].variants[PUBLISHED].common
    assert list(given.variants) == [PUBLISHED], "those that are named are left"
    dotted = changed(PROFILES["demo"], {f"variants.{PUBLISHED}.source.epochs": 4})
    assert dotted == given
