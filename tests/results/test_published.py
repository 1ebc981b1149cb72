"""The papers' numbers are kept as they were printed."""

import math

import pytest

from companion.errors import DataError
from companion.report import repository
from companion.report.published import SHORT_NAMES, bibtex, load_prose, load_published, lookup


def test_all_309_rows_in_order():
    frame = load_published()
    assert frame.index.tolist() == [f"C{n:03d}" for n in range(1, 310)]
    assert list(dict.fromkeys(frame["paper"])) == list(SHORT_NAMES)
    assert load_prose().index.tolist() == [f"X{n:02d}" for n in range(1, 13)]


@pytest.mark.parametrize(
    ("name", "number"), [("C058", 82.8), ("C002", 0.927), ("C013", 0.008), ("C170", 5.15), ("C302", 0.514)]
)
def test_numbers_are_floats(name, number):
    assert lookup(name)["number"] == number


@pytest.mark.parametrize("name", ["C118", "C121", "C141", "C171", "C305"])
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


@pytest.mark.parametrize("paper", SHORT_NAMES)
def test_every_paper_can_be_cited(paper):
    entry = bibtex(paper)
    assert entry.startswith("@")
    assert entry.count("{") == entry.count("}")
    assert paper in entry
    assert "title" in entry


def test_an_unknown_paper_cannot():
    with pytest.raises(DataError, match="Kumar2018"):
        bibtex("Nobody1999")


@pytest.mark.parametrize("content", [None, "id,paper\nC001,Kumar2018\n", "", "id\n\xff"])
def test_a_damaged_file_is_named_with_its_repair(tmp_path, content):
    if content is not None:
        (tmp_path / "published.csv").write_text(content, encoding="latin-1")
    with pytest.raises(DataError) as raised:
        load_published(tmp_path)
    assert "published.csv" in raised.value.problem
    assert raised.value.repair == "git checkout -- data/published/published.csv"


def test_without_a_checkout_the_error_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(repository, "__file__", str(tmp_path / "site-packages" / "companion" / "report" / "x.py"))
    monkeypatch.chdir(tmp_path)
    assert repository.recorded_folder() is None
    with pytest.raises(DataError, match="clone"):
        load_published()
