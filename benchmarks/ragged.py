"""What bucketing saves where recordings are of very different lengths: frames computed for every frame that there is.

    python benchmarks/ragged.py [--recordings 500] [--batch 8] [--timed]

Three ways of making batches: recordings as they come, filled up to the longest; those of like length together, at some
ratios; and one by one. Lengths are spread evenly, in equal ratios, from 4 s to 10 minutes, as UrbanSound's, and from 2
to 60 s. With ``--timed``, one pass over forty of the shorter recordings is computed in each way, forward and backward.
"""

import argparse
import time

import numpy as np
import torch

from companion.losses import recording_bce
from companion.models.wler import WLER
from companion.training import batches
from companion.training.ragged import Ragged
from companion.training.recordings import Recordings

FRAMES = 44100 / 512
SPREADS = {"4 s to 10 min": (4.0, 600.0), "2 to 60 s": (2.0, 60.0)}
RATIOS = (1.05, 1.1, 1.25)


def lengths(spread: str, count: int) -> list[int]:
    """Frames of recordings."""
    low, high = np.log(SPREADS[spread])
    return (np.exp(np.random.default_rng(0).uniform(low, high, count)) * FRAMES).astype(int).tolist()


def ways(frames: list[int], batch: int) -> dict[str, list[np.ndarray]]:
    """Batches by the way they are made."""
    data = Recordings([np.zeros((n, 1), np.float32) for n in frames], np.zeros((len(frames), 1), np.float32))
    order = np.random.default_rng(1).permutation(len(frames))
    found = {"as they come": np.array_split(order, range(batch, len(order), batch))}
    for ratio in RATIOS:
        found[f"like lengths, {ratio:g}"] = list(batches(Ragged(data, ratio).lengths, batch, 0, 0))
    return {**found, "one by one": [np.array([i]) for i in order]}


def computed(frames: list[int], groups: list[np.ndarray]) -> float:
    """Frames computed for every frame that there is."""
    return sum(len(group) * max(frames[i] for i in group) for group in groups) / sum(frames)


def seconds(frames: list[int], groups: list[np.ndarray]) -> float:
    """Time of one pass, forward and backward."""
    torch.manual_seed(0)
    network, rng = WLER(10, width=0.125), np.random.default_rng(0)
    features = [rng.normal(size=(n, 128)).astype(np.float32) for n in frames]
    examples = Ragged(Recordings(features, np.zeros((len(frames), 10), np.float32)), ratio=1e9)
    started = time.process_time()
    for group in groups:
        x, y = examples.batch(group)
        recording_bce(network(x).recording, y).backward()
    return time.process_time() - started


def main() -> None:
    """Print one line for each spread of lengths and way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=500)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--timed", action="store_true")
    options = parser.parse_args()
    for spread in SPREADS:
        frames = lengths(spread, options.recordings)
        print(f"{options.recordings} recordings of {spread}")
        for way, groups in ways(frames, options.batch).items():
            print(f"  {way:22s} {computed(frames, groups):5.2f} frames for each, {len(groups):4d} batches")
    if options.timed:
        frames = lengths("2 to 60 s", 40)
        for way, groups in ways(frames, options.batch).items():
            print(f"  {way:22s} {seconds(frames, groups):6.1f} s")


if __name__ == "__main__":
    main()
