"""Every status is recomputed here from the files, by other code than the library's."""

import csv
import json
import math
import re

import numpy as np
import pandas as pd
import pytest

from companion.errors import DataError
from companion.report.published import load_published
from companion.report.repository import checkout
from companion.report.runs import recorded_runs
from companion.report.scorecard import COLUMNS, STATUSES, json_rows, scorecard_rows, status_counts, write_scorecard

PUBLISHED = load_published()
KEY = ["paper", "item", "row", "column", "measure"]
FOURTEEN = PUBLISHED[PUBLISHED["item"] == "Table2 right"]


def lines(frame, values, half=2.0):
    """Lines of a run for published rows; each value stands in an interval of ± ``half``."""
    return [(*key, v, v - half, v + half) for key, v in zip(frame[KEY].itertuples(index=False), values, strict=True)]


def status(rows, name):
    return rows.set_index("id").loc[name, "status"]


def said(rows, name):
    return rows.set_index("id").loc[name, "verdict"]


# --- the same statuses, computed again from the files alone


def files(name):
    with (checkout() / "data" / "published" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def recomputed(runs):
    """Status by id, from the criteria and the csv files of run folders."""
    published = {row["id"]: tuple(row[name] for name in KEY) for row in files("published.csv")}
    printed = {row["id"]: row["published"] for row in files("published.csv")}
    classless = {(row["paper"], row["class"]) for row in files("class_mapping.csv") if not row["esc50_class"]}
    found = {}
    for rule in files("criteria.csv"):
        found[rule["id"]] = one_status(rule, published, printed[rule["id"]], classless, runs)
    return found


def one_status(rule, published, printed, classless, runs):
    if rule["kind"] == "cited":
        return "cited"
    file, _, test = rule["test"].partition("::")
    if test and f"def {test}(" in (checkout() / file).read_text(encoding="utf-8"):
        return "exact"
    answers = set()
    for run in runs:
        with (run.folder / "rows.csv").open(encoding="utf-8") as opened:
            rows = {tuple(row[name] for name in KEY): row for row in csv.DictReader(opened)}
        if run.evidence == "restaged":
            rows = {key: row for key, row in rows.items() if (key[0], key[2]) not in classless}
        if rule["answers"] == "real" or run.evidence == "official":
            answers.add(one_answer(rule, published, printed, rows, run))
    for strongest in ("reproduced", "restaged", "simulated"):
        if strongest in answers:
            return strongest
    return "waiting"


def one_answer(rule, published, printed, rows, run):
    """What one run makes of a row: a status, or None."""
    official = run.evidence == "official"
    plain = "simulated" if run.evidence == "synthetic" else "restaged"
    paper = published[rule["id"]][0]
    if rule["kind"] == "figure":
        experiment, table, columns, _, key = re.fullmatch(
            r"table: (\w+)/(\w+) \[(.+?)\]( with \[(.+)\])?", rule["rule"]
        ).groups()
        path = run.folder / f"{table}.csv"
        if run.experiment != experiment or not path.is_file():
            return None
        if key and (paper, *key.split(" | ")) not in rows:
            return None
        header = next(csv.reader(path.open(encoding="utf-8")))
        return ("reproduced" if official else plain) if set(columns.split("; ")) <= set(header) else None
    if rule["kind"] == "cell":
        row = rows.get(published[rule["id"]])
        if row is None:
            return None
        inside = row["ci_low"] and float(row["ci_low"]) <= float(printed) <= float(row["ci_high"])
        return "reproduced" if official and inside else plain
    if rule["kind"] == "fact":
        return None
    parts = [one_part(part, published, paper, rows) for part in rule["rule"].split(" and ")]
    if None in parts:
        return None
    sized = not rule["claimed"] or parts[0][1] <= float(rule["claimed"]) <= parts[0][2]
    return "reproduced" if official and sized and all(holds for holds, _, _ in parts) else plain


def one_part(part, published, paper, rows):
    """Whether a comparison holds over its whole interval, and the interval; None when a row is missing."""
    left, relation, bound = re.fullmatch(r"(.+) (>=|<=|==|>|<) (\S+)", part).groups()
    terms = re.findall(r"\[[^\]]+\]|C\d+", left)
    keys = [published[term] if term[0] == "C" else (paper, *term[1:-1].split(" | ")) for term in terms]
    if not all(key in rows for key in keys):
        return None
    value = eval(substituted(left, terms, [rows[key]["value"] for key in keys]))
    ends = [math.nan, math.nan]
    if len(terms) == 1:
        ends = [
            eval(substituted(left, terms, [rows[keys[0]][end] or "nan"]), {"nan": math.nan})
            for end in ("ci_low", "ci_high")
        ]
    elif " - " in left:
        for first, second, sign in ((*keys, 1), (*keys[::-1], -1)):
            words = [a if a == b else f"{a} - {b}" for a, b in zip(first[2:4], second[2:4], strict=True)]
            for key, row in rows.items():
                if key[:4] == (paper, "Paired", *words):
                    ends = [sign * float(row["ci_low"]), sign * float(row["ci_high"])]
    if any(end != end for end in ends) or relation == "==":
        return eval(f"{value} {relation} {bound}"), math.nan, math.nan
    return all(eval(f"{end} {relation} {bound}") for end in ends), min(ends), max(ends)


def substituted(text, terms, values):
    for term, value in zip(terms, values, strict=True):
        text = text.replace(term, f"({value})")
    return text


def test_the_recorded_rows_give_the_scorecards_statuses():
    runs = recorded_runs()
    rows = scorecard_rows(runs)
    assert dict(zip(rows["id"], rows["status"], strict=True)) == recomputed(runs)


def test_made_up_runs_give_the_scorecards_statuses(make_run):
    rng = np.random.default_rng(0)
    scenes = PUBLISHED[PUBLISHED["item"].str.startswith("Table3 ")]
    values = FOURTEEN["number"] + rng.normal(0, 6, len(FOURTEEN))
    columns = ["label", *(f"source | {r} | {c} | LIBLINEAR | run 0" for r, c in FOURTEEN[["row", "column"]].to_numpy())]
    tables = {"predictions": pd.DataFrame({name: ["dog"] for name in columns})}
    runs = [
        make_run("esc50", [*lines(FOURTEEN, values), *lines(scenes, scenes["number"])], tables),
        make_run("demo", lines(PUBLISHED[PUBLISHED["number"].notna()], PUBLISHED["number"].dropna())),
    ]
    rows = scorecard_rows(runs[:1], runs[1:])
    again = recomputed(runs)
    assert dict(zip(rows["id"], rows["status"], strict=True)) == again
    assert {"exact", "restaged", "simulated", "waiting", "cited"} <= set(again.values())
    pairs = [paired(name, "F1 max - F1 avg", 2.0, 1.0) for name in ("N_S", "N_T^I", "N_T^II", "N_T^III")]
    pairs += [
        paired("N_T^III F1 max - Baseline (MFCC-GMM)", "Mean", 4.0, 1.0),
        paired("N_T^III", "F2 max - F1 max", -1, 2),
    ]
    official = [make_run("paper", [*lines(FOURTEEN, values, half=5.0), *lines(scenes, scenes["number"]), *pairs])]
    rows = scorecard_rows(official)
    again = recomputed(official)
    assert dict(zip(rows["id"], rows["status"], strict=True)) == again
    assert {again[name] for name in FOURTEEN.index} == {"reproduced", "restaged"}
    assert {again[name] for name in ("C138", "C139", "C140", "C141")} == {"reproduced", "restaged"}


# --- what the statuses must and must not say


def test_all_309_rows_have_a_status_and_a_place():
    rows = scorecard_rows([])
    assert rows["id"].tolist() == PUBLISHED.index.tolist()
    assert set(rows["status"]) <= set(STATUSES)
    assert (rows["where"].str.len() > 10).all()
    assert status_counts(rows).to_numpy().sum() == 309


def test_without_results_only_tests_and_citations_count():
    rows = scorecard_rows([])
    assert set(rows["status"]) == {"exact", "cited", "waiting"}
    assert rows.loc[rows["status"] == "cited", "id"].tolist() == ["C053", "C054", "C055", "C057"]
    waiting = rows[rows["status"] == "waiting"]
    assert waiting["where"].str.contains(r"needs .+; then: (?:companion run \w+/\w+ --profile paper|make test)").all()
    assert rows[["value", "ci_low", "ci_high"]].isna().all(axis=None)


def test_every_row_takes_its_own_value_and_no_other(make_run):
    numbers = PUBLISHED[PUBLISHED["number"].notna()]
    distinct = 10.0 + np.arange(len(numbers)) ** 2 / 7
    rows = scorecard_rows([make_run("paper", lines(numbers, distinct))]).set_index("id")
    measured = rows.loc[numbers.index][lambda frame: frame["status"] != "cited"]
    expected = dict(zip(numbers.index, distinct, strict=True))
    assert measured["value"].to_dict() == {name: expected[name] for name in measured.index}
    values = rows["value"].dropna()
    assert values.is_unique


def test_one_measured_row_answers_one_published_row(make_run):
    """C056, C062 and C064 print 83.5 alike; measuring one says nothing of the others."""
    for name in ("C056", "C062", "C103", "C114"):
        rows = scorecard_rows([make_run("paper", lines(PUBLISHED.loc[[name]], [80.0]))])
        cells = rows[rows["measure"] != "claim"]
        assert cells.loc[cells["value"].notna(), "id"].tolist() == [name]


def test_synthetic_numbers_are_simulated_and_never_compared(make_run):
    rows = scorecard_rows([], [make_run("demo", lines(FOURTEEN, FOURTEEN["number"]))])
    assert set(rows.loc[rows["id"].isin(FOURTEEN.index), "status"]) == {"simulated"}
    assert said(rows, "C058") == said(rows, "C139") == "not comparable: synthetic"
    assert "reproduced" not in set(rows["status"])


def test_real_audio_outranks_synthetic_and_recorded_outranks_this_build(make_run, tmp_path):
    real = make_run("esc50", lines(FOURTEEN, FOURTEEN["number"] + 1))
    build = make_run("esc50", lines(FOURTEEN, FOURTEEN["number"] + 2), folder=tmp_path / "build" / "a")
    demo = make_run("demo", lines(FOURTEEN, FOURTEEN["number"] + 3))
    both = scorecard_rows([real], [build, demo]).set_index("id")
    assert both.loc["C058", "value"] == pytest.approx(83.8)
    assert both.loc["C058", "where"] == "data/recorded/esc50/kumar2018_esc"
    alone = scorecard_rows([], [demo, build]).set_index("id")
    assert alone.loc["C058", "value"] == pytest.approx(84.8)
    assert alone.loc["C058", "where"] == "this build: esc50/kumar2018_esc"


def test_official_data_reproduce_inside_the_interval_only(make_run):
    values = FOURTEEN["number"] + np.where(np.arange(len(FOURTEEN)) % 2, 1.0, 5.0)
    rows = scorecard_rows([make_run("paper", lines(FOURTEEN, values))])
    assert (status(rows, "C059"), said(rows, "C059")) == ("reproduced", "published value inside the interval")
    assert (status(rows, "C058"), said(rows, "C058")) == ("restaged", "above the published value")
    without = [(*line[:6], math.nan, math.nan) for line in lines(FOURTEEN, FOURTEEN["number"])]
    assert status(scorecard_rows([make_run("paper", without)]), "C058") == "restaged"


def test_a_class_needs_one_of_the_same_meaning(make_run):
    dog, gunshot = PUBLISHED.loc[["C231"]], PUBLISHED.loc[["C243"]]
    rows = scorecard_rows([make_run("esc50", [*lines(dog, [0.8], 0.1), *lines(gunshot, [0.8], 0.1)])])
    assert status(rows, "C231") == "restaged"
    assert status(rows, "C243") == "waiting"
    rows = scorecard_rows([make_run("paper", lines(gunshot, [0.8], 0.1))])
    assert status(rows, "C243") == "reproduced"


def test_a_claim_about_a_class_without_a_counterpart_waits(make_run):
    park = PUBLISHED.loc[["C094", "C095"]]
    assert status(scorecard_rows([make_run("esc50", lines(park, park["number"]))]), "C142") == "waiting"
    assert status(scorecard_rows([make_run("paper", lines(park, park["number"]))]), "C142") == "restaged"


def paired(row, column, value, half):
    return ("Kumar2018", "Paired", row, column, "accuracy difference, points", value, value - half, value + half)


def with_paired(*differences):
    return [*lines(FOURTEEN, FOURTEEN["number"]), *differences]


def test_a_claim_is_judged_by_its_paired_intervals(make_run):
    networks = ("N_S", "N_T^I", "N_T^II", "N_T^III")
    hold = [paired(name, "F1 max - F1 avg", 2.0, 1.0) for name in networks]
    rows = scorecard_rows([make_run("esc50", with_paired(*hold))]).set_index("id")
    assert rows.loc["C139", ["status", "verdict", "value", "ci_low"]].tolist() == ["restaged", "holds here", 2.0, 1.0]
    one_wide = [*hold[:3], paired(networks[3], "F1 max - F1 avg", 0.5, 1.0)]
    rows = scorecard_rows([make_run("esc50", with_paired(*one_wide))]).set_index("id")
    assert rows.loc["C139", ["status", "verdict", "value"]].tolist() == ["restaged", "not settled here", 0.5]
    one_below = [*one_wide[:2], paired(networks[2], "F1 max - F1 avg", -3.0, 1.0), one_wide[3]]
    rows = scorecard_rows([make_run("esc50", with_paired(*one_below))]).set_index("id")
    assert rows.loc["C139", ["status", "verdict", "value"]].tolist() == ["restaged", "contradicted here", -3.0]
    rows = scorecard_rows([make_run("paper", with_paired(*hold))])
    assert (status(rows, "C139"), said(rows, "C139")) == ("reproduced", "holds on the paper’s own data")


def test_a_paired_difference_is_read_in_either_order(make_run):
    turned = [
        paired("N_S", "F2 max - F1 max", -20.0, 3.0),
        paired("N_T^II - N_S", "F2 max", 15.0, 3.0),
        paired("N_T^III - N_S", "F2 max", 17.0, 3.0),
    ]
    rows = scorecard_rows([make_run("esc50", with_paired(*turned))]).set_index("id")
    assert rows.loc["C140", ["verdict", "value", "ci_low"]].tolist() == ["holds here", 15.0, 12.0]


def test_a_claim_with_one_cell_missing_waits(make_run):
    rows = scorecard_rows([make_run("esc50", lines(FOURTEEN, FOURTEEN["number"])[:-2])])
    assert status(rows, "C139") == "restaged"
    assert status(rows, "C140") == "waiting"


@pytest.mark.parametrize("profile", ["esc50", "demo"])
def test_the_human_score_can_be_met_on_all_of_esc50_only(make_run, profile):
    rows = scorecard_rows([make_run(profile, lines(FOURTEEN, FOURTEEN["number"] + 10))])
    assert status(rows, "C138") == "waiting"
    official = scorecard_rows([make_run("paper", lines(FOURTEEN, FOURTEEN["number"], half=1.0))]).set_index("id")
    assert official.loc["C138", "status"] == "reproduced"
    assert official.loc["C138", ["value", "ci_low", "ci_high"]].tolist() == pytest.approx([1.5, 0.5, 2.5])


def test_a_figure_needs_its_whole_table_from_the_same_representation(make_run):
    trust = (
        "Kumar2018",
        "Fig2 top-left",
        "t-SNE, N_S F1 max",
        "trustworthiness",
        "share, 0 to 1",
        0.9,
        math.nan,
        math.nan,
    )
    points = pd.DataFrame({"clip": ["a"], "superclass": ["Animals"], "x": [0.0], "y": [1.0]})
    assert status(scorecard_rows([make_run("esc50", [trust], {"tsne": points})]), "C119") == "restaged"
    assert status(scorecard_rows([make_run("esc50", [], {"tsne": points})]), "C119") == "waiting"
    assert status(scorecard_rows([make_run("esc50", [trust], {"tsne": points.drop(columns="y")})]), "C119") == "waiting"
    assert status(scorecard_rows([make_run("esc50", [trust], {"tsne": points.assign(y=np.nan)})]), "C119") == "waiting"
    assert status(scorecard_rows([make_run("demo", [trust], {"tsne": points})]), "C119") == "simulated"


def test_two_recorded_answers_are_an_error(make_run):
    first = make_run("esc50", lines(FOURTEEN, FOURTEEN["number"]))
    second = make_run("esc50", lines(FOURTEEN, FOURTEEN["number"]), experiment="again")
    with pytest.raises(DataError, match="C058 is answered by both"):
        scorecard_rows([first, second])


def test_a_row_without_criterion_is_an_error(tmp_path):
    (tmp_path / "data").mkdir()
    folder = tmp_path / "data" / "published"
    folder.mkdir()
    for path in (checkout() / "data" / "published").glob("*.csv"):
        (folder / path.name).write_bytes(path.read_bytes())
    text = (folder / "criteria.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "criteria.csv").write_text("".join(text[:-1]), encoding="utf-8")
    with pytest.raises(DataError, match="C309"):
        scorecard_rows([], root=tmp_path)


def test_the_json_holds_the_same_rows_strictly(make_run, tmp_path):
    rows = scorecard_rows([make_run("esc50", lines(FOURTEEN, FOURTEEN["number"] - 9))])
    write_scorecard(tmp_path / "scorecard.json", rows)

    def refuse(name):
        raise ValueError(name)

    read = json.loads((tmp_path / "scorecard.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert read == json_rows(rows)
    assert len(read) == 309
    assert all(list(row) == COLUMNS for row in read)
    by_id = {row["id"]: row for row in read}
    assert by_id["C058"]["published"] == 82.8
    assert by_id["C058"]["where"] == "data/recorded/esc50/kumar2018_esc (another task: compare directions, not values)"
    assert by_id["C001"]["value"] is None
    assert by_id["C141"]["published"] == "+4.1"
    assert all(row["status"] in STATUSES for row in read)
