"""Provenance says what was run, and nothing about the folders of the machine."""

import json
import subprocess
from pathlib import Path

import pytest

from companion.profiles import PROFILES
from companion.report.provenance import collect, device_name, git_state, versions, without_folders


def collected(profile="demo", **changes):
    facts = dict(
        experiment="e", profile=profile, data="synthetic world", seeds=(0,), device="cpu",
        command="companion run x", config={"epochs": 3}, wall_time=1.26, n_recordings=40,
    )  # fmt: skip
    return collect(**{**facts, **changes})


def test_everything_is_there_and_is_plain_json():
    facts = collected()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["date"].endswith("+00:00")
    assert facts["wall_time_s"] == 1.3
    assert {"python", "numpy", "torch", "companion"} <= set(facts["versions"])


@pytest.mark.parametrize("profile", PROFILES)
def test_evidence_follows_from_the_profile(profile):
    assert collected(profile)["evidence"] == PROFILES[profile].evidence


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("companion run x -p data /home/me/corpora/ESC-50", "companion run x -p data …/ESC-50"),
        ("--data='/mnt/a/b' --seed 1", "--data='…/b' --seed 1"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        (
            "kumar2018/transfer, 1/2, $COMPANION_DATA/ESC-50/audio",
            "kumar2018/transfer, 1/2, $COMPANION_DATA/ESC-50/audio",
        ),
    ],
)
def test_folders_are_shortened_and_nothing_else(text, kept):
    assert without_folders(text) == kept
    assert without_folders({"a": [Path(text) if text.startswith("/") else text]}) == {"a": [kept]}


def test_no_folder_of_this_machine_in_the_facts(tmp_path):
    facts = collected(command=f"companion run {tmp_path}/x.ipynb", config={"data": tmp_path / "corpora"})
    assert str(tmp_path) not in json.dumps(facts)
    assert str(Path.home()) not in json.dumps(facts)


def git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_a_changed_source_file_makes_a_checkout_dirty_and_a_page_does_not(tmp_path):
    assert git_state(tmp_path) == ("", True)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("x = 1\n")
    (tmp_path / "README.md").write_text("one\n")
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) == ("", True)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    commit, dirty = git_state(tmp_path)
    assert len(commit) == 40
    assert not dirty
    (tmp_path / "README.md").write_text("two\n")
    assert git_state(tmp_path) == (commit, False)
    (tmp_path / "src" / "b.py").write_text("y = 2\n")
    assert git_state(tmp_path) == (commit, True)


def test_without_git_a_run_still_has_provenance(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state() == ("", True)
    assert collected()["commit"] == ""


def test_the_device_is_named_in_words():
    name = device_name("cpu")
    assert name.startswith("cpu: ")
    assert "core" in name
    assert versions()["numpy"]
