"""Training and inference times of N_S and N_S^slat: Table 1 (top right) of Kumar, Khadkevich, Fügen 2018.

Times relative to N_S^slat for recordings of 10 s, as published, and for other lengths, beside the multiply-adds
that both networks need. A time belongs to the machine it was measured on, and so does the run folder.
"""

import time
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from pydantic import BaseModel, ConfigDict

from companion import paths
from companion.experiments.stages import timing
from companion.experiments.stages.identity import digest
from companion.experiments.stages.weights import run_command
from companion.models.cost import multiply_adds
from companion.models.weak_cnn import WeakCNN
from companion.profiles import PROFILES, Parameters
from companion.report import provenance
from companion.report.provenance import device_name, versions
from companion.report.runs import Run, read_run, write_run
from companion.training import make_fabric

NAME = "kumar2018_times"
DECISIVE = (
    "models/cost", "models/masked", "models/pooling", "models/slat", "models/weak_cnn", "losses", "training",
    "experiments/stages/timing", "experiments/kumar2018_times",
)  # fmt: skip
"""Modules whose code decides the rows; a finished run is out of date when one of them changed."""

TABLE_LENGTH = 862
"""Log-mel frames of 10 s, the length of AudioSet's clips."""

ROWS = {timing.TRAINING: "Train time 1 epoch", timing.INFERENCE: "Inference time per test clip"}
"""The paper's words for both phases."""

COUNTED_LENGTHS = (128, 192, 256, 345, 448, 640, 862, 1280, 2584)
"""Log-mel frames for which multiply-adds are counted: 1.5 to 30 s."""


class Config(BaseModel):
    """Settings of one profile.

    Args:
        lengths: Log-mel frames of the recordings timed: 1.5 s, which is one segment, to 30 s.
        recordings: Recordings in a batch.
        width: Factor on N_S's filters.
        n_classes: Outputs; AudioSet's.
        repeats: Measurements of each network, phase and length.
        warm_up: Rounds before them that are not counted.
        n_resamples: Resamples of every interval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lengths: tuple[int, ...] = (128, 345, TABLE_LENGTH, 2584)
    recordings: int = 4
    width: float = 1.0
    n_classes: int = 527
    repeats: int = 20
    warm_up: int = 3
    n_resamples: int = 2000


CONFIGS: dict[str, Config] = {
    "demo": Config(lengths=(128, 345, TABLE_LENGTH, 1724), recordings=2, width=0.25, repeats=4, warm_up=1),
    "esc50": Config(),
    "paper": Config(),
}


def run(parameters: Parameters) -> Run:
    """Measure, or read the same measurement of the same machine back when it is finished.

    Args:
        parameters: Profile, seed, device and share of the repeats. The processor is timed in any case, a GPU
            where ``device`` finds one; the rows of Table 1 are those of ``device``.

    Returns:
        Run: Rows, and the tables ``times`` (each measurement, ms a recording), ``relative`` (their ratios with
        intervals) and ``cost`` (multiply-adds).
    """
    config = CONFIGS[parameters.profile]
    work = timing.Workload(
        recordings=config.recordings,
        width=config.width,
        n_classes=config.n_classes,
        repeats=max(3, round(config.repeats * parameters.budget)),
        warm_up=config.warm_up,
        seed=parameters.seed,
    )
    fabrics = machines(parameters.device)
    names = [machine_words(fabric) for fabric in fabrics]
    identity = digest(DECISIVE, config=config.model_dump(), work=str(work), machines=names, versions=versions())
    folder = paths.runs_root() / NAME / f"{parameters.profile}-{identity[:12]}"
    if folder.is_dir():
        return read_run(folder)
    started = time.perf_counter()
    times = pd.concat(
        [measured(config, work, fabric, name) for fabric, name in zip(fabrics, names, strict=True)], ignore_index=True
    )
    what = provenance.collect(
        experiment=NAME,
        profile=parameters.profile,
        data=f"any audio, times only: noise in the shape of log-mels, {work.recordings} recordings of each length",
        seeds=[parameters.seed],
        device=str(fabrics[-1].device),
        command=run_command(NAME, parameters),
        config={**config.model_dump(), "machines": names},
        wall_time=time.perf_counter() - started,
        n_recordings=work.recordings,
    )
    relative = relative_times(times, config, parameters.seed)
    rows = pd.DataFrame(result_rows(relative, names[-1], work, parameters))
    return write_run(folder, rows, what, {"times": times, "relative": relative, "cost": cost_table(config)})


def machines(device: str) -> list[Fabric]:
    """The processor, and after it the GPU where there is one to be used."""
    chosen = make_fabric(device)
    return [chosen] if chosen.device.type == "cpu" else [make_fabric("cpu"), chosen]


def machine_words(fabric: Fabric) -> str:
    """Device, precision and, for a processor, threads: what a time depends on."""
    device = str(fabric.device)
    threads = f", {torch.get_num_threads()} thread(s)" if fabric.device.type == "cpu" else ""
    return f"{device_name(device)}{threads}, {fabric.strategy.precision.precision}"


def measured(config: Config, work: timing.Workload, fabric: Fabric, name: str) -> pd.DataFrame:
    """Times of every length on one device, one line a measurement."""
    parts = [
        timing.time_networks(n_frames, work, fabric).assign(
            **{"length s": timing.length_in_seconds(n_frames), "frames": n_frames, "device": name}
        )
        for n_frames in config.lengths
    ]
    columns = ["length s", "frames", "network", "phase", "repeat", "ms", "device"]
    return pd.concat(parts, ignore_index=True)[columns]


def cost_table(config: Config) -> pd.DataFrame:
    """Multiply-adds of both networks by length, and their ratio; at the paper's width, for counting costs nothing."""
    with torch.device("meta"):
        network = WeakCNN(config.n_classes)
    costs = [multiply_adds(network, n) for n in sorted({*COUNTED_LENGTHS, *config.lengths})]
    return pd.DataFrame(
        {
            "length s": timing.length_in_seconds(cost.n_frames),
            "frames": cost.n_frames,
            "segments": cost.n_segments,
            "multiply-adds N_S": cost.scanned,
            "multiply-adds N_S_slat": cost.segmentwise,
            "ratio": cost.ratio,
        }
        for cost in costs
    )


def relative_times(times: pd.DataFrame, config: Config, seed: int) -> pd.DataFrame:
    """Time of N_S relative to N_S^slat for every device, length and phase, with its interval."""
    rng = np.random.default_rng(seed)
    keys = ["device", "length s", "frames", "phase"]
    lines = []
    for key, group in times.groupby(keys, sort=False):
        value, low, high = timing.relative_time(group, config.n_resamples, rng)
        lines.append({**dict(zip(keys, key, strict=True)), "value": value, "ci_low": low, "ci_high": high})
    return pd.DataFrame(lines)


def result_rows(
    relative: pd.DataFrame, main: str, work: timing.Workload, parameters: Parameters
) -> list[dict[str, Any]]:
    """Table 1's four cells from the main device, and N_S for every length and device."""
    common = {
        "experiment": NAME, "paper": "Kumar2018", "measure": "relative time", "n_clips": work.recordings,
        "n_recordings": work.recordings, "n_seeds": 1, "profile": parameters.profile,
        "evidence": PROFILES[parameters.profile].evidence, "data": "any audio: times only",
    }  # fmt: skip
    by_definition = {"value": 1.0, "ci_low": np.nan, "ci_high": np.nan, "note": "1 by definition"}
    rows = []
    for line in relative.to_dict("records"):
        note = f"median of {work.repeats} repeats in turn, {work.recordings} recordings at a time, {line['device']}; "
        note += "the interval is over the repeats: timing noise on one machine only"
        number = {name: line[name] for name in ("value", "ci_low", "ci_high")} | {"note": note}
        words, kind = ROWS[line["phase"]], "GPU" if line["device"].startswith("cuda") else "CPU"
        places = [(f"Time by length, {kind}", f"{words}, {line['length s']:g} s", timing.SCANNED, number)]
        if line["device"] == main and line["frames"] == TABLE_LENGTH:
            places += [("Table1 top-right", words, timing.SEGMENTWISE, by_definition)]
            places += [("Table1 top-right", words, timing.SCANNED, number)]
        rows += [common | {"item": item, "row": row, "column": column} | n for item, row, column, n in places]
    return rows
