"""Rules and verdicts decide as their words say."""

import math

import pytest

from companion.report.rules import (
    CONTRADICTED,
    HOLDS,
    UNSETTLED,
    Measured,
    judge,
    margin,
    measure,
    parse_claim,
    parse_table,
)
from companion.report.verdicts import ABOVE, BELOW, INSIDE, NOT_COMPARABLE, OTHER_TASK, verdict

NAN = math.nan


def one(rule):
    (comparison,) = parse_claim(rule)
    return comparison


@pytest.mark.parametrize(
    ("rule", "low", "high", "outcome"),
    [
        ("C1 > 0", 1, 3, HOLDS),
        ("C1 > 0", -1, 3, UNSETTLED),
        ("C1 > 0", -3, -1, CONTRADICTED),
        ("C1 > 0", 0, 3, UNSETTLED),
        ("C1 >= 0", 0, 3, HOLDS),
        ("C1 < 0.05", -1, 0.04, HOLDS),
        ("C1 < 0.05", 0.04, 1, UNSETTLED),
        ("C1 <= -1", -3, -1, HOLDS),
    ],
)
def test_the_whole_interval_decides(rule, low, high, outcome):
    assert judge(one(rule), Measured((low + high) / 2, low, high)) == outcome


@pytest.mark.parametrize(("value", "outcome"), [(42, HOLDS), (41, CONTRADICTED)])
def test_a_count_is_equal_or_not(value, outcome):
    assert judge(one("[Claim | events | test events | count] == 42"), Measured(value)) == outcome


def test_without_an_interval_the_value_decides():
    assert judge(one("C1 > 0"), Measured(0.1)) == HOLDS
    assert judge(one("C1 > 0"), Measured(-0.1)) == CONTRADICTED


ROWS = {"C1": Measured(83, 80, 86), "C2": Measured(81, 78, 84), "C3": Measured(0.0)}


def left(rule, paired=None):
    return measure(one(rule), ROWS.get, lambda first, second: paired)


def test_a_difference_takes_the_paired_interval_and_has_none_without():
    assert left("C1 - C2 > 0", Measured(2, 1, 3)) == Measured(2, 1, 3)
    bare = left("C1 - C2 > 0")
    assert bare.value == 2
    assert math.isnan(bare.low)


def test_a_number_shifts_an_interval_and_turns_it():
    assert left("C1 - 81.5 > 0") == Measured(1.5, -1.5, 4.5)
    assert left("100 - C1 > 0") == Measured(17, 14, 20)
    assert left("C1 > 80") == ROWS["C1"]


def test_a_ratio_has_no_interval_and_none_by_zero():
    assert left("C1 / C2 > 1").value == pytest.approx(83 / 81)
    assert math.isnan(left("C1 / C2 > 1").low)
    assert left("C1 / C3 > 1") is None


def test_what_was_not_measured_is_not_judged():
    assert left("C1 - C9 > 0", Measured(2, 1, 3)) is None


def test_the_margin_is_negative_on_the_wrong_side():
    assert margin(one("C1 > 80"), ROWS["C1"]) == 3
    assert margin(one("C1 < 80"), ROWS["C1"]) == -3
    assert margin(one("C1 == 80"), ROWS["C1"]) == -3


def test_a_key_in_brackets_keeps_its_words():
    (first, second) = parse_claim("[Claim | a - b | x, y | nats] - C2 > -0.5 and C1 / 3 <= 4")
    assert first.terms == ("[Claim | a - b | x, y | nats]", "C2")
    assert (first.sign, first.bound, second.sign, second.terms) == ("-", -0.5, "/", ("C1",))


def test_a_figure_names_table_columns_and_row():
    rule = parse_table("table: e/t [x; source | N_S | F1 max] with [Fig2 | a | b | c]")
    assert (rule.experiment, rule.table) == ("e", "t")
    assert rule.columns == ("x", "source | N_S | F1 max")
    assert rule.row == "[Fig2 | a | b | c]"
    assert parse_table("table: e/t [x]").row == ""


@pytest.mark.parametrize(
    ("published", "measured", "evidence", "said"),
    [
        (82.8, Measured(84, 82, 86), "restaged", OTHER_TASK),
        (82.0, Measured(84, 82, 86), "official", INSIDE),
        (82.8, Measured(90, 88, 92), "official", ABOVE),
        (82.8, Measured(70, 68, 72), "official", BELOW),
        (82.8, Measured(82.8, 80, 85), "synthetic", NOT_COMPARABLE),
        (NAN, Measured(84, 82, 86), "restaged", ""),
        (82.8, Measured(84), "official", f"{ABOVE}, no interval"),
        (82.8, Measured(80), "official", f"{BELOW}, no interval"),
    ],
)
def test_verdicts(published, measured, evidence, said):
    assert verdict(published, measured, evidence) == said
