"""What the pages of this paper show beyond what any page does."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from companion.datasets.base import Clip, Dataset
from companion.errors import DataError
from companion.experiment import Experiment
from companion.features import NS_LOG_MEL, extract
from companion.models.description import layer_table
from companion.models.weak_cnn import WeakCNN
from companion.papers.kumar2018 import architecture, speed
from companion.report import classes, page
from companion.report.figures import confusion_grid, how_long, learning_curves, tsne_scatter
from companion.report.page import NOTHING, confusion_counts, stacked
from companion.report.players import Example, listen
from companion.report.shown import Shown, folded
from companion.report.style import show
from companion.report.symbols import as_html
from companion.report.tables import plain_table
from companion.results.run import Run
from companion.transfer import METHODS

N_S_CELL = "source | N_S | F1 max | LIBLINEAR | run 0"
APART = "Table2 right, without clips by authors of the source"
"""Item of the rows on clips whose authors recorded nothing of the source."""

EXAMPLES = 1
"""Recordings drawn or played of each kind."""

CELL = ("network", "representation")
HEADS = {
    **dict.fromkeys(("Table2 right", "Table2 controls", "Table3 lower", "Table3 controls", "Own output"), CELL),
    **dict.fromkeys(("Paired", "Fold by fold"), CELL),
    "Table2 left": ("system", "accuracy"),
    "Table3 upper": ("scene", "system"),
    "Bed groups": ("system", "what is right"),
    "Ties": ("clips", "weigh"),
    "scenes/Paired": ("network or scene", "representation or system"),
    "Table1 top-left": ("mean", "network"),
    "Table1 bottom lowest 10": ("classes", "network"),
    "Table1 bottom highest 10": ("classes", "network"),
    "Table1 controls": ("guess", "scored on"),
    "Table1 top-right": ("time", "network"),
    "Time by length": ("time", "network"),
    "Cross": ("trained on", "test"),
    "By length": ("length", "network"),
    "Localisation": ("quantity", "network"),
    "tagging/Paired": ("classes, length or quantity", "networks"),
    "Source task": ("network", "scored on"),
    "Scene-event relations": ("network", "units ranked by"),
    "relations/Paired": ("network", "units ranked by"),
    "Neighbours": ("representation", "neighbour of"),
    "Class neighbours": ("class", "quantity"),
    "Fig2 top-left": ("map", "quality"),
    "Fig2 top-right": ("map", "quality"),
    "AudioSet lists": ("quantity", "list"),
}
"""What the rows and columns of every item are."""


class Page(page.Page):
    """A chapter page of this paper."""

    experiment: Experiment
    heads = HEADS
    samples: Mapping[str, str] = {"relations": "scenes"}

    # --- tagging

    def learning(self) -> Shown:
        """Loss and validation MAP of both networks over the steps."""
        curves = self.evidence.run.table("curves").assign(network=lambda t: "shown " + t["shown"])
        best = curves.groupby("network")["MAP"].max()
        words = ", ".join(f"{name} up to {value:.3f}" for name, value in best.items())
        alt = f"Training loss and validation MAP over training steps: {words}."
        figure = learning_curves(curves, x="steps", panels=["loss", "MAP"], by="network")
        long = how_long(curves, int(self.evidence.run.provenance["settings"]["source"]["epochs"]))
        caption = f"{self.evidence.heading}; {words}. {long}"
        return folded("How the networks learn", show(figure, alt=alt, caption=caption))

    def class_ap(self) -> Shown:
        """AP of every class under both networks."""
        table = self.evidence.run.table("class_ap")
        better = int((table["difference"] > 0).sum())
        sure = int((table["ci_low"] > 0).sum()), int((table["ci_high"] < 0).sum())
        alt = (
            f"AP of {len(table)} classes under both networks: N_S is higher in {better}. Taken one by one, intervals "
            f"of the difference lie above zero in {sure[0]} classes, below it in {sure[1]}."
        )
        drawn = show(classes.class_ap(table, ("N_S_slat", "N_S")), alt=alt, caption=alt)
        return Shown(f"<p>{alt}</p>", alt) + folded("Class by class", drawn)

    def localisation(self) -> Shown:
        """Outputs over time beside the true events, for the recordings that the run picked."""
        run = self.evidence.run
        posteriors, events = run.table("localisation"), run.table("events")
        shown = []
        for clip in list(dict.fromkeys(posteriors["clip"]))[:EXAMPLES]:
            lines, bars = posteriors[posteriors["clip"] == clip], events[events["clip"] == clip]
            heard = ", ".join(f"{e['class']} from {e.onset:.1f} to {e.offset:.1f} s" for _, e in bars.iterrows())
            alt = f"Outputs of both networks over time in {clip}. True events: {heard}."
            shown.append(show(classes.localisation(lines, bars, ("N_S", "N_S_slat")), alt=alt, caption=clip))
        return stacked(shown)

    def shown_and_heard(self) -> Shown:
        """Every network heard both ways: the cross of training and hearing."""
        return self.grid("Cross", "What a network is shown in training, and how it hears at test")

    def gain_by_length(self) -> Shown:
        """N_S minus N_S^slat for every length of recording, and, folded, what training and hearing add to it."""
        rows = self.evidence.run.rows
        lengths = list(dict.fromkeys(rows.loc[rows["item"] == "Paired, by length", "row"]))
        names = ("training: recordings - segments", "hearing: scanned - segment by segment")
        whole = {n: f"[Paired, by length | {n} | N_S - N_S_slat | MAP difference]" for n in lengths}
        effects = {
            name.partition(":")[0].capitalize() + " alone": {
                n: f"[Cross, effects | {n} | {name} | MAP difference]" for n in lengths
            }
            for name in names
        }
        unit = "difference of MAP, points"
        front = self.differences({"N_S - N_S_slat": whole}, unit, scale=100, caption="By length of the test recordings")
        return front + folded("Training alone and hearing alone", self.differences(effects, unit, scale=100))

    def filled(self) -> Shown:
        """By length, how much of a recording its events fill."""
        run = self.evidence.run
        if "filled" not in run.table_names:
            return Shown("", "")
        table = run.table("filled")
        shares = [name for name in table if name.startswith("share")]
        table[shares] = table[shares].map("{:.0%}".format)
        return plain_table(table, "How much of a test recording events fill")

    # --- transfer and scenes

    def hear(self, data: str = "target") -> Shown:
        """Clips that N_S F1 max takes for what they are, and clips that it does not.

        Real clips are played where their licence allows it and the corpus is there; generated ones otherwise.
        """
        column = next((one for one in (self.evidence, *self.others) if self._playable(one.run)), None)
        if column is None:
            return Shown("<p>No corpus that can be played here.</p>", "No corpus that can be played here.")
        corpus = self._corpus(column.run, data)
        predictions = column.run.table("predictions").set_index("clip")
        clips = {clip.id: clip for clip in corpus.clips}
        right = predictions["label"] == predictions[N_S_CELL]
        wrong = predictions[~right].drop_duplicates("label")[:EXAMPLES]  # no two examples of one class
        heard = predictions[right & ~predictions["label"].isin(wrong["label"])].drop_duplicates("label")[:EXAMPLES]
        chosen = [*wrong.index, *heard.index]
        examples = [_example(corpus, clips[name], str(predictions.at[name, N_S_CELL])) for name in chosen]
        return listen(examples) + Shown(f"<p><small>{_source(corpus)}</small></p>", _source(corpus))

    def _playable(self, run: Run) -> bool:
        if run.profile == "demo":
            return True
        settings = self.experiment.profiles[run.profile]
        if getattr(settings, "target", "") != "esc10":  # the licence of other clips forbids more than it allows
            return False
        try:
            self._corpus(run, "target")
        except DataError:  # not on this machine
            return False
        return True

    def _corpus(self, run: Run, name: str) -> Dataset:
        settings = self.experiment.profiles[run.profile]
        found: Dataset = self.experiment.inputs(settings, self.parameters.seed, self.parameters.data_root)[name]
        return found

    def all_confusions(self) -> Shown:
        """Confusion matrices of all fourteen cells, small."""
        run = self.evidence.run
        columns = run.table("predictions").columns
        cells = [name for name in columns if name.startswith("source |") and " LIBLINEAR | run 0" in name]
        grids = {" ".join(name.split(" | ")[1:3]): confusion_counts(run, name) for name in cells}
        right = {name: 100 * sum(g.loc[c, c] for c in g.index) / g.to_numpy().sum() for name, g in grids.items()}
        words = ", ".join(f"{name} {share:.0f} %" for name, share in right.items())
        alt = f"Confusion matrices of {len(grids)} representations. Clips right: {words}."
        drawn = show(confusion_grid(grids), alt=alt, caption=self.evidence.heading)
        return folded("Confusion matrices of every representation", drawn)

    def adaptation(self) -> Shown:
        """How Methods I to III learn, on the trained trunk."""
        curves = self.evidence.run.table("adaptation_curves")
        kept = curves[curves["trunk"] == "source"].assign(method=lambda t: "Method " + t["method"])
        figure = learning_curves(kept, x="epoch", panels=["loss", "accuracy"], by="method")
        alt = "Training loss and accuracy of Methods I, II and III over the epochs, mean and range of folds and seeds."
        return folded("How the adaptation learns", show(figure, alt=alt, caption=self.evidence.heading))

    def authors_apart(self) -> Shown:
        """How many clips of the target are by people who also recorded some of the source, and what is left without."""
        rows = self.evidence.run.rows
        kept = rows[(rows["row"] == "N_S") & (rows["column"] == "F1 max")].set_index("item")
        if APART not in kept.index:
            return NOTHING
        whole, apart = kept.loc["Table2 right"], kept.loc[APART]
        n_clips, n_by_them = whole["n_clips"], whole["n_clips"] - apart["n_clips"]
        words = (
            f"{n_by_them:.0f} of the {n_clips:.0f} clips were recorded by people who also recorded some of the source. "
            f"Without these F1 max of N_S is right in {_level(apart)} of clips, "
            f"with them in {_level(whole)}."
        )
        return folded("Clips by people who also recorded some of the source", Shown(f"<p>{as_html(words)}</p>", words))

    def source(self) -> Shown:
        """How the source task was learned, and how the target was from scratch where networks tried."""
        run = self.evidence.run
        table = self.table("Source task", "N_S on validation recordings of its source task")
        if "source_curve" in run.table_names:
            curves = run.table("source_curve")
            table += self._learned(curves.assign(seed=curves["run"]), "source", "MAP", "the source task")
        if "scratch_curves" not in run.table_names:
            return folded("The source task", table)
        curves = run.table("scratch_curves")
        alone = curves.assign(seed=curves["seed"].astype(str) + "/" + curves["fold"].astype(str))
        scratch = self._learned(alone, "scratch", "accuracy", "the target alone")
        return folded("The source task", table) + folded("How networks learn from scratch", scratch)

    def _learned(self, curves: pd.DataFrame, settings: str, measure: str, what: str) -> Shown:
        """Learning curves of several networks, and whether a bound stopped them."""
        most = int(self.evidence.run.provenance["settings"][settings]["epochs"])
        alt = f"Training loss and validation {measure} of {what} over the epochs, mean and range of the networks."
        figure = learning_curves(curves, x="epoch", panels=["loss", measure])
        long = how_long(curves.assign(network="N_S"), most)
        return show(figure, alt=alt, caption=f"{self.evidence.heading}. {long}")

    def scene_recipes(self) -> Shown:
        """The recipes of the scenes, where they have any."""
        run = self.evidence.run
        if "recipes" not in run.table_names:
            return Shown("", "")
        return folded("The recipes: events with the probability of being heard", plain_table(run.table("recipes")))

    def by_scene(self) -> Shown:
        """N_T^III against the baseline, scene by scene."""
        rows = self.evidence.run.rows
        pair = "N_T^III F1 max - Baseline (MFCC-GMM)"
        found = rows[(rows["item"] == "Paired") & (rows["column"] == pair) & (rows["row"] != "Mean")]
        ordered = found.sort_values("value", ascending=False)["row"]
        lines = {name: f"[Paired | {name} | {pair} | accuracy difference, points]" for name in ordered}
        return self.differences({"N_T^III - baseline": lines}, "difference of accuracy, percentage points")

    def scene_map(self) -> Shown:
        """The t-SNE picture, folded."""
        return folded("The map of scenes (Fig. 2, right)", self.map() + self.table("Fig2 top-right"))

    # --- the network

    def architecture(self) -> Shown:
        """Fig. 1, drawn from the modules."""
        methods = [asdict(method) for method in METHODS.values()]
        alt = (
            "N_S from an input of 896 frames and 128 bands through blocks B1 to B6, F1 and F2 with 13 segments to the "
            "global pooling P, and beside it Methods I, II and III: B1 to B6 frozen, F1 updated, F_T in place of F2 "
            "in Method I, after F2 in Method II and after P in Method III."
        )
        return show(architecture.architecture(_layers(), methods), alt=alt)

    def layers(self) -> Shown:
        """The table of layers, with parameters and multiply-adds."""
        return architecture.layer_listing(_layers())

    def ratio_by_length(self) -> Shown:
        """Cost of N_S relative to N_S^slat by length: counted, and timed."""
        alt = (
            "Cost of N_S relative to N_S_slat over the length of a recording: the counted line falls from 1 at one "
            "segment towards one half, with the timed ratios of training and inference as dots."
        )
        return show(speed.ratio_by_length(self.evidence), alt=alt, caption=self.evidence.heading)

    def times(self) -> Shown:
        """Every length and device, the medians, and the counts."""
        shown = [speed.by_length(self.paper, self.evidence), speed.time_table(self.evidence)]
        return folded("Times of every length", stacked([*shown, speed.cost_table(self.evidence.run)]))

    def label_distribution(self) -> Shown:
        """Clips of every class in AudioSet's lists."""
        alt = (
            "Clips per class of AudioSet's balanced training and evaluation lists, classes sorted by number, on a "
            "logarithmic axis: most have about sixty, a few have thousands."
        )
        return show(classes.label_distribution(self.evidence.run.table("label_distribution")), alt=alt)

    # --- maps and lists

    def map(self) -> Shown:
        """The t-SNE picture."""
        points = self.evidence.run.table("tsne").rename(columns={"superclass": "group"})
        groups = ", ".join(str(name) for name in dict.fromkeys(points["group"]))
        alt = f"{len(points)} clips laid out by t-SNE of F1, coloured and shaped by group: {groups}."
        return show(tsne_scatter({"": points}), alt=alt, caption=f"{self.evidence.heading}: {self.evidence.data}")

    def neighbours(self) -> Shown:
        """Classes nearest to the vacuum cleaner, where there is one."""
        run = self.evidence.run
        if "class_neighbours" not in run.table_names:
            return Shown("", "")
        return plain_table(
            run.table("class_neighbours"), "Classes by the mean rank of their distance to the vacuum cleaner"
        )

    def relation_lists(self, network: str = "N_T^III", score: str = "count", n: int = 5) -> Shown:
        """The paper's table: the units most often among the five most active, those of the recipe marked."""
        table = _relations(self.evidence.run, network, score)
        lines = []
        for scene, units in table.groupby("scene", sort=False):
            top = units[units["value"] > 0].sort_values("value", ascending=False, kind="stable").head(n)
            named = [
                f"{unit.event.replace('_', ' ')}{' ✓' if unit.probability > 0 else ''}" for unit in top.itertuples()
            ]
            lines.append({"scene": scene, f"{n} units most often among the five most active": ", ".join(named)})
        return plain_table(pd.DataFrame(lines), f"{network}; ✓ the recipe holds the event")

    def list_scores(self) -> Shown:
        """Lists of every network against those of N_S by the same relation, and relations against counting."""
        item, measure = "Paired, scene-event relations", "precision at 5 difference"
        names = {"count": "by count", "pmi": "by pmi", "log_odds": "by log odds"}
        return self.differences(
            {
                f"{network} - N_S": {
                    words: f"[{item} | {network} - N_S | {name} | {measure}]" for name, words in names.items()
                }
                for network in ("N_T^II", "N_T^III")
            }
            | {
                "pmi - count": {
                    network: f"[{item} | {network} | pmi - count | {measure}]"
                    for network in ("N_S", "N_T^II", "N_T^III")
                }
            },
            "difference of precision at 5, points",
            scale=100,
        )

    def relation_maps(self, networks: Sequence[str] = ("N_S", "N_T^III")) -> Shown:
        """Scene × event maps of counts, framed where the recipe holds the event."""
        shown = []
        for network in networks:
            table = _relations(self.evidence.run, network, "share")
            scenes, events = list(dict.fromkeys(table["scene"])), list(dict.fromkeys(table["event"]))
            values, truth = (
                table.pivot(index="scene", columns="event", values=name).loc[scenes, events]
                for name in ("value", "probability")
            )
            framed = truth if truth.notna().to_numpy().any() else None
            alt = (
                f"Map of {len(scenes)} scenes by {len(events)} events, {network}: how often each unit is among the "
                "five most active; framed where the recipe holds the event."
            )
            shown.append(show(classes.relation_map(values, framed), alt=alt, caption=network))
        return stacked(shown)


def _layers() -> pd.DataFrame:
    return pd.DataFrame(layer_table(WeakCNN(n_classes=527), n_frames=896))


def _example(corpus: Dataset, clip: Clip, said: str) -> Example:
    """A clip with its true class and the one that was said."""
    audio, label = corpus.audio(clip), str(clip.label)
    name, other = label.replace("_", " "), said.replace("_", " ")
    words = "is heard as what it is" if said == label else f"is taken for {other}"
    author = corpus.author_of.get(clip.recording)
    maker = f" (Freesound {clip.recording} by {author})" if author else ""
    log_mel = extract(audio.samples, audio.sample_rate, NS_LOG_MEL)
    return Example(name, words + maker, audio, np.asarray(log_mel))


def _source(corpus: Dataset) -> str:
    return f"Clips of {corpus.name}. {corpus.licence}".strip()


def _relations(run: Run, network: str, score: str) -> pd.DataFrame:
    table = run.table("relations")
    kept = table[(table["network"] == network) & (table["score"] == score)]
    return kept if "probability" in kept else kept.assign(probability=float("nan"))


def _level(row: pd.Series) -> str:
    return f"{row['value']:.1f} % [{row['ci_low']:.1f}, {row['ci_high']:.1f}]"
