"""Provenance says what was run, and nothing about the folders of the machine."""

import json
import subprocess
from pathlib import Path

import pytest

from companion.results.provenance import collect, git_state, stamp, versions, without_folders

STARTED = {"commit": "abc", "dirty": False, "versions": {}, "device": "cpu: a processor", "precision": "32-true",
           "threads": 1, "instructions": []}  # fmt: skip


def collected(**changes):
    facts = dict(
        experiment="e", profile="demo", evidence="synthetic", data="synthetic world", inputs={"corpus": "1a"},
        seed=0, seeds=(0,), command="companion run x", settings={"epochs": 3, "sizes": (1, 2)}, changed={"epochs": 3},
        started=STARTED, parts=[{"key": "k", "commit": "abc"}], wall_time=1.26, n_recordings=40,
    )  # fmt: skip
    return collect(**{**facts, **changes})


def test_everything_is_there_and_is_plain_json():
    facts = collected()
    assert json.loads(json.dumps(facts)) == facts
    assert STARTED.items() <= facts.items()
    assert facts["date"].endswith("+00:00")
    assert facts["wall_time_s"] == 1.3
    assert facts["parts"] == [{"key": "k", "commit": "abc"}]
    assert facts["inputs"] == {"corpus": "1a"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("companion run x --data /home/me/corpora/ESC-50", "companion run x --data …/ESC-50"),
        ("--data='/mnt/a/b' --seed 1", "--data='…/b' --seed 1"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("kumar2018/transfer, 1/2, $COMPANION_DATA/ESC-50", "kumar2018/transfer, 1/2, $COMPANION_DATA/ESC-50"),
    ],
)
def test_folders_are_shortened_and_nothing_else(text, kept):
    assert without_folders(text) == kept
    assert without_folders({"a": [Path(text) if text.startswith("/") else text]}) == {"a": [kept]}


def test_no_folder_of_this_machine_in_the_facts(tmp_path):
    folders = {"weights": tmp_path / "w", "lists": [str(tmp_path / "l")]}
    facts = collected(command=f"companion run {tmp_path}/x", settings=folders, changed=folders, data=f"in {tmp_path}")
    assert str(tmp_path) not in json.dumps(facts)


def test_versions_name_what_touches_a_number():
    assert {"python", "pandas", "numpy", "torch", "scikit-learn"} <= set(versions())
    assert versions()["numpy"].count(".") == 2


# --- git


def git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A checkout with one commit."""
    root = tmp_path / "checkout"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("x = 1\n")
    (root / "README.md").write_text("one\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


def test_a_commit_is_named(repository):
    commit, dirty = git_state(repository)
    assert len(commit) == 40
    assert not dirty
    assert stamp({"device": "cpu"}).keys() == {"commit", "dirty", "versions", "device"}


@pytest.mark.parametrize(
    "place",
    ["src/a.py", "src/new.py", "requirements.lock", "pyproject.toml", "data/published/criteria.csv",
     "data/events/esc50.csv"],
)  # fmt: skip
def test_what_makes_a_number_makes_a_checkout_dirty(repository, place):
    commit, _ = git_state(repository)
    (repository / place).parent.mkdir(parents=True, exist_ok=True)
    (repository / place).write_text("y = 2\n")
    assert git_state(repository) == (commit, True)


@pytest.mark.parametrize("place", ["README.md", "book/page.ipynb", "data/recorded/esc50/x/rows.csv", "tests/test_a.py"])
def test_what_makes_none_does_not(repository, place):
    commit, _ = git_state(repository)
    (repository / place).parent.mkdir(parents=True, exist_ok=True)
    (repository / place).write_text("two\n")
    assert git_state(repository) == (commit, False)


def test_a_repository_that_the_sources_happen_to_lie_in_says_nothing_of_them(repository):
    inside = repository / "src"
    assert git_state(inside) == ("", True)


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
def test_the_environment_names_no_other_repository(repository, tmp_path, monkeypatch, name):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    (other / "a").touch()
    git(other, "add", ".")
    git(other, "commit", "-q", "-m", "another")
    expected = git_state(repository)
    monkeypatch.setenv(name, str(other / ".git" if name == "GIT_DIR" else other))
    assert git_state(repository) == expected


def test_without_git_or_a_commit_code_counts_as_changed(repository, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert git_state(empty) == ("", True)
    git(empty, "init", "-q")
    assert git_state(empty) == ("", True)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(repository) == ("", True)
