"""How long N_S and N_S^slat take for the same recordings, measured in turn in one process.

What else the machine does, and how warm it is, then falls on both. What the sound is does not matter to the time:
the log-mels are noise.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from companion.features import NS_LOG_MEL
from companion.losses import recording_bce
from companion.models.slat import SegmentWise, segment_bce
from companion.models.weak_cnn import N_MELS, Output, WeakCNN
from companion.training import Schedule, train_step
from companion.training.recordings import Recordings

SCANNED, SEGMENTWISE = "N_S", "N_S_slat"
TRAINING, INFERENCE = "training", "inference"
LR = 1e-3  # as in training; it does not change the time


@dataclass(frozen=True)
class Workload:
    """What is timed.

    Args:
        recordings: Recordings in a batch, for both networks and both phases.
        width: Factor on N_S's filters.
        n_classes: Outputs.
        repeats: Measurements of each network and phase.
        warm_up: Rounds before them that are not counted.
        seed: Of the weights and the noise.
    """

    recordings: int
    width: float = 1.0
    n_classes: int = 527
    repeats: int = 20
    warm_up: int = 2
    seed: int = 0


class Side:
    """One network with its optimiser, ready for a step of training or a pass of inference.

    Args:
        model: N_S or N_S^slat.
        loss: (input, target) to a scalar.
        fabric: Device and precision, as in training.
    """

    def __init__(self, model: nn.Module, loss: Callable[[Output, Tensor], Tensor], fabric: Fabric) -> None:
        self.network, self.optimizer = fabric.setup(model, torch.optim.Adam(model.parameters(), lr=LR))
        self.loss, self.fabric = loss, fabric

    def training(self, data: Recordings) -> None:
        """Forward, loss, backward and a step of Adam over all recordings."""
        indices = np.arange(len(data.lengths))
        train_step(self.network.train(), self.optimizer, data, indices, self.loss, LR, self.fabric, Schedule(epochs=1))

    def inference(self, data: Recordings) -> None:
        """Scores of all recordings, back in the processor's memory."""
        x, _ = data.batch(np.arange(len(data.lengths)))
        with torch.inference_mode():
            self.network.eval()(self.fabric.to_device(x)).recording.cpu()


def time_networks(n_frames: int, work: Workload, fabric: Fabric) -> pd.DataFrame:
    """Time both networks on recordings of one length, in turn: N_S, N_S^slat, N_S, N_S^slat, …

    Args:
        n_frames: Log-mel frames of each recording.
        work: How many recordings, how often, and how wide a network.
        fabric: Device and precision.

    Returns:
        DataFrame: One line a measurement: ``network``, ``phase``, ``repeat``, and ``ms`` for one recording.
    """
    data, sides = noise(n_frames, work), both_sides(work, fabric)
    lines = []
    for repeat in range(-work.warm_up, work.repeats):
        for phase in (TRAINING, INFERENCE):
            for name, side in sides.items():
                ms = 1e3 * seconds(lambda: getattr(side, phase)(data), fabric.device) / work.recordings  # noqa: B023
                if repeat >= 0:
                    lines.append({"network": name, "phase": phase, "repeat": repeat, "ms": ms})
    return pd.DataFrame(lines)


def both_sides(work: Workload, fabric: Fabric) -> dict[str, Side]:
    """N_S and N_S^slat with the same first weights, each with the loss that it is trained with."""
    torch.manual_seed(work.seed)
    networks = [WeakCNN(work.n_classes, width=work.width) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    return {
        SCANNED: Side(networks[0], lambda output, target: recording_bce(output.recording, target), fabric),
        SEGMENTWISE: Side(SegmentWise(networks[1]), segment_bce, fabric),
    }


def noise(n_frames: int, work: Workload) -> Recordings:
    """Recordings that are noise at the level of log-mels, with random labels."""
    rng = np.random.default_rng(work.seed)
    features = rng.normal(-40, 15, (work.recordings, n_frames, N_MELS)).astype(np.float32)
    labels = (rng.random((work.recordings, work.n_classes)) < 0.01).astype(np.float32)
    return Recordings(list(features), labels)


def seconds(action: Callable[[], None], device: torch.device) -> float:
    """Seconds that an action takes, until the device has finished it."""
    finish(device)
    started = time.perf_counter()
    action()
    finish(device)
    return time.perf_counter() - started


def finish(device: torch.device) -> None:
    """Wait for a GPU, which is given work faster than it does it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def relative_time(times: pd.DataFrame, n_resamples: int, rng: np.random.Generator) -> tuple[float, float, float]:
    """Median time of N_S over that of N_S^slat, with a 95 % bootstrap interval over the repeats.

    A repeat is drawn with both its measurements, for they were made one after the other.

    Args:
        times: Lines of :func:`time_networks` of one phase.
        n_resamples: Resamples.
        rng: Draws them.
    """
    wide = times.pivot(index="repeat", columns="network", values="ms")
    scanned, segmentwise = wide[SCANNED].to_numpy(), wide[SEGMENTWISE].to_numpy()
    drawn = rng.integers(0, len(wide), (n_resamples, len(wide)))
    ratios = np.median(scanned[drawn], axis=1) / np.median(segmentwise[drawn], axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(np.median(scanned) / np.median(segmentwise)), float(low), float(high)


def length_in_seconds(n_frames: int) -> float:
    """Seconds of a recording of ``n_frames`` log-mel frames, to a tenth.

    >>> [length_in_seconds(n) for n in (128, 345, 862, 2584)]
    [1.5, 4.0, 10.0, 30.0]
    """
    return round((n_frames - 1) * NS_LOG_MEL.hop_length / NS_LOG_MEL.sample_rate, 1)
