"""What the pages of this paper show beyond what any page does."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.datasets.base import Clip, Dataset
from companion.errors import DataError
from companion.features import NS_LOG_MEL, extract
from companion.papers.wangmetze2017.cells import Key
from companion.papers.wangmetze2017.layers import NETWORKS, PRINTED, REASONS, LayerRow, computed, differing
from companion.papers.wangmetze2017.listening import POOLINGS
from companion.papers.wangmetze2017.soundnet import LEVEL, PUBLISHED, SOUNDNET, UNTRAINED
from companion.report import page as report_page
from companion.report.evidence import Column
from companion.report.page import stacked
from companion.report.players import Example, listen
from companion.report.shown import Shown, escape, folded
from companion.report.style import BLACK, BLUE, GREEN, VERMILION, axes_grid, show, styled
from companion.report.tables import fold_table, plain_table

PROTOCOL = Key(SOUNDNET, "pool5", f"windows, {PUBLISHED}").name
"""Column of the table ``predictions`` that holds SoundNet's own protocol."""

ESC50_PUBLISHED = 74.2
"""Accuracy on ESC-50 in per cent that Aytar, Vondrick and Torralba 2016 print for pool5."""

EXAMPLES = 2
"""Sounds that are heard rightly, and as many that are not."""


class Page(report_page.Page):
    """A page of Wang and Metze 2017."""

    # --- SoundNet

    def hear(self) -> Shown:
        """Clips that the protocol takes for what they are, and clips that it does not.

        Real clips are played where their licence allows it and the corpus is there; generated ones otherwise.
        """
        for column in (self.evidence, *self.others):
            corpus = self._playable(column)
            if corpus is not None:
                return heard(column, corpus)
        words = "No corpus that can be played here."
        return Shown(f"<p>{words}</p>", words)

    def layers(self, table: str) -> Shown:
        """A printed table of layers beside what its modules say."""
        return layer_table(table)

    def by_layer(self) -> Shown:
        """Accuracy of every layer under both poolings, the untrained network, and the protocol."""
        rows = self.evidence.run.rows
        own = rows[rows["item"] == "SoundNet ESC-50"].iloc[0]
        best = rows[rows["item"] == "Layers"].sort_values("value").iloc[-1]
        alt = (
            f"Accuracy by layer, {self.evidence.heading}: best {best['row']} under the {best['column']} with "
            f"{best['value']:.1f} %; SoundNet's own protocol {own['value']:.1f} %, published {ESC50_PUBLISHED} %."
        )
        official = self.evidence.evidence == "official"
        caption = (
            "Dots with 95 % intervals. Corpus, weights and protocol are SoundNet's own, so levels may be compared."
        )
        drawn = layer_accuracies(rows, ESC50_PUBLISHED if official else None)
        return show(drawn, alt=alt, caption=caption if official else self.evidence.heading)

    def fold_by_fold(self) -> Shown:
        """Accuracy in every fold."""
        table = self.evidence.run.table("folds").rename(columns={"accuracy %": "value"})
        table = table.assign(row=table["network"] + ", " + table["layer"], column=table["reading"])
        return folded("Fold by fold", fold_table(table[["row", "column", "fold", "value"]]))

    def machines(self) -> Shown:
        """C, inner accuracy and convergence of every machine."""
        table = self.evidence.run.table("probes")
        text = table.map(lambda value: f"{value:.3g}" if isinstance(value, float) else str(value))
        return folded("How every classifier was chosen", plain_table(text.replace("nan", "–"), self.evidence.heading))

    def errors(self, n: int = 12) -> Shown:
        """The commonest confusions under SoundNet's protocol."""
        table = self.evidence.run.table("predictions")
        wrong = table[table["label"] != table[PROTOCOL]]
        counts = wrong.groupby(["label", PROTOCOL]).size().sort_values(ascending=False, kind="stable").head(n)
        of_class = table["label"].value_counts()
        lines = [
            {"class": label.replace("_", " "), "is taken for": said.replace("_", " "),
             "clips": f"{count} of {of_class[label]}"}
            for (label, said), count in counts.items()
        ]  # fmt: skip
        caption = f"The {len(lines)} commonest confusions under SoundNet's protocol; {len(wrong)} of {len(table)} clips"
        return plain_table(pd.DataFrame(lines), f"{caption} are taken for another class")

    def _playable(self, column: Column) -> Dataset | None:
        """The corpus of a run, as far as it may be played and is on this machine."""
        settings = self.experiment.profiles[column.run.profile]
        try:
            inputs = self.experiment.inputs(settings, self.parameters.seed, self.parameters.data_root)  # type: ignore[attr-defined]
            corpus: Dataset = inputs["corpus"]
            if column.run.profile != "demo":  # the licence of clips outside ESC-10 forbids more than it allows
                from companion.datasets.esc50 import ESC50

                corpus = ESC50(self.parameters.data_root, esc10_only=True)
        except DataError:  # not on this machine
            return None
        return corpus


def heard(column: Column, corpus: Dataset) -> Shown:
    """Examples of a run: clips of a corpus, right and wrong, no two of one class."""
    clips = {clip.id: clip for clip in corpus.clips}
    predictions = column.run.table("predictions").set_index("clip")
    predictions = predictions[predictions.index.isin(clips)]
    right = predictions["label"] == predictions[PROTOCOL]
    wrong = predictions[~right].drop_duplicates("label")[:EXAMPLES]
    known = predictions[right & ~predictions["label"].isin(wrong["label"])].drop_duplicates("label")[:EXAMPLES]
    chosen = [*wrong.index, *known.index]
    examples = [_example(corpus, clips[name], str(predictions.at[name, PROTOCOL])) for name in chosen]
    source = f"Clips of {corpus.name}. {corpus.licence}".strip()
    return listen(examples) + Shown(f"<p><small>{escape(source)}</small></p>", source)


def _example(corpus: Dataset, clip: Clip, said: str) -> Example:
    """A clip with its true class and the one that was said."""
    audio, label = corpus.audio(clip), str(clip.label)
    words = "is heard as what it is" if said == label else f"is taken for {said.replace('_', ' ')}"
    author = corpus.author_of.get(clip.recording)
    maker = f" (Freesound {clip.recording} by {author})" if author else ""
    log_mel = extract(audio.samples, audio.sample_rate, NS_LOG_MEL)
    return Example(label.replace("_", " "), words + maker, audio, np.asarray(log_mel))


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
        frame, f"{table}: computed from the modules; where the paper prints another value, that in brackets"
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
def layer_accuracies(rows: pd.DataFrame, published: float | None) -> Figure:
    """Accuracy by layer: both poolings, the untrained network, and SoundNet's own protocol.

    Args:
        rows: Of a run.
        published: Accuracy to draw as a line; None for none.
    """
    figure, (axis,) = axes_grid(1, 1, 7.6, 3.6)
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


__all__ = ["Page", "stacked"]
