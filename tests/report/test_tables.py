"""Tables show the published numbers beside those of one run, in the paper's shape, and read without HTML."""

import math
import re

import pandas as pd
import pytest

from companion.report.evidence import columns
from companion.report.shown import Shown, scrolling
from companion.report.symbols import as_html, as_mathtext
from companion.report.tables import fold_table, grid, long_table, number, plain_table, text_table

CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)
LOWER = ("Kumar2018", "Table2 right", "N_T^III", "F2 avg", "accuracy %", 70.0, 68.0, 72.0)
CONTROL = ("Kumar2018", "Table2 controls", "level only", "<b>", "accuracy %", 20.0, math.nan, math.nan)
OTHER = (*CONTROL[:3], "mean", *CONTROL[4:])
AP = (*CONTROL[:4], "AP", 0.2, math.nan, math.nan)
HEADS = ("network", "space")


@pytest.fixture
def column(make_run):
    """The column of a run with these lines."""

    def make(*lines, **kind):
        return columns({"esc50": make_run("esc50", lines, **kind)}, None)[0]

    return make


def lines(shown: Shown) -> list[list[str]]:
    """Cells of a table's lines, without its heads."""
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in shown.markdown.splitlines()[4:]]


# --- in the paper's shape


def test_a_grid_has_networks_down_and_representations_across_published_beside_found(column):
    shown = grid("Kumar2018", "Table2 right", column(CELL, LOWER), HEADS)
    found = lines(shown)
    assert [line[0] for line in found] == ["N_S", "N_T^I", "N_T^II", "N_T^III"]
    assert found[0][:5] == ["N_S", "82.8", "81.6", "65.5", "64.8"]
    assert found[0][5:] == ["84.0 [82.0, 86.0]", "–", "–", "–"]
    assert found[3][5:] == ["–", "–", "–", "70.0 [68.0, 72.0]"]
    assert found[1][3:5] == found[1][7:] == ["", ""], "the paper has no F2 of N_T^I"
    groups = re.findall(r'<th colspan="4"[^>]*>(.*?)</th>', shown.html)
    assert groups == ["published, Kumar, Khadkevich and Fügen 2018", "recorded on real audio, task restaged: made up"]


def test_a_grid_of_what_the_paper_does_not_print_has_no_published_half(column):
    shown = grid("Kumar2018", "Table2 controls", column(CONTROL, CELL), HEADS)
    assert lines(shown) == [["level only", "20.0"]]
    assert "published" not in shown.markdown


def test_a_grid_without_any_number_says_so(column):
    assert grid("Kumar2018", "Controls", column(CELL), HEADS).markdown == "Controls: not measured on made up."


# --- line by line


def test_every_published_cell_is_a_line_in_the_papers_order(column):
    found = lines(long_table("Kumar2018", "Table2 right", column(LOWER, CELL), HEADS))
    assert len(found) == 14
    assert found[0] == ["N_S", "F1 max", "82.8", "84.0 [82.0, 86.0]"]
    assert found[1] == ["N_S", "F1 avg", "81.6", "–"]
    assert found[13] == ["N_T^III", "F2 avg", "81.9", "70.0 [68.0, 72.0]"]


def test_on_the_papers_own_data_a_cell_says_where_the_published_value_lies(column):
    shown = long_table("Kumar2018", "Table2 right", column(LOWER, CELL, evidence="official"), HEADS)
    first, *_, last = lines(shown)
    assert first[3] == "84.0 [82.0, 86.0], published value inside the interval"
    assert last[3].endswith(", below the published value")
    assert "<small>below the published value</small>" in shown.html


def test_controls_have_no_published_column_and_are_escaped(column):
    shown = long_table("Kumar2018", "Table2 controls", column(CELL, CONTROL, OTHER), HEADS)
    assert lines(shown) == [["level only", "<b>", "20.0"], ["level only", "mean", "20.0"]]
    assert "published" not in shown.html
    assert "<td>&lt;b&gt;</td>" in shown.html
    assert "<caption>Table2 controls (accuracy %; 400 clips, 297 recordings, 3 seeds)</caption>" in shown.html


def test_a_measure_is_named_once_or_in_every_line(column):
    shown = long_table("Kumar2018", "Table2 controls", column(CONTROL, AP, (*AP[:3], "mean", *AP[4:])), HEADS, "Both")
    assert lines(shown) == [["level only", "<b>", "accuracy %", "20.0"], ["level only", "<b>", "AP", "0.200"],
                            ["level only", "mean", "AP", "0.200"]]  # fmt: skip
    assert "<caption>Both (400 clips, 297 recordings, 3 seeds)</caption>" in shown.html


def test_what_is_the_same_in_every_line_stands_in_the_caption_unless_the_paper_names_it_so(column):
    one = long_table("Kumar2018", "Table2 controls", column(OTHER), HEADS)
    assert lines(one) == [["level only", "20.0"]]
    assert "| network |" in one.markdown
    assert "space" not in one.markdown
    assert "<caption>Table2 controls (mean; accuracy %; 400 clips" in one.html
    printed = long_table("Kumar2018", "Table2 controls", column((*CONTROL[:3], "F1 max", *CONTROL[4:])), HEADS)
    assert "<caption>Table2 controls (accuracy %; 400 clips" in printed.html


def test_counts_that_differ_are_a_range_and_none_is_said(column):
    one = column(CONTROL, AP)
    one.run.rows.loc[0, ["n_clips", "n_seeds"]] = [1, 1]
    assert "1–400 clips, 297 recordings, 1–3 seeds)" in long_table("Kumar2018", "Table2 controls", one, HEADS).html
    assert "(accuracy %; not measured)" in long_table("Kumar2018", "Table2 right", one, HEADS).html


def test_what_was_counted_without_clips_says_nothing_of_any(column):
    """Nor do the cells that were, where others of the table were measured."""
    one = column(CONTROL, AP)
    one.run.rows.loc[0, ["n_clips", "n_recordings", "n_seeds"]] = [0, 0, 0]
    assert "; 400 clips, 297 recordings, 3 seeds)" in long_table("Kumar2018", "Table2 controls", one, HEADS).html
    one.run.rows[["n_clips", "n_recordings", "n_seeds"]] = 0
    assert (
        "<caption>Table2 controls (&lt;b&gt;)</caption>" in long_table("Kumar2018", "Table2 controls", one, HEADS).html
    )


# --- any table


def test_wide_content_scrolls_inside_its_own_region():
    shown = text_table([{"a": "1", "b": "<i>2</i>"}], 'All "N_S"')
    label = 'role="region" tabindex="0" aria-label="All &quot;N_S&quot;"'
    assert shown.html.startswith(f'<div class="companion-scroll" {label}><table')
    assert "<caption>All &quot;<i>N</i><sub>S</sub>&quot;</caption>" in shown.html
    assert shown.html.count("<th>a</th>") == 1
    assert lines(shown) == [["1", "2"]]
    assert 'aria-label="&lt;&quot;"' in scrolling("", '<"')


def test_folds_stand_beside_their_mean():
    folds = pd.DataFrame({"row": "N_S", "column": "F1 max", "fold": [2, 1, 3], "value": [80.0, 90.0, 85.0]})
    text = fold_table(folds, HEADS).markdown.splitlines()
    assert text[2] == "| network | space | fold 1 | fold 2 | fold 3 | mean | sd |"
    assert text[4] == "| N_S | F1 max | 90.0 | 80.0 | 85.0 | 85.0 | 5.0 |"


def test_a_fold_is_the_mean_over_its_seeds():
    folds = pd.DataFrame({"row": "N_S", "column": "F1 max", "fold": [1, 1, 2, 2], "value": [80.0, 90.0, 70.0, 60.0]})
    assert "| N_S | F1 max | 85.0 | 65.0 | 75.0 |" in fold_table(folds, HEADS).markdown


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
