"""The source mixtures made from ESC-50 and their target, ESC-10, have nothing in common; nor have their splits."""

import pytest

from companion.checkout import event_table
from companion.datasets import esc50_mixtures
from companion.datasets.esc50 import ESC50, STRADDLING_RECORDINGS
from companion.datasets.esc50_mixtures import source_mixtures
from companion.datasets.esc50_parts import author_of, outside_esc10
from companion.errors import DataError
from companion.events import EventCut, read_table
from companion.mixtures import MixtureRule


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
    monkeypatch.setattr(esc50_mixtures, "outside_esc10", lambda corpus, cuts: cuts)
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
def real(esc50_root):
    return ESC50(esc50_root), read_table(event_table())


@pytest.mark.parametrize("sizes", [{"train": 200, "validation": 40}, {"train": 100, "validation": 40, "test": 60}])
def test_source_and_target_share_no_class_and_no_recording(real, sizes):
    corpus, table = real
    target = ESC50(corpus.folder, esc10_only=True)
    target_recordings = {clip.recording for clip in target.clips}
    source = source_mixtures(corpus, table, sizes=sizes, seed=0)
    assert len(source.classes) == 40
    assert not set(source.classes) & set(target.classes)
    heard = {name for recipe in source.recipes.values() for name in recipe.clips}
    clips = [clip for clip in corpus.clips if clip.id in heard]
    assert len(clips) == len(heard)
    assert not {clip.recording for clip in clips} & target_recordings
    assert not {clip.label for clip in clips} & set(target.classes)


def test_only_the_straddling_recordings_of_the_forty_classes_are_left_out(real):
    corpus, table = real
    target = ESC50(corpus.folder, esc10_only=True)
    outside = {row.recording for row in table if row.label not in target.classes}
    assert outside - {row.recording for row in outside_esc10(corpus, table)} == set(STRADDLING_RECORDINGS)


@pytest.mark.parametrize("splits", [("train", "validation"), ("train", "validation", "test")])
def test_splits_share_no_recording_and_no_author_not_even_in_a_bed(real, splits):
    corpus, table = real
    source = source_mixtures(corpus, table, sizes=dict.fromkeys(splits, 100), seed=0)
    of_clip = {row.clip: {row.recording, author_of(row)} for row in table}
    heard = {
        split: set().union(*(of_clip[name] for recipe in source.recipes.values() if recipe.split == split
                             for name in recipe.clips))
        for split in splits
    }  # fmt: skip
    assert all(heard.values())
    assert all(not heard[a] & heard[b] for a in splits for b in splits if a < b)
