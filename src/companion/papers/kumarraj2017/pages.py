"""What the pages of this paper show beyond what any page does."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.datasets.base import Dataset
from companion.experiment import Experiment
from companion.features import NS_LOG_MEL, extract
from companion.models.weak_cnn import SEGMENT
from companion.models.wler import FILTERS, HOP, WLER, n_segments
from companion.papers.kumarraj2017.learning import HEARD, SHOWN, TEST
from companion.papers.kumarraj2017.scan import EXAMPLE
from companion.papers.kumarraj2017.tables import MAP, SLAT, TABLES, US, YT
from companion.papers.kumarraj2017.tables import WLER as WHOLE
from companion.report import classes, page
from companion.report.figures import how_long, learning_curves
from companion.report.page import NOTHING, stacked
from companion.report.players import Example, listen
from companion.report.shown import Shown, escape, folded
from companion.report.style import BLUE, VERMILION, axes_grid, show, styled
from companion.report.tables import plain_table
from companion.results.criteria import load_criteria

GAIN = f"{US} {WHOLE} - {US} {SLAT}"
"""The difference that the paper is about, of networks trained with care."""


SHOWN_BY_SHARE = {
    GAIN: "WLER - SLAT, trained US",
    f"{YT} {WHOLE} - {YT} {SLAT}": "WLER - SLAT, trained YT",
    f"training: {SHOWN[0]} - {SHOWN[1]}": "trained on recordings - on segments, heard alike",
    f"hearing: {HEARD[0]} - {HEARD[1]}": "scanned - segment by segment, trained alike",
}
"""Headings of the figure of gains by share, by the column of their rows."""

HEADS = {
    "Table I (US test)": ("class", "trained on, and how"),
    "Table II (AudioSet test)": ("class", "trained on, and how"),
    "Paired": ("class, share or length", "systems"),
    "Prose": ("classes", "systems"),
    "By share": ("share filled", "trained on, and how"),
    "Cross": ("trained", "heard"),
    "Controls": ("guess", "scored on"),
    "Scales": ("network", "heard in"),
    "Gain of scales": ("from", "systems"),
    **dict.fromkeys(("Deviation", "Largest deviation", "Outputs that differ"), ("window", "network")),
    "Where": ("step", "network"),
    "Recordings": ("quantity", "network"),
    "Cost": ("recording", "quantity"),
}
"""What the rows and columns of every item are."""


class Page(page.Page):
    """A chapter page of this paper."""

    experiment: Experiment
    heads = HEADS

    # --- one pass and the sliding window

    def layers(self) -> Shown:
        """Fig. 2 (b): every layer with its filters and what it leaves of 1280 frames, folded."""
        lines, frames, bands = [], EXAMPLE, 128
        for number, filters in enumerate(FILTERS, 1):
            frames, bands = frames // 2, bands // 2
            words = "convolution 3×3 with zeros around, ReLU, max pooling 2×2"
            lines.append((f"C{number}P{number}", words, f"{filters} × {frames} × {bands}"))
        segments = n_segments(EXAMPLE)
        lines += [
            ("FCv1", "dropout, convolution 4×4 without zeros, ReLU", f"256 × {segments} × 1"),
            ("FCv2", "dropout, convolution 1×1, sigmoid", f"C × {segments} × 1"),
            ("GPL", "maximum over segments", "C × 1"),
        ]
        table = pd.DataFrame(lines, columns=["layer", "what it does", "filters × steps × bands"])
        count = sum(parameter.numel() for parameter in WLER(10).parameters())
        found = plain_table(
            table, f"N_W on {EXAMPLE} frames: {segments} segments, one every {HOP} frames; {count:,} parameters"
        )
        return folded("Layer by layer", found)

    def reach(self) -> Shown:
        """Layer by layer, how far beyond its segment a value hears."""
        table = self.evidence.run.table("reach").astype(str)
        shares = table["touched"] + " of " + table["steps"]
        shown = pd.DataFrame({
            "after": table["layer"],
            "hears beyond its segment, frames on each side": table["beyond"],
            "steps of a segment that differ when it is heard alone": shares,
        })  # fmt: skip
        return plain_table(shown, "Where zeros take the place of the neighbours")

    def where(self) -> Shown:
        """Difference in each of a segment's four steps, drawn."""
        rows = self.evidence.run.rows
        kept = rows[rows["item"] == "Where"]
        alt = "; ".join(f"{r.column}, {r.row}: {100 * r.value:.1f} %" for r in kept.itertuples())
        words = "Mean difference of C5P5's outputs between a segment by itself and in one pass, relative to their mean"
        return show(drawn_where(kept), alt=f"{words}. {alt}.", caption=f"{words}; {self.evidence.heading}")

    def cost(self) -> Shown:
        """Multiply-adds by length."""
        table = self.evidence.run.table("cost")
        shown = table.assign(
            **{name: (table[name] / 1e9).map("{:.2f}".format) for name in ("one pass", "sliding window")},
            ratio=table["ratio"].map("{:.3f}".format),
        )
        return plain_table(shown.rename(columns={"one pass": "one pass, 10⁹ multiply-adds"}), "What one pass saves")

    # --- weak labels as weak or as strong

    def footsteps(self) -> Shown:
        """Fig. 1: a recording of footsteps, and its events by several rules."""
        run = self.evidence.run
        if "footsteps" not in run.table_names:
            return NOTHING
        picture, spans = run.table("footsteps"), run.table("boundaries")
        counts = spans.groupby("pause").size()
        words = ", ".join(f"{n} with pauses up to {pause:g} s" for pause, n in counts.items())
        alt = f"Log-mel of one recording of steps, and above it the events that it holds: {words}."
        caption = f"{picture['clip'].iloc[0]}: {words} ({self.evidence.heading})"
        said = (
            "Strong labels need onsets and offsets, and those are a matter of taste. How many events are these steps?"
        )
        drawn = show(drawn_footsteps(picture, spans), alt=alt, caption=caption)
        return folded(
            "Fig. 1: a recording of steps, cut by one rule with five pauses", Shown(f"<p>{said}</p>", said) + drawn
        )

    def by_share(self) -> Shown:
        """Gain of WLER by the share of a recording that its event fills, after both trainings, and what makes it."""
        rows = self.evidence.run.rows
        kept = rows[rows["item"].isin(("Paired, by share", "Cross, effects"))]
        lines: dict[str, dict[str, str]] = {}
        for row in kept.itertuples():
            heading = SHOWN_BY_SHARE.get(str(row.column))
            if heading is not None:
                lines.setdefault(heading, {})[str(row.row)] = f"[{row.item} | {row.row} | {row.column} | AP difference]"
        ordered = {heading: lines[heading] for heading in SHOWN_BY_SHARE.values() if heading in lines}
        return self.differences(ordered, "difference of MAP, points", scale=100)

    def named(self) -> Shown:
        """What claims on every class rest on: the class that gains least by name, and how many gain."""
        rows = self.evidence.run.rows
        kept = rows[rows["row"] == "lowest of all classes"]
        lines = [
            f"{row.item.removeprefix('Prose, ')}, {row.column}: {str(row.note).replace('_', ' ')}."
            for row in kept.itertuples()
        ]
        means = rows[(rows["row"] == MAP) & rows["item"].isin(TABLES)].drop_duplicates("item")
        lines += [
            f"{row.item}: MAP is the {row.note}; a class that never occurs has no AP." for row in means.itertuples()
        ]
        html = "".join(f"<li>{escape(line)}</li>" for line in lines)
        return folded("Classes by name", Shown(f"<ul>{html}</ul>", "\n".join(f"- {line}" for line in lines)))

    def hear(self) -> Shown:
        """A generated recording, and how much of each of its segments the labelled event fills."""
        task, _ = self.experiment.task("demo", self.parameters.seed, "cpu")
        return listen([weakly_labelled(task.inputs["clean"])])

    def controls(self) -> Shown:
        """What is scored without training and without listening, folded."""
        table = self.evidence.run.table("class_ap")
        chance = table[table["trained"] == US].groupby("test", sort=False)["positives"].mean()
        counts = {test: int(self._maps(test)["n_clips"].iloc[0]) for test in chance.index}
        said = ", ".join(f"{test} {positives / counts[test]:.3f}" for test, positives in chance.items())
        words = f"A ranking by chance has this MAP: {said}."
        return folded(
            "Without training, and without listening", self.table("Controls") + Shown(f"<p>{words}</p>", words)
        )

    def in_short(self) -> Shown:
        """In how many of the four comparisons WLER is ahead, and where the published sizes lie."""
        gains = pd.concat([self._maps(test) for test in ("US test", "AudioSet test")])
        gains = gains[gains["column"].isin(SHOWN_BY_SHARE)]
        ahead = int((gains["value"] > 0).sum())
        printed = {"C305": ("US test", GAIN), "C306": ("US test", f"{YT} {WHOLE} - {YT} {SLAT}"),
                   "C307": ("AudioSet test", f"{YT} {WHOLE} - {YT} {SLAT}")}  # fmt: skip
        criteria, inside = load_criteria(), 0
        for name, (test, column) in printed.items():
            (row,) = gains[(gains["item"] == f"Paired, {test}") & (gains["column"] == column)].itertuples()
            inside += row.ci_low <= criteria[name].claimed <= row.ci_high
        words = (
            f"WLER is ahead in {ahead} of {len(gains)} comparisons of MAP; of three published gains {inside or 'none'} "
        )
        words += f"lie{'s' if inside == 1 else ''} within the interval found here."
        return Shown(f"<p>{words}</p>", words)

    def _maps(self, test: str) -> pd.DataFrame:
        """Differences of MAP on one test."""
        rows = self.evidence.run.rows
        return rows[(rows["item"] == f"Paired, {test}") & (rows["row"] == MAP)]

    def wild(self) -> Shown:
        """Table II, folded: what is claimed of it stands among the claims."""
        return folded("Table II: tested in the wild", self.grid("Table II (AudioSet test)", "Tested in the wild"))

    def scales(self) -> Shown:
        """What several window lengths add, folded."""
        words = "Trained on all; on all and heard in one; on one alone, with at most as many steps. One seed."
        table = self.table("Gain of scales", "All four against each alone")
        return folded("What several window lengths add", Shown(f"<p>{words}</p>", words) + table)

    def class_ap(self) -> Shown:
        """AP of every class on both tests, folded."""
        table = self.evidence.run.table("class_ap")
        shown = []
        for (test, trained), part in table.groupby(["test", "trained"], sort=False):
            better = int((part["difference"] > 0).sum())
            alt = f"{test}, trained {trained}: WLER is higher in {better} of {len(part)} classes."
            shown.append(show(classes.class_ap(part, (SLAT, WHOLE)), alt=alt, caption=alt))
        return folded("Class by class", stacked(shown))

    def stand_ins(self) -> Shown:
        """Classes of UrbanSound, what stands in for them, and AudioSet's nine."""
        from companion.datasets.esc50_shares import STAND_INS
        from companion.papers.kumarraj2017.corpora import CLASS_ROWS, SAME
        from companion.results.published import load_audioset_names

        audioset = load_audioset_names(self.paper)
        lines = [
            {
                "UrbanSound": row,
                "ESC-50": STAND_INS[name].replace("_", " "),
                "the same event?": "yes" if STAND_INS[name] in SAME else "stands in",
                "AudioSet": audioset.get(row, "–"),
            }
            for name, row in CLASS_ROWS.items()
        ]
        return folded("The ten classes", plain_table(pd.DataFrame(lines)))

    def learning(self) -> Shown:
        """Loss and validation MAP over the steps."""
        curves = self.evidence.run.table("curves")
        best = curves.groupby("network")["MAP"].max()
        words = ", ".join(f"{name} up to {value:.3f}" for name, value in best.items())
        figure = learning_curves(curves, x="epoch", panels=["loss", "MAP"], by="network")
        alt = f"Training loss and validation MAP over passes: {words}."
        long = how_long(curves, int(self.evidence.run.provenance["settings"]["training"]["epochs"]))
        caption = f"{self.evidence.heading}; {words}. {long}"
        return folded("How the networks learn", show(figure, alt=alt, caption=caption))

    def sizes(self) -> Shown:
        """Recordings of every corpus and split, folded."""
        return folded("Recordings of every corpus", plain_table(self.evidence.run.table("sizes")))


def weakly_labelled(corpus: Dataset) -> Example:
    """The longest test recording whose events fill least of it, with the share of each segment that they fill."""
    clip = min(
        (clip for clip in corpus.clips if clip.fold == TEST and clip.strong),
        key=lambda clip: (-clip.duration, sum(event.offset - event.onset for event in clip.strong)),
    )
    audio = corpus.audio(clip)
    log_mel = extract(audio.samples, audio.sample_rate, NS_LOG_MEL)
    hop, long = (frames * NS_LOG_MEL.hop_length / audio.sample_rate for frames in (SEGMENT // 2, SEGMENT))
    starts = hop * np.arange(1 + max(0, int((clip.duration - long) / hop)))
    filled = np.zeros(len(starts))
    for event in clip.strong:
        filled += np.clip(np.minimum(event.offset, starts + long) - np.maximum(event.onset, starts), 0, None) / long
    label = ", ".join(clip.weak).replace("_", " ")
    words = f"generated sound, labelled as a whole. SLAT takes that to be true of each of {len(starts)} segments; "
    words += f"{(filled > 0).sum()} hold any of it"
    outputs = {"seconds": starts + long / 2, "share of the segment that it fills": np.minimum(filled, 1.0)}
    return Example(label, words, audio, np.asarray(log_mel), clip.strong, outputs)


@styled
def drawn_where(rows: pd.DataFrame) -> Figure:
    """One line a kind of network over the four steps of a segment."""
    figure, (axis,) = axes_grid(1, 1, 7.0, 2.6)
    looks = ((BLUE, "o"), (VERMILION, "s"), ("#555555", "^"))
    for (name, part), (colour, marker) in zip(rows.groupby("column", sort=False), looks, strict=False):
        x = range(1, len(part) + 1)
        axis.vlines(x, 100 * part["ci_low"], 100 * part["ci_high"], color=colour, linewidth=1.4)
        axis.plot(x, 100 * part["value"], marker + "-", color=colour, label=name, markersize=5)
    axis.set_xticks(range(1, 5), ["first", "second", "third", "fourth"])
    axis.set_xlabel("step of a segment after C5P5")
    axis.set_ylabel("difference, %")
    axis.grid(axis="y")
    axis.legend(loc="upper center", fontsize=8.5)
    return figure


@styled
def drawn_footsteps(picture: pd.DataFrame, spans: pd.DataFrame) -> Figure:
    """Log-mel below, a row of bars for every rule above."""
    figure, (above, below) = axes_grid(2, 1, 8.0, 3.4, sharex=True, height_ratios=(1, 1.4))
    levels = picture.pivot(index="band", columns="seconds", values="level")
    end = float(levels.columns[-1] + levels.columns[1] - levels.columns[0])
    below.imshow(levels, origin="lower", aspect="auto", cmap="magma", interpolation="nearest",
                 vmin=float(levels.max().max()) - 60, extent=(0, end, 0, 128))  # fmt: skip
    below.set(xlabel="seconds", ylabel="mel band")
    pauses = sorted(spans["pause"].unique())
    for y, pause in enumerate(pauses):
        own = spans[spans["pause"] == pause]
        bars = list(zip(own["onset"], own["offset"] - own["onset"], strict=True))
        above.broken_barh(bars, (y - 0.35, 0.7), color=BLUE)
    above.set_yticks(range(len(pauses)), [f"{pause:g} s" for pause in pauses])
    above.set_ylabel("longest pause")
    return figure
