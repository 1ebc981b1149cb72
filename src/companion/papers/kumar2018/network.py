"""N_S and what it costs: Fig. 1 and the times of Table 1 of Kumar, Khadkevich, Fügen 2018.

Times relative to N_S^slat for recordings of 10 s, as published, and for other lengths, beside the multiply-adds
that both networks need. A time belongs to the machine it was measured on, and so does the run.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric

from companion.experiment import Experiment, Findings, Task
from companion.models.cost import multiply_adds
from companion.models.weak_cnn import WeakCNN
from companion.papers.kumar2018 import timing
from companion.profiles import Settings
from companion.results.rows import Rows, bare
from companion.training import device_name, make_fabric

TABLE_LENGTH = 862
"""Log-mel frames of 10 s, the length of AudioSet's clips."""

ROWS = {timing.TRAINING: "Train time 1 epoch", timing.INFERENCE: "Inference time per test clip"}
"""The paper's words for both phases."""


class TimeSettings(Settings):
    """Settings of one profile.

    Args:
        lengths: Log-mel frames of the recordings timed: 1.5 s, which is one segment, to 30 s.
        counted: Log-mel frames for which multiply-adds are counted.
        recordings: Recordings in a batch.
        width: Factor on N_S's filters.
        n_classes: Outputs; AudioSet's.
        repeats: Measurements of each network, phase and length.
        warm_up: Rounds before them that are not counted.
        n_resamples: Resamples of every interval.
    """

    lengths: tuple[int, ...] = (128, 345, TABLE_LENGTH, 2584)
    counted: tuple[int, ...] = (128, 192, 256, 345, 448, 640, 862, 1280, 2584)
    recordings: int = 4
    width: float = 1.0
    n_classes: int = 527
    repeats: int = 20
    warm_up: int = 3
    n_resamples: int = 2000


PROFILES: Mapping[str, TimeSettings] = {
    "demo": TimeSettings(lengths=(128, 345, TABLE_LENGTH, 1724), recordings=2, width=0.25, repeats=4, warm_up=1),
    "esc50": TimeSettings(),
    "paper": TimeSettings(),
}


def compute(task: Task) -> Findings:
    """Rows, and the tables ``times`` (each measurement, ms a recording), ``relative`` (their ratios) and ``cost``.

    The processor is timed in any case, a GPU where there is one to be used; the rows of Table 1 are those of the
    device that was asked for.
    """
    settings: TimeSettings = task.settings
    work = timing.Workload(
        recordings=settings.recordings,
        width=settings.width,
        n_classes=settings.n_classes,
        repeats=settings.repeats,
        warm_up=settings.warm_up,
        seed=task.seed,
    )
    fabrics = machines(task.work.device)
    names = [machine_words(fabric) for fabric in fabrics]
    parts = [measured(settings, work, fabric, name) for fabric, name in zip(fabrics, names, strict=True)]
    times = pd.concat(parts, ignore_index=True)
    relative = relative_times(times, settings, task.seed)
    rows = Rows()
    result_rows(rows, relative, names[-1], work)
    words = f"any audio, times only: noise in the shape of log-mels, {work.recordings} recordings of each length"
    tables = {"times": times, "relative": relative, "cost": cost_table(settings)}
    return Findings(rows, tables, words, work.recordings, [task.seed])


def machines(device: str) -> list[Fabric]:
    """The processor, and after it the GPU where there is one to be used."""
    chosen = make_fabric(device)
    return [chosen] if chosen.device.type == "cpu" else [make_fabric("cpu"), chosen]


def machine_words(fabric: Fabric) -> str:
    """Device, precision and, for a processor, threads: what a time depends on."""
    device = str(fabric.device)
    threads = f", {torch.get_num_threads()} thread(s)" if fabric.device.type == "cpu" else ""
    return f"{device_name(device)}{threads}, {fabric.strategy.precision.precision}"


def measured(settings: TimeSettings, work: timing.Workload, fabric: Fabric, name: str) -> pd.DataFrame:
    """Times of every length on one device, one line a measurement."""
    parts = [
        timing.time_networks(n_frames, work, fabric).assign(
            **{"length s": timing.length_in_seconds(n_frames), "frames": n_frames, "device": name}
        )
        for n_frames in settings.lengths
    ]
    columns = ["length s", "frames", "network", "phase", "repeat", "ms", "device"]
    return pd.concat(parts, ignore_index=True)[columns]


def cost_table(settings: TimeSettings) -> pd.DataFrame:
    """Multiply-adds of both networks by length, and their ratio; at the paper's width, for counting costs nothing."""
    with torch.device("meta"):
        network = WeakCNN(settings.n_classes)
    costs = [multiply_adds(network, n) for n in sorted({*settings.counted, *settings.lengths})]
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


def relative_times(times: pd.DataFrame, settings: TimeSettings, seed: int) -> pd.DataFrame:
    """Time of N_S relative to N_S^slat for every device, length and phase, with its interval."""
    rng = np.random.default_rng(seed)
    keys = ["device", "length s", "frames", "phase"]
    lines = []
    for key, group in times.groupby(keys, sort=False):
        value, low, high = timing.relative_time(group, settings.n_resamples, rng)
        lines.append({**dict(zip(keys, key, strict=True)), "value": value, "ci_low": low, "ci_high": high})
    return pd.DataFrame(lines)


def result_rows(rows: Rows, relative: pd.DataFrame, main: str, work: timing.Workload) -> None:
    """Table 1's four cells from the main device, and N_S for every length and device."""
    counts = {"n_clips": work.recordings, "n_recordings": work.recordings, "n_seeds": 1}
    for line in relative.to_dict("records"):
        note = f"median of {work.repeats} repeats in turn, {work.recordings} recordings at a time, {line['device']}; "
        note += "the interval is over the repeats: timing noise on one machine only"
        found = replace(bare(line["value"], **counts), low=line["ci_low"], high=line["ci_high"])
        words, kind = ROWS[line["phase"]], "GPU" if line["device"].startswith("cuda") else "CPU"
        length = f"{words}, {line['length s']:g} s"
        rows.add(f"Time by length, {kind}", length, timing.SCANNED, "relative time", found, note)
        if line["device"] == main and line["frames"] == TABLE_LENGTH:
            rows.add("Table1 top-right", words, timing.SCANNED, "relative time", found, note)


experiment = Experiment(
    __name__, PROFILES, compute, evidence={"esc50": "measured", "paper": "measured"}, of_machine=True
)
run, find = experiment.run, experiment.find
