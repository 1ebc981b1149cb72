"""The direction of imports holds, and importing costs nothing and changes nothing."""

import pkgutil
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import companion

ROOT = Path(__file__).parents[1]
HEAVY = {"numpy", "torch", "pandas", "librosa", "sklearn", "matplotlib", "pydantic", "companion.cli"}


def python(code: str, cwd: Path) -> str:
    """Run a statement in a fresh interpreter and return what it printed."""
    finished = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_contracts_are_kept():
    # the command and not the Python API: the command is what CONTRIBUTING tells a contributor to run
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr


WRONG = {
    "layers, outermost first": ("results/wrong.py", "from companion import report"),
    "rooms know nothing of each other": ("papers/other/__init__.py", "from companion.papers import kumar2018"),
    "models and their training know no dataset": ("models/wrong.py", "from companion import datasets"),
    "the official scenes know nothing of the restaged ones": (
        "datasets/dcase2016_lists.py", "from companion.datasets import scene_recipes"
    ),
    "report knows rows and tables only": ("report/wrong.py", "import torch"),
    "evaluation needs arrays only": ("evaluation/wrong.py", "import pandas"),
}  # fmt: skip
"""A line that breaks each contract."""


def test_each_contract_is_broken_by_one_wrong_import(tmp_path):
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert [contract["name"] for contract in contracts] == list(WRONG)
    package = shutil.copytree(companion.__path__[0], tmp_path / "companion")
    for file, line in WRONG.values():
        (package / file).parent.mkdir(exist_ok=True)
        with (package / file).open("a") as opened:
            opened.write(f"{line}\n")
    printed = linted(tmp_path)
    for name in WRONG:
        assert f"{name} BROKEN" in printed, printed


def test_a_module_without_a_place_breaks_the_layers(tmp_path):
    package = shutil.copytree(companion.__path__[0], tmp_path / "companion")
    (package / "unplaced.py").touch()
    printed = linted(tmp_path)
    assert "layers, outermost first BROKEN" in printed
    assert f"Contracts: {len(WRONG) - 1} kept, 1 broken." in printed


def linted(folder: Path) -> str:
    """What import-linter says of a copy of the package."""
    check = f"""
import sys
from importlinter.cli import lint_imports
sys.path.insert(0, {str(folder)!r})
lint_imports({str(ROOT / "pyproject.toml")!r}, no_cache=True, no_logo=True)
"""
    return python(check, folder)


def test_importing_the_package_imports_nothing_heavy(tmp_path):
    printed = python(f"import companion, sys; print(*sorted({HEAVY!r} & set(sys.modules)))", tmp_path)
    assert printed.split() == []


def test_importing_every_module_does_no_work(tmp_path):
    """No file, no connection, no global seed, no change of torch's or matplotlib's settings."""
    names = [module.name for module in pkgutil.walk_packages(companion.__path__, "companion.")]
    assert "companion.audio" in names
    check = f"""
import importlib, os, sys
import matplotlib, numpy, torch

def refuse(event, arguments):
    if event.startswith("socket.connect") or event == "socket.getaddrinfo":
        raise SystemExit(f"{{event}} at import: {{arguments}}")

sys.addaudithook(refuse)
os.environ["COMPANION_CACHE"] = "cache"
def state():
    return (str(numpy.random.get_state()), torch.random.get_rng_state().tolist(), torch.get_default_dtype(),
            torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled(), dict(matplotlib.rcParams))
before = state()
for name in {names!r}:
    importlib.import_module(name)
assert state() == before, "an import changed a global setting"
assert not os.listdir(), os.listdir()
print("done")
"""
    assert python(check, tmp_path) == "done\n"
