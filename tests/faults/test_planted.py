"""The list of planted faults fits the code, its outcome is that of the list, and every fault is noticed."""

import ast
import csv
import subprocess
import sys

import pytest

from faults.planted import HERE, OUTCOME, ROOT, load

FAULTS = load()


def test_every_fault_is_of_code_that_stands_there_once():
    for fault in FAULTS:
        sound = (ROOT / fault.path).read_text(encoding="utf-8")
        assert sound.count(fault.text) == 1, f"{fault.file}: {fault.name}"
        assert ast.dump(ast.parse(sound.replace(fault.text, fault.planted))) != ast.dump(ast.parse(sound)), fault.name
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_every_fault_names_tests_that_exist():
    for name in sorted({test.partition("[")[0] for fault in FAULTS for test in fault.tests}):
        file, _, function = name.partition("::")
        defined = {node.name for node in ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8")).body
                   if isinstance(node, ast.FunctionDef)}  # fmt: skip
        assert function in defined if function else any(one.startswith("test_") for one in defined), name


def test_the_outcome_is_of_this_list_and_every_fault_was_noticed():
    with OUTCOME.open(encoding="utf-8", newline="") as file:
        outcome = {line["fault"]: line for line in csv.DictReader(file)}
    assert list(outcome) == [fault.name for fault in FAULTS], "make soak writes it anew"
    for fault in FAULTS:
        assert (outcome[fault.name]["file"], outcome[fault.name]["tests"]) == (fault.file, " ".join(fault.tests))
        assert outcome[fault.name]["result"] == "red", fault.name


@pytest.mark.soak
def test_every_planted_fault_turns_its_tests_red():
    done = subprocess.run([sys.executable, HERE / "planted.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
