"""Kinds of evidence stand in columns of their own, the strongest first, and no number is lost on the way."""

import math

import numpy as np
import pytest

from companion.report.evidence import columns, gather

CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)
EVIDENCE = ("official", "measured", "restaged", "synthetic")


def test_recorded_stands_before_built_and_strong_before_weak(make_run, tmp_path):
    made = {evidence: make_run("esc50", [CELL], evidence=evidence, folder=tmp_path / evidence) for evidence in EVIDENCE}
    for build in made.values():
        found = columns(dict(reversed(made.items())), build)
        assert [column.run for column in found] == [*made.values(), build]
        assert [column.heading.split(",")[0].split()[0] for column in found] == ["recorded"] * 4 + ["this"]
        assert len({column.heading for column in found}) == 5
    assert columns({}, None) == []


def difference(low, high):
    return ("Kumar2018", "Paired", "N_S", "F1 max - F1 avg", "accuracy difference, points", 1.0, low, high)


@pytest.mark.parametrize(
    ("evidence", "line", "said"),
    [
        ("official", CELL, "published value inside the interval"),
        ("restaged", CELL, "another task: compare directions, not values"),
        ("synthetic", CELL, "not comparable: synthetic"),
        ("official", (*CELL[:6], math.nan, math.nan), ""),
        ("restaged", difference(0.5, 1.5), "above zero"),
        ("restaged", difference(-1.5, -0.5), "below zero"),
        ("restaged", difference(-0.5, 1.5), "undecided"),
        ("restaged", difference(math.nan, math.nan), ""),
    ],
)
def test_each_cell_says_what_its_interval_says(make_run, evidence, line, said):
    ((_, column),) = gather("Kumar2018", line[1], {"esc50": make_run("esc50", [line], evidence=evidence)}).columns
    assert column.loc[line[2:5], "verdict"] == said


def test_published_cells_come_first_in_the_papers_order(make_run):
    extra = ("Kumar2018", "Table2 right", "N_S", "log-mel", "accuracy %", 50.0, 40.0, 60.0)
    found = gather("Kumar2018", "Table2 right", {"esc50": make_run("esc50", [extra, CELL])}).cells
    assert len(found) == 15
    assert found["published"].tolist()[:2] == ["82.8", "81.6"]
    assert found.index[-1] == ("N_S", "log-mel", "accuracy %")
    assert found["published"].iloc[-1] == ""
    assert not gather("Kumar2018", "Controls", {}).was_published


def test_nothing_measured_is_lost_or_moved(make_run):
    rng = np.random.default_rng(0)
    lines = [
        (*CELL[:2], f"row {n}", f"column {m}", "AP", *np.sort(rng.random(3))[[1, 0, 2]]) for n in range(3) for m in "ab"
    ]
    run = make_run("esc50", lines)
    compared = gather("Kumar2018", "Table2 right", {"esc50": run})
    ((source, column),) = compared.columns
    assert source.run is run
    for _, _, row, name, measure, value, low, high in lines:
        assert column.loc[(row, name, measure), ["value", "ci_low", "ci_high"]].tolist() == [value, low, high]
