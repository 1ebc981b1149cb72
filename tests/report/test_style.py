"""Figures carry a text, keep their contrast, and stay apart for colour-blind readers."""

import base64
import io
import itertools
import re

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from companion.datasets.esc50 import SUPERCLASSES
from companion.errors import ParameterError
from companion.report.style import PALETTE, SUPERCLASS_COLOURS, curve_styles, group_style, show, styled


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
    def drawn():
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([1, 2])
        return show(figure, alt="x")

    assert drawn() == drawn()


def test_drawing_leaves_the_settings_of_the_notebook():
    with mpl.rc_context():
        mpl.rcParams["font.size"] = 21
        inside = styled(lambda: mpl.rcParams["font.size"])()
        assert (inside, mpl.rcParams["font.size"]) == (10, 21)
