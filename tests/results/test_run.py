"""Run folders: what is written is what is read, and damage is named."""

import json

import numpy as np
import pandas as pd
import pytest

from companion.errors import DataError, StoreError
from companion.report.row_format import COLUMNS
from companion.report.runs import latest_runs, read_run, recorded, recorded_runs, write_run

LINE = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 0.1 + 0.2, 0.25, 1 / 3)
CONTROL = ("Kumar2018", "Table2 controls", "NA", "None", "accuracy %", 1e-300, np.nan, np.nan)


def test_a_run_is_read_as_it_was_written(make_run):
    table = pd.DataFrame({"clip": ["a", "NA"], "x": [0.1, 1 / 3]})
    written = make_run(lines=[LINE, CONTROL], tables={"tsne": table})
    run = read_run(written.folder)
    pd.testing.assert_frame_equal(run.rows, written.rows, check_exact=True)
    pd.testing.assert_frame_equal(run.table("tsne"), table, check_exact=True, check_dtype=False)
    assert list(run.rows.columns) == COLUMNS
    assert run.provenance == written.provenance
    assert (run.experiment, run.profile, run.evidence) == ("kumar2018_esc", "esc50", "restaged")


def test_a_second_run_replaces_the_first_with_its_tables(make_run):
    make_run(lines=[LINE], tables={"tsne": pd.DataFrame({"x": [1]})})
    again = make_run(lines=[CONTROL])
    assert again.table_names == ()
    assert [path.name for path in again.folder.parent.iterdir()] == [again.folder.name]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.drop(columns="note"), "note"),
        (lambda rows: rows.assign(value=np.nan), "value is nan"),
        (lambda rows: rows.assign(value=np.inf), "value is inf"),
        (lambda rows: rows.assign(value="about 80"), "about 80"),
        (lambda rows: rows.assign(ci_low=90.0, ci_high=80.0), "interval"),
        (lambda rows: rows.assign(ci_high=np.nan), "interval"),
        (lambda rows: pd.concat([rows, rows]), "two rows for"),
        (lambda rows: rows.assign(profile="demo"), "profile is 'demo'"),
        (lambda rows: rows.assign(evidence="official"), "evidence is 'official'"),
        (lambda rows: rows.assign(n_clips=np.nan), "cannot be read"),
    ],
)
def test_rows_that_break_the_format_are_not_written(make_run, change, said):
    run = make_run(lines=[LINE])
    with pytest.raises(DataError, match=said):
        write_run(run.folder.with_name("other"), change(run.rows), run.provenance)
    assert not run.folder.with_name("other").exists()


@pytest.mark.parametrize(
    ("field", "value"), [("seeds", "0"), ("dirty", None), ("profile", "quick"), ("evidence", "real")]
)
def test_provenance_is_checked_field_by_field(make_run, field, value):
    run = make_run(lines=[LINE])
    with pytest.raises(DataError, match=field):
        write_run(run.folder, run.rows, run.provenance | {field: value})


@pytest.mark.parametrize("name", ["rows.csv", "provenance.json"])
def test_a_missing_file_is_named(make_run, name):
    run = make_run(lines=[LINE])
    (run.folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        read_run(run.folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [("provenance.json", '{"experiment": '), ("provenance.json", "[]"), ("rows.csv", ""), ("rows.csv", 'a\n"b')],
)
def test_a_damaged_file_is_named_with_the_repair(make_run, name, content):
    run = make_run(lines=[LINE])
    (run.folder / name).write_text(content)
    with pytest.raises(DataError) as raised:
        read_run(run.folder)
    assert str(run.folder) in raised.value.problem
    assert "run the experiment again" in raised.value.repair


def test_a_full_disk_leaves_the_earlier_run(make_run, monkeypatch):
    run = make_run(lines=[LINE])

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(StoreError, match="No space left"):
        make_run(lines=[CONTROL])
    assert read_run(run.folder).rows["row"].tolist() == ["N_S"]
    assert [path.name for path in run.folder.parent.iterdir()] == [run.folder.name]


def test_a_table_that_would_hide_the_rows_is_refused(make_run):
    for name in ("rows", "../escape", ""):
        with pytest.raises(DataError, match="cannot name a table"):
            make_run(lines=[LINE], tables={name: pd.DataFrame({"x": [1]})})


def test_an_unknown_table_is_answered_with_the_known_ones(make_run):
    run = make_run(lines=[LINE], tables={"tsne": pd.DataFrame({"x": [1]})})
    with pytest.raises(DataError, match="tsne"):
        run.table("confusion")


def test_recorded_runs_by_profile(make_run, tmp_path):
    make_run("esc50", [LINE])
    make_run("paper", [LINE])
    make_run("esc50", [LINE], experiment="other")
    found = recorded("kumar2018_esc", tmp_path)
    assert {profile: run.evidence for profile, run in found.items()} == {"esc50": "restaged", "paper": "official"}
    assert len(recorded_runs(tmp_path)) == 3


def test_nothing_recorded_is_an_empty_answer(tmp_path):
    assert recorded("kumar2018_esc", tmp_path / "absent") == {}


def test_the_newest_run_speaks_for_a_build(make_run, tmp_path):
    root = tmp_path / "runs"
    old = make_run("demo", [LINE], folder=root / "kumar2018_esc" / "demo-1")
    make_run("demo", [CONTROL], folder=root / "kumar2018_esc" / "demo-2")
    make_run("esc50", [LINE], folder=root / "kumar2018_esc" / "esc50-1")
    (root / "unfinished").mkdir()
    path = old.folder / "provenance.json"
    path.write_text(json.dumps(old.provenance | {"date": "2020-01-01T00:00:00+00:00"}))
    (found,) = latest_runs(root, "demo")
    assert found.folder.name == "demo-2"
    assert len(latest_runs(root)) == 2
    assert latest_runs(tmp_path / "absent") == []


def test_every_recorded_run_of_the_repository_is_whole():
    for run in recorded_runs():
        assert run.evidence in ("restaged", "official"), "synthetic numbers are not recorded"
        assert run.folder.name == run.experiment
        assert run.folder.parent.name == run.profile
        for name in run.table_names:
            assert len(run.table(name)) > 0
