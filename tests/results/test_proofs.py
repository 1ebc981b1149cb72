"""A fact counts as proved while the test that criteria.csv names has passed with the code as it stands."""

import pytest

from companion.checkout import published_folder
from companion.errors import DataError
from companion.results import proofs
from companion.results.criteria import COLUMNS

TESTS = """
import pytest

def test_right():
    assert 1 + 1 == 2

@pytest.mark.parametrize("n", [1, 2])
def test_partly(n):
    assert n == 1

@pytest.mark.skip
def test_skipped():
    pass

def test_wrong():
    assert False

@pytest.fixture
def broken():
    raise OSError

def test_broken(broken):
    pass
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose criteria name five tests that are there, and one that is not."""
    for folder in ("src", "tests/a", "data/published"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "src" / "code.py").write_text("X = 1\n")
    (tmp_path / "tests" / "a" / "test_facts.py").write_text(TESTS)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\n')
    named = ["right", "partly", "skipped", "wrong", "broken"]
    lines = [
        f"C{n:03d},fact,real,test,,tests/a/test_facts.py::test_{name},no data,words," for n, name in enumerate(named)
    ]
    (tmp_path / "data" / "published" / "criteria.csv").write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    return tmp_path


RIGHT = "tests/a/test_facts.py::test_right"


def test_only_a_test_that_passed_in_every_case_proves(checkout):
    assert len(proofs.named_tests(checkout)) == 5
    assert proofs.passed(checkout) == set()
    assert proofs.prove(checkout) == [RIGHT]
    assert proofs.passed(checkout) == {RIGHT}

    # one that was proved by other code is not proved
    (checkout / "src" / "code.py").write_text("X = 2\n")
    assert proofs.passed(checkout) == set()
    (checkout / "src" / "code.py").write_text("X = 1\n")
    assert proofs.passed(checkout) == {RIGHT}
    (checkout / "tests" / "conftest.py").write_text("")
    assert proofs.passed(checkout) == set()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "5", '{"code": 1}', '{"passed": ["x"]}', '{"code": "?", "passed": 3}']
)
def test_a_damaged_report_proves_nothing(checkout, content):
    (checkout / proofs.REPORT).parent.mkdir()
    (checkout / proofs.REPORT).write_text(content)
    assert proofs.passed(checkout) == set()


def test_where_pytest_cannot_run_it_says_so(checkout, monkeypatch):
    monkeypatch.setattr(proofs.sys, "executable", "/bin/false")
    with pytest.raises(DataError, match="cannot run") as caught:
        proofs.prove(checkout)
    assert "requirements.lock" in caught.value.repair
    assert not (checkout / proofs.REPORT).exists()


def test_the_named_tests_of_this_checkout_are_those_of_its_criteria():
    root = published_folder().parents[1]
    assert "tests/models/test_weak_cnn.py::test_896_frames_give_13_segments" in proofs.named_tests(root)
