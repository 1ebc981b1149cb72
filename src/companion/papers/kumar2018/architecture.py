"""Fig. 1 of Kumar, Khadkevich, Fügen 2018, drawn from a table of layers and the rows of the three methods."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from companion.report.shown import Shown
from companion.report.style import BLUE, GREEN, axes_grid, styled
from companion.report.symbols import as_mathtext
from companion.report.tables import plain_table

LOOKS: dict[str, dict[str, Any]] = {
    "trained": {"facecolor": "white", "edgecolor": "#333333", "linewidth": 1.2},
    "frozen": {"facecolor": "#EEEEEE", "edgecolor": "#8C8C8C", "linewidth": 1.0},
    "updated": {"facecolor": "white", "edgecolor": BLUE, "linewidth": 1.8, "linestyle": (0, (4, 2))},
    "new, updated": {"facecolor": "white", "edgecolor": GREEN, "linewidth": 2.4, "linestyle": (0, (4, 2))},
}
"""A layer's state, which is also written inside its box: no state is told by colour alone."""

WIDE, NARROW, GAP, HEIGHT = 3.75, 1.15, 0.16, 0.78
"""Widths of a column of N_S and of a method, the gap between them, and a box's height in a row of 1."""

BEFORE_POOLING, AFTER_POOLING = "F_T before P", "F_T after P"


@styled
def architecture(layers: pd.DataFrame, methods: Sequence[Mapping[str, Any]]) -> Figure:
    """N_S from top to bottom, each block with its layers and the shape of its output, and beside it the methods.

    Args:
        layers: One line a block, in order: ``block``, ``layers``, ``filters``, ``channels``, ``frames``,
            ``bands``. The first is the input, the last the global pooling.
        methods: For each ``name``, the layers ``frozen`` and ``updated``, and what F_T ``reads``: "F1" where it
            stands in F2's place, "F2" where it follows F2, "pooled F2" where it follows the pooling.
    """
    blocks = layers["block"].tolist()
    rows = [*blocks[:-1], BEFORE_POOLING, blocks[-1], AFTER_POOLING]
    y = {name: -float(number) for number, name in enumerate(rows)}
    figure, (axis,) = axes_grid(1, 1, 7.4, 0.62 * (len(rows) + 1))
    centre = WIDE / 2
    _heading(axis, centre, as_mathtext("N_S"), "trained on the source")
    _flow(axis, centre, [y[name] for name in blocks])
    for row in layers.to_dict("records"):
        _block(axis, row, y[str(row["block"])])
    for number, method in enumerate(methods):
        left = WIDE + GAP + number * (NARROW + GAP)
        _method(axis, left, method, blocks, y)
    axis.set(xlim=(-0.05, WIDE + len(methods) * (NARROW + GAP) + 0.05), ylim=(-len(rows) + 0.4, 1.3))
    axis.axis("off")
    return figure


def steps(method: Mapping[str, Any], blocks: Sequence[str]) -> list[tuple[str, str, str]]:
    """The layers of an adapted network in order: the row they stand in, their name, and their state.

    Example:
        >>> one = {"frozen": ("B1",), "updated": ("F1", "F_T"), "reads": "F1"}
        >>> steps(one, ["input", "B1", "F1", "F2", "P"])[2:]
        [('F1', 'F1', 'updated'), ('F2', 'F_T', 'new, updated'), ('P', 'P', '')]
    """
    place = {"F1": "F2", "F2": BEFORE_POOLING, "pooled F2": AFTER_POOLING}[method["reads"]]
    found = []
    for row in [*blocks[:-1], BEFORE_POOLING, blocks[-1], AFTER_POOLING]:
        if row == place:
            found.append((row, "F_T", "new, updated"))
        elif row in (blocks[0], blocks[-1]):
            found.append((row, row, ""))
        elif row in method["frozen"]:
            found.append((row, row, "frozen"))
        elif row in method["updated"]:
            found.append((row, row, "updated"))
    return found


def shape_words(row: Mapping[str, Any]) -> str:
    """Shape of a block's output: frames and bands, or segments from F1 on.

    Example:
        >>> shape_words({"block": "B6", "channels": 512, "frames": 14, "bands": 2})
        '14 frames × 2 bands × 512 filters'
        >>> shape_words({"block": "F2", "channels": 527, "frames": 13, "bands": 1})
        '13 segments × 527 classes'
    """
    counted = {"frames": row["frames"], "bands": row["bands"], "filters": row["channels"]}
    if row["block"] == "input":
        del counted["filters"]
    elif row["block"] == "P":
        counted = {"recordings": 1, "classes": row["channels"]}
    elif row["bands"] == 1:
        counted = {"segments": row["frames"], "classes" if row["block"] == "F2" else "filters": row["channels"]}
    return " × ".join(f"{n} {name.removesuffix('s') if n == 1 else name}" for name, n in counted.items())


def layer_listing(layers: pd.DataFrame) -> Shown:
    """The table of layers as a reader wants it, with its sums in the caption.

    Args:
        layers: As for ``architecture``, with ``parameters`` and ``multiply_adds``.
    """
    sums = layers[["parameters", "multiply_adds"]].sum()
    shown = layers.assign(
        parameters=[f"{n:,}" for n in layers["parameters"]],
        multiply_adds=[f"{n / 1e6:,.1f}" for n in layers["multiply_adds"]],
        filters=layers["filters"].replace(0, "–").astype(str),
    )
    caption = (
        f"N_S with {layers['channels'].iloc[-1]} classes on {layers['frames'].iloc[0]} frames: "
        f"{sums['parameters']:,} parameters, {sums['multiply_adds'] / 1e6:,.0f} million multiply-adds"
    )
    shown = shown.drop(columns="channels")
    return plain_table(shown.rename(columns={"multiply_adds": "multiply-adds, millions"}), caption)


def _block(axis: Axes, row: Mapping[str, Any], y: float) -> None:
    _box(axis, 0, y, WIDE, "trained" if row["filters"] else "")
    axis.text(0.12, y, str(row["block"]), va="center", weight="bold")
    words = str(row["layers"]).replace("batch normalisation", "BN").replace("convolution", "conv")
    axis.text(0.72, y + 0.17, words, va="center", fontsize=8.5)
    axis.text(0.72, y - 0.19, shape_words(row), va="center", fontsize=8.5, color="#333333")


def _method(axis: Axes, left: float, method: Mapping[str, Any], blocks: Sequence[str], y: Mapping[str, float]) -> None:
    centre = left + NARROW / 2
    _heading(axis, centre, as_mathtext(f"N_T^{method['name']}"), f"Method {method['name']}")
    found = steps(method, blocks)
    _flow(axis, centre, [y[row] for row, _, _ in found])
    for row, name, state in found:
        _box(axis, left, y[row], NARROW, state)
        relu = ", ReLU" if name == "F2" and method.get("f2_activation") == "relu" else ""
        label = as_mathtext(name).replace("F_T", "$F_T$") + relu
        axis.text(centre, y[row] + (0.17 if state else 0), label, ha="center", va="center", weight="bold", fontsize=9)
        axis.text(centre, y[row] - 0.19, state, ha="center", va="center", fontsize=8.5)


def _box(axis: Axes, left: float, y: float, width: float, state: str) -> None:
    look = LOOKS.get(state, {"facecolor": "white", "edgecolor": "#8C8C8C", "linewidth": 0.8})
    corner = (left, y - HEIGHT / 2)
    style = "round,pad=0,rounding_size=0.06"
    axis.add_patch(FancyBboxPatch(corner, width, HEIGHT, boxstyle=style, mutation_aspect=1.6, **look))


def _flow(axis: Axes, x: float, levels: Sequence[float]) -> None:
    """Arrows from each box to the next; a box left out lets the arrow pass."""
    arrow: Any = {"arrowstyle": "-|>", "color": "#555555", "shrinkA": 0, "shrinkB": 0}
    for upper, lower in pairwise(levels):
        axis.annotate("", (x, lower + HEIGHT / 2), (x, upper - HEIGHT / 2), arrowprops=arrow)


def _heading(axis: Axes, x: float, name: str, words: str) -> None:
    axis.text(x, 1.02, name, ha="center", va="center", fontsize=12)
    axis.text(x, 0.64, words, ha="center", va="center", fontsize=8.5)
