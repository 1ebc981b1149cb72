"""Figures of scenes and segments show every number of their tables, and nothing else."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from companion.errors import ParameterError
from companion.report import classes
from companion.report.style import show

NETWORKS = ("N_S", "N_S_slat")
SCENES, EVENTS = ["Home", "Forest Path"], ["clock_tick", "wind", "rain"]


def scores(values):
    return pd.DataFrame(values, SCENES, EVENTS)


def frames(axis):
    """Column and row of the middle of every frame."""
    boxes = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
    return sorted(tuple(np.round(np.add(box.get_xy(), (box.get_width() / 2, box.get_height() / 2)))) for box in boxes)


def luminance(colour):
    c = np.array(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_a_relation_map_shows_every_score_and_frames_the_recipe():
    table = scores([[0.5, 0.1, 0.0], [0.2, 0.3, 0.4]])
    truth = pd.DataFrame(0.0, ["Beach", *SCENES], [*reversed(EVENTS), "dog"])  # more, and in another order
    truth.loc["Home", "clock_tick"], truth.loc["Forest Path", "rain"], truth.loc["Beach", "wind"] = 0.5, 0.2, 0.5
    axis = classes.relation_map(table, truth).axes[0]
    np.testing.assert_array_equal(axis.images[0].get_array(), table.to_numpy().T)
    assert axis.images[0].get_clim() == (0, 0.5)
    assert [text.get_text() for text in axis.get_xticklabels()] == SCENES
    assert [text.get_text() for text in axis.get_yticklabels()] == ["clock tick", "wind", "rain"]
    assert frames(axis) == [(0, 0), (1, 2)]


def test_without_a_truth_nothing_is_framed_and_signs_have_two_colours():
    axis = classes.relation_map(scores([[-3.0, 1.0, 0.0], [1.0, 2.0, 0.5]])).axes[0]
    assert frames(axis) == []
    assert axis.images[0].get_clim() == (-3, 3)
    assert classes.relation_map(scores(np.zeros((2, 3)))).axes[0].images[0].get_clim() == (0, 1)


@pytest.mark.parametrize("lowest", [0.0, -1.0])
def test_a_black_frame_is_seen_on_every_colour(lowest):
    image = classes.relation_map(scores([[lowest, 1.0, 0.0], [1.0, 0.5, 0.5]])).axes[0].images[0]
    assert min((luminance(colour) + 0.05) / 0.05 for colour in image.cmap(np.linspace(0, 1, 50))[:, :3]) >= 3


def test_a_truth_must_cover_the_table():
    with pytest.raises(ParameterError, match="truth lacks"):
        classes.relation_map(scores(np.ones((2, 3))), pd.DataFrame(1.0, SCENES, EVENTS[:2]))


@pytest.mark.parametrize("n_scenes", [11, 15])
def test_a_map_of_fifty_events_keeps_the_width_of_a_page(n_scenes):
    table = pd.DataFrame(np.ones((n_scenes, 50)), map(str, range(n_scenes)), map(str, range(50)))
    width, height = classes.relation_map(table).get_size_inches()
    assert width == 7
    assert height / 50 > 0.15  # inches a name


def posteriors(names=("dog", "rain")):
    lines = [("clip-1", 0.743 * (k + 1), name, 0.1 * k, 0.05 * k) for name in names for k in range(5)]
    return pd.DataFrame(lines, columns=["clip", "seconds", "class", "N_S", "N_S_slat"])


EVENT_LINES = pd.DataFrame(
    [("clip-1", 2.0, 2.5, "rain"), ("clip-1", 3.0, 4.8, "rain"), ("clip-2", 0.0, 1.0, "dog")],
    columns=["clip", "onset", "offset", "class"],
)


def test_localisation_has_a_panel_for_each_class_with_outputs_and_events_in_seconds():
    figure = classes.localisation(posteriors(), EVENT_LINES, NETWORKS)
    rain, dog = figure.axes
    assert (rain.get_title(loc="left"), dog.get_title(loc="left")) == ("rain", "dog (does not occur)")
    n_s, slat = rain.lines
    np.testing.assert_allclose(n_s.get_xydata(), posteriors().iloc[5:][["seconds", "N_S"]])
    np.testing.assert_allclose(slat.get_ydata(), posteriors().iloc[5:]["N_S_slat"])
    assert n_s.get_linewidth() > slat.get_linewidth()
    assert n_s.get_linestyle() != slat.get_linestyle()
    (legend,) = figure.legends
    named = {
        text.get_text(): line.get_color() for text, line in zip(legend.get_texts(), legend.get_lines(), strict=False)
    }
    assert list(named.values()) == [n_s.get_color(), slat.get_color()]
    assert ["slat" in name for name in named] == ["slat" in name for name in NETWORKS]
    bars = [path.get_extents() for path in rain.collections[0].get_paths()]
    np.testing.assert_allclose([(bar.x0, bar.x1) for bar in bars], [(2.0, 2.5), (3.0, 4.8)])
    assert dog.collections[0].get_paths() == []
    assert dog.get_xlim() == (0, 4.8)
    assert dog.get_xlabel() == "time (s)"


def test_localisation_puts_the_log_mel_above_on_the_same_time():
    figure = classes.localisation(posteriors(["rain"]), EVENT_LINES, NETWORKS, np.zeros((430, 128)), duration=5.0)
    above, rain = figure.axes
    assert above.images[0].get_extent() == [0, 5.0, 0, 128]
    assert above.get_xlim() == rain.get_xlim() == (0, 5)


def test_localisation_draws_one_clip():
    both = pd.concat([posteriors(), posteriors().assign(clip="clip-2")])
    for lines in (both, both.iloc[:0]):
        with pytest.raises(ParameterError, match="clips in one figure"):
            classes.localisation(lines, EVENT_LINES, NETWORKS)


def test_every_class_has_its_pair_of_dots_sorted_by_the_difference():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"class": [f"c_{i}" for i in range(23)], "N_S_slat": rng.random(23), "N_S": rng.random(23)})
    table.loc[4, "N_S"] = np.nan
    figure = classes.class_ap(table, ("N_S_slat", "N_S"), per_panel=10)
    panels = [axis for axis in figure.axes if axis.axison]
    assert [len(axis.get_yticks()) for axis in panels] == [10, 10, 2]
    names = [text.get_text() for axis in panels for text in axis.get_yticklabels()]
    slat, n_s = (np.concatenate([axis.lines[i].get_xdata() for axis in panels]) for i in (0, 1))
    assert (np.diff(n_s - slat) <= 0).all()
    expected = table.dropna().set_index(table.dropna()["class"].str.replace("_", " ")).loc[names]
    np.testing.assert_array_equal(slat, expected["N_S_slat"])
    np.testing.assert_array_equal(n_s, expected["N_S"])
    assert sum(len(axis.collections[0].get_paths()) for axis in panels) == 22
    assert ["slat" in str(line.get_label()) for line in panels[0].lines] == [True, False]
    assert figure.get_supxlabel() == "average precision (1 classes without a score)"


def test_one_panel_holds_fifty_classes():
    table = pd.DataFrame({"class": [f"c{i}" for i in range(50)], "N_S_slat": 0.1, "N_S": 0.2})
    assert len(classes.class_ap(table, ("N_S_slat", "N_S")).axes) == 1
    assert len(classes.class_ap(pd.concat([table, table]), ("N_S_slat", "N_S")).axes) == 2


def test_label_distribution_sorts_by_the_first_list_on_a_logarithmic_axis():
    table = pd.DataFrame({"class": ["a", "b_c", "d"], "balanced train": [60, 5000, 70], "eval": [0, 4000, 90]})
    (axis,) = classes.label_distribution(table).axes
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    assert lines["balanced train: 5130 labels"].tolist() == [5000, 70, 60]
    np.testing.assert_array_equal(lines["eval: 4090 labels"], [4000, 90, np.nan])
    assert (axis.get_yscale(), axis.get_ylabel()) == ("log", "clips")
    assert axis.texts[0].get_text() == "b c"


def test_figures_can_be_shown():
    table = scores(np.eye(2, 3))
    figures = [
        classes.relation_map(table, table),
        classes.localisation(posteriors(), EVENT_LINES, NETWORKS, np.zeros((430, 128))),
        classes.class_ap(pd.DataFrame({"class": ["a$b"], "one": 0.1, "two $": 0.2}), ("one", "two $")),
        classes.label_distribution(pd.DataFrame({"class": ["a"], "balanced train": [3], "eval": [2]})),
    ]
    assert all("data:image/png" in show(figure, alt="x").html for figure in figures)
