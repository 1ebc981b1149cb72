"""Kinds of evidence stand in columns of their own, the strongest first, and no number is lost on the way."""

import math

import numpy as np
import pytest

from companion.report.evidence import Column, cells, columns

CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)
EVIDENCE = ("official", "measured", "restaged", "synthetic")


def column(run) -> Column:
    """The only column of a recorded run."""
    (found,) = columns({run.profile: run}, None)
    return found


def test_recorded_stands_before_built_and_strong_before_weak(make_run, tmp_path):
    made = {evidence: make_run("esc50", [CELL], evidence=evidence, folder=tmp_path / evidence) for evidence in EVIDENCE}
    for build in made.values():
        found = columns(dict(reversed(made.items())), build)
        assert [one.run for one in found] == [*made.values(), build]
        assert [one.recorded for one in found] == [True] * 4 + [False]
        assert [one.evidence for one in found] == [*EVIDENCE, build.evidence]
        assert [one.heading.split()[0].rstrip(",") for one in found] == ["recorded"] * 4 + ["this"]
        assert len({one.heading for one in found}) == 5
    assert columns({}, None) == []


def test_every_kind_of_evidence_is_called_by_its_own_words(make_run, tmp_path):
    words = {"official": "the original data", "measured": "measured on any input", "restaged": "task restaged",
             "synthetic": "on synthetic sound"}  # fmt: skip
    for evidence in EVIDENCE:
        run = make_run("esc50", [CELL], evidence=evidence, folder=tmp_path / evidence)
        for found in columns({"esc50": run}, run):
            assert [one for one, said in words.items() if said in found.heading] == [evidence]


@pytest.mark.parametrize(
    ("evidence", "line", "said"),
    [
        ("official", CELL, "published value inside the interval"),
        ("official", (*CELL[:5], 70.0, 60.0, 80.0), "below the published value"),
        ("official", (*CELL[:6], math.nan, math.nan), ""),
        ("official", (*CELL[:3], "no such column", *CELL[4:]), ""),
        ("restaged", CELL, ""),
        ("measured", CELL, ""),
        ("synthetic", CELL, ""),
    ],
)
def test_only_the_papers_own_data_are_compared_with_its_values(make_run, evidence, line, said):
    found = cells("Kumar2018", line[1], column(make_run("esc50", [line], evidence=evidence)))
    assert found.loc[line[2:5], "verdict"] == said
    assert set(found["verdict"].drop(line[2:5])) == {""}


def test_published_cells_come_first_in_the_papers_order(make_run):
    extra = ("Kumar2018", "Table2 right", "N_S", "log-mel", "accuracy %", 50.0, 40.0, 60.0)
    found = cells("Kumar2018", "Table2 right", column(make_run("esc50", [extra, CELL])))
    assert len(found) == 15
    assert found["published"].tolist()[:2] == ["82.8", "81.6"]
    assert found["number"].tolist()[:2] == [82.8, 81.6]
    assert found.index[-1] == ("N_S", "log-mel", "accuracy %")
    assert found["published"].iloc[-1] == ""
    assert found["value"].count() == 2


def test_nothing_measured_is_lost_moved_or_taken_from_another_item_or_paper(make_run):
    rng = np.random.default_rng(0)
    lines = [
        (*CELL[:2], f"row {n}", f"column {m}", "AP", *np.sort(rng.random(3))[[1, 0, 2]]) for n in range(3) for m in "ab"
    ]
    others = [("Kumar2018", "Controls", *lines[0][2:]), ("WangMetze2017", *lines[0][1:])]
    compared = cells("Kumar2018", "Table2 right", column(make_run("esc50", lines + others)))
    for _, _, row, name, measure, value, low, high in lines:
        assert compared.loc[(row, name, measure), ["value", "ci_low", "ci_high"]].tolist() == [value, low, high]
    assert compared["value"].count() == len(lines)
    assert compared["n_recordings"].dropna().tolist() == [297] * len(lines)


def test_the_data_of_a_column_are_named_without_their_particulars(make_run):
    run = make_run("esc50", [CELL])
    run.provenance["data"] = "esc50: 400 clips; folds by author"
    assert column(run).data == "esc50: 400 clips"
