"""An installation outside any checkout: what works there works whole, and what does not says so before it computes."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from companion.results import provenance
from companion.results.published import load_published

ROOT = Path(__file__).parents[1]
BOOK = ("jupyter_book", "nbformat", "papermill", "snakemake", "sphinx_external_toc", "yaml")

CALLS = """
import json
from pathlib import Path

from typer.testing import CliRunner

import companion
from companion.cli import app

found = {"place": companion.__file__}
for words in ("--help", "doctor", "scorecard --json card.json", "validate esc50", "fetch esc50", "convert a b", "build",
              "run kumar2018/network", "run kumar2018/network --record", "run n.ipynb"):
    done = CliRunner().invoke(app, words.split(), env={"COLUMNS": "200"}, catch_exceptions=False)
    found[words] = {"code": done.exit_code, "said": done.output}
found["rows"] = len(json.loads(Path("card.json").read_text()))
found["computed"] = [str(path) for path in Path("cache").rglob("*.csv")]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the package as a wheel installs it, and without the book's packages."""
    sources, site = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("site")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "src", "data"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, sources / name)
    command = [sys.executable, "setup.py", "-q", "install_lib", "--no-compile", "--install-dir", str(site)]
    done = subprocess.run(command, cwd=sources, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    blocked = f"import sys\nsys.modules.update(dict.fromkeys({BOOK}))\n"
    (site / "sitecustomize.py").write_text(blocked)
    return site


@pytest.fixture(scope="module")
def answers(site, tmp_path_factory):
    """Exit code and words of every command, called in a folder outside any checkout, in one process."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "n.ipynb").write_text("{}")
    (folder / "data").write_text("a file in the place of a folder: nothing is downloaded")
    path = os.pathsep.join([str(site), sysconfig.get_path("purelib")])
    environment = {**os.environ, "PYTHONPATH": path, "COMPANION_DATA": "data", "COMPANION_CACHE": str(folder / "cache")}
    done = subprocess.run([sys.executable, "-c", CALLS], cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_library_is_the_installed_one(answers, site):
    assert answers["place"] == str(site / "companion" / "__init__.py")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--help", 0, "doctor"),
        ("doctor", 0, "build, the book's notebooks and run --record need one"),
        ("doctor", 0, "Ready for the library"),
        ("scorecard --json card.json", 0, "recorded results lie in a checkout"),
        ("validate esc50", 2, "companion fetch esc50"),
        ("fetch esc50", 2, "cannot write data"),
        ("convert a b", 2, "a does not exist"),
        ("build", 2, "clone the repository"),
        ("run kumar2018/network", 2, "clone the repository"),
        ("run kumar2018/network --record", 2, "clone the repository"),
        ("run n.ipynb", 2, "needs the package papermill"),
    ],
)
def test_a_command_works_or_says_what_it_needs(answers, words, code, said):
    assert answers[words]["code"] == code, answers[words]["said"]
    assert said in answers[words]["said"]


def test_the_scorecard_has_every_published_row(answers):
    assert answers["rows"] == len(load_published())


def test_nothing_is_computed_before_it_is_refused(answers):
    assert answers["computed"] == []


def test_no_command_advises_an_installation_from_the_index(answers):
    for words in (answer["said"] for answer in answers.values() if isinstance(answer, dict)):
        assert not re.search(r"pip install (?!-)", words)


def test_an_installed_package_never_takes_the_commit_of_a_checkout_beside_it(monkeypatch, tmp_path):
    commit, _ = provenance.git_state(ROOT)
    assert commit
    assert provenance.git_state()[0] == commit
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "site-packages" / "companion")
    assert provenance.git_state() == ("", True)


def test_a_repository_may_lie_in_a_folder_of_any_bytes(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    for words in (
        ("init", "-q"),
        ("-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "--allow-empty", "-m", "x"),
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    assert provenance.git_state(folder)[0]
