"""The source mixtures made from ESC-50 and their target, ESC-10, have nothing in common; nor have their splits."""

import pytest

from companion.datasets import esc50_mixtures
from companion.datasets.esc50 import ESC50, STRADDLING_RECORDINGS
from companion.datasets.esc50_mixtures import TARGET_FOLDS, TEST_FOLDS, source_cuts, source_mixtures
from companion.errors import DataError
from companion.events import EventCut, read_table
from companion.mixtures import MixtureRule
from companion.report.repository import checkout


@pytest.fixture
def made_up(make_esc50, tmp_path):
    """The made-up corpus, in which dogs are ESC-10 and chainsaws are not, and a table with one cut a clip."""
    corpus = ESC50(make_esc50(tmp_path / "ESC-50"))
    cuts = [EventCut(c.id, 0, 44_100, c.recording, str(c.label), c.fold, "") for c in corpus.clips]
    return corpus, cuts


def draw(corpus, cuts):
    return source_mixtures(corpus, cuts, sizes={"train": 3}, seed=0, rule=MixtureRule(duration=2.0, n_events=(1, 1)))


def test_a_source_without_the_target_is_drawn(made_up):
    assert draw(*made_up).classes == ("chainsaw",)


def test_a_source_of_the_targets_classes_is_refused(made_up, monkeypatch):
    monkeypatch.setattr(esc50_mixtures, "source_cuts", lambda corpus, cuts: cuts)
    with pytest.raises(DataError, match=r"sounds of ESC-10.*dog") as caught:
        draw(*made_up)
    assert caught.value.expected
    assert caught.value.repair


@pytest.mark.parametrize("heard", ["1-1001-A-0", "1-9999-A-41"], ids=["a clip of the target", "a clip of no corpus"])
def test_a_table_that_misnames_its_clips_is_refused(made_up, heard):
    """Its labels and recordings are innocent; the clips that would be heard are not."""
    corpus, cuts = made_up
    wrong = [EventCut(heard, 0, 44_100, "1011", "chainsaw", row.fold, "") for row in cuts if row.label == "chainsaw"]
    with pytest.raises(DataError, match=r"1001|1-9999"):
        draw(corpus, wrong)


def test_a_target_without_clips_is_refused(made_up, monkeypatch):
    """Having nothing in common with nothing proves nothing."""
    corpus, cuts = made_up
    empty = ESC50(corpus.folder, esc10_only=True)
    empty.clips = empty.classes = ()
    monkeypatch.setattr(esc50_mixtures, "ESC50", lambda folder, esc10_only: empty)
    with pytest.raises(DataError, match="sounds of ESC-10"):
        draw(corpus, [row for row in cuts if row.label == "chainsaw"])


@pytest.fixture(scope="module")
def esc50_source(esc50_root):
    corpus = ESC50(esc50_root)
    table = read_table(checkout() / "data" / "events" / "esc50.csv")
    return corpus, table, source_mixtures(corpus, table, sizes={"train": 300, "validation": 60}, seed=0)


def test_source_and_target_share_no_class_and_no_recording(esc50_source):
    corpus, table, source = esc50_source
    target = ESC50(corpus.folder, esc10_only=True)
    target_recordings = {clip.recording for clip in target.clips}
    assert len(source.classes) == 40
    assert not set(source.classes) & set(target.classes)
    clips = {clip.id: clip for clip in corpus.clips}
    for recipe in source.recipes.values():
        heard = [placement.event.clip for placement in recipe.placements] + list(recipe.bed)
        for clip in heard:
            assert clips[clip].recording not in target_recordings
            assert clips[clip].label not in target.classes
    left_out = {row.recording for row in table if row.label in source.classes} - {
        row.recording for row in source_cuts(corpus, table)
    }
    assert left_out == set(STRADDLING_RECORDINGS)


@pytest.mark.parametrize("folds", [TARGET_FOLDS, TEST_FOLDS], ids=["for another target", "with a test split"])
def test_splits_share_no_recording_not_even_in_a_bed(esc50_source, folds):
    corpus, table, _ = esc50_source
    source = source_mixtures(corpus, table, sizes=dict.fromkeys(folds, 100), folds=folds, seed=0)
    clips = {clip.id: clip for clip in corpus.clips}
    heard: dict[str, set[str]] = {split: set() for split in folds}
    for recipe in source.recipes.values():
        for clip in [placement.event.clip for placement in recipe.placements] + list(recipe.bed):
            assert clips[clip].fold in folds[recipe.split]
            heard[recipe.split].add(clips[clip].recording)
    assert all(not heard[a] & heard[b] for a in folds for b in folds if a < b)
    assert all(heard.values())
