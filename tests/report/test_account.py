"""The scorecard's page shows every row, and asks nothing of the network."""

import base64
import io
import json
import re

import pandas as pd
import pytest

from companion.report.account import MEANINGS, account, counts_table, legend, runs_table, scorecard_downloads
from companion.results.scorecard import STATUSES, json_rows, scorecard_rows, status_counts

CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)
PAGES = {"C058": "kumar2018/transfer"}


@pytest.fixture
def run(make_run):
    return make_run("esc50", [CELL])


@pytest.fixture
def rows(run):
    return scorecard_rows([run], [], PAGES)


def test_the_account_shows_every_row_and_asks_nothing_of_the_network(rows):
    page = account(rows)
    assert re.findall(r'<th scope="row">([CX]\d+)</th>', page.html) == rows["id"].tolist()
    assert re.findall(r'data-status="(\w+)"', page.html) == rows["status"].tolist()
    assert not re.search(r"https?://|//cdn|src=|@import|url\(", page.html)
    assert "84.0 [82.0, 86.0]" in page.html
    assert "<td>0.0058</td>" in page.html, "published values stand as printed"
    assert "another task: compare directions, not values" in page.html
    for status in STATUSES:
        assert f"<option>{status}</option>" in page.html


def test_the_scorecards_downloads_are_its_rows(rows):
    links = dict(re.findall(r'<a download="([^"]+)" href="([^"]+)"', scorecard_downloads(rows).html))
    assert json.loads(base64.b64decode(links["scorecard.json"].split(",")[1])) == json_rows(rows)
    assert len(pd.read_csv(io.BytesIO(base64.b64decode(links["scorecard.csv"].split(",")[1])))) == len(rows)
    assert links["scorecard.ipynb"] == "_sources/scorecard.ipynb"


def test_the_runs_behind_the_statuses_are_listed(run, make_run):
    table = runs_table([run], [make_run("demo", [CELL])]).markdown
    assert "| recorded | kumar2018/transfer | esc50 | restaged |" in table
    assert "| this build | kumar2018/transfer | demo | synthetic |" in table
    assert "No run yet" in runs_table([], []).markdown


def test_meanings_and_counts_cover_every_status(rows):
    assert tuple(MEANINGS) == STATUSES
    assert all(status in legend().html for status in STATUSES)
    assert counts_table(status_counts(rows)).markdown.rstrip(" |").endswith(str(len(rows)))
