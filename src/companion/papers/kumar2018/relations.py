"""What the units of F2 say of a scene: Fig. 2 (bottom) and section 4.4 of Kumar, Khadkevich, Fügen 2018.

The units most active in a scene are listed for N_S and for the adapted networks, and scored against the recipes where
these are known.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.datasets.base import Dataset
from companion.datasets.dcase2016_lists import TABLE_3
from companion.evaluation import scene_events, scene_truth
from companion.evaluation.intervals import Interval, mean_interval
from companion.evaluation.units import Units
from companion.experiment import Experiment, Findings, Task
from companion.papers.kumar2018 import scenes, tagging
from companion.papers.kumar2018.adaptation import Target, load_target, trunks
from companion.papers.kumar2018.cells import keep_adapted
from companion.papers.kumar2018.source import Source
from companion.representations import segment_outputs
from companion.results.published import load_audioset_names, load_published
from companion.results.rows import Rows, bare

ITEM, PAIRED = "Scene-event relations", "Paired, scene-event relations"
NETWORKS = {"N_S": "", "N_T^II": "II", "N_T^III": "III"}
"""Networks with an F2, and the method that adapts each."""

MEASURES = {"precision at 5": scene_truth.precision_at, "rank correlation": scene_truth.rank_correlation}
SCORED = ("count", "pmi", "log_odds")
"""Relations that are scored; the share orders units as the count does."""

Counts = NDArray[Any]


def compute(task: Task) -> Findings:
    """Rows and the table ``relations`` (network, score, scene, event, value, probability)."""
    data: Dataset = task.inputs["scenes"]
    target = load_target(data, task.work.n_jobs)
    sources = tagging.source_networks(task)
    counts = unit_counts(task, target, sources)
    rows = Rows()
    table = relation_rows(rows, target, sources[0].classes, counts, task.seed)
    n_recordings = target.units.n_recordings
    words = f"{data.name}: {len(data.clips)} clips of {n_recordings} recordings in {target.n_classes} scenes; "
    words += f"source: {sources[0].description}"
    return Findings(rows, {"relations": table}, words, n_recordings, task.seeds(task.settings.n_seeds))


def unit_counts(task: Task, target: Target, sources: Sequence[Source]) -> dict[str, list[Counts]]:
    """In how many segments of each clip each unit is among the five most active.

    Returns:
        For each network one array a seed. Shape: ``(N, C_S)``.
    """
    found: dict[str, list[Counts]] = {network: [] for network in NETWORKS}
    for number, seed in enumerate(task.seeds(task.settings.n_seeds)):
        source = sources[number % len(sources)]
        outputs = trunks(source, target, task.work.device)
        for network, method in NETWORKS.items():
            if method:
                segments = adapted_events(task, source, target, method, seed)
            else:
                segments = segment_outputs(source.network, outputs)[1] or []
            found[network].append(scene_events.count_top(segments))
    return found


def adapted_events(task: Task, source: Source, target: Target, method: str, seed: int) -> list[NDArray[np.float32]]:
    """F2 of every segment of every clip, by the network adapted without the clip's fold. Shape: ``(K, C_S)`` each."""
    outputs = trunks(source, target, task.work.device)
    segments: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)] * len(outputs)
    for fold in np.unique(target.folds):
        test = np.flatnonzero(target.folds == fold)
        kept = keep_adapted(task, source, target, method, int(fold), seed)
        ends = np.cumsum([outputs[i].shape[1] - 1 for i in test])
        for i, found in zip(test, np.split(kept["F2 segments"], ends[:-1]), strict=True):
            segments[int(i)] = found
    return segments


def relation_rows(
    rows: Rows, target: Target, units: Sequence[str], counts: Mapping[str, Sequence[Counts]], seed: int
) -> pd.DataFrame:
    """Add rows of every network's lists, scored where the scenes have recipes.

    Returns:
        DataFrame: ``network``, ``score``, ``scene``, ``event``, ``value``, and ``probability`` where there are recipes.
    """
    places = np.array(target.dataset.classes)
    labels = places[target.labels]
    truth = written_truth(target, units)
    table = relation_table(counts, labels, places, units, truth)
    if truth is None:
        printed_lists(rows, target, units, counts["N_T^III"])
        return table
    scored = [units.index(name) for name in truth.columns]
    totals = {
        network: [scene_events.by_scene(one, labels, list(places))[:, scored] for one in by_seed]
        for network, by_seed in counts.items()
    }
    scorer = Scorer(rows, truth, totals)
    scorer.lists()
    scorer.differences()
    scorer.baselines(np.random.default_rng(seed))
    return table


def printed_lists(rows: Rows, target: Target, units: Sequence[str], by_seed: Sequence[Counts]) -> None:
    """For each scene of the paper's table, add the share of its events among our ten most frequent."""
    published, names = load_published(), load_audioset_names("Kumar2018")
    scenes = list(target.dataset.classes)
    labels = np.array(scenes)[target.labels]
    totals = np.sum([scene_events.by_scene(counts, labels, scenes) for counts in by_seed], axis=0)
    found = {
        TABLE_3.get(scene, scene): set(listed)
        for scene, listed in zip(scenes, scene_events.most_frequent(totals, units), strict=True)
    }
    counted = {"n_clips": len(labels), "n_recordings": len(set(target.recordings)), "n_seeds": len(by_seed)}
    for _, line in published[published["item"] == "Fig2 bottom table"].iterrows():
        wanted = {names[word.strip()] for word in line["published"].split(",")}
        if line["row"] in found and wanted <= set(units):
            share = bare(len(wanted & found[line["row"]]) / len(wanted), **counted)
            words = "share of the printed events among our ten"
            rows.add(line["item"], line["row"], line["column"], line["measure"], share, words)


def written_truth(target: Target, units: Sequence[str]) -> pd.DataFrame | None:
    """Probabilities of the recipes; None for recorded scenes. Shape: scenes × scored units of F2.

    A unit whose event no recipe holds has probability 0: listing it is an error. An event of a recipe that F2 has no
    unit for can be listed by nobody, and is left out. So are units of the classes that beds are made of: they may well
    be active, and no recipe says how much.
    """
    if not hasattr(target.dataset, "truth"):
        return None
    beds = getattr(target.dataset, "bed_classes", ())
    truth: pd.DataFrame = target.dataset.truth()
    scored = [unit for unit in units if unit not in beds]
    return truth.reindex(index=list(target.dataset.classes), columns=scored, fill_value=0.0)


def relation_table(
    counts: Mapping[str, Sequence[Counts]],
    labels: NDArray[Any],
    scenes: NDArray[Any],
    units: Sequence[str],
    truth: pd.DataFrame | None,
) -> pd.DataFrame:
    """Every scene and unit, long: the share of segments' lists that name it, and the recipe's probability."""
    lines = []
    for network, by_seed in counts.items():
        totals = np.mean([scene_events.by_scene(one, labels, list(scenes)) for one in by_seed], axis=0)
        for name, relation in scene_events.RELATIONS.items():
            scores = relation(totals)
            frame = pd.DataFrame(scores, index=pd.Index(scenes, name="scene"), columns=list(units))
            long = frame.melt(ignore_index=False, var_name="event", value_name="value").reset_index()
            lines.append(long.assign(network=network, score=name))
    table = pd.concat(lines, ignore_index=True)
    if truth is not None:
        written = truth.rename_axis("scene").melt(ignore_index=False, var_name="event", value_name="probability")
        table = table.merge(written.reset_index(), on=["scene", "event"], how="left")
    return table.round({"value": 5})


class Scorer:
    """Scores of lists against recipes. Lists move by whole places, so the scenes are the sample of every interval.

    Args:
        rows: Where rows go.
        truth: Probability that a recipe has a unit's event heard. Shape: scenes × units.
        totals: For each network and seed the counts of every scene. Shape: ``(S, C)`` each.
    """

    def __init__(self, rows: Rows, truth: pd.DataFrame, totals: Mapping[str, Sequence[Counts]]) -> None:
        self.rows, self.truth, self.totals = rows, truth.to_numpy(), totals
        self.scenes = Units(list(truth.index), over="scenes")

    def by_scene(self, network: str, score: str, measure: str) -> NDArray[np.float64]:
        """What each seed's list is worth in each scene. Shape: ``(seeds, scenes)``."""
        relation, worth = scene_events.RELATIONS[score], MEASURES[measure]
        return np.stack([worth(relation(totals), self.truth) for totals in self.totals[network]])

    def lists(self) -> None:
        """Every network's lists by every relation."""
        for network in self.totals:
            for score in SCORED:
                for measure in MEASURES:
                    found = self._interval(self.by_scene(network, score, measure), difference=False)
                    self.rows.add(ITEM, network, score, measure, found)

    def differences(self) -> None:
        """Paired differences: adaptation against none, other relations against counting."""
        for measure in MEASURES:
            for score in SCORED:
                for network in ("N_T^II", "N_T^III"):
                    self._differ((network, score), ("N_S", score), f"{network} - N_S", score, measure)
            for network in NETWORKS:
                for score in SCORED[1:]:
                    self._differ((network, score), (network, "count"), network, f"{score} - count", measure)

    def baselines(self, rng: np.random.Generator) -> None:
        """What lists are held against: one list for every scene, and permuted names."""
        for network, by_seed in self.totals.items():
            totals = np.mean(by_seed, axis=0)
            for measure, worth in MEASURES.items():
                same = worth(scene_events.globally_active(totals), self.truth)
                row = f"globally most active units of {network}"
                self.rows.add(ITEM, row, "count", measure, self._interval(same[None], difference=False))
            for names in ("units", "scenes"):
                for score in SCORED:
                    self._permuted(network, scene_events.RELATIONS[score](totals), score, names, rng)

    def _permuted(
        self, network: str, scores: NDArray[np.float64], score: str, names: str, rng: np.random.Generator
    ) -> None:
        found = scene_truth.permutation_baseline(scores, self.truth, rng, names=names)
        n = len(self.truth)
        for measure, values, p in zip(MEASURES, (found.precision, found.correlation), found.p_values, strict=True):
            low, high = np.quantile(values, [0.025, 0.975])
            middle = Interval(float(values.mean()), float(low), float(high), n, n, len(self.totals[network]))
            note = f"middle 95 % of permutations; the list of all seeds together against them: p = {p:.4f}"
            self.rows.add(ITEM, f"permuted {names} of {network}", score, measure, middle, note)

    def _differ(self, a: tuple[str, str], b: tuple[str, str], row: str, column: str, measure: str) -> None:
        gain = self._interval(self.by_scene(*a, measure) - self.by_scene(*b, measure), difference=True)
        self.rows.add(PAIRED, row, column, f"{measure} difference", gain)

    def _interval(self, values: NDArray[np.float64], *, difference: bool) -> Interval:
        bounds = (-2.0, 2.0) if difference else (-1.0, 1.0)
        return mean_interval(values, self.scenes, difference=difference, bounds=bounds)


experiment = Experiment(__name__, scenes.PROFILES, compute, scenes.inputs)
run, find = experiment.run, experiment.find
