"""The command line: every command explains itself, refuses plainly, and does what it says."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from companion import cli, doctor, experiment, graph, notebooks, papers
from companion.errors import DataError
from companion.results.published import load_published
from companion.results.run import read_run

COMMANDS = ("doctor", "fetch", "validate", "events", "convert", "run", "build", "scorecard")
CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)


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
    assert "prove" not in shown, "a step of the graph, not a command for readers"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_has_a_help_text(command: str) -> None:
    code, shown, _ = call(command, "--help")
    assert code == 0
    assert len(shown.split()) > 15


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("run", "n.ipynb", "--profile", "dmo"), "did you mean 'demo'?"),
        (("run", "n.ipynb", "--seed", "-1"), "greater than or equal to 0"),
        (("run", "n.ipynb", "--set", "epochs"), "'epochs' is no NAME=VALUE"),
        (("run", "kumar2018/transfr", "--rows"), "'kumar2018/transfr' is no chapter"),
        (("run", "kumar2018/transfer", "--rows", "--set", "epocs=3"), "unknown setting 'epocs'"),
        (("run", "kumar2018/transfer", "--part", "no-such"), "has no part 'no-such'"),
        (("run", "n.ipynb", "--device", "gpu"), "cuda:N"),
        (("run", "no/such/page"), "does not exist"),
        (("build", "--profile", "papers"), "did you mean 'paper'?"),
        (("fetch", "esc5"), "did you mean 'esc50'?"),
        (("validate", "noiseme"), "expected: one of esc50"),
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
def given(make_run, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the experiment of a chapter was asked for; it gives one finished run whatever it is."""
    asked: list[object] = []
    finished = make_run("demo", [CELL], {"curve": pd.DataFrame({"epoch": [1, 2], "loss": [0.5, 0.25]})})

    def run(**parameters: object) -> object:
        asked.append(parameters)
        return finished

    def make(part: str, where: dict[str, str], **parameters: object) -> list[object]:
        asked.append((part, where, parameters))
        return []

    monkeypatch.setattr(papers, "experiment", lambda page: asked.append(page) or SimpleNamespace(run=run, make=make))
    return asked


def test_run_prints_rows_and_hands_every_option_on(given: list[object]) -> None:
    words = ("--seed", "4", "--set", "epochs=5", "--set", "source.pooling=max", "--set", "classes=[1, 2]")
    code, shown, _ = call("run", "kumar2018/transfer", "--rows", *words)
    assert code == 0
    assert "accuracy %" in shown
    changes = {"epochs": 5, "source.pooling": "max", "classes": [1, 2]}
    parameters = {"profile": "demo", "seed": 4, "device": "auto", "data": "", "settings": changes}
    assert given == ["kumar2018/transfer", parameters]


def test_run_makes_the_parts_of_an_index(given: list[object]) -> None:
    code, _, _ = call("run", "kumar2018/transfer", "--part", "adapted", "--seed", "2", "--where", "fold=3")
    assert code == 0
    parameters = {"profile": "demo", "seed": 0, "device": "auto", "data": "", "settings": {}}
    assert given == ["kumar2018/transfer", ("adapted", {"seed": "2", "fold": "3"}, parameters)]


def test_run_records_only_when_asked_and_asks_for_a_clean_tree_first(
    given: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse() -> None:
        raise DataError("recording needs a clean tree")

    recorded: list[object] = []
    monkeypatch.setattr(experiment, "record", lambda run: recorded.append(run) or run)
    monkeypatch.setattr(experiment, "check_recordable", refuse)
    assert call("run", "kumar2018/transfer", "--rows")[0] == 0
    assert recorded == []
    code, _, complaint = call("run", "kumar2018/transfer", "--record")
    assert code == 2
    assert "clean tree" in complaint
    assert len(given) == 3, "refused before hours of work, not after"
    monkeypatch.setattr(experiment, "check_recordable", lambda: None)
    assert call("run", "kumar2018/transfer", "--record")[0] == 0
    (run,) = recorded
    assert read_run(run.folder).rows.equals(run.rows)


def test_run_without_rows_executes_the_notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[object] = []

    def run(*words: object, **named: object) -> SimpleNamespace:
        asked.append((words, named))
        return SimpleNamespace(output=words[1], log=words[1], wall_time=1.0)

    monkeypatch.setattr(notebooks, "run", run)
    target = tmp_path / "n.ipynb"
    code, _, complaint = call("run", "kumar2018/transfer", "--seed", "3", "--output", str(target))
    assert (code, complaint) == (0, "")
    ((source, output, values), _) = asked[0]
    assert str(source).endswith("book/kumar2018/transfer.ipynb")
    assert (output, values["seed"], values["profile"]) == (target, 3, "demo")


def test_scorecard_writes_every_published_row(tmp_path: Path) -> None:
    target = tmp_path / "card.json"
    code, shown, _ = call("scorecard", "--json", str(target))
    assert code == 0
    rows = json.loads(target.read_text(encoding="utf-8"))
    assert [row["id"] for row in rows] == load_published().index.tolist()
    assert f"{len(rows)} published rows" in shown
    assert all(row["status"] for row in rows)


def test_outside_a_checkout_the_book_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("companion.cli.repository_root", lambda: None)
    with pytest.raises(DataError, match="sources were not found"):
        cli._checkout()
