"""Claims in prose are judged by what was written down, on the strongest evidence, and wait where nobody measured."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from companion.report.prose import prose_rows
from companion.report.published import load_audioset_names, load_prose
from companion.report.row_format import COLUMNS
from companion.report.rules import parse_claim


def run(evidence="restaged", profile="esc50", low=1.0, high=3.0, count=10):
    """Two rows that settle X01: the count of better cells and their mean difference."""
    common = dict.fromkeys(COLUMNS, "") | {"paper": "Kumar2018", "n_clips": 9, "n_recordings": 9, "n_seeds": 3}
    rows = pd.DataFrame(
        [
            common
            | {"item": "Prose", "row": "adapted cells above N_S", "column": "scenes", "measure": "count"}
            | {"value": float(count), "ci_low": np.nan, "ci_high": np.nan},
            common
            | {"item": "Paired", "row": "adapted - N_S", "column": "mean of 10 cells"}
            | {"measure": "accuracy difference, points", "value": (low + high) / 2, "ci_low": low, "ci_high": high},
        ]
    )
    return SimpleNamespace(rows=rows, evidence=evidence, profile=profile, experiment="kumar2018_scenes", table_names=())


def outcome(*runs, name="X01"):
    return prose_rows(runs).set_index("id").loc[name]


def test_every_claim_has_a_line_and_every_rule_can_be_read():
    rows = prose_rows([])
    assert rows["id"].tolist() == load_prose().index.tolist()
    assert set(rows["outcome"]) == {"waiting"}
    assert rows["value"].isna().all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "holds here"),
        ({"low": -1.0}, "not settled here"),
        ({"low": -3.0, "high": -1.0}, "contradicted here"),
        ({"count": 9}, "contradicted here"),
        ({"evidence": "official", "profile": "paper"}, "holds"),
        ({"evidence": "synthetic", "profile": "demo"}, "synthetic: not comparable"),
    ],
)
def test_the_interval_decides(given, words):
    assert outcome(run(**given))["outcome"] == words


def test_real_recordings_speak_before_synthetic_sound():
    found = outcome(run("synthetic", "demo", low=-5.0, high=-4.0), run())
    assert found["outcome"] == "holds here"
    assert found["where"] == "data/recorded/esc50/kumar2018_scenes"


def test_a_run_without_the_rows_says_nothing():
    assert outcome(run(), name="X02")["outcome"] == "waiting"
    assert math.isnan(outcome(run(), name="X02")["value"])


def test_x03_asks_for_every_network():
    from companion.report.criteria import read_text_table
    from companion.report.prose import COLUMNS as FIELDS
    from companion.report.repository import published_folder

    rules = read_text_table(published_folder() / "prose_criteria.csv", FIELDS).set_index("id")["rule"]
    assert len(parse_claim(rules["X03"])) == 7


def test_words_of_the_paper_stand_for_classes_of_audioset():
    names = load_audioset_names("Kumar2018")
    assert names["Siren (Civil Defense)"] == "Civil defense siren"
    assert len(set(names.values())) == len(names)
