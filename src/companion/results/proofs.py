"""Facts proved by tests: which of the tests that criteria.csv names have passed in this build."""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from companion.atomic import write_json
from companion.checkout import repository_root
from companion.errors import DataError
from companion.results.criteria import load_criteria

REPORT = Path("_build", "facts.json")
"""Where the outcome lies, below the checkout."""


def named_tests(root: Path) -> list[str]:
    """Tests that prove a published fact, as ``file::test``."""
    criteria = load_criteria(root / "data" / "published")
    return sorted({criterion.test for criterion in criteria.values() if criterion.test})


def prove(root: Path) -> list[str]:
    """Run the named tests, and write down which passed.

    Args:
        root: Folder of the checkout.

    Returns:
        Those that passed.

    Raises:
        DataError: pytest cannot run at all.
    """
    tests = named_tests(root)
    if not tests:  # pytest without a name would run everything
        write_json(root / REPORT, {"code": _digest(root), "passed": []})
        return []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        if not report.is_file():
            raise DataError(
                f"the tests that prove facts cannot run: {(done.stdout + done.stderr).strip()[-500:]}",
                expected="pytest installed, and every test that criteria.csv names",
                repair="pip install -r requirements.lock",
            )
        found = sorted(set(tests) & passed_in(report))
    write_json(root / REPORT, {"code": _digest(root), "passed": found})
    return found


def passed_in(report: Path) -> set[str]:
    """Test functions of a JUnit report of which every case passed, as ``file::test``."""
    outcomes: dict[str, set[str]] = defaultdict(set)
    for case in ElementTree.parse(report).iter("testcase"):
        file = case.attrib["classname"].replace(".", "/") + ".py"
        name = case.attrib["name"].partition("[")[0]
        outcomes[f"{file}::{name}"] |= {child.tag for child in case}
    return {test for test, tags in outcomes.items() if not tags & {"failure", "error", "skipped"}}


def passed(root: Path | None = None) -> set[str]:
    """Named tests that passed with the code as it stands; empty where they were not run since it changed."""
    root = root or repository_root()
    if root is None or not (root / REPORT).is_file():
        return set()
    try:
        said = json.loads((root / REPORT).read_text(encoding="utf-8"))
        return set(said["passed"]) if said["code"] == _digest(root) else set()
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()


def _digest(root: Path) -> str:
    """Digest of the library, and of the tests and what they share."""
    content = hashlib.sha256()
    for folder in ("src", "tests"):
        for file in sorted((root / folder).rglob("*.py")):
            content.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    return content.hexdigest()
