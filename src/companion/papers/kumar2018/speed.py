"""Times and operations of N_S beside those of N_S^slat, by the length of a recording."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.report.evidence import Column
from companion.report.page import stacked
from companion.report.shown import Shown
from companion.report.style import BLACK, BLUE, GREEN, VERMILION, axes_grid, styled
from companion.report.symbols import as_mathtext
from companion.report.tables import long_table, plain_table
from companion.results.published import load_published
from companion.results.run import Run

PHASES = {
    "training": (BLUE, "o", 0.97, "Train time 1 epoch"),
    "inference": (GREEN, "s", 1.03, "Inference time per test clip"),
}
"""Of both phases colour, marker, a shift that keeps the intervals apart, and the paper's words."""

TABLE_SECONDS = 10


@styled
def ratio_by_length(source: Column) -> Figure:
    """N_S relative to N_S^slat over the length of a recording: counted as a line, timed as dots with intervals.

    One panel for each device. The published ratios stand at 10 s, except beside the numbers of the demo profile, whose
    networks are narrower than the paper's.
    """
    panels = list(source.run.table("relative").groupby("device", sort=False))
    figure, axes = axes_grid(1, len(panels), 1.4 + 4.2 * len(panels), 3.8, sharey=True)
    for axis, (device, lines) in zip(axes, panels, strict=True):
        _panel(axis, source, str(device), lines)
    axes[0].set_ylabel(as_mathtext("N_S relative to N_S_slat"))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8.5)
    return figure


def _panel(axis: Axes, source: Column, device: str, lines: pd.DataFrame) -> None:
    cost = source.run.table("cost")
    axis.plot(cost["length s"], cost["ratio"], color=BLACK, linewidth=1.4, label="multiply-adds, counted")
    for phase, (colour, marker, shift, words) in PHASES.items():
        dots = lines[lines["phase"] == phase]
        spread = np.abs(dots[["ci_low", "ci_high"]].to_numpy().T - dots["value"].to_numpy())
        axis.errorbar(dots["length s"] * shift, dots["value"], spread, fmt=marker, color=colour, markersize=5.5,
                      elinewidth=1.4, label=f"{phase}, timed")  # fmt: skip
        if source.evidence != "synthetic":
            axis.plot(TABLE_SECONDS * shift, published_ratio(words), marker, markersize=10, markerfacecolor="none",
                      markeredgecolor=VERMILION, markeredgewidth=1.6, label=f"{phase}, published")  # fmt: skip
    axis.set_title(device.partition(",")[0])
    axis.set_xscale("log")
    axis.set_xticks([1.5, 4, 10, 30], ["1.5", "4", "10", "30"])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("length of a recording (s)")
    axis.grid()


def published_ratio(row: str) -> float:
    """Time of N_S that the paper's Table 1 prints for one of its two rows."""
    printed = load_published()
    kept = printed[(printed["item"] == "Table1 top-right") & (printed["row"] == row) & (printed["column"] == "N_S")]
    return float(kept["number"].iloc[0])


def by_length(paper: str, source: Column) -> Shown:
    """N_S relative to N_S^slat at every length, a table for each kind of device that was timed."""
    items = [item for item in dict.fromkeys(source.run.rows["item"]) if "by length" in item]
    return stacked([long_table(paper, item, source, ("time", "network")) for item in items])


def time_table(source: Column) -> Shown:
    """Median milliseconds for one recording, by device, length, phase and network."""
    keys = ["device", "length s", "phase"]
    times = source.run.table("times")
    wide = times.pivot_table(index=keys, columns="network", values="ms", aggfunc="median", sort=False)
    return plain_table(wide.map("{:.1f}".format).reset_index(), "Milliseconds for one recording, median of the repeats")


def cost_table(run: Run) -> Shown:
    """Multiply-adds of both networks by length, in millions."""
    table = run.table("cost")
    for name in ("multiply-adds N_S", "multiply-adds N_S_slat"):
        table[name] = [f"{count / 1e6:.1f}" for count in table[name]]
    table["ratio"] = table["ratio"].map("{:.3f}".format)
    heads = {name: f"{name}, millions" for name in table.columns if name.startswith("multiply")}
    return plain_table(table.rename(columns=heads), "Multiply-adds for one recording, N_S at the paper's width")
