"""The strip says all that was run, and downloads lie in the book."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from companion.profiles import PROFILES
from companion.report.strip import banner, citation, downloads, duration, what_was_run

CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)


@pytest.fixture
def run(make_run):
    return make_run("esc50", [CELL], {"tsne": pd.DataFrame({"clip": ["a"], "x": [0.1]})}, wall_time=7384)


def test_the_strip_holds_everything(run):
    shown = what_was_run(run)
    for text in (
        "esc50", "made up", "297 distinct recordings", "0, 1, 2", "cpu: ", "torch", "UTC", "2 h 3 min",
        "companion run kumar2018/transfer --profile esc50",
    ):  # fmt: skip
        assert text in shown.html, text
        assert text in shown.markdown, text
    assert "0123456789<" in shown.html
    assert "with changes" not in shown.html


def test_the_strip_says_how_it_was_computed_and_what_the_parts_took(run):
    """A part that several steps used counts once."""
    part = {"key": "a", "seconds": 3000.0}
    parts = [part, part, {"key": "b", "seconds": 600.0}]
    said = {"precision": "bf16-mixed", "threads": 1, "device": "cpu: x", "parts": parts}
    shown = what_was_run(replace(run, provenance={**run.provenance, **said})).markdown
    assert "cpu: x, bf16-mixed, 1 thread" in shown
    assert "2 h 3 min; its 2 parts 1 h 0 min" in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"dirty": True}, "0123456789, with changes"), ({"commit": "", "dirty": True}, "not under git, with changes")],
)
def test_the_strip_says_where_the_code_is_in_no_commit(run, changes, words):
    assert words in what_was_run(replace(run, provenance={**run.provenance, **changes})).markdown


@pytest.mark.parametrize("profile", PROFILES)
def test_the_banner_stands_above_what_is_not_official(make_run, profile):
    words = PROFILES[profile].banner
    shown = what_was_run(make_run(profile, [CELL]))
    assert bool(words) == (profile != "paper")
    assert shown.markdown.startswith(f"> {words}" if words else "- **profile**")
    assert ('role="note"' in shown.html) == bool(words)
    assert bool(banner(profile).html) == bool(words)


@pytest.mark.parametrize(("seconds", "text"), [(59.94, "59.9 s"), (60, "1 min 0 s"), (3599.6, "1 h 0 min")])
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_downloads_are_files_that_the_book_keeps_beside_its_pages(run):
    """The book copies ``data/recorded`` to ``recorded``: every link leads to a file there, and none is left out."""
    links = re.findall(r'<a href="([^"]+)" download>([^<]+)</a>', downloads([run], "kumar2018/transfer").html)
    beside = {f"../recorded/esc50/kumar2018/transfer/{path.name}" for path in run.folder.iterdir()}
    assert {address for address, _ in links} == beside
    assert [words for _, words in links] == ["esc50: rows.csv", "esc50: tsne.csv", "esc50: provenance.json"]
    assert "data/recorded/esc50/kumar2018/transfer: rows.csv, tsne.csv" in downloads([run], "x").markdown


@pytest.mark.parametrize(
    ("page", "link"), [("scorecard", "_sources/scorecard.ipynb"), ("a/b/c", "../../_sources/a/b/c.ipynb")]
)
def test_the_notebook_is_found_from_any_depth(run, page, link):
    assert f'href="{link}"' in downloads([run], page).html


def test_a_citation_is_its_bibtex():
    shown = citation("Kumar2018")
    assert "@inproceedings{Kumar2018" in shown.html
    assert shown.html.startswith("<details")
    assert "```bibtex" in shown.markdown
