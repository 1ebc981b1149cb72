"""What the pages of this paper show beyond what any page does."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from companion.datasets.base import Clip
from companion.datasets.rare import RareMixtures
from companion.experiment import Experiment
from companion.features import NS_LOG_MEL, Feature, extract
from companion.models.recurrent import RecurrentTagger
from companion.papers.diment2017 import table1, transfer
from companion.papers.diment2017.learning import tagger_of
from companion.papers.diment2017.sounds import SoundSettings, recordings
from companion.report import page
from companion.report.figures import learning_curves
from companion.report.page import NOTHING, stacked
from companion.report.players import Example, listen
from companion.report.shown import Shown, escape, folded
from companion.report.style import BLUE, GREEN, VERMILION, axes_grid, show, styled
from companion.report.tables import plain_table

LOOKS: dict[str, dict[str, Any]] = {
    "new": {"facecolor": "white", "edgecolor": GREEN, "linewidth": 2.2},
    "copied": {"facecolor": "white", "edgecolor": BLUE, "linewidth": 1.8, "linestyle": (0, (4, 2))},
    "frozen": {"facecolor": "#EEEEEE", "edgecolor": "#8C8C8C", "linewidth": 1.0},
}
"""How a layer begins, which is also written inside its box."""
WIDE, HIGH, STEP = 1.5, 0.62, 1.0

TABLES = ("Table1", "Authors that chose nothing", "Other schemes", "Other sources", "Control", "Paired", "Bound")
HEADS = {
    **dict.fromkeys(TABLES, ("training", "scored on")),
    "Source task": ("lower layer", "scored on"),
    "source/Source task": ("settings", "scored on"),
    "Presentations": ("settings", "count"),
    "By event": ("training", "mixtures"),
    "Fig2": ("network", "learned from"),
    "samples/Paired": ("networks", "learned from"),
}
"""What the rows and columns of every item are."""


class Page(page.Page):
    """A chapter page of this paper."""

    experiment: Experiment
    heads = HEADS

    def sure(self) -> str:
        """The same, and how many recordings of the event stand behind it, which are far fewer."""
        words = super().sure()
        if "counts" not in self.evidence.run.table_names:
            return words
        counts = self.evidence.run.table("counts")
        tested = counts[(counts["task"] == "target") & (counts["part"] == "test") & (counts["kind"] == "events")]
        return f"{words} {tested['recordings'].sum()} recordings of the target's event are tested."

    def learned_from(self) -> Shown:
        """What each network that is transferred had learned of its own task, beside the bar."""
        row = self.evidence.run.rows.query("item == 'Source task' and row == 'LSTM below'").iloc[0]
        each, bar = str(row["note"]).removeprefix("of each network: ").split("; learned from ")
        words = (
            f"The source networks that are transferred are right about {each} % of their own test mixtures. The bar, "
            f"{bar.removesuffix(' on')} %, is a rule of thumb for their mean: {row['value']:.1f} %, no interval."
        )
        return Shown(f"<p>{escape(words)}</p>", words)

    def schemes(self, names: Sequence[str] = ("from scratch", "a", "b", "c")) -> Shown:
        """Fig. 1, drawn from the table of layers."""
        layers = self.evidence.run.table("layers")
        words = "; ".join(
            f"{name}: {', '.join(f'{row.layer} {row.start}' for row in layers[layers['scheme'] == name].itertuples())}"
            for name in names
        )
        return show(drawn_schemes(layers, names), alt=f"The networks, each from the lower layers up. {words}.")

    def layers(self) -> Shown:
        """Every scheme layer by layer, folded."""
        layers = self.evidence.run.table("layers")
        shown = layers.assign(learns=layers["learns"].map({True: "yes", False: "no"}))
        shown["parameters"] = [f"{n:,}" for n in shown["parameters"]]
        return folded("Every scheme, layer by layer", plain_table(shown.drop(columns="title")))

    def table_1(self) -> Shown:
        """Table 1, under the item that says whether both tasks were learned."""
        items = self.evidence.run.rows["item"].unique()
        kept = [item for item in items if item.startswith("Table1")]
        words = "Table 1{}: accuracy on test mixtures"
        return stacked([self.table(item, words.format(item.removeprefix("Table1"))) for item in kept])

    def other_sources(self) -> Shown:
        """The same transfer from other sources, where the run tried any, folded."""
        items = [item for item in self.evidence.run.rows["item"].unique() if item.startswith("Other sources")]
        return folded("Other sources", stacked([self.table(item) for item in items])) if items else NOTHING

    def control(self) -> Shown:
        """How often another event is taken for the target's by networks that learned from all data; others folded."""
        rows = self.evidence.run.rows
        full = rows[rows["row"] == table1.FULL].set_index(["item", "column"])
        other, none = full.loc[("Control", "another event")], 100 - full.at[("By event", "no event"), "value"]
        words = (
            f"Networks that learned from all data take {other['value']:.0f} % "
            f"[{other['ci_low']:.0f}, {other['ci_high']:.0f}] of the other events for the target's, and {none:.0f} % "
            f"of the mixtures without any event ({self.evidence.heading})."
        )
        table = self.table("Control", "Mixtures with another event that were taken for the target's")
        return Shown(f"<p>{escape(words)}</p>", words) + folded("After every way of training", table)

    def sounds(self) -> Shown:
        """How many recordings and authors are in each part of both tasks, folded."""
        counts = self.evidence.run.table("counts")
        first = counts[counts["rotation"] == 0].drop(columns="rotation")
        return folded("Recordings and authors in each part", plain_table(first, "The first way of parting the sounds"))

    def examples(self) -> Shown:
        """Generated mixtures of the source task, with what its tagger would say if they ended at any moment."""
        given = self.parameters
        task, _ = self.experiment.task(given.profile, given.seed, given.device, given.data, given.settings)
        settings, sounds = task.settings, task.inputs["sounds"]
        if settings.common.sounds.name != "synthetic":  # backgrounds of ESC-50 may not be handed on in a page
            return NOTHING
        network = tagger_of(transfer.source_network(task, "LSTM", task.seed))
        mixtures = sounds.mixtures("source", "test", settings.source.n_test, seed=task.seed)
        features = recordings(mixtures, settings.common.sounds, task.work.n_jobs).features
        found = []
        for ratio in (6.0, -6.0, None):
            number = next(i for i, one in enumerate(mixtures.clips) if ratio_of(mixtures, one) == ratio)
            found.append(heard(mixtures, number, features[number], network, settings.common.sounds))
        return listen(found)

    def source_curves(self) -> Shown:
        """How the source task was learned."""
        curves = self.evidence.run.table("source_curves").assign(network=lambda t: "seed " + t["seed"].astype(str))
        best = curves.groupby("network")["accuracy"].max()
        words = ", ".join(f"{name} up to {value:.3f}" for name, value in best.items())
        figure = learning_curves(curves, x="epoch", panels=["loss", "accuracy"], by="network")
        alt = f"Training loss and validation accuracy of the source taggers over passes: {words}."
        return folded(
            "How the source task is learned", show(figure, alt=alt, caption=f"{self.evidence.heading}; {words}")
        )

    def settings_curves(self) -> Shown:
        """How the source task is learned in each of several settings, rotation 0."""
        curves = self.evidence.run.table("curves")
        best = curves.groupby("network", sort=False)["accuracy"].max()
        words = ", ".join(f"{name} up to {value:.3f}" for name, value in best.items())
        figure = learning_curves(curves[curves["rotation"] == 0], x="epoch", panels=["loss", "accuracy"], by="network")
        alt = f"Training loss and validation accuracy over passes: {words}."
        caption = f"Rotation 0 is drawn. Best validation accuracy of all rotations, as a share: {words}. "
        return show(figure, alt=alt, caption=caption + f"{self.evidence.heading.capitalize()}.")

    def by_event(self, systems: Sequence[str], columns: Sequence[str]) -> Shown:
        """Share of events that are found, by what they are like, for some systems."""
        rows = self.evidence.run.rows
        kept = rows[(rows["item"] == "By event") & rows["row"].isin(systems) & rows["column"].isin(columns)]
        alt = "; ".join(f"{r.row}, {r.column}: {r.value:.0f} %" for r in kept.itertuples())
        return show(drawn_by_event(kept, systems, columns), alt=f"Mixtures tagged right. {alt}.")

    def size_curve(self) -> Shown:
        """Fig. 2: accuracy against the number of training mixtures."""
        rows = self.evidence.run.rows
        kept = rows[rows["item"] == "Fig2"].assign(size=lambda t: t["column"].str.split().str[0].astype(int))
        alt = "; ".join(f"{r.row}, {r.size}: {r.value:.1f} %" for r in kept.itertuples())
        table = self.evidence.run.table("size_curve")
        caption = (
            "Lines: mean of the seeds, with 95 % intervals as bands; small dots: single seeds; at 50 %: chance. "
            f"{self.evidence.heading.capitalize()}."
        )
        return show(drawn_sizes(kept, table), alt=f"Accuracy against training mixtures. {alt}.", caption=caption)


def ratio_of(mixtures: RareMixtures, clip: Clip) -> float | None:
    """Event-to-background ratio in dB of a mixture; None where the event is not in it."""
    return mixtures.recipes[clip.id].placements[0].ratio_db if clip.weak else None


def heard(
    mixtures: RareMixtures, number: int, feature: Feature, network: RecurrentTagger, settings: SoundSettings
) -> Example:
    """A mixture to hear, and what the tagger says after every step."""
    clip = mixtures.clips[number]
    audio, ratio = mixtures.audio(clip), ratio_of(mixtures, clip)
    with torch.inference_mode():
        said = network.after_each_frame(torch.from_numpy(feature)[None]).recording[0, :, 0].numpy()
    seconds = (np.arange(len(said)) + 1) * settings.hop_length * settings.averaged / audio.sample_rate
    title = "no event" if ratio is None else f"{mixtures.target} at {ratio:+g} dB".replace("-", "−")
    words = f"at the end the probability of {mixtures.target} is {said[-1]:.2f}"
    log_mel = extract(audio.samples, audio.sample_rate, NS_LOG_MEL)
    return Example(title, words, audio, log_mel, clip.strong, {"seconds": seconds, "so far": said})


@styled
def drawn_schemes(layers: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Networks side by side, from the features at the bottom to the output on top; boxes say how a layer begins."""
    figure, (axis,) = axes_grid(1, 1, 8.0, 3.3)
    left = 0.0
    for name in names:
        part = layers[layers["scheme"] == name]
        lower = part[part["level"] == "lower"]
        width = len(lower) * (WIDE + 0.15) - 0.15
        centre = left + width / 2
        _label(axis, centre, 0, "MFCC, frame by frame")
        for i, row in enumerate(lower.itertuples()):
            _box(axis, left + i * (WIDE + 0.15) + WIDE / 2, STEP, str(row.layer), str(row.start), centre)
        for level, y in (("upper", 2 * STEP), ("output", 3 * STEP)):
            (row,) = part[part["level"] == level].itertuples()
            _box(axis, centre, y, str(row.layer), str(row.start), centre)
        _label(axis, centre, 3.85 * STEP, f"({name})" if len(name) == 1 else name, weight="bold")
        left += width + 0.5
    axis.set(xlim=(-0.15, left - 0.35), ylim=(-0.4, 4.2))
    axis.axis("off")
    return figure


def _box(axis: Axes, x: float, y: float, layer: str, start: str, centre: float) -> None:
    corner = (x - WIDE / 2, y - HIGH / 2)
    axis.add_patch(FancyBboxPatch(corner, WIDE, HIGH, boxstyle="round,pad=0,rounding_size=0.06", **LOOKS[start]))
    _label(axis, x, y + 0.13, layer, weight="bold")
    _label(axis, x, y - 0.15, start)
    arrow: Any = {"arrowstyle": "-|>", "color": "#555555", "shrinkA": 0, "shrinkB": 0}
    if y > STEP:
        axis.annotate("", (x, y - HIGH / 2), (x, y - STEP + HIGH / 2), arrowprops=arrow)
    else:
        axis.annotate("", (x, y - HIGH / 2), (centre, 0.15), arrowprops=arrow)


def _label(axis: Axes, x: float, y: float, words: str, **look: Any) -> None:
    axis.text(x, y, words, ha="center", va="center", fontsize=8.5, **look)


@styled
def drawn_by_event(rows: pd.DataFrame, systems: Sequence[str], columns: Sequence[str]) -> Figure:
    """Groups of dots with intervals, one group a kind of mixture."""
    figure, (axis,) = axes_grid(1, 1, 8.0, 3.2)
    looks = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), ("#555555", "D"), ("#8C8C8C", "v"))
    for i, (system, (colour, marker)) in enumerate(zip(systems, looks, strict=False)):
        own = rows[rows["row"] == system].set_index("column").reindex(columns)
        x = np.arange(len(columns)) + (i - (len(systems) - 1) / 2) * 0.14
        axis.vlines(x, own["ci_low"], own["ci_high"], color=colour, linewidth=1.6)
        axis.plot(x, own["value"], marker, color=colour, markersize=5, label=system)
    axis.axhline(50, color="#555555", linewidth=0.8)
    labels = [name.replace(" in the ", "\n").replace(" at ", "\n").replace("-", "−") for name in columns]
    axis.set_xticks(range(len(columns)), labels)
    axis.set_ylabel("tagged right, %")
    axis.set_ylim(0, 102)
    axis.grid(axis="y")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(systems))
    return figure


@styled
def drawn_sizes(rows: pd.DataFrame, seeds: pd.DataFrame) -> Figure:
    """Curves with bands for the intervals, and the single seeds as small dots."""
    figure, (axis,) = axes_grid(1, 1, 8.0, 3.6)
    for (name, part), (colour, marker) in zip(rows.groupby("row"), ((VERMILION, "s"), (BLUE, "o")), strict=False):
        part = part.sort_values("size")
        axis.fill_between(part["size"], part["ci_low"], part["ci_high"], color=colour, alpha=0.15, linewidth=0)
        axis.plot(part["size"], part["value"], marker + "-", color=colour, label=name, markersize=5)
        axis.plot(seeds["samples"], seeds[name], ".", color=colour, markersize=4, alpha=0.6)
    sizes = sorted(rows["size"].unique())
    axis.set_xscale("log")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()
    axis.axhline(50, color="#555555", linewidth=0.8)
    axis.set_xlabel("training mixtures of the target task, half of them with the event")
    axis.set_ylabel("accuracy, %")
    axis.grid(axis="y")
    axis.legend(loc="upper left")
    return figure
