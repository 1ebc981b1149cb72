"""Figures of the result pages show their tables, and never mix evidence."""

import pandas as pd

from companion.report import figures
from companion.results.published import load_published, short_names
from companion.results.scorecard import scorecard_rows, status_counts

CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)


def test_synthetic_cells_have_a_panel_without_published_values(make_run):
    figure = figures.cells_with_intervals(
        "Kumar2018", "Table2 right", {"esc50": make_run("esc50", [CELL])}, make_run("demo", [CELL])
    )
    real, synthetic = figure.axes
    assert "real audio" in real.get_title(loc="left")
    assert "synthetic" in synthetic.get_title(loc="left")
    assert "published" in [line.get_label() for line in real.lines]
    assert "published" not in [line.get_label() for line in synthetic.lines]
    (published,) = [line for line in real.lines if line.get_label() == "published"]
    assert len(published.get_xdata()) == 14
    assert published.get_xdata()[0] == 82.8


def test_a_confusion_matrix_shows_counts_and_shares():
    counts = pd.DataFrame([[3, 1], [0, 4]], index=["dog", "sea_waves"], columns=["dog", "sea_waves"])
    axis = figures.confusion(counts).axes[0]
    assert [text.get_text() for text in axis.texts] == ["3", "1", "", "4"]
    assert axis.collections[0].get_array().ravel().tolist() == [0.75, 0.25, 0.0, 1.0]
    assert axis.get_yticklabels()[1].get_text() == "sea waves"


def test_every_clip_is_a_dot_of_its_group():
    points = pd.DataFrame(
        {"x": [0.0, 1, 2], "y": [0.0, 1, 2], "group": ["Animals", "Animals", "Exterior/urban noises"]}
    )
    (axis,) = figures.tsne_scatter({"N_S F1 max": points}).axes
    assert {dots.get_label(): len(dots.get_offsets()) for dots in axis.collections} == {
        "Animals": 2, "Exterior/urban noises": 1,
    }  # fmt: skip


def test_learning_curves_are_means_over_lines_of_one_name():
    curves = pd.DataFrame({"epoch": [1, 2, 1, 2], "loss": [2.0, 1.0, 4.0, 3.0], "method": "I"})
    (axis,) = figures.learning_curves(curves, x="epoch", panels=["loss"], by="method").axes
    assert axis.lines[0].get_ydata().tolist() == [3.0, 2.0]
    assert len(axis.collections) == 1


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
