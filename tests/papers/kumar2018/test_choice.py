"""Truths of the choice among representations: by clips that nothing behind it has heard."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest

from companion.papers.kumar2018 import choice, transfer
from companion.papers.kumar2018.adaptation import COLUMNS
from companion.papers.kumar2018.cell_rows import Table
from companion.papers.kumar2018.cells import OWN_OUTPUT, PLAIN, STANDARDISED, Cell, Cells, Key
from companion.results.rows import Rows
from papers.kumar2018 import made_up_cells
from papers.kumar2018.made_up_cells import framed

FOLDS = (1, 2, 3, 4)
ROWS = ("N_S", "N_T^I", "N_T^II", "N_T^III")


@pytest.fixture(scope="module")
def target():
    return made_up_cells.target(tuple("abc"), per_class=20)


def noise(target, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(len(target.labels), 6)).astype(np.float32) for name in COLUMNS}


def knowing(target, members, seed=0, column="F1 max"):
    """Representations of which one holds the label of some clips, and nothing of the others."""
    found = noise(target, seed)
    found[column][members, :3] += 8 * np.eye(3, dtype=np.float32)[target.labels[members]]
    return found


def cells(target, rows=ROWS, c=1.0):
    """Cells whose predictions say whose they are: clip by clip a number of their own."""
    made = {}
    for number, (row, column) in enumerate((row, column) for row in rows for column in COLUMNS):
        key = Key("source", row, column, PLAIN)
        predictions = np.full(len(target.labels), number)
        made[key] = Cell(key, predictions, c=tuple(c + 10 * n for n in range(len(FOLDS))), inner_accuracy=0.9)
    return made


@pytest.fixture
def world(monkeypatch, target):
    """Choose among networks whose representations are made up; who was asked for what is kept."""
    asked = []

    def choose(plain, adapted, candidates=ROWS, made=None, seed=5):
        def adapt_pair(task, given, source, method, pair, with_seed):
            asked.append((method, tuple(pair), with_seed))
            return adapted(method, np.isin(target.folds, pair))

        monkeypatch.setattr(choice, "adapt_pair", adapt_pair)
        monkeypatch.setattr(choice, "trunks", lambda *_: None)
        monkeypatch.setattr(choice, "represent", lambda *_: SimpleNamespace(
            **{COLUMNS[name]: x for name, x in plain.items()}))  # fmt: skip
        task = SimpleNamespace(settings=SimpleNamespace(candidates=candidates), work=SimpleNamespace(device="cpu"))
        source = SimpleNamespace(network=None)
        return choice.choose(task, target, source, seed, made or cells(target, candidates))

    choose.asked = asked
    return choose


def test_what_is_right_only_where_it_was_adapted_is_not_chosen(world, target):
    """Adapted networks know every clip that they heard; N_S knows two in three of all, which is worth more."""
    some = np.arange(len(target.labels)) % 3 > 0
    predictions, table = world(
        knowing(target, some, 1, "F1 avg"), lambda method, out: knowing(target, ~out, 2 + len(method))
    )
    assert table["fold"].tolist() == list(FOLDS)
    assert set(table["row"]) == {"N_S"}
    assert set(table["column"]) == {"F1 avg"}
    assert (table["inner accuracy %"] > 55).all()
    assert (predictions == 1).all(), "the second cell's"
    pairs = list(combinations(FOLDS, 2))
    assert sorted(world.asked) == sorted((method, pair, 5) for method in ("I", "II", "III") for pair in pairs)


def test_the_best_without_the_fold_predicts_it(world, target):
    """An adapted network that knows what it did not hear is chosen, in each fold, and its own cell predicts."""
    knows = np.ones(len(target.labels), dtype=bool)
    predictions, table = world(
        noise(target), lambda method, out: knowing(target, knows if method == "II" else ~knows, 3, "F1 max")
    )
    assert set(zip(table["row"], table["column"], strict=True)) == {("N_T^II", "F1 max")}
    assert set(predictions.tolist()) == {8}
    assert (table["inner accuracy %"] == 100).all()


def test_a_fold_has_no_say_in_what_predicts_it(world, target):
    """N_S knows fold 2 and a third of the others, N_T^I three quarters of those: they, not fold 2, decide for it."""
    number, of_two = np.arange(len(target.labels)), target.folds == 2
    few, most = of_two | (number % 3 == 0), ~of_two & (number % 4 > 0)
    _, table = world(knowing(target, few, 1), lambda method, out: knowing(target, most, 2), ("N_S", "N_T^I"))
    assert table.set_index("fold").loc[2, "row"] == "N_T^I"


def test_ties_go_to_the_first(world, target):
    same = noise(target, 4)
    same["F1 avg"] = same["F1 max"]
    predictions, table = world(same, lambda *_: same)
    assert set(zip(table["row"], table["column"], strict=True)) == {("N_S", "F1 max")}
    assert set(predictions.tolist()) == {0}


def test_only_f1_of_the_candidates_from_the_source_by_the_plain_probe_can_be_chosen(world, target):
    everyone = np.ones(len(target.labels), dtype=bool)
    made = cells(target)
    for key in [Key("untrained", "N_S", "F1 max", PLAIN), Key("source", "N_S", "F1 max", STANDARDISED),
                Key("source", "N_T^I", OWN_OUTPUT, "")]:  # fmt: skip
        made = {key: Cell(key, np.full(len(target.labels), 99), c=(1.0,) * 4), **made}
    f2 = knowing(target, everyone, 1, "F2 max")
    plain = {**f2, "F1 max": knowing(target, everyone, 1)["F1 max"]}
    predictions, table = world(plain, lambda *_: f2, ("N_S", "N_T^III"), made)
    assert set(zip(table["row"], table["column"], strict=True)) == {("N_S", "F1 max")}
    assert set(predictions.tolist()) == {0}, "the source's own cell, though others come before it and are as good"
    assert {method for method, *_ in world.asked} == {"III"}


def test_a_probe_of_the_choice_learns_from_neither_fold_nor_from_recordings_of_the_one_set_aside(target, monkeypatch):
    """What it is fitted on, with the C of the fold that is tested, and what it is scored on."""
    fitted = []

    class Machine:
        def __init__(self, c):
            fitted.append(c)

        def fit(self, x, y):
            fitted.append((x[:, 0].astype(int).tolist(), y.tolist()))
            return self

        def score(self, x, y):
            fitted.append((x[:, 0].astype(int).tolist(), y.tolist()))
            return 0.25

    monkeypatch.setattr(choice, "LinearSVM", Machine)
    numbers = np.arange(len(target.labels))
    aside = numbers[target.folds == 3]
    recordings = target.recordings.copy()
    recordings[0] = recordings[aside[0]]
    shared = SimpleNamespace(folds=target.folds, labels=target.labels, recordings=recordings)
    assert choice.accuracy(numbers[:, None].astype(np.float32), shared, 2, 3, 0.5) == 0.25
    training = [i for i in numbers if target.folds[i] in (1, 4) and i != 0]
    assert target.folds[0] == 1
    assert fitted == [
        0.5,
        (training, target.labels[training].tolist()),
        (aside.tolist(), target.labels[aside].tolist()),
    ]


def test_c_is_that_of_the_fold_tested(world, target, monkeypatch):
    asked = set()
    monkeypatch.setattr(choice, "accuracy", lambda x, given, test, aside, c: asked.add((test, c)) or 0.5)
    world(noise(target), lambda *_: noise(target))
    assert asked == {(1, 1.0), (2, 11.0), (3, 21.0), (4, 31.0)}


def test_a_pair_of_folds_is_left_out_together(target, monkeypatch):
    monkeypatch.setattr(choice, "keep_adapted", lambda *arguments: arguments)
    assert choice.adapt_pair("task", target, "source", "II", [3, 1], 5) == ("task", "source", target, "II", (1, 3), 5)


def test_the_row_of_the_comparison_is_what_was_chosen_for_every_seed(target, monkeypatch):
    """Half of the clips right under the first seed, all under the second; N_S is the same for both, N_T is not."""
    asked = []

    def choose(task, given, source, seed, own):
        asked.append((source, seed, [cell.c for cell in own.values()]))
        right = np.arange(len(target.labels)) % 2 > 0 if seed == 7 else np.ones(len(target.labels), dtype=bool)
        lines = {"seed": [seed] * 4, "fold": FOLDS, "row": "N_S", "column": "F1 max"}
        return np.where(right, target.labels, -1), transfer.pd.DataFrame(lines)

    monkeypatch.setattr(transfer, "choose", choose)
    made = Cells(target)
    made.add([Cell(Key("source", "N_S", "F1 max", PLAIN), target.labels, c=(0.0,))])
    made.add([Cell(Key("source", "N_T^I", "F1 max", PLAIN), target.labels, c=(float(n),)) for n in (1, 2)])
    rows = Rows()
    task = SimpleNamespace(settings=SimpleNamespace(n_seeds=2), seeds=lambda n: [7, 8, 9][:n])
    table = transfer.proposed(Table(target, made.correct(), rows), task, made, ["given weights"])
    assert asked == [("given weights", 7, [(0.0,), (1.0,)]), ("given weights", 8, [(0.0,), (2.0,)])]
    assert len(table) == 8
    asked.clear()
    transfer.proposed(Table(target, made.correct(), Rows()), task, made, ["s0", "s1"])
    assert [source for source, *_ in asked] == ["s0", "s1"]
    right = np.arange(len(target.labels)) % 2 > 0
    half = np.mean([right[target.folds == fold].mean() for fold in FOLDS])
    line = framed(rows).loc[("Table2 left", "Proposed (F1)", "mean of 5 folds", "accuracy %")]
    assert line["value"] == pytest.approx(100 * (half + 1) / 2)
    assert line["n_seeds"] == 2
    assert "N_S F1 max in 8 of 8 folds" in line["note"]
