"""Truths of the corpora and of the figure of footsteps."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from companion.audio import Audio
from companion.datasets.base import Clip
from companion.papers.kumarraj2017 import footsteps
from companion.papers.kumarraj2017.corpora import CLASS_ROWS, SAME, SoundSettings, row_of, sounds, stepping
from companion.results.criteria import load_class_mapping
from companion.results.published import load_published


def test_synthetic_worlds_share_no_recording_and_have_their_sizes(tmp_path):
    s = SoundSettings(name="synthetic", n_train=20, n_validation=4, n_test=5, n_web=30, n_wild=6, durations=(3.5,),
                      wild_durations=(4.0,), wrong=0.5)  # fmt: skip
    found = sounds(s, 0, tmp_path)
    assert Counter(clip.fold for clip in found.clean.clips) == {1: 20, 2: 4, 3: 5}
    assert sum(clip.fold == 1 for clip in found.web.clips) == 30
    assert sum(clip.fold == 3 for clip in found.wild.clips) == 6
    assert {clip.duration for clip in found.wild.clips} == {4.0}
    assert len({one.fingerprint() for one in (found.clean, found.web, found.wild)}) == 3
    assert not np.array_equal(*(one.audio(one.clips[0]).samples for one in (found.clean, found.web)))
    for corpus, wrong in ((found.clean, False), (found.web, True), (found.wild, False)):
        assert any(not set(clip.weak) <= {event.label for event in clip.strong} for clip in corpus.clips) == wrong


def test_three_corpora_of_esc50_keep_recordings_and_authors_apart(esc50_root):
    s = SoundSettings(name="esc50", n_train=30, n_validation=20, n_test=30, n_web=30, n_wild=20, durations=(2.0, 4.0),
                      wild_durations=(4.0,))  # fmt: skip
    found = sounds(s, 0, esc50_root.parent)
    assert found.clean.classes == found.web.classes == found.wild.classes

    def heard(corpus, fold):
        names = {name for clip in corpus.clips if clip.fold == fold for name in clip.recording.split("+")}
        return names | {corpus.author_of[name] for name in names if name in corpus.author_of}

    learned, chosen, tested = (
        heard(found.clean, 1) | heard(found.web, 1), heard(found.clean, 2), heard(found.clean, 3) | heard(found.wild, 3)
    )  # fmt: skip
    assert not learned & tested | learned & chosen | chosen & tested
    assert max(len(clip.strong) and len({e.label for e in clip.strong}) for clip in found.clean.clips) == 1
    assert max(len({event.label for event in clip.strong}) for clip in found.wild.clips) == 2


@pytest.mark.parametrize(("wrong", "missing"), [(1.0, 0.0), (0.0, 1.0)])
def test_labels_of_a_search_are_as_wrong_and_as_few_as_it_is_set(tmp_path, wrong, missing):
    """Either every first label is wrong and none is missing, or all are right and nothing but the first is left."""
    s = SoundSettings(name="synthetic", n_train=3, n_validation=3, n_test=3, n_web=30, n_wild=3, durations=(4.0,),
                      wild_durations=(4.0,), wrong=wrong, missing=missing)  # fmt: skip
    clips = [clip for clip in sounds(s, 0, tmp_path).web.clips if clip.fold == 1]
    true = [{event.label for event in clip.strong} for clip in clips]
    assert max(map(len, true)) > 1, "a search finds recordings of several things"
    for clip, held in zip(clips, true, strict=True):
        assert len(set(clip.weak) - held) == wrong
        assert len(clip.weak) == (1 if missing else len(held))


def test_mixtures_of_a_search_and_in_the_wild_hold_more_and_are_drawn_apart(monkeypatch, tmp_path):
    """Of one class with care, of two elsewhere; labels of the search alone are wrong and missing."""
    drawn, labelled = {}, []

    def mixtures(corpus, cuts, sizes, rule, name, seed):
        drawn[name] = (sizes, rule, seed)
        return name

    monkeypatch.setattr("companion.datasets.esc50.ESC50", lambda data: None)
    monkeypatch.setattr("companion.datasets.esc50_shares.share_mixtures", mixtures)
    monkeypatch.setattr("companion.datasets.relabelled.mislabelled", lambda *given: labelled.append(given) or "found")
    s = SoundSettings(name="esc50", n_train=3, n_validation=4, n_test=5, n_web=6, n_wild=7, durations=(2.0,),
                      wild_durations=(9.0,), wrong=0.1, missing=0.7, seed=20)  # fmt: skip
    found = sounds(s, 0, tmp_path)
    assert (found.clean, found.web, found.wild) == ("clean", "found", "wild")
    (given,) = labelled
    assert given == ("web", 0.1, 0.7, 20)
    sizes = {name: one[0] for name, one in drawn.items()}
    assert sizes == {"clean": {"train": 3, "validation": 4, "test": 5}, "web": {"train": 6}, "wild": {"test": 7}}
    rules = {name: (rule.n_classes, rule.durations, rule.ratio_db) for name, (_, rule, _) in drawn.items()}
    noisy = (-5.0, 10.0)
    assert rules == {"clean": ((1, 1), (2.0,), (0.0, 20.0)), "web": ((1, 2), (2.0,), noisy),
                     "wild": ((1, 2), (9.0,), noisy)}  # fmt: skip
    assert len({seed for *_, seed in drawn.values()}) == 3


def test_official_corpora_are_told_apart_by_class(monkeypatch, tmp_path):
    asked = {}

    class Stub:
        name, sample_rate, licence, citation, homepage = "stub", 44100, "", "", ""
        clips = (Clip("a", "a", 3, 10.0, weak=("Bark", "Speech")), Clip("b", "b", 3, 10.0, weak=("Speech",)))

        def __init__(self, *arguments):
            asked[len(asked)] = arguments

    for place in ("audioset.AudioSet", "queries.Queries", "urbansound.UrbanSound"):
        monkeypatch.setattr(f"companion.datasets.{place}", Stub)
    found = sounds(SoundSettings(name="urbansound"), 0, tmp_path)
    assert [(clip.id, clip.weak) for clip in found.wild.clips] == [("a", ("dog_bark",))]
    queries = next(arguments for arguments in asked.values() if len(arguments) == 3)
    assert queries[0] == tmp_path / "queries"
    assert queries[2]["dog bark sound"] == "dog_bark"
    assert set(queries[2].values()) == set(CLASS_ROWS)


def test_a_row_is_answered_by_a_class_of_the_same_meaning_only():
    mapping = {row: label for (paper, row), label in load_class_mapping().items() if paper == "KumarRaj2017" and label}
    assert {row: label for label, row in SAME.items()} == {r: c for r, c in mapping.items() if r in CLASS_ROWS.values()}
    published = load_published()
    rows = set(published[published["item"] == "Table I (US test)"]["row"]) - {"MAP"}
    assert set(CLASS_ROWS.values()) == rows
    assert row_of("dog", "esc50") == row_of("dog_bark", "urbansound") == "Dog Bark"
    assert row_of("chainsaw", "esc50") == row_of("wail", "synthetic") == row_of("dog", "synthetic") == ""


class Clicks:
    """A clip with bursts at the seconds that its name says."""

    def __init__(self, *names):
        self.clips = [Clip(name, name, 1, 3.0, label="steps") for name in names]

    def audio(self, clip):
        samples = np.zeros(3 * 44100, dtype=np.float32)
        for second in map(float, clip.id.split()):
            samples[round(second * 44100) : round((second + 0.08) * 44100)] = 0.5
        return Audio(samples, 44100)


def test_pauses_join_what_lies_within_them():
    corpus = Clicks("0.2 0.35 1.0 1.7")  # pauses of 0.07, 0.57 and 0.62 s
    found = footsteps.cuts(corpus, corpus.clips[0])
    assert {pause: len(spans) for pause, spans in found.items()} == {0.04: 4, 0.1: 3, 0.2: 3, 0.4: 3, 0.8: 1}
    onsets = [onset for onset, _ in found[0.04]]
    assert onsets == pytest.approx([0.2, 0.35, 1.0, 1.7], abs=0.03)


def test_the_clip_is_the_one_that_annotators_would_disagree_about_most():
    corpus = Clicks("0.2", "0.2 0.35 1.0 1.7", "0.2 1.2")
    assert footsteps.ambiguous(corpus, "steps").id == "0.2 0.35 1.0 1.7"
    corpus.clips = [replace(clip, label="other" if " " in clip.id else "steps") for clip in corpus.clips]
    assert footsteps.ambiguous(corpus, "steps").id == "0.2"


def test_more_different_counts_are_a_greater_disagreement_than_counts_that_are_further_apart(monkeypatch):
    counts = {"five ways": (1, 2, 3, 4, 5), "two ways": (1, 1, 1, 1, 20)}
    monkeypatch.setattr(footsteps, "cuts", lambda dataset, clip: dict(enumerate([[0] * n for n in counts[clip.id]])))
    clips = [Clip(name, name, 1, 5.0, "steps") for name in counts]
    for listed in (clips, clips[::-1]):
        assert footsteps.ambiguous(SimpleNamespace(clips=listed), "steps").id == "five ways"


def test_the_boundaries_are_those_of_the_recording_in_the_picture():
    found = footsteps.tables(Clicks("2.0", "0.2 0.35 1.0 1.7"), "steps")
    assert set(found["footsteps"]["clip"]) == {"0.2 0.35 1.0 1.7"}
    apart = found["boundaries"][found["boundaries"]["pause"] == 0.04]
    assert apart["onset"].tolist() == pytest.approx([0.2, 0.35, 1.0, 1.7], abs=0.03)


def test_the_picture_is_its_log_mel():
    corpus = Clicks("1.0")
    found = footsteps.tables(corpus, "steps")
    picture = found["footsteps"].pivot(index="seconds", columns="band", values="level")
    assert picture.shape == (259 // 4, 32)
    loud = picture.max(axis=1)
    assert loud.idxmax() == pytest.approx(1.0, abs=0.12)
    assert list(found["boundaries"]) == ["pause", "onset", "offset"]
    assert stepping(SoundSettings(name="urbansound"), 0, None) is None
