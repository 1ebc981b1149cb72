"""Truths of what depends on what: sounds, test mixtures that share an author, rotations, seeds and draws."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from companion.datasets.base import Clip
from companion.datasets.rare import TASKS, RareSounds, Task
from companion.datasets.synthetic.rare import SyntheticRare
from companion.mixtures.rare import Pool, RareRule
from companion.papers.diment2017 import samples, table1, transfer
from companion.papers.diment2017.learning import TargetSettings
from companion.papers.diment2017.scored import test_set as tests_of
from companion.papers.diment2017.sounds import SoundSettings, rare_sounds
from papers.diment2017.made_up import N, rows_of
from papers.diment2017.tiny import SOURCE, TARGET, World

# Which sounds


@pytest.fixture
def official(monkeypatch) -> None:
    """Corpora of which nothing but the sample rate is looked at."""
    for name in ("esc50.ESC50", "rare_events_2017.TUTRareEvents2017"):
        monkeypatch.setattr(f"companion.datasets.{name}", lambda data: SimpleNamespace(sample_rate=44_100))


@pytest.mark.parametrize("name", ["synthetic", "esc50", "tut2017"])
def test_the_source_has_mixtures_that_validate_and_the_target_none(official, tmp_path, name):
    sounds = rare_sounds(SoundSettings(name=name), 0, tmp_path)
    assert [sounds.parts(task) for task in TASKS] == [("train", "validation", "test"), ("train", "test")]


@pytest.mark.parametrize(("source", "n"), [("cry", 1), ("voices", 12)])
def test_the_source_is_the_one_that_was_asked_for(official, tmp_path, source, n):
    sounds = rare_sounds(SoundSettings(name="esc50", source=source), 0, tmp_path)
    assert sounds.targets == {"source": source, "target": "glass"}
    assert len({row.label for row in sounds.pool("source", "train").events}) == n


# What is known of test mixtures


def listed(sizes: tuple[int, ...], author_of: dict[str, str]) -> Any:
    """Sounds whose test mixtures, so many in each rotation, have a recording of their own; every second an event."""

    def mixtures(task: Task, part: str, n: int, *, rotation: int, control: bool) -> Any:
        names = [f"{rotation}-{number}" for number in range(sizes[rotation])]
        clips = [Clip(name, name, 3, 1.0, weak=("glass",) * (i % 2 == 0)) for i, name in enumerate(names)]
        recipes = {name: SimpleNamespace(placements=[SimpleNamespace(onset=0, ratio_db=0.0)]) for name in names}
        return SimpleNamespace(clips=tuple(clips), recipes=recipes, sample_rate=1)

    return SimpleNamespace(mixtures=mixtures, corpus=SimpleNamespace(author_of=author_of))


def test_mixtures_of_one_author_depend_on_each_other_among_all_and_among_some():
    """Eight recordings by four authors, by two in each rotation; the same where only some mixtures count."""
    author_of = {f"{rotation}-{number}": f"{rotation}-{number // 2 % 2}" for rotation in (0, 1) for number in range(4)}
    tests = tests_of(listed((4, 4), author_of), TargetSettings(n_test=4), "test", 2)
    assert (tests.units.n_recordings, float(tests.units.effective(np.ones(8)))) == (8, 4.0)
    kept = np.arange(8) % 4 < 3
    some = tests.mean(np.ones((1, 8)), kept).units
    np.testing.assert_array_equal(some.sharing.toarray(), tests.units.sharing.toarray()[np.ix_(kept, kept)])
    without = tests_of(listed((4, 4), {}), TargetSettings(n_test=4), "test", 2)
    assert float(without.units.effective(np.ones(8))) == 8.0


def test_rotations_count_alike_however_many_of_their_mixtures_do():
    """All right in the first rotation, none in the second, of which three times as many mixtures count."""
    tests = tests_of(listed((4, 12), {}), TargetSettings(n_test=4), "test", 2)
    right = (tests.table["rotation"] == 0).to_numpy(dtype=float)[None]
    assert float(tests.mean(right).by_seed[0]) == pytest.approx(0.5)
    positive = tests.labels
    assert float(tests.mean(right, positive).by_seed[0]) == pytest.approx(0.5)


def test_that_half_of_the_mixtures_hold_the_event_is_no_chance():
    """Who always says yes is right in exactly half of any test set."""
    tests = tests_of(listed((8, 8), {}), TargetSettings(n_test=8), "test", 2)
    always = tests.mean(tests.right(np.full((1, 16), 0.9, dtype=np.float32)))
    assert float(always.by_seed[0]) == 0.5
    np.testing.assert_allclose(always.influence, 0, atol=1e-12)


# Pairs


@pytest.mark.parametrize("module", [transfer, samples])
def test_what_a_seed_does_to_both_systems_is_not_in_their_difference(made_up, module):
    """(c) is right in four mixtures more, whether seeds are alike or differ by a third of all mixtures."""

    def ends(spread):
        def said(scheme, heard):
            return heard.right(heard.first(10 + spread * (heard.seed - 1) + 4 * (scheme == "c")))

        rows = rows_of(module.compute(made_up(module, said=said)))
        column = table1.COLUMN if module is transfer else "32 mixtures"
        systems = [table1.ROWS[name] for name in ("c", "from scratch")] if module is transfer else \
            [samples.CURVES[name] for name in ("c", "from scratch")]  # fmt: skip
        found = rows["Paired", " - ".join(systems), column]
        assert found["value"] == pytest.approx(100 * 4 / N)
        return found["ci_high"] - found["ci_low"]

    assert ends(8) < 1.2 * ends(0)


# Draws


class Alike(SyntheticRare):
    """The same sounds in every part of both tasks, in two rotations: what differs are the draws."""

    rotations = 2

    def __init__(self) -> None:
        super().__init__(0, voices=2, takes=2, backgrounds=2, duration=3.0)
        self._pool = super().pool("target", "test")

    def pool(self, task: Task, part: str, rotation: int = 0) -> Pool:
        return self._pool


def test_parts_rotations_seeds_and_the_control_have_draws_of_their_own():
    """Or all rotations would be tested at the same onsets, and the control over the backgrounds of the test."""
    sounds: RareSounds = Alike()
    drawn = {
        (task, part, rotation, seed, control): [
            (recipe.bed, [(one.event, one.onset, one.ratio_db) for one in recipe.placements])
            for recipe in sounds.mixtures(task, part, 6, rotation=rotation, seed=seed, control=control).recipes.values()
        ]
        for task in TASKS for part in sounds.parts(task) for rotation in (0, 1) for seed in (0, 1)
        for control in (False, True)
    }  # fmt: skip
    assert len(drawn) == 5 * 2 * 2 * 2
    assert len({repr([bed for bed, _ in one]) for one in drawn.values()}) == len(drawn), "no two have all backgrounds"
    whole = [event for one in drawn.values() for _, placed in one for event in placed]
    assert len({(event, onset) for event, onset, _ in whole}) > 0.95 * len(whole)


def test_a_recipe_has_the_factor_and_the_edges_of_the_rule():
    """The paper's events have none; what the recipe's own class says of edges is for cut clips."""
    for gain, edge in ((0.2, 0.0), (0.5, 0.03)):
        sounds = Alike()
        sounds.rule = RareRule(duration=3.0, gain=gain, edge=edge)
        recipes = sounds.mixtures("target", "test", 2).recipes.values()
        assert {(one.gain, one.edge) for one in recipes} == {(gain, edge)}


def test_seeds_of_the_source_have_mixtures_and_excerpts_of_their_own(trained, monkeypatch):
    """Three networks of one set of mixtures would be less than three."""
    asked: list[tuple[str, set[str]]] = []
    real = World.mixtures

    def mixtures(self: World, task: Task, part: str, n: int, **options: Any) -> Any:
        made = real(self, task, part, n, **options)
        asked.append((part, {repr(one.placements) for one in made.recipes.values() if one.placements}))
        return made

    monkeypatch.setattr(World, "mixtures", mixtures)
    short = SOURCE.model_copy(update={"epochs": 1, "excerpts": ((1.0, 1),)})
    one, other = (trained.source(short, seed=seed) for seed in (0, 3))
    for (part, first), (again, second) in zip(asked[:3], asked[3:6], strict=True):
        assert part == again
        assert not first & second, part
    assert (one.examples.seed, other.examples.seed) == (0, 3)


def test_seeds_of_the_target_have_excerpts_of_their_own(trained):
    short = TARGET.model_copy(update={"epochs": 1, "excerpts": ((1.0, 1),)})
    made = [trained.target("from scratch", None, short, seed=seed) for seed in (0, 3)]
    assert [one.examples.seed for one in made] == [0, 3]


def test_new_layers_do_not_begin_as_the_sources_own_began(trained):
    """The frozen layer was trained together with those: above it, they would be no new ones."""
    source = trained.source(SOURCE.model_copy(update={"epochs": 1}), seed=0)
    target = trained.target("b", source.kept, TARGET.model_copy(update={"epochs": 1}), seed=0)
    for began, before in zip(target.first.upper.weights[:2], source.first.upper.weights[:2], strict=True):
        assert not torch.equal(began, before)
