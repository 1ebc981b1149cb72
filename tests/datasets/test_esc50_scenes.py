"""Restaged scenes: nothing heard in training is heard in a test, and the recipes say what is heard how often."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from companion.audio import Audio
from companion.datasets.base import Clip, Dataset, Validation
from companion.datasets.esc50 import ESC50, STRADDLING_RECORDINGS
from companion.datasets.esc50_scenes import RestagedScenes, SceneRule, deal_recordings, unheard_cuts
from companion.datasets.scene_recipes import EVENT_CLASSES, SCENES
from companion.errors import DataError, ParameterError
from companion.events import EventCut, read_table
from companion.mixtures import PEAK
from companion.report.repository import checkout

RATE = 4000
SOUNDS = sorted({*EVENT_CLASSES, *(sound for scene in SCENES for sound in scene.bed.sounds)})
ESC10 = {
    "dog", "rooster", "rain", "sea_waves", "crackling_fire",
    "crying_baby", "sneezing", "clock_tick", "helicopter", "chainsaw",
}  # fmt: skip


class MadeUp(Dataset):
    """Every sound of the recipes in all five official folds, three recordings a fold, as noise of 5 s."""

    name, sample_rate, classes = "made-up", RATE, tuple(SOUNDS)
    licence = citation = homepage = ""
    superclass_of = {sound: "any" for sound in SOUNDS}  # noqa: RUF012 (as in the interface)

    def __init__(self) -> None:
        self.clips = tuple(
            Clip(f"{fold}-{sound}-{take}", f"{sound}{fold}{min(take, 2)}", fold, 5.0, sound)
            for sound in SOUNDS
            for fold in range(1, 6)
            for take in range(4)
        )

    def audio(self, clip: Clip) -> Audio:
        noise = np.random.default_rng(list(clip.id.encode())).standard_normal(5 * RATE)
        return Audio((0.1 * noise).astype(np.float32), RATE)

    def validate(self) -> Validation:
        return Validation(len(self.clips))


def cuts(corpus: Dataset) -> list[EventCut]:
    return [EventCut(c.id, 400, 400 + 3 * RATE, c.recording, str(c.label), c.fold, "") for c in corpus.clips]


def made_up(**settings) -> RestagedScenes:
    corpus = MadeUp()
    return RestagedScenes(corpus, cuts(corpus), **{"clips_per_scene": 8, "seed": 0, "duration": 8.0, **settings})


@pytest.fixture(scope="module")
def scenes() -> RestagedScenes:
    return made_up()


@pytest.fixture(scope="module")
def real(esc50_root) -> RestagedScenes:
    corpus = ESC50(esc50_root)
    return RestagedScenes(corpus, read_table(checkout() / "data" / "events" / "esc50.csv"), clips_per_scene=20, seed=0)


def heard(scenes: RestagedScenes, clip: Clip) -> set[Clip]:
    """Source clips of a scene clip, events and bed."""
    recipe, source = scenes.recipes[clip.id], {clip.id: clip for clip in scenes.corpus.clips}
    return {source[p.event.clip] for p in recipe.placements} | {source[name] for name in recipe.bed}


# --- the written recipes


def test_scenes_are_the_rows_of_table_3():
    assert [scene.name for scene in SCENES] == [
        "Beach", "Bus", "Cafe", "Car", "City Center", "Forest Path", "Grocery Store", "Home",
        "Library", "Metro Station", "Office", "Park", "Residential Area", "Train", "Tram",
    ]  # fmt: skip


@pytest.mark.parametrize("event", EVENT_CLASSES)
def test_every_event_belongs_to_three_scenes_at_rates_of_their_own(event):
    rates = [scene.events[event] for scene in SCENES if event in scene.events]
    assert len(rates) >= 3
    assert len(set(rates)) >= 3
    assert all(0.0 < rate < 1.0 for rate in rates)


def test_every_bed_belongs_to_two_scenes_or_more_and_no_level_gives_one_away():
    beds = Counter(scene.bed for scene in SCENES)
    assert min(beds.values()) >= 2
    for bed in beds:
        low, high = bed.level_db
        assert any(other.level_db[0] < high and low < other.level_db[1] for other in beds if other is not bed)


def test_most_events_are_in_the_vocabulary_of_the_source_network():
    assert 20 <= len(EVENT_CLASSES) <= 30
    assert 0.7 <= 1 - len(set(EVENT_CLASSES) & ESC10) / len(EVENT_CLASSES) <= 0.8


# --- what is drawn from them, on made-up and on real recordings


@pytest.fixture(params=["scenes", "real"])
def drawn(request) -> RestagedScenes:
    return request.getfixturevalue(request.param)


def test_no_recording_is_heard_in_two_scene_folds(drawn):
    folds = defaultdict(set)
    for clip in drawn.clips:
        for source in heard(drawn, clip):
            folds[source.recording].add(clip.fold)
    assert folds
    assert all(len(seen) == 1 for seen in folds.values())


def test_no_recording_is_shared_with_official_folds_1_to_3_and_none_straddles(drawn):
    trained = {clip.recording for clip in drawn.corpus.clips if clip.fold <= 3}
    sources = {source for clip in drawn.clips for source in heard(drawn, clip)}
    assert {source.fold for source in sources} == {4, 5}
    assert not {source.recording for source in sources} & (trained | set(STRADDLING_RECORDINGS))


def test_every_sound_can_be_heard_in_every_fold(drawn):
    folds = defaultdict(set)
    for row in unheard_cuts(cuts(drawn.corpus)):
        folds[row.label].add(drawn.scene_fold_of[row.recording])
    assert set(folds) == set(SOUNDS)
    assert all(seen == {1, 2, 3, 4} for seen in folds.values())


def test_labels_are_the_scene_and_what_was_placed(drawn):
    for clip in drawn.clips:
        recipe = drawn.recipes[clip.id]
        assert {p.event.label for p in recipe.placements} == set(clip.weak) == {event.label for event in clip.strong}
        assert set(clip.weak) <= set(next(scene.events for scene in SCENES if scene.name == clip.label))
        assert clip.recording == "+".join(sorted({source.recording for source in heard(drawn, clip)}))
        assert all(0 <= event.onset < event.offset <= clip.duration for event in clip.strong)
    assert len({(clip.label, clip.fold) for clip in drawn.clips}) == 15 * 4
    assert len(set(Counter((clip.label, clip.fold) for clip in drawn.clips).values())) == 1


def test_beds_are_made_of_the_sounds_that_the_recipe_names(drawn):
    source = {clip.id: clip for clip in drawn.corpus.clips}
    for clip in drawn.clips:
        bed = next(scene.bed for scene in SCENES if scene.name == clip.label)
        recipe = drawn.recipes[clip.id]
        assert {source[name].label for name in recipe.bed} <= set(bed.sounds)
        assert bed.level_db[0] <= recipe.bed_level_db <= bed.level_db[1]


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
    assert "sea waves 95%" in table.loc["Beach", "events heard"]
    assert table.loc["Beach", "bed"] == "distant roar: airplane"
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
    prints = [made_up(**settings).fingerprint() for settings in ({}, {"seed": 1}, {"rule": SceneRule(bed_clips=1)})]
    assert prints[0] == scenes.fingerprint()
    assert len(set(prints)) == 3


# --- dealing


def test_recordings_are_dealt_evenly(scenes):
    clips = defaultdict(Counter)
    for clip in scenes.corpus.clips:
        if clip.fold in (4, 5):
            clips[clip.label][scenes.scene_fold_of[clip.recording]] += 1
    for count in clips.values():
        assert max(count.values()) - min(count.values()) <= 1  # 8 clips of 6 recordings, two of which give 2


def test_a_recording_of_two_classes_has_one_fold():
    rows = [EventCut(f"{label}{n}", 0, 9, "both" if n == 0 else f"{label}{n}", label, 4, "")
            for label in "ab" for n in range(6)]  # fmt: skip
    fold_of = deal_recordings(rows, 0)
    assert len(fold_of) == 11
    assert set(fold_of.values()) == {1, 2, 3, 4}


def test_too_few_recordings_are_refused():
    rows = [EventCut(f"a{n}", 0, 9, f"r{n}", "a", 4, "") for n in range(3)]
    with pytest.raises(DataError, match="3 recordings of a leave a scene fold without any"):
        deal_recordings(rows, 0)


@pytest.mark.parametrize("settings", [{"clips_per_scene": 10}, {"clips_per_scene": 0}, {"duration": 4.0}])
def test_impossible_settings_are_refused_with_a_repair(settings):
    with pytest.raises(ParameterError, match="repair"):
        made_up(**settings)
