"""The distributions that recorded corpora were drawn from: no setting of a run says them, so whoever changes one
records again what was drawn from it."""

import hashlib
from dataclasses import asdict

import numpy as np
import pytest

from companion.checkout import event_table
from companion.datasets import esc50_mixtures, esc50_parts, esc50_rare, esc50_scenes, esc50_sequences, esc50_shares
from companion.datasets.esc50_parts import HELD_OUT, PARTS, author_of, deal_authors
from companion.datasets.esc50_scenes import SceneRule
from companion.datasets.scene_recipes import SCENES
from companion.events import CutRule, read_table
from companion.mixtures import MixtureRule, PhaseRandomised, draw_recipes, grouped
from companion.mixtures.rare import Crossfade, RareRule
from companion.mixtures.shares import BACKGROUND, ShareRule
from companion.mixtures.timeline import TimelineRule

DRAWN_FROM = {
    MixtureRule: {
        "duration": 10.0, "n_events": (1, 3), "ratio_db": (0.0, 24.0), "bed_level_db": (-50.0, -30.0),
        "bed_classes": 6, "longest": 3.0,
    },
    SceneRule: {"ratio_db": (0.0, 18.0), "repeats": (1, 3), "bed_classes": 3, "bed_recordings": 2},
    Crossfade: {
        "stretch": (3.0, 5.0), "fade": 0.5, "level_db": (-40.0, -28.0), "spread_db": 3.0, "recordings": None,
        "layers": 1,
    },
    RareRule: {
        "duration": 30.0, "ratios_db": (-6.0, 0.0, 6.0), "gain": 0.2, "edge": 0.0, "by_recording": False,
        "crossfade": None,
    },
    ShareRule: {
        "durations": (2.0, 4.0, 8.0, 15.0, 30.0, 60.0), "shares": (0.01, 0.05, 0.2, 0.6, 1.0), "shortest": 0.3,
        "n_classes": (1, 1), "ratio_db": (0.0, 20.0), "crossfade": asdict(Crossfade((2.0, 5.0), 0.25, layers=2)),
    },
    TimelineRule: {"spacing": (0.5, 4.5), "pause": 0.5},
    CutRule: {
        "threshold_db": -30.0, "frame": 0.02, "join_gap": 1.0, "shortest": 0.06, "longest": 5.0, "edge": 0.01,
    },
}  # fmt: skip


@pytest.mark.parametrize("rule", DRAWN_FROM, ids=lambda rule: rule.__name__)
def test_rules_are_those_of_the_recorded_corpora(rule):
    assert asdict(rule()) == DRAWN_FROM[rule]


def test_parts_and_levels_are_those_of_the_recorded_corpora():
    assert esc50_parts.SOURCE_PARTS == {"train": 0.9, "validation": 0.1}
    assert {"train": 0.44, "validation": 0.10, **dict.fromkeys(HELD_OUT, 0.115)} == PARTS
    assert (esc50_sequences.RATIO_DB, esc50_sequences.BED_DB, esc50_sequences.BED_CLASSES) == (
        (3.0, 21.0), (-50.0, -35.0), 6,
    )  # fmt: skip
    assert asdict(esc50_sequences.TIMELINE) == {"spacing": (0.2, 6.0), "pause": 0.5}
    assert (esc50_rare.PLACES, esc50_rare.WHOLE, esc50_shares.SHORTEST_BED) == (6, 4.5, 1.0)
    assert Crossfade(stretch=(2.0, 5.0), fade=0.25, layers=2) == BACKGROUND


def test_recipes_of_the_recorded_scenes_are_these():
    written = "; ".join(
        f"{one.name}, {one.bed.name} {one.bed.sounds} {one.bed.level_db}: {sorted(one.events.items())}"
        for one in SCENES
    )
    assert hashlib.sha256(written.encode()).hexdigest()[:16] == "f16549ba36624e38"


@pytest.fixture(scope="module")
def cuts():
    return read_table(event_table())


def test_events_and_beds_of_a_mixture_are_drawn_over_the_whole_of_their_ranges(cuts):
    """Of 400 mixtures: the lowest and the highest, and nothing beyond."""
    rows, rng = [row for row in cuts if row.fold < 3], np.random.default_rng(0)
    recipes = draw_recipes(rows, "train", 400, MixtureRule(), 44_100, rng, not_in_beds=("rain", "wind"))
    ratios = [placement.ratio_db for recipe in recipes for placement in recipe.placements]
    levels = [recipe.bed.level_db for recipe in recipes if isinstance(recipe.bed, PhaseRandomised)]
    assert (round(min(ratios)), round(max(ratios))) == (0, 24)
    assert (round(min(levels)), round(max(levels))) == (-50, -30)
    assert max(placement.event.n_samples for recipe in recipes for placement in recipe.placements) == 3 * 44_100
    label_of = {row.clip: row.label for row in rows}
    for recipe in recipes:
        labels = [label_of[name] for name in recipe.bed.clips]
        assert len(set(labels)) == len(labels) == 6, "one clip of each of six classes"
        assert not {"rain", "wind"} & set(labels)


def sources(cuts, monkeypatch, n_test):
    """What source mixtures are drawn from: for each split its cuts, and the classes that are kept out of beds."""
    asked = {}
    monkeypatch.setattr(esc50_mixtures, "outside_esc10", lambda corpus, cuts: [r for r in cuts if r.label != "dog"])
    monkeypatch.setattr(esc50_mixtures, "draw_recipes", lambda rows, split, n, *_, not_in_beds:
                        asked.update({split: (rows, not_in_beds)}) or [])  # fmt: skip
    monkeypatch.setattr(esc50_mixtures, "Mixtures", lambda *_: None)
    monkeypatch.setattr(esc50_mixtures, "_refuse_target", lambda *_: None)
    monkeypatch.setattr(esc50_mixtures, "ESC50", lambda *_, **__: None)
    corpus = type("Soundless", (), {"sample_rate": 44_100, "folder": ""})()
    esc50_mixtures.source_mixtures(corpus, cuts, sizes={"train": 9, "validation": 2, "test": n_test}, seed=0)
    return asked


def test_no_steady_sound_is_an_unlabelled_bed(cuts, monkeypatch):
    for _, not_in_beds in sources(cuts, monkeypatch, 3).values():
        assert set(not_in_beds) == set(esc50_mixtures.STEADY) >= {"rain", "engine", "wind", "vacuum_cleaner"}


def test_whoever_is_held_out_for_scenes_and_the_map_is_heard_in_no_training(cuts, monkeypatch):
    """Authors are dealt over all classes, those of the target too."""
    part_of = deal_authors(cuts, PARTS)
    asked = sources(cuts, monkeypatch, 3)
    for split in ("train", "validation"):
        assert not {author_of(row) for row in asked[split][0] if part_of[author_of(row)] in HELD_OUT}
    assert {part_of[author_of(row)] for row in asked["test"][0]} == set(HELD_OUT)
    without = sources(cuts, monkeypatch, 0)
    heard = len(without["train"][0]) / sum(len(rows) for rows, _ in without.values())
    assert heard == pytest.approx(0.9, abs=0.04)


def test_a_sound_of_a_scene_is_heard_once_twice_or_three_times(cuts):
    pool = grouped([row for row in cuts if row.fold == 1])
    rng, counts, ratios = np.random.default_rng(0), [], []
    for number in range(60):
        recipe = esc50_scenes._recipe(SCENES[0], f"{number}", "1", pool, 30 * 44_100, SceneRule(), rng)
        labels = [placement.event.label for placement in recipe.placements]
        counts += [labels.count(label) for label in set(labels)]
        ratios += [placement.ratio_db for placement in recipe.placements]
    shares = [counts.count(n) / len(counts) for n in (1, 2, 3)]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.1)
    assert (round(min(ratios)), round(max(ratios))) == (0, 18)
