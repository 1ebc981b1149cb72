"""What it saves that the C library keeps freed memory for the next step: seconds of a step with and without.

    python benchmarks/memory.py [--rounds 3]

Each line is one network in training, in the precision that this processor multiplies fastest, on one thread. Both ways
run in processes of their own, in turn, since what a process has once asked of its C library it cannot take back.
"""

import argparse
import subprocess
import sys
import time

import numpy as np
import torch

from companion.losses import recording_bce
from companion.models.soundnet_variants import SNF
from companion.models.weak_cnn import WeakCNN
from companion.models.wler import WLER
from companion.training import precision
from companion.training.device import keep_freed_memory

NETWORKS = {
    "N_W, an eighth of the filters, 4 x 58 s": (lambda: WLER(10, width=0.125), (4, 5000, 128)),
    "N_S, half of the filters, 8 x 10 s": (lambda: WeakCNN(40, width=0.5), (8, 862, 128)),
    "SN-F, 4 x 20 s": (lambda: SNF(), (4, 320_000)),
}


def step_seconds(make, shape, n_steps: int = 5, *, bfloat16: bool | None = None) -> float:
    """Median time of a step, forward and backward, after one that warms up; None for the precision chosen here."""
    bfloat16 = precision("cpu") != "32-true" if bfloat16 is None else bfloat16
    torch.manual_seed(0)
    network, x = make(), torch.randn(shape)
    optimizer, times = torch.optim.SGD(network.parameters(), 1e-3), []
    for _ in range(n_steps + 1):
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            output = network(x)
        loss = output.objects.mean() if hasattr(output, "objects") else recording_bce(
            output.recording.float(), torch.zeros_like(output.recording, dtype=torch.float32)
        )  # fmt: skip
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        times.append(time.perf_counter() - started)
    return float(np.median(times[1:]))


def main() -> None:
    """Print one line for each network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=["kept", "returned"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.way:
        if options.way == "kept" and not keep_freed_memory():
            sys.exit("this C library has no such choice")
        print(*(step_seconds(*network) for network in NETWORKS.values()))
        return
    times: dict[str, list[list[float]]] = {"kept": [], "returned": []}
    for _ in range(options.rounds):
        for way, found in times.items():
            done = subprocess.run([sys.executable, __file__, "--way", way], capture_output=True, text=True, check=True)
            found.append([float(word) for word in done.stdout.split()])
    medians = {way: np.median(found, axis=0) for way, found in times.items()}
    print(f"{'network':42s} {'returned':>10s} {'kept':>10s}   ratio")
    for name, before, after in zip(NETWORKS, medians["returned"], medians["kept"], strict=True):
        print(f"{name:42s} {1000 * before:7.0f} ms {1000 * after:7.0f} ms   {before / after:.2f}")


if __name__ == "__main__":
    main()
