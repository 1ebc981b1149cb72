"""What the pages say in words is what the rows say."""

import math

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
