"""One pass and the sliding window: how far the claim of section II-C goes, and what it saves.

The paper says that N_W's outputs are exactly those of its network for segments, moved along the recording. Its
convolutions are filled up with zeros, so a segment by itself sees zeros where a scanned one sees its neighbours.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from companion.datasets.base import Dataset
from companion.evaluation.influence import mean_score
from companion.evaluation.intervals import interval
from companion.evaluation.units import Units, units_of
from companion.experiment import Experiment, Findings, Part, Task
from companion.models.weak_cnn import SEGMENT
from companion.models.wler import COLUMNS, CONTEXT, FILTERS, HOP, WLER, n_segments
from companion.papers.kumarraj2017 import urban
from companion.papers.kumarraj2017.learning import SHOWN, TEST, fold_features, network_of, untrained
from companion.papers.kumarraj2017.tables import US
from companion.papers.kumarraj2017.urban import UrbanSettings
from companion.results.rows import Rows, bare
from companion.store import Kept, Value, Work

WINDOWS = ALONE, WITH_NEIGHBOURS = (SEGMENT, SEGMENT + 2 * HOP)
"""Frames of a window: a segment by itself, and with one hop on each side."""

WORDS = {ALONE: f"{ALONE} frames by themselves", WITH_NEIGHBOURS: f"the middle {SEGMENT} of {WITH_NEIGHBOURS} frames"}
SAME = 1e-5
"""Outputs that differ by no more are the same."""

EXAMPLE = 1280
"""Frames of the paper's example, about 15 s."""


class ScanSettings(UrbanSettings):
    """Settings of one profile: those of the tables, whose networks are looked at, and

    Args:
        n_clips: Test recordings, the first that have three segments or more.
        n_fft: Window length in samples.
    """

    n_clips: int = 60
    n_fft: int = 1024


def _profile(name: str, **changed: Any) -> ScanSettings:
    given = urban.PROFILES[name]
    return ScanSettings(**{key: getattr(given, key) for key in type(given).model_fields}, **changed)


PROFILES: Mapping[str, ScanSettings] = {
    name: _profile(name, **({"n_clips": 8} if name == "demo" else {})) for name in urban.PROFILES
}


def inputs(settings: ScanSettings, seed: int, data: Path) -> dict[str, Dataset]:
    """The recordings that are labelled with care; no others are heard."""
    return {"clean": urban.inputs(settings, seed, data)["clean"]}


def compute(task: Task) -> Findings:
    """Rows, and the tables ``reach`` (layer by layer) and ``cost`` (by length of a recording)."""
    settings: ScanSettings = task.settings
    clean, rows, seeds = task.inputs["clean"], Rows(), task.seeds(settings.n_seeds)
    clips = heard_clips(clean, settings)
    units = units_of([clip.recording for clip in clips], clean.author_of)
    raw = settings.training.model_copy(update={"centre": 0.0, "spread": 1.0})
    networks = {
        "trained": [urban.network(task, US, SHOWN[0], seed) for seed in seeds],
        "untrained": [task.keep(untrained, clean.classes, settings.training, seed) for seed in seeds],
        "untrained, levels as they are": [task.keep(untrained, clean.classes, raw, seed) for seed in seeds],
    }
    for name, kept in networks.items():
        found = [task.keep(deviations, one, clean, settings.n_clips, settings.n_fft) for one in kept]
        deviation_rows(rows, name, found, units)
    layers, cost = reach(), cost_table(WLER(len(clean.classes)))
    at = cost.set_index("frames").loc[EXAMPLE]
    counts = {"segments of one pass": at["segments"], "one pass relative to a sliding window": at["ratio"]}
    for column, value in counts.items():
        measure = "count" if "segments" in column else "multiply-adds"
        rows.add("Cost", f"{EXAMPLE} frames", column, measure, bare(float(value)))
    words = f"{clean.name}: {len(clips)} test recordings, {settings.n_fft} samples a window"
    return Findings(rows, {"reach": layers, "cost": cost}, words, units.n_recordings, seeds)


def heard_clips(corpus: Dataset, settings: ScanSettings) -> list[Any]:
    """The first test recordings that have a segment within."""
    features = fold_features(corpus, TEST, settings.n_fft, 1)
    pairs = zip(features.clips, features.lengths, strict=True)
    return [clip for clip, length in pairs if n_segments(length) > 2][: settings.n_clips]


@torch.inference_mode()
def deviations(work: Work, network: Kept, corpus: Dataset, n_clips: int, n_fft: int) -> Value:
    """How far windows by themselves are from one pass, in single precision, for segments within each recording.

    Returns:
        For every recording and kind of window ``mean`` and ``largest`` absolute difference of outputs, shape
        ``(N, 2)``, ``differ`` and ``segments``, how many outputs differ and there are, shape ``(N, 2)`` and ``(N,)``;
        ``steps``, the mean absolute difference in each of a segment's steps after C5P5 relative to the mean value,
        shape ``(N, 4)``; ``recording``, the largest difference of the recording's outputs, and ``decisions``, the share
        of them on the other side of one half, shape ``(N,)``.
    """
    model = network_of(network).to(work.device)
    features = fold_features(corpus, TEST, n_fft, work.n_jobs)
    chosen = [i for i, length in enumerate(features.lengths) if n_segments(length) > 2][:n_clips]
    found = [_deviation(model, torch.tensor(features[i], device=work.device)[None]) for i in chosen]
    return Value({name: np.stack([one[name] for one in found]) for name in found[0]})


def _deviation(model: WLER, x: Tensor) -> dict[str, NDArray[np.float64]]:
    whole, within = model(x).segments[0], slice(1, -1)
    alone = model(windows(x, ALONE)).segments[:, 0]
    middle = model(windows(x, WITH_NEIGHBOURS)).segments[:, 1]
    away = [(whole[within] - other).abs() for other in (alone[within], middle)]
    trunk, cut = model.trunk(x)[0], model.trunk(windows(x, ALONE))  # (256, T', 4) and (K, 256, 4, 4)
    steps = trunk.unfold(1, COLUMNS, 1).permute(1, 0, 3, 2)[within]
    moved = (steps - cut[within]).abs().mean((0, 1, 3)) / trunk.abs().mean().clamp(min=1e-12)
    one, other = whole.amax(0), alone.amax(0)
    numbers = {
        "mean": [float(a.mean()) for a in away],
        "largest": [float(a.max()) for a in away],
        "differ": [float((a > SAME).sum()) for a in away],
        "segments": away[0].numel(),
        "steps": moved.tolist(),
        "recording": float((one - other).abs().max()),
        "decisions": float(((one > 0.5) != (other > 0.5)).float().mean()),
    }
    return {name: np.asarray(value, dtype=np.float64) for name, value in numbers.items()}


def windows(x: Tensor, length: int) -> Tensor:
    """Every window of so many frames, one every 32. Shape: ``(1, T, F)`` to ``(W, length, F)``."""
    return x[0].unfold(0, length, HOP).transpose(1, 2)


def deviation_rows(rows: Rows, name: str, found: Sequence[Mapping[str, NDArray[Any]]], units: Units) -> None:
    """What the windows of one kind of network say, with intervals over recordings where there is a mean."""

    def mean(values: Sequence[NDArray[Any]], bounds: tuple[float, float] = (0.0, np.inf)) -> Any:
        return interval(mean_score(np.stack(values), units), bounds=bounds)

    counts = {"n_clips": units.n_clips, "n_recordings": units.n_recordings, "n_seeds": len(found)}
    for i, window in enumerate(WINDOWS):
        row = WORDS[window]
        rows.add("Deviation", row, name, "mean difference", mean([one["mean"][:, i] for one in found]))
        largest = max(float(one["largest"][:, i].max()) for one in found)
        rows.add("Largest deviation", row, name, "largest difference", bare(largest, **counts))
        differ = sum(float(one["differ"][:, i].sum()) for one in found)
        of_all = sum(float(one["segments"].sum()) for one in found)
        note = f"of {of_all:.0f} outputs of segments, by more than {SAME:g}"
        rows.add("Outputs that differ", row, name, "count", bare(differ, **counts), note)
    for step in range(COLUMNS):
        relative = mean([one["steps"][:, step] for one in found])
        rows.add("Where", f"step {step + 1} of {COLUMNS}", name, "relative difference", relative)
    rows.add("Recordings", "largest difference of outputs", name, "mean difference",
             mean([one["recording"] for one in found], (0.0, 1.0)))  # fmt: skip
    rows.add("Recordings", "decisions that change", name, "%",
             mean([one["decisions"] for one in found], (0.0, 1.0)), scale=100)  # fmt: skip


def reach() -> pd.DataFrame:
    """Layer by layer, how far beyond a segment one value hears, and how many of a segment's steps the ends touch.

    Returns:
        ``layer``, ``steps`` of a segment after it, ``beyond`` (frames on each side), and ``touched`` (of the steps).
    """
    lines, steps, beyond, touched = [], SEGMENT, 0, 0
    for number in range(len(FILTERS)):
        beyond += 2**number
        touched = -(-(touched + 1) // 2)  # a convolution touches one step more, pooling halves, rounded up
        steps //= 2
        lines.append({"layer": f"C{number + 1}P{number + 1}", "steps": steps, "beyond": beyond, "touched": 2 * touched})
    assert beyond == CONTEXT
    return pd.DataFrame(lines)


def cost_table(network: WLER, lengths: Sequence[int] = (128, 256, 512, 862, EXAMPLE, 2584, 5168)) -> pd.DataFrame:
    """Multiply-adds of one pass and of a sliding window, by length of a recording; nothing is computed."""
    shadow = WLER(**network.architecture).to("meta").eval()

    def count(frames: int) -> int:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            shadow.scan(torch.empty(1, frames, 128, device="meta"))
        return int(counter.get_total_flops()) // 2  # it counts a multiplication and an addition as two

    segment = count(SEGMENT)
    lines = []
    for frames in lengths:
        whole, segments = count(frames), n_segments(frames)
        lines.append(
            {
                "frames": frames,
                "seconds": round(frames * 512 / 44100, 2),
                "segments": segments,
                "one pass": whole,
                "sliding window": segments * segment,
                "ratio": whole / (segments * segment),
            }
        )
    return pd.DataFrame(lines)


experiment = Experiment(
    __name__, PROFILES, compute, inputs, {"network": Part(
        lambda task, seed: urban.network(task, US, SHOWN[0], seed),
        lambda s, seed: [{"seed": seed + i} for i in range(s.n_seeds)],
    )}, evidence={"esc50": "measured", "paper": "measured"},
)  # fmt: skip
run, find = experiment.run, experiment.find
