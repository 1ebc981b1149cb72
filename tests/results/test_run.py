"""Run folders: what is written is what is read, and damage is named."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from companion import papers
from companion.checkout import recorded_folder
from companion.errors import DataError, StoreError
from companion.results.rows import COLUMNS
from companion.results.run import read_run, recorded, recorded_runs, write_run

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
    assert (run.experiment, run.profile, run.evidence) == ("kumar2018/transfer", "esc50", "restaged")


def test_a_second_run_replaces_the_first_with_its_tables(make_run):
    make_run(lines=[LINE], tables={"tsne": pd.DataFrame({"x": [1]})})
    again = make_run(lines=[CONTROL])
    assert again.table_names == ()
    assert [path.name for path in again.folder.parent.iterdir()] == [again.folder.name]


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
    [
        ("provenance.json", '{"experiment": '),
        ("provenance.json", "[]"),
        ("provenance.json", "[" * 100_000),
        ("provenance.json", "\ud800"),
        ("rows.csv", ""),
        ("rows.csv", 'a\n"b'),
    ],
)
def test_a_damaged_file_is_named_with_the_repair(make_run, name, content):
    run = make_run(lines=[LINE])
    (run.folder / name).write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(DataError) as raised:
        read_run(run.folder)
    assert str(run.folder) in raised.value.problem
    assert name.partition(".")[0] in raised.value.problem
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
    make_run("esc50", [LINE], experiment="kumar2018/other")
    make_run("esc50", [LINE], experiment="other/transfer")
    found = recorded("kumar2018/transfer", tmp_path)
    assert {profile: run.evidence for profile, run in found.items()} == {"esc50": "restaged", "paper": "official"}
    assert {run.experiment for run in found.values()} == {"kumar2018/transfer"}
    assert len(recorded_runs(tmp_path)) == 4


def test_a_recorded_run_is_called_what_its_folder_is_called(make_run, monkeypatch, tmp_path):
    """An experiment may be renamed after its run; no row is edited for that."""
    run = make_run("esc50", [LINE], experiment="old", folder=tmp_path / "esc50" / "kumar2018" / "new")
    assert run.experiment == "old"
    monkeypatch.setattr("companion.results.run.recorded_folder", lambda: tmp_path)
    assert run.experiment == "kumar2018/new"


def test_nothing_recorded_is_an_empty_answer(tmp_path):
    assert recorded("kumar2018/transfer", tmp_path / "absent") == {}
    assert recorded_runs(tmp_path / "absent") == []


def test_every_recorded_run_of_the_repository_is_whole():
    for run in recorded_runs():
        assert run.evidence != "synthetic", "synthetic numbers are not recorded"
        assert run.folder.relative_to(recorded_folder()).parts[0] == run.profile
        assert all(len(run.table(name)) for name in run.table_names)


def test_recorded_runs_are_of_the_settings_that_their_profiles_have():
    """Whoever changes a profile records it again."""
    for run in recorded_runs():
        name = run.provenance["experiment"]
        settings = papers.experiment(name).profiles[run.profile].model_dump(mode="json")
        assert run.provenance["settings"] == settings, name
        assert not run.provenance["changed"], name


def test_a_table_that_was_handed_out_is_its_readers(make_run):
    run = make_run(lines=[LINE], tables={"tsne": pd.DataFrame({"x": [1]})})
    table = run.table("tsne")
    table.loc[0, "x"] = 5
    assert run.table("tsne")["x"].tolist() == [1]


def test_writers_of_one_folder_leave_one_whole_run(make_run):
    def write(line):
        for _ in range(30):
            make_run(lines=[line])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, (LINE, CONTROL, LINE)))
    run = make_run(lines=[LINE])
    assert read_run(run.folder).rows.equals(run.rows)
    assert [path.name for path in run.folder.parent.iterdir()] == [run.folder.name]


def test_the_earlier_run_stands_until_the_new_one_is_whole(make_run, monkeypatch):
    run = make_run(lines=[LINE])
    to_csv, seen = pd.DataFrame.to_csv, []

    def meanwhile(self, *arguments, **options):
        seen.append(read_run(run.folder).rows["row"].tolist())
        return to_csv(self, *arguments, **options)

    monkeypatch.setattr(pd.DataFrame, "to_csv", meanwhile)
    make_run(lines=[CONTROL], tables={"tsne": pd.DataFrame({"x": [1]})})
    assert seen == [["N_S"], ["N_S"]]
