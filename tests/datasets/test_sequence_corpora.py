"""Polyphonic recordings: what they hear, how dense they are, and that no author is in two parts."""

from itertools import combinations

import numpy as np
import pytest

from companion.checkout import event_table
from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_mixtures import STEADY
from companion.datasets.esc50_sequences import CLASSES, sequences
from companion.datasets.synthetic.sequences import SyntheticSequences
from companion.errors import DataError, ParameterError
from companion.evaluation.boundaries import check_overlaps
from companion.evaluation.units import units_of
from companion.events import author_of, read_table
from companion.mixtures.timeline import polyphony

SIZES = {"train": 90, "validation": 30, "test": 30}


def spans(clips):
    return [[(event.onset, event.offset) for event in clip.strong] for clip in clips]


@pytest.fixture(scope="module")
def corpus(esc50_root):
    return ESC50(esc50_root)


@pytest.fixture(scope="module")
def made(corpus):
    return sequences(corpus, read_table(event_table()), sizes=SIZES, seed=0)


def test_seventeen_classes_over_beds_of_others():
    assert len(CLASSES) == 17 == len(set(CLASSES))
    assert not set(CLASSES) & set(STEADY)


def test_it_is_as_long_and_as_polyphonic_as_it_should_be(made):
    durations = [clip.duration for clip in made.clips]
    assert sum(durations) >= 2 * 3600
    by_part = [sum(clip.duration for clip in made.clips if clip.fold == fold) for fold in (1, 2, 3)]
    assert np.array(by_part) / by_part[1] == pytest.approx([3, 1, 1])
    assert polyphony(spans(made.clips), durations).overlapped == pytest.approx(0.30, abs=0.02)


def test_no_two_parts_share_an_author_a_recording_or_a_bed(made, corpus):
    clips = {clip.id: clip for clip in corpus.clips}
    heard = []
    for part in SIZES:
        names = {name for recipe in made.recipes.values() if recipe.split == part for name in recipe.clips}
        recordings = {clips[name].recording for name in names}
        heard.append(recordings | {corpus.author_of.get(one, one) for one in recordings})
        placed = [p.event for recipe in made.recipes.values() if recipe.split == part for p in recipe.placements]
        assert {author_of(event) for event in placed}
        assert {event.label for event in placed} == set(CLASSES)
    assert all(not one & other for one, other in combinations(heard, 2))


def test_test_recordings_depend_on_who_was_recorded_in_groups(made, corpus):
    """Without groups there would be one independent recording; five of unequal size are worth more than four."""
    test = [clip.recording for clip in made.clips if clip.fold == 3]
    assert units_of(test, corpus.author_of).effective(np.ones(len(test))) > 4
    alone = sequences(corpus, read_table(event_table()), sizes={"test": 30}, seed=0, groups={})
    together = [clip.recording for clip in alone.clips]
    assert units_of(together, corpus.author_of).effective(np.ones(30)) < 1.2


def test_beds_hold_no_event_and_are_not_always_the_same(made, corpus):
    label_of = {clip.id: clip.label for clip in corpus.clips}
    beds = [recipe.bed.clips for recipe in made.recipes.values()]
    assert {label_of[name] for bed in beds for name in bed} <= set(STEADY)
    assert len(set(beds)) > 0.9 * len(beds)
    assert all(len(bed) == 6 for bed in beds[:90])
    assert min(map(len, beds)) >= 3  # a group of a few authors


def test_labels_can_be_told_as_boundaries_and_end_with_the_recording(made):
    for clip in made.clips:
        check_overlaps([(event.onset, event.offset, event.label) for event in clip.strong], clip.id)
        assert max(event.offset for event in clip.strong) <= clip.duration
        assert min(event.onset for event in clip.strong) >= 0


def test_a_recording_sounds_where_its_labels_say(made):
    """Louder in the events than beside them."""
    clip = next(clip for clip in made.clips if polyphony(spans([clip]), [clip.duration]).active < 0.7)
    audio = made.audio(clip)
    inside = np.zeros(len(audio.samples), dtype=bool)
    for event in clip.strong:
        inside[round(event.onset * audio.sample_rate) : round(event.offset * audio.sample_rate)] = True
    level = [np.sqrt(np.mean(audio.samples[where] ** 2)) for where in (inside, ~inside)]
    assert level[0] > 1.4 * level[1]


def test_the_draw_is_its_seeds(corpus, made):
    cuts = read_table(event_table())
    again, other = (sequences(corpus, cuts, sizes={"train": 3}, seed=seed) for seed in (0, 1))
    assert [again.recipes[name] for name in again.recipes] == [made.recipes[name] for name in again.recipes]
    assert not {repr(one) for one in other.recipes.values()} & {repr(one) for one in again.recipes.values()}


def test_events_over_beds_of_their_own_class_are_refused(corpus):
    cuts = read_table(event_table())
    with pytest.raises(DataError, match="rain over beds made of the same"):
        sequences(corpus, cuts, sizes={"train": 1}, seed=0, classes=["dog", "rain"])
    with pytest.raises(DataError, match="no recording of zebra in train"):
        sequences(corpus, cuts, sizes={"train": 1}, seed=0, classes=["dog", "zebra"])


def test_the_synthetic_counterpart_has_exact_boundaries():
    made = SyntheticSequences(0, classes=("bark", "drum", "glass"), sizes={"train": 3, "test": 2}, duration=8.0)
    assert [clip.fold for clip in made.clips] == [1, 1, 1, 3, 3]
    assert made.classes == ("bark", "drum", "glass")
    for clip in made.clips:
        assert clip.strong
        check_overlaps([(event.onset, event.offset, event.label) for event in clip.strong])
        assert max(event.offset for event in clip.strong) <= 8.0
        assert max(event.offset - event.onset for event in clip.strong) <= 1.5
    assert made.audio(made.clips[0]).samples.shape == (8 * 44_100,)
    alone = SyntheticSequences(0, classes=("bark", "drum", "glass"), sizes={"test": 2}, duration=8.0)
    assert alone.clips[1] == made.clips[4]


@pytest.mark.parametrize(
    "wrong", [{"sizes": {}}, {"sizes": {"dev": 1}}, {"sizes": {"train": 0}}, {"duration": 1.0}, {"classes": ("zebra",)}]
)
def test_a_synthetic_corpus_of_nothing_is_refused(wrong):
    with pytest.raises(ParameterError):
        SyntheticSequences(0, **{"classes": ("bark",), "sizes": {"train": 1}, **wrong})
