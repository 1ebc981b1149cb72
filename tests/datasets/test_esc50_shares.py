"""Ten classes in recordings of 2 to 60 s: shares as drawn, nobody in two splits, backgrounds of many recordings."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from companion.checkout import event_table
from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_shares import BACKGROUNDS, LEAST, STAND_INS, parts, share_mixtures
from companion.errors import DataError
from companion.events import EventCut, author_of, read_table
from companion.mixtures.shares import ShareDraw, ShareRule, draw_share

RATE = 1000


def cuts(labels: str, recordings: int = 6, seconds: float = 4.0, author: str = "{label}{i}") -> list[EventCut]:
    """Cuts of some classes, each of another recording and author."""
    return [
        EventCut(f"{label}-{i}", 100, 100 + round(seconds * RATE), f"{label}{i}", label, 1,
                 author.format(label=label, i=i))
        for label in labels
        for i in range(recordings)
    ]  # fmt: skip


def drawn(rule: ShareRule, n: int = 400, seed: int = 0, seconds: float = 4.0):
    draw = ShareDraw(cuts("abcd", seconds=seconds), cuts("xyz", 12), rule, RATE)
    return draw.recipes("set", "train", n, np.random.default_rng(seed))


def filled(recipe) -> dict[str, float]:
    """Share of a recipe that each class fills, and a check that its pieces do not overlap and lie inside."""
    spans = defaultdict(list)
    for placement in recipe.placements:
        spans[placement.event.label].append((placement.onset, placement.onset + placement.event.n_samples))
    for own in spans.values():
        own.sort()
        assert own[0][0] >= 0
        assert own[-1][1] <= recipe.n_samples
        assert all(a[1] <= b[0] for a, b in pairwise(own))
    return {label: sum(b - a for a, b in own) / recipe.n_samples for label, own in spans.items()}


def test_every_bin_of_shares_and_every_length_is_drawn_as_often():
    rule = ShareRule(durations=(10.0, 20.0, 60.0), shares=(0.05, 0.2, 0.6, 1.0))
    recipes = drawn(rule, 1200)
    shares = [share for recipe in recipes for share in filled(recipe).values()]
    counts, _ = np.histogram(shares, [0.04, 0.2, 0.6, 1.0 + 1e-9])
    assert counts.sum() == len(shares) == 1200
    assert np.abs(counts - 400).max() < 60
    lengths = Counter(recipe.n_samples for recipe in recipes)
    assert set(lengths) == {10_000, 20_000, 60_000}
    assert max(lengths.values()) - min(lengths.values()) < 90
    assert set(Counter(r.placements[0].event.label for r in recipes).values()) == {300}
    assert len({recipe.placements[0].event.label for recipe in recipes[:8]}) > 1, "in random order"


def test_shares_within_a_bin_come_in_equal_ratios():
    rng, rule = np.random.default_rng(0), ShareRule(shares=(0.01, 1.0))
    logs = np.log([draw_share(rule, 60.0, rng) for _ in range(2000)]) / np.log(0.01)
    assert logs.mean() == pytest.approx(0.5, abs=0.02)
    assert logs.std() == pytest.approx(12**-0.5, abs=0.02)


def test_a_short_recording_has_no_share_shorter_than_the_shortest_event():
    rule = ShareRule(durations=(2.0,))
    recipes = drawn(rule, 300)
    assert min(filled(recipe)[recipe.placements[0].event.label] for recipe in recipes) >= 0.15 - 1e-9
    assert all(p.event.n_samples >= 300 for recipe in recipes for p in recipe.placements)


def test_all_pieces_of_a_class_are_of_one_recording_inside_its_cuts():
    for recipe in drawn(ShareRule(durations=(30.0,), n_classes=(1, 2))):
        by_class = defaultdict(set)
        for placement in recipe.placements:
            by_class[placement.event.label].add(placement.event.recording)
            assert placement.event.onset == 100
            assert placement.event.offset <= 4100
        assert set(map(len, by_class.values())) == {1}
        for label in by_class:
            (ratio,) = {p.ratio_db for p in recipe.placements if p.event.label == label}
            assert 0.0 <= ratio <= 20.0
    counts = Counter(len(filled(recipe)) for recipe in drawn(ShareRule(durations=(30.0,), n_classes=(1, 2))))
    assert counts[1] == pytest.approx(200, abs=50)
    assert set(counts) == {1, 2}


def test_backgrounds_are_made_of_many_recordings_of_other_classes():
    for recipe in drawn(ShareRule(durations=(60.0,)), 20):
        assert {clip[0] for clip in recipe.bed.clips} == {"x", "y", "z"}
        assert len(set(recipe.bed.clips)) > 12
        assert len(recipe.bed.beside) == 1
    with pytest.raises(DataError, match="a both as events and as background"):
        ShareDraw(cuts("ab"), cuts("ax"), ShareRule(), RATE)


def test_recipes_are_a_function_of_the_seed():
    assert drawn(ShareRule(), 10) == drawn(ShareRule(), 10)
    assert drawn(ShareRule(), 10) != drawn(ShareRule(), 10, seed=1)


def table(recordings: int = 20, author: str = "{label}{i}") -> list[EventCut]:
    """An event table with all classes."""
    return [row for label in (*STAND_INS.values(), *BACKGROUNDS) for row in cuts([label], recordings, 2.0, author)]


class Corpus:
    """As much of ESC-50 as the draw needs."""

    name, sample_rate = "made up", RATE
    superclass_of = dict.fromkeys(STAND_INS.values(), "")
    licence = citation = homepage = ""

    def __init__(self, rows):
        self.clips = [type("Clip", (), {"id": row.clip})() for row in rows]


def test_no_recording_and_no_author_is_in_two_splits():
    rows = table(author="{i}")  # people who recorded something of every class
    found = parts(Corpus(rows), rows)
    assert set(found) == {"train", "validation", "test"}
    authors = {split: {author_of(row) for row in events + beds} for split, (events, beds) in found.items()}
    assert sum(map(len, authors.values())) == len(set().union(*authors.values())) == 20
    for events, beds in found.values():
        assert {row.label for row in events} == set(STAND_INS.values())
        assert {row.label for row in beds} == set(BACKGROUNDS)


def test_too_few_test_recordings_are_refused_and_so_is_a_table_of_other_clips():
    few = table(8)
    with pytest.raises(DataError, match=f"expected: {LEAST} or more"):
        parts(Corpus(few), few)
    with pytest.raises(DataError, match="vacuum_cleaner-0"):
        parts(Corpus(table()[1:]), table())


def test_the_corpus_holds_what_its_recipes_say():
    rows = table()
    made = share_mixtures(Corpus(rows), rows, {"train": 20, "test": 10, "validation": 0}, ShareRule(), "clean", 0)
    assert made.classes == tuple(STAND_INS.values())
    assert Counter(clip.fold for clip in made.clips) == {1: 20, 3: 10}
    assert all(clip.weak == tuple({event.label for event in clip.strong}) for clip in made.clips)
    assert made.name == "clean mixtures of made up"


def test_ten_classes_of_the_real_table_have_five_test_recordings_and_sound(esc50_root):
    corpus, rows = ESC50(esc50_root), read_table(event_table())
    found = parts(corpus, rows)
    for split, (events, beds) in found.items():
        assert len({row.recording for row in beds}) > 90, split
        if split == "test":
            assert min(Counter(label for label, _ in {(r.label, r.recording) for r in events}).values()) >= LEAST
    authors = [{author_of(row) for row in events + beds} for events, beds in found.values()]
    assert not authors[0] & authors[1] | authors[0] & authors[2] | authors[1] & authors[2]
    made = share_mixtures(corpus, rows, {"test": 3}, ShareRule(durations=(2.0,)), "clean", 0)
    for clip in made.clips:
        assert len(made.audio(clip).samples) == 88_200
