"""Rules decide as their words say: the whole interval, every comparison, and none without an interval."""

import math

import pytest

from companion.errors import DataError
from companion.results.rules import (
    CONTRADICTED,
    HOLDS,
    UNJUDGED,
    UNSETTLED,
    Measured,
    judge,
    measure,
    nearest,
    parse_claim,
    parse_figure,
)

NAN = math.nan


def judged(rule: str, *found: Measured) -> str:
    return judge(list(zip(parse_claim(rule), found, strict=True)))


# --- one comparison


@pytest.mark.parametrize(
    ("rule", "low", "high", "outcome"),
    [
        ("C1 > 0", 1, 3, HOLDS),
        ("C1 > 0", -1, 3, UNSETTLED),
        ("C1 > 0", -3, -1, CONTRADICTED),
        ("C1 > 0", 0, 3, UNSETTLED),
        ("C1 > 0", -3, 0, CONTRADICTED),
        ("C1 >= 0", 0, 3, HOLDS),
        ("C1 < 0.05", -1, 0.04, HOLDS),
        ("C1 < 0.05", 0.04, 1, UNSETTLED),
        ("C1 < 0.05", 0.06, 1, CONTRADICTED),
        ("C1 <= -1", -3, -1, HOLDS),
    ],
)
def test_the_whole_interval_decides(rule, low, high, outcome):
    assert judged(rule, Measured((low + high) / 2, low, high)) == outcome


@pytest.mark.parametrize("value", [-5.0, 0.1, 5.0])
@pytest.mark.parametrize("rule", ["C1 > 0", "C1 < 0", "C1 >= 0"])
def test_without_an_interval_there_is_no_verdict(rule, value):
    assert judged(rule, Measured(value)) == UNJUDGED


@pytest.mark.parametrize(("value", "outcome"), [(42, HOLDS), (41, CONTRADICTED)])
def test_a_count_that_must_be_equal_is_or_is_not(value, outcome):
    assert judged("[Claim | events | test events | count] == 42", Measured(value)) == outcome


# --- several


ABOVE, WIDE, BELOW, BARE = Measured(2, 1, 3, 0.01), Measured(0.5, -1, 2, 0.6), Measured(-2, -3, -1, 0.01), Measured(2)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ((ABOVE, ABOVE, ABOVE), HOLDS),
        ((ABOVE, WIDE, ABOVE), UNSETTLED),
        ((ABOVE, WIDE, BELOW), CONTRADICTED),
        ((ABOVE, BARE, ABOVE), UNJUDGED),
        ((BELOW, BARE, ABOVE), UNJUDGED),
    ],
)
def test_every_comparison_must_hold(found, outcome):
    assert judged("C1 > 0 and C2 > 0 and C3 > 0", *found) == outcome


@pytest.mark.parametrize(
    ("p_value", "others", "outcome"),
    [
        (0.04, 0, CONTRADICTED),
        (0.04, 1, UNSETTLED),  # 0.04 × 2 > 0.05: among two, one misses so by chance
        (0.02, 1, CONTRADICTED),
        (0.02, 2, UNSETTLED),
        (0.0, 9, CONTRADICTED),
    ],
)
def test_one_miss_among_several_contradicts_only_after_holms_correction(p_value, others, outcome):
    rule = " and ".join(["C1 > 0"] * (others + 1))
    found = [Measured(-2, -3, -1, p_value), *[ABOVE] * others]
    assert judged(rule, *found) == judged(rule, *found[::-1]) == outcome


@pytest.mark.parametrize(("high", "outcome"), [(-0.05, UNSETTLED), (-1.0, CONTRADICTED)])
@pytest.mark.parametrize(("rule", "shift"), [("C1 > 0", 0), ("C1 > 50", 50), ("C1 - 50 > 0", 0)])
def test_without_a_p_value_the_interval_gives_one(rule, shift, high, outcome):
    """[-4, -0.05] about -2 leaves zero out by a little, as one of three does by chance; [-4, -1] by far."""
    found = Measured(shift - 2.0, shift - 4.0, shift + high)
    assert judged(rule, found) == CONTRADICTED
    assert judged(f"{rule} and C2 > 0 and C3 > 0", found, ABOVE, ABOVE) == outcome


@pytest.mark.parametrize(("rule", "sign"), [("C1 > 50", 1), ("C1 < 50", -1)])
@pytest.mark.parametrize(("end", "outcome"), [(0.4, CONTRADICTED), (0.05, UNSETTLED)])
def test_the_p_value_of_an_interval_is_that_of_its_nearer_end_at_95_of_a_hundred(rule, sign, end, outcome):
    """An end at 0.4 of 2 is 2.45 errors away, p = 0.014, less than a third of 0.05; the farther end says nothing."""
    ends = sorted((50 - sign * 9, 50 - sign * end))
    assert judged(f"{rule} and C2 > 0 and C3 > 0", Measured(50 - sign * 2, *ends), ABOVE, ABOVE) == outcome


def test_the_p_value_is_of_zero_and_says_nothing_of_another_bound():
    found = Measured(48.0, 46.0, 49.95, p_value=0.0)
    assert judged("C1 > 50 and C2 > 0 and C3 > 0", found, ABOVE, ABOVE) == UNSETTLED


@pytest.mark.parametrize(("p_value", "outcome"), [(0.04, UNSETTLED), (0.001, CONTRADICTED)])
def test_the_p_value_of_a_ratio_is_of_one(p_value, outcome):
    found = Measured(0.8, 0.6, 0.98, p_value)
    assert judged("C1 / C4 > 1 and C2 > 0 and C3 > 0", found, ABOVE, ABOVE) == outcome


def test_an_interval_without_width_below_the_bound_contradicts():
    assert judged("C1 > 0 and C2 > 0", Measured(-1, -1, -1), ABOVE) == CONTRADICTED


def test_a_count_that_is_wrong_is_wrong_among_any_number():
    assert judged("C1 == 42 and C2 > 0 and C3 > 0", Measured(41), ABOVE, ABOVE) == CONTRADICTED


def test_the_value_shown_is_the_one_nearest_to_failing():
    rule = "C1 > 0 and C2 < 10 and C3 == 4"
    found = [Measured(3), Measured(8), Measured(4)]
    assert nearest(list(zip(parse_claim(rule), found, strict=True))) == Measured(4)
    assert nearest(list(zip(parse_claim(rule), [Measured(3), Measured(12), Measured(4)], strict=True))).value == 12
    assert nearest(list(zip(parse_claim(rule)[:2], found[:2], strict=True))).value == 8
    assert nearest(list(zip(parse_claim(rule), [Measured(3), Measured(8), Measured(9)], strict=True))).value == 9
    assert nearest(list(zip(parse_claim(rule), [Measured(3), Measured(8), Measured(-9)], strict=True))).value == -9


# --- the left side of a comparison


ROWS = {"C1": Measured(83, 80, 86), "C2": Measured(81, 78, 84), "C3": Measured(0.0)}


def left(rule: str, paired: Measured | None = None) -> Measured | None:
    (comparison,) = parse_claim(rule)
    return measure(comparison, ROWS.get, lambda first, sign, second: paired)


@pytest.mark.parametrize("sign", ["-", "/"])
def test_a_difference_or_ratio_takes_the_paired_interval_and_has_none_without(sign):
    assert left(f"C1 {sign} C2 > 0", Measured(2, 1, 3, 0.04)) == Measured(2, 1, 3, 0.04)
    bare = left(f"C1 {sign} C2 > 0")
    assert bare is not None
    assert bare.value == (2 if sign == "-" else 83 / 81)
    assert math.isnan(bare.low)


def test_a_number_shifts_an_interval_and_turns_it():
    assert left("C1 - 81.5 > 0") == Measured(1.5, -1.5, 4.5)
    assert left("100 - C1 > 0") == Measured(17, 14, 20)
    assert left("C1 > 80") == ROWS["C1"]


def test_a_ratio_by_zero_is_no_number():
    found = left("C1 / C3 > 1")
    assert found is not None
    assert math.isnan(found.value)


def test_what_was_not_measured_is_not_judged():
    for rule in ("C1 - C9 > 0", "C9 - C1 > 0", "C9 > 0", "C9 - 3 > 0"):
        assert left(rule, Measured(2, 1, 3)) is None


# --- the grammar


def test_a_key_in_brackets_keeps_its_words():
    first, second = parse_claim("[Claim | a - b | x, y | nats] - C2 > -0.5 and C1 / 3 <= 4")
    assert first.terms == ("[Claim | a - b | x, y | nats]", "C2")
    assert (first.sign, first.bound, second.sign, second.terms) == ("-", -0.5, "/", ("C1",))


def test_a_figure_names_table_columns_and_row():
    (rule,) = parse_figure("table: t [x; source | N_S | F1 max] with [Fig2 | a | b | c]")
    assert (rule.table, rule.columns, rule.row) == ("t", ("x", "source | N_S | F1 max"), "[Fig2 | a | b | c]")
    first, second = parse_figure("table: t [x] with [Fig2 | a and b | c | d] and table: u [y; z]")
    assert (first.row, second.row) == ("[Fig2 | a and b | c | d]", "")
    assert (first.columns, second.columns) == (("x",), ("y", "z"))


@pytest.mark.parametrize("rule", ["", "C001", "C001 >", "C001 + C002 > 0", "C1 > 0 or C2 > 0", "[a | b] ! 3"])
def test_a_claim_outside_the_grammar_is_refused(rule):
    with pytest.raises(DataError, match="cannot read the rule"):
        parse_claim(rule)


@pytest.mark.parametrize(
    "rule", ["", "table: tsne", "table: a/b [x]", "table: a []", "a [x]", "table: a [x] and b [y]"]
)
def test_a_figure_outside_the_grammar_is_refused(rule):
    with pytest.raises(DataError, match="cannot read the rule"):
        parse_figure(rule)


def test_a_key_may_hold_the_word_that_joins_comparisons():
    first, second = parse_claim("[Paired | fix and tune - new | all | points] > 0 and C2 < 5")
    assert first.first == "[Paired | fix and tune - new | all | points]"
    assert (second.first, second.relation, second.bound) == ("C2", "<", 5.0)
