"""Restaged scenes: nothing heard in training is heard in a test, and the recipes say what is heard how often."""

import zlib
from collections import Counter, defaultdict

import numpy as np
import pytest

from companion.audio import Audio
from companion.checkout import checkout
from companion.datasets.base import Clip, Dataset, Validation
from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_parts import HELD_OUT, author_of, deal_authors
from companion.datasets.esc50_scenes import RestagedScenes, SceneRule
from companion.datasets.scene_recipes import BED_CLASSES, EVENT_CLASSES, SCENES
from companion.errors import DataError, ParameterError
from companion.events import EventCut, read_table
from companion.mixtures import PEAK

RATE = 4000
SOUNDS = sorted({*EVENT_CLASSES, *BED_CLASSES})


class MadeUp(Dataset):
    """Forty clips of every sound of the recipes, of thirty-five recordings, as noise of 5 s."""

    name, sample_rate, classes = "made-up", RATE, tuple(SOUNDS)
    licence = citation = homepage = ""
    superclass_of = {sound: "any" for sound in SOUNDS}  # noqa: RUF012 (as in the interface)

    def __init__(self) -> None:
        self.clips = tuple(
            Clip(f"{fold}-{sound}-{take}", f"{sound}{fold}{min(take, 6)}", fold, 5.0, sound)
            for sound in SOUNDS
            for fold in range(1, 6)
            for take in range(8)
        )

    def audio(self, clip: Clip) -> Audio:
        noise = np.random.default_rng(list(clip.id.encode())).standard_normal(5 * RATE)
        return Audio((0.1 * noise).astype(np.float32), RATE)

    def validate(self) -> Validation:
        return Validation(len(self.clips))


def author(clip: Clip) -> str:
    """One of two hundred people, who record in all folds; of some recordings nobody knows."""
    number = zlib.crc32(clip.recording.encode()) % 250
    return f"person {number}" if number < 200 else ""


def cuts(corpus: Dataset) -> list[EventCut]:
    """The event table of the made-up corpus."""
    return [EventCut(c.id, 400, 400 + 3 * RATE, c.recording, str(c.label), c.fold, author(c)) for c in corpus.clips]


def made_up(**settings) -> RestagedScenes:
    corpus = MadeUp()
    return RestagedScenes(corpus, cuts(corpus), **{"clips_per_scene": 8, "seed": 0, "duration": 8.0, **settings})


@pytest.fixture(scope="module")
def scenes() -> RestagedScenes:
    return made_up()


@pytest.fixture(scope="module")
def real(esc50_root) -> RestagedScenes:
    table = read_table(checkout() / "data" / "events" / "esc50.csv")
    return RestagedScenes(ESC50(esc50_root), table, clips_per_scene=20, seed=0)


def table_of(scenes: RestagedScenes) -> list[EventCut]:
    """The event table that scenes were drawn from."""
    made = isinstance(scenes.corpus, MadeUp)
    return cuts(scenes.corpus) if made else read_table(checkout() / "data" / "events" / "esc50.csv")


def heard(scenes: RestagedScenes, clip: Clip) -> set[Clip]:
    """Source clips of a scene clip, events and bed."""
    recipe, source = scenes.recipes[clip.id], {clip.id: clip for clip in scenes.corpus.clips}
    return {source[p.event.clip] for p in recipe.placements} | {source[name] for name in recipe.bed.clips}


# --- the written recipes


def test_scenes_are_the_rows_of_table_3():
    assert [scene.name for scene in SCENES] == [
        "Beach", "Bus", "Cafe", "Car", "City Center", "Forest Path", "Grocery Store", "Home",
        "Library", "Metro Station", "Office", "Park", "Residential Area", "Train", "Tram",
    ]  # fmt: skip


@pytest.mark.parametrize("event", EVENT_CLASSES)
def test_every_event_belongs_to_three_scenes_and_not_to_all_at_one_rate(event):
    rates = [scene.events[event] for scene in SCENES if event in scene.events]
    assert len(rates) >= 3
    assert len(set(rates)) >= 2
    assert all(0.0 < rate < 1.0 for rate in rates)


def test_every_bed_has_several_sounds_is_shared_by_five_scenes_and_no_level_gives_one_away():
    beds = Counter(scene.bed for scene in SCENES)
    assert set(beds.values()) == {5}
    assert len({bed.level_db for bed in beds}) == 1
    assert min(len(bed.sounds) for bed in beds) >= 4
    assert len(BED_CLASSES) == sum(len(bed.sounds) for bed in beds), "no sound belongs to two beds"


def test_no_sound_of_a_bed_is_an_event():
    assert not set(BED_CLASSES) & set(EVENT_CLASSES)


# --- what is drawn from them, on made-up and on real recordings


@pytest.fixture(params=["scenes", "real"])
def drawn(request) -> RestagedScenes:
    return request.getfixturevalue(request.param)


def test_no_author_is_heard_in_two_scene_folds_nor_in_training(drawn):
    table = {row.clip: row for row in table_of(drawn)}
    part_of, folds = deal_authors(list(table.values())), defaultdict(set)
    for clip in drawn.clips:
        for source in heard(drawn, clip):
            folds[author_of(table[source.id])].add(clip.fold)
    assert len(folds) > 50
    assert all(len(seen) == 1 for seen in folds.values())
    assert {HELD_OUT.index(part_of[name]) + 1 for name in folds} == {1, 2, 3, 4}, "dealt as for the source networks"


def test_labels_are_the_scene_and_what_was_placed(drawn):
    for clip in drawn.clips:
        recipe = drawn.recipes[clip.id]
        assert {p.event.label for p in recipe.placements} == set(clip.weak) == {event.label for event in clip.strong}
        assert set(clip.weak) <= set(next(scene.events for scene in SCENES if scene.name == clip.label))
        assert clip.recording == "+".join(sorted({source.recording for source in heard(drawn, clip)}))
        assert all(0 <= event.onset < event.offset <= clip.duration for event in clip.strong)
    assert len({(clip.label, clip.fold) for clip in drawn.clips}) == 15 * 4
    assert len(set(Counter((clip.label, clip.fold) for clip in drawn.clips).values())) == 1


def test_beds_are_made_of_several_recordings_of_several_sounds_that_the_recipe_names(drawn):
    source, made = {clip.id: clip for clip in drawn.corpus.clips}, Counter()
    for clip in drawn.clips:
        bed = next(scene.bed for scene in SCENES if scene.name == clip.label)
        recipe = drawn.recipes[clip.id]
        sounds = Counter(source[name].label for name in recipe.bed.clips)
        assert set(sounds) <= set(bed.sounds)
        assert len(sounds) == 3
        assert len({source[name].recording for name in recipe.bed.clips}) == len(recipe.bed.clips)
        assert bed.level_db[0] <= recipe.bed.level_db <= bed.level_db[1]
        made[frozenset(recipe.bed.clips)] += 1
    assert len(made) > 0.9 * len(drawn.clips), "beds are drawn anew for every clip"


def test_events_are_as_likely_as_the_recipes_say():
    n = 200
    scenes = made_up(clips_per_scene=n)
    counts = Counter((clip.label, name) for clip in scenes.clips for name in clip.weak)
    for label, row in scenes.truth().iterrows():
        for name, probability in row.items():
            spread = np.sqrt(probability * (1 - probability) / n)
            assert counts[label, name] / n == pytest.approx(probability, abs=4 * spread)


def test_truth_holds_every_written_probability_and_zero_elsewhere(scenes):
    truth = scenes.truth()
    assert tuple(truth.index) == scenes.classes
    assert tuple(truth.columns) == scenes.event_classes
    for scene in SCENES:
        assert {name: rate for name, rate in truth.loc[scene.name].items() if rate} == dict(scene.events)


def test_recipe_table_has_a_line_for_every_scene(scenes):
    table = scenes.recipe_table().set_index("scene")
    assert tuple(table.index) == scenes.classes
    assert "water drops 50%" in table.loc["Beach", "events heard"]
    assert table.loc["Beach", "bed"] == "outdoors: crickets, insects, sea waves, wind"
    assert set(scenes.superclass_of) == set(scenes.classes)


def test_audio_is_the_same_every_time_and_in_any_order(scenes):
    again = made_up()
    chosen = scenes.clips[::17]
    forward = [scenes.audio(clip).samples for clip in chosen]
    backward = [again.audio(clip).samples for clip in reversed(chosen)][::-1]
    for clip, a, b in zip(chosen, forward, backward, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.shape == (8 * RATE,)
        assert 0 < np.abs(a).max() <= PEAK + 1e-6
        assert clip.duration == 8.0


def test_real_audio_has_the_papers_length_and_is_never_silent(real):
    clip = real.clips[123]
    samples = real.audio(clip).samples
    assert samples.shape == (30 * 44_100,)
    assert np.sqrt((samples.reshape(-1, 441) ** 2).mean(1)).min() > 1e-5
    np.testing.assert_array_equal(samples, real.audio(clip).samples)


def test_more_clips_change_none_that_were_there_before(scenes):
    more = made_up(clips_per_scene=12)
    assert len(more.recipes) == 15 * 12
    assert all(more.recipes[name] == recipe for name, recipe in scenes.recipes.items())


def test_fingerprint_changes_with_the_seed_and_the_rule(scenes):
    prints = [
        made_up(**settings).fingerprint() for settings in ({}, {"seed": 1}, {"rule": SceneRule(bed_recordings=1)})
    ]
    assert prints[0] == scenes.fingerprint()
    assert len(set(prints)) == 3


# --- what cannot be drawn


def test_a_class_without_a_recording_in_a_fold_is_refused():
    corpus = MadeUp()
    rows = [row for row in cuts(corpus) if row.label != "frog"]
    with pytest.raises(DataError, match="no recording of frog in fold-1"):
        RestagedScenes(corpus, rows, clips_per_scene=8)


def test_a_bed_of_few_recordings_is_refused():
    corpus = MadeUp()
    rows = [row for row in cuts(corpus) if row.label not in ("wind", "insects", "crickets") or row.fold > 3]
    with pytest.raises(DataError, match=r"recordings for the bed outdoors in fold-\d"):
        RestagedScenes(corpus, rows, clips_per_scene=8)


@pytest.mark.parametrize("settings", [{"clips_per_scene": 10}, {"clips_per_scene": 0}, {"duration": 4.0}])
def test_impossible_settings_are_refused_with_a_repair(settings):
    with pytest.raises(ParameterError, match="repair"):
        made_up(**settings)
