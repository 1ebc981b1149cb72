"""Figures of scenes and segments: which events belong to which scene, where in a clip, and how well each class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from companion.errors import ParameterError
from companion.report.style import BLACK, BLUE, VERMILION, axes_grid, styled
from companion.report.symbols import as_mathtext

_WIDTH = 7.0  # inches: 700 px on a page
_ROW = 0.17  # inches for a line of small text


@styled
def relation_map(
    table: pd.DataFrame, truth: pd.DataFrame | None = None, label: str = "share of the scene's counts"
) -> Figure:
    """Heat map of scenes and events, a frame around every event that the scene's recipe holds.

    Events go down and scenes across, so that names of many events stay readable. Scores with a sign are drawn in
    two colours around zero.

    Args:
        table: Scores; index is the scene, columns the events.
        truth: Probability that the event is heard, above 0 where the recipe holds it, for at least these scenes
            and events; None to frame nothing.
        label: Of the colour bar.

    Raises:
        ParameterError: The truth lacks a scene or an event of the table.
    """
    if truth is not None and not (set(table.index) <= set(truth.index) and set(table.columns) <= set(truth.columns)):
        raise ParameterError("the truth lacks scenes or events of the table", expected="a cell for every cell")
    scores = table.to_numpy(dtype=np.float64).T
    n_events, n_scenes = scores.shape
    figure, (axis,) = axes_grid(1, 1, _WIDTH, 1.9 + _ROW * n_events)
    ends, highest = _colours(scores), float(np.nanmax(np.abs(scores)))
    low = -highest if np.nanmin(scores) < 0 else 0.0
    image = axis.imshow(scores, aspect="auto", cmap=ends, vmin=low, vmax=highest or 1.0, interpolation="nearest")
    axis.set_xticks(range(n_scenes), _words(table.index), rotation=90)
    axis.set_yticks(range(n_events), _words(table.columns), fontsize=8.5)
    axis.tick_params(length=0)
    axis.set(xlabel="scene", ylabel="event")
    figure.colorbar(image, ax=axis, label=label, fraction=0.04, aspect=40)
    if truth is not None:
        for row, column in np.argwhere(truth.loc[table.index, table.columns].to_numpy().T > 0):
            frame = Rectangle((column - 0.42, row - 0.40), 0.84, 0.80, fill=False, edgecolor=BLACK, linewidth=1.1)
            axis.add_patch(frame)
        shown = Patch(facecolor="none", edgecolor=BLACK, label="the recipe holds the event")
        figure.legend(handles=[shown], loc="outside upper left", fontsize=9)
    return figure


def _colours(scores: NDArray[np.float64]) -> Colormap:
    """From white to a colour that is light enough for a black frame to be seen on it."""
    if np.nanmin(scores) < 0:
        return ListedColormap(colormaps["PuOr_r"](np.linspace(0.15, 0.85, 256)))
    return ListedColormap(colormaps["Blues"](np.linspace(0.0, 0.72, 256)))


@styled
def localisation(
    posteriors: pd.DataFrame,
    events: pd.DataFrame,
    networks: Sequence[str],
    log_mel: NDArray[np.floating] | None = None,
    *,
    duration: float | None = None,
) -> Figure:
    """Outputs of segments over time in one clip, one panel a class, with the reference events as bars below.

    Args:
        posteriors: One line per segment and class: ``clip``, ``seconds`` (centre of the segment), ``class``, and one
            column for each network.
        events: One line per reference event: ``clip``, ``onset``, ``offset`` (seconds), ``class``.
        networks: Columns to draw, the first with a thick line.
        log_mel: Log-mel of the clip, drawn above when given, dB. Shape: ``(T, F)``.
        duration: Of the clip, seconds; None for the end of the last event or segment centre.

    Raises:
        ParameterError: The table holds no clip, or several.
    """
    clips = list(dict.fromkeys(posteriors["clip"]))
    if len(clips) != 1:
        raise ParameterError(f"{len(clips)} clips in one figure", expected="the lines of one clip")
    bars = events[events["clip"] == clips[0]]
    by_onset = dict.fromkeys(bars.sort_values("onset", kind="stable")["class"])
    classes = [name for name in by_onset if name in set(posteriors["class"])]
    classes += [name for name in dict.fromkeys(posteriors["class"]) if name not in by_onset]
    end = duration or float(max([posteriors["seconds"].max(), *bars["offset"]]))
    above = [] if log_mel is None else [1.6]
    heights = [*above, *[1.0] * len(classes)]
    figure, axes = axes_grid(
        len(heights), 1, _WIDTH, 0.9 + 0.95 * sum(heights), sharex=True, gridspec_kw={"height_ratios": heights}
    )
    if log_mel is not None:
        _spectrogram(axes[0], log_mel, end)
    for axis, name in zip(axes[len(above) :], classes, strict=True):
        _outputs(axis, posteriors[posteriors["class"] == name], bars[bars["class"] == name], networks)
        axis.set_title(_word(name) + ("" if name in by_onset else " (does not occur)"))
    axes[-1].set(xlabel="time (s)", xlim=(0, end))
    looks = [Line2D([], [], label=as_mathtext(name), **_look(i)) for i, name in enumerate(networks)]
    figure.legend(handles=[*looks, Patch(color=BLACK, label="reference event")], loc="outside upper right",
                  ncols=len(looks) + 1, fontsize=9)  # fmt: skip
    return figure


def _spectrogram(axis: Axes, log_mel: NDArray[np.floating], end: float) -> None:
    axis.imshow(log_mel.T, origin="lower", aspect="auto", cmap="magma", interpolation="nearest",
                extent=(0, end, 0, log_mel.shape[1]))  # fmt: skip
    axis.set_ylabel("mel band")


def _outputs(axis: Axes, lines: pd.DataFrame, bars: pd.DataFrame, networks: Sequence[str]) -> None:
    for i, network in enumerate(networks):
        axis.plot(lines["seconds"], lines[network], **_look(i))
    spans = list(zip(bars["onset"], bars["offset"] - bars["onset"], strict=True))
    axis.broken_barh(spans, (-0.24, 0.14), color=BLACK)
    axis.set(ylim=(-0.28, 1.05), yticks=[0, 0.5, 1], ylabel="output")
    axis.grid(axis="y")


def _look(number: int) -> dict[str, Any]:
    """Thick, solid and round for the first network; thin, dashed and square for the second."""
    looks: tuple[dict[str, Any], ...] = (
        {"color": BLUE, "linewidth": 2.2, "marker": "o", "markersize": 4},
        {"color": VERMILION, "linewidth": 1.0, "linestyle": "--", "marker": "s", "markersize": 2.5},
    )
    return looks[min(number, 1)]


@styled
def class_ap(table: pd.DataFrame, systems: tuple[str, str], per_panel: int = 50) -> Figure:
    """Average precision of every class under two systems, joined by a line, sorted by the difference.

    Args:
        table: One line per class: ``class``, and a column for each system. Classes without a score are left out and
            counted.
        systems: Columns to draw, the one that is claimed to be better last.
        per_panel: Most classes in one panel.
    """
    scored = table.dropna(subset=list(systems))
    scored = scored.iloc[np.argsort((scored[systems[0]] - scored[systems[1]]).to_numpy(), kind="stable")]
    n_panels = max(1, -(-len(scored) // per_panel))
    columns = min(2, n_panels)
    rows, lines = -(-n_panels // columns), min(per_panel, len(scored))
    figure, axes = axes_grid(rows, columns, _WIDTH, 0.9 + rows * (0.35 + _ROW * lines), sharex=True)
    for number, axis in enumerate(axes):
        part = scored.iloc[number * per_panel : (number + 1) * per_panel]
        if part.empty:
            axis.set_axis_off()
        else:
            _pairs(axis, part, systems, lines, small=columns > 1)
    left_out = len(table) - len(scored)
    figure.supxlabel("average precision" + (f" ({left_out} classes without a score)" if left_out else ""), fontsize=10)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2, fontsize=9)
    return figure


def _pairs(axis: Axes, part: pd.DataFrame, systems: tuple[str, str], lines: int, *, small: bool) -> None:
    y = np.arange(len(part))
    one, other = systems
    axis.hlines(y, part[one], part[other], color="#888888", linewidth=1.2, zorder=1)
    axis.plot(part[one], y, "s", color=VERMILION, markersize=3.5, label=as_mathtext(one))
    axis.plot(part[other], y, "o", color=BLUE, markersize=4.5, label=as_mathtext(other))
    axis.set_yticks(y, _words(part["class"]), fontsize=7 if small else 8.5)
    axis.set(ylim=(lines - 0.4, -0.6), xlim=(-0.02, 1.02))
    axis.grid(axis="x")
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelbottom=True)


@styled
def label_distribution(table: pd.DataFrame, lists: Sequence[str] = ("balanced train", "eval")) -> Figure:
    """Clips of each class in every list, classes sorted by the first, on a logarithmic axis.

    Args:
        table: One line per class: ``class``, and the number of clips in each list.
        lists: Columns to draw.
    """
    ordered = table.sort_values(lists[0], ascending=False, kind="stable")
    rank = np.arange(1, len(ordered) + 1)
    figure, (axis,) = axes_grid(1, 1, _WIDTH, 3.6)
    for i, name in reversed(list(enumerate(lists))):
        # Two lines over each other would hide one of them: the sorted list is a line, the other dots.
        counts, look = ordered[name], {**_look(i), **({"marker": ""} if i == 0 else {"linestyle": "none"})}
        axis.plot(rank, counts.where(counts > 0), label=f"{name}: {int(counts.sum())} labels", **look)
    axis.set_yscale("log")
    axis.set(xlabel=f"class, by its clips in the list {lists[0]!r}", ylabel="clips", xlim=(0, len(ordered) + 1))
    first = ordered.iloc[0]
    place: Any = {"xytext": (8, 2), "textcoords": "offset points", "fontsize": 9}
    axis.annotate(_word(first["class"]), (1, first[list(lists)].max()), **place)
    axis.grid(axis="y")
    axis.legend(fontsize=9)
    return figure


def _words(names: Any) -> list[str]:
    return [_word(name) for name in names]


def _word(name: Any) -> str:
    return str(name).replace("_", " ").replace("$", r"\$")
