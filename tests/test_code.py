"""A digest of code changes with every line that a value depends on, and with no other."""

import ast
import shutil
import sys
from pathlib import Path

import pytest

from companion import code

TRAIN = "companion.papers.kumar2018.source"
CLOSURE = dict(sorted(code.closure(TRAIN).items()))  # in one order, for test processes that share the work
IGNORED = shutil.ignore_patterns("__pycache__")


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This package in another folder, where a test may change a module and put it back."""
    return Path(shutil.copytree(code.PACKAGE, tmp_path_factory.mktemp("copy") / "companion", ignore=IGNORED))


@pytest.fixture
def written(tmp_path: Path):
    """Write a made-up package, source by module name, in a folder of its own; returns the folder."""

    def write(**sources: str) -> Path:
        package = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, source in {"__init__": "", **sources}.items():
            file = package / f"{name.replace('.', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source)
        return package

    return write


def reached(package: Path, name: str = "companion.main") -> set[str]:
    return {module.removeprefix("companion.") for module in code.closure(name, package=package)}


# --- the real package


@pytest.mark.parametrize("name", CLOSURE)
def test_every_module_that_training_depends_on_changes_its_digest(copied, name):
    before = code.digest(TRAIN, package=copied)
    file = copied / CLOSURE[name].relative_to(code.PACKAGE)
    source = file.read_text()
    file.write_text(f"{source}\nADDED = 1\n")
    changed = code.digest(TRAIN, package=copied)
    file.write_text(source)
    assert changed != before
    assert code.digest(TRAIN, package=copied) == before


def test_no_other_module_does(copied):
    """A second paper's room, every page, the command line: none of them is part of a trained network."""
    before = code.digest(TRAIN, package=copied)
    others = [file for file in copied.rglob("*.py") if file.relative_to(copied) not in
              {used.relative_to(code.PACKAGE) for used in CLOSURE.values()}]  # fmt: skip
    assert {"cli.py", "scenes.py", "page.py", "scorecard.py"} <= {file.name for file in others}
    sources = {file: file.read_text() for file in others}
    room = copied / "papers" / "other"
    try:
        for file, source in sources.items():
            file.write_text(f"{source}\nADDED = 1\n")
        room.mkdir()
        (room / "__init__.py").write_text("from companion.papers.kumar2018 import source\n")
        assert code.digest(TRAIN, package=copied) == before
    finally:
        shutil.rmtree(room)
        for file, source in sources.items():
            file.write_text(source)


def test_training_depends_on_what_its_numbers_come_from():
    needed = ("audio", "features", "store", "losses", "models.weak_cnn", "models.slat", "training.loop",
              "training.rates", "training.state", "datasets.extraction", "evaluation.tagging")  # fmt: skip
    assert {f"companion.{name}" for name in needed} <= set(CLOSURE)
    assert not [name for name in CLOSURE if name.startswith(("companion.report", "companion.cli", "companion.graph"))]


def test_a_function_counts_as_its_module():
    from companion.atomic import write_json

    assert code.digest(write_json) == code.digest("companion.atomic") != code.digest("companion.paths")


def test_every_import_of_the_package_is_one_that_the_closure_reads():
    """A relative import would not be seen, nor one by another name for the package."""
    for file in code.PACKAGE.rglob("*.py"):
        relative = [node for node in ast.walk(ast.parse(file.read_text())) if getattr(node, "level", 0)]
        assert not relative, f"{file}, line {relative[0].lineno}: write the whole name"


# --- what counts as a change


@pytest.mark.parametrize(
    "same",
    [
        '"""Another docstring."""\nX = 1\n\n\ndef f(a, b=2):\n    """What it does."""\n    return a + b\n',
        "# why\nX = 1  # one\n\ndef f(a, b=2): return a + b\n",
        "X = 1\ndef f(\n    a,\n    b = 2,\n):\n    return (a\n            + b)\n",
    ],
    ids=["docstrings", "comments", "layout"],
)
def test_words_and_layout_do_not_count(written, same):
    plain = code.digest("companion.main", package=written(main="X = 1\ndef f(a, b=2):\n    return a + b\n"))
    assert code.digest("companion.main", package=written(main=same)) == plain


@pytest.mark.parametrize(
    "other",
    ["X = 2\ndef f(a, b=2):\n    return a + b\n", "X = 1\ndef f(a, b=3):\n    return a + b\n",
     "X = 1\ndef f(a, b=2):\n    return a - b\n", "X = 1\ndef f(a, b=2):\n    'f'\n    'g'\n    return a + b\n",
     "X = '1'\ndef f(a, b=2):\n    return a + b\n"],
    ids=["constant", "default", "operator", "second string", "type"],
)  # fmt: skip
def test_whatever_may_decide_a_number_counts(written, other):
    plain = code.digest("companion.main", package=written(main="X = 1\ndef f(a, b=2):\n    return a + b\n"))
    assert code.digest("companion.main", package=written(main=other)) != plain


def test_code_that_moves_to_another_module_counts(written):
    main, first, second = "from companion import a, b\n", "X = 1\n", "Y = 2\n"
    packages = written(main=main, a=first, b=second), written(main=main, a=second, b=first)
    assert len({code.digest("companion.main", package=package) for package in packages}) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "import companion.inner",
        "import companion.inner as name",
        "from companion import inner",
        "from companion.inner import thing",
        "from companion.inner import *",
        "def f():\n    from companion import inner",
        "class C:\n    def f(self):\n        import companion.inner",
        "async def f():\n    async with x:\n        import companion.inner",
        "try:\n    import companion.inner\nexcept ImportError:\n    pass",
        "try:\n    pass\nexcept ImportError:\n    import companion.inner",
        "try:\n    pass\nfinally:\n    import companion.inner",
        "if x:\n    pass\nelse:\n    import companion.inner",
        "for x in y:\n    pass\nelse:\n    import companion.inner",
        "with x:\n    import companion.inner",
        "match x:\n    case 1:\n        import companion.inner",
    ],
)
def test_an_import_counts_wherever_it_stands(written, statement):
    assert reached(written(main=statement, inner="from companion import deeper\n", deeper="", other="")) == {
        "main", "inner", "deeper"
    }  # fmt: skip


@pytest.mark.parametrize("test", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_what_only_type_checkers_see_does_not(written, test):
    assert reached(written(main=f"if {test}:\n    from companion import inner\n", inner="")) == {"main"}


def test_a_package_counts_where_a_name_comes_from_it_and_not_where_it_is_passed_through(written):
    rooms = {"room.__init__": "from companion import far\nNAME = 1\n", "room.one": "", "far": ""}
    assert reached(written(main="from companion.room import one\n", **rooms)) == {"main", "room.one"}
    assert reached(written(main="import companion.room.one\n", **rooms)) == {"main", "room.one"}
    assert reached(written(main="from companion.room import NAME\n", **rooms)) == {"main", "room", "far"}
    both = reached(written(main="from companion.room import NAME, one\n", **rooms))
    assert both == {"main", "room", "far", "room.one"}


def test_modules_that_import_each_other_end(written):
    assert reached(written(main="from companion import a\n", a="from companion import main\n")) == {"main", "a"}


def test_code_outside_the_package_has_no_closure(written):
    assert code.closure("numpy", "tests.test_code", package=written(main="")) == {}


def test_a_notebooks_cells_depend_on_what_they_import(written):
    package = written(main="from companion import inner\n", inner="", other="")
    cells = "import numpy as np\nfrom companion import main\n\nmain.f(np.pi)\n"
    assert set(code.imported(cells, package)) == {"companion.main", "companion.inner"}


# --- versions


@pytest.fixture
def asked_anew():
    """Versions are looked up once in a process; here, and after this test, again."""
    code._version.cache_clear()
    yield
    code._version.cache_clear()


def test_the_version_of_a_numerical_package_counts_where_it_is_used(written, monkeypatch, asked_anew):
    package = written(main="from companion import inner\n", inner="import scipy.fft\n", other="import torch.nn\n")

    def digests(**versions: str) -> tuple[str, str]:
        monkeypatch.setattr(code.metadata, "version", lambda name: versions.get(name, "1.0"))
        code._version.cache_clear()
        return code.digest("companion.main", package=package), code.digest("companion.other", package=package)

    main, other = digests()
    assert digests(scipy="1.1") != (main, other)
    assert digests(scipy="1.1")[1] == other
    assert digests(torch="1.1")[0] == main
    assert digests(matplotlib="1.1") == (main, other)


TOUCH_NO_NUMBER = {
    "filelock", "ipykernel", "itables", "joblib", "jupyter_book", "jupyter_client", "matplotlib", "nbformat",
    "papermill", "platformdirs", "pooch", "pydantic", "requests", "rich", "safetensors", "seaborn", "snakemake",
    "sphinx", "sphinx_external_toc", "tqdm", "typer", "yaml",
}  # fmt: skip
EXACT = {"pandas", "rapidfuzz"}
"""Tables, and counts of whole edits: what a version computes, every version does."""


def test_every_package_that_touches_a_number_counts_with_its_version():
    """A new one is put on one of the lists, after somebody thought of it."""
    imported = set()
    for file in code.PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    imported |= {one.name.partition(".")[0] for one in names}
                case ast.ImportFrom(module=str(name), level=0):
                    imported.add(name.partition(".")[0])
    known = set(sys.stdlib_module_names) | {"companion"} | TOUCH_NO_NUMBER | EXACT
    assert imported - known == set(code.NUMERICAL)
