"""Criteria are whole, refer to rows and tests that exist, and ask for nothing that the papers' own numbers deny."""

import csv
import operator
import re

import pytest

from companion.checkout import checkout, published_folder
from companion.errors import DataError
from companion.papers import expand, pages, rooms
from companion.results.criteria import load_class_mapping, load_criteria
from companion.results.published import load_published
from companion.results.rules import Comparison

CRITERIA, PUBLISHED = load_criteria(), load_published()
RELATIONS = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "==": operator.eq}


def printed(comparison: Comparison) -> float:
    """The left side of a comparison in the papers' own numbers."""
    a, b = (
        PUBLISHED.loc[term, "number"] if term in PUBLISHED.index else float(term or 0)
        for term in (comparison.first, comparison.second)
    )
    return a / b if comparison.sign == "/" else a - b


def test_one_criterion_a_row():
    assert list(CRITERIA) == PUBLISHED.index.tolist()


@pytest.mark.parametrize("criterion", [c for c in CRITERIA.values() if c.test], ids=lambda c: c.id)
def test_every_named_test_exists(criterion):
    assert criterion.kind == "fact"
    file, name = re.fullmatch(r"(tests/[\w/]+\.py)::(test_\w+)", criterion.test).groups()
    place = checkout() / file
    assert place.is_file(), f"{file} is not there"
    assert f"\ndef {name}(" in place.read_text(encoding="utf-8"), f"{criterion.test} is not there"


def test_every_row_says_what_it_needs():
    for criterion in CRITERIA.values():
        assert criterion.words
        assert criterion.needs
        assert bool(criterion.claim) <= (criterion.kind == "claim")
        assert bool(criterion.figure) == (criterion.kind == "figure")


def test_what_a_row_needs_is_what_the_file_says():
    with (published_folder() / "criteria.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found = CRITERIA[row["id"]]
            assert (found.needs, found.words, found.changed) == (row["needs"], row["criterion"], row["changed"])


def test_only_numbers_are_cells_and_only_words_have_rules():
    for criterion in CRITERIA.values():
        number = PUBLISHED.loc[criterion.id, "number"]
        if criterion.kind in ("cell", "cited"):
            assert number == number, f"{criterion.id} prints no number"
        elif criterion.kind != "fact":
            assert number != number, f"{criterion.id} prints a number"


def test_every_claim_that_a_chapter_answers_has_a_rule():
    """And no row is answered by a page of another paper."""
    for room, paper in rooms().items():
        for name in (name for ids in paper.chapters.values() for name in expand(ids)):
            assert PUBLISHED.loc[name, "paper"] == paper.key, f"{name} is on a page of {room}"
            assert CRITERIA[name].kind != "claim" or CRITERIA[name].claim, f"{name} has no rule, but a page"
    assert set(pages()) <= set(PUBLISHED.index)


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
    printed_wrong = {"C307": 0.2}  # +11.3 in the text, 11.1 by the table
    for criterion in sized:
        (comparison,) = criterion.claim
        assert printed(comparison) == pytest.approx(criterion.claimed, abs=printed_wrong.get(criterion.id, 1e-3) + 1e-9)


def test_the_papers_own_numbers_satisfy_their_claims():
    """A rule that the published cells themselves contradict would judge something the paper does not say."""
    judged = 0
    for criterion in CRITERIA.values():
        for comparison in criterion.claim:
            if all(term in PUBLISHED.index and CRITERIA[term].kind == "cell" for term in comparison.terms):
                judged += 1
                assert RELATIONS[comparison.relation](printed(comparison), comparison.bound), criterion.id
    assert judged > 20


def test_classes_of_the_mapping_are_rows_of_the_papers_and_classes_of_esc50():
    esc50 = (checkout() / "data" / "events" / "esc50.csv").read_text().replace("\n", ",").split(",")
    mapping = load_class_mapping()
    assert set(mapping) <= set(zip(PUBLISHED["paper"], PUBLISHED["row"], strict=True))
    assert {name for name in mapping.values() if name} <= {*esc50, "restaged scene"}
    assert mapping["Kumar2018", "Mouse"] == ""
    assert mapping["KumarRaj2017", "Dog Bark"] == "dog"


def test_every_class_and_scene_is_mapped():
    named = PUBLISHED[
        PUBLISHED["item"].str.contains("bottom|Table3 upper|bottom table|US test|AudioSet test")
        & ~PUBLISHED["row"].str.contains(r"^(?:Mean|MAP)\b", regex=True)
    ]
    assert set(zip(named["paper"], named["row"], strict=True)) <= set(load_class_mapping())


@pytest.mark.parametrize("wrong", ["C058,guess,real", "C058,cell,anything", "C058,claim,real"])
def test_a_criterion_that_cannot_be_read_is_named(tmp_path, wrong):
    text = (published_folder() / "criteria.csv").read_text(encoding="utf-8")
    assert "\nC058,cell,real," in text
    rule = {"C058,claim,real": "more"}.get(wrong, "")
    (tmp_path / "criteria.csv").write_text(text.replace("\nC058,cell,real,", f"\n{wrong},{rule}"), encoding="utf-8")
    with pytest.raises(DataError, match=r"C058|cannot read the rule 'more'"):
        load_criteria(tmp_path)


def test_a_claimed_size_that_is_no_number_is_named_with_its_row(tmp_path):
    text = (published_folder() / "criteria.csv").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("C141,"))
    wrong = row.replace(f",{CRITERIA['C141'].claimed:g},", ",abc,", 1)
    assert wrong != row
    (tmp_path / "criteria.csv").write_text(text.replace(row, wrong), encoding="utf-8")
    with pytest.raises(DataError, match=r"criteria\.csv, C141: claimed 'abc'"):
        load_criteria(tmp_path)
