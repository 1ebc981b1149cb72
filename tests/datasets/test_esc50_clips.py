"""Clips dealt to training, validation and test: nobody is in two parts, here and in the polyphonic recordings."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from companion.checkout import event_table
from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_clips import DealtClips
from companion.datasets.esc50_mixtures import STEADY
from companion.datasets.esc50_parts import deal_authors
from companion.datasets.esc50_sequences import CLASSES, PARTS, deal, sequences
from companion.errors import DataError
from companion.events import author_of, read_table


@pytest.fixture(scope="module")
def cuts():
    return read_table(event_table())


@pytest.fixture(scope="module")
def clips(esc50_root, cuts):
    return DealtClips(ESC50(esc50_root), cuts)


def authors(corpus, names):
    return {corpus.author_of.get(name, f"recording {name}") for name in names}


def test_nobody_is_in_two_parts_and_parts_are_as_large_as_they_should_be(clips):
    counts = Counter(clip.fold for clip in clips.clips)
    assert np.array([counts[fold] for fold in (1, 2, 3)]) / 2000 == pytest.approx(list(PARTS.values()), abs=0.02)
    people = [authors(clips, {clip.recording for clip in clips.clips if clip.fold == fold}) for fold in (1, 2, 3)]
    assert all(not one & other for one, other in combinations(people, 2))
    for fold in (1, 2, 3):
        assert {clip.label for clip in clips.clips if clip.fold == fold} == set(clips.classes)


def test_no_training_clip_shares_somebody_with_a_polyphonic_recording_of_another_part(clips, cuts):
    made = sequences(clips.corpus, cuts, sizes={"train": 30, "validation": 30, "test": 30}, seed=3)
    recording_of = {clip.id: clip.recording for clip in clips.clips}
    for fold in (1, 2, 3):
        mixed = {name for clip in made.clips if clip.fold == fold for name in clip.recording.split("+")}
        recipes = [recipe for recipe in made.recipes.values() if made.SPLITS[recipe.split] == fold]
        beds = {recording_of[name] for recipe in recipes for name in recipe.bed.clips}
        alone = {clip.recording for clip in clips.clips if clip.fold != fold}
        assert len(mixed | beds) > 20
        assert not authors(clips, mixed | beds) & authors(clips, alone)


def test_the_polyphonic_recordings_are_dealt_as_if_there_were_no_others(cuts):
    """On the real event table, without any sound: their parts are those of the classes that they hear."""
    heard = [row for row in cuts if row.label in (*CLASSES, *STEADY)]
    alone, parts = deal_authors(heard, PARTS), deal(cuts)
    assert {name: parts[name] for name in alone} == alone
    assert set(parts) == {author_of(row) for row in cuts}
    assert len(parts) > len(alone)
    assert set(parts.values()) == set(PARTS)


def test_a_clip_without_an_author_is_refused(clips, cuts):
    first = clips.clips[0].id
    with pytest.raises(DataError, match=f"1 clips, such as {first}"):
        DealtClips(clips.corpus, [row for row in cuts if row.clip != first])


def test_sounds_and_content_are_those_of_the_corpus(clips, monkeypatch):
    clip = clips.clips[7]
    np.testing.assert_array_equal(clips.audio(clip).samples, clips.corpus.audio(clips.corpus.clips[7]).samples)
    monkeypatch.setattr(clips.corpus, "content", lambda: "what two thousand files hold")  # their digest takes long
    assert clips.content() == "what two thousand files hold"
    assert clips.fingerprint() != clips.corpus.fingerprint()
