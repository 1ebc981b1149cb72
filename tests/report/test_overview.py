"""The first page says what became of the claims, and of nothing else."""

import pytest

from companion.report.answer import Finding
from companion.report.overview import COLOURS, OTHER, WAITING, claim_counts, paper_lines, verdict_bars
from companion.results.rules import CONTRADICTED, HOLDS
from companion.results.scorecard import scorecard_rows
from companion.results.verdict import PROVED

PAPER = "Kumar2018"
GAIN = (PAPER, "Paired", "mean over 527", "N_S - N_S_slat", "MAP difference")
LEVELS = [(PAPER, "Table1 top-left", "mean over 527", name, "MAP", 0.2, 0.1, 0.3) for name in ("N_S", "N_S_slat")]
PAGES = {"C003": "kumar2018/tagging", "C004": "kumar2018/tagging", "C133": "kumar2018/tagging"}
HEADLINE = Finding("whole recordings are better", "C133", scale=100, unit="points of MAP")


def run_with(make_run, low, high):
    return make_run("esc50", [*LEVELS, (*GAIN, (low + high) / 2, low, high)], experiment="kumar2018/tagging")


@pytest.mark.parametrize(("low", "high", "verdict"), [(0.01, 0.09, HOLDS), (-0.09, -0.01, CONTRADICTED)])
def test_claims_are_counted_by_their_verdict(low, high, verdict, make_run):
    before = claim_counts(scorecard_rows([], [], PAGES))
    after = claim_counts(scorecard_rows([run_with(make_run, low, high)], [], PAGES))
    changed = (after - before).loc[PAPER]
    assert changed[changed != 0].to_dict() == {verdict: 1, WAITING: -1}
    assert after.drop(PAPER).equals(before.drop(PAPER))


def test_a_fact_that_was_proved_is_no_claim_that_a_measurement_upheld(make_run):
    fact = "tests/models/test_weak_cnn.py::test_896_frames_give_13_segments"
    before, after = (claim_counts(scorecard_rows([], [], PAGES, passed)) for passed in ((), (fact,)))
    changed = (after - before).loc[PAPER]
    assert changed[changed != 0].to_dict() == {PROVED: 1, WAITING: -1}
    shown = verdict_bars(scorecard_rows([], [], PAGES, [fact])).markdown
    assert "1 proved" in shown
    assert "Proved: follows from the definition, and a test shows it." in shown
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_a_claim_without_an_interval_and_one_on_generated_sound_have_no_verdict(make_run):
    before = claim_counts(scorecard_rows([], [], PAGES))
    made_up = make_run("demo", [*LEVELS, (*GAIN, 0.1, 0.05, 0.15)], experiment="kumar2018/tagging")
    assert claim_counts(scorecard_rows([], [made_up], PAGES)).equals(before)
    levels = make_run("esc50", LEVELS, experiment="kumar2018/tagging")
    changed = (claim_counts(scorecard_rows([levels], [], PAGES)) - before).loc[PAPER]
    assert changed[changed != 0].to_dict() == {OTHER: 1, WAITING: -1}


def test_every_paper_has_a_line_and_says_when_nothing_is_measured(make_run):
    scorecard = scorecard_rows([], [], PAGES)
    lines = paper_lines(scorecard, {PAPER: ("kumar2018/nothing", HEADLINE)}, {PAPER: "kumar2018/network"})
    assert lines.html.count("<li>") == scorecard["paper"].nunique()
    assert "whole recordings are better: not measured" in lines.html
    assert '<a href="kumar2018/network.html">' in lines.html
    assert "claims" in verdict_bars(scorecard).markdown


def test_a_papers_line_keeps_verdicts_apart_from_numbers_that_were_only_restaged(make_run):
    fact = "tests/models/test_weak_cnn.py::test_896_frames_give_13_segments"
    pages = {**PAGES, "C006": "kumar2018/tagging"}
    timed = (PAPER, "Table1 top-right", "Train time 1 epoch", "N_S", "relative time", 0.5, 0.4, 0.6)
    run = make_run("esc50", [*LEVELS, timed, (*GAIN, 0.05, 0.01, 0.09)], experiment="kumar2018/tagging")
    generated = make_run("demo", LEVELS, experiment="kumar2018/tagging")
    said = paper_lines(scorecard_rows([run], [], pages, [fact]), {}, {}).html
    words = "2 claims have a verdict; 3 numbers were restaged on another task, where only directions can be compared"
    assert f"{words} (155 printed items in all)" in said
    timed_run = make_run("esc50", [timed], experiment="kumar2018/tagging", evidence="measured")
    line = "no claim has a verdict; other items: 1 timed (155 printed items in all)"
    assert line in paper_lines(scorecard_rows([timed_run], [], pages), {}, {}).html
    assert (
        "no claim has a verdict (155 printed items in all)"
        in paper_lines(scorecard_rows([], [generated], pages), {}, {}).html
    ), "generated sound answers nothing"


def test_the_first_claim_stands_with_what_was_printed_before_what_was_found(make_run, monkeypatch):
    runs = {"esc50": run_with(make_run, 0.01, 0.09)}
    monkeypatch.setattr("companion.report.overview.recorded", lambda chapter: runs)
    lines = paper_lines(scorecard_rows([], [], PAGES), {PAPER: ("kumar2018/tagging", HEADLINE)}, {})
    words = "whole recordings are better (published +4.6 points of MAP, found +5.0 [+1.0, +9.0] points of MAP)"
    assert f"{words}: <b>holds</b>" in lines.html
