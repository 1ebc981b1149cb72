"""The strip says all that was run, downloads work from a file, and the scorecard's page asks nothing of the network."""

import base64
import io
import json
import re

import pandas as pd
import pytest

from companion.profiles import PROFILES
from companion.report.account import MEANINGS, account, counts_table, legend, runs_table, scorecard_downloads
from companion.report.scorecard import STATUSES, json_rows, scorecard_rows, status_counts
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
    assert (run.provenance["commit"][:10] or "not under git") in shown.html


@pytest.mark.parametrize("profile", PROFILES)
def test_the_banner_stands_above_what_is_not_official(make_run, profile):
    words = PROFILES[profile].banner
    shown = what_was_run(make_run(profile, [CELL]))
    assert bool(words) == (profile != "paper")
    assert shown.markdown.startswith(f"> {words}") == bool(words)
    assert ('role="note"' in shown.html) == bool(words)
    assert bool(banner(profile).html) == bool(words)


@pytest.mark.parametrize(("seconds", "text"), [(59.94, "59.9 s"), (60, "1 min 0 s"), (3599.6, "1 h 0 min")])
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_downloads_are_inside_the_page(run):
    links = dict(re.findall(r'<a download="([^"]+)" href="([^"]+)"', downloads(run, "kumar2018/transfer").html))
    rows = links.pop("kumar2018_esc-esc50-rows.csv")
    content = base64.b64decode(rows.removeprefix("data:text/csv;base64,"))
    assert content == (run.folder / "rows.csv").read_bytes()
    table = base64.b64decode(links.pop("kumar2018_esc-esc50-tsne.csv").split(",")[1])
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


def test_the_account_shows_every_row_and_asks_nothing_of_the_network(run):
    rows = scorecard_rows([run])
    page = account(rows)
    assert re.findall(r'<th scope="row">(C\d+)</th>', page.html) == rows["id"].tolist()
    assert re.findall(r'data-status="(\w+)"', page.html) == rows["status"].tolist()
    assert not re.search(r"https?://|//cdn|src=|@import|url\(", page.html)
    assert "84.0 [82.0, 86.0]" in page.html
    assert "<td>0.0058</td>" in page.html, "published values stand as printed"
    assert "another task: compare directions, not values" in page.html
    for status in STATUSES:
        assert f"<option>{status}</option>" in page.html


def test_the_scorecards_downloads_are_its_rows(run):
    rows = scorecard_rows([run])
    links = dict(re.findall(r'<a download="([^"]+)" href="([^"]+)"', scorecard_downloads(rows).html))
    assert json.loads(base64.b64decode(links["scorecard.json"].split(",")[1])) == json_rows(rows)
    assert len(pd.read_csv(io.BytesIO(base64.b64decode(links["scorecard.csv"].split(",")[1])))) == 309
    assert links["scorecard.ipynb"] == "_sources/scorecard.ipynb"


def test_the_runs_behind_the_statuses_are_listed(run, make_run):
    table = runs_table([run], [make_run("demo", [CELL])]).markdown
    assert "| recorded | kumar2018_esc | esc50 | restaged |" in table
    assert "| this build | kumar2018_esc | demo | synthetic |" in table
    assert "No run yet" in runs_table([], []).markdown


def test_meanings_and_counts_cover_the_six_statuses():
    assert tuple(MEANINGS) == STATUSES
    assert all(status in legend().html for status in STATUSES)
    assert counts_table(status_counts(scorecard_rows([]))).markdown.rstrip(" |").endswith("309")
