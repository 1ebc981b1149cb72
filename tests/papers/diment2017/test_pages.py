"""What the pages say in words is what the rows say."""

import math

import pandas as pd
import pytest

from companion.papers.diment2017 import pages, table1
from companion.report.evidence import columns

PAPER = "Diment2017"


@pytest.fixture
def page(make_run):
    """A page of the chapter on transfer, answered by a run of these lines."""

    def made(*lines):
        one = object.__new__(pages.Page)
        one.experiment, one.paper = pages.transfer.experiment, PAPER
        one.evidence = columns({"esc50": make_run("esc50", lines, experiment="diment2017/transfer")}, None)[0]
        return one

    return made


def test_the_control_is_said_of_networks_with_all_data_beside_mixtures_without_an_event(page):
    control = [
        (PAPER, "Control", row, "another event", "false alarms %", value, value - 9, value + 11)
        for row, value in (("from scratch", 60.0), (table1.FULL, 42.0))
    ]
    right = [
        (PAPER, "By event", row, column, "accuracy %", value, math.nan, math.nan)
        for row, column, value in (
            (table1.FULL, "no event", 83.0), (table1.FULL, "event at +6 dB", 95.0), ("from scratch", "no event", 50.0)
        )
    ]  # fmt: skip
    said = page(*control, *right).control().markdown
    assert "take 42 % [33, 53] of the other events for the target's, and 17 % of the mixtures without any event" in said
    assert "| from scratch | 60.0 [51.0, 71.0] |" in said


def test_what_the_source_networks_had_learned_is_said_one_by_one_beside_the_bar(page):
    line = (PAPER, "Source task", "LSTM below", "test mixtures", "accuracy %", 86.5, math.nan, math.nan)
    made = page(line)
    made.evidence.run.rows["note"] = "of each network: 93.0, 80.0; learned from 85 on"
    said = made.learned_from().markdown
    assert (
        "right about 93.0, 80.0 % of their own test mixtures. The bar, 85 %, is a rule of thumb for their mean: 86.5 %"
        in said
    )


def test_how_sure_counts_the_recordings_of_the_event_that_are_tested(page, monkeypatch):
    made = page((PAPER, "Bound", "from scratch", "test", "accuracy %", 80.0, 70.0, 90.0))
    assert "event are tested" not in made.sure()
    counts = [("target", "test", "events", 8), ("target", "test", "events", 7), ("target", "test", "backgrounds", 26),
              ("target", "train", "events", 29), ("source", "test", "events", 4)]  # fmt: skip
    table = pd.DataFrame(counts, columns=["task", "part", "kind", "recordings"])
    monkeypatch.setattr(type(made.evidence.run), "table_names", ("counts",))
    monkeypatch.setattr(type(made.evidence.run), "table", lambda run, name: table)
    assert made.sure().endswith("15 recordings of the target's event are tested.")
