"""Whether bfloat16 trains these networks sooner than float32 on this processor, and what the library chooses here.

    python benchmarks/precision.py [--rounds 3]

Each line is one network in training on one thread; both precisions run in turn in one process.
"""

import argparse

import numpy as np
import torch
from memory import NETWORKS, step_seconds

from companion.models.weak_cnn import WeakCNN
from companion.training import machine, precision
from companion.training.device import keep_freed_memory

ALSO = {"N_S, all filters, 8 x 10 s": (lambda: WeakCNN(40), (8, 862, 128))}


def main() -> None:
    """Print one line for each network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    print(f"instructions: {' '.join(machine('cpu')['instructions'])}; chosen here: {precision('cpu')}")
    print(f"{'network':42s} {'bfloat16':>10s} {'float32':>10s}   ratio")
    for name, network in {**NETWORKS, **ALSO}.items():
        found = [[step_seconds(*network, bfloat16=low) for low in (True, False)] for _ in range(options.rounds)]
        low, full = np.median(found, axis=0)
        print(f"{name:42s} {1000 * low:7.0f} ms {1000 * full:7.0f} ms   {low / full:.2f}", flush=True)


if __name__ == "__main__":
    main()
