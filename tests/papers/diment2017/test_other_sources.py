"""Truths of further sources: their own networks, the same test mixtures, and rows that answer nothing published."""

from collections import Counter
from dataclasses import replace

import pytest

from companion.papers.diment2017 import table1, transfer
from companion.results.scorecard import scorecard_rows
from papers.diment2017.made_up import N, rows_of
from papers.diment2017.tiny import SOURCE, World

VOICES = SOURCE.model_copy(update={"n_train": 10})
C, SCRATCH = table1.ROWS["c"], table1.ROWS["from scratch"]


@pytest.fixture
def both(made_up):
    """A task with a second source, whose schemes are right in so many of a rotation's 24 mixtures."""

    def task(counts=None, *, accuracy=0.9, **options):
        voices = World()

        def said(scheme, heard):
            found = counts[scheme] if counts and heard.sounds is voices else 12
            return heard.right(heard.first(found))

        options = {"also": {"voices": VOICES.model_dump()}, **options}
        made = made_up(said=said, accuracy=[accuracy] * 3, **options)
        return replace(made, inputs={**made.inputs, "voices": voices})

    return task


def trained(task, name):
    """What was asked of the store for one function, with the source's name of each."""
    asked = [arguments for function, arguments in task.asked if function == name]
    return [(arguments[1].sounds.source, arguments) for arguments in asked]


def test_another_source_has_networks_of_its_own_learned_in_its_own_way(both):
    task = both()
    transfer.compute(task)
    sources = {name: a for name, a in trained(task, "train_source")}
    assert sources["voices"][0] is task.inputs["voices"]
    assert sources["cry"][0] is task.inputs["sounds"]
    assert {name: a[2].n_train for name, a in sources.items()} == {"voices": 10, "cry": SOURCE.n_train}
    targets = Counter((name, a[3], a[5], a[0] is task.inputs["voices"]) for name, a in trained(task, "train_target"))
    assert {key: n for key, n in targets.items() if key[0] == "voices"} == {
        ("voices", scheme, 6, True): 2 * 3 for scheme in ("a", "c")
    }, "two rotations and three seeds of (a) and (c), with the few mixtures"
    assert not any(of_voices for name, *_, of_voices in targets if name == "cry")


def test_what_another_source_gains_stands_in_its_own_rows(both):
    rows = rows_of(transfer.compute(both({"a": 18, "c": 21})))
    for scheme, right in (("a", 18), ("c", 21)):
        name = f"voices: {table1.ROWS[scheme]}"
        assert rows["Other sources", name, table1.COLUMN]["value"] == pytest.approx(100 * right / N)
        gain = rows["Paired", f"{name} - {SCRATCH}", table1.COLUMN]
        assert gain["value"] == pytest.approx(100 * (right - 12) / N)
    assert rows["Paired", f"{C} - {SCRATCH}", table1.COLUMN]["value"] == 0, "the cry's own networks gain nothing"
    assert rows["Source task", "voices: LSTM below", "test mixtures"]["value"] == pytest.approx(90)


@pytest.mark.parametrize(
    ("accuracy", "bound", "item"),
    [(0.9, 0.0, "Other sources"), (0.8, 0.0, "Other sources, source not learned"),
     (0.9, 0.6, "Other sources, target not learned")],
)  # fmt: skip
def test_a_row_says_what_was_not_learned(both, accuracy, bound, item):
    rows = rows_of(transfer.compute(both({"a": 18, "c": 21}, accuracy=accuracy, bound=bound)))
    assert {place[0] for place in rows if place[0].startswith("Other sources")} == {item}


def test_another_source_answers_no_published_row(both, run_of):
    """Its gain is large and the cry's is none: C160 is of the cry."""
    run = run_of(transfer, transfer.compute(both({"a": 24, "c": 24})))
    found = scorecard_rows([run], [], {"C160": "diment2017/transfer"}, set()).set_index("id").loc["C160"]
    assert found["value"] == 0


def test_the_target_is_tested_on_the_same_mixtures_whatever_the_source(world):
    assert world.mixtures("target", "test", 8).recipes == World().mixtures("target", "test", 8).recipes


def test_parts_of_another_source_are_its_networks(both):
    task = both()
    parts = transfer.experiment.parts
    assert list(parts["other-source"].each(task.settings, 4)) == [{"source": "voices", "seed": s} for s in (4, 5)]
    assert len(list(parts["other-target"].each(task.settings, 0))) == 2 * 3
    for name in ("other-source", "other-target"):
        for index in parts[name].each(task.settings, task.seed):
            parts[name].make(task, **index)
    made = {(name, a[0] is task.inputs["voices"]) for function in ("train_source", "train_target")
            for name, a in trained(task, function)}  # fmt: skip
    assert made == {("voices", True)}
    before = Counter(repr(receipt["key"]) for receipt in task.receipts)
    transfer.compute(task)
    after = Counter(repr(receipt["key"]) for receipt in task.receipts)
    assert set(before) <= set(after), "the chapter uses what its parts made"


def test_every_other_source_is_asked_for_by_its_name(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(transfer, "rare_sounds", lambda sounds, seed, data: asked.append((sounds.source, seed, data)) or
                        f"sounds of {sounds.source}")  # fmt: skip
    settings = transfer.PROFILES["esc50"]
    assert set(settings.also) == {"voices"}
    assert transfer.inputs(settings, 3, tmp_path) == {"sounds": "sounds of cry", "voices": "sounds of voices"}
    assert {one[1:] for one in asked} == {(3, tmp_path)}
