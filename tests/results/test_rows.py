"""Rows are collected under the papers' words, and none that breaks the format is written."""

import math

import numpy as np
import pandas as pd
import pytest

from companion.errors import DataError
from companion.evaluation.intervals import Interval
from companion.results.rows import COLUMNS, Rows, bare, read_csv
from companion.results.run import write_run

COMMON = {"experiment": "p/c", "paper": "P", "profile": "demo", "evidence": "synthetic", "data": "the run's"}


def test_what_is_added_stands_in_its_row():
    rows = Rows()
    found = Interval(0.5, 0.4, 0.7, 40, 30, 3, 0.02, note="one-sided")
    rows.add("T1", "N_S", "F1", "accuracy %", found, "a note", scale=100)
    rows.add("T1", "N_S", "F2", "count", bare(7, n_clips=5), data="another corpus")
    first, second = rows.frame(**COMMON).to_dict("records")
    assert set(first) == set(COLUMNS)
    assert {**COMMON, "item": "T1", "row": "N_S", "column": "F1", "measure": "accuracy %"}.items() <= first.items()
    assert [first[name] for name in ("value", "ci_low", "ci_high", "p_value")] == pytest.approx([50, 40, 70, 0.02])
    assert [first[name] for name in ("n_clips", "n_recordings", "n_seeds", "note")] == [40, 30, 3, "a note; one-sided"]
    assert (second["value"], second["n_clips"], second["data"]) == (7, 5, "another corpus")
    assert math.isnan(second["ci_low"])
    assert math.isnan(second["p_value"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.drop(columns="note"), "note"),
        (lambda rows: rows.assign(extra=1), "extra"),
        (lambda rows: rows.assign(value=np.nan), "value is nan"),
        (lambda rows: rows.assign(value=np.inf), "value is inf"),
        (lambda rows: rows.assign(value="about 80"), "about 80"),
        (lambda rows: rows.assign(ci_low=90.0, ci_high=80.0), "interval"),
        (lambda rows: rows.assign(ci_high=np.nan), "interval"),
        (lambda rows: pd.concat([rows, rows]), "two rows for"),
        (lambda rows: rows.assign(experiment="p/other"), "experiment is 'p/other'"),
        (lambda rows: rows.assign(profile="demo"), "profile is 'demo'"),
        (lambda rows: rows.assign(evidence="official"), "evidence is 'official'"),
        (lambda rows: rows.assign(n_clips=np.nan), "cannot be read"),
    ],
)
def test_rows_that_break_the_format_are_not_written(make_run, change, said):
    run = make_run(lines=[("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)])
    with pytest.raises(DataError, match=said):
        write_run(run.folder.with_name("other"), change(run.rows), run.provenance)
    assert not run.folder.with_name("other").exists()


def test_only_an_empty_field_is_missing(tmp_path):
    (tmp_path / "t.csv").write_text("label,x\nNA,1\nNone,\nnull,3\n")
    table = read_csv(tmp_path / "t.csv")
    assert table["label"].tolist() == ["NA", "None", "null"]
    assert table["x"].isna().tolist() == [False, True, False]
