"""The rendered book in a browser: opened from its files, without a network, wide and narrow, light and dark."""

import shutil
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

BOOK = Path(__file__).resolve().parents[2] / "_build" / "html"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync"]  # fmt: skip
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 375, "height": 800}
MOST_SCREENS = 8
PAGES = sorted(
    path.relative_to(BOOK).as_posix()
    for path in BOOK.rglob("*.html")
    if path.parent.name != "_static"
    and path.name not in ("genindex.html", "search.html", "index.html")
    and "recorded" not in path.parts
)

pytestmark = [
    pytest.mark.skipif(not PAGES, reason="no book in _build/html: make book"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Open a page in a window; its errors and what it asks of a network are collected."""
    contexts = []

    def open_page(name, size=WIDE, theme="light"):
        context = browser.new_context(viewport=size, color_scheme=theme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.wrong = []
        page.on("console", lambda message: page.wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("request", lambda request: page.wrong.append(request.url) if request.url.startswith("http") else None)
        page.add_init_script(f"localStorage.mode = localStorage.theme = '{theme}'")
        page.goto(f"{BOOK.as_uri()}/{name}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def violations(page):
    """What axe finds at its two upper levels, as rule and element."""
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:120]}" for one in found if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]  # fmt: skip


CUT = """() => {
  const scrolls = element => {
    for (let up = element; up && up !== document.body; up = up.parentElement)
      if (/auto|scroll|hidden/.test(getComputedStyle(up).overflowX)) return true;
    return false;
  };
  return [...document.querySelectorAll("main *")]
    .filter(element => element.checkVisibility() && element.getBoundingClientRect().right > innerWidth + 1)
    .filter(element => !scrolls(element)).map(element => element.outerHTML.slice(0, 120));
}"""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_error_asks_for_nothing_and_can_be_read_by_all(name, opened):
    page = opened(name)
    page.wait_for_timeout(200)
    assert page.wrong == []
    assert violations(page) == []
    if "/" in name:  # a chapter's
        screens = page.evaluate("document.documentElement.scrollHeight") / WIDE["height"]
        assert screens <= MOST_SCREENS, f"{screens:.1f} screens"
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDE["width"]
    page.set_viewport_size(NARROW)  # a telephone: nothing is cut sideways
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    # found and verdict of a claim are read without scrolling sideways
    wide = "[...document.querySelectorAll('.companion-claims > *')].some(e => e.scrollWidth > e.clientWidth + 1)"
    assert not page.evaluate(wide)
    assert page.evaluate(CUT) == []


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith(("intro", "scorecard", "kumar2018/tr"))])
def test_dark_pages_can_be_read_too(name, opened):
    assert violations(opened(name, theme="dark")) == []


def test_every_link_inside_the_book_leads_somewhere(opened):
    anchors, wanted = {}, []
    for name in PAGES:
        page = opened(name)
        here = (BOOK / name).resolve()
        anchors[here] = set(page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)"))
        for address in page.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)"):
            if address.startswith("file:"):
                target, anchor = urldefrag(address)
                wanted.append((name, Path(unquote(target.removeprefix("file://")).partition("?")[0]), unquote(anchor)))
        page.context.close()
    assert len(wanted) > 100
    assert [(name, path) for name, path, _ in wanted if not path.exists()] == []
    assert [one for one in wanted if one[2] and one[1] in anchors and one[2] not in anchors[one[1]]] == []


@pytest.mark.parametrize(
    ("words", "title"),
    [("localisation", "Whole recordings against segments"), ("support vector machine", "Transfer"), ("errata", "slip")],
)
def test_search_finds_without_a_server(words, title, opened):
    page = opened(f"search.html?q={words}")
    page.wait_for_selector("#search-results li", timeout=10_000)
    found = page.locator("#search-results li").all_inner_texts()
    assert any(title in text for text in found), found


def test_the_scorecard_sorts_searches_and_leads_to_a_row(opened):
    page = opened("scorecard.html#C146")
    page.wait_for_selector(".dt-search input", timeout=10_000)
    assert page.locator("#C146").bounding_box()["y"] < WIDE["height"], "the row that the address names is in view"
    before = page.locator("#account tbody tr").count()
    page.fill(".dt-search input", "C146")
    assert page.locator("#account tbody tr").count() < before


def test_figures_are_one_verdict_among_those_that_the_scorecard_filters_by(opened):
    page = opened("scorecard.html")
    page.wait_for_selector(".dtsp-searchPane", state="attached", timeout=10_000)
    verdicts = page.locator(".dtsp-searchPane").nth(1).locator("tbody tr").evaluate_all(
        "lines => lines.map(line => line.querySelector('.dtsp-name').textContent)"
    )  # fmt: skip
    assert "holds" in verdicts
    assert [one for one in verdicts if one.startswith("drawn")] == ["drawn"]
