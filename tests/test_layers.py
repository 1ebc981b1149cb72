"""The direction of imports holds, and importing costs nothing and changes nothing."""

import pkgutil
import shutil
import subprocess
import sys
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


def test_a_wrong_import_breaks_its_contract(tmp_path):
    """The contracts bite: each is broken by one wrong line in a copy of the package."""
    package = shutil.copytree(companion.__path__[0], tmp_path / "companion")
    (package / "unplaced.py").touch()
    (package / "models" / "wrong.py").write_text("from companion import datasets\n")
    with (package / "datasets" / "dcase2016_lists.py").open("a") as file:
        file.write("from companion.datasets import scene_recipes\n")
    (package / "report" / "wrong.py").write_text("import torch\n")
    (package / "evaluation" / "wrong.py").write_text("import pandas\n")
    check = f"""
import sys
from importlinter.cli import lint_imports
sys.path.insert(0, {str(tmp_path)!r})
lint_imports({str(ROOT / "pyproject.toml")!r}, no_cache=True, no_logo=True)
"""
    printed = python(check, tmp_path)
    assert "Contracts: 0 kept, 5 broken." in printed, printed


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
