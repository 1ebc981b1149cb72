"""Criteria are whole, refer to rows that exist, and name tests that exist."""

import re

import pytest

from companion.errors import DataError
from companion.report.criteria import load_class_mapping, load_criteria, names_a_test
from companion.report.published import load_published
from companion.report.repository import checkout
from companion.report.rules import parse_claim, parse_table

CRITERIA = load_criteria()
PUBLISHED = load_published()


def test_one_criterion_a_row():
    assert list(CRITERIA) == PUBLISHED.index.tolist()


@pytest.mark.parametrize("criterion", [c for c in CRITERIA.values() if c.test], ids=lambda c: c.id)
def test_every_named_test_exists(criterion):
    assert criterion.kind == "fact"
    assert names_a_test(criterion.test, checkout()), f"{criterion.test} is not there"


def test_a_missing_test_or_file_proves_nothing():
    root = checkout()
    assert names_a_test("tests/report/test_criteria.py::test_one_criterion_a_row", root)
    assert not names_a_test("tests/report/test_criteria.py::test_one_criterion", root)
    assert not names_a_test("tests/report/nothing.py::test_x", root)
    assert not names_a_test("tests/report/test_criteria.py", root)
    assert not names_a_test("", root)


def test_rows_that_can_be_measured_say_what_they_need():
    for criterion in CRITERIA.values():
        assert criterion.words
        assert criterion.needs
        if criterion.kind != "cited":
            assert re.fullmatch(r"\w+/\w+", criterion.notebook)


def test_only_numbers_are_cells_and_only_words_have_rules():
    for criterion in CRITERIA.values():
        number = PUBLISHED.loc[criterion.id, "number"]
        if criterion.kind in ("cell", "cited"):
            assert number == number, f"{criterion.id} prints no number"
            assert not criterion.claim
            assert criterion.figure is None
        else:
            assert number != number, f"{criterion.id} prints a number"


def test_claims_compare_numbers_of_their_own_paper():
    for criterion in CRITERIA.values():
        for comparison in criterion.claim:
            assert comparison.terms, f"{criterion.id} measures nothing"
            for term in comparison.terms:
                if term.startswith("["):
                    assert term.count("|") == 3
                else:
                    assert PUBLISHED.loc[term, "paper"] == PUBLISHED.loc[criterion.id, "paper"]
                    assert CRITERIA[term].kind == "cell" or term == criterion.id


def test_a_claimed_size_follows_from_the_published_cells():
    """The size a claim prints is, but for rounding, the one of the cells it compares."""
    sized = [c for c in CRITERIA.values() if c.claimed == c.claimed and "[" not in "".join(c.claim[0].terms)]
    assert len(sized) > 10
    for criterion in sized:
        (comparison,) = criterion.claim
        a, b = (
            PUBLISHED.loc[term, "number"] if term in PUBLISHED.index else float(term or 0)
            for term in (comparison.first, comparison.second)
        )
        size = a / b if comparison.sign == "/" else a - b
        printed_wrong = {"C307": 0.002}  # +11.3 in the text, 11.1 by the table
        assert size == pytest.approx(criterion.claimed, abs=printed_wrong.get(criterion.id, 1e-3) + 1e-9)


def test_the_papers_own_numbers_satisfy_their_claims():
    """A rule that the published cells themselves contradict would judge something the paper does not say."""
    for criterion in CRITERIA.values():
        for comparison in criterion.claim:
            if all(term in PUBLISHED.index and CRITERIA[term].kind == "cell" for term in comparison.terms):
                a, b = (
                    PUBLISHED.loc[term, "number"] if term in PUBLISHED.index else float(term or 0)
                    for term in (comparison.first, comparison.second)
                )
                left = a / b if comparison.sign == "/" else a - b
                text = f"{left} {comparison.relation} {comparison.bound}"
                assert eval(text), f"{criterion.id}: {text}"


def test_classes_of_the_mapping_are_rows_of_the_papers_and_classes_of_esc50(esc50_classes):
    rows = set(zip(PUBLISHED["paper"], PUBLISHED["row"], strict=True))
    mapping = load_class_mapping()
    assert set(mapping) <= rows
    assert {name for name in mapping.values() if name} <= esc50_classes | {"restaged scene"}
    assert mapping["Kumar2018", "Mouse"] == ""
    assert mapping["KumarRaj2017", "Dog Bark"] == "dog"


def test_every_class_and_scene_is_mapped():
    named = PUBLISHED[
        PUBLISHED["item"].str.contains("bottom|Table3 upper|bottom table|US test|AudioSet test")
        & ~PUBLISHED["row"].str.contains(r"^(?:Mean|MAP)\b", regex=True)
    ]
    assert set(zip(named["paper"], named["row"], strict=True)) <= set(load_class_mapping())


@pytest.fixture
def esc50_classes():
    """Names of ESC-50's classes, from the table of events cut from it."""
    path = checkout() / "data" / "events" / "esc50.csv"
    if not path.is_file():
        pytest.skip("data/events/esc50.csv has not been generated")
    return {name for line in path.read_text().splitlines() for name in line.split(",")}


@pytest.mark.parametrize("rule", ["", "C001", "C001 >", "C001 + C002 > 0", "C1 > 0 or C2 > 0", "[a | b] ! 3"])
def test_a_rule_outside_the_grammar_is_refused(rule):
    with pytest.raises(DataError, match="cannot read the rule"):
        parse_claim(rule)


@pytest.mark.parametrize("rule", ["", "table: tsne [x]", "table: a/b", "table: a/b []"])
def test_a_figure_rule_outside_the_grammar_is_refused(rule):
    with pytest.raises(DataError, match="cannot read the rule"):
        parse_table(rule)
