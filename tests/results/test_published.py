"""The papers' numbers are kept as they were printed."""

import math

import pytest

from companion import checkout
from companion.errors import DataError
from companion.results.published import bibtex, load_audioset_names, load_published, lookup, short_names


def test_every_printed_row_then_every_claim_in_prose_in_order():
    frame = load_published()
    printed, prose = [f"C{n:03d}" for n in range(1, 310)], [f"X{n:02d}" for n in range(1, 13)]
    assert frame.index.tolist() == [*printed, *prose]
    assert list(dict.fromkeys(frame.loc[printed, "paper"])) == list(short_names())
    assert set(frame.loc[prose, "item"]) == {"Prose"}
    assert set(frame.loc[prose, "measure"]) == {"claim"}
    assert not frame.drop(columns="number").isna().any(axis=None)
    assert not frame.duplicated(["paper", "item", "row", "column", "measure"]).any()


@pytest.mark.parametrize(
    ("name", "number"), [("C058", 82.8), ("C002", 0.927), ("C013", 0.008), ("C170", 5.15), ("C302", 0.514)]
)
def test_numbers_are_floats(name, number):
    assert lookup(name)["number"] == number


@pytest.mark.parametrize("name", ["C118", "C121", "C141", "C171", "C305", "X03"])
def test_words_are_no_numbers(name):
    assert math.isnan(lookup(name)["number"])


def test_means_of_the_papers_tables_follow_from_their_cells():
    frame = load_published()
    scenes = frame[(frame["item"] == "Table3 upper") & (frame["row"] != "Mean")]
    assert scenes.groupby("column")["number"].mean().round(1).to_dict() == {
        "Baseline (MFCC-GMM)": 72.5, "N_T^III F1 max": 76.6,
    }  # fmt: skip
    lowest = frame[(frame["item"] == "Table1 bottom lowest 10") & ~frame["row"].str.startswith("Mean")]
    means = lowest.groupby("column")["number"].mean().to_dict()
    assert means == pytest.approx({"N_S": 0.0203, "N_S_slat": 0.0097}, abs=1e-4)


def test_an_unknown_id_is_refused():
    with pytest.raises(DataError, match="C310"):
        lookup("C310")


def test_papers_are_named_by_authors_and_year(tmp_path):
    assert short_names()["Kumar2018"] == "Kumar, Khadkevich and Fügen 2018"
    (tmp_path / "papers.bib").write_text(
        "@book{One,\n  author = {Doe, Jane},\n  title = {A},\n  year = {1999}\n}\n\n"
        "@book{Two,\n  author = {Roe, R. and Poe, E.},\n  year = {2000},\n}\n"
    )
    assert short_names(tmp_path) == {"One": "Doe 1999", "Two": "Roe and Poe 2000"}


@pytest.mark.parametrize("paper", short_names())
def test_every_paper_can_be_cited(paper):
    entry = bibtex(paper)
    assert entry.startswith("@")
    assert entry.count("{") == entry.count("}")
    assert f"{{{paper}," in entry
    assert "title" in entry


def test_an_unknown_paper_cannot():
    with pytest.raises(DataError, match="Kumar2018"):
        bibtex("Nobody1999")


def test_words_of_a_paper_stand_for_classes_of_audioset():
    names = load_audioset_names("Kumar2018")
    assert names["Siren (Civil Defense)"] == "Civil defense siren"
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize("content", [None, "id,paper\nC001,Kumar2018\n", "", "id\n\xff"])
def test_a_damaged_file_is_named_with_its_repair(tmp_path, content):
    if content is not None:
        (tmp_path / "published.csv").write_text(content, encoding="latin-1")
    with pytest.raises(DataError) as raised:
        load_published(tmp_path)
    assert "published.csv" in raised.value.problem
    assert raised.value.repair == "git checkout -- data/published/published.csv"


@pytest.fixture
def copied(tmp_path):
    """A copy of the papers' numbers, and a function that changes its lines."""

    def change(**lines):
        for path in checkout.published_folder().glob("*.csv"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
        file = tmp_path / "published.csv"
        text = file.read_text(encoding="utf-8")
        for old, new in lines.values():
            assert old in text
            text = text.replace(old, new, 1)
        file.write_text(text, encoding="utf-8")
        return tmp_path

    return change


def test_an_id_that_is_given_twice_is_refused(copied):
    with pytest.raises(DataError, match="gives C007 twice"):
        load_published(copied(twice=("\nC008,", "\nC007,")))


@pytest.mark.parametrize("wrong", ["abc", "82,8", "", "nan", "inf", "82.8 %"])
def test_a_cell_that_is_no_number_is_named_with_file_and_line(copied, wrong):
    above = ("F1 max,accuracy %,82.8,", f'F1 max,accuracy %,"{wrong}",')
    folder = copied(note=('"ESC-50 (2000 x', '"ESC-50\n(2000 x'), value=above)
    line = next(
        number for number, text in enumerate((folder / "published.csv").read_text().splitlines(), 1)
        if text.startswith("C058,")
    )  # fmt: skip
    with pytest.raises(DataError) as raised:
        load_published(folder)
    assert f"published.csv, line {line}: C058 prints {wrong!r}" in raised.value.problem
    assert "a number, or – where the paper leaves a cell empty" in raised.value.expected


def test_a_mark_of_an_empty_cell_is_no_number(copied):
    frame = load_published(copied(value=("F1 max,accuracy %,82.8,", "F1 max,accuracy %,–,")))
    assert math.isnan(frame.loc["C058", "number"])


def test_without_a_checkout_the_error_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(checkout, "__file__", str(tmp_path / "site-packages" / "companion" / "checkout.py"))
    monkeypatch.chdir(tmp_path)
    assert checkout.recorded_folder() is None
    with pytest.raises(DataError, match="clone") as caught:
        checkout.checkout()
    assert "published.csv" in caught.value.problem
