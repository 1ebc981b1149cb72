"""Figures of the result pages show every number of their tables."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from companion.report import figures
from companion.report.overview import COLOURS
from companion.results.published import load_published, short_names
from companion.results.scorecard import STATUSES, scorecard_rows, status_counts

LINES = pd.DataFrame(
    [
        ("N_S", "max - avg", 1.2, 4.0, 1.5, 6.5),
        ("N_S", "F2", math.nan, -1.0, -3.0, 1.0),
        ("N_T^I", "max", 2.2, 0, -1, 1),
    ],
    columns=["group", "label", "published", "value", "low", "high"],
)


def test_differences_are_dots_with_intervals_beside_the_published_ones():
    axis = figures.differences(LINES, "points").axes[0]
    zero, found, published = axis.lines
    assert set(zero.get_xdata()) == {0}
    assert found.get_xdata().tolist() == [4.0, -1.0, 0.0]
    np.testing.assert_allclose(published.get_xdata(), [1.2, np.nan, 2.2])
    places = found.get_ydata().tolist()
    assert published.get_ydata().tolist() == places == sorted(set(places))
    intervals = [segment.tolist() for segment in axis.collections[0].get_segments()]
    assert intervals == [[[1.5, places[0]], [6.5, places[0]]], [[-3, places[1]], [1, places[1]]],
                         [[-1, places[2]], [1, places[2]]]]  # fmt: skip
    assert [text.get_text() for text in axis.get_yticklabels()] == LINES["label"].tolist()
    assert [text.get_text() for text in axis.texts] == ["$N_S$", "$N_T^{I}$"], "one heading a group"
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the first line stands on top"


def test_differences_without_any_published_number_name_none():
    axis = figures.differences(LINES.assign(published=math.nan).drop(columns="group"), "points").axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["found here, 95 % interval"]


def test_a_confusion_matrix_shows_counts_and_shares():
    counts = pd.DataFrame([[3, 1], [0, 4]], index=["dog", "sea_waves"], columns=["dog", "sea_waves"])
    axis = figures.confusion(counts).axes[0]
    assert [text.get_text() for text in axis.texts] == ["3", "1", "", "4"]
    assert axis.collections[0].get_array().ravel().tolist() == [0.75, 0.25, 0.0, 1.0]
    assert axis.get_yticklabels()[1].get_text() == "sea waves"
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("estimated", "reference"), "a row is a true class"


def test_every_clip_is_a_dot_of_its_group():
    points = pd.DataFrame(
        {"x": [0.0, 1, 2], "y": [5.0, 3, 4], "group": ["Animals", "Animals", "Exterior/urban noises"]}
    )
    (axis,) = figures.tsne_scatter({"N_S F1 max": points}).axes
    assert {dots.get_label(): len(dots.get_offsets()) for dots in axis.collections} == {
        "Animals": 2, "Exterior/urban noises": 1,
    }  # fmt: skip
    assert axis.collections[0].get_offsets().tolist() == [[0, 5], [1, 3]]


def test_learning_curves_are_means_over_lines_of_one_name():
    curves = pd.DataFrame({"epoch": [1, 2, 1, 2], "loss": [2.0, 1.0, 4.0, 3.0], "method": "I"})
    (axis,) = figures.learning_curves(curves, x="epoch", panels=["loss"], by="method").axes
    assert axis.lines[0].get_ydata().tolist() == [3.0, 2.0]
    (band,) = axis.collections
    assert band.get_paths()[0].get_extents().intervaly.tolist() == [1.0, 4.0], "from the lowest to the highest"


def test_each_panel_of_learning_curves_is_of_its_own_quantity():
    curves = pd.DataFrame({"steps": [10, 20], "loss": [2.0, 1.0], "MAP": [0.25, 0.5]})
    for axis, (name, values) in zip(
        figures.learning_curves(curves, x="steps", panels=["loss", "MAP"]).axes,
        {"loss": [2.0, 1.0], "MAP": [0.25, 0.5]}.items(),
        strict=True,
    ):
        assert axis.lines[0].get_xydata().tolist() == [[10, values[0]], [20, values[1]]]
        assert (axis.get_xlabel(), axis.get_ylabel()) == ("steps", name)


def test_small_matrices_show_the_share_of_each_class():
    grids = {f"cell {n}": pd.DataFrame([[3, 1], [0, 4 + n]], index=["a", "b"], columns=["a", "b"]) for n in range(5)}
    axes = figures.confusion_grid(grids, columns=3).axes
    shown = [axis for axis in axes if axis.get_visible()]
    assert [axis.get_title(loc="left") for axis in shown] == list(grids)
    assert all(axis.images[0].get_array().tolist() == [[0.75, 0.25], [0, 1]] for axis in shown)


def test_status_bars_add_up_to_the_published_rows():
    counts = status_counts(scorecard_rows([], [], {}))
    axis = figures.status_bars(counts, short_names()).axes[0]
    assert sum(bar.get_width() for bar in axis.patches) == len(load_published())
    assert [text.get_text() for text in axis.get_yticklabels()] == list(short_names().values())


def test_stacked_bars_follow_one_another_in_the_colour_of_their_kind():
    counts = pd.DataFrame([[1, 2, 3], [4, 0, 5]], index=["one", "two"], columns=list("abc"))
    colours = {"a": "#ff0000", "b": "#00ff00", "c": "#0000ff"}
    axis = figures.stacked_bars(counts, {"one": "1", "two": "2"}, colours, "claims").axes[0]
    for (kind, bars), starts in zip(zip("abc", axis.containers, strict=True), ([0, 0], [1, 4], [3, 4]), strict=True):
        assert [bar.get_x() for bar in bars] == starts
        assert [bar.get_width() for bar in bars] == counts[kind].tolist()
        assert {to_hex(bar.get_facecolor()) for bar in bars} == {colours[kind]}


@pytest.mark.parametrize("kinds", [COLOURS, STATUSES])
def test_no_legend_of_stacked_bars_is_cut(kinds):
    counts = pd.DataFrame([range(1, len(kinds) + 1)] * 4, index=list(short_names()), columns=list(kinds))
    figure = figures.stacked_bars(counts, short_names(), dict.fromkeys(kinds, "#0072B2"), "claims")
    figure.savefig(io.BytesIO())
    drawn = [*figure.legends, *filter(None, (axis.get_legend() for axis in figure.axes))]
    assert drawn
    for legend in drawn:
        box, whole = legend.get_window_extent(), figure.bbox
        assert box.x0 >= 0
        assert box.x1 <= whole.x1
        assert box.y0 >= 0
