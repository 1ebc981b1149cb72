"""The status of every published row follows from the kind of evidence, the interval and the criterion."""

import json
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from companion.checkout import published_folder
from companion.errors import DataError
from companion.papers import pages
from companion.results.criteria import load_criteria
from companion.results.published import load_published
from companion.results.rows import KEY
from companion.results.run import recorded_runs
from companion.results.scorecard import COLUMNS, STATUSES, json_rows, scorecard_rows, status_counts, write_scorecard

PUBLISHED, CRITERIA = load_published(), load_criteria()
EXPERIMENT = "kumar2018/transfer"  # what made-up runs are called; here it answers every row
PAGES = dict.fromkeys(PUBLISHED.index, EXPERIMENT)
FACT = "tests/models/test_weak_cnn.py::test_896_frames_give_13_segments"
NAN = math.nan


def line(name, value, low=NAN, high=NAN):
    """Line of a run in the words of a published row."""
    return (*PUBLISHED.loc[name, KEY], value, low, high)


def paired(row, column, value, low=NAN, high=NAN, p=NAN, measure="accuracy difference, points"):
    return ("Kumar2018", "Paired", row, column, measure, value, low, high, p)


def one(name, recorded=(), built=(), passed=()):
    """The scorecard's line for one published row."""
    return scorecard_rows(recorded, built, PAGES, passed).set_index("id").loc[name]


# --- one number: C058, printed as 82.8

TASK, SYNTHETIC = "another task: compare directions, not values", "not comparable: synthetic"
INSIDE, BELOW, ABOVE = "published value inside the interval", "below the published value", "above the published value"


@pytest.mark.parametrize(
    ("evidence", "interval", "status", "verdict"),
    [
        ("official", (80, 84), "reproduced", INSIDE),
        ("official", (82.8, 84), "reproduced", INSIDE),
        ("official", (83, 84), "differs", ABOVE),
        ("official", (80, 82), "differs", BELOW),
        ("official", (NAN, NAN), "recomputed", ""),
        ("measured", (80, 84), "measured", INSIDE),
        ("measured", (83, 84), "measured", ABOVE),
        ("measured", (NAN, NAN), "measured", ""),
        ("restaged", (80, 84), "restaged", TASK),
        ("restaged", (NAN, NAN), "restaged", TASK),
        ("synthetic", (80, 84), "simulated", SYNTHETIC),
    ],
)
def test_a_number(make_run, evidence, interval, status, verdict):
    profile = {"official": "esc50", "measured": "demo", "restaged": "paper", "synthetic": "esc50"}[evidence]
    found = one("C058", [make_run(profile, [line("C058", 82.0, *interval)], evidence=evidence)])
    assert (found["status"], found["verdict"], found["profile"]) == (status, verdict, profile)
    np.testing.assert_equal([found["value"], found["ci_low"], found["ci_high"]], [82.0, *interval])
    assert found["where"] == f"data/recorded/{profile}/{EXPERIMENT}"


# --- a claim of one comparison and a printed size: C141, "C103 - C102 > 0", +4.1


@pytest.mark.parametrize(
    ("evidence", "interval", "status", "verdict"),
    [
        ("official", (3, 5), "reproduced", f"holds; size: {INSIDE}"),
        ("official", (5, 7), "differs", f"holds; size: {ABOVE}"),
        ("official", (-7, -5), "differs", f"contradicted; size: {BELOW}"),
        ("official", (-1, 7), "recomputed", f"not settled; size: {INSIDE}"),
        ("official", (-1, 3), "recomputed", f"not settled; size: {BELOW}"),
        ("official", None, "recomputed", "not judged: no interval"),
        ("restaged", (5, 7), "restaged", "holds"),
        ("restaged", (-1, 7), "restaged", "not settled"),
        ("restaged", (-7, -5), "restaged", "contradicted"),
        ("restaged", None, "restaged", "not judged: no interval"),
        ("synthetic", (3, 5), "simulated", SYNTHETIC),
    ],
)
def test_a_claim(make_run, evidence, interval, status, verdict):
    lines = [line("C102", 70.0, 60, 80), line("C103", 74.0, 64, 84)]
    if interval:
        words = f"{PUBLISHED.loc['C103', 'column']} - {PUBLISHED.loc['C102', 'column']}"
        lines.append(paired("Mean", words, sum(interval) / 2, *interval))
    found = one("C141", [make_run("paper", lines, evidence=evidence)])
    assert (found["status"], found["verdict"]) == (status, verdict)
    assert found["value"] == (sum(interval) / 2 if interval else 4.0)


# --- a claim of several: C139, F1 max above F1 avg in four networks

FOURTEEN = PUBLISHED.index[PUBLISHED["item"] == "Table2 right"]
NETWORKS = ("N_S", "N_T^I", "N_T^II", "N_T^III")


def four(*differences):
    cells = [line(name, PUBLISHED.loc[name, "number"], 0, 100) for name in FOURTEEN]
    return [*cells, *(paired(n, "F1 max - F1 avg", *found) for n, found in zip(NETWORKS, differences, strict=True))]


@pytest.mark.parametrize(
    ("last", "verdict"),
    [
        ((1.5, 0.5, 2.5, 0.01), "holds"),
        ((0.5, -0.5, 1.5, 0.4), "not settled"),
        ((-1.5, -2.5, -0.5, 0.04), "not settled"),  # 0.04 among four is chance
        ((-1.5, -2.5, -0.5, 0.01), "contradicted"),
        ((1.5,), "not judged: no interval"),
    ],
)
def test_a_claim_of_several_comparisons(make_run, last, verdict):
    found = one("C139", [make_run("esc50", four(*[(2.0, 1.0, 3.0, 0.01)] * 3, last))])
    assert (found["status"], found["verdict"], found["value"]) == ("restaged", verdict, last[0])


def test_a_claim_with_one_cell_missing_waits(make_run):
    lines = four(*[(2.0, 1.0, 3.0)] * 4)
    without = [cell for cell in lines if cell[:5] != tuple(PUBLISHED.loc["C069", KEY])]
    assert len(without) == len(lines) - 1
    assert one("C139", [make_run("esc50", without)])["status"] == "waiting"


def test_a_paired_difference_is_read_in_either_order(make_run):
    """C140: C058 - C060, C066 - C060 and C070 - C060 above 0."""
    differences = [("N_S", "F2 max - F1 max", -20.0, -23.0, -17.0), ("N_T^II - N_S", "F2 max", 15.0, 12.0, 18.0),
                   ("N_S - N_T^III", "F2 max", -11.0, -20.0, -4.0)]  # fmt: skip
    cells = [line(name, PUBLISHED.loc[name, "number"]) for name in FOURTEEN]
    found = one("C140", [make_run("esc50", [*cells, *(paired(*words) for words in differences)])])
    assert [found["verdict"], found["value"], found["ci_low"], found["ci_high"]] == ["holds", 11.0, 4.0, 20.0]


def test_a_ratio_is_read_in_its_own_order_only(make_run):
    """A paired difference says nothing of a ratio, nor the ratio of its inverse."""
    ratios = [(name, part) for name, criterion in CRITERIA.items() for part in criterion.claim if part.sign == "/"]
    name, part = next((name, part) for name, part in ratios if len(part.terms) == 2)
    first, second = (PUBLISHED.loc[term] for term in part.terms)
    cells = [line(term, 2.0) for term in part.terms]
    words = [[a if a == b else f"{a} {{}} {b}" for a, b in zip(x[["row", "column"]], y[["row", "column"]], strict=True)]
             for x, y in ((first, second), (second, first))]  # fmt: skip
    measure = str(first["measure"])

    def said(order, sign):
        row = (first["paper"], "Paired", *(word.format(sign) for word in words[order]), measure, 1.0, 0.9, 1.1)
        return one(name, [make_run("paper", [*cells, row])])["ci_low"]

    assert said(0, "/") == 0.9
    assert math.isnan(said(1, "/"))
    assert math.isnan(said(0, "-"))


@pytest.mark.parametrize(
    ("evidence", "lines", "status"),
    [
        ("restaged", ["C058"], "waiting"),  # 81.3 was measured on all of ESC-50: only that can answer
        ("synthetic", ["C058"], "waiting"),
        ("official", ["C058"], "differs"),
    ],
)
def test_a_claim_that_only_official_data_can_answer(make_run, evidence, lines, status):
    """C138: C058 above the human 81.3, by 1.5; here by 7."""
    run = make_run("esc50", [line(name, 88.3, 87.3, 89.3) for name in lines], evidence=evidence)
    assert one("C138", [run])["status"] == status


# --- a figure needs the tables behind it, whole, and the rows that say what they are drawn from


def behind(name):
    """Lines and tables that answer a figure."""
    rules, paper = CRITERIA[name].figure, PUBLISHED.loc[name, "paper"]
    lines = [(paper, *rule.row[1:-1].split(" | "), 0.9, NAN, NAN) for rule in rules if rule.row]
    tables = {}
    for rule in rules:
        tables.setdefault(rule.table, pd.DataFrame({"line": [1, 2]}))[list(rule.columns)] = 0.5
    return lines, tables


FIGURES = [name for name, criterion in CRITERIA.items() if criterion.figure]


@pytest.mark.parametrize(
    ("evidence", "status"),
    [("official", "recomputed"), ("restaged", "restaged"), ("measured", "measured"), ("synthetic", "simulated")],
)
def test_a_figure(make_run, evidence, status):
    lines, tables = behind("C119")
    found = one("C119", [make_run("esc50", lines, tables, evidence=evidence)])
    assert found["status"] == status
    assert math.isnan(found["value"])
    words = SYNTHETIC if evidence == "synthetic" else f"drawn from 2 lines of {next(iter(tables))}.csv"
    assert found["verdict"] == words


@pytest.mark.parametrize("name", [name for name in FIGURES if CRITERIA[name].answers == "real"])
def test_a_figure_needs_all_that_is_behind_it(make_run, name):
    lines, tables = behind(name)
    assert one(name, [make_run("paper", lines, tables)])["status"] == "recomputed"
    for rule in CRITERIA[name].figure:
        column, whole = rule.columns[-1], tables[rule.table]
        without = {other: table for other, table in tables.items() if other != rule.table}
        for damaged in (without, {**tables, rule.table: whole.drop(columns=column)},
                        {**tables, rule.table: whole.assign(**{column: [0.5, NAN]})}):  # fmt: skip
            assert one(name, [make_run("paper", lines, damaged)])["status"] == "waiting"
        if rule.row:
            assert one(name, [make_run("paper", [], tables)])["status"] == "waiting"


# --- a class needs one of the same meaning: the dog has one in ESC-50, the gunshot has none


@pytest.mark.parametrize(
    ("name", "evidence", "status"),
    [("C231", "restaged", "restaged"), ("C243", "restaged", "waiting"), ("C243", "official", "reproduced"),
     ("C243", "synthetic", "simulated")],
)  # fmt: skip
def test_a_class(make_run, name, evidence, status):
    lines = [line(name, PUBLISHED.loc[name, "number"], 0, 1)]
    assert one(name, [make_run("paper", lines, evidence=evidence)])["status"] == status


# --- proofs and citations


def test_a_fact_is_exact_only_if_its_test_passed(make_run):
    assert CRITERIA["C144"].test == FACT
    assert (one("C144", passed=[FACT])["status"], one("C144", passed=[FACT])["where"]) == ("exact", FACT)
    for passed in ([], [FACT + "_too"], [CRITERIA["C145"].test]):
        assert one("C144", passed=passed)["status"] == "waiting"


def test_without_results_only_proofs_and_citations_count():
    tests = {criterion.test for criterion in CRITERIA.values() if criterion.test}
    rows = scorecard_rows([], [], PAGES, tests).set_index("id")
    assert set(rows["status"]) == {"exact", "cited", "waiting"}
    assert rows.index[rows["status"] == "cited"].tolist() == [n for n, c in CRITERIA.items() if c.kind == "cited"]
    assert rows.index[rows["status"] == "exact"].tolist() == [n for n, c in CRITERIA.items() if c.test]
    assert rows[["value", "ci_low", "ci_high"]].isna().all(axis=None)
    waiting = rows[rows["status"] == "waiting"]["where"]
    assert waiting.str.contains(rf"needs .+; then: companion run {EXPERIMENT} --profile paper|needs a test").all()


# --- truths of every scorecard


def everything(value):
    """Lines for every published number, each with a value of its own."""
    numbers = PUBLISHED.index[PUBLISHED["number"].notna()]
    return [line(name, value + n**2 / 7, -1e6, 1e6) for n, name in enumerate(numbers)]


def test_every_published_row_has_one_line_in_order(make_run):
    for runs in ([], [make_run("demo", everything(0))], recorded_runs()):
        rows = scorecard_rows(runs, [], pages())
        assert rows["id"].tolist() == PUBLISHED.index.tolist()
        assert set(rows["status"]) <= set(STATUSES)
        assert (rows["where"].str.len() > 10).all()
        assert status_counts(rows).to_numpy().sum() == len(PUBLISHED)


def test_every_row_takes_its_own_value_and_no_other(make_run):
    """C056, C062 and C064 print 83.5 alike; what is measured for one says nothing of the others."""
    lines = everything(10.0)
    rows = scorecard_rows([make_run("paper", lines)], [], PAGES).set_index("id")
    numbers = PUBLISHED.index[PUBLISHED["number"].notna()]
    expected = {name: words[5] for name, words in zip(numbers, lines, strict=True)}
    measured = rows.loc[numbers][rows.loc[numbers, "status"] != "cited"]
    assert measured["value"].to_dict() == {name: expected[name] for name in measured.index}
    assert len(measured) > 240


def test_synthetic_sound_is_never_compared(make_run):
    rows = scorecard_rows([], [make_run("demo", everything(0))], PAGES)
    simulated = rows[rows["status"] == "simulated"]
    assert set(simulated["verdict"]) == {SYNTHETIC}
    assert set(rows["status"]) == {"simulated", "waiting", "cited"}


def test_a_run_of_another_experiment_never_answers(make_run):
    run = make_run("paper", everything(0))
    rows = scorecard_rows([run], [run], {name: "kumar2018/scenes" for name in PAGES})
    assert set(rows["status"]) == {"waiting", "cited"}
    rows = scorecard_rows([run], [], {**dict.fromkeys(PAGES, "kumar2018/scenes"), "C058": EXPERIMENT})
    assert rows.loc[rows["value"].notna(), "id"].tolist() == ["C058"]


def test_a_row_without_a_page_waits_for_a_later_chapter(make_run):
    rows = scorecard_rows([make_run("paper", everything(0))], [], {}).set_index("id")
    assert rows.loc["C058", "status"] == "waiting"
    assert rows.loc["C058", "where"].endswith("and a later chapter")
    assert rows.loc["C058", "page"] == ""


def test_stronger_evidence_speaks_first_and_a_recorded_run_before_a_built_one(make_run, tmp_path):
    kinds = [(evidence, recorded) for evidence in ("official", "restaged", "measured", "synthetic")
             for recorded in (True, False)]  # fmt: skip
    made = [
        make_run("paper", [line("C058", float(n), n, n)], evidence=evidence, folder=tmp_path / f"{n}")
        for n, (evidence, _) in enumerate(kinds)
    ]
    for strong, weak in pairwise(range(len(kinds))):
        recorded = [made[n] for n in (weak, strong) if kinds[n][1]]
        built = [made[n] for n in (weak, strong) if not kinds[n][1]]
        found = one("C058", recorded, built)
        assert found["value"] == strong
        place = "data/recorded/" if kinds[strong][1] else "this build: "
        assert found["where"] == f"{place}paper/{EXPERIMENT}"


def test_a_weaker_run_answers_where_the_stronger_says_nothing(make_run, tmp_path):
    official = make_run("paper", [line("C059", 80.0, 79, 81)])
    restaged = make_run("esc50", [line("C058", 70.0, 69, 71)])
    assert one("C058", [official, restaged])["status"] == "restaged"


def test_two_recorded_answers_are_an_error(make_run, tmp_path):
    runs = [make_run("esc50", [line("C058", 80.0)], folder=tmp_path / name) for name in "ab"]
    with pytest.raises(DataError, match="C058 is answered by both"):
        scorecard_rows(runs, [], PAGES)
    assert one("C058", runs[:1], runs[1:])["status"] == "restaged"


def test_a_row_without_criterion_is_an_error(tmp_path):
    for path in published_folder().iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "criteria.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "criteria.csv").write_text("".join(text[:-1]), encoding="utf-8")
    with pytest.raises(DataError, match=PUBLISHED.index[-1]):
        scorecard_rows([], [], PAGES, folder=tmp_path)


# --- as JSON


def test_the_json_holds_the_same_rows_strictly(make_run, tmp_path):
    rows = scorecard_rows([make_run("esc50", [line("C058", 70.0, 69, 71)])], [], PAGES)
    write_scorecard(tmp_path / "scorecard.json", rows)

    def refuse(name):
        raise ValueError(f"{name} is not JSON")

    read = json.loads((tmp_path / "scorecard.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert read == json_rows(rows)
    assert [row["id"] for row in read] == PUBLISHED.index.tolist()
    assert all(list(row) == COLUMNS for row in read)
    by_id = {row["id"]: row for row in read}
    assert by_id["C058"]["published"] == 82.8
    assert [by_id["C058"][name] for name in ("value", "ci_low", "ci_high")] == [70, 69, 71]
    assert by_id["C058"]["where"] == f"data/recorded/esc50/{EXPERIMENT} ({TASK})"
    assert by_id["C001"]["value"] is None
    assert by_id["C141"]["published"] == "+4.1"


def test_claims_of_two_measures_in_one_row_take_their_own(make_run):
    terms = [("Kumar2018", "Table1 top-left", "mean over 527", name, measure, 0.5, 0.4, 0.6)
             for name in ("N_S", "N_S_slat") for measure in ("MAUC", "MAP")]  # fmt: skip
    gains = [("Kumar2018", "Paired", "mean over 527", "N_S - N_S_slat", f"{measure} difference", *found)
             for measure, found in (("MAUC", (0.19, 0.1, 0.3)), ("MAP", (-0.22, -0.3, -0.1)))]  # fmt: skip
    run = make_run("esc50", [*terms, *gains], experiment="kumar2018/tagging")
    rows = scorecard_rows([run], [], dict.fromkeys(("C132", "C133"), "kumar2018/tagging"), ()).set_index("id")
    assert rows.loc[["C132", "C133"], "verdict"].tolist() == ["holds", "contradicted"]
    assert rows.loc[["C132", "C133"], "value"].tolist() == [0.19, -0.22]
