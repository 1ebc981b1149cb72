"""What the pages of this paper say is what the run holds."""

import pandas as pd
import pytest

from companion.papers.kumarraj2017 import pages, urban
from companion.report.evidence import columns

PAPER = "KumarRaj2017"


@pytest.fixture
def page(make_run):
    """A page of the chapter on both tables, answered by a run of these lines and tables."""

    def made(*lines, **tables):
        one = object.__new__(pages.Page)
        one.experiment, one.paper = urban.experiment, PAPER
        run = make_run("esc50", lines, {name: pd.DataFrame(table) for name, table in tables.items()})
        one.evidence = columns({"esc50": run}, None)[0]
        return one

    return made


def test_gains_by_share_are_drawn_under_the_training_that_they_are_of(page, monkeypatch):
    values = {"US": {"up to 5 %": 0.11, "60 to 100 %": 0.12}, "YT": {"up to 5 %": 0.21, "60 to 100 %": 0.22}}
    made = page(*[
        (PAPER, "Paired, by share", share, f"{trained} WLER - {trained} SLAT", "AP difference", gain, gain - 1, 1.0)
        for trained, of_shares in values.items() for share, gain in of_shares.items()
    ])  # fmt: skip
    drawn = []
    monkeypatch.setattr(made, "differences", lambda lines, unit, **options: drawn.append(lines))
    made.by_share()
    found = {
        group.removeprefix("trained "): {
            share: made.judge.measured(f"{rule} > 0").value for share, rule in labels.items()
        }
        for group, labels in drawn[0].items()
    }
    assert found == values


def test_how_far_networks_came_is_their_best_pass(page):
    curves = {
        "network": ["US WLER"] * 3,
        "seed": 0,
        "epoch": [1, 2, 3],
        "loss": [3.0, 2.0, 1.0],
        "MAP": [0.2, 0.6, 0.5],
    }
    assert "US WLER up to 0.600" in page(curves=curves).learning().markdown


def test_classes_that_stand_in_are_said_to(page):
    said = page().stand_ins().markdown
    assert "| Dog Bark | dog | yes |" in said
    assert "| Gunshot |" in said
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and cells[1] in ("Gunshot", "Jackhammer", "Street Music", "Drilling"):
            assert cells[3] == "stands in"
