"""What the store's checksum costs: seconds to find a shard of features with and without it, and to write one.

    python benchmarks/store.py [--clips 256] [--repeats 7] [--folder PLACE]

A shard of 256 clips of 10 s is 113 MB of log-mel. The file lies in the page cache when it is read, so the times are
those of the processor, and the ratio is the largest that a disk will show.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from companion import store

FRAMES, BANDS = 862, 128
MODES = {"read": False, "mapped": True}


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall time."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def reading(path: Path, repeats: int) -> dict[str, float]:
    """Seconds to read the shard, and to map it."""
    return {name: seconds(partial(store.read, path, mmap=mmap), repeats) for name, mmap in MODES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--folder", help="on the disk to be measured; a temporary one if not given")
    options = parser.parse_args()
    frames = np.random.default_rng(0).normal(-50, 20, (options.clips * FRAMES, BANDS)).astype(np.float32)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path, value = Path(folder, "shard.safetensors"), store.Value({"frames": frames})
        written = seconds(lambda: store.write(path, value, {}), min(3, options.repeats))
        print(f"{frames.nbytes / 1e6:.0f} MB; written in {written:.3f} s")
        print(f"{'':8}{'with checksum':>15}{'without':>12}{'ratio':>8}")
        checked = reading(path, options.repeats)
        said, store.checksum = store.read(path).sha256, lambda arrays, facts: said
        plain = reading(path, options.repeats)
    for name in MODES:
        print(f"{name:8}{checked[name]:13.4f} s{plain[name]:10.4f} s{checked[name] / plain[name]:8.1f}")


if __name__ == "__main__":
    main()
