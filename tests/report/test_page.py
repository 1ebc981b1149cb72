"""A page shows its own experiment's runs: the recorded ones and the one it makes."""

from types import SimpleNamespace

import pandas as pd
import pytest

from companion.errors import DataError, ParameterError
from companion.report.page import NOTHING, Page, confusion_tables, parameters_of, stacked
from companion.report.shown import Shown
from companion.results.scorecard import scorecard_rows

CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)
PREDICTIONS = pd.DataFrame({"label": list("aaabbbccc"), "N_S": list("aabbbbbcc"), "N_T": list("aaabbbccc")})
TSNE = pd.DataFrame({"clip": ["1", "2"], "superclass": ["Animals"] * 2, "x": [0.0, 1.0], "y": [0.0, 1.0]})
ACCURACY = {("source", "A"): 80.0, ("source", "B"): 60.0, ("untrained", "A"): 40.0, ("untrained", "B"): 20.0}
FOLDS = pd.DataFrame(
    [(*names, "N_S", "F1", fold, accuracy + fold) for names, accuracy in ACCURACY.items() for fold in (1, 2)],
    columns=["trunk", "probe", "row", "column", "fold", "accuracy %"],
)
TABLES = {"predictions": PREDICTIONS, "tsne": TSNE, "folds": FOLDS}


@pytest.fixture
def page(make_run, monkeypatch):
    """Make a page from a notebook's names: one recorded run, and the experiment's own."""
    recorded = {"esc50": make_run("esc50", [CELL], TABLES)}
    monkeypatch.setattr("companion.report.page.recorded", lambda name: recorded if name == "kumar2018/transfer" else {})
    monkeypatch.setattr("companion.report.page.passed", set)
    asked = []

    def run(**parameters):
        asked.append(parameters)
        return make_run(parameters["profile"], [(*CELL[:5], 20.0, 15.0, 25.0)], TABLES)

    def make(**given):
        experiment = SimpleNamespace(name="kumar2018/transfer", paper="Kumar2018", profiles={"demo": None}, run=run)
        return Page(experiment, given)

    make.asked, make.recorded = asked, recorded
    return make


# --- parameters


def test_a_page_runs_its_experiment_with_the_notebooks_parameters(page):
    made = page(profile="demo", seed="3", settings={"source": {"epochs": 2}}, pd=pd, Page=Page, stacked=stacked, _i="x")
    asked = [{"profile": "demo", "seed": 3, "device": "auto", "data": "", "settings": {"source": {"epochs": 2}}}]
    assert page.asked == asked
    assert made.build.profile == "demo"
    assert made.recorded == page.recorded


@pytest.mark.parametrize("given", [{"profil": "demo"}, {"epochs": 3}, {"seed": -1}, {"profile": "quick"}])
def test_a_misspelt_parameter_does_not_pass_unnoticed(page, given):
    with pytest.raises(ParameterError):
        page(**given)
    assert page.asked == []


def test_parameters_are_the_plain_names_of_a_notebook():
    given = {
        "profile": "demo",
        "In": [],
        "_": 1,
        "__doc__": "",
        "pd": pd,
        "exit": print,
        "DataError": DataError,
        "n": 5,
    }
    assert parameters_of(given) == {"profile": "demo", "n": 5}


def test_a_profile_without_this_experiment_shows_what_is_recorded(page):
    made = page(profile="paper")
    assert made.build is None
    assert page.asked == []
    text = made.table("Table2 right").markdown
    assert "84.0 [82.0, 86.0]" in text
    assert "this build" not in text


# --- what it shows


def test_published_recorded_and_built_stand_side_by_side(page):
    first = page().table("Table2 right").markdown.splitlines()[4]
    assert first.startswith("| N_S | F1 max | 82.8 | 84.0 [82.0, 86.0], another task")
    assert "20.0 [15.0, 25.0], not comparable: synthetic" in first


def test_claims_say_what_the_scorecard_says(page):
    made, ids = page(), ["C139", "C058"]
    rows = scorecard_rows([*page.recorded.values()], [made.build], dict.fromkeys(ids, "kumar2018/transfer"))
    expected = rows.set_index("id").loc[ids]
    pd.testing.assert_frame_equal(made.scorecard(ids).set_index("id"), expected)
    claim, cell = made.claims(ids).markdown.splitlines()[4:]
    assert claim.startswith("| C139 | max > avg mapping | F1 all nets | – | waiting |")
    assert cell.startswith("| C058 | N_S | 82.8 | 84.0 [82.0, 86.0] | restaged |")
    assert expected.loc["C058", "verdict"] in cell
    assert "84.00 [82.00, 86.00]" in made.claims(ids, digits=2).markdown


def test_where_nothing_is_recorded_claims_are_of_this_build(page, monkeypatch):
    monkeypatch.setattr("companion.report.page.recorded", lambda name: {})
    line = page().claims(["C058"]).markdown.splitlines()[4]
    assert "| 20.0 [15.0, 25.0] | simulated | not comparable" in line
    assert line.endswith("| this build: demo/kumar2018/transfer |")


def test_strips_and_downloads_are_of_every_run(page, monkeypatch):
    made = page()
    assert made.strips().markdown.count("command") == 1
    assert made.downloads().html.count("rows.csv") == 2 * made.downloads().html.count("demo-rows.csv")
    monkeypatch.setattr("companion.report.page.recorded", lambda name: {})
    assert page().strips() == NOTHING


def test_tables_of_several_runs_are_joined_with_whose_line_it_is(page):
    joined = page().joined("folds")
    assert len(joined) == 2 * len(FOLDS)
    headings = ["recorded on real audio, task restaged", "this build, on synthetic sound"]
    assert joined["run"].tolist() == [heading for heading in headings for _ in range(len(FOLDS))]
    with pytest.raises(DataError, match="no run has a table 'nothing'"):
        page().joined("nothing")


def test_maps_have_a_panel_for_every_run(page):
    axes = page().maps().axes
    assert [axis.get_title(loc="left").split(",")[0] for axis in axes] == ["recorded on real audio", "this build"]
    assert [len(dots.get_offsets()) for axis in axes for dots in axis.collections] == [2, 2]


def test_confusions_are_counted_in_words(page):
    shown = page().confusions("N_S").markdown
    assert shown.count("7 of 9 clips are right; most often a is taken for b, 1 times.") == 2
    assert page(profile="paper").confusions("no such cell") == NOTHING


def test_a_confusion_matrix_has_every_class_in_both_directions(page):
    (counts,) = confusion_tables({"esc50": page.recorded["esc50"]}, None, "N_S").values()
    assert counts.to_numpy().tolist() == [[2, 1, 0], [0, 3, 0], [0, 1, 2]]
    only_a = PREDICTIONS.assign(N_S="a")
    run = SimpleNamespace(evidence="restaged", table=lambda name: only_a)
    (counts,) = confusion_tables({"esc50": run}, None, "N_S").values()
    assert counts.to_numpy().tolist() == [[3, 0, 0], [3, 0, 0], [3, 0, 0]]


def test_folds_are_those_of_the_trained_trunk_and_one_probe(page):
    text = page(profile="paper").folds("A").markdown
    assert "| N_S | F1 | 81.0 | 82.0 | 81.5 | 0.7 |" in text
    assert text.count("| N_S |") == 1


def test_pieces_are_stacked_in_order():
    assert stacked([]) == NOTHING
    assert stacked([Shown("a", "a"), Shown("b", "b"), Shown("c", "c")]).markdown == "a\n\nb\n\nc"
