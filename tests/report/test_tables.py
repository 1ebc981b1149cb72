"""Tables keep kinds of evidence in columns of their own, and read without HTML."""

import math
import re

import pandas as pd
import pytest

from companion.report.shown import Shown, scrolling
from companion.report.symbols import as_html, as_mathtext
from companion.report.tables import comparison_table, fold_table, number, plain_table

CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)
LOWER = ("Kumar2018", "Table2 right", "N_S", "F1 avg", "accuracy %", 70.0, 68.0, 72.0)
CONTROL = ("Kumar2018", "Table2 controls", "level only", "<b>", "accuracy %", 20.0, math.nan, math.nan)


@pytest.fixture
def shown(make_run):
    recorded = {"esc50": make_run("esc50", [CELL, LOWER, CONTROL]), "paper": make_run("paper", [LOWER])}
    build = make_run("demo", [CELL, CONTROL])
    return {item: comparison_table("Kumar2018", item, recorded, build) for item in ("Table2 right", "Table2 controls")}


def test_a_column_for_each_kind_of_evidence_in_words(shown):
    heads = re.findall(r'<th scope="col">(.*?)</th>', shown["Table2 right"].html)
    assert [re.split("<", head)[0] for head in heads] == [
        "row",
        "column",
        "published",
        "recorded on the paper&#x27;s own data",
        "recorded on real audio, task restaged",
        "this build, on synthetic sound",
    ]


def test_every_published_cell_is_a_row_in_the_papers_order(shown):
    text = shown["Table2 right"].markdown.splitlines()[4:]
    assert len(text) == 14
    assert text[0].startswith("| N_S | F1 max | 82.8 |")
    assert text[13].startswith("| N_T^III | F2 avg | 81.9 | – | – | – |")


def test_values_intervals_and_verdicts(shown):
    first, second, *_ = shown["Table2 right"].markdown.splitlines()[4:]
    assert (
        "| – | 84.0 [82.0, 86.0], another task: compare directions, not values | 84.0 [82.0, 86.0], not comparable"
        in first
    )
    assert "70.0 [68.0, 72.0], below the published value | 70.0 [68.0, 72.0], another task" in second
    assert second.endswith("| – |")


def test_controls_have_no_published_column_and_are_escaped(shown):
    table = shown["Table2 controls"]
    assert "published" not in table.html
    assert "&lt;b&gt;" in table.html
    assert "| level only | <b> | 20.0 | 20.0, not comparable: synthetic |" in table.markdown


def test_the_number_of_recordings_stands_beside_the_numbers(shown):
    assert "esc50; 400 clips, 297 recordings, 3 seeds" in shown["Table2 right"].html


def test_without_any_result_the_published_values_stand_alone():
    table = comparison_table("Kumar2018", "Table2 right", {})
    assert table.markdown.splitlines()[2] == "| row | column | published, Kumar, Khadkevich and Fügen 2018 |"


def test_wide_content_scrolls_inside_its_own_region(shown):
    assert shown["Table2 right"].html.startswith('<div class="companion-scroll" role="region" tabindex="0"')
    assert 'aria-label="&lt;&quot;"' in scrolling("", '<"')


def test_folds_stand_beside_their_mean():
    folds = pd.DataFrame({"row": "N_S", "column": "F1 max", "fold": [2, 1, 3], "value": [80.0, 90.0, 85.0]})
    text = fold_table(folds).markdown.splitlines()
    assert text[2] == "| row | column | fold 1 | fold 2 | fold 3 | mean | sd |"
    assert text[4] == "| N_S | F1 max | 90.0 | 80.0 | 85.0 | 85.0 | 5.0 |"


def test_plain_tables_escape_and_set_symbols():
    table = plain_table(pd.DataFrame({"a|b": ["N_T^I < 3"], "n": [1.5]}), "Caption")
    assert "<i>N</i><sub>T</sub><sup>I</sup> &lt; 3" in table.html
    assert r"| a\|b | n |" in table.markdown


@pytest.mark.parametrize(
    ("value", "measure", "text"),
    [
        (82.84, "accuracy %", "82.8"),
        (-1.25, "accuracy difference, points", "-1.2"),
        (0.2134, "AP", "0.213"),
        (0.0058, "AP", "0.0058"),
        (42.0, "count", "42"),
        (math.nan, "AP", "–"),
    ],
)
def test_digits_follow_the_measure(value, measure, text):
    assert number(value, measure) == text


@pytest.mark.parametrize(
    ("name", "html", "math_text"),
    [
        ("N_S", "<i>N</i><sub>S</sub>", "$N_S$"),
        ("N_S_slat", "<i>N</i><sub>S</sub><sup>slat</sup>", r"$N_S^{\mathrm{slat}}$"),
        ("N_T^III - N_S", "<i>N</i><sub>T</sub><sup>III</sup> - <i>N</i><sub>S</sub>", "$N_T^{III}$ - $N_S$"),
        ("N_Some $5", "N_Some $5", r"N_Some \$5"),
    ],
)
def test_symbols_are_set_as_printed(name, html, math_text):
    assert as_html(name) == html
    assert as_mathtext(name) == math_text


def test_pieces_stack_in_both_forms():
    both = Shown("<p>a</p>", "a") + Shown("<p>b</p>", "b")
    bundle = both._repr_mimebundle_()
    assert "<p>a</p>\n<p>b</p>" in bundle["text/html"]
    assert bundle["text/markdown"] == bundle["text/plain"] == "a\n\nb"
    assert bundle["text/html"].count("<style>") == 1
