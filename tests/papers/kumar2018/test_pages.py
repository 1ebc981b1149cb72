"""What the pages of this paper say is what the run holds."""

from functools import partial

import pytest

from companion.papers.kumar2018 import pages, relations, tagging
from companion.report.shown import Shown

PAPER = "Kumar2018"


@pytest.fixture
def page(answered):
    """A page that is answered by a run of these lines and tables."""
    return partial(answered, pages.Page, tagging.experiment)


def test_clips_by_authors_of_the_source_are_counted_and_left_out(page):
    made = page(
        (PAPER, "Table2 right", "N_S", "F1 max", "accuracy %", 90.0, 85.0, 95.0),
        (PAPER, pages.APART, "N_S", "F1 max", "accuracy %", 91.0, 84.0, 96.0),
    )
    made.evidence.run.rows["n_clips"] = [400, 238]
    said = made.authors_apart().markdown
    assert "162 of the 400 clips were recorded by people who also recorded some of the source." in said
    assert "Without these F1 max of N_S is right in 91.0 % [84.0, 96.0] of clips, with them in 90.0 %" in said
    assert page().authors_apart().html == ""


def test_a_page_says_which_networks_the_bound_stopped(page):
    curves = {
        "shown": ["recordings", "recordings", "segments"], "seed": 0, "epoch": [1, 2, 1], "steps": [10, 20, 12],
        "loss": 1.0, "MAP": [0.25, 0.5, 0.125],
    }  # fmt: skip
    made = page(curves=curves)
    made.evidence.run.provenance["settings"] = {"source": {"epochs": 2}}
    said = made.learning().markdown
    assert "Steps: shown recordings 20 in 2 passes, shown segments 12 in 1 pass. 1 of 2 networks was stopped" in said
    assert "shown recordings up to 0.500, shown segments up to 0.125" in said


def test_classes_are_counted_on_the_side_that_their_interval_is_on(page):
    table = {
        "class": ["a", "b", "c", "d"], "positives": 9, "N_S_slat": [0.2, 0.3, 0.6, 0.5], "N_S": [0.7, 0.4, 0.2, 0.7],
        "difference": [0.5, 0.1, -0.4, 0.2], "ci_low": [0.2, -0.1, -0.7, 0.1], "ci_high": [0.8, 0.3, -0.1, 0.3],
    }  # fmt: skip
    said = page(class_ap=table).class_ap().markdown
    assert "AP of 4 classes under both networks: N_S is higher in 3." in said
    assert "lie above zero in 2 classes, below it in 1." in said


def test_the_units_most_often_active_are_listed_first_and_those_of_the_recipe_marked(page):
    table = {
        "network": ["N_T^III"] * 4 + ["N_S"], "score": ["count"] * 3 + ["pmi", "count"], "scene": "Park",
        "event": ["dog", "water_drops", "rain", "siren", "crow"], "value": [3.0, 8.0, 5.0, 99.0, 99.0],
        "probability": [0.0, 0.4, 0.0, 1.0, 1.0],
    }  # fmt: skip
    said = page(relations=table).relation_lists(n=2).markdown
    assert "water drops ✓, rain" in said
    assert not any(name in said for name in ("dog", "siren", "crow"))


def test_the_page_on_transfer_says_it_of_sources_and_of_networks_from_scratch(page):
    """Each network counts by itself: three sources, and one from scratch for each seed and fold."""
    source = {"run": [0, 0, 1, 2], "epoch": [1, 2, 1, 1], "steps": [10, 20, 10, 10], "loss": 1.0, "MAP": 0.5}
    scratch = {"seed": [0, 0, 1, 1], "fold": [1, 2, 1, 2], "epoch": [3, 2, 3, 1], "loss": 1.0, "accuracy": 0.5}
    made = page(
        (PAPER, "Source task", "N_S", "validation", "MAP", 0.5, 0.4, 0.6), source_curve=source, scratch_curves=scratch
    )
    made.evidence.run.provenance["settings"] = {"source": {"epochs": 2}, "scratch": {"epochs": 3}}
    said = made.source().markdown
    assert "N_S 10 to 20 in 1 to 2 passes. 1 of 3 networks was stopped by the bound of 2 passes" in said
    assert "2 of 4 networks were stopped by the bound of 3 passes" in said
    without = page((PAPER, "Source task", "N_S", "validation", "MAP", 0.5, 0.4, 0.6))
    assert "stopped" not in without.source().markdown


def test_gains_by_length_are_drawn_in_points_and_under_their_own_names(page, monkeypatch):
    rows = [
        (PAPER, "Paired, by length", "8 s", "N_S - N_S_slat", "MAP difference", 0.05, 0.01, 0.09),
        (PAPER, "Cross, effects", "8 s", "training: recordings - segments", "MAP difference", 0.02, 0.01, 0.03),
        (PAPER, "Cross, effects", "8 s", "hearing: scanned - segment by segment", "MAP difference", 0.03, 0.02, 0.04),
    ]
    drawn = {}
    monkeypatch.setattr("companion.report.page.differences", lambda table, unit: drawn.update(
        {line.group: (line.label, line.value, line.low, line.high) for line in table.itertuples()}))  # fmt: skip
    monkeypatch.setattr("companion.report.page.show", lambda figure, alt, caption: Shown("", alt))
    page(*rows).gain_by_length()
    assert {name: [label, *map(round, numbers)] for name, (label, *numbers) in drawn.items()} == {
        "N_S - N_S_slat": ["8 s", 5, 1, 9], "Training alone": ["8 s", 2, 1, 3], "Hearing alone": ["8 s", 3, 2, 4],
    }  # fmt: skip


def test_relations_are_sure_over_scenes(answered):
    line = (PAPER, "Scene-event relations", "N_S", "count", "precision at 5", 0.3, 0.2, 0.4)
    made = answered(pages.Page, relations.experiment, line)
    made.evidence.run.rows["n_recordings"] = 15
    assert "How sure: 15 scenes, 3 seeds; 95 % intervals over scenes and seeds." in made.sure()


def test_what_is_drawn_of_the_adaptation_and_the_cells_is_of_the_trained_trunk(page, monkeypatch):
    curves = {"trunk": ["source", "untrained"], "method": ["I", "III"], "epoch": 1, "loss": [1.0, 2.0],
              "accuracy": [0.5, 0.25]}  # fmt: skip
    predictions = {"label": ["a", "b"], "source | N_S | F1 max | LIBLINEAR | run 0": ["a", "b"],
                   "untrained | N_S | F1 max | LIBLINEAR | run 0": ["b", "b"],
                   "source | N_S | F1 max | LIBLINEAR | run 1": ["b", "b"]}  # fmt: skip
    drawn = {}
    monkeypatch.setattr(pages, "show", lambda figure, alt, caption="": Shown("", alt))
    monkeypatch.setattr(pages, "learning_curves", lambda curves, **_: drawn.update(curves=curves))
    monkeypatch.setattr(pages, "confusion_grid", lambda grids: drawn.update(grids=grids))
    made = page(adaptation_curves=curves, predictions=predictions)
    made.adaptation()
    assert drawn["curves"][["method", "loss"]].to_numpy().tolist() == [["Method I", 1.0]]
    assert "N_S F1 max 100 %" in made.all_confusions().markdown
    assert list(drawn["grids"]) == ["N_S F1 max"]
