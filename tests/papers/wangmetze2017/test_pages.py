"""What the pages of this paper say is what the run holds."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from companion.datasets.base import Clip, Event
from companion.papers.wangmetze2017 import ctc, pages
from companion.papers.wangmetze2017.drawings import hinted_drawn, layer_accuracies, transition_drawn
from companion.papers.wangmetze2017.pages import Page, beside_the_printed


@pytest.fixture
def page(answered):
    """A page that is answered by a run of these lines and tables."""
    return partial(answered, Page, ctc.experiment)


def test_units_that_rise_stand_above_those_that_fall():
    """Of three units the first rises by two, the second falls by one, and the third stays."""
    table = pd.DataFrame(
        [(seconds, unit, rise * (seconds > 0)) for seconds in (-0.15, -0.05, 0.05, 0.15)
         for unit, rise in ((1, 2.0), (2, -1.0), (3, 0.0))], columns=["seconds", "unit", "fc1"])  # fmt: skip
    table = table.assign(fc2=-table["fc1"], fc3=0.0)
    drawn = transition_drawn(dict.fromkeys(("SN-F fc1", "SN-F fc2", "SN-F fc3"), table))
    (image,) = drawn.axes[0].images
    assert drawn.axes[1].images[0].get_array()[:, -1].tolist() == [-2.0, 0.0, 1.0]
    assert image.origin == "lower"
    assert image.get_array()[:, -1].tolist() == [-1.0, 0.0, 2.0]
    assert not image.get_array()[:, 0].any()


def test_each_sort_of_accuracy_is_drawn_under_its_own_name():
    sorts = {
        ("Layers", "max"): "maximum over the clip", ("Layers", "mean"): "mean over the clip",
        ("Layers, untrained", "max"): "untrained SoundNet, maximum",
        ("SoundNet ESC-50", "mean of 5 folds"): "pool5, 1 s windows: SoundNet's protocol",
    }  # fmt: skip
    rows = [{"item": item, "row": "pool5", "column": column, "value": 10.0 * number, "ci_low": 10.0 * number - 1,
             "ci_high": 10.0 * number + 2} for number, (item, column) in enumerate(sorts, 1)]  # fmt: skip
    axis = layer_accuracies(pd.DataFrame(rows), None).axes[0]
    drawn = {one.get_label(): one.lines[0].get_ydata()[0] for one in axis.containers}
    assert drawn == {label: row["value"] for label, row in zip(sorts.values(), rows, strict=True)}


def test_confusions_are_those_of_the_protocol_as_published(page):
    """Which takes one cat for a dog; heard as loud as in training, it takes both dogs for cats."""
    predictions = {
        "label": ["dog", "dog", "cat", "cat"],
        "SoundNet | pool5 | windows, as published": ["dog", "dog", "dog", "cat"],
        "SoundNet | pool5 | windows, scaled as in training": ["cat"] * 4,
    }
    said = page(predictions=predictions).errors().markdown
    assert "1 of 4 clips are taken for another class, most often cat for dog, 1 of 2" in said


def test_kinds_of_errors_are_those_of_the_test_over_all_seeds(page):
    lines = [("conv5", split, seed, 10.0 * seed + start) for split, start in (("train", 1.0), ("test", 40.0))
             for seed in (0, 1)]  # fmt: skip
    table = pd.DataFrame(lines, columns=["feature", "split", "seed", "deletions"])
    assert "| conv5 | 45.0 |" in page(errors=table).token_errors().markdown


def test_predictions_that_hear_nothing_are_drawn_as_they_are_on_validation(page):
    lines = [
        ("Wang2017", "Predictions that hear nothing", name, split, "KL sum, nats/frame", value, value - 1, value + 1)
        for name, split, value in (
            ("uniform", "validation", 6.25), ("uniform", "test", 7.5),
            ("training marginal", "validation", 4.25), ("training marginal", "test", 5.5),
        )
    ]  # fmt: skip
    checks = {"network": "SN-F", "seed": 0, "check": [1, 2, 3], "training KL": [3.0, 2.0, 1.0],
              "validation KL": [3.5, 2.75, 3.0], "learning rate": 0.1}  # fmt: skip
    said = page(*lines, checks=checks, kl_curves={"seed": [0], "check": [1], "SN-F": [3.5]}).kl_curves().markdown
    assert "SN-F 2.75 nats" in said
    assert "uniform 6.25 and training marginal 4.25" in said


def test_every_feature_ends_after_its_own_last_epoch(page):
    lines = [(feature, epoch, 90.0 - epoch) for feature, last in (("low-level", 5), ("conv5", 2))
             for epoch in range(1, last + 1)]  # fmt: skip
    table = pd.DataFrame(lines, columns=["feature", "epoch", "test TER"]).assign(seed=0)
    table = table.assign(**dict.fromkeys(("training loss", "training TER", "validation TER"), 50.0))
    said = page(ctc_curves=table).curves().markdown
    assert "low-level 50 % in training, 85 % in the test; conv5 50 % in training, 88 % in the test" in said


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (71.0, 69.0, 73.0, "3.2 points or 64 clips fewer than the 74.2 % that its authors print, which lies above"),
        (74.7, 72.0, 77.0, "0.5 points or 10 clips more than the 74.2 % that its authors print, which lies inside"),
        (80.2, 78.0, 82.0, "6.0 points or 120 clips more than the 74.2 % that its authors print, which lies below"),
    ],
)
def test_an_accuracy_is_said_beside_the_printed_one_with_its_sign_and_interval(value, low, high, said):
    own = pd.Series({"value": value, "ci_low": low, "ci_high": high, "n_clips": 2000})
    assert said in beside_the_printed(own, 74.2)


def test_a_token_may_be_said_within_the_tolerance_of_its_own_frame_and_not_before_the_beginning():
    clip = Clip("a", "a", 1, 10.0, strong=(Event(0.3, 4.0, "dog"),))
    drawn = hinted_drawn(clip, np.array([[1, 3], [2, 40]]), ["blank", "dog onset", "dog offset"], 10.0, 5)
    above, below = drawn.axes
    (event,) = above.collections[0].get_paths()
    assert event.vertices[:, 0].min() == pytest.approx(0.3)
    assert event.vertices[:, 0].max() == pytest.approx(4.0)
    bars = [one.get_paths()[0].vertices[:, 0] for one in below.collections if isinstance(one, PolyCollection)]
    assert [(bar.min(), bar.max()) for bar in bars] == [pytest.approx((0.0, 0.9)), pytest.approx((3.5, 4.6))]
    assert [label.get_text() for label in below.get_yticklabels()] == ["dog onset", "dog offset"]


def test_students_say_something_ten_times_a_second_and_the_recurrent_one_hears_everything(page, monkeypatch):
    shown = {}
    monkeypatch.setattr(pages, "frames_drawn", lambda found, seconds: shown.update(found))
    monkeypatch.setattr(pages, "show", lambda figure, alt, caption: alt)
    assert "SN-F, fc3 50 frames" in page().student_frames(5.0)
    fields = {name: round(layer.field, 2) for name, layer in shown.items()}
    assert fields["SN-F and SN-R, pool5"] == fields["SN-F, fc3"] == 0.34
    assert fields["SN-R, gru3"] == 5.0
    assert len(shown["SoundNet, conv8"].times) == 0


def test_errors_are_told_of_the_features_that_are_drawn_on_test_recordings(page):
    errors = pd.DataFrame(
        [("conv5", "test", 0, 10.0, 20.0, 5.0, 1.0), ("conv5", "test", 1, 12.0, 22.0, 7.0, 3.0),
         ("conv5", "train", 0, 99.0, 99.0, 99.0, 99.0), ("SN-F fc2", "test", 0, 1.0, 1.0, 1.0, 50.0)],
        columns=["feature", "split", "seed", "substitutions", "deletions", "insertions",
                 "order of simultaneous boundaries"])  # fmt: skip
    said = page(errors=errors, ctc_curves={"feature": ["conv5"]}).errors_in_short().markdown
    assert said == (
        "Of the true tokens of the test recordings, with conv5 21 % left out, 11 exchanged, 6 put in. "
        "The order of simultaneous boundaries costs 2.0 points at most."
    )


def test_features_of_students_are_held_against_low_level_ones_here_and_in_print(page):
    found = {
        "Low-level (50-d, epoch 500)": 80.0,
        "SoundNet conv5 256": 90.0,
        "SN-F fc1 100": 81.0,
        "SN-R gru3 200": 79.0,
    }
    made = page(*[("Wang2017", "Table4", row, "test", "TER %", value, 0.0, 99.0) for row, value in found.items()])
    said = made.against_low_level().markdown
    assert said.startswith("Of 2 features of SN-F and SN-R 1 err more here than low-level ones, in print 1.")
    assert page().against_low_level().markdown == ""
