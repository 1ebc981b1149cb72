"""The graph and the book: reruns do only what changed, failures stay out, pages ask no server for a thing."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from companion import book, graph
from companion.book import BookError
from companion.results import criteria

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
INTRO = """# A small book

A *weak* label, by {cite:t}`Kumar2018`, with $\\mathcal{N}_S$ and

$$\\sum_i x_i$$

```{bibliography}
```
"""
TOC = {"format": "jb-book", "root": "intro", "chapters": [{"file": "paper/transfer"}, {"file": "scorecard"}]}


def write_tree(root: Path) -> Path:
    """A checkout with the real Snakefile and configuration, and three tiny pages."""
    (root / "book" / "paper").mkdir(parents=True)
    (root / "data" / "published").mkdir(parents=True)
    shutil.copy2(ROOT / "Snakefile", root)
    for file in ("papers.bib", "published.csv"):
        shutil.copy2(ROOT / "data" / "published" / file, root / "data" / "published")
    (root / "data" / "published" / "criteria.csv").write_text(",".join(criteria.COLUMNS) + "\n")  # no fact to prove
    shutil.copy2(ROOT / "book" / "_config.yml", root / "book")
    shutil.copy2(ROOT / "book" / "references.bib", root / "book")
    if (ROOT / "book" / "_static").is_dir():
        shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    (root / "book" / "_toc.yml").write_text(yaml.safe_dump(TOC), encoding="utf-8")
    (root / "book" / "intro.md").write_text(INTRO, encoding="utf-8")
    write_page(root / "book" / "paper" / "transfer.ipynb", "Transfer")
    write_page(root / "book" / "scorecard.ipynb", "Scorecard")
    return root


def write_page(path: Path, title: str) -> None:
    """A notebook that prints its profile and shows a picture."""
    defaults = 'profile, seed, device = "", 0, "none"\ndata, settings = "", {}'
    picture = """from IPython.display import SVG\nSVG('<svg xmlns="http://www.w3.org/2000/svg"/>')"""
    cells = [{"cell_type": "markdown", "id": "title", "metadata": {}, "source": f"# {title}"}]
    text = "from companion.errors import CompanionError\nprint(profile)"
    for name, source in (("parameters", defaults), ("text", text), ("picture", picture)):
        cell = {"cell_type": "code", "id": name, "source": source, "outputs": [], "execution_count": None}
        cells.append(cell | {"metadata": {"tags": [name]}})
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of a tiny checkout, with a copy of the library, whose book was built once."""
    root = write_tree(tmp_path_factory.mktemp("checkout"))
    shutil.copytree(ROOT / "src", root / "src")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root / "src"))
        patch.chdir("/")  # the graph must not depend on where it is called from
        assert graph.build(root, "demo") == root / "_build" / "html" / "index.html"
        yield root


@pytest.fixture(scope="module")
def pages(built: Path) -> dict[str, str]:
    """HTML of every page of the tiny book, by its path."""
    html = built / "_build" / "html"
    found = {str(path.relative_to(html)): path for path in html.rglob("*.html")}
    return {name: path.read_text("utf-8") for name, path in found.items() if not name.startswith("_static")}


def test_every_page_is_there(pages: dict[str, str]) -> None:
    assert {"index.html", "intro.html", "paper/transfer.html", "scorecard.html", "search.html"} <= set(pages)


def test_a_page_shows_the_executed_notebook_and_its_parameters_once(pages: dict[str, str], built: Path) -> None:
    assert ">demo\n</pre>" in pages["paper/transfer.html"]
    assert "<img" in pages["paper/transfer.html"]
    shown = re.sub(r"<[^>]+>", "", pages["paper/transfer.html"])
    assert 'device = "auto"' in shown.replace("&quot;", '"')
    assert '"none"' not in shown.replace("&quot;", '"'), "the defaults would only repeat them"
    download = built / "_build" / "html" / "_sources" / "paper" / "transfer.ipynb"
    assert "injected-parameters" in download.read_text(encoding="utf-8"), "the executed copy can be downloaded"


def test_a_second_build_has_nothing_to_do_whatever_the_dates_say(built: Path) -> None:
    for path in [*(built / "book").rglob("*"), *(built / "data").rglob("*")]:
        os.utime(path)
    assert graph.stale(built, "demo") == []


def test_a_change_in_the_library_makes_the_pages_stale_that_use_it_and_one_in_the_command_line_none(
    built: Path,
) -> None:
    library, command_line = (built / "src" / "companion" / name for name in ("errors.py", "cli.py"))
    kept = library.read_bytes()
    for path in (library, command_line):
        path.write_bytes(path.read_bytes() + b"# changed\n")
    steps = {step.name: step.reason for step in graph.stale(built, "demo")}
    assert set(steps) >= {"execute paper/transfer", "execute scorecard", "render the book"}
    pages = " ".join(steps[f"execute {page}"] for page in ("paper/transfer", "scorecard"))
    assert "src/companion/errors.py" in pages
    assert "cli.py" not in pages
    library.write_bytes(kept)


def test_a_failed_notebook_stays_out_of_the_book(built: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = built / "book" / "scorecard.ipynb"
    kept, page = source.read_text(encoding="utf-8"), built / "_build" / "html" / "scorecard.html"
    before = page.read_bytes()
    source.write_text(kept.replace("print(profile)", "print(1 / 0)"), encoding="utf-8")
    with pytest.raises(BookError, match="was not rendered: see above"):
        graph.build(built, "demo")
    said = capfd.readouterr().out
    assert "ZeroDivisionError" in said
    assert "scorecard.run.log" in said
    assert "transfer" not in said, "only what changed runs again"
    assert (built / "_build" / "executed" / "demo" / "scorecard.failed.ipynb").is_file()
    assert page.read_bytes() == before, "the last good book stays"
    source.write_text(kept, encoding="utf-8")


def test_a_graph_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text("rule all:\n    input: 'nowhere.txt'\n")
    with pytest.raises(BookError, match=r"(?s)Snakemake says:.*nowhere\.txt"):
        graph.build(tmp_path, "demo")
    with pytest.raises(BookError, match=r"nowhere\.txt"):
        graph.stale(tmp_path, "demo")


def test_two_builds_in_one_folder_do_not_mix(tmp_path: Path) -> None:
    (tmp_path / "_build").mkdir()
    with graph._alone(tmp_path / "_build" / ".lock"), pytest.raises(BookError, match="another build"):
        graph.build(tmp_path, "demo")


def test_a_page_without_a_file_is_named(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    (root / "book" / "scorecard.ipynb").unlink()
    with pytest.raises(BookError, match="scorecard"):
        book.notebooks(root / "book")


def test_staging_refuses_a_notebook_that_was_not_executed(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    with pytest.raises(BookError, match=r"transfer\.ipynb is missing"):
        book.stage(root / "book", root / "executed", "demo", root / "stage")


def test_the_table_of_contents_lists_every_page_and_only_pages_that_exist() -> None:
    sources = [*(ROOT / "book").rglob("*.md"), *(ROOT / "book").rglob("*.ipynb")]
    written = {str(path.relative_to(ROOT / "book").with_suffix("")) for path in sources}
    assert set(book.notebooks(ROOT / "book")) <= written == set(book.pages(ROOT / "book"))


class _Loaded(HTMLParser):
    """Collects the addresses a browser fetches by itself: not links, which wait for a click."""

    SOURCES = ("src", "srcset", "poster", "data")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        wanted = [given.get(name) for name in self.SOURCES] + [given["href"] if tag == "link" else None]
        self.found += [address for address in wanted if address]


def outside(addresses: list[str]) -> list[str]:
    """Addresses on another server."""
    return [address for address in addresses if re.match(r"(https?:)?//", address.strip("'\" "))]


def test_the_scan_would_see_what_it_looks_for() -> None:
    parser = _Loaded()
    parser.feed('<script src="https://unpkg.com/x.js"></script><link href="//fonts/a.css"><a href="http://b">b</a>')
    assert outside(parser.found) == ["https://unpkg.com/x.js", "//fonts/a.css"]


def test_pages_load_nothing_from_a_server(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        parser = _Loaded()
        parser.feed(text)
        assert parser.found or name == "index.html", "only the first page's redirect loads nothing"
        assert not outside(parser.found), name
        assert not re.search(r"unpkg|jsdelivr|cdnjs|googleapis|mybinder", text), name


def test_styles_load_nothing_from_a_server(built: Path) -> None:
    styles = list((built / "_build" / "html" / "_static").rglob("*.css"))
    assert styles
    for path in styles:
        text = path.read_text(encoding="utf-8")
        addresses = re.findall(r"url\(([^)]*)\)|@import\s+([\"'][^\"']+)", text)
        assert not outside([first or second for first, second in addresses]), path


def test_everything_a_page_loads_lies_in_the_book(pages: dict[str, str], built: Path) -> None:
    for name, text in pages.items():
        parser = _Loaded()
        parser.feed(text)
        folder = (built / "_build" / "html" / name).parent
        for address in parser.found:
            if not address.startswith(("data:", "#")) and not address.endswith(".html"):
                assert (folder / address.split("?")[0].split("#")[0]).is_file(), f"{name}: {address}"


def visit(address: str, folder: Path) -> tuple[str, list[str]]:
    """The page after its scripts ran, and what it asked other servers for; no name resolves meanwhile."""
    log = folder / "net.json"
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'user'}", f"--log-net-log={log}",
        "--virtual-time-budget=5000", "--dump-dom", address,
    ]  # fmt: skip
    page = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    asked = [event["params"] for event in events if "initiator" in event.get("params", {})]
    # The browser's own errands have no origin; a page's requests have one, "null" under file://.
    return page, outside([each["url"] for each in asked if each["initiator"] != "not an origin"])


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
def test_a_browser_without_network_shows_mathematics_and_searches(built: Path, tmp_path: Path) -> None:
    html = (built / "_build" / "html").as_uri()
    page, asked = visit(f"{html}/intro.html", tmp_path / "intro")
    assert page.count("<mjx-container") == 2
    assert asked == []
    page, asked = visit(f"{html}/search.html?q=weak", tmp_path / "search")
    assert '<a href="intro.html' in page.split('id="search-results"')[1].split("</ul>")[0]
    assert asked == []
    probe = tmp_path / "probe.html"
    probe.write_text('<img src="https://example.org/a.png">', encoding="utf-8")
    assert visit(probe.as_uri(), tmp_path / "probe")[1] == ["https://example.org/a.png"], "the check can fail"
