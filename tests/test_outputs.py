"""An executed copy costs nobody a file: what would, is refused before anything runs."""

import os
from pathlib import Path

import nbformat
import pytest

from companion import book, notebooks
from companion.book import BookError
from companion.errors import ParameterError
from companion.notebooks import NotebookError, run

CODE = nbformat.v4.new_code_cell
NOTEBOOK = nbformat.writes(nbformat.v4.new_notebook(cells=[CODE("profile = 'demo'"), CODE("print(profile)")]))


@pytest.fixture
def executed(monkeypatch):
    """Every notebook finishes at once."""

    def finish(source, target, *_):
        notebook = nbformat.read(source, as_version=4)
        for number, cell in enumerate(notebook.cells, start=1):
            cell.execution_count = number
        nbformat.write(notebook, target)

    monkeypatch.setattr(notebooks, "_execute", finish)


@pytest.fixture
def here(tmp_path, monkeypatch, executed):
    """A working directory with two notebooks, one of them under three names, and somebody's book."""
    monkeypatch.chdir(tmp_path)
    Path("n.ipynb").write_text(NOTEBOOK)
    Path("symbolic.ipynb").symlink_to("n.ipynb")
    os.link("n.ipynb", "hard.ipynb")
    Path("m.failed.ipynb").write_text(NOTEBOOK)
    Path("book", "chapter").mkdir(parents=True)
    Path("book", "_toc.yml").write_text("root: intro")
    Path("book", "chapter", "page.ipynb").write_text(NOTEBOOK)
    Path("through").symlink_to("book")
    Path("folder.ipynb").mkdir()
    os.mkfifo("pipe.ipynb")
    return tmp_path


def content(folder):
    """Every file below a folder with its bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("source", "output", "said"),
    [
        ("n.ipynb", "n.ipynb", "would replace it"),
        ("n.ipynb", "folder.ipynb/../n.ipynb", "would replace it"),
        ("n.ipynb", "symbolic.ipynb", "would replace it"),
        ("symbolic.ipynb", "n.ipynb", "would replace it"),
        ("n.ipynb", "hard.ipynb", "would replace it"),
        ("m.failed.ipynb", "m.ipynb", "would replace it"),
        ("n.ipynb", "book/chapter/page.ipynb", "among a book's sources"),
        ("n.ipynb", "book/new/page.ipynb", "among a book's sources"),
        ("n.ipynb", "through/new.ipynb", "among a book's sources"),
        ("n.ipynb", "result.csv", "cannot be called 'result.csv'"),
        ("n.ipynb", ".ipynb", "cannot be called"),
        ("n.ipynb", "folder.ipynb", "is no file"),
        ("n.ipynb", "pipe.ipynb", "is no file"),
    ],
)
def test_an_output_that_would_cost_something_is_refused(here, source, output, said):
    before = content(here)
    with pytest.raises(ParameterError, match=said):
        run(Path(source), Path(output), {})
    assert content(here) == before
    assert Path("pipe.ipynb").is_fifo()


def test_a_notebook_of_the_default_folder_is_not_run_onto_itself(here):
    for name in ("n.ipynb", "n.failed.ipynb"):
        target = here / "_build" / "run" / "demo" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(NOTEBOOK)
        with pytest.raises(ParameterError, match="would replace it"):
            run(target, target, {})
        assert target.read_text() == NOTEBOOK


def test_nothing_beside_an_output_is_touched(here):
    neighbours = [f"res{suffix}" for suffix in (".log", ".csv", ".run", ".ipynb.bak")]
    for name in neighbours:
        Path(name).write_text("mine")
    before = content(here)
    run(Path("n.ipynb"), Path("res.ipynb"), {})
    after = content(here)
    assert {path: after[path] for path in before} == before
    assert {path.name for path in after.keys() - before.keys()} == {"res.ipynb", "res.run.log"}


def test_names_and_values_that_no_notebook_can_hold_are_refused(here):
    odd = os.fsdecode(b"caf\xe9")
    for output, values in ((f"{odd}.ipynb", {}), ("o.ipynb", {"data": odd}), ("o.ipynb", {"settings": {odd: 1}})):
        with pytest.raises(ParameterError, match="not UTF-8"):
            run(Path("n.ipynb"), Path(output), values)
    assert not Path("o.ipynb").exists()


def test_a_cell_that_ends_the_notebook_did_not_finish_it(tmp_path):
    source = tmp_path / "n.ipynb"
    cells = [CODE("profile = 'demo'", metadata={"tags": ["parameters"]}), CODE("import sys; sys.exit(0)"), CODE("1")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), source)
    with pytest.raises(NotebookError, match="never executed"):
        run(source, tmp_path / "o.ipynb", {}, progress=False)
    assert not (tmp_path / "o.ipynb").exists()


@pytest.mark.parametrize("step", ["stage", "render"])
def test_the_former_book_stays_until_the_new_one_is_whole(tmp_path, monkeypatch, step):
    def warned(*_):
        raise BookError("Sphinx warned about a page")

    def rendered(_, html, __):
        html.mkdir()
        (html / "index.html").write_text("new")

    former = tmp_path / "_build" / "html" / "index.html"
    former.parent.mkdir(parents=True)
    former.write_text("former")
    monkeypatch.setattr(book, "stage", lambda *words: words[3].mkdir())
    monkeypatch.setattr(book, "render", rendered)
    with monkeypatch.context() as patch:
        patch.setattr(book, step, warned)
        with pytest.raises(BookError, match="warned"):
            book.make(tmp_path, "demo")
    assert former.read_text() == "former"
    book.make(tmp_path, "demo")
    assert former.read_text() == "new"
    assert [path.name for path in former.parents[1].iterdir()] == ["html"], "no scratch folder is left"
