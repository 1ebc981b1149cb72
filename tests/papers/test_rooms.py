"""Truths of the rooms: every published row has one page, and parts are listed as words that make them."""

from collections import Counter

import pytest

from companion import papers
from companion.papers import Paper
from companion.results.published import load_published


def test_every_row_of_the_paper_has_one_page():
    published = load_published()
    for paper in papers.rooms().values():
        own = published.index[published["paper"] == paper.key]
        listed = Counter(name for chapter in paper.chapters for name in paper.ids(chapter))
        assert set(listed) <= set(own), paper.key
        assert max(listed.values()) == 1
    of_kumar = published.index[published["paper"] == "Kumar2018"]
    assert {name for name, page in papers.pages().items() if page.startswith("kumar2018/")} == set(of_kumar)


@pytest.mark.parametrize(
    ("item", "page"),
    [("Table1 top-right", "network"), ("Table1 top-left", "tagging"), ("Table2 right", "transfer"),
     ("Table3 lower", "scenes"), ("Fig2 bottom table", "relations")],
)  # fmt: skip
def test_rows_of_a_table_are_answered_by_the_page_about_it(item, page):
    published = load_published()
    names = published.index[(published["paper"] == "Kumar2018") & (published["item"] == item)]
    assert len(names) > 3
    assert {papers.pages()[name] for name in names} == {f"kumar2018/{page}"}


def test_a_row_that_two_pages_answer_is_refused(monkeypatch):
    monkeypatch.setattr(papers, "rooms", lambda: {"x": Paper("Kumar2018", {"one": "C001-C003", "two": "C003"})})
    with pytest.raises(ValueError, match="C003 is answered by both x/one and x/two"):
        papers.pages()


def test_chapters_come_after_those_whose_networks_they_use():
    for chapter in ("transfer", "scenes", "tsne"):
        assert "kumar2018/tagging" in papers.after(f"kumar2018/{chapter}")
    assert set(papers.after("kumar2018/relations")) >= {"kumar2018/scenes", "kumar2018/tagging"}
    assert papers.after("kumar2018/lists") == []
    assert "kumar2018/tagging" not in papers.after("kumar2018/network")


def test_parts_are_listed_as_words_that_make_them():
    page = "kumar2018/transfer"
    words = papers.listed_parts(page, "esc50")
    counts = Counter(word.partition(",")[0] for word in words)
    assert counts == {"source": 3, "adapted": 3 * 3 * 5, "pair": 3 * 3 * 10, "scratch": 3 * 5}
    assert len(set(words)) == len(words)
    assert "adapted,seed=2,method=III,fold=5" in words
    assert papers.parts_before(page, "esc50", "adapted,seed=2,method=III,fold=5") == [
        "source,seed=0", "source,seed=1", "source,seed=2"]  # fmt: skip
    assert papers.parts_before(page, "esc50", "source,seed=0") == []
    assert papers.part_options("adapted,seed=2,fold=5") == "--part adapted --where seed=2 --where fold=5"
    assert papers.listed_parts("kumar2018/lists", "demo") == []
