"""How long N_S and N_S^slat take for the same recordings on this machine, by their length.

    python benchmarks/slat.py [--recordings 4] [--repeats 20] [--threads 2] [--device auto]

Both run in turn, so that what else the machine does falls on both; beside the ratio of the median times stands that of
the multiply-adds. `companion experiment kumar2018_times --profile esc50` makes rows and tables of the same measurement.
"""

import argparse
import sys

import numpy as np
import torch

from companion.experiments.kumar2018_times import CONFIGS, machine_words, machines
from companion.experiments.stages.timing import SCANNED, Workload, length_in_seconds, relative_time, time_networks
from companion.models.cost import multiply_adds
from companion.models.weak_cnn import WeakCNN


def main() -> None:
    """Print one line for each device, length and phase."""
    config = CONFIGS["esc50"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (
        ("recordings", config.recordings),
        ("repeats", config.repeats),
        ("threads", torch.get_num_threads()),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--width", type=float, default=config.width)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    work = Workload(options.recordings, width=options.width, repeats=options.repeats, warm_up=config.warm_up)
    network, rng = WeakCNN(work.n_classes, width=work.width), np.random.default_rng(0)
    for fabric in machines(options.device):
        print(f"{machine_words(fabric)}, {options.recordings} recordings at a time\n")
        print(f"{'length':>8s} {'phase':10s} {'N_S':>10s}   {'ratio':>5s} {'95 % interval':>17s} {'counted':>8s}")
        for n_frames in config.lengths:
            times, counted = time_networks(n_frames, work, fabric), multiply_adds(network, n_frames).ratio
            for phase, lines in times.groupby("phase", sort=False):
                ratio, low, high = relative_time(lines, config.n_resamples, rng)
                ms = lines.loc[lines["network"] == SCANNED, "ms"].median()
                length = f"{length_in_seconds(n_frames):.1f} s"
                print(f"{length:>8s} {phase:10s} {ms:7.1f} ms   {ratio:5.3f} {low:9.3f} – {high:5.3f} {counted:8.3f}")
            sys.stdout.flush()
        print()


if __name__ == "__main__":
    main()
