"""Faults planted on purpose, one at a time, in a copy of the repository: each must turn its tests red.

``python tests/faults/planted.py`` plants all of ``planted.toml``, which ``make soak`` does too; words of a fault's name
or file choose some, and ``--rest`` those that were not noticed yet. What became of each goes to ``outcome.csv``.
"""

import csv
import importlib
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from importlib.util import cache_from_source
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUTCOME = HERE / "outcome.csv"
COPIED = ("src", "tests", "data", "book", "pyproject.toml", "requirements.lock", "environment.yml")
LIBRARIES = ("pytest", "torch", "lightning_fabric", "pandas", "scipy.signal", "scipy.stats", "sklearn.linear_model",
             "sklearn.svm", "sklearn.mixture", "sklearn.manifold", "sklearn.pipeline", "matplotlib.pyplot", "librosa",
             "librosa.filters", "openTSNE", "pydantic", "joblib", "safetensors.numpy", "soundfile", "soxr", "pooch",
             "filelock", "tqdm.auto", "torch.utils.flop_counter")  # fmt: skip
"""Loaded once, so that a run of tests begins with them; nothing of this project is."""


@dataclass(frozen=True)
class Fault:
    """One change of the code that must not go unnoticed.

    Args:
        name: What is wrong then.
        file: Below ``src/companion``.
        text: What stands there, once.
        planted: What is put in its place.
        tests: Those that must turn red, as pytest takes them, below ``tests``.
    """

    name: str
    file: str
    text: str
    planted: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """From the root of the repository."""
        return Path("src/companion", self.file)


@dataclass(frozen=True)
class Outcome:
    """What a fault's tests said: ``red``, ``green``, or ``broken`` where they could not be run."""

    fault: str
    file: str
    tests: str
    result: str
    seconds: float


def load() -> list[Fault]:
    """Every fault of the list."""
    listed = tomllib.loads((HERE / "planted.toml").read_text(encoding="utf-8"))["fault"]
    return [Fault(**{**one, "tests": tuple(one["tests"])}) for one in listed]


def copy_of_the_repository(folder: Path) -> Path:
    """What the tests need, without what is made from it."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        elif (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder / name)
    return folder


@contextmanager
def planted(fault: Fault, copy: Path) -> Iterator[None]:
    """The copy with the fault in it."""
    file = copy / fault.path
    sound = file.read_text(encoding="utf-8")
    try:
        write(file, sound.replace(fault.text, fault.planted))
        yield
    finally:
        write(file, sound)


def write(file: Path, code: str) -> None:
    """Write a module; what was compiled of it before is not taken for it."""
    file.write_text(code, encoding="utf-8")
    Path(cache_from_source(str(file))).unlink(missing_ok=True)


def result_of(tests: Sequence[str], copy: Path) -> str:
    """Run tests in a process of their own; the first failure decides."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os._exit(run_tests(tests, copy))
    return {0: "green", 1: "red"}.get(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "broken")


def run_tests(tests: Sequence[str], copy: Path) -> int:
    """pytest's verdict on tests of the copy; what it says goes to a file there."""
    import pytest

    os.chdir(copy)
    os.environ.update(PYTHONPATH=str(copy / "src"), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    sys.path.insert(0, str(copy / "src"))
    said = os.open(copy / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not soak"]
    return int(pytest.main([*options, *(f"tests/{test}" for test in tests)]))


def outcome_of(fault: Fault, copy: Path) -> Outcome:
    """Plant a fault and run its tests."""
    started = time.perf_counter()
    with planted(fault, copy):
        result = result_of(fault.tests, copy)
    if result == "broken":
        print((copy / "said.txt").read_text(encoding="utf-8", errors="replace")[-2000:])
    return Outcome(fault.name, fault.file, " ".join(fault.tests), result, round(time.perf_counter() - started, 1))


def main(words: Sequence[str]) -> int:
    """Plant faults, say what became of each, and return 0 if all were noticed by tests that are green without them.

    Returns 1 if one was not, or a test is red without any, and 2 if no fault is of that name.
    """
    os.environ.update(OMP_NUM_THREADS="1", MPLBACKEND="Agg")
    for name in LIBRARIES:
        importlib.import_module(name)
    faults = [fault for fault in load() if chosen(fault, words)]
    if not faults and list(words) == ["--rest"]:
        print("every fault was noticed")
        return 0
    if not faults:
        print(f"no fault's file or name holds {' or '.join(map(repr, words))}", file=sys.stderr)
        return 2
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_of_the_repository(Path(folder).resolve())
        for fault in faults:
            outcomes.append(outcome_of(fault, copy))
            print(f"{outcomes[-1].result:7} {outcomes[-1].seconds:6.1f} s  {fault.file}: {fault.name}", flush=True)
            keep(outcomes[-1])
        tests = sorted({test for fault in faults for test in fault.tests})
        sound = result_of(tests, copy)
        print(f"{sound} without a fault", flush=True)
    return int(sound != "green" or any(outcome.result != "red" for outcome in outcomes))


def chosen(fault: Fault, words: Sequence[str]) -> bool:
    """Whether to plant a fault."""
    if list(words) == ["--rest"]:
        known = read_outcomes().get(fault.name)
        return known is None or known.result != "red"
    return not words or any(word in f"{fault.file}: {fault.name}" for word in words)


def read_outcomes() -> dict[str, Outcome]:
    """What became of the faults of the list as they stand there, by name."""
    if not OUTCOME.is_file():
        return {}
    with OUTCOME.open(encoding="utf-8", newline="") as file:
        lines = {line["fault"]: Outcome(**{**line, "seconds": float(line["seconds"])}) for line in csv.DictReader(file)}
    listed = {fault.name: (fault.file, " ".join(fault.tests)) for fault in load()}
    return {name: one for name, one in lines.items() if listed.get(name) == (one.file, one.tests)}


def keep(outcome: Outcome) -> None:
    """Write an outcome into the table, in the order of the list."""
    found = {**read_outcomes(), outcome.fault: outcome}
    with OUTCOME.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Outcome)])
        writer.writerows(astuple(found[fault.name]) for fault in load() if fault.name in found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
