"""Faults planted on purpose, one at a time, in a copy of the repository: each must turn its tests red.

``python tests/faults/planted.py`` plants all of ``planted.toml`` and writes ``outcome.csv``; names of faults choose
some, and write nothing.
"""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUTCOME = HERE / "outcome.csv"
COPIED = ("src", "tests", "data", "book", "pyproject.toml", "requirements.lock", "environment.yml")


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
    """What a fault's tests said."""

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
    file.write_text(sound.replace(fault.text, fault.planted), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(sound, encoding="utf-8")


def result_of(tests: Sequence[str], copy: Path) -> str:
    """``green``, ``red``, or ``broken`` where the tests could not be run; the first failure decides."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not soak"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy / "src"),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    names = [f"tests/{test}" for test in tests]
    done = subprocess.run([*command, *names], cwd=copy, env=environment, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        print(done.stdout[-2000:], done.stderr[-2000:])
    return {0: "green", 1: "red"}.get(done.returncode, "broken")


def outcome_of(fault: Fault, copy: Path) -> Outcome:
    """Plant a fault and run its tests."""
    started = time.perf_counter()
    with planted(fault, copy):
        result = result_of(fault.tests, copy)
    return Outcome(fault.name, fault.file, " ".join(fault.tests), result, round(time.perf_counter() - started, 1))


def main(names: Sequence[str]) -> None:
    """Plant faults and say what became of each."""
    faults = [fault for fault in load() if not names or any(name in (fault.name, fault.file) for name in names)]
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_of_the_repository(Path(folder))
        for fault in faults:
            outcomes.append(outcome_of(fault, copy))
            print(f"{outcomes[-1].result:7} {outcomes[-1].seconds:6.1f} s  {fault.file}: {fault.name}", flush=True)
        tests = sorted({test.partition("::")[0] for fault in faults for test in fault.tests})
        print("without a fault:", result_of(tests, copy))
    if not names:
        with OUTCOME.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(asdict(outcomes[0])), lineterminator="\n")
            writer.writeheader()
            writer.writerows(map(asdict, outcomes))


if __name__ == "__main__":
    main(sys.argv[1:])
