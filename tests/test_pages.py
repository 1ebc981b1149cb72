"""Pages of the book: what their cells ask for is there."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from companion.report.page import Page

BOOK = Path(__file__).parents[1] / "book"
CHAPTERS = sorted(path for path in BOOK.glob("*/*.ipynb") if not path.name.startswith("."))
ITEMS = {"table": slice(1), "grid": slice(1), "variants": slice(None), "built": slice(None)}
"""Methods of a page that show items, and where their names stand among the arguments."""


def items(notebook: Path) -> Iterator[str]:
    """Names of the items that a notebook shows in tables."""
    cells = nbformat.read(notebook, as_version=4).cells
    for cell in cells:
        for call in ast.walk(ast.parse(cell.source)) if cell.cell_type == "code" else ():
            match call:
                case ast.Call(func=ast.Attribute(value=ast.Name("page"), attr=name)) if name in ITEMS:
                    names = call.args[ITEMS[name]]
                case _:
                    continue
            yield from (name.value for name in names if isinstance(name, ast.Constant))


@pytest.mark.parametrize("notebook", CHAPTERS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_table_of_a_chapter_says_what_its_rows_and_columns_are(notebook: Path) -> None:
    """Also of those that a build shows only when it ran another profile."""
    paper = importlib.import_module(f"companion.papers.{notebook.parent.name}.pages")
    chapter = importlib.import_module(f"companion.papers.{notebook.parent.name}.{notebook.stem}")
    page = object.__new__(paper.Page)
    assert isinstance(page, Page)
    page.experiment = chapter.experiment
    found = list(items(notebook))
    for item in [*found, "Fold by fold"] if ".folds(" in notebook.read_text(encoding="utf-8") else found:
        assert all(page.heads_of(item)), item
