"""The book's contents, and the folder of finished pages that Sphinx reads."""

import json
import shutil
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from sphinx_external_toc.parsing import parse_toc_yaml

from companion.atomic import replace_folder
from companion.errors import CompanionError
from companion.notebooks import skip_iri_grammar

MATHJAX = ("tex-chtml.js", "input/tex", "output/chtml")
"""Files and folders of MathJax that pages load."""


class BookError(CompanionError):
    """A page of the book is missing, or the book could not be rendered."""


def pages(book: Path) -> list[str]:
    """Pages of the table of contents in reading order, without suffix, such as ``kumar2018/transfer``."""
    return list(parse_toc_yaml(book / "_toc.yml"))


def notebooks(book: Path) -> list[str]:
    """Pages of the table of contents that are notebooks.

    Raises:
        BookError: A page has neither a notebook nor a Markdown file.
    """
    found = []
    for page in pages(book):
        if (book / f"{page}.ipynb").is_file():
            found.append(page)
        elif not (book / f"{page}.md").is_file():
            raise BookError(
                f"{book / '_toc.yml'} names a page {page!r} that does not exist",
                expected=f"{page}.ipynb or {page}.md in {book}",
                repair="add the page, or take it out of the table of contents",
            )
    return found


def source_code(notebook: Path) -> str:
    """All code cells of a notebook, one below the other."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def make(root: Path, profile: str) -> Path:
    """Gather the pages and render them; the former book stays until the new one is whole.

    Args:
        root: Folder of the checkout.
        profile: The profile that the notebooks were executed with.

    Returns:
        Path: The book's first page.

    Raises:
        BookError: A notebook has no finished copy, or Sphinx warned about a page.
    """
    build = root / "_build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".book-", dir=build) as scratch:
        staged, html = Path(scratch, "stage"), Path(scratch, "html")
        bibliography = root / "data" / "published" / "papers.bib"
        stage(root / "book", build / "executed" / profile, profile, staged, bibliography)
        _copy_recorded(root / "data" / "recorded", staged / "_extra" / "recorded")
        render(staged, html, Path(scratch, "doctrees"))
        _leave_out_what_no_page_asks_for(html / "_static")
        replace_folder(html, build / "html")
    return build / "html" / "index.html"


def stage(book: Path, executed: Path, profile: str, target: Path, bibliography: Path | None = None) -> None:
    """Gather what Sphinx reads: Markdown pages, executed copies and the configuration.

    Args:
        book: Sources of the book.
        executed: Folder of finished copies, laid out like ``book``.
        profile: The profile they were run with.
        target: Folder to write; there is none yet.
        bibliography: A further file of references, kept outside ``book``.

    Raises:
        BookError: A notebook has no finished copy, or Jupyter Book refuses the configuration.
    """
    skip_iri_grammar()
    import nbformat  # here and below, so that reading the table of contents stays quick

    shutil.copytree(book, target, ignore=shutil.ignore_patterns("*.ipynb", ".ipynb_checkpoints", "_build"))
    for page in notebooks(book):
        copy = target / f"{page}.ipynb"
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            notebook = nbformat.read(executed / f"{page}.ipynb", as_version=4)
        except FileNotFoundError as error:
            raise BookError(
                f"{executed / page}.ipynb is missing",
                expected="an executed copy of every notebook of the book",
                repair=f"companion build --profile {profile}",
            ) from error
        nbformat.write(_one_parameters_cell(notebook), copy)
    if bibliography is not None:
        shutil.copy2(bibliography, target)
    _write_conf(target)


def _leave_out_what_no_page_asks_for(static: Path) -> None:
    """Keep of MathJax what reads TeX and sets it with web fonts, a fifth; and no maps of compressed scripts."""
    mathjax = static / "mathjax"
    for file in sorted(static.rglob("*.map")):
        file.unlink()
    for file in sorted(path for path in mathjax.rglob("*") if path.is_file()):
        if not file.relative_to(mathjax).as_posix().startswith(MATHJAX):
            file.unlink()


def _copy_recorded(recorded: Path, target: Path) -> None:
    """Lay the recorded runs beside the pages, which link to their files."""
    target.mkdir(parents=True)
    if recorded.is_dir():
        shutil.copytree(recorded, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("README.md"))


def _one_parameters_cell(notebook: Any) -> Any:
    """Show the values that papermill put in, folded; the defaults they replaced would only repeat them."""
    tags = {tag: cell for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
    if "injected-parameters" in tags and "parameters" in tags:
        tags["parameters"].metadata["tags"] = ["parameters", "remove-cell"]
        tags["injected-parameters"].metadata["tags"] = ["injected-parameters", "hide-input"]
    return notebook


def _write_conf(folder: Path) -> None:
    """Let Jupyter Book translate ``_config.yml`` into Sphinx's ``conf.py``."""
    from jupyter_book.cli.main import main as jupyter_book  # type: ignore[import-untyped]

    with redirect_stdout(StringIO()) as said:
        jupyter_book(["config", "sphinx", str(folder)], standalone_mode=False)
    if "Validation errors" in said.getvalue():
        raise BookError(
            f"Jupyter Book refuses {folder / '_config.yml'}: {said.getvalue().strip()}",
            expected="a valid configuration of Jupyter Book 1",
            repair="correct book/_config.yml",
        )


def render(staged: Path, html: Path, doctrees: Path) -> None:
    """Let Sphinx make the pages; a warning, such as a broken link between pages, is an error.

    Args:
        staged: Folder made by :func:`stage`.
        html: Folder to write; there is none yet.
        doctrees: Folder for Sphinx's own notes.

    Raises:
        BookError: Sphinx warned; its words went to standard error.
    """
    skip_iri_grammar()
    from sphinx.cmd.build import main as sphinx

    # -E: a page that warned once would otherwise count as read, and pass the next time without a word.
    options = ["-W", "--keep-going", "-E", "-q", "-b", "html", "-d", str(doctrees)]
    if sphinx([*options, str(staged), str(html)]):
        raise BookError(
            "Sphinx warned about a page; the former book stays as it is",
            expected="no warning",
            repair="correct what is named above in book/, or in the notebook that made it",
        )
