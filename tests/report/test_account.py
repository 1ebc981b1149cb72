"""The scorecard's page shows every row once, and asks nothing of the network."""

import base64
import io
import json
import re

import pandas as pd
import pytest

from companion.checkout import repository_root
from companion.report.account import (
    MEANINGS,
    account,
    claims,
    counts_table,
    generated,
    legend,
    runs_table,
    scorecard_downloads,
    waiting,
)
from companion.report.shown import STYLE
from companion.results.published import load_published
from companion.results.rows import KEY
from companion.results.rules import Measured, holding, parse_claim
from companion.results.scorecard import STATUSES, json_rows, scorecard_rows, status_counts

CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)
GAINS = {"N_S": 2.0, "N_T^I": 0.5, "N_T^II": -3.0, "N_T^III": 0.0}
PAGES = {"C058": "kumar2018/transfer"}


@pytest.fixture
def run(make_run):
    return make_run("esc50", [CELL])


@pytest.fixture
def rows(run):
    return scorecard_rows([run], [], PAGES)


def anchors(shown):
    """Rows by their anchors, in order."""
    return re.findall(r'<tr id="([CX]\d+)">', shown.html)


def test_every_row_stands_in_one_of_three_tables(rows):
    answered, open_rows = anchors(account(rows)), anchors(waiting(rows))
    assert sorted(answered + open_rows + anchors(generated(rows))) == sorted(load_published().index)
    assert "C058" in answered
    assert len(answered) == (rows["status"] != "waiting").sum() < len(rows)
    assert f"Rows that wait for data ({len(open_rows)})" in waiting(rows).markdown


def test_numbers_of_generated_sound_stand_in_no_column_with_those_of_real_audio(make_run):
    rows = scorecard_rows([], [make_run("demo", [CELL])], PAGES)
    apart = generated(rows)
    assert anchors(apart) == ["C058"]
    assert "C058" not in anchors(account(rows)) + anchors(waiting(rows))
    assert apart.html.startswith("<details"), "folded"
    assert "What this build computed on generated sound: no answers (1)" in apart.markdown
    assert '<th scope="col">found</th>' not in apart.html
    assert "84.0 [82.0, 86.0]" in apart.html
    assert account(rows).markdown == "4 rows: 4 cited"


def test_a_row_shows_value_interval_verdict_and_criterion(rows):
    (line,) = re.findall(r'<tr id="C058">.*?</tr>', account(rows).html)
    for text in (
        ">C058<", "<i>N</i><sub>S</sub> F1 max<small>Table2 right, accuracy %</small>", "<td>82.8</td>",
        '84.0 [82.0, 86.0]</span><small>esc50</small>', "another task: compare directions, not values",
        "<td>restaged</td>", "<details><summary>criterion</summary>", "data/recorded/esc50/kumar2018/transfer",
    ):  # fmt: skip
        assert text in line, text
    assert "<td>0.0058</td>" in waiting(rows).html, "published values stand as printed"


def test_the_tables_ask_nothing_of_the_network(rows):
    page = account(rows) + waiting(rows)
    tables = re.sub(r'bytes\("[^"]*"\)', "", page.html)
    assert not re.search(r"https?://|//cdn|src=|@import|url\(", tables)
    script = base64.b64decode(re.findall(r'new Blob\(\[bytes\("([^"]+)"', page.html)[0]).decode()
    assert "DataTable" in script, "the library travels with the page"


def test_claims_that_were_measured_on_real_audio_are_linked_to_their_rows(rows):
    real, synthetic, *_ = rows.index[(rows["measure"] == "claim") & (rows["status"] == "waiting")]
    measured = rows.copy()
    columns = ["status", "verdict", "value", "ci_low", "ci_high", "profile"]
    measured.loc[real, columns] = ["restaged", "holds", 1.0, 0.5, 1.5, "esc50"]
    measured.loc[synthetic, columns] = ["simulated", "not comparable: synthetic", 1.0, 0.5, 1.5, "demo"]
    shown = claims(measured)
    assert re.findall(r'href="#([CX]\d+)"', shown.html) == [rows.at[real, "id"]]
    assert "| 1 [0.5, 1.5], esc50 | holds |" in shown.markdown
    assert shown.markdown.startswith("Claims of the papers: 1 judged on real audio\n")


def test_a_claim_that_a_test_proves_is_called_proved_wherever_its_verdict_stands():
    rows = scorecard_rows([], [], PAGES, ["tests/models/test_weak_cnn.py::test_896_frames_give_13_segments"])
    shown = claims(rows).markdown
    assert "| – | proved | C144 |" in shown
    assert shown.startswith("Claims of the papers: 1 proved\n"), "no audio was needed"
    rows.loc[rows["id"] == "C134", "status"] = "measured"
    assert claims(rows).markdown.startswith("Claims of the papers: 1 timed, 1 proved\n")
    assert '<td data-search="proved">proved</td><td>exact</td></tr>' in account(rows).html


def test_a_claim_of_several_parts_says_how_many_hold_and_what_its_number_is(make_run):
    cells = [("Kumar2018", "Table2 right", network, f"F1 {pooling}", "accuracy %", 80.0, 79.0, 81.0)
             for network in GAINS for pooling in ("max", "avg")]  # fmt: skip
    unit = "accuracy difference, points"
    gains = [("Kumar2018", "Paired", network, "F1 max - F1 avg", unit, gain, gain - 1, gain + 1)
             for network, gain in GAINS.items()]  # fmt: skip
    rows = scorecard_rows([make_run("esc50", cells + gains)], [], {"C139": "kumar2018/transfer"})
    found = "1 of 4 hold; the one that holds least −3.0 [−4.0, −2.0], points of accuracy, esc50"
    assert f"| F1 all nets | {found} | contradicted |" in claims(rows).markdown
    assert "<td>1 of 4 hold; the one that holds least <span" in account(rows).html


@pytest.mark.parametrize(
    ("sign", "measure", "published", "found", "shown"),
    [
        ("C004 - C003", "MAP", "C133", (0.05, 0.02, 0.08), "+5.0 [+2.0, +8.0], points of MAP"),
        ("C052 / C051", "AP", "C136", (1.2, 1.1, 1.3), "20.0 [10.0, 30.0], % relative gain in AP"),
        ("C030 / C029", "AP", "C135", (2.5, 2.1, 2.9), "2.5 [2.1, 2.9], ratio of AP"),
    ],
)
def test_a_claims_number_stands_on_the_scale_of_the_printed_one(sign, measure, published, found, shown, make_run):
    first, sign, second = sign.split()
    printed = load_published()
    terms = [(*printed.loc[name, KEY[:4]], measure, 0.2, 0.1, 0.3) for name in (first, second)]
    row, column = (one if one == other else f"{one} {sign} {other}"
                   for one, other in zip(terms[0][2:4], terms[1][2:4], strict=True))  # fmt: skip
    run = make_run("esc50", [*terms, ("Kumar2018", "Paired", row, column, f"{measure} change", *found)])
    rows = scorecard_rows([run], [], {published: "kumar2018/transfer"})
    assert f"| {shown}, esc50 | holds |" in claims(rows).markdown


def test_both_ends_of_a_band_are_one_statement():
    inside, below = (parse_claim(f"[a | b | {column} | points] {rule}")[0] for column, rule in
                     (("c", "> -5"), ("c", "< 5")))  # fmt: skip
    other = parse_claim("[a | b | d | points] > 0")[0]
    near = Measured(0.0, -6.0, 4.0)
    assert holding([(inside, near), (below, near), (other, Measured(1.0, 0.5, 1.5))]) == (1, 2)


def test_the_tables_keep_to_the_column_of_the_text_and_scroll_inside_it(rows):
    cells = json.loads((repository_root() / "book" / "scorecard.ipynb").read_text(encoding="utf-8"))["cells"]
    assert not [cell for cell in cells if "full-width" in cell["metadata"].get("tags", [])], "136 %: under the contents"
    for name, table in (("account", account), ("waiting", waiting), ("generated", generated)):
        assert re.search(rf'<div class="companion-scroll"[^>]*><table id="{name}"', table(rows).html)
    assert ".companion-scroll{overflow-x:auto;max-width:100%}" in STYLE


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


def test_a_criterion_that_was_changed_says_so_in_the_table_the_claims_and_the_records(make_run):
    cells = [("Kumar2018", "Class neighbours", "vacuum cleaner", f"{name} - tenth nearest class", "cosine distance",
              -0.1, -0.3, 0.1) for name in ("chainsaw", "engine", "hand saw")]  # fmt: skip
    rows = scorecard_rows([make_run("esc50", cells, experiment="kumar2018/tsne")], [], {"X04": "kumar2018/tsne"})
    words = rows.set_index("id").at["X04", "changed"]
    assert words
    assert words in claims(rows).markdown
    assert (
        len(re.findall("criterion changed", account(rows).html + waiting(rows).html)) == (rows["changed"] != "").sum()
    )
    (record,) = (record for record in json_rows(rows) if record["id"] == "X04")
    assert f"criterion changed: {words}" in record["where"]


def test_times_saved_are_said_in_percent(make_run):
    printed = load_published()
    lines = [(*printed.loc[name, KEY[:4]], "relative time", value, value - 0.05, value + 0.05)
             for name, value in (("C006", 0.6), ("C008", 0.5))]  # fmt: skip
    run = make_run("esc50", lines, experiment="kumar2018/network", evidence="measured")
    rows = scorecard_rows([run], [], {"C134": "kumar2018/network"})
    assert "40.0 [35.0, 45.0], % less time, esc50" in claims(rows).markdown
