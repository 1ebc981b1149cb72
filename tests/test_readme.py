"""What the README shows a newcomer is true."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from companion.cli import app
from companion.profiles import PROFILES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"(?:^|`|& )companion ([a-z]+)", README, re.MULTILINE)))
TARGETS = re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_example_runs(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(example, {})
    label, *shapes = re.findall(r"^\w+|\[[\d, ]+\]", capsys.readouterr().out)
    assert label
    assert shapes == ["[1, 527]", "[1, 5, 527]"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_it_names_exists(command):
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_every_target_and_profile_it_names_exists():
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) <= set(TARGETS)
    assert re.findall(r"^\| `(\w+)`", README, re.MULTILINE) == list(PROFILES)


def test_every_file_it_links_exists():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
