"""What the units of F2 say of a scene: Fig. 2 (bottom) and section 4.4 of Kumar, Khadkevich, Fügen 2018.

The units most active in a scene are listed for N_S and for the adapted networks, and scored against the recipes where
these are known; units of classes that beds are made of are left out.
"""

from collections.abc import Mapping, Sequence

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
from companion.papers.kumar2018.adaptation import Target, load_target
from companion.papers.kumar2018.unit_lists import (
    NETWORKS,
    Counts,
    listed_units,
    relation_table,
    totals_of,
    unit_counts,
    written_truth,
)
from companion.results.published import load_audioset_names, load_published
from companion.results.rows import Rows, bare

ITEM, PAIRED = "Scene-event relations", "Paired, scene-event relations"
MEASURES = {"precision at 5": scene_truth.precision_at, "rank correlation": scene_truth.rank_correlation}
SCORED = ("count", "pmi", "log_odds")
"""Relations that are scored; the share orders units as the count does."""


def compute(task: Task) -> Findings:
    """Rows and the table ``relations`` (network, score, scene, event, value, probability)."""
    data: Dataset = task.inputs["scenes"]
    target = load_target(data, task.work.n_jobs)
    sources = tagging.source_networks(task)
    units = listed_units(target, sources)
    counts = unit_counts(task, target, sources)
    rows = Rows()
    truth = written_truth(target, units)
    if truth is None:
        printed_lists(rows, target, units, counts["N_T^III"])
    else:
        totals = {name: [totals_of(one, target) for one in by_seed] for name, by_seed in counts.items()}
        Scorer(rows, truth, totals).score(np.random.default_rng(task.seed))
    n_recordings = target.units.n_recordings
    words = f"{data.name}: {len(data.clips)} clips of {n_recordings} recordings in {target.n_classes} scenes; "
    words += f"source: {sources[0].description}"
    tables = {"relations": relation_table(counts, target, units)}
    return Findings(rows, tables, words, n_recordings, task.seeds(task.settings.n_seeds))


def printed_lists(rows: Rows, target: Target, units: Sequence[str], by_seed: Sequence[Counts]) -> None:
    """For each scene of the paper's table, add the share of its events among our ten most frequent."""
    published, names = load_published(), load_audioset_names("Kumar2018")
    scenes = list(target.dataset.classes)
    totals = np.sum([totals_of(counts, target) for counts in by_seed], axis=0)
    found = {
        TABLE_3.get(scene, scene): set(listed)
        for scene, listed in zip(scenes, scene_events.most_frequent(totals, units), strict=True)
    }
    counted = {"n_clips": len(target.labels), "n_recordings": len(set(target.recordings)), "n_seeds": len(by_seed)}
    for _, line in published[published["item"] == "Fig2 bottom table"].iterrows():
        wanted = {names[word.strip()] for word in line["published"].split(",")}
        if line["row"] in found and wanted <= set(units):
            share = bare(len(wanted & found[line["row"]]) / len(wanted), **counted)
            words = "share of the printed events among our ten"
            rows.add(line["item"], line["row"], line["column"], line["measure"], share, words)


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

    def score(self, rng: np.random.Generator) -> None:
        """Add every row: lists, their differences, and what they are held against."""
        self.lists()
        self.differences()
        self.baselines(rng)

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
