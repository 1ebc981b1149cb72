"""What only this paper's pages draw: tables of layers, when their frames are, and what a linear machine reads off."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.datasets.base import Clip
from companion.evaluation.boundaries import Tokens
from companion.papers.wangmetze2017.layers import NETWORKS, PRINTED, REASONS, Frames, LayerRow, computed, differing
from companion.papers.wangmetze2017.listening import POOLINGS
from companion.papers.wangmetze2017.soundnet import LEVEL, UNTRAINED
from companion.report.figures import learning_curves
from companion.report.shown import Shown, escape
from companion.report.style import BLACK, BLUE, GREEN, PALETTE, VERMILION, axes_grid, styled
from companion.report.tables import plain_table, text_table


def layer_table(table: str) -> Shown:
    """A printed table of layers beside what its modules say, one line a layer.

    Args:
        table: One of ``layers.PRINTED``.
    """
    rows, wrong = computed(NETWORKS[table]()), differing(table)
    lines = []
    for name, printed in PRINTED[table].items():
        line = {"layer": name, "maps": rows[name].maps}
        for quantity, heading in QUANTITIES.items():
            line[heading] = _both(quantity, printed, rows[name], quantity in wrong.get(name, ()))
        lines.append({**line, "why": REASONS.get((table, name), "")})
    frame = pd.DataFrame(lines)
    frame = frame.drop(columns=[column for column in frame if not frame[column].str.strip("–").any()])
    return plain_table(
        frame,
        f"{table}: computed from the modules; where the paper prints other digits, these in brackets",
    )


QUANTITIES: Mapping[str, str] = {
    "filter": "filter", "subsampling": "subsampling", "rate": "frames a second", "field": "receptive field",
}  # fmt: skip


def _both(quantity: str, printed: LayerRow, row: LayerRow, wrong: bool) -> str:
    """The computed value, and the printed one where it is another."""
    return _text(quantity, row) + (f" [{_text(quantity, printed)}]" if wrong else "")


def _text(quantity: str, row: LayerRow) -> str:
    value = float(getattr(row, quantity))
    if not value:
        return "–"
    if quantity == "field":
        return f"{1000 * value:.1f} ms" if value < 0.1 else f"{value:.2f} s"
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.2f}"


@styled
def frames_drawn(layers: Mapping[str, Frames], seconds: float) -> Figure:
    """When the frames of each layer are, and how much of the clip the one in the middle depends on.

    Args:
        layers: By name, the lowest first.
        seconds: Length of the clip.
    """
    figure, (axis,) = axes_grid(1, 1, 7.6, 0.6 + 0.25 * len(layers))
    for height, layer in enumerate(layers.values()):
        axis.vlines(layer.times, height - 0.3, height + 0.3, color=BLACK, linewidth=0.6)
        words = f"none: needs {layer.needs:.1f} s"
        if len(layer.times):
            words = f"{layer.rate:.3g} a second, {layer.field:.2f} s"
            reach = (layer.middle[0], layer.middle[1] - layer.middle[0])
            axis.broken_barh([reach], (height - 0.38, 0.76), color=BLUE, alpha=0.45, linewidth=0)
        axis.text(1.01, height, words, transform=axis.get_yaxis_transform(), va="center", fontsize=9)
    axis.set_xlim(0, seconds)
    axis.set_yticks(range(len(layers)), list(layers))
    axis.set_xlabel("seconds")
    axis.grid(visible=False)
    figure.subplots_adjust(right=0.8)
    return figure


def layer_grid(rows: pd.DataFrame, caption: str) -> Shown:
    """Accuracy by layer, one line a pooling; below them the untrained network.

    Args:
        rows: Of a run.
        caption: Above the table.
    """
    kinds = {
        ("Layers", "max"): "maximum",
        ("Layers", "mean"): "mean",
        ("Layers, untrained", "max"): "untrained, maximum",
    }
    layers, lines = list(dict.fromkeys(rows[rows["item"] == "Layers"]["row"])), []
    for (item, pooling), words in kinds.items():
        known = rows[(rows["item"] == item) & (rows["column"] == pooling)].set_index("row")
        cells = {layer: _interval(known.loc[layer]) if layer in known.index else "–" for layer in layers}
        lines.append({"pooling": escape(words), **cells})
    return text_table(lines, caption)


def _interval(row: pd.Series) -> str:
    ends = f"[{row['ci_low']:.1f}, {row['ci_high']:.1f}]"
    return f'<span class="number">{row["value"]:.1f} <small>{ends}</small></span>'


@styled
def layer_accuracies(rows: pd.DataFrame, published: float | None) -> Figure:
    """Accuracy by layer: both poolings, the untrained network, and SoundNet's own protocol.

    Args:
        rows: Of a run.
        published: Accuracy to draw as a line; None for none.
    """
    figure, (axis,) = axes_grid(1, 1, 7.6, 3.0)
    cells = rows[rows["item"] == "Layers"]
    layers = list(dict.fromkeys(cells["row"]))
    series: Sequence[tuple[str, str, dict[str, Any]]] = (
        ("Layers", POOLINGS[0], {"color": BLUE, "marker": "o", "label": "maximum over the clip"}),
        ("Layers", POOLINGS[1], {"color": GREEN, "marker": "s", "label": "mean over the clip"}),
        ("Layers, untrained", POOLINGS[0], {"color": BLACK, "marker": "^", "label": f"{UNTRAINED}, maximum"}),
    )
    for number, (item, reading, look) in enumerate(series):
        shown = rows[(rows["item"] == item) & (rows["column"] == reading)]
        places = [layers.index(name) + 0.16 * (number - 1) for name in shown["row"]]
        _dots(axis, places, shown, look)
    own = rows[rows["item"] == "SoundNet ESC-50"]
    look = {"color": VERMILION, "marker": "D", "label": "pool5, 1 s windows: SoundNet's protocol"}
    _dots(axis, [layers.index("pool5") + 0.32], own, look)
    if published is not None:
        axis.axhline(published, color=VERMILION, linestyle="--", linewidth=1.2, label=f"published, {published} %")
    axis.set_xticks(range(len(layers)), layers)
    axis.set_ylabel(LEVEL)
    axis.set_ylim(bottom=0)
    axis.grid(axis="y")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8.5)
    return figure


def _dots(axis: Any, places: Sequence[float], shown: pd.DataFrame, look: Mapping[str, Any]) -> None:
    """Dots with intervals, none of which is joined to another: layers are no scale."""
    ends = np.abs(shown[["ci_low", "ci_high"]].to_numpy().T - shown["value"].to_numpy())
    axis.errorbar(places, shown["value"], yerr=ends, fmt=look["marker"], color=look["color"], label=look["label"],
                  markersize=5.5, linewidth=1.4)  # fmt: skip


def kl_curves_drawn(curves: pd.DataFrame, constants: Mapping[str, float]) -> Figure:
    """Divergence in training and on validation clips against checks, one line a network.

    Args:
        curves: The table ``checks`` of the networks to draw.
        constants: Divergence on the validation clips of predictions that hear nothing, by name.
    """
    figure = learning_curves(curves, x="check", panels=["training KL", "validation KL"], by="network")
    for number, value in enumerate(constants.values()):
        figure.axes[1].axhline(value, color=BLACK, linewidth=0.9, linestyle=("--", ":")[number % 2])
    for axis in figure.axes[:2]:
        axis.set_ylabel(f"{axis.get_ylabel()}, nats")
    return figure


@styled
def transition_drawn(layers: Mapping[str, pd.DataFrame]) -> Figure:
    """Activations of some layers before and after a join, a line a unit; those that rise stand on top.

    Args:
        layers: By network and layer, in reading order, three in a row, the table that holds it: ``seconds`` from the
            join, ``unit``, and a column for the layer.
    """
    figure, axes = axes_grid(-(-len(layers) // 3), 3, 7.6, 3.4, sharex=True)
    for axis, (name, table) in zip(axes, layers.items(), strict=True):
        layer = name.split()[1]
        grid = table.pivot(index="unit", columns="seconds", values=layer)
        times = np.asarray(grid.columns, dtype=float)
        rises = grid.loc[:, times > 0].mean(axis=1) - grid.loc[:, times < 0].mean(axis=1)
        values = grid.loc[rises.sort_values().index].to_numpy()
        spread = float(np.abs(values - np.median(values)).max()) or 1.0
        middle = float(np.median(values))
        axis.imshow(
            values, aspect="auto", origin="lower", cmap="RdBu_r", vmin=middle - spread, vmax=middle + spread,
            extent=(times[0], times[-1], 0, len(values)), interpolation="nearest",
        )  # fmt: skip
        axis.axvline(0, color=BLACK, linewidth=1, linestyle="--")
        axis.set_title(f"{layer}, {len(values)} units", fontsize=9.5)
        axis.set_yticks([])
        axis.grid(visible=False)
    for axis in axes[-3:]:
        axis.set_xlabel("seconds from the join")
    return figure


@styled
def hinted_drawn(clip: Clip, tokens: Tokens, names: Sequence[str], rate: float, tolerance: int) -> Figure:
    """Events of a recording above, and below every token in order, with the frames in which the hint lets it be said.

    Args:
        clip: The recording, with its events.
        tokens: Token and frame of each boundary. Shape: ``(L, 2)``.
        names: Of all tokens.
        rate: Frames a second.
        tolerance: Frames by which a token may be off.
    """
    classes = sorted({event.label for event in clip.strong})
    ratio = (len(classes), max(len(tokens), 1))
    figure, (above, below) = axes_grid(2, 1, 7.6, 0.5 + 0.11 * sum(ratio), sharex=True, height_ratios=ratio)
    for event in clip.strong:
        above.broken_barh([(event.onset, event.offset - event.onset)], (classes.index(event.label) - 0.35, 0.7),
                          color=BLUE)  # fmt: skip
    above.set_yticks(range(len(classes)), [name.replace("_", " ") for name in classes], fontsize=7.5)
    for row, (_, frame) in enumerate(tokens):
        first, last = max(0, int(frame) - tolerance), int(frame) + tolerance + 1
        below.broken_barh([(first / rate, (last - first) / rate)], (row - 0.35, 0.7), color=VERMILION, alpha=0.35)
        below.vlines((frame + 0.5) / rate, row - 0.35, row + 0.35, color=BLACK, linewidth=1.4)
    below.set_yticks(range(len(tokens)), [names[token].replace("_", " ") for token, _ in tokens], fontsize=7.5)
    below.invert_yaxis()
    below.set_xlim(0, clip.duration)
    below.set_xlabel("seconds")
    return figure


@styled
def spelled_drawn(table: pd.DataFrame) -> Figure:
    """Events of one recording: for every class a bar for what is true, and below it one for each feature.

    Args:
        table: ``by``, ``class``, ``onset``, ``offset``, ``duration``.
    """
    makers, classes = list(dict.fromkeys(table["by"])), sorted(set(table["class"]))
    height = 0.8 / len(makers)
    figure, (axis,) = axes_grid(1, 1, 7.6, 0.9 + 0.34 * len(classes))
    for number, (maker, look) in enumerate(zip(makers, (BLACK, *PALETTE), strict=False)):
        for place, name in enumerate(classes):
            own = table[(table["by"] == maker) & (table["class"] == name)]
            bars = [(float(a), float(b - a)) for a, b in zip(own["onset"], own["offset"], strict=True)]
            axis.broken_barh(bars, (place - 0.4 + number * height, 0.9 * height), color=look, linewidth=0,
                             label=maker if place == 0 else None)  # fmt: skip
    axis.set_yticks(range(len(classes)), [name.replace("_", " ") for name in classes], fontsize=8.5)
    axis.set_ylim(len(classes) - 0.5, -0.5)
    axis.set_xlim(0, float(table["duration"].iloc[0]))
    axis.set_xlabel("seconds")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8.5)
    return figure
