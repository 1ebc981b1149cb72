"""Mixtures over recordings: the ratio under the event, the factor of the whole, and what cannot be mixed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from companion.errors import DataError, ParameterError
from companion.events import EventCut
from companion.mixtures import PEAK, Background, PhaseRandomised, Placement, Recipe, Stretch, render
from companion.mixtures.files import read_recipes, write_recipes
from companion.mixtures.rare import Crossfade, Pool, RareDraw, RareRule

RATE = 8000
SECONDS = 6
N = SECONDS * RATE


def noise(seed, n=2 * N):
    return 0.1 * np.random.default_rng(seed).standard_normal(n).astype(np.float32)


CLIPS = {
    "cry": noise(1),
    "bang": noise(2),
    "rising": noise(3) * np.linspace(0.01, 1.0, 2 * N, dtype=np.float32),
    "even": noise(4),
    "silent": np.zeros(2 * N, dtype=np.float32),
    "loud": np.sign(noise(5)),
    "short": noise(6, N // 2),
}


def source(name):
    return CLIPS[name]


def row(clip, onset=0, offset=RATE, label="cry"):
    return EventCut(clip, onset, offset, f"recording of {clip}", label, 1, f"author of {clip}")


def over(*clips, fade=0, level=None, event=None, onset=RATE, ratio=0.0, gain=0.2, n=N):
    """A recipe over one stretch of each clip; one second of an event, if any."""
    length = -(-(n + fade * (len(clips) - 1)) // len(clips))
    bed = Background(tuple(Stretch(clip, 100, 100 + length, level) for clip in clips), fade)
    return Recipe("x", "test", n, (Placement(event, onset, ratio),) if event else (), bed, gain, edge=0.0)


def decibels(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))


# --- what is heard


@pytest.mark.parametrize("ratio", [-6.0, 0.0, 6.0])
@pytest.mark.parametrize("onset", [0, 3 * RATE, N - RATE])
def test_the_ratio_is_that_to_the_background_under_the_event(ratio, onset):
    """The background rises by 40 dB: its level elsewhere is another one."""
    recipe = over("rising", event=row("bang"), onset=onset, ratio=ratio)
    bed = render(replace(recipe, placements=()), source, RATE).astype(np.float64)
    event = render(recipe, source, RATE) - bed
    under = slice(onset, onset + RATE)
    assert decibels(event[under]) - decibels(bed[under]) == pytest.approx(ratio, abs=0.01)
    assert np.abs(np.delete(event, np.arange(*under.indices(N)))).max() == 0


def test_a_recording_without_an_event_is_itself_times_the_factor():
    np.testing.assert_allclose(render(over("even"), source, RATE), 0.2 * CLIPS["even"][100 : 100 + N], rtol=1e-6)


def test_layers_are_heard_at_the_same_time():
    one, other, third = over("even"), over("rising"), over("bang", "cry", fade=100)
    together = replace(one, bed=replace(one.bed, beside=(other.bed, third.bed)))
    apart = sum(render(recipe, source, RATE) for recipe in (one, other, third))
    np.testing.assert_allclose(render(together, source, RATE), apart, rtol=1e-5, atol=1e-7)
    assert together.bed.clips == ("even", "rising", "bang", "cry")


def test_only_what_would_clip_is_scaled_further():
    loud = render(over("loud", event=row("bang"), ratio=20.0, gain=1.0), source, RATE)
    assert np.abs(loud).max() == pytest.approx(PEAK)
    assert np.abs(render(over("silent"), source, RATE)).max() == 0


def test_events_of_one_mixture_are_not_background_to_each_other():
    both = replace(over("even"), placements=(Placement(row("bang"), 0, 20.0), Placement(row("cry"), RATE // 2, 0.0)))
    second = replace(both, placements=both.placements[1:])
    first = replace(both, placements=both.placements[:1])
    bed = render(replace(both, placements=()), source, RATE)
    np.testing.assert_allclose(
        render(both, source, RATE), render(first, source, RATE) + render(second, source, RATE) - bed, atol=1e-6
    )


def test_a_stretch_has_its_level_and_the_fade_between_two_keeps_it():
    fade = RATE
    made = render(over("even", "loud", "cry", fade=fade, level=-30.0, gain=1.0), source, RATE)
    assert decibels(made[: N // 4]) == pytest.approx(-30.0, abs=0.1)
    middle = N // 3 + fade // 6  # where the first two have equal powers
    assert decibels(made[middle - fade // 2 : middle + fade // 2]) == pytest.approx(-30.0, abs=0.3)
    assert decibels(made) == pytest.approx(-30.0, abs=0.1)


def test_events_have_soft_edges_unless_a_recipe_says_otherwise():
    hard = over("even", event=row("loud"), gain=1.0)
    soft = Recipe("x", "test", N, hard.placements, hard.bed)
    heard = {}
    for recipe in (hard, soft):
        event = render(recipe, source, RATE) - render(replace(recipe, placements=()), source, RATE)
        heard[recipe.edge] = np.abs(event[RATE : 2 * RATE])
    assert heard[0.0].min() == pytest.approx(heard[0.0].max(), rel=1e-4)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(80) + 0.5) / 80)  # 10 ms
    np.testing.assert_allclose(heard[0.01][:80] / heard[0.01][4000], ramp, atol=1e-4)
    np.testing.assert_allclose(heard[0.01][:-81:-1] / heard[0.01][4000], ramp, atol=1e-4)


def test_the_sources_are_left_alone():
    before = {name: samples.copy() for name, samples in CLIPS.items()}
    for level in (None, -20.0):
        render(over("even", "loud", fade=50, level=level, event=row("bang"), ratio=6.0), source, RATE)
    for name, samples in CLIPS.items():
        np.testing.assert_array_equal(samples, before[name])


# --- what is refused


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (over("silent", event=row("bang")), "background under the event of x is silent"),
        (over("even", event=row("silent")), "event of x is silent"),
        (over("even", event=row("bang", 5, 5)), "is empty"),
        (over("even", event=row("short", N // 2 - 10, N)), "ends before its cut"),
        (over("even", event=row("short", N, N + 10)), "is empty"),
        (over("even", event=row("bang"), onset=N - 10), f"has {RATE} samples and starts at {N - 10}"),
        (over("even", event=row("bang"), onset=-1), "starts at -1"),
        (over("even", event=row("bang", 0, N + 1), onset=0), f"has {N + 1} samples"),
        (replace(over("even"), n_samples=N + 1), f"background of x has {N} samples"),
        (replace(over("even"), bed=Background(())), "background of x has 0 samples"),
        (over("short"), "of short"),
        (over("even", "silent", level=-20.0), "silent in samples .* of silent"),
        (over("even", "cry", fade=N // 2), "fades of"),
    ],
)
def test_what_cannot_be_mixed_is_named_with_the_repair(recipe, words):
    with pytest.raises(DataError, match=words) as caught:
        render(recipe, source, RATE)
    assert caught.value.expected
    assert caught.value.repair


# --- drawing

EVENTS = tuple(row(name, 0, n, "cry") for name in ("cry", "bang") for n in (RATE, 2 * RATE))
PLACES = ((row("even", 0, 2 * N, "wind"),), (row("rising", 0, 2 * N, "rain"), row("loud", 9, 2 * N, "rain")))
POOL = Pool(EVENTS, PLACES, (row("loud", label="knock"),))
FADED = RareRule(duration=SECONDS, by_recording=True, crossfade=Crossfade((1.0, 2.0), 0.25))
WHOLE = RareRule(duration=SECONDS)


@pytest.mark.parametrize("rule", [WHOLE, FADED], ids=["one recording", "faded"])
def test_exactly_half_holds_the_event_and_every_mixture_can_be_made(rule):
    draw = RareDraw(POOL, rule, RATE)
    recipes = draw.recipes("a", "train", 60, np.random.default_rng(0))
    assert sum(bool(recipe.placements) for recipe in recipes) == 30
    assert {p.ratio_db for recipe in recipes for p in recipe.placements} == {-6.0, 0.0, 6.0}
    for recipe in recipes:
        made = render(recipe, source, RATE)
        assert made.shape == (N,)
        assert 0 < np.abs(made).max() <= PEAK + 1e-6


def test_the_same_seed_draws_the_same_and_another_one_does_not():
    draw = RareDraw(POOL, FADED, RATE)
    first, again, other = (draw.recipes("a", "train", 8, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize("rule", [WHOLE, FADED], ids=["one recording", "faded"])
def test_onsets_are_uniform_where_the_event_fits(rule):
    rng, draw = np.random.default_rng(0), RareDraw(POOL, rule, RATE)
    placed = [draw.recipe("x", "train", True, rng).placements[0] for _ in range(1500)]
    share = np.sort([p.onset / (N - p.event.n_samples) for p in placed])
    assert np.abs(share - np.linspace(0, 1, len(share))).max() < 1.63 / np.sqrt(len(share))  # Kolmogorov, 1 %
    assert 0 <= share[0] <= share[-1] <= 1


def test_events_are_equally_likely_or_their_recordings_are():
    pool = replace(POOL, events=(*EVENTS[:2], EVENTS[2]))  # two cuts of one recording, one of the other
    heard = {}
    for by_recording in (False, True):
        rng, draw = np.random.default_rng(0), RareDraw(pool, replace(WHOLE, by_recording=by_recording), RATE)
        clips = [draw.recipe("x", "train", True, rng).placements[0].event.clip for _ in range(900)]
        heard[by_recording] = clips.count("bang") / len(clips)
    assert heard[False] == pytest.approx(1 / 3, abs=0.05)
    assert heard[True] == pytest.approx(1 / 2, abs=0.05)


def test_a_background_is_one_place_and_no_recording_follows_itself_while_others_wait():
    rng, draw = np.random.default_rng(0), RareDraw(POOL, FADED, RATE)
    clips = [draw.recipe("x", "train", False, rng).bed.clips for _ in range(50)]
    assert {frozenset(names) for names in clips} == {frozenset({"even"}), frozenset({"rising", "loud"})}
    for names in clips:
        assert abs(names.count("rising") - names.count("loud")) <= 1 or "even" in names


def test_a_chain_of_one_recording_comes_round_again_in_every_layer():
    layered = replace(FADED, crossfade=Crossfade((1.0, 2.0), 0.25, recordings=1, layers=3))
    draw = RareDraw(POOL, layered, RATE)
    for recipe in draw.recipes("x", "test", 10, np.random.default_rng(0)):
        chains = (recipe.bed, *recipe.bed.beside)
        assert len(chains) == 3
        assert all(len({stretch.clip for stretch in chain.stretches}) == 1 for chain in chains)
        assert all(len({stretch.level_db for stretch in chain.stretches}) == 1 for chain in chains)
        assert all(chain.n_samples >= N for chain in chains)


def test_a_recording_keeps_its_level_in_a_chain_and_lies_as_far_from_the_others_as_the_rule_says():
    """The level of the whole is drawn once a mixture, and how far a recording lies from it once a recording."""
    rule = replace(FADED, crossfade=Crossfade((1.0, 2.0), 0.25, level_db=(-35.0, -35.0), spread_db=3.0))
    rng, draw = np.random.default_rng(0), RareDraw(POOL, rule, RATE)
    levels, apart = [], []
    for _ in range(200):
        of_clip = {}
        for stretch in draw.recipe("x", "train", False, rng).bed.stretches:
            assert of_clip.setdefault(stretch.clip, stretch.level_db) == stretch.level_db
        levels += of_clip.values()
        apart += [of_clip["rising"] - of_clip["loud"]] if "loud" in of_clip else []
    assert -38 <= min(levels) < -37.8
    assert -32.2 < max(levels) <= -32
    assert np.std(apart) == pytest.approx(3 * np.sqrt(2 / 3), rel=0.2)  # of two that are uniform over 6 dB


def test_the_control_pastes_other_events_where_there_is_no_target():
    draw = RareDraw(POOL, FADED, RATE)
    recipes = draw.recipes("a", "test", 20, np.random.default_rng(0), distract=True)
    assert sorted(p.event.label for recipe in recipes for p in recipe.placements) == ["cry"] * 10 + ["knock"] * 10


@pytest.mark.parametrize(
    ("pool", "rule", "words"),
    [
        (replace(POOL, events=()), WHOLE, "no event"),
        (replace(POOL, places=()), WHOLE, "no background"),
        (replace(POOL, places=((),)), WHOLE, "no background"),
        (replace(POOL, events=(row("cry", 0, N + 1),)), WHOLE, f"cannot be in {N} samples"),
        (replace(POOL, events=(row("cry", 7, 7),)), WHOLE, "from sample 7 to 7"),
        (replace(POOL, distractors=(row("cry", 0, N + 1),)), WHOLE, f"cannot be in {N} samples"),
        (replace(POOL, places=((row("even", 0, N - 1),),)), WHOLE, "background in even .* too short"),
        (replace(POOL, places=((row("even", 0, RATE // 2),),)), FADED, "background in even .* too short"),
    ],
)
def test_sounds_that_no_mixture_can_be_made_of_are_refused_before_any_is_drawn(pool, rule, words):
    with pytest.raises(DataError, match=words) as caught:
        RareDraw(pool, rule, RATE)
    assert caught.value.repair


@pytest.mark.parametrize("number", [-2, 0, 1, 7])
def test_a_number_that_has_no_half_is_refused(number):
    with pytest.raises(ParameterError, match=f"{number} mixtures"):
        RareDraw(POOL, WHOLE, RATE).recipes("a", "train", number, np.random.default_rng(0))


def test_stretches_shorter_than_their_fades_and_a_control_without_events_are_refused():
    with pytest.raises(ParameterError, match=r"fades of 0\.5 s"):
        RareDraw(POOL, replace(FADED, crossfade=Crossfade((1.0, 2.0), 0.5)), RATE)
    with pytest.raises(DataError, match="no other event"):
        RareDraw(replace(POOL, distractors=()), FADED, RATE).recipes(
            "a", "test", 2, np.random.default_rng(0), distract=True
        )


# --- files


@pytest.fixture
def written(tmp_path):
    """Recipes of every kind, and the file they were written to."""
    recipes = RareDraw(POOL, FADED, RATE).recipes("a", "test", 4, np.random.default_rng(0), distract=True)
    recipes += RareDraw(POOL, WHOLE, RATE).recipes("b", "test", 2, np.random.default_rng(0))
    recipes.append(Recipe("c", "train", N, (Placement(row("cry"), 5, 1 / 3),), PhaseRandomised(("even",), -33.3, 7)))
    write_recipes(tmp_path / "recipes.json", recipes, RATE)
    return recipes, tmp_path / "recipes.json"


def test_recipes_come_back_as_they_were_and_sound_the_same(written):
    recipes, path = written
    again = read_recipes(path, RATE)
    assert again == recipes
    for one, other in zip(recipes, again, strict=True):
        np.testing.assert_array_equal(render(one, source, RATE), render(other, source, RATE))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[: len(text) // 2], "cannot be read"),
        (lambda text: "[1]", "holds a list"),
        (lambda text: text.replace("version 1", "version 9"), "version 9"),
        (lambda text: text.replace(f'"sample_rate": {RATE}', '"sample_rate": 16000'), "for 16000 Hz"),
        (lambda text: text.replace('"n_samples": 48000', '"n_samples": 4.5', 1), "0/n_samples"),
        (lambda text: text.replace('"n_samples": 48000', '"n_samples": 0', 1), "asks for 0 samples"),
        (lambda text: text.replace('"ratio_db"', '"ratio"', 1), "ratio_db"),
        (lambda text: text.replace('"edge": 0.0', '"edge": NaN', 1), "not finite"),
        (lambda text: text.replace('"edge": 0.0', '"edge": 0.0, "colour": 3', 1), "number 0"),
        (lambda text: text.replace('"gain": 0.2', '"gain": -0.2', 1), r"times -0\.2"),
        (lambda text: text.replace('"a-00001"', '"a-00000"', 1), "a-00000 twice"),
        (lambda text: json.dumps(json.loads(text) | {"recipes": None}), "recipes|list"),
    ],
)
def test_a_damaged_file_is_refused_by_name(written, damage, words):
    _, path = written
    path.write_text(damage(path.read_text()))
    with pytest.raises(DataError, match=words) as caught:
        read_recipes(path, RATE)
    assert "recipes.json" in caught.value.problem
    assert caught.value.repair


def test_an_absent_file_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.json"):
        read_recipes(tmp_path / "nowhere.json", RATE)


def test_a_file_is_whole_or_not_there(written, monkeypatch):
    """A write that fails halfway leaves the file that was there."""
    recipes, path = written
    before = path.read_bytes()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(Exception, match="full"):
        write_recipes(path, recipes[:1], RATE)
    assert path.read_bytes() == before
