"""The rare event task made from ESC-50: no part of either task knows a sound, a recording or an author of another."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import soundfile

from companion.audio import Audio, load
from companion.checkout import event_table
from companion.datasets.base import Clip, Dataset, Validation
from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_rare import BACKGROUNDS, CRY, DISTRACTORS, GLASS, VOICES, RareESC50
from companion.datasets.rare import RareMixtures
from companion.datasets.supply import Loaded, Supply
from companion.errors import DataError, ParameterError
from companion.evaluation.units import units_of
from companion.events import author_of, read_table
from companion.features import LogMel, extract
from companion.mixtures import render
from companion.mixtures.files import read_recipes
from companion.mixtures.rare import Crossfade, RareDraw, RareRule

TASKS = ("source", "target")
SPEC = LogMel("coarse", n_fft=2048, hop_length=2048, n_mels=10)


class Table(Dataset):
    """Clips as the event table names them; each is a noise of its own."""

    name, sample_rate, classes, superclass_of = "table", 44_100, (), {}
    licence = citation = homepage = ""

    def __init__(self, cuts):
        rows = {row.clip: row for row in cuts}
        self.clips = tuple(Clip(row.clip, row.recording, row.fold, 5.0, row.label) for row in rows.values())
        self.superclass_of = {row.label: "sound" for row in cuts}
        self._authors = {row.recording: row.author for row in cuts}

    @property
    def author_of(self):
        return self._authors

    def audio(self, clip):
        seed = [int(clip.recording), ord(clip.id.split("-")[2])]
        return Audio(0.1 * np.random.default_rng(seed).standard_normal(220_500, dtype=np.float32), 44_100)

    def validate(self):
        return Validation(len(self.clips))


@pytest.fixture(scope="module")
def cuts():
    return read_table(event_table())


@pytest.fixture(scope="module")
def both(cuts):
    return {source: RareESC50(Table(cuts), cuts, source=source) for source in ("cry", "voices")}


@pytest.fixture(scope="module")
def cry(both):
    return both["cry"]


def parts(sounds, rotation):
    return {(task, part): sounds.pool(task, part, rotation) for task in TASKS for part in sounds.parts(task)}


@pytest.mark.parametrize("source", ["cry", "voices"])
def test_no_two_parts_of_either_task_share_a_recording_or_an_author(both, source):
    for rotation in range(5):
        pools = parts(both[source], rotation)
        assert len(pools) == 5
        for one, other in combinations(pools.values(), 2):
            assert not {row.recording for row in one.cuts} & {row.recording for row in other.cuts}
            assert not {author_of(row) for row in one.cuts} & {author_of(row) for row in other.cuts}


def test_mixtures_are_drawn_by_the_rule_of_the_recorded_ones(both):
    """Soft edges, recordings equally likely, and three chains of one recording each behind them."""
    faded = Crossfade((3.0, 5.0), 0.5, (-40.0, -28.0), 3.0, recordings=1, layers=3)
    for sounds in both.values():
        assert sounds.rule == RareRule(30.0, (-6.0, 0.0, 6.0), 0.2, edge=0.01, by_recording=True, crossfade=faded)


def test_source_and_target_share_nothing_whatever_their_rotations(both):
    for sounds in both.values():
        heard = {
            task: {
                author_of(row)
                for rotation in range(5)
                for part in sounds.parts(task)
                for row in sounds.pool(task, part, rotation).cuts
            }
            for task in TASKS
        }
        assert not heard["source"] & heard["target"]
    assert not set(BACKGROUNDS["source"]) & set(BACKGROUNDS["target"])


def test_backgrounds_are_neither_voices_nor_glass_nor_a_distractor(cry):
    assert not {*BACKGROUNDS["source"], *BACKGROUNDS["target"]} & {*VOICES, GLASS, *DISTRACTORS}
    assert not {*VOICES, GLASS} & set(DISTRACTORS)
    for task in TASKS:
        for pool in (cry.pool(task, "train"), cry.pool(task, "test")):
            assert {row.label for place in pool.places for row in place} == set(BACKGROUNDS[task])


def test_each_event_is_tested_in_exactly_one_rotation(cry, cuts):
    for task, label in (("source", CRY), ("target", GLASS)):
        tested = Counter(row for rotation in range(5) for row in cry.pool(task, "test", rotation).events)
        assert set(tested.values()) == {1}
        assert set(tested) == {row for row in cuts if row.label == label}
        for rotation in range(5):
            heard = [row for part in cry.parts(task) for row in cry.pool(task, part, rotation).events]
            assert sorted(heard, key=repr) == sorted(tested, key=repr)


def test_there_is_enough_to_learn_from_and_to_test_on(both):
    """18 recordings of cries, 37 of glass, and 250 or more of voices; a fifth of them tests."""
    for name, fewest in (("cry", 10), ("voices", 150)):
        for rotation in range(5):
            train, test = (both[name].pool("source", part, rotation) for part in ("train", "test"))
            assert len({row.recording for row in train.events}) >= fewest
            assert len({row.recording for row in test.events}) >= fewest / 4
    table = both["cry"].counts()
    tests = table[(table["part"] == "test") & (table["kind"] == "events")].groupby("task")["recordings"].sum()
    assert tests.to_dict() == {"source": 18, "target": 37}
    beds = table[table["kind"] == "backgrounds"]
    assert (beds[beds["part"] == "train"]["recordings"] >= 75).all()
    assert (beds[beds["part"] != "train"]["recordings"] >= 20).all()


def test_every_recording_is_heard_in_its_task_or_counted_as_left_out(both, cuts):
    sounds = both["voices"]
    for task, events in (("source", VOICES), ("target", (GLASS,))):
        heard = {row for rotation in range(5) for row in sounds.pool(task, "test", rotation).cuts}
        for label in (*events, *BACKGROUNDS[task]):
            whole = label in events
            there = {row.recording for row in cuts if row.label == label and (whole or row.n_samples >= 4.5 * 44_100)}
            lost = there - {row.recording for row in heard}
            assert sounds.left_out.get((task, label), 0) == len(lost)
    assert 0 < sum(sounds.left_out.values()) < 35


def test_a_background_of_a_test_is_a_place_whose_authors_are_at_no_other(cry):
    for task in TASKS:
        for rotation in range(5):
            pool = cry.pool(task, "test", rotation)
            assert len(pool.places) >= 4
            for place in pool.places:
                assert len({row.recording for row in place}) >= 3
            for one, other in combinations(pool.places, 2):
                assert not {author_of(row) for row in one} & {author_of(row) for row in other}


def test_backgrounds_hold_many_recordings_and_classes(cry):
    mixtures = cry.mixtures("target", "train", 40)
    of = {clip.id: clip for clip in mixtures.corpus.clips}
    heard = [[of[name] for name in recipe.bed.clips] for recipe in mixtures.recipes.values()]
    recordings = [{clip.recording for clip in clips} for clips in heard]
    assert max(map(len, recordings)) == 3, "three layers of one recording each"
    assert np.mean([len(names) for names in recordings]) > 2.8
    assert np.mean([len({clip.label for clip in clips}) for clips in heard]) > 2
    assert len(set().union(*recordings)) > 60
    assert len({stretch for r in mixtures.recipes.values() for stretch in r.bed.stretches}) > 250


# --- as a corpus


def test_labels_are_weak_and_strong_of_the_task_and_half_are_positive(both):
    for task, name, label in (("source", "voices", "voices"), ("target", "cry", "glass")):
        mixtures = both[name].mixtures(task, "test", 30, rotation=2)
        assert mixtures.classes == (label,)
        positive = [clip for clip in mixtures.clips if clip.weak]
        assert len(positive) == 15
        assert {clip.weak for clip in positive} == {(label,)}
        for clip in mixtures.clips:
            assert [event.label for event in clip.strong] == list(clip.weak)
            assert all(0 <= event.onset < event.offset <= 30 for event in clip.strong)


def test_the_control_differs_in_nothing_but_what_is_pasted(cry):
    control = cry.mixtures("target", "test", 30, control=True)
    assert sum(bool(clip.weak) for clip in control.clips) == 15
    for clip in control.clips:
        (placement,) = control.recipes[clip.id].placements
        assert (placement.event.label == GLASS) == bool(clip.weak)
        assert placement.event.label in (GLASS, *DISTRACTORS)
        assert bool(clip.strong) == bool(clip.weak)


def test_recordings_name_all_that_is_heard_and_tell_which_mixtures_depend_on_each_other(cry):
    mixtures = cry.mixtures("target", "test", 40)
    of = {clip.id: clip.recording for clip in mixtures.corpus.clips}
    for clip in mixtures.clips:
        assert set(clip.recording.split("+")) == {of[name] for name in mixtures.recipes[clip.id].clips}
    units = units_of([clip.recording for clip in mixtures.clips], mixtures.author_of)
    assert 3 <= float(units.effective(np.ones(40))) < 30


def test_the_same_seed_gives_the_same_corpus_and_each_part_another_draw(cry):
    first, again = (cry.mixtures("target", "test", 6, seed=4) for _ in range(2))
    assert first.recipes == again.recipes
    assert first.fingerprint() == again.fingerprint()
    assert first.fingerprint() != cry.mixtures("target", "test", 6, seed=5).fingerprint()
    onsets = {
        tuple(p.onset for recipe in cry.mixtures(task, part, 6, rotation=r).recipes.values() for p in recipe.placements)
        for task in TASKS for part in cry.parts(task) for r in (0, 1)
    }  # fmt: skip
    assert len(onsets) == 10


def test_a_part_that_does_not_exist_is_refused(cry):
    for wrong in (("target", "dev", 0), ("sauce", "test", 0), ("target", "test", 5)):
        with pytest.raises(ParameterError, match=str(wrong[1])):
            cry.draw(*wrong)
    with pytest.raises(DataError, match="no background for the validation of the target"):
        cry.draw("target", "validation")


def test_a_recipe_of_another_corpus_is_refused(cry, cuts):
    recipes = list(cry.mixtures("target", "test", 4).recipes.values())
    fewer = Table([row for row in cuts if row.label == GLASS])
    with pytest.raises(DataError, match="which is not in table") as caught:
        RareMixtures(recipes, fewer, "glass", {GLASS})
    assert "drawn for" in caught.value.repair


# --- 24 bits


def test_files_are_of_24_bits_and_their_recipes_make_the_same_bytes(cry, tmp_path):
    sounds = RareESC50(cry.corpus, read_table(event_table()), rule=shorter(cry.rule))
    mixtures = sounds.mixtures("target", "test", 2)
    mixtures.export(tmp_path / "one")
    recipes = read_recipes(tmp_path / "one" / "recipes.json", 44_100)
    RareMixtures(recipes, cry.corpus, "glass", {GLASS}).export(tmp_path / "two")
    names = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert names == sorted([f"{clip.id}.wav" for clip in mixtures.clips] + ["recipes.json"])
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    clip = mixtures.clips[0]
    file = tmp_path / "one" / f"{clip.id}.wav"
    assert soundfile.info(file).subtype == "PCM_24"
    assert np.abs(load(file).samples - mixtures.audio(clip).samples).max() <= 2.0**-23


def shorter(rule):
    return RareRule(8.0, rule.ratios_db, rule.gain, rule.edge, rule.by_recording, rule.crossfade)


# --- without end


@pytest.fixture(scope="module")
def supply(cry, cuts):
    return RareESC50(cry.corpus, cuts, rule=shorter(cry.rule)).supply("source", 6, SPEC)


def test_a_supply_is_a_function_of_epoch_and_index(supply):
    first, label = supply(3, 2)
    again, _ = supply(3, 2)
    np.testing.assert_array_equal(first, again)
    assert label.tolist() == [1.0]
    assert first.shape == (supply.lengths[2], 10)
    recipes = {replace(supply.recipe(epoch, index), id="") for epoch in range(20) for index in range(6)}
    assert len(recipes) == 120


def test_half_of_every_epoch_holds_the_event_and_hears_only_what_trains(supply, cry):
    allowed = {row.clip for row in cry.pool("source", "train").cuts}
    for epoch in range(5):
        recipes = [supply.recipe(epoch, index) for index in range(6)]
        assert [bool(recipe.placements) for recipe in recipes] == [True, False] * 3
        assert all(recipe.clips <= allowed for recipe in recipes)


def test_a_supply_hears_what_the_corpus_holds_with_and_without_room_to_keep_it(supply):
    corpus = supply.source.corpus
    by_id = {clip.id: clip for clip in corpus.clips}
    samples = render(supply.recipe(1, 0), lambda name: corpus.audio(by_id[name]).samples, 44_100)
    np.testing.assert_array_equal(supply(1, 0)[0], extract(samples, 44_100, SPEC))
    narrow = Supply(corpus, supply.draw, 6, SPEC)
    narrow.source = Loaded(corpus, room=900_000)
    np.testing.assert_array_equal(narrow(1, 0)[0], supply(1, 0)[0])
    assert len(narrow.source._kept) == 1


def test_a_supply_is_another_one_by_all_that_decides_it(supply, cry):
    corpus, draw = supply.source.corpus, supply.draw
    others = [
        Supply(corpus, draw, 6, SPEC, seed=1),
        Supply(corpus, draw, 8, SPEC),
        Supply(corpus, draw, 6, LogMel("other")),
        Supply(corpus, cry.draw("source", "train", 1), 6, SPEC),
        Supply(corpus, RareDraw(draw.pool, cry.rule, 44_100), 6, SPEC),
        Supply(Table(draw.pool.cuts), draw, 6, SPEC),
    ]
    assert len({supply.fingerprint(), *(other.fingerprint() for other in others)}) == 7
    assert Supply(corpus, draw, 6, SPEC).fingerprint() == supply.fingerprint()
    with pytest.raises(ParameterError, match="7 mixtures"):
        Supply(corpus, draw, 7, SPEC)


# --- on the recordings themselves


def test_nothing_clips_and_no_background_is_silent_on_real_recordings(esc50_root, cuts):
    sounds = RareESC50(ESC50(esc50_root), cuts)
    for task in TASKS:
        mixtures = sounds.mixtures(task, "test", 4)
        for clip in mixtures.clips:
            samples = mixtures.audio(clip).samples
            assert samples.shape == (1_323_000,)
            assert np.abs(samples).max() < 0.5
            frames = samples.reshape(-1, 4410)
            assert np.sqrt((frames**2).mean(1)).min() > 1e-5
