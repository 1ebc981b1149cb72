"""What the pages of this paper say is what the run holds."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from companion.audio import Audio
from companion.datasets.base import Clip, Event
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
        "steps": [10, 20, 30],
    }
    made = page(curves=curves)
    made.evidence.run.provenance["settings"] = {"training": {"epochs": 3}}
    said = made.learning().markdown
    assert "US WLER up to 0.600" in said
    assert "Steps: US WLER 30. 1 of 1 networks was stopped by the bound of 3 passes." in said


def test_classes_that_stand_in_are_said_to(page):
    said = page().stand_ins().markdown
    assert "| Dog Bark | dog | yes |" in said
    assert "| Gunshot |" in said
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and cells[1] in ("Gunshot", "Jackhammer", "Street Music", "Drilling"):
            assert cells[3] == "stands in"


def test_training_and_hearing_are_drawn_apart_over_all_recordings_and_by_share(page, monkeypatch):
    training, hearing = "training: recordings - segments", "hearing: scanned - segment by segment"
    values = {training: {"all recordings": 0.1, "up to 5 %": 0.2}, hearing: {"all recordings": 0.3, "up to 5 %": 0.4}}
    made = page(*[
        (PAPER, "Cross, effects", row, effect, "AP difference", value, 0.0, 1.0)
        for effect, of_rows in {**values, "together": {"all recordings": 0.9}}.items() for row, value in of_rows.items()
    ])  # fmt: skip
    drawn = []
    monkeypatch.setattr(made, "differences", lambda lines, unit, **options: drawn.append(lines))
    made.effects()
    found = {
        effect: {row: made.judge.measured(f"{rule} > 0").value for row, rule in labels.items()}
        for effect, labels in drawn[0].items()
    }
    assert found == values


def test_the_class_that_gains_least_is_named_and_a_mean_says_over_what(page):
    made = page(
        (PAPER, "Table I (US test)", "MAP", "US WLER", "AP", 0.5, 0.4, 0.6),
        (PAPER, "Prose, US test", "lowest of all classes", "US WLER - US SLAT", "AP difference", -0.1, -0.2, 0.1),
    )
    made.evidence.run.rows["note"] = ["mean over 9 classes that occur", "the lowest is gun_shot; 7 of 9 lie above zero"]
    said = made.named().markdown
    assert "US test, US WLER - US SLAT: the lowest is gun shot; 7 of 9 lie above zero." in said
    assert "Table I (US test): MAP is the mean over 9 classes that occur; a class that never occurs has no AP." in said


def test_the_recording_to_hear_is_the_one_that_its_event_fills_least():
    """Six seconds with an event from 1 to 2 s: of segments of 1.49 s, those that begin before 2 s hold some of it."""

    clips = (
        Clip("much", "a", 3, 6.0, weak=("dog",), strong=(Event(0.0, 5.0, "dog"),)),
        Clip("little", "b", 3, 6.0, weak=("dog",), strong=(Event(1.0, 2.0, "dog"),)),
        Clip("taught", "c", 1, 6.0, weak=("dog",), strong=(Event(1.0, 1.1, "dog"),)),
    )
    sound = Audio(np.random.default_rng(0).normal(size=6 * 44_100).astype(np.float32) * 0.1, 44_100)
    found = pages.weakly_labelled(SimpleNamespace(clips=clips, audio=lambda clip: sound))
    assert found.events == (Event(1.0, 2.0, "dog"),)
    shares, long = found.outputs["share of the segment that it fills"], 128 * 512 / 44_100
    starts = found.outputs["seconds"] - long / 2
    for start, share in zip(starts, shares, strict=True):
        assert share == pytest.approx(max(0.0, min(2.0, start + long) - max(1.0, start)) / long)
    held = int((shares > 0).sum())
    assert 0 < held < len(starts)
    assert f"in each of {len(starts)} segments; {held} hold any of it" in found.words
