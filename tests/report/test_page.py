"""A page answers from its recorded run, and folds away what this build computed."""

from types import SimpleNamespace

import pandas as pd
import pytest

from companion.errors import DataError, ParameterError
from companion.profiles import Settings
from companion.report.answer import Finding
from companion.report.evidence import columns
from companion.report.page import NOTHING, Page, confusion_counts, confusion_figure, parameters_of, stacked
from companion.report.shown import Shown

CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)
AVERAGE = (*CELL[:3], "F1 avg", CELL[4], 80.0, 78.0, 82.0)
PAIRED = ("Kumar2018", "Paired", "N_S", "F1 max - F1 avg", "accuracy difference, points", 4.0, 1.5, 6.5)
CONTROL = ("Kumar2018", "Controls", "level", "mean", "accuracy %", 20.0, 15.0, 25.0)
BUILT = (*CELL[:5], 33.0, 22.0, 44.0)
PREDICTIONS = pd.DataFrame({"label": list("aaabbbccc"), "N_S": list("aabbbbbcc"), "N_T": list("aaabbbccc")})
ACCURACY = {("source", "A"): 80.0, ("source", "B"): 60.0, ("untrained", "A"): 40.0, ("untrained", "B"): 20.0}
FOLDS = pd.DataFrame(
    [(*names, "N_S", "F1", fold, accuracy + fold) for names, accuracy in ACCURACY.items() for fold in (1, 2)],
    columns=["trunk", "probe", "row", "column", "fold", "accuracy %"],
)
PROBES = pd.DataFrame(
    {"trunk": ["source", "source", "untrained"], "run": [0, 1, 0], "row": "N_S", "C": [0.5, 7.0, 9.0]}
)
TABLES = {"predictions": PREDICTIONS, "folds": FOLDS, "probes": PROBES}
RAISED = Finding("Max above average", "C058 - C059 > 0", scale=1.0)


class Made(Settings):
    """Settings of a chapter.

    Args:
        epochs: Passes.
    """

    epochs: int = 7


@pytest.fixture
def page(make_run, monkeypatch):
    """Make a page from a notebook's names: one recorded run, and the experiment's own."""
    recorded = {"esc50": make_run("esc50", [CELL, AVERAGE, PAIRED, CONTROL], TABLES)}
    monkeypatch.setattr("companion.report.page.recorded", lambda name: recorded if name == "kumar2018/transfer" else {})
    monkeypatch.setattr("companion.report.page.passed", set)
    asked = []

    def run(**parameters):
        asked.append(parameters)
        return make_run(parameters["profile"], [BUILT, CONTROL], TABLES)

    def make(**given):
        experiment = SimpleNamespace(
            name="kumar2018/transfer",
            paper="Kumar2018",
            profiles={"demo": Made()},
            answers=["C058", "C139"],
            run=run,
            of_machine=False,
        )
        made = Page(experiment, given)
        made.heads = {
            "Table2 right": ("network", "space"),
            "Fold by fold": ("network", "kind"),
            "Controls": ("guess", "of"),
        }
        return made

    make.asked, make.recorded = asked, recorded
    return make


@pytest.fixture
def unrecorded(page, monkeypatch):
    """The same where nothing is recorded."""
    monkeypatch.setattr("companion.report.page.recorded", lambda name: {})
    return page


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


# --- in front


def test_a_table_says_what_its_rows_and_columns_are(page):
    made = page()
    assert "| network | space |" in made.table("Table2 right").markdown
    assert "| network |" in made.grid("Table2 right").markdown
    assert "| network | kind | fold 1" in made.folds("A").markdown
    assert made.heads_of("Table2 right, standardised") == ("network", "space"), "a variant is what its item is"
    made.heads = {**made.heads, "transfer/Table2 right": ("system", "part")}
    assert made.heads_of("Table2 right") == ("system", "part"), "a chapter may differ"
    with pytest.raises(ValueError, match="'Nowhere'"):
        made.table("Nowhere")


def test_the_recorded_run_stands_in_front_and_this_builds_is_folded_away(page):
    made = page()
    front = (made.answer(RAISED) + made.grid("Table2 right") + made.table("Table2 right")).markdown
    assert "84.0 [82.0, 86.0]" in front
    assert "33.0" not in front
    folded = made.built("Table2 right")
    assert "33.0 [22.0, 44.0]" in folded.markdown
    assert "84.0" not in folded.markdown
    assert folded.html.startswith("<details")
    assert "not comparable with the paper" in folded.markdown


def test_where_nothing_is_recorded_this_build_stands_in_front_and_says_so(unrecorded):
    made = unrecorded()
    assert "33.0 [22.0, 44.0]" in made.table("Table2 right").markdown
    assert made.answer(RAISED).markdown.startswith("> Synthetic stand-in")
    assert "generated sound: no verdict" in unrecorded().answer(Finding("Level", "C058 > 0")).markdown
    assert made.built("Table2 right") == NOTHING


def test_a_profile_without_this_experiment_shows_what_is_recorded(page):
    made = page(profile="paper")
    assert made.build is None
    assert page.asked == []
    assert "84.0 [82.0, 86.0]" in made.table("Table2 right").markdown
    assert made.others == []


def test_without_any_run_a_page_says_what_it_lacks(unrecorded):
    with pytest.raises(DataError, match="kumar2018/transfer: no run"):
        _ = unrecorded(profile="paper").evidence


def test_a_finding_is_answered_from_the_recorded_run_with_how_sure_it_is(page):
    answer = page().answer(RAISED).markdown
    assert "Max above average: published +1.2 points · found +4.0 [+1.5, +6.5] points: **holds**" in answer
    assert "How sure: 297 recordings, 3 seeds; 95 % intervals over recordings and seeds. Data: made up." in answer
    assert "What the cells below print comes from generated sound" in answer
    assert "What the cells below print" not in page(profile="paper").answer(RAISED).markdown


def test_one_seed_is_said_not_to_cover_training(page):
    made = page()
    made.evidence.run.provenance["seeds"] = [0]
    assert "297 recordings, 1 seed; 95 % intervals over recordings, not over seeds." in made.sure()


def test_what_is_counted_is_called_by_its_name(page):
    """Intervals over scenes are not over recordings, and counts have none."""
    made = page()
    made.samples = {"transfer": "scenes"}
    made.evidence.run.rows["n_recordings"] = [15, 3, 15, 15]
    assert "How sure: 15 scenes, 3 seeds; 95 % intervals over scenes and seeds. Data" in made.sure()
    made.evidence.run.rows["ci_low"] = float("nan")
    assert "How sure: counted. Data" in made.sure()


def test_claims_link_to_the_scorecard_from_the_pages_own_folder(page):
    shown = page().claims(Finding("A claim", "C139"))
    assert 'href="../scorecard.html#C139"' in shown.html


def test_differences_are_drawn_with_what_was_published_and_none_that_was_not_measured(page, monkeypatch):
    drawn = {}
    monkeypatch.setattr("companion.report.page.differences", lambda table, unit: drawn.update(table=table, unit=unit))
    monkeypatch.setattr("companion.report.page.show", lambda figure, alt, caption: alt)
    lines = {"F1": {"max - avg": "C058 - C059", "avg - max": "C059 - C058"}, "F2": {"not measured": "C060 - C061"}}
    alt = page().differences(lines, "tenths", scale=10.0)
    expected = [("F1", "max - avg", 12.0, 40.0, 15.0, 65.0), ("F1", "avg - max", -12.0, -40.0, -65.0, -15.0)]
    for line, wanted in zip(drawn["table"].itertuples(index=False), expected, strict=True):
        assert line[:2] == wanted[:2]
        assert line[2:] == pytest.approx(wanted[2:])
    assert "2 differences" in alt
    assert "1 lie above zero, 1 below, 0 include it" in alt


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("C058 - [Table2 right | N_S | F1 avg | accuracy %]", ""),
        ("C058 - [Controls | level | mean | accuracy %]", "no paired row"),
        ("C060 - C061", "no line of this figure was measured"),
    ],
)
def test_a_figure_of_differences_shows_no_dot_without_an_interval_and_is_never_empty(page, rule, problem):
    if not problem:
        assert "1 differences" in page().differences({"F1": {"max": rule}}, "points").markdown
        return
    with pytest.raises(ValueError, match=problem):
        page().differences({"F1": {"max": rule}}, "points")


def test_a_build_that_measured_nothing_of_a_figure_says_so(unrecorded):
    assert "measured nothing" in unrecorded().differences({"F1": {"max": "C060 - C061"}}, "points").markdown


# --- folded


def test_confusions_are_counted_in_words(page):
    words = "7 of 9 clips are right; most often a is taken for b, 1 time."
    assert words in page().confusion("N_S").markdown


def test_where_nothing_is_confused_no_error_is_named(page):
    (column,) = columns(page.recorded, None)
    assert "9 of 9 clips are right" in confusion_figure(column, "N_T").markdown
    assert "taken for" not in confusion_figure(column, "N_T").markdown


def test_a_confusion_matrix_has_every_class_in_both_directions(page):
    assert confusion_counts(page.recorded["esc50"], "N_S").to_numpy().tolist() == [[2, 1, 0], [0, 3, 0], [0, 1, 2]]
    only_a = SimpleNamespace(table=lambda name: PREDICTIONS.assign(N_S="a"))
    assert confusion_counts(only_a, "N_S").to_numpy().tolist() == [[3, 0, 0], [3, 0, 0], [3, 0, 0]]


def test_folds_are_those_of_the_trained_trunk_and_one_probe(page):
    text = page(profile="paper").folds("A").markdown
    assert "| N_S | F1 | 81.0 | 82.0 | 81.5 | 0.7 |" in text
    assert text.count("| N_S |") == 1


def test_probes_are_those_of_the_trained_trunk_and_the_first_run(page):
    text = page().probes().markdown
    assert "| N_S | 0.5 |" in text
    assert text.count("| N_S |") == 1


def test_variants_are_tables_of_the_run_in_front_that_exist(page):
    text = page().variants("Controls", "No such item").markdown
    assert "Controls (mean; accuracy %" in text
    assert "| level | 20.0 [15.0, 25.0] |" in text
    assert "No such item" not in text


def test_how_it_was_made_names_every_run_and_what_waits(page):
    made = page()
    shown = made.made()
    commands = [f"companion run kumar2018/transfer --profile {profile}" for profile in ("esc50", "demo")]
    assert all(f"**command**: `{command}`" in shown.markdown for command in commands)
    rows = made.scorecard().set_index("id")
    assert rows["status"].to_dict() == {"C058": "restaged", "C139": "waiting"}
    assert "| epochs | 50 | 7 | Passes. |" in shown.markdown
    assert "Rows that wait for data (1)" in shown.markdown
    assert "| C139 |" in shown.markdown
    assert "data/recorded/esc50/kumar2018/transfer: rows.csv" in shown.markdown
    assert "@inproceedings{Kumar2018" in shown.markdown


def test_pieces_are_stacked_in_order():
    assert stacked([]) == NOTHING
    assert stacked([Shown("a", "a"), Shown("b", "b"), Shown("c", "c")]).markdown == "a\n\nb\n\nc"


def test_intervals_of_times_are_said_to_be_over_repeats(make_run, page, monkeypatch):
    timed = {"esc50": make_run("esc50", [CELL], TABLES, evidence="measured")}
    monkeypatch.setattr("companion.report.page.recorded", lambda name: timed)
    made = page()
    assert made.sure().startswith("How sure: 297 recordings, 3 seeds; 95 % intervals over recordings and seeds. Data:")
    made.experiment.of_machine = True
    assert made.sure().startswith("How sure: 95 % intervals over repeats. Data:")
