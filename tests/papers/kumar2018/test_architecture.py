"""The drawing of N_S shows what the table says, and the methods as their rows say; no word leaves its box."""

from dataclasses import asdict

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyBboxPatch

from companion.models.description import layer_table
from companion.models.weak_cnn import WeakCNN
from companion.papers.kumar2018.architecture import architecture, layer_listing, shape_words, steps
from companion.transfer import METHODS

BLOCKS = ["input", *(f"B{i}" for i in range(1, 7)), "F1", "F2", "P"]


@pytest.fixture(scope="module")
def figure():
    layers = pd.DataFrame(layer_table(WeakCNN(527), 896))
    return architecture(layers, [asdict(method) for method in METHODS.values()])


def test_the_papers_example_is_drawn(figure):
    words = {text.get_text() for text in figure.axes[0].texts}
    assert {*BLOCKS, "896 frames × 128 bands", "13 segments × 527 classes", "1 recording × 527 classes"} <= words
    assert {"frozen", "updated", "new, updated"} <= words


def test_boxes_of_each_method_are_its_row():
    for method in METHODS.values():
        found = steps(asdict(method), BLOCKS)
        assert [name for _, name, state in found if state == "frozen"] == list(method.frozen)
        assert [name for _, name, state in found if "updated" in state] == list(method.updated)
        order = [name for _, name, _ in found]
        assert (order.index("F_T") > order.index("P")) == (method.reads == "pooled F2")
        assert [name for _, name, state in found if state.startswith("new")] == ["F_T"]


def test_words_stay_inside_their_boxes(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axis,) = figure.axes
    boxes = [patch.get_window_extent() for patch in axis.patches if isinstance(patch, FancyBboxPatch)]
    for text in axis.texts:
        extent = text.get_window_extent(canvas.get_renderer())
        around = [box for box in boxes if box.y0 < (extent.y0 + extent.y1) / 2 < box.y1 and box.x0 < extent.x0 < box.x1]
        assert all(extent.x1 < box.x1 and extent.y0 > box.y0 and extent.y1 < box.y1 for box in around), text
    assert len(boxes) == len(BLOCKS) + sum(len(steps(asdict(method), BLOCKS)) for method in METHODS.values())


def test_one_segment_is_one_segment():
    assert shape_words({"block": "F1", "channels": 8, "frames": 1, "bands": 1}) == "1 segment × 8 filters"
    assert shape_words({"block": "input", "channels": 1, "frames": 128, "bands": 128}) == "128 frames × 128 bands"


def test_the_listing_adds_up():
    layers = pd.DataFrame(layer_table(WeakCNN(527), 896))
    listing = layer_listing(layers).markdown
    assert listing.startswith("N_S with 527 classes on 896 frames: 5,002,047 parameters, 2,033 million multiply-adds")
    assert "| F2 | convolution 1×1, sigmoid | 527 | 13 | 1 | 540,175 | 7.0 |" in listing
