"""Which classes lie beside the vacuum cleaner: section 4.4 of Kumar, Khadkevich, Fügen 2018, in the space itself.

The paper reads off its t-SNE picture that the vacuum cleaner, a domestic sound, lies near chainsaw, engine and hand
saw, exterior ones. The picture cannot carry that; the distances between class centroids in F1 can.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from companion import paths
from companion.datasets.base import Clip
from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_mixtures import TEST_FOLDS
from companion.datasets.extraction import extract_corpus
from companion.errors import ParameterError
from companion.evaluation.bootstrap import cluster_bootstrap
from companion.evaluation.relations import class_centroid_neighbours
from companion.experiments import kumar2018_scenes
from companion.experiments.stages.identity import TRANSFER_MODULES, digest
from companion.experiments.stages.kumar2018_rows import Common
from companion.experiments.stages.weights import chosen_weights, run_command, weights_digest
from companion.features import NS_LOG_MEL
from companion.profiles import PROFILES, Parameters
from companion.report import provenance
from companion.report.runs import Run, read_run, write_run
from companion.representations import represent
from companion.store import Store
from companion.training import make_fabric
from companion.transfer import trunk_outputs

NAME = "kumar2018_neighbours"
CLASS, NEAR = "vacuum_cleaner", ("chainsaw", "engine", "hand_saw")
N_LISTED = 10


class Config(BaseModel):
    """Settings of one profile.

    Args:
        folds: Official folds of ESC-50 whose clips are represented; where N_S was trained on ESC-50, those it never
            heard.
        n_resamples: Resamples of the interval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folds: tuple[int, ...]
    n_resamples: int = 500


CONFIGS = {"esc50": Config(folds=TEST_FOLDS["test"]), "paper": Config(folds=(1, 2, 3, 4, 5))}


def run(parameters: Parameters) -> Run:
    """Run the experiment, or read it back when the same run is finished.

    Returns:
        Run: The rank of the claimed neighbours, and the table ``class_neighbours``.

    Raises:
        ParameterError: The ``demo`` profile, whose sounds have no vacuum cleaner.
    """
    if parameters.profile not in CONFIGS:
        raise ParameterError(
            f"profile {parameters.profile!r} has no vacuum cleaner",
            expected=" or ".join(CONFIGS),
            repair=f"companion experiment {NAME} --profile esc50",
        )
    config = CONFIGS[parameters.profile]
    corpus = ESC50(parameters.data_root)
    scenes = kumar2018_scenes.CONFIGS[parameters.profile]
    identity = digest(
        TRANSFER_MODULES,
        config=config.model_dump(),
        source=kumar2018_scenes.kumar2018_tagging.CONFIGS[parameters.profile].model_dump(),
        seed=parameters.seed,
        budget=parameters.budget,
        corpus=corpus.fingerprint(),
        weights=weights_digest(chosen_weights(parameters, scenes.weights)),
    )
    folder = paths.runs_root() / NAME / f"{parameters.profile}-{identity[:12]}"
    if folder.is_dir():
        return read_run(folder)
    started = time.perf_counter()
    seeds = [parameters.seed + number for number in range(scenes.n_seeds)]
    sources = kumar2018_scenes.source_networks(scenes, parameters, seeds)
    clips = tuple(clip for clip in corpus.clips if clip.fold in config.folds)
    store = Store(paths.cache_root() / "store")
    features = extract_corpus(corpus, NS_LOG_MEL, store, clips=clips, n_jobs=torch.get_num_threads())
    device = make_fabric(parameters.device).device
    spaces = [
        represent(source.network, trunk_outputs(source.network, features, device=device)).f1_max for source in sources
    ]
    common = asdict(Common(NAME, parameters.profile, PROFILES[parameters.profile].evidence, corpus.name))
    rows = [rank_row(common, spaces, clips, config.n_resamples, parameters.seed)]
    what = provenance.collect(
        experiment=NAME,
        profile=parameters.profile,
        data=f"{corpus.name}, folds {', '.join(map(str, config.folds))}: {len(clips)} clips; "
        f"source: {sources[0].description}",
        seeds=seeds,
        device=str(device),
        command=run_command(NAME, parameters),
        config=config.model_dump(),
        wall_time=time.perf_counter() - started,
        n_recordings=len({clip.recording for clip in clips}),
    )
    table = neighbour_table(spaces, clips, corpus.superclass_of)
    return write_run(folder, pd.DataFrame(rows), what, {"class_neighbours": table})


def rank_row(
    common: dict[str, Any], spaces: Sequence[NDArray[Any]], clips: Sequence[Clip], n_resamples: int, seed: int
) -> dict[str, Any]:
    """Mean rank of the claimed neighbours, with recordings and seeds resampled."""
    labels = np.array([str(clip.label) for clip in clips])

    def statistic(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        drawn = np.repeat(np.arange(len(clips)), weights)
        if not {CLASS, *NEAR} <= set(labels[drawn].tolist()):
            return np.full(len(spaces), np.nan)
        found = [class_centroid_neighbours(x[drawn], labels[drawn]) for x in spaces]
        return np.array([np.mean([one.rank(CLASS, other) for other in NEAR]) for one in found])

    recordings = [clip.recording for clip in clips]
    interval = cluster_bootstrap(statistic, recordings, np.random.default_rng(seed), n_resamples=n_resamples)
    return {
        **common,
        "item": "Class neighbours",
        "row": "vacuum cleaner",
        "column": "mean rank of chainsaw, engine, hand saw",
        "measure": "rank",
        "value": interval.value,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n_clips": interval.n_clips,
        "n_recordings": interval.n_recordings,
        "n_seeds": interval.n_seeds,
        "note": f"of {len(set(labels.tolist())) - 1} other classes; by chance the mean rank is half of them",
    }


def neighbour_table(spaces: Sequence[NDArray[Any]], clips: Sequence[Clip], superclass_of: Any) -> pd.DataFrame:
    """The classes nearest to the vacuum cleaner by their mean rank over seeds."""
    labels = np.array([str(clip.label) for clip in clips])
    others = sorted(set(labels.tolist()) - {CLASS})
    found = [class_centroid_neighbours(x, labels) for x in spaces]
    ranks = {other: float(np.mean([one.rank(CLASS, other) for one in found])) for other in others}
    order = sorted(others, key=lambda other: ranks[other])
    listed = order[:N_LISTED] + [name for name in order[N_LISTED:] if name in NEAR]
    return pd.DataFrame(
        {"class": name.replace("_", " "), "group": superclass_of[name], "mean rank": round(ranks[name], 1)}
        for name in listed
    )
