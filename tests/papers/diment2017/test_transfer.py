"""Truths of Table 1: planted scores land in their rows and decide the claims, and seeds, rotations and sources meet."""

import math

import numpy as np
import pytest

from companion.datasets.rare_events_2017_tasks import TASK_EVENTS
from companion.papers.diment2017 import table1, transfer
from companion.papers.diment2017.learning import TargetSettings
from companion.results.criteria import load_class_mapping, load_criteria
from companion.results.published import load_published
from companion.results.rows import KEY
from companion.results.verdict import Reader, Verdict, published_rows, verdict
from papers.diment2017.made_up import N, right_in, rows_of, system

PUBLISHED, CRITERIA = load_published(), load_criteria()
IDS = {"from scratch": "C151", "a": "C152", "b": "C153", "c": "C154", "full": "C155"}
CLAIMS = {"C158": "a", "C159": "b", "C160": "c"}


def published_value(rows, name):
    """The row that answers a published one."""
    return rows[tuple(PUBLISHED.loc[name, KEY[1:4]])]


def judged(run) -> dict[str, Verdict | None]:
    """What a run says of the published rows that this chapter answers; None where it says nothing."""
    reader = Reader(run, published_rows(PUBLISHED), load_class_mapping())
    return {name: verdict(CRITERIA[name], reader) for name in transfer.experiment.answers}


# Planted scores


def test_each_system_has_its_own_row_of_the_published_table(made_up):
    counts = {"from scratch": 12, "a": 15, "b": 10, "c": 21, "full": 23}
    rows = rows_of(transfer.compute(made_up(said=right_in(counts))))
    for name, published in IDS.items():
        row = published_value(rows, published)
        assert row["value"] == pytest.approx(100 * counts[name] / N)
        assert row["measure"] == PUBLISHED.loc[published, "measure"]
        assert row["n_seeds"] == (2 if name == "full" else 3)
        assert row["ci_low"] < row["value"] < row["ci_high"]
    assert sum(item == "Table1" for item, *_ in rows) == len(IDS)


@pytest.mark.parametrize("best", IDS)
def test_a_system_that_is_always_right_has_all_in_its_own_row_and_nothing_elsewhere(made_up, best):
    def said(scheme, heard):
        return heard.right(system(scheme, heard) == best)

    rows = rows_of(transfer.compute(made_up(by_event=True, said=said)))
    found = {name: published_value(rows, published)["value"] for name, published in IDS.items()}
    assert found == pytest.approx({name: 100.0 * (name == best) for name in IDS})
    own = {"full": table1.FULL}.get(best, best)
    for (item, row, column), line in rows.items():
        if item == "By event":
            assert line["value"] == pytest.approx(100.0 * (row == own)), (row, column)


def test_rotations_and_seeds_count_alike(made_up):
    """Right in rotation 1 alone, and by seed: means over both."""
    said = lambda scheme, heard: heard.right((heard.rotation == 1) & heard.first(6 * (heard.seed + 1)))  # noqa: E731
    rows = rows_of(transfer.compute(made_up(said=said)))
    assert published_value(rows, "C154")["value"] == pytest.approx(100 * np.mean([6, 12, 18]) / N / 2)
    assert published_value(rows, "C155")["value"] == pytest.approx(100 * np.mean([6, 12]) / N / 2)


def test_differences_are_of_the_same_mixtures_and_exchanged_systems_exchange_their_sign(made_up):
    def said(scheme, heard):
        draws = np.random.default_rng([heard.rotation, heard.seed, len(scheme)]).random(len(heard.labels))
        return heard.right(draws < (0.7 if system(scheme, heard) == "from scratch" else 0.4))

    def exchanged(scheme, heard):
        other = {"c": "from scratch", "from scratch": "c"} if system(scheme, heard) != "full" else {}
        return said(other.get(scheme, scheme), heard)

    one, two = (rows_of(transfer.compute(made_up(said=of))) for of in (said, exchanged))
    row = ("Paired", f"{table1.ROWS['c']} - {table1.ROWS['from scratch']}", table1.COLUMN)
    for this, that in ((one, two), (two, one)):
        levels = [published_value(this, name)["value"] for name in ("C154", "C151")]
        assert this[row]["value"] == pytest.approx(levels[0] - levels[1])
        ends = [this[row][name] for name in ("value", "ci_low", "ci_high")]
        assert ends == pytest.approx([-that[row][name] for name in ("value", "ci_high", "ci_low")])
        assert this[row]["p_value"] == pytest.approx(that[row]["p_value"])
    assert one[row]["value"] < -10


# The claims, as the criteria judge them


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_planted_scores_decide_the_claims(made_up, run_of, turn):
    """(a) and (c) above training from scratch, (b) below: one more right, one less, one as often, but elsewhere."""
    signs = dict(zip(CLAIMS, np.roll([1, -1, 0], turn).tolist(), strict=True))
    of_scheme = {CLAIMS[claim]: sign for claim, sign in signs.items()}

    def said(scheme, heard):
        sign = of_scheme.get(scheme, 1)
        if scheme == "from scratch":
            return heard.right(heard.first(12))
        return heard.right(heard.first(12 + 10 * sign) if sign else ~heard.first(12))

    found = judged(run_of(transfer, transfer.compute(made_up(said=said))))
    for claim, sign in signs.items():
        expected = {1: "holds", -1: "contradicted", 0: "not settled"}[-sign if claim == "C159" else sign]
        assert found[claim].words == expected, claim
        assert found[claim].value == pytest.approx(100 * 10 * sign / N)


@pytest.mark.parametrize(("n", "words"), [(22, "holds"), (13, "contradicted"), (18, "not settled")])
def test_x09_is_the_middle_of_few_mixtures_and_many(made_up, run_of, n, words):
    """12 of 24 with few, all with many: the middle is 18."""

    def said(scheme, heard):
        if n == 18 and scheme == "c":  # as often right, elsewhere
            return heard.right(~heard.first(6))
        return right_in({"full": 24, "c": n})(scheme, heard)

    found = judged(run_of(transfer, transfer.compute(made_up(said=said))))["X09"]
    assert found.words == words
    assert found.value == pytest.approx(100 * (n - 18) / N)


def test_the_middle_is_taken_seed_by_seed_over_those_that_all_systems_have(made_up):
    """Two seeds learn from many mixtures: the third of (c) and of few does not count, here or there."""
    right = {"c": (20, 16, 0), "from scratch": (4, 8, 24), "full": (24, 20)}
    said = lambda scheme, heard: heard.right(heard.first(right[system(scheme, heard)][heard.seed]))  # noqa: E731
    row = rows_of(transfer.compute(made_up(said=said, schemes=("from scratch", "c"))))[
        "Prose", "(c) - midpoint from few to full data", table1.COLUMN
    ]
    assert row["value"] == pytest.approx(100 * np.mean([20 - (4 + 24) / 2, 16 - (8 + 20) / 2]) / N)
    assert row["n_seeds"] == 2


def test_a_source_that_was_not_learned_answers_for_no_transfer(made_up, run_of):
    """The mean of the source networks decides: what was transferred is then not what the paper transferred."""
    learned, not_learned = (
        judged(run_of(transfer, transfer.compute(made_up(accuracy=[0.95, second])))) for second in (0.76, 0.74)
    )
    transferred = {"C152", "C153", "C154", *CLAIMS, "X09"}
    assert {name for name, found in learned.items() if found} == {"C151", "C155", *transferred}
    assert {name for name, found in not_learned.items() if found} == {"C151", "C155"}


@pytest.mark.parametrize(("n", "accuracy"), [(16, 0.95), (15, 0.95), (15, 0.5)])
def test_a_target_that_not_even_many_mixtures_taught_answers_for_nothing(made_up, run_of, n, accuracy):
    """Two thirds right with many mixtures, or less: whatever few of them did, it is shown under another name."""
    said = right_in({"c": 23, "full": n})
    findings = transfer.compute(made_up(said=said, bound=0.65, accuracy=[accuracy] * 2))
    answered = {name for name, found in judged(run_of(transfer, findings)).items() if found}
    assert answered == ({*IDS.values(), *CLAIMS, "X09"} if n == 16 else set())
    rows = rows_of(findings)
    assert rows["Bound", "from scratch, all data", table1.COLUMN]["value"] == pytest.approx(100 * n / N)
    item = "Table1" if n == 16 else "Table1, target not learned"
    assert rows[item, table1.ROWS["c"], table1.COLUMN]["value"] == pytest.approx(100 * 23 / N)


@pytest.mark.parametrize("schemes", [("from scratch", "a"), ("from scratch", "b, tuned"), ("from scratch", "d")])
def test_every_scheme_that_takes_from_the_source_asks_whether_it_was_learned(made_up, schemes):
    rows = rows_of(transfer.compute(made_up(schemes=schemes, accuracy=[0.6, 0.6], convolved=[0.6, 0.6])))
    layer = "convolution" if schemes[1] == "d" else "LSTM"
    assert rows["Source task", f"{layer} below", "test mixtures"]["value"] == pytest.approx(60)
    assert not any(item == "Table1" and "(a)" in row for item, row, _ in rows)


@pytest.mark.parametrize("convolved", [0.9, 0.6])
@pytest.mark.parametrize("recurrent", [0.9, 0.6])
def test_each_kind_of_lower_layer_has_to_learn_the_source_itself(made_up, recurrent, convolved):
    """And where it did not, what transfers nothing of it still answers."""
    schemes = ("from scratch", "c", "c, from scratch", "d, from scratch", "d")
    accuracy = {"accuracy": [recurrent] * 2, "convolved": [convolved] * 2}
    rows = rows_of(transfer.compute(made_up(schemes=schemes, **accuracy)))
    found = {row: item for item, row, _ in rows if item.startswith(("Table1", "Other schemes"))}
    withheld = {row: item for row, item in found.items() if item.endswith(", source not learned")}
    assert withheld == {
        row: f"{item}, source not learned"
        for row, item, learned in (
            (table1.ROWS["c"], "Table1", recurrent), ("parallel convolutions", "Other schemes", convolved)
        )
        if learned < 0.85
    }  # fmt: skip
    assert len(found) == 6
    assert ("Prose", "(c) - midpoint from few to full data", table1.COLUMN) in rows or recurrent < 0.85


def test_parallel_layers_are_held_against_themselves_without_transfer(made_up):
    counts = {"c": 20, "c, from scratch": 17, "d": 9, "d, from scratch": 15}
    findings = transfer.compute(made_up(schemes=("from scratch", *counts), said=right_in(counts)))
    rows = rows_of(findings)
    for name, gain in ((f"{table1.ROWS['c']} - c, from scratch", 3), ("d - d, from scratch", -6)):
        assert rows["Paired", name, table1.COLUMN]["value"] == pytest.approx(100 * gain / N)


def test_accuracy_of_source_taggers_is_that_of_all(made_up):
    accuracy = [0.9, 0.99]
    findings = transfer.compute(made_up(accuracy=accuracy))
    row = rows_of(findings)["Source task", "LSTM below", "test mixtures"]
    assert (row["value"], row["n_seeds"]) == (pytest.approx(94.5), 2)
    assert math.isnan(row["ci_low"])
    assert row["note"] == "of each network: 90.0, 99.0; learned from 85 on"
    curves = findings.tables["source_curves"]
    assert list(zip(curves["seed"], curves["accuracy"], strict=True)) == list(enumerate(accuracy))


def test_other_schemes_are_compared_and_answer_nothing(made_up, run_of):
    schemes = ("from scratch", "b, tuned", "c, from scratch")
    findings = transfer.compute(made_up(schemes=schemes, said=right_in({"from scratch": 6, "b, tuned": 18})))
    rows = rows_of(findings)
    other = rows["Other schemes", "low-level fix, the rest tuned from the source", table1.COLUMN]
    assert other["value"] == pytest.approx(75)
    assert rows["Paired", f"b, tuned - {table1.ROWS['from scratch']}", table1.COLUMN]["value"] == pytest.approx(50)
    assert {name for name, found in judged(run_of(transfer, findings)).items() if found} == {"C151", "C155"}


# Seeds, rotations, sources


def test_seeds_take_source_networks_in_turn_and_hand_them_to_every_rotation(made_up):
    task = made_up()
    object.__setattr__(task, "seed", 5)
    transfer.compute(task)
    sources = {arguments[-1]: arguments[-2] for name, arguments in task.asked if name == "train_source"}
    assert sources == {5: 0, 6: 1}
    trained = [arguments for name, arguments in task.asked if name == "train_target"]
    few = {(a[3], a[5], a[6], a[7]) for a in trained if a[5] == 6}
    assert few == {(scheme, 6, rotation, seed) for scheme in table1.ROWS for rotation in (0, 1) for seed in (5, 6, 7)}
    many = {(a[3], a[5], a[6], a[7]) for a in trained if a[5] == 8}
    assert many == {("from scratch", 8, rotation, seed) for rotation in (0, 1) for seed in (5, 6)}


def test_each_seed_transfers_the_source_whose_turn_it_is_and_none_reaches_training_from_scratch(made_up):
    task = made_up(accuracy=[0.9, 0.91])
    transfer.compute(task)
    for name, arguments in task.asked:
        if name == "train_target":
            scheme, source, seed = arguments[3], arguments[4], arguments[7]
            assert (source is None) == (scheme == "from scratch")
            assert source is None or source.accuracy == 0.9 + (seed % 2) / 100


@pytest.mark.parametrize(("n_sources", "rotations", "expected"), [(1, 2, [0]), (2, 1, [0, 0]), (3, 2, [0, 1, 0])])
def test_each_source_parts_the_sounds_in_another_way_while_there_are_any(made_up, n_sources, rotations, expected):
    task = made_up(n_sources=n_sources, rotations=rotations, schemes=("from scratch", "c"))
    transfer.compute(task)
    found = {arguments[-1]: arguments[-2] for name, arguments in task.asked if name == "train_source"}
    assert found == dict(enumerate(expected))


def test_many_mixtures_are_learned_with_settings_of_their_own(made_up):
    full = TargetSettings(epochs=7, n_test=N, n_control=12)
    task = made_up(full=full)
    transfer.compute(task)
    settings = {(a[5], a[2].epochs) for name, a in task.asked if name == "train_target"}
    assert settings == {(6, 2), (8, 7)}
    assert "8 training mixtures of the source, 6 or 8 of the target" in transfer.words(task, (6, 8))


@pytest.mark.parametrize("chosen_on", [(0,), (1,)])
def test_accuracy_is_told_without_authors_that_helped_to_choose(made_up, chosen_on):
    """In rotation 0 all is right, in rotation 1 nothing."""
    task = made_up(said=lambda scheme, heard: heard.right(heard.rotation == 0), chosen_on=chosen_on)
    rows = rows_of(transfer.compute(task))
    told = {place[1]: line["value"] for place, line in rows.items() if place[0] == "Authors that chose nothing"}
    assert set(told) == {"from scratch", "a", "b", "c", table1.FULL}
    assert set(told.values()) == {100.0 if chosen_on == (1,) else 0.0}
    gains = {place[1] for place in rows if place[0] == "Authors that chose nothing, paired"}
    assert gains == {f"{scheme} - from scratch" for scheme in ("a", "b", "c")}, "many mixtures have fewer seeds"
    assert rows["Bound", "from scratch, all data", table1.COLUMN]["value"] == pytest.approx(50)


def test_where_nothing_was_chosen_on_authors_nothing_is_left_out(made_up):
    assert not [place for place in rows_of(transfer.compute(made_up())) if place[0] == "Authors that chose nothing"]


def test_gains_are_told_without_authors_that_helped_to_choose(made_up):
    """(c) is right in all of rotation 0, and in half of it from scratch; in rotation 1 it is the other way round."""

    def said(scheme, heard):
        return heard.right(heard.first(N if (scheme == "c") == (heard.rotation == 0) else N // 2))

    for chosen_on, gain in ((1, 50), (0, -50)):
        rows = rows_of(transfer.compute(made_up(said=said, chosen_on=(chosen_on,))))
        found = rows["Authors that chose nothing, paired", "c - from scratch", "their mixtures"]
        assert found["value"] == pytest.approx(gain)
    assert rows["Paired", f"{table1.ROWS['c']} - {table1.ROWS['from scratch']}", table1.COLUMN][
        "value"
    ] == pytest.approx(0)


def test_parallel_layers_are_held_against_pre_training_all(made_up):
    rows = rows_of(transfer.compute(made_up(said=right_in({"c": 21, "a": 15}))))
    found = rows["Paired", f"{table1.ROWS['c']} - {table1.ROWS['a']}", table1.COLUMN]
    assert found["value"] == pytest.approx(100 * 6 / N)


def test_events_of_both_tasks_are_counted(made_up, world):
    rows = rows_of(transfer.compute(made_up()))
    for task, target in world.targets.items():
        n_test = len(world.pool(task, "test").events)
        n_train = sum(len(world.pool(task, part).events) for part in world.parts(task)) - n_test
        assert rows["Claim", f"events {target}", "training events"]["value"] == n_train > 0
        assert rows["Claim", f"events {target}", "test events"]["value"] == n_test > 0


def test_the_official_counts_are_found_under_the_names_that_the_criteria_know():
    """C161 and C162 ask for events of babycry and of glassbreak."""
    terms = [term for name in ("C161", "C162") for one in load_criteria()[name].claim for term in one.terms]
    asked = {term.strip("[]").split(" | ")[1] for term in terms}
    assert asked == {f"events {target}" for target in TASK_EVENTS.values()}
