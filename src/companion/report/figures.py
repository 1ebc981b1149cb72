"""The figures of the result pages, drawn from result tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from companion.report.style import BLUE, VERMILION, axes_grid, curve_styles, group_style, styled
from companion.report.symbols import as_mathtext
from companion.results.scorecard import STATUSES

_STATUS_COLOURS = {
    "exact": "#003F5C",
    "reproduced": "#0072B2",
    "differs": "#D55E00",
    "recomputed": "#009E73",
    "measured": "#7FBF7B",
    "restaged": "#56B4E9",
    "simulated": "#E69F00",
    "waiting": "#D9D9D9",
    "cited": "#F7F7F7",
}


@styled
def differences(lines: pd.DataFrame, unit: str, *, width: float = 8.0) -> Figure:
    """Differences as dots with 95 % intervals about a line at zero, the published ones as upright strokes.

    Differences can be compared between tasks where levels cannot.

    Args:
        lines: In reading order: ``label``, ``published`` (NaN where none is printed), ``value``, ``low``, ``high``; and
            perhaps ``group``, which gets a heading.
        unit: Of all of them.
        width: Of the figure, inches.
    """
    places, headings, height, before = [], [], 0, ""
    for group in lines["group"] if "group" in lines else [""] * len(lines):
        if group != before:
            headings.append((height, str(group)))
            height, before = height + 1, group
        places.append(height)
        height += 1
    figure, (axis,) = axes_grid(1, 1, width, 0.9 + 0.22 * height)
    axis.axvline(0, color="#555555", linewidth=1)
    axis.hlines(places, lines["low"], lines["high"], color=BLUE, linewidth=1.8)
    axis.plot(lines["value"], places, "o", color=BLUE, markersize=6, label="found here, 95 % interval")
    if lines["published"].notna().any():
        axis.plot(lines["published"], places, "|", color=VERMILION, markersize=13, markeredgewidth=2.2,
                  label="published")  # fmt: skip
    for place, heading in headings:
        axis.annotate(as_mathtext(heading), (0, place), xycoords=("axes fraction", "data"), weight="bold", va="center",
                      ha="right", xytext=(-6, 0), textcoords="offset points")  # fmt: skip
    axis.set_yticks(places, [as_mathtext(str(label)) for label in lines["label"]])
    axis.set_ylim(height - 0.4, -0.6)
    axis.set_xlabel(unit)
    axis.grid(axis="x")
    axis.tick_params(axis="y", length=0)
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, columnspacing=1, borderaxespad=0.2)
    return figure


@styled
def confusion(counts: pd.DataFrame, title: str = "") -> Figure:
    """Confusion matrix: each row a class, shaded by the share of its clips, annotated with their number.

    Args:
        counts: Number of clips; index is the reference class, columns the estimated one.
        title: Above the matrix.
    """
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    side = 2.2 + 0.42 * len(counts)
    figure, (axis,) = axes_grid(1, 1, side + 0.8, side)
    numbers = counts.where(counts > 0).map(lambda n: "" if pd.isna(n) else f"{n:.0f}")
    names = [str(name).replace("_", " ") for name in counts.index]
    sns.heatmap(
        shares, ax=axis, vmin=0, vmax=1, cmap="Blues", square=True, linewidths=0.5, linecolor="white",
        annot=numbers if len(counts) <= 15 else False, fmt="",
        xticklabels=names, yticklabels=names, cbar_kws={"label": "share of the class", "shrink": 0.7},
    )  # fmt: skip
    axis.set(xlabel="estimated", ylabel="reference")
    axis.set_title(as_mathtext(title))
    axis.tick_params(axis="x", rotation=90, length=0)
    axis.tick_params(axis="y", rotation=0, length=0)
    return figure


@styled
def confusion_grid(grids: Mapping[str, pd.DataFrame], columns: int = 4) -> Figure:
    """Several confusion matrices of the same classes, small: each row a class, shaded by the share of its clips.

    Args:
        grids: Counts by title, as for :func:`confusion`.
        columns: Matrices beside each other.
    """
    rows = -(-len(grids) // columns)
    figure, axes = axes_grid(rows, columns, 2.3 * columns, 2.5 * rows)
    for axis, (title, counts) in zip(axes, grids.items(), strict=False):
        shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
        axis.imshow(shares, vmin=0, vmax=1, cmap="Blues", interpolation="nearest")
        axis.set_title(as_mathtext(title), fontsize=9)
    for number, axis in enumerate(axes):
        axis.set(xticks=[], yticks=[])
        axis.set_visible(number < len(grids))
    return figure


@styled
def tsne_scatter(panels: Mapping[str, pd.DataFrame]) -> Figure:
    """t-SNE coordinates of clips, a colour and shape for each group, one panel for each source.

    Distances between far groups and the axes themselves mean nothing, so the axes carry no numbers.

    Args:
        panels: By title, one line per clip: ``x``, ``y``, ``group``.
    """
    figure, axes = axes_grid(1, len(panels), 0.6 + 5.2 * len(panels), 5.4)
    for axis, (title, points) in zip(axes, panels.items(), strict=True):
        for group, (colour, marker) in group_style(points["group"].tolist()).items():
            of_group = points[points["group"] == group]
            dot: Any = {"color": colour, "marker": marker, "s": 20, "alpha": 0.75, "linewidths": 0}
            axis.scatter(of_group["x"], of_group["y"], label=group, **dot)
        axis.set_title(as_mathtext(title))
        axis.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2", aspect="equal", adjustable="datalim")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.07), fontsize=8.5, ncols=2, markerscale=1.4)
    return figure


MOST_IN_A_ROW = 3
"""Panels beside each other; with more of them, their words could not be read."""


@styled
def learning_curves(curves: pd.DataFrame, *, x: str, panels: Sequence[str], by: str = "") -> Figure:
    """Curves over epochs, one panel for each quantity; several of one name become their mean and range.

    Args:
        curves: One line per point.
        x: Column of the horizontal axis, for instance ``epoch``.
        panels: Columns to draw, one panel each.
        by: Column that names the curve; empty for one curve.
    """
    rows = 1 if len(panels) <= MOST_IN_A_ROW else 2
    columns = -(-len(panels) // rows)
    figure, axes = axes_grid(rows, columns, 0.4 + 4.2 * columns, 3.4 if rows == 1 else 4.4)
    names = list(dict.fromkeys(curves[by])) if by else [""]
    for axis, quantity in zip(axes, panels, strict=True):
        for name, look in zip(names, curve_styles(len(names)), strict=True):
            points = (curves[curves[by] == name] if by else curves).groupby(x)[quantity]
            mean, low, high = points.mean(), points.min(), points.max()
            axis.plot(mean.index, mean, label=as_mathtext(str(name)) or None, **look)
            if (high > low).any():
                axis.fill_between(mean.index, low, high, color=look["color"], alpha=0.15, linewidth=0)
        axis.set(xlabel=x, ylabel=quantity)
        axis.grid()
    if by:
        axes[-1].legend(fontsize=8.5)
    return figure


def how_long(curves: pd.DataFrame, most: int, *, by: str = "network") -> str:
    """How long networks were trained, in words: steps and passes of each name, and how many the bound stopped.

    Args:
        curves: One line an epoch, with ``seed``, ``epoch`` and perhaps ``steps``.
        most: Epochs at most.
        by: Column that names the networks.

    >>> curves = pd.DataFrame({"network": "N", "seed": [0, 0, 1], "epoch": [1, 2, 1], "steps": [10, 20, 10]})
    >>> how_long(curves, 3)
    'Steps: N 10 to 20 in 1 to 2 passes. No network was stopped by the bound of 3 passes.'
    >>> how_long(curves.drop(columns="steps"), 2)
    '1 of 2 networks was stopped by the bound of 2 passes, the others by their validation.'
    """
    ends = curves.groupby([by, "seed"], sort=False)[["epoch", *({"steps"} & set(curves))]].max()
    stopped = int((ends["epoch"] >= most).sum())
    verb = "networks were" if stopped > 1 else "networks was"
    others = ", the others by their validation" if 0 < stopped < len(ends) else ""
    count = f"{stopped} of {len(ends)} {verb}" if stopped else "No network was"
    bound = f"{count} stopped by the bound of {most} passes{others}."
    if "steps" not in ends:
        return bound
    spans = ends.groupby(by, sort=False).agg(["min", "max"])
    said = ", ".join(
        f"{name} {_span(of['steps'])} in {_span(of['epoch'])} pass{'es' if of['epoch']['max'] > 1 else ''}"
        for name, of in spans.iterrows()
    )
    return f"Steps: {said}. {bound}"


def _span(of: pd.Series) -> str:
    return f"{of['min']:,}" if of["min"] == of["max"] else f"{of['min']:,} to {of['max']:,}"


def status_bars(counts: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Published rows of each paper by status.

    Args:
        counts: Papers by statuses, from :func:`companion.results.scorecard.status_counts`.
        names: What to call each paper.
    """
    return stacked_bars(counts[list(STATUSES)], names, _STATUS_COLOURS, "published rows")


@styled
def stacked_bars(counts: pd.DataFrame, names: Mapping[str, str], colours: Mapping[str, str], unit: str) -> Figure:
    """One stacked bar a line, with its numbers.

    Args:
        counts: Lines by kinds.
        names: What to call each line.
        colours: Of each kind.
        unit: What is counted.
    """
    figure, (axis,) = axes_grid(1, 1, 8.0, 1.2 + 0.55 * len(counts))
    left = np.zeros(len(counts))
    labels = [names[line] for line in counts.index]
    whole = counts.sum(axis=1).max()
    for kind in counts:
        n, colour = counts[kind].to_numpy(), colours[str(kind)]
        axis.barh(labels, n, 0.62, left=left, color=colour, edgecolor="#555555", linewidth=0.7, label=kind)
        for y, (start, width) in enumerate(zip(left, n, strict=True)):
            if width:
                look: Any = {"color": ink(colour), "rotation": 90 if width < whole / 40 else 0}
                axis.annotate(f"{width}", (start + width / 2, y), ha="center", va="center", fontsize=9, **look)
        left += n
    axis.invert_yaxis()
    axis.set_xlabel(unit)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    lines = math.ceil(len(counts.columns) / 6)  # more of them in a line would be cut
    look = {"ncols": math.ceil(len(counts.columns) / lines), "fontsize": 9, "columnspacing": 1.4, "handlelength": 1.6}
    figure.legend(loc="outside lower center", **look)
    return figure


def ink(colour: str) -> str:
    """Black or white, whichever reads better on a colour."""
    red, green, blue = to_rgb(colour)
    return "white" if 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 < 0.18 else "#222222"
