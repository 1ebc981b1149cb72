"""A mixture is its recipe: the same audio every time, events where the labels say, beds that are nobody's event."""

import numpy as np
import pytest

from companion import mixtures
from companion.audio import Audio
from companion.datasets.base import Clip, Dataset, Validation
from companion.datasets.extraction import extract_corpus
from companion.datasets.mixtures import Mixtures
from companion.errors import DataError
from companion.events import EventCut
from companion.features import NS_LOG_MEL, extract
from companion.mixtures import MixtureRule, PhaseRandomised, Placement, Recipe, draw_recipes, render
from companion.store import Store

RATE = 44100


class Tones(Dataset):
    """Two classes, each a tone, in three recordings of two clips."""

    name, sample_rate, classes = "tones", RATE, ("high", "low")
    licence = citation = homepage = ""

    def __init__(self) -> None:
        self.superclass_of = {"high": "tones", "low": "tones"}
        self.clips = tuple(
            Clip(f"{label}-{number}", f"r{label}{number // 2}", 1 + number % 2, 1.0, label)
            for label in self.classes
            for number in range(6)
        )

    def audio(self, clip: Clip) -> Audio:
        hertz = 4000 if clip.label == "high" else 500
        return Audio(np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE).astype(np.float32) * 0.5, RATE)

    def validate(self) -> Validation:
        return Validation(len(self.clips))


def cuts(corpus: Tones) -> list[EventCut]:
    return [EventCut(c.id, 1000, 1000 + RATE // 2, c.recording, str(c.label), c.fold, "") for c in corpus.clips]


@pytest.fixture
def corpus() -> Tones:
    return Tones()


@pytest.fixture
def drawn(corpus: Tones) -> Mixtures:
    rule = MixtureRule(duration=3.0, n_events=(1, 2), bed_classes=2)
    recipes = draw_recipes(cuts(corpus), "train", 12, rule, RATE, np.random.default_rng(0))
    return Mixtures(recipes, corpus, corpus.classes)


def test_a_recipe_gives_the_same_audio_every_time_and_in_any_order(drawn):
    forward = [drawn.audio(clip).samples for clip in drawn.clips]
    backward = [drawn.audio(clip).samples for clip in reversed(drawn.clips)][::-1]
    for a, b in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_mixture_clips_or_falls_silent(drawn):
    for clip in drawn.clips:
        samples = drawn.audio(clip).samples
        assert np.abs(samples).max() <= mixtures.PEAK + 1e-6
        frames = samples[: len(samples) // 441 * 441].reshape(-1, 441)
        assert np.sqrt((frames**2).mean(1)).min() > 1e-5


def test_weak_labels_are_the_strong_ones_without_times(drawn):
    for clip in drawn.clips:
        assert clip.weak == tuple(sorted({event.label for event in clip.strong}))
        assert all(0 <= event.onset < event.offset <= clip.duration for event in clip.strong)


@pytest.mark.parametrize("ratio", [-6.0, 0.0, 12.0])
def test_event_to_background_ratio_is_what_the_recipe_says(corpus, ratio):
    row = cuts(corpus)[0]
    recipe = Recipe("x", "train", 2 * RATE, (Placement(row, RATE // 4, ratio),), PhaseRandomised(("low-0",), -40.0, 3))
    quiet = Recipe("x", "train", 2 * RATE, (), PhaseRandomised(("low-0",), -40.0, 3))

    def source(clip_id):
        return corpus.audio(next(clip for clip in corpus.clips if clip.id == clip_id)).samples

    with_event, bed = render(recipe, source, RATE), render(quiet, source, RATE)
    under = slice(RATE // 4, RATE // 4 + row.n_samples)
    event = with_event - bed
    measured = 20 * np.log10(np.std(event[under]) / np.std(bed[under]))
    assert measured == pytest.approx(ratio, abs=0.05)
    assert np.abs(event[: RATE // 4]).max() < 1e-6
    assert np.abs(event[under.stop :]).max() < 1e-6


def test_a_bed_has_the_spectrum_of_its_clips_and_random_phases(corpus):
    clip = corpus.audio(corpus.clips[0]).samples
    bed, other = (mixtures.phase_randomised_bed([clip], RATE, seed) for seed in (0, 1))
    spectrum = np.abs(np.fft.rfft(bed)) ** 2
    assert np.argmax(spectrum) == pytest.approx(4000, abs=15)
    assert np.sqrt(np.mean(bed**2)) == pytest.approx(1.0, abs=1e-4)
    assert abs(np.corrcoef(bed, other)[0, 1]) < 0.5


def test_no_loud_clip_decides_alone_how_a_bed_sounds():
    """A tone of 500 Hz and one of 4 kHz, 40 dB softer, stand equally high."""
    time = np.arange(2 * RATE) / RATE
    clips = [np.sin(2 * np.pi * 500 * time), 0.01 * np.sin(2 * np.pi * 4000 * time)]
    bed = mixtures.phase_randomised_bed([clip.astype(np.float32) for clip in clips], 2 * RATE, 0)
    power = np.abs(np.fft.rfft(bed)) ** 2
    low, high = (power[2 * f - 100 : 2 * f + 100].sum() for f in (500, 4000))
    assert low / high == pytest.approx(1.0, abs=0.3)


def test_a_changed_recipe_changes_the_fingerprint_and_features_are_found_again(drawn, tmp_path):
    store = Store(tmp_path)
    first = extract_corpus(drawn, NS_LOG_MEL, store)
    again = extract_corpus(drawn, NS_LOG_MEL, store)
    assert len(first) == 12
    np.testing.assert_array_equal(first[3], again[3])
    np.testing.assert_allclose(first[3], extract(drawn.audio(drawn.clips[3]).samples, RATE), atol=1e-5)
    fewer = Mixtures(list(drawn.recipes.values())[:-1], drawn.corpus, drawn.classes)
    assert fewer.fingerprint() != drawn.fingerprint()


def test_lengths_are_drawn_from_those_allowed_and_events_stay_inside(corpus):
    rule = MixtureRule(duration=(1.0, 2.0, 5.0), n_events=(1, 2), bed_classes=2)
    recipes = draw_recipes(cuts(corpus), "train", 60, rule, RATE, np.random.default_rng(0))
    assert {recipe.n_samples / RATE for recipe in recipes} == {1.0, 2.0, 5.0}
    assert all(p.onset + p.event.n_samples <= recipe.n_samples for recipe in recipes for p in recipe.placements)


def test_an_empty_event_table_is_refused(corpus):
    with pytest.raises(DataError, match="no event cuts for the train split"):
        draw_recipes([], "train", 1, MixtureRule(), RATE, np.random.default_rng(0))
