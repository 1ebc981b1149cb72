"""The command line: every command explains itself, refuses plainly, and does what it says."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from companion import cli, doctor, graph
from companion.errors import DataError
from companion.report.row_format import COLUMNS
from companion.report.runs import Run, read_run, write_run

COMMANDS = ("doctor", "fetch", "validate", "run", "build", "experiment", "scorecard")


def call(*words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``companion WORDS``."""
    done = CliRunner().invoke(cli.app, list(words), env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_help_names_every_command() -> None:
    code, shown, _ = call("--help")
    assert code == 0
    assert all(command in shown for command in COMMANDS)
    assert "stage" not in shown, "a step of the graph, not a command for readers"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_has_a_help_text(command: str) -> None:
    code, shown, _ = call(command, "--help")
    assert code == 0
    assert len(shown.split()) > 15


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("run", "n.ipynb", "--profile", "dmo"), "did you mean 'demo'?"),
        (("run", "n.ipynb", "--budget", "2"), "less than or equal to 1"),
        (("run", "n.ipynb", "--device", "gpu"), "cuda:N"),
        (("run", "no/such/page"), "does not exist"),
        (("build", "--profile", "papers"), "did you mean 'paper'?"),
        (("fetch", "esc5"), "did you mean 'esc50'?"),
        (("validate", "urbansound"), "expected: one of esc50"),
        (("experiment", "kumar"), "unknown experiment 'kumar'"),
        (("experiment", "corpora"), "corpora computes no result rows"),
        (("validate", "esc50", "--data", "/no/such/folder"), "no ESC-50 in /no/such/folder"),
    ],
)
def test_errors_are_plain_and_name_the_repair(words: tuple[str, ...], named: str) -> None:
    code, _, complaint = call(*words)
    assert code == 2
    assert complaint.startswith("error ")
    assert named in complaint
    assert "Traceback" not in complaint


def test_an_unknown_option_is_refused_with_the_nearest() -> None:
    code, _, complaint = call("run", "n.ipynb", "--sead", "1")
    assert code == 2
    assert "--seed" in complaint


def test_an_unexpected_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(doctor, "examine", broken)
    with pytest.raises(ZeroDivisionError):
        call("doctor")


def test_doctor_reports_a_sound_machine_and_missing_data(tmp_path: Path) -> None:
    code, shown, _ = call("doctor", "--data", str(tmp_path))
    assert code == 0
    for subject in ("Python", "library", "book", "processor", "GPU", "memory", "cache", "ESC-50"):
        assert subject in shown
    assert "0 of 2000 clips" in shown
    assert "companion fetch esc50" in shown


def test_doctor_says_what_to_do_about_a_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "file" / "cache"))
    code, shown, _ = call("doctor")
    assert code == 1
    assert "cannot be written" in shown
    assert "export COMPANION_CACHE=" in shown


def test_doctor_counts_the_clips_that_are_there(esc50_root: Path, tmp_path: Path) -> None:
    (tmp_path / "ESC-50" / "audio").mkdir(parents=True)
    (tmp_path / "ESC-50" / "meta").symlink_to(esc50_root / "meta")
    for path in sorted((esc50_root / "audio").iterdir())[:3]:
        (tmp_path / "ESC-50" / "audio" / path.name).symlink_to(path)
    _, shown, _ = call("doctor", "--data", str(tmp_path))
    assert "3 of 2000 clips" in shown


def test_validate_tells_a_whole_corpus_from_a_partial_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Corpus:
        def __init__(self, root: Path) -> None:
            self.whole = root.name == "whole"

        def validate(self) -> SimpleNamespace:
            return SimpleNamespace(ok=self.whole)

    monkeypatch.setattr(cli, "_corpus", lambda name: Corpus)
    assert call("validate", "esc50", "--data", "whole")[0] == 0
    code, shown, _ = call("validate", "esc50", "--data", "partial")
    assert code == 1
    assert "companion fetch esc50" in shown


def test_build_dry_lists_steps_and_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [graph.Step("execute corpora", "Updated input files: book/corpora.ipynb")]
    monkeypatch.setattr(graph, "stale", lambda root, profile: steps)
    _, shown, _ = call("build", "-n")
    assert "execute corpora" in shown
    assert "book/corpora.ipynb" in shown
    steps.clear()
    assert "nothing to do" in call("build", "-n")[1]


@pytest.fixture
def finished_run(tmp_path: Path) -> Run:
    values = dict.fromkeys(COLUMNS, "") | {"value": 50.0, "n_clips": 4, "n_recordings": 2, "n_seeds": 1}
    row = values | {"experiment": "probe", "paper": "Kumar2018", "item": "Controls", "row": "level",
                    "column": "mean", "measure": "accuracy %", "profile": "demo", "evidence": "synthetic",
                    "ci_low": None, "ci_high": None, "data": "synthetic"}  # fmt: skip
    provenance = {
        "experiment": "probe", "profile": "demo", "evidence": "synthetic", "data": "synthetic", "seeds": [0],
        "device": "cpu", "commit": "", "dirty": True, "versions": {"python": "3"},
        "date": "2026-01-01T00:00:00+00:00",
        "wall_time_s": 1.0, "command": "companion experiment probe", "config": {}, "n_recordings": 2,
    }  # fmt: skip
    tables = {"curve": pd.DataFrame({"epoch": [1, 2], "loss": [0.5, 0.25]})}
    return write_run(tmp_path / "runs" / "probe", pd.DataFrame([row], columns=COLUMNS), provenance, tables)


def test_experiment_prints_rows_and_records_only_when_asked(
    finished_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def run(parameters: object) -> Run:
        seen.append(parameters)
        return finished_run

    monkeypatch.setattr(cli, "_experiment", lambda name: SimpleNamespace(run=run))
    monkeypatch.setattr(cli, "_checkout", lambda: tmp_path)
    target = tmp_path / "data" / "recorded" / "demo" / "probe"
    code, shown, _ = call("experiment", "probe", "--seed", "4")
    assert code == 0
    assert "accuracy %" in shown
    assert seen[0].seed == 4
    assert not target.exists()
    call("experiment", "probe", "--record")
    kept = read_run(target)
    pd.testing.assert_frame_equal(kept.rows, finished_run.rows)
    pd.testing.assert_frame_equal(kept.table("curve"), finished_run.table("curve"))
    assert kept.provenance == finished_run.provenance


def test_scorecard_writes_every_published_row(tmp_path: Path) -> None:
    target = tmp_path / "card.json"
    code, shown, _ = call("scorecard", "--json", str(target))
    assert code == 0
    assert "309 published rows" in shown
    rows = json.loads(target.read_text(encoding="utf-8"))
    assert len(rows) == 309
    assert all(row["status"] for row in rows)


def test_outside_a_checkout_the_book_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("companion.report.repository.repository_root", lambda: None)
    with pytest.raises(DataError, match="git clone"):
        cli._checkout()
