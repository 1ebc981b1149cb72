"""The strip says all that was run, and downloads work from a file."""

import base64
import io
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


def test_downloads_are_inside_the_page(run):
    links = dict(re.findall(r'<a download="([^"]+)" href="([^"]+)"', downloads(run, "kumar2018/transfer").html))
    rows = links.pop("kumar2018-transfer-esc50-rows.csv")
    content = base64.b64decode(rows.removeprefix("data:text/csv;base64,"))
    assert content == (run.folder / "rows.csv").read_bytes()
    table = base64.b64decode(links.pop("kumar2018-transfer-esc50-tsne.csv").split(",")[1])
    assert pd.read_csv(io.BytesIO(table)).to_dict("list") == {"clip": ["a"], "x": [0.1]}
    assert links == {"transfer.ipynb": "../_sources/kumar2018/transfer.ipynb"}


@pytest.mark.parametrize(
    ("page", "link"), [("scorecard", "_sources/scorecard.ipynb"), ("a/b/c", "../../_sources/a/b/c.ipynb")]
)
def test_the_notebook_is_found_from_any_depth(run, page, link):
    assert f'href="{link}"' in downloads(run, page).html


def test_a_citation_is_its_bibtex():
    shown = citation("Kumar2018")
    assert "@inproceedings{Kumar2018" in shown.html
    assert "<details>" in shown.html
    assert "```bibtex" in shown.markdown
