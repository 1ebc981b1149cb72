"""What the pages say in words is what the rows say."""

import math
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from companion.papers.diment2017 import pages, table1
from companion.papers.diment2017.sounds import recordings
from companion.report.shown import Shown
from papers.diment2017.tiny import SOUNDS

PAPER = "Diment2017"


@pytest.fixture
def page(answered):
    """A page of the chapter on transfer, answered by a run of these lines."""
    return partial(answered, pages.Page, pages.transfer.experiment)


def test_what_a_tagger_says_of_a_mixture_is_said_at_the_end_of_each_step(world, shared):
    """A mixture of three seconds: after its first 4096 samples first, and not before anything was heard."""
    mixtures = world.mixtures("source", "test", 2)
    feature = recordings(mixtures, SOUNDS, 1).features[0]
    network = SimpleNamespace(
        after_each_frame=lambda x: SimpleNamespace(recording=torch.linspace(0, 1, x.shape[1])[None, :, None])
    )
    found = pages.heard(mixtures, 0, feature, network, SOUNDS)
    seconds = found.outputs["seconds"]
    assert len(seconds) == len(found.outputs["so far"]) == len(feature)
    assert seconds[0] == pytest.approx(4096 / 44_100)
    assert abs(seconds[-1] - len(found.audio.samples) / found.audio.sample_rate) <= 4096 / 44_100


def test_single_seeds_are_drawn_in_the_colour_of_their_own_curve():
    rows = pd.DataFrame({"row": ["c", "c", "scratch", "scratch"], "size": [2, 8, 2, 8], "value": [60.0, 70, 50, 55],
                         "ci_low": [50.0, 60, 40, 45], "ci_high": [70.0, 80, 60, 65]})  # fmt: skip
    seeds = pd.DataFrame({"samples": [2, 8], "seed": 0, "c": [61.0, 71.0], "scratch": [51.0, 56.0]})
    axis = pages.drawn_sizes(rows, seeds).axes[0]
    for name in ("c", "scratch"):
        (curve,) = [line for line in axis.lines if line.get_label() == name]
        assert list(curve.get_ydata()) == rows.loc[rows["row"] == name, "value"].tolist()
        (dots,) = [line for line in axis.lines if line.get_marker() == "." and line.get_color() == curve.get_color()]
        assert list(dots.get_ydata()) == seeds[name].tolist()


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


def test_every_kind_of_mixture_stands_over_its_own_label():
    """Rows come in another order than the groups."""
    found = {"no event": 80.0, "event at 0 dB": 60.0, "event at +6 dB": 90.0}
    columns = ["event at 0 dB", "event at +6 dB", "no event"]
    rows = pd.DataFrame([(system, name, value + more, value + more - 5, value + more + 5)
                         for system, more in (("a", 0), ("b", 1)) for name, value in found.items()],
                        columns=["row", "column", "value", "ci_low", "ci_high"])  # fmt: skip
    axis = pages.drawn_by_event(rows, ["b", "a"], columns).axes[0]
    other, dots = (line for name in "ba" for line in axis.lines if line.get_label() == name)
    assert list(other.get_ydata()) == [found[name] + 1 for name in columns]
    labels = [text.get_text().replace("\n", " at ") for text in axis.get_xticklabels()]
    assert labels == columns
    assert list(dots.get_ydata()) == [found[name] for name in columns]
    assert [ends[:, 1].tolist() for ends in axis.collections[1].get_segments()] == [[55, 65], [85, 95], [75, 85]]


def test_the_best_of_each_network_is_said_and_not_the_worst(page, monkeypatch):
    curves = {"epoch": [1, 2, 1, 2], "loss": 1.0, "accuracy": [0.5, 0.75, 0.625, 0.25], "seed": [0, 0, 1, 1],
              "network": ["ours", "ours", "other", "other"], "rotation": [0, 0, 0, 1]}  # fmt: skip
    drawn = {}
    monkeypatch.setattr(pages, "learning_curves", lambda curves, **_: drawn.update(lines=len(curves)))
    monkeypatch.setattr(pages, "show", lambda figure, alt, caption="": Shown("", caption))
    made = page()
    monkeypatch.setattr(type(made.evidence.run), "table", lambda run, name: pd.DataFrame(curves))
    assert "seed 0 up to 0.750, seed 1 up to 0.625" in made.source_curves().markdown
    assert "ours up to 0.750, other up to 0.625" in made.settings_curves().markdown
    assert drawn["lines"] == 3, "of rotation 0"


def test_layers_that_learn_are_said_to(page, monkeypatch):
    layers = {"scheme": "a", "title": "a", "layer": ["one", "two"], "learns": [True, False], "parameters": 1000}
    made = page()
    monkeypatch.setattr(type(made.evidence.run), "table", lambda run, name: pd.DataFrame(layers))
    said = made.layers().markdown
    assert "| one | yes | 1,000 |" in said
    assert "| two | no | 1,000 |" in said
