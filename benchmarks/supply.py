"""How long a mixture drawn afresh takes, from its recipe to its coefficients, at several hops and precisions.

    COMPANION_DATA=… python -P benchmarks/supply.py [--mixtures 60] [--source cry|voices]

Processor time of one core; every sound that is heard was decoded before. The fastest of the mixtures, and their
median: on a machine that does other work, the first says more.
"""

import argparse
import time

import numpy as np

from companion import paths
from companion.checkout import event_table
from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_rare import RareESC50
from companion.events import read_table
from companion.features import dv_mfcc, extract
from companion.mixtures import render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mixtures", type=int, default=60)
    parser.add_argument("--source", choices=("cry", "voices"), default="cry")
    options = parser.parse_args()
    sounds = RareESC50(ESC50(paths.data_root()), read_table(event_table()), source=options.source)
    supply = sounds.supply("source", 2 * options.mixtures, dv_mfcc())
    start = time.process_time()
    for name in sorted({row.clip for row in supply.draw.pool.cuts}):
        supply.source(name)
    print(f"decoding: {time.process_time() - start:.1f} s, once")
    specs = [dv_mfcc(hop, precision) for hop in (512, 1024, 2048) for precision in ("double", "single")]
    for spec in specs:
        extract(np.ones(44_100, dtype=np.float32), 44_100, spec)  # its filters are made once
    seconds = np.empty((options.mixtures, 2 + len(specs)))
    for index, row in enumerate(seconds):
        start = time.process_time()
        recipe = supply.recipe(0, index)
        row[0] = time.process_time() - start
        samples = render(recipe, supply.source, 44_100)
        row[1] = time.process_time() - start
        for column, spec in enumerate(specs, start=2):
            start = time.process_time()
            extract(samples, 44_100, spec)
            row[column] = row[1] + time.process_time() - start
    for name, column in zip(("recipe", "and sound", *(spec.name for spec in specs)), seconds.T, strict=True):
        print(f"{name}: {1e3 * column.min():.1f} ms, median {1e3 * np.median(column):.1f} ms")


if __name__ == "__main__":
    main()
