"""Transfer of N_S to acoustic scenes: Table 3 and Fig. 2 (right, bottom) of Kumar, Khadkevich, Fügen 2018.

Sound events to scenes is another task, not only another corpus. The published cells stand beside the rerun MFCC-GMM
baseline, the same network untrained, statistics of the log-mel, and loudness alone; and what the units of F2 say
of each scene is scored against the recipes where these are known.
"""

import time
from dataclasses import asdict
from typing import Literal

import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict

from companion import paths
from companion.datasets.base import Dataset
from companion.evaluation.mixture_bootstrap import membership
from companion.events import read_table
from companion.experiments import kumar2018_tagging
from companion.experiments.stages.embedding import embed
from companion.experiments.stages.identity import TRANSFER_MODULES, digest
from companion.experiments.stages.kumar2018_rows import Common, trust_row
from companion.experiments.stages.kumar2018_table3 import baseline_cells, scene_rows
from companion.experiments.stages.predictions import Plan, predict
from companion.experiments.stages.scene_relations import relation_rows, unit_counts
from companion.experiments.stages.source import Source, load_source
from companion.experiments.stages.target import load_target
from companion.experiments.stages.weak_corpus import weak_corpus
from companion.experiments.stages.weights import chosen_weights, run_command, weights_digest
from companion.profiles import PROFILES, Parameters
from companion.report import provenance
from companion.report.repository import checkout
from companion.report.runs import Run, read_run, write_run
from companion.training import make_fabric

NAME = "kumar2018_scenes"


class Config(BaseModel):
    """Settings of one profile. The source networks are those of ``kumar2018_tagging``.

    Args:
        scenes: Corpus of scenes.
        clips_per_scene: Clips of each scene, where the corpus is composed.
        duration: Seconds of each of them.
        weights: Checkpoint below the data folder, in place of trained source networks.
        n_seeds: Seeds of source networks and adaptation.
        adaptation_epochs: Epochs of Methods I to III; the paper's 50.
        width: Factor on the filters of the untrained network.
        per_decade: Values of C in a factor of ten.
        untrained_methods: Methods that the untrained trunk is adapted by, as a control.
        n_components: Gaussians of each scene in the baseline.
        n_resamples: Resamples of every interval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenes: Literal["synthetic", "esc50", "tut2016"]
    clips_per_scene: int = 0
    duration: float = 30.0
    weights: str = ""
    n_seeds: int = 1
    adaptation_epochs: int = 50
    width: float = 1.0
    per_decade: int = 1
    untrained_methods: tuple[str, ...] = ("III",)
    n_components: int = 16
    n_resamples: int = 2000


CONFIGS: dict[str, Config] = {
    "demo": Config(
        scenes="synthetic",
        clips_per_scene=8,
        duration=8.0,
        adaptation_epochs=20,
        width=0.25,
        n_components=8,
        n_resamples=500,
    ),
    # Fixed before any scene was scored by a network; the recipes were set by the baseline alone.
    "esc50": Config(scenes="esc50", clips_per_scene=24, n_seeds=3, width=0.5),
    "paper": Config(
        scenes="tut2016",
        weights="checkpoints/ns-audioset.safetensors",
        n_seeds=3,
        per_decade=2,
        untrained_methods=("I", "II", "III"),
    ),
}


def scene_corpus(config: Config, parameters: Parameters) -> Dataset:
    """The scenes of a profile."""
    if config.scenes == "tut2016":
        from companion.datasets.dcase2016 import TUTScenes2016

        return TUTScenes2016(parameters.data_root)
    if config.scenes == "synthetic":
        from companion.datasets.synthetic import SyntheticScenes

        return SyntheticScenes(parameters.seed, recordings_per_scene=config.clips_per_scene, duration=config.duration)
    from companion.datasets.esc50 import ESC50
    from companion.datasets.esc50_scenes import RestagedScenes

    cuts = read_table(checkout() / "data" / "events" / "esc50.csv")
    corpus = ESC50(parameters.data_root)
    return RestagedScenes(corpus, cuts, clips_per_scene=config.clips_per_scene, duration=config.duration)


def source_networks(config: Config, parameters: Parameters, seeds: list[int]) -> list[Source]:
    """The N_S of every seed that the tagging comparison trained, or the one whose weights are given."""
    weights = chosen_weights(parameters, config.weights)
    if weights is not None:
        return [load_source(weights)]
    tagging = kumar2018_tagging.CONFIGS[parameters.profile]
    corpus = weak_corpus(tagging.corpus, tagging.source, parameters, test_split=True)
    return [kumar2018_tagging.trained("N_S", corpus, tagging, parameters, seed) for seed in seeds]


def run(parameters: Parameters) -> Run:
    """Run the experiment, or read it back when the same run is finished.

    Returns:
        Run: Rows and the tables ``predictions``, ``folds``, ``adaptation_curves``, ``probes``, ``tsne`` and those
        of the scene–event relations.
    """
    config = CONFIGS[parameters.profile]
    data = scene_corpus(config, parameters)
    weights = chosen_weights(parameters, config.weights)
    identity = digest(
        TRANSFER_MODULES,
        config=config.model_dump(),
        source=kumar2018_tagging.CONFIGS[parameters.profile].model_dump(),
        seed=parameters.seed,
        budget=parameters.budget,
        target=data.fingerprint(),
        weights=weights_digest(weights),
    )
    folder = paths.runs_root() / NAME / f"{parameters.profile}-{identity[:12]}"
    if folder.is_dir():
        return read_run(folder)
    started = time.perf_counter()
    device, n_jobs = make_fabric(parameters.device).device, torch.get_num_threads()
    target = load_target(data, n_jobs=n_jobs)
    seeds = [parameters.seed + number for number in range(config.n_seeds)]
    sources = source_networks(config, parameters, seeds)
    networks = [source.network for source in sources]
    plan = Plan(
        seeds=tuple(seeds),
        adaptation_epochs=max(1, round(config.adaptation_epochs * parameters.budget)),
        scratch_epochs=0,
        scratch_batch=0,
        width=config.width,
        per_decade=config.per_decade,
        control_probes=("LIBLINEAR",),
        untrained_methods=config.untrained_methods,
        untrained_seeds=1,
    )
    baseline = baseline_cells(target, config.n_components, seeds, n_jobs)
    predictions, tables = predict(plan, target, networks, device, baseline)
    common = Common(NAME, parameters.profile, PROFILES[parameters.profile].evidence, data.name)
    rows = scene_rows(common, target, sources, predictions, config.n_resamples, parameters.seed)
    embedding, trustworthiness = embed(networks[0], target, parameters.seed, device)
    rows.append(trust_row(common, target, trustworthiness, "Fig2 top-right"))
    counts = unit_counts(target, sources, seeds, plan.adaptation_epochs, device)
    related, relation_tables = relation_rows(
        asdict(common), target, sources[0].classes, counts, config.n_resamples, parameters.seed
    )
    if hasattr(data, "recipe_table"):
        tables["recipes"] = data.recipe_table()
    n_recordings = len(membership(target.recordings)[0])
    what = provenance.collect(
        experiment=NAME,
        profile=parameters.profile,
        data=f"{data.name}: {len(data.clips)} clips of {n_recordings} recordings in {target.n_classes} scenes and "
        f"{len(data.folds)} folds; source: {sources[0].description}",
        seeds=seeds,
        device=str(device),
        command=run_command(NAME, parameters),
        config=config.model_dump(),
        wall_time=time.perf_counter() - started,
        n_recordings=n_recordings,
    )
    return write_run(folder, pd.DataFrame(rows + related), what, {**tables, **relation_tables, "tsne": embedding})
