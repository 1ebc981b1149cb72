"""Figures carry a text, keep their contrast, stay apart for colour-blind readers, and never mix evidence."""

import base64
import io
import itertools
import math
import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from companion.datasets.esc50 import SUPERCLASSES
from companion.errors import ParameterError
from companion.report import drawings
from companion.report.figures import PALETTE, SUPERCLASS_COLOURS, curve_styles, group_style, show, styled, use_style
from companion.report.published import SHORT_NAMES
from companion.report.scorecard import scorecard_rows, status_counts

CELL = ("Kumar2018", "Table2 right", "N_S", "F1 max", "accuracy %", 84.0, 82.0, 86.0)


def linear(colour):
    """Linear-light RGB of an sRGB colour."""
    c = np.array(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE L*a*b* of linear RGB, D65."""
    to_xyz = [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
    x, y, z = np.cbrt(np.array(to_xyz) @ np.clip(rgb, 1e-3, 1) / [0.9505, 1, 1.0888])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


# Machado, Oliveira and Fernandes 2009, full severity
DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


@pytest.mark.parametrize("colour", PALETTE)
def test_colours_keep_three_to_one_on_white(colour):
    luminance = linear(colour) @ [0.2126, 0.7152, 0.0722]
    assert 1.05 / (luminance + 0.05) >= 3


@pytest.mark.parametrize("name", DEFICIENCIES)
def test_colours_stay_apart_for_colour_blind_readers(name):
    seen = [lab(np.array(DEFICIENCIES[name]) @ linear(colour)) for colour in PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15


def test_the_groups_of_esc50_have_colours_of_their_own():
    assert tuple(SUPERCLASS_COLOURS) == SUPERCLASSES
    assert len(set(SUPERCLASS_COLOURS.values())) == 5


def test_a_group_looks_the_same_whichever_others_are_there():
    alone = group_style(["Exterior/urban noises"])
    together = group_style(list(reversed(SUPERCLASSES)))
    assert alone["Exterior/urban noises"] == together["Exterior/urban noises"]
    assert len({marker for _, marker in together.values()}) == 5
    assert list(group_style(["struck", "flows"])) == ["struck", "flows"]
    with pytest.raises(ParameterError, match="at most 5"):
        group_style(list("abcdef"))


def test_fifteen_curves_can_be_told_apart():
    styles = curve_styles(15)
    assert len({(style["color"], str(style["linestyle"])) for style in styles}) == 15


def test_a_figure_is_an_image_with_its_text():
    shown = show(Figure(figsize=(2, 1)), alt='Dots at 5 < 6 & "more"', caption="One")
    (alt,) = re.findall(r'<img[^>]* alt="([^"]*)"', shown.html)
    assert alt == "Dots at 5 &lt; 6 &amp; &quot;more&quot;"
    assert "<figcaption>One</figcaption>" in shown.html
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', shown.html)
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == (320, 160)
    assert picture.convert("RGBA").getextrema()[3] == (255, 255), "opaque, for dark pages"
    assert 'Dots at 5 < 6 & "more"' in shown.markdown


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_figure_without_text_is_refused(alt):
    with pytest.raises(ParameterError, match="text alternative"):
        show(Figure(), alt=alt)


def test_the_same_figure_gives_the_same_bytes():
    counts = pd.DataFrame([[3, 1], [0, 4]], index=["a", "b"], columns=["a", "b"])
    assert show(drawings.confusion(counts), alt="x") == show(drawings.confusion(counts), alt="x")


def test_drawing_leaves_the_settings_of_the_notebook(monkeypatch):
    with mpl.rc_context():
        mpl.rcParams["font.size"] = 21
        inside = styled(lambda: mpl.rcParams["font.size"])()
        assert (inside, mpl.rcParams["font.size"]) == (10, 21)
        use_style()
        assert mpl.rcParams["font.size"] == 10


def test_synthetic_cells_have_a_panel_without_published_values(make_run):
    figure = drawings.cells_with_intervals(
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
    axis = drawings.confusion(counts).axes[0]
    assert [text.get_text() for text in axis.texts] == ["3", "1", "", "4"]
    assert axis.collections[0].get_array().ravel().tolist() == [0.75, 0.25, 0.0, 1.0]
    assert axis.get_yticklabels()[1].get_text() == "sea waves"


def test_every_clip_is_a_dot_of_its_group():
    points = pd.DataFrame(
        {"x": [0.0, 1, 2], "y": [0.0, 1, 2], "group": ["Animals", "Animals", "Exterior/urban noises"]}
    )
    (axis,) = drawings.tsne_scatter({"N_S F1 max": points}).axes
    assert {dots.get_label(): len(dots.get_offsets()) for dots in axis.collections} == {
        "Animals": 2, "Exterior/urban noises": 1,
    }  # fmt: skip


def test_learning_curves_are_means_over_lines_of_one_name():
    curves = pd.DataFrame({"epoch": [1, 2, 1, 2], "loss": [2.0, 1.0, 4.0, 3.0], "method": "I"})
    (axis,) = drawings.learning_curves(curves, x="epoch", panels=["loss"], by="method").axes
    assert axis.lines[0].get_ydata().tolist() == [3.0, 2.0]
    assert len(axis.collections) == 1


def test_time_and_frequency_of_a_log_mel_are_in_seconds_and_hertz():
    axis = drawings.log_mel_image(np.zeros((43, 128)), seconds=0.5, hertz=np.linspace(20, 22050, 128)).axes[0]
    assert axis.get_xlim() == (0, 0.5)
    assert [text.get_text() for text in axis.get_yticklabels()][-1] == "22050"


def test_status_bars_add_up_to_the_published_rows():
    counts = status_counts(scorecard_rows([]))
    axis = drawings.status_bars(counts, SHORT_NAMES).axes[0]
    assert math.isclose(sum(bar.get_width() for bar in axis.patches), 309)
