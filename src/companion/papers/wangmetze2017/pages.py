"""What the pages of this paper show beyond what any page does."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from companion.datasets.base import Clip, Dataset
from companion.errors import DataError
from companion.evaluation.boundaries import token_names
from companion.features import NS_LOG_MEL, extract
from companion.models.soundnet import SoundNet
from companion.models.soundnet_variants import SNF
from companion.papers.wangmetze2017.cells import Key
from companion.papers.wangmetze2017.ctc import ROWS
from companion.papers.wangmetze2017.drawings import (
    frames_drawn,
    hinted_drawn,
    kl_curves_drawn,
    layer_accuracies,
    layer_grid,
    layer_table,
    spelled_drawn,
    transition_drawn,
)
from companion.papers.wangmetze2017.frames import LOW_LEVEL, RATE, Grid
from companion.papers.wangmetze2017.layers import frames
from companion.papers.wangmetze2017.learning import NetworkSettings as CtcNetwork
from companion.papers.wangmetze2017.soundnet import PUBLISHED, SOUNDNET
from companion.papers.wangmetze2017.students import SHARES, UNHEARD
from companion.papers.wangmetze2017.transitions import ACTIVATIONS, layers_of
from companion.report import page as report_page
from companion.report.evidence import Column
from companion.report.figures import learning_curves
from companion.report.players import Example, listen
from companion.report.shown import Shown, escape, folded
from companion.report.style import show
from companion.report.tables import fold_table, plain_table
from companion.results.published import load_published

PROTOCOL = Key(SOUNDNET, "pool5", f"windows, {PUBLISHED}").name
"""Column of the table ``predictions`` that holds SoundNet's own protocol."""

ESC50 = "C055"
"""Published id of the accuracy on ESC-50 that SoundNet's authors print."""

EXAMPLES = 1
"""Sounds that are heard rightly, and as many that are not."""


HEADS = {
    "SoundNet ESC-50": ("layer", "accuracy"),
    "Layers": ("layer", "pooling"),
    "Paired": ("networks or layers", "compared"),
    "Fold by fold": ("network and layer", "reading"),
    "Table4": ("feature", "recordings"),
    "Claim": ("what", "with"),
    "Spoke": ("what", "with"),
    "Gap": ("feature", "difference"),
    "F1": ("feature", "measured on"),
    "Frame by frame": ("feature", "recordings"),
    "ctc/Paired": ("features", "recordings"),
    "Techniques": ("features", "recordings"),
    "Fig1/text": ("network", "clips"),
    "Fig1 variants": ("network", "clips"),
    UNHEARD: ("prediction", "clips"),
    "Objects and scenes": ("network", "classes and clips"),
    "Checks": ("network", "measured"),
    SHARES: ("networks", "clips"),
    "Blur": ("layer", "heard"),
    "Step left": ("layer", "heard"),
    "students/Paired": ("networks", "clips"),
}
"""What the rows and columns of every item are."""


class Page(report_page.Page):
    """A page of Wang and Metze 2017."""

    heads = HEADS
    samples: Mapping[str, str] = {
        "students": "original recordings of validation or test clips",
        "ctc": "original test recordings",
    }

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

    def frames(self, seconds: float = 5.0) -> Shown:
        """When the frames of every layer are, and how much of a clip one of them depends on."""
        found = frames(SoundNet(width=1 / 16), seconds)
        said = "; ".join(f"{name} {len(layer.times)} frames" for name, layer in found.items())
        caption = (
            f"A clip of {seconds:g} s. Strokes: the time of each frame. Bar: how much sound the frame in the middle "
            "depends on. Right: frames a second, and the length of the bar."
        )
        return show(frames_drawn(found, seconds), alt=f"Frames of {seconds:g} s by layer: {said}.", caption=caption)

    def layers(self, table: str) -> Shown:
        """A printed table of layers beside what its modules say."""
        return layer_table(table)

    def by_layer(self) -> Shown:
        """Accuracy of every layer under both poolings, the untrained network, and the protocol: figure and table."""
        rows, printed = self.evidence.run.rows, float(load_published().at[ESC50, "published"])
        own = rows[rows["item"] == "SoundNet ESC-50"].iloc[0]
        best = rows[rows["item"] == "Layers"].sort_values("value").iloc[-1]
        alt = (
            f"Accuracy by layer, {self.evidence.heading}: best {best['row']} under the {best['column']} with "
            f"{best['value']:.1f} %; SoundNet's own protocol {own['value']:.1f} %, published {printed} %."
        )
        official = self.evidence.evidence == "official"
        caption = (
            "Dots with 95 % intervals. Corpus, weights and protocol are SoundNet's own, so levels may be compared."
        )
        drawn = layer_accuracies(rows, printed if official else None)
        figure = show(drawn, alt=alt, caption=caption if official else self.evidence.heading)
        words = f"Accuracy in % with 95 % intervals, {self.evidence.heading}: {self.evidence.data}"
        said = beside_the_printed(own, printed) if official else ""
        return Shown(f"<p>{escape(said)}</p>" if said else "", said) + figure + layer_grid(rows, words)

    def fold_by_fold(self) -> Shown:
        """Accuracy in every fold."""
        table = self.evidence.run.table("folds").rename(columns={"accuracy %": "value"})
        table = table.assign(row=table["network"] + ", " + table["layer"], column=table["reading"])
        return folded(
            "Fold by fold", fold_table(table[["row", "column", "fold", "value"]], self.heads_of("Fold by fold"))
        )

    def machines(self) -> Shown:
        """C, inner accuracy and convergence of every machine."""
        table = self.evidence.run.table("probes")
        text = table.map(lambda value: f"{value:.3g}" if isinstance(value, float) else str(value))
        return folded("How every classifier was chosen", plain_table(text.replace("nan", "–"), self.evidence.heading))

    def errors(self, n: int = 12) -> Shown:
        """The commonest confusions under SoundNet's protocol: three in words, more of them folded."""
        table = self.evidence.run.table("predictions")
        wrong = table[table["label"] != table[PROTOCOL]]
        counts = wrong.groupby(["label", PROTOCOL]).size().sort_values(ascending=False, kind="stable").head(n)
        of_class = table["label"].value_counts()
        lines = [
            {"class": label.replace("_", " "), "is taken for": said.replace("_", " "),
             "clips": f"{count} of {of_class[label]}"}
            for (label, said), count in counts.items()
        ]  # fmt: skip
        first = "; ".join(f"{line['class']} for {line['is taken for']}, {line['clips']}" for line in lines[:3])
        words = f"Under SoundNet's protocol {len(wrong)} of {len(table)} clips are taken for another class"
        words += f", most often {first}." if lines else "."
        return Shown(f"<p>{escape(words)}</p>", words) + folded(
            "The commonest confusions", plain_table(pd.DataFrame(lines))
        )

    # --- SN-F and SN-R

    def student_frames(self, seconds: float = 5.0) -> Shown:
        """How often the networks say something of one clip, and how much of it each output hears."""
        of_soundnet = frames(SoundNet(width=1 / 16), seconds, "conv7")
        pool5, fc = (frames(SNF(3, n_objects=2, width=1 / 16), seconds, name)[name] for name in ("pool5", "fc3"))
        everything = replace(fc, field=seconds, middle=(0.0, seconds))
        found = {f"SoundNet, {name}": layer for name, layer in of_soundnet.items()}
        found |= {"SN-F and SN-R, pool5": pool5, "SN-F, fc3": fc, "SN-R, gru3": everything}
        said = "; ".join(f"{name} {len(layer.times)} frames" for name, layer in found.items())
        caption = (
            f"A clip of {seconds:g} s. Strokes: the time of each output. Bar: how much sound the middle one hears."
        )
        return show(frames_drawn(found, seconds), alt=f"Outputs for {seconds:g} s: {said}.", caption=caption)

    def kl_curves(self) -> Shown:
        """Fig. 1: divergence against checks, a line for each network, beside predictions that hear nothing."""
        table, rows = self.evidence.run.table("checks"), self.evidence.run.rows
        drawn = table[table["network"].isin(self.evidence.run.table("kl_curves").columns)]
        fixed = rows[(rows["item"] == UNHEARD) & (rows["column"] == "validation")].set_index("row")["value"]
        lowest = drawn.groupby(["network", "seed"], sort=False)["validation KL"].min().groupby("network", sort=False)
        said = "; ".join(f"{name} {value:.2f}" for name, value in lowest.mean().items())
        lines = " and ".join(f"{name} {value:.2f}" for name, value in fixed.items())
        caption = (
            f"Lowest on validation, mean over seeds: {said} nats. Dashed and dotted: predictions that hear nothing, "
            f"{lines}. Zero is the teacher itself. {self.evidence.heading.capitalize()}."
        )
        alt = f"Divergence against checks. Lowest on validation clips: {said}; predictions that hear nothing: {lines}."
        return show(kl_curves_drawn(drawn, fixed.to_dict()), alt=alt, caption=caption)

    def transition(self) -> Shown:
        """Fig. 3: what the layers above ``pool5`` make of the end of one sound and the beginning of another."""
        run, rows = self.evidence.run, self.evidence.run.rows
        tables = {network: run.table(name) for network, name in ACTIVATIONS.items()}
        layers = {f"{network} {layer}": tables[network] for network in tables for layer in layers_of(network)}
        found = rows[rows["item"] == "Blur"].set_index("row")["value"]
        said = "; ".join(f"{name} {found[name]:.2f} s" for name in layers)
        pair = tables["SN-F"].iloc[0]
        clips = " followed by ".join(str(pair[side]).replace("_", " ") for side in ("before", "after"))
        caption = (
            f"A test clip of {clips}: the pair that differs most for what it varies. Units are sorted by how much they "
            f"rise. {self.evidence.heading.capitalize()}."
        )
        alt = f"Activations of six layers around the join of two clips. Blur over all pairs: {said}."
        return show(transition_drawn(layers), alt=alt, caption=caption)

    # --- CTC

    def hinted(self) -> Shown:
        """A generated recording as a sequence of tokens, and where the hint lets each of them be said."""
        task, _ = self.experiment.task("demo", self.parameters.seed, "cpu")  # type: ignore[attr-defined]
        corpus, tolerance = task.inputs["corpus"], int(CtcNetwork().tolerance or 0)
        clip, grid = corpus.clips[0], Grid(RATE, 0.5 / RATE)
        tokens = grid.tokens(clip, corpus.classes, int(clip.duration * RATE))
        caption = f"Above: events. Below: their tokens in order; each may be said within {tolerance} frames of its own."
        drawn = hinted_drawn(clip, tokens, token_names(corpus.classes), RATE, tolerance)
        alt = f"{len(clip.strong)} events of a recording are spelled by {len(tokens)} tokens. {caption}"
        return show(drawn, alt=alt, caption=f"{caption} A generated recording.")

    def curves(self) -> Shown:
        """Fig. 2: training loss and token error rates against epochs, a line for each feature."""
        table = self.evidence.run.table("ctc_curves")
        last = table[table["epoch"] == table.groupby("feature")["epoch"].transform("max")]
        ends = last.groupby("feature", sort=False)[["training TER", "test TER"]].mean()
        said = "; ".join(
            f"{feature} {line['training TER']:.0f} % in training, {line['test TER']:.0f} % in the test"
            for feature, line in ends.iterrows()
        )
        caption = f"Mean and range over seeds. {self.evidence.heading.capitalize()}."
        drawn = learning_curves(
            table, x="epoch", panels=["training loss", "training TER", "validation TER", "test TER"], by="feature"
        )
        return show(drawn, alt=f"Token error rates after the last epoch: {said}.", caption=caption)

    def against_low_level(self) -> Shown:
        """How many features err more than low-level ones on test recordings, here and in print."""
        rows, printed = self.evidence.run.rows, load_published()
        here = rows[(rows["item"] == "Table4") & (rows["column"] == "test")].set_index("row")["value"]
        paper = printed[(printed["item"] == "Table4") & (printed["column"] == "test")].set_index("row")["number"]
        students, plain = here.index[here.index.str.startswith("SN-")], ROWS[LOW_LEVEL]
        if plain not in here.index or students.empty:
            return Shown("", "")
        behind = [int((found[students] > found[plain]).sum()) for found in (here, paper)]
        words = f"Of {len(students)} features of SN-F and SN-R {behind[0]} err more here than low-level ones, in print "
        words += f"{behind[1]}. Here these networks had learned from few recordings, and shortly."
        return Shown(f"<p>{escape(words)}</p>", words)

    def errors_in_short(self) -> Shown:
        """What the errors are with the features whose curves are drawn, in a sentence."""
        means, drawn = self._test_errors(), self.evidence.run.table("ctc_curves")["feature"].unique()
        said = "; ".join(
            f"with {feature} {means.at[feature, 'deletions']:.0f} % left out, {means.at[feature, 'substitutions']:.0f} "
            f"exchanged, {means.at[feature, 'insertions']:.0f} put in"
            for feature in drawn
        )
        most = means.loc[list(drawn), "order of simultaneous boundaries"].max()
        words = (
            f"Of the true tokens of the test recordings, {said}. The order of simultaneous boundaries costs {most:.1f} "
        )
        words += "points at most."
        return Shown(f"<p>{escape(words)}</p>", words)

    def spelled(self) -> Shown:
        """What the boundaries of one test recording make of it; generated ones can be heard, too."""
        shown = drawn_events(self.evidence)
        for column in (self.evidence, *self.others):
            if column.run.profile == "demo":  # clips of ESC-50 outside ESC-10 may not be played
                sound = self._sound_of(column)
                beside = folded("A recording that can be heard", drawn_events(column) + sound)
                shown += sound if column is self.evidence else beside
        return shown

    def token_errors(self) -> Shown:
        """What the errors are, in per cent of the true tokens of the test recordings."""
        means = self._test_errors()
        caption = f"Errors on the test recordings, per cent of true tokens, {self.evidence.heading}"
        return plain_table(means.map(lambda value: f"{value:.1f}").reset_index(), caption)

    def _test_errors(self) -> pd.DataFrame:
        """Kinds of errors on the test recordings by feature, means over seeds."""
        table = self.evidence.run.table("errors")
        return table[table["split"] == "test"].drop(columns=["split", "seed"]).groupby("feature", sort=False).mean()

    def _sound_of(self, column: Column) -> Shown:
        """The recording whose events are drawn."""
        name = str(column.run.table("spelled")["recording"].iloc[0])
        corpus = self._playable(column)
        assert corpus is not None, "generated sound is on every machine"
        clip = next(clip for clip in corpus.clips if clip.id == name)
        audio = corpus.audio(clip)
        log_mel = np.asarray(extract(audio.samples, audio.sample_rate, NS_LOG_MEL))
        return listen([Example("Test recording", "of generated sound, as drawn above", audio, log_mel)])

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


def drawn_events(column: Column) -> Shown:
    """Events of a run's first test recording: true ones, and those that boundaries make with each feature."""
    table = column.run.table("spelled")
    counts = table.groupby("by", sort=False).size()
    said = ", ".join(f"{count} by {name}" for name, count in counts.items())
    caption = "Events of one test recording, and what the networks of the first seed make of it. "
    caption += f"{column.heading.capitalize()}."
    return show(spelled_drawn(table), alt=f"Events of a test recording: {said}.", caption=caption)


def beside_the_printed(own: pd.Series, printed: float) -> str:
    """How an accuracy and its interval lie to the one that SoundNet's authors print for the same clips."""
    points = float(own["value"]) - printed
    clips = round(abs(points) / 100 * own["n_clips"])
    side = "inside" if own["ci_low"] <= printed <= own["ci_high"] else "above" if printed > own["ci_high"] else "below"
    return (
        f"SoundNet's own protocol names {own['value']:.1f} % of {own['n_clips']:,.0f} clips rightly. That is "
        f"{abs(points):.1f} points or {clips} clips {'fewer' if points < 0 else 'more'} than the {printed} % that its "
        f"authors print, which lies {side} the interval from {own['ci_low']:.1f} to {own['ci_high']:.1f} %."
    )


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
