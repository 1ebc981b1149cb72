"""Commands at the edges of the terminal and of the file system: refused in plain words, never with a traceback."""

import os
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest
from typer.testing import CliRunner

from companion.cli import app
from companion.datasets import esc50_events

LONG = "a" * 300
FOLDERS = [("doctor",), ("validate", "esc50"), ("fetch", "esc50"), ("events", "esc50"), ("run", "n.ipynb")]
FILES = [
    ("run", "n.ipynb", "--output", "{}.ipynb"),
    ("scorecard", "--json", "{}.json"),
    ("events", "esc50", "--output", "{}.csv"),
    ("convert", "n.ipynb", "n.ipynb", "--output", "{}.safetensors"),
    ("convert", "{}", "n.ipynb"),
    ("convert", "n.ipynb", "{}"),
    ("run", "{}.ipynb"),
]


def called(*words: str) -> str:
    """The refusal of ``companion WORDS``, on one line."""
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 2, done.output
    return " ".join(done.stderr.split())


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A working directory that holds one notebook."""
    monkeypatch.chdir(tmp_path)
    Path("n.ipynb").write_text("{}")


def companion(*words, shell="exec", stdout=subprocess.PIPE, **environment):
    """``companion WORDS`` as a process of its own, begun by a piece of shell."""
    command = ["sh", "-c", f'{shell} "$@"', "sh", sys.executable, "-m", "companion.cli", *words]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})


@pytest.mark.parametrize("words", FOLDERS, ids=" ".join)
def test_a_folder_of_nobody_is_refused(words):
    assert "~nosuchuser cannot be found" in called(*words, "--data", "~nosuchuser")


@pytest.mark.parametrize("words", FILES, ids=" ".join)
def test_a_file_of_nobody_is_refused(words):
    assert "cannot be found" in called(*(word.format("~nosuchuser") for word in words))
    assert os.listdir() == ["n.ipynb"]


@pytest.mark.parametrize("words", [*FILES, ("run", "n.ipynb", "--profile", "{}"), ("fetch", "{}")], ids=" ".join)
def test_a_name_too_long_for_the_file_system_is_refused(words):
    assert "aaaa" in called(*(word.format(LONG) for word in words))


@pytest.mark.parametrize("words", [("validate", "esc50"), ("fetch", "esc50")], ids=" ".join)
def test_a_folder_too_long_for_the_file_system_is_refused(words):
    assert "File name too long" in called(*words, "--data", LONG)


def test_no_option_takes_a_path_that_nobody_looked_at():
    looked_at = []
    for command in app.registered_commands:
        for name, hint in get_type_hints(command.callback, include_extras=True).items():
            if "Path" in str(hint):
                assert hint.__metadata__[0].parser, f"{command.callback.__name__}: {name} has no parser"
                looked_at.append(name)
    assert len(looked_at) >= 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scorecard", "--json", "n.ipynb"), "not the name of a .json file"),
        (("events", "esc50", "--output", "n.ipynb"), "not the name of a .csv file"),
        (("convert", "n.ipynb", "n.ipynb", "--output", "n.ipynb"), "not the name of a .safetensors file"),
        (("run", "n.ipynb", "--output", ""), "not the name of a .ipynb file"),
        (("scorecard", "--json", "pipe.json"), "is no file"),
        (("convert", "pipe.json", "n.ipynb"), "no regular file"),
        (("convert", "n.ipynb", "pipe.json"), "no regular file"),
        (("run", "pipe.json"), "does not exist"),
        (("run", ""), "no notebook"),
        (("run", "/"), "no notebook"),
    ],
    ids=str,
)
def test_what_is_no_file_of_its_kind_is_refused_and_stays(words, said, ten_seconds):
    os.mkfifo("pipe.json")
    assert said in called(*words)
    assert Path("pipe.json").is_fifo()
    assert Path("n.ipynb").read_text() == "{}"


def test_names_are_printed_letter_by_letter():
    assert "no ESC-50 in :x:[bold]a[/]" in called("validate", "esc50", "--data", ":x:[bold]a[/]")


def test_names_that_are_not_utf8_are_printed_as_escapes(monkeypatch):
    name = os.fsdecode(b"caf\xe9")
    Path(name).mkdir()
    assert r"no ESC-50 in caf\udce9" in called("validate", "esc50", "--data", name)
    Path(f"{name}.ipynb").write_text("{}")
    assert r"not UTF-8" in called("run", f"{name}.ipynb")
    monkeypatch.setattr(esc50_events, "write_event_table", lambda *_: [])
    done = CliRunner().invoke(app, ["events", "esc50", "--output", f"{name}.csv"])
    assert done.exit_code == 0, done.exception
    assert r"caf\udce9.csv" in done.stdout


@pytest.mark.skipif(not sys.prefix.isascii(), reason="Python itself cannot start from such a folder in an ASCII locale")
def test_a_terminal_that_knows_ascii_alone_is_enough():
    done = companion("run", "--help", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--profile" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_named():
    with Path("/dev/full").open("w") as full:
        done = companion("--help", stdout=full)
    assert done.returncode == 2
    assert "standard output takes no more: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_reader_that_leaves_ends_a_command_without_a_word():
    reader, writer = os.pipe()
    os.close(reader)
    done = companion("run", "--help", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_working_directory_that_was_deleted_is_named():
    done = companion("doctor", shell="mkdir gone && cd gone && rmdir ../gone && exec")
    assert done.returncode == 2
    assert "the working directory is gone" in done.stderr
    assert "Traceback" not in done.stderr
