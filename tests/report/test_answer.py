"""A finding is answered by the rules of the scorecard, and shows the number that its verdict was taken from."""

import math
import re
from dataclasses import replace

import pytest

from companion.report import answer
from companion.report.answer import NO_EVIDENCE, UNKNOWN, WAITS, Finding, Judge, answer_box, claims_table
from companion.report.evidence import columns
from companion.results.rules import UNJUDGED

MAX = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)
AVERAGE = (*MAX[:3], "F1 avg", MAX[4], 80.0, 78.0, 82.0)
UNPRINTED = ("Kumar2018", "Controls", "level", "mean", "accuracy %", 20.0, 15.0, 25.0)
RAISED = Finding("Max above average", "C058 - C059 > 0")


def paired(value, low, high, p=math.nan):
    return ("Kumar2018", "Paired", "N_S", "F1 max - F1 avg", "accuracy difference, points", value, low, high, p)


@pytest.fixture
def judge(make_run):
    """Judge a finding by a run of these lines."""

    def make(*lines, evidence="restaged"):
        return Judge("Kumar2018", columns({"esc50": make_run("esc50", lines, evidence=evidence)}, None)[0])

    return make


@pytest.mark.parametrize(
    ("difference", "verdict", "found"),
    [
        (paired(4.0, 1.5, 6.5), "holds", "+4.0 [+1.5, +6.5] points"),
        (paired(-4.0, -6.5, -1.5), "contradicted", "−4.0 [−6.5, −1.5] points"),
        (paired(1.0, -1.5, 3.5), "not settled", "+1.0 [−1.5, +3.5] points"),
        (paired(4.0, math.nan, math.nan), UNJUDGED, "+4.0 points"),
    ],
)
def test_the_paired_interval_decides_and_is_shown(judge, difference, verdict, found):
    said = judge(MAX, AVERAGE, difference).answer(RAISED)
    assert (said.verdict, said.found, said.published) == (verdict, found, "+1.2 points")


def test_a_level_has_no_sign_and_other_units_are_scaled(judge):
    said = judge(MAX).answer(Finding("Level", "C058 > 50", unit="of 1000", scale=10.0, digits=0))
    assert (said.found, said.published, said.verdict) == ("840 [820, 860] of 1000", "828 of 1000", "holds")


def test_a_count_that_should_be_zero_is_no_difference(judge):
    none = ("Kumar2018", "Controls", "outputs", "that differ", "count", 857.0, math.nan, math.nan)
    said = judge(none).answer(
        Finding("None", "[Controls | outputs | that differ | count] == 0", unit="differ", digits=0)
    )
    assert (said.found, said.verdict) == ("857 differ", "contradicted")


def test_several_comparisons_show_a_number_each(judge):
    said = judge(MAX, AVERAGE).answer(Finding("Both", "C058 > 50 and C059 > 50", unit="%"))
    assert (said.found, said.published) == ("84.0 [82.0, 86.0], 80.0 [78.0, 82.0] %", "82.8, 81.6 %")


def test_many_comparisons_are_counted_and_the_one_nearest_to_failing_is_shown(judge):
    rule = " and ".join(["C058 > 50", "C059 > 50", "C058 > 83", "C059 > 79.5"])
    three = Finding("Three", rule.rpartition(" and ")[0], unit="%")
    assert judge(MAX, AVERAGE).answer(three).found == "84.0 [82.0, 86.0], 80.0 [78.0, 82.0] %", "three are listed"
    said = judge(MAX, AVERAGE).answer(Finding("All", rule, unit="%"))
    assert said.found == "2 of 4 hold; the one that holds least 80.0 [78.0, 82.0] %"
    assert said.published == "81.6 to 82.8 %"


def test_a_row_of_the_experiments_own_may_be_named_after_a_class_that_stand_ins_lack(judge):
    rule = "[Paired | Beach | N_T^III F1 max - Baseline (MFCC-GMM) | accuracy difference, points] > 0"
    own = ("Kumar2018", "Paired", "Beach", "N_T^III F1 max - Baseline (MFCC-GMM)", "accuracy difference, points")
    printed = ("Kumar2018", "Table3 upper", "Beach", "N_T^III F1 max", "accuracy %", 20.0, 10.0, 30.0)
    judged = judge((*own, 4.0, 1.0, 7.0), printed)
    assert judged.answer(Finding("Better", rule)).verdict == "holds"
    assert judged.answer(Finding("Level", "C073 > 50")).verdict == UNKNOWN


def test_a_question_that_the_paper_does_not_ask_is_said_to_be_this_books(judge):
    said = judge(MAX)
    assert (
        said.answer(Finding("Ours", "[Paired | a | b | accuracy difference, points] > 0")).numbers
        == "asked by this book · found –"
    )
    assert said.answer(Finding("Theirs", "C058 > 50")).numbers.startswith("published ")


def test_what_was_not_measured_or_printed_is_a_dash(judge):
    unmeasured = judge(MAX).answer(Finding("Both", "C058 > 50 and C059 > 50"))
    assert (unmeasured.found, unmeasured.verdict) == ("–", UNKNOWN)
    unprinted = judge(UNPRINTED).answer(Finding("Control", "[Controls | level | mean | accuracy %] < 50", unit="%"))
    assert (unprinted.published, unprinted.found, unprinted.verdict) == ("–", "20.0 [15.0, 25.0] %", "holds")


def test_generated_sound_gives_no_verdict(judge):
    assert judge(MAX, AVERAGE, paired(4.0, 1.5, 6.5), evidence="synthetic").answer(RAISED).verdict == NO_EVIDENCE


def test_a_claim_that_only_official_data_can_answer_waits_for_them(judge):
    rules = answer.load_criteria()
    name = next(name for name, one in rules.items() if one.answers == "official" and one.claim)
    said = judge(MAX).answer(Finding("Official only", name))
    assert (said.verdict, said.found, said.id) == (WAITS, "–", name)


def test_a_criterion_that_was_changed_says_so_beside_its_verdict(judge, monkeypatch):
    rules = answer.load_criteria()
    changed = {**rules, "C139": replace(rules["C139"], changed="reworded after a run")}
    monkeypatch.setattr(answer, "load_criteria", lambda: changed)
    said = judge(MAX).answer(Finding("A claim", "C139"))
    assert said.changed == "reworded after a run"
    for shown in (claims_table([said], "../scorecard.html", "Claims"), answer_box([said], "sure")):
        assert "<small>reworded after a run</small>" in shown.html
        assert re.search("[ (]criterion changed[:,] reworded after a run", shown.markdown)


def test_the_box_holds_every_finding_with_both_numbers_and_its_verdict(judge):
    one = judge(MAX, AVERAGE, paired(4.0, 1.5, 6.5))
    said = [one.answer(RAISED), one.answer(Finding("N_S < 90 & more", "C058 < 90", unit="%"))]
    shown = answer_box(said, "How sure: <3 seeds")
    items = re.findall(r"<li>(.*?)</li>", shown.html)
    assert len(items) == 2
    assert "published +1.2 points · found +4.0 [+1.5, +6.5] points" in items[0]
    assert '<b class="companion-verdict holds">holds</b>' in items[0]
    assert "<i>N</i><sub>S</sub> &lt; 90 &amp; more" in items[1]
    lost = judge(MAX, AVERAGE, paired(-4.0, -6.5, -1.5)).answer(RAISED)
    assert '<b class="companion-verdict contradicted">contradicted</b>' in answer_box([lost], "").html
    assert "How sure: &lt;3 seeds" in shown.html
    assert "- Max above average: published +1.2 points · found +4.0 [+1.5, +6.5] points: **holds**" in shown.markdown


def test_only_published_claims_link_to_the_scorecard(judge):
    one = judge(MAX, AVERAGE, paired(4.0, 1.5, 6.5))
    shown = claims_table([one.answer(RAISED), one.answer(Finding("A claim", "C139"))], "../scorecard.html", "Claims")
    assert re.findall(r'<a href="([^"]+)">(\w+)</a>', shown.html) == [("../scorecard.html#C139", "C139")]


def test_a_finding_may_name_the_printed_number_that_it_speaks_of(judge):
    rule = "[Controls | level | mean | accuracy %] > 71.2"
    said = judge(UNPRINTED).answer(Finding("As printed", rule, unit="%", printed="C055"))
    assert (said.published, said.found) == ("74.2 %", "20.0 [15.0, 25.0] %")
