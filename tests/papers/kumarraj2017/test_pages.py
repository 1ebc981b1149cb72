"""What the pages of this paper say is what the run holds."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from companion.audio import Audio
from companion.datasets.base import Clip, Event
from companion.papers.kumarraj2017 import pages, urban

PAPER = "KumarRaj2017"


@pytest.fixture
def page(answered):
    """A page of the chapter on both tables, answered by a run of these lines and tables."""
    return partial(answered, pages.Page, urban.experiment)


def test_gains_by_share_and_what_makes_them_are_drawn_under_their_own_headings(page, monkeypatch):
    gains = {
        ("Paired, by share", "US WLER - US SLAT"): 0.1, ("Paired, by share", "YT WLER - YT SLAT"): 0.2,
        ("Cross, effects", "training: recordings - segments"): 0.3,
        ("Cross, effects", "hearing: scanned - segment by segment"): 0.4, ("Cross, effects", "together"): 0.9,
    }  # fmt: skip
    shares = {"up to 5 %": 0.01, "60 to 100 %": 0.02}
    made = page(*[
        (PAPER, item, share, column, "AP difference", gain + more, -1.0, 1.0)
        for share, more in shares.items() for (item, column), gain in gains.items()
    ])  # fmt: skip
    drawn = []
    monkeypatch.setattr(made, "differences", lambda lines, unit, **options: drawn.append(lines))
    made.by_share()
    found = {
        heading: {share: made.judge.measured(f"{rule} > 0").value for share, rule in labels.items()}
        for heading, labels in drawn[0].items()
    }
    headings = [*pages.SHOWN_BY_SHARE.values()]
    wanted = {
        heading: {share: gain + more for share, more in shares.items()}
        for heading, gain in zip(headings, (0.1, 0.2, 0.3, 0.4), strict=True)
    }
    assert found == wanted
    assert "trained US" in headings[0]
    assert "trained YT" in headings[1]


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
    assert "Steps: US WLER 30 in 3 passes. 1 of 1 networks was stopped by the bound of 3 passes." in said


def test_classes_that_stand_in_are_said_to(page):
    said = page().stand_ins().markdown
    assert "| Dog Bark | dog | yes |" in said
    assert "| Gunshot |" in said
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and cells[1] in ("Gunshot", "Jackhammer", "Street Music", "Drilling"):
            assert cells[3] == "stands in"


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
    assert f"each of {len(starts)} segments; {held} hold any of it" in found.words


def test_how_many_comparisons_wler_wins_and_where_printed_gains_lie(page):
    gains = {("US test", "US"): (0.1, 0.0, 0.2), ("US test", "YT"): (-0.1, -0.2, 0.0),
             ("AudioSet test", "US"): (-0.1, -0.2, 0.0), ("AudioSet test", "YT"): (-0.1, -0.2, 0.115)}  # fmt: skip
    made = page(*[
        (PAPER, f"Paired, {test}", "MAP", f"{trained} WLER - {trained} SLAT", "AP difference", *gain)
        for (test, trained), gain in gains.items()
    ], (PAPER, "Paired, US test", "MAP", "US WLER - YT WLER", "AP difference", 0.3, 0.2, 0.4))  # fmt: skip
    said = made.in_short().markdown
    assert said.startswith("WLER is ahead in 1 of 4 comparisons of MAP;")  # 12.3, 7.3 and 11.3 points are printed
    assert "of three published gains 2 lie within the interval found here." in said


def test_chance_is_the_share_of_recordings_that_hold_a_class(page):
    table = {"class": ["dog", "siren"] * 2, "trained": ["US"] * 2 + ["YT"] * 2, "positives": [30, 10, 1, 1],
             "test": "US test"}  # fmt: skip
    made = page((PAPER, "Paired, US test", "MAP", "US WLER - US SLAT", "AP difference", 0.1, 0.0, 0.2),
                (PAPER, "Controls", "untrained", "US test", "AP", 0.1, 0.0, 0.2), class_ap=table)  # fmt: skip
    made.evidence.run.rows["n_clips"] = 200
    assert "A ranking by chance has this MAP: US test 0.100." in made.controls().markdown


def test_multiply_adds_are_counted_in_thousands_of_millions(page):
    cost = {"seconds": [10.0], "one pass": [732_432_896], "sliding window": [1_464_865_792], "ratio": [0.5]}
    said = page(cost=cost).cost().markdown
    assert "0.73" in said
    assert "1.46" in said


def test_dots_of_the_four_steps_stand_inside_their_intervals():
    rows = pd.DataFrame({"column": "trained", "value": [0.4, 0.1, 0.2, 0.3], "ci_low": [0.3, 0.05, 0.1, 0.2],
                         "ci_high": [0.5, 0.2, 0.3, 0.4]})  # fmt: skip
    axis = pages.drawn_where(rows).axes[0]
    assert axis.lines[0].get_ydata().tolist() == pytest.approx([40.0, 10.0, 20.0, 30.0])
    intervals = [segment[:, 1].tolist() for segment in axis.collections[0].get_segments()]
    assert intervals == [pytest.approx(ends) for ends in ([30, 50], [5, 20], [10, 30], [20, 40])]


def test_classes_in_which_wler_is_higher_are_counted(page):
    table = {"class": list("abc"), "test": "US test", "trained": "US", "US WLER": 0.5, "US SLAT": 0.4,
             "WLER": 0.5, "SLAT": 0.4, "difference": [0.1, 0.2, -0.1], "positives": 3, "ci_low": 0.0,
             "ci_high": 0.2}  # fmt: skip
    assert "WLER is higher in 2 of 3 classes." in page(class_ap=table).class_ap().markdown
