"""How often intervals of means of AP and AUC cover the truth, for mixtures that share recordings.

    OMP_NUM_THREADS=1 python benchmarks/tagging_coverage.py [--runs 300] [--seeds 3]

Mixtures are drawn anew each time, as those that the tagging networks are tested on were drawn (`mixtures.csv`), and so
are the scores of networks. A line is one kind of effect; columns give the share of nominal 95 % intervals, in per cent,
that cover the mean over draws.
"""

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from companion.evaluation.influence import TaggingInfluence
from companion.evaluation.intervals import Interval, interval
from companion.evaluation.units import Units

MIXTURES = Path(__file__).resolve().parent / "mixtures.csv"

EFFECTS: Mapping[str, Mapping[str, float]] = {
    "clip": {"recording": 0.1, "confusion": 0.1, "clip": 1.4},
    "recording": {"recording": 1.2, "confusion": 0.5, "clip": 0.4},
    "confusion": {"recording": 0.2, "confusion": 1.5, "clip": 0.4},
    "seed": {"recording": 0.3, "confusion": 0.3, "clip": 0.6, "seed": 0.15},
    "mixed": {"recording": 0.8, "confusion": 0.6, "clip": 0.8, "seed": 0.1, "seed x recording": 0.3},
}
"""Standard deviation of every effect on a score."""


def mixtures() -> tuple[list[list[str]], list[list[str]]]:
    """Recordings of every mixture, and their classes in the same order."""
    with MIXTURES.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [row["recording"].split("+") for row in rows], [row["weak"].split("+") for row in rows]


class World:
    """Draws mixtures, as the recorded ones were drawn, and scores of networks for them.

    A recording is heard more or less as its class, and confused with others; so by every seed, or by one alone.

    Args:
        effects: Standard deviations; a line of `EFFECTS`.
        n_seeds: Networks.
    """

    def __init__(self, effects: Mapping[str, float], n_seeds: int) -> None:
        recordings, self.weak = mixtures()
        self.effects, self.n_seeds = effects, n_seeds
        pool: dict[str, set[str]] = {}
        for joined, labels in zip(recordings, self.weak, strict=True):
            for recording, label in zip(joined, labels, strict=True):
                pool.setdefault(label, set()).add(recording)
        self.pool = [np.array(sorted(pool[label])) for label in sorted(pool)]
        self.clearness = np.random.default_rng(3).normal(1.5, 0.7, len(pool))

    def draw(self, rng: np.random.Generator) -> TaggingInfluence:
        """As many classes in every mixture as in the recorded ones, and one recording of each."""
        n, c, sds = len(self.weak), len(self.pool), self.effects
        label = np.concatenate([rng.choice(c, len(labels), replace=False) for labels in self.weak])
        clip = np.repeat(np.arange(n), [len(labels) for labels in self.weak])
        drawn = np.array([rng.choice(self.pool[one]) for one in label])
        names, recording = np.unique(drawn, return_inverse=True)
        reference, held = np.zeros((n, c)), np.zeros((n, len(names)))
        reference[clip, label] = held[clip, recording] = 1
        heard = sds["recording"] * rng.normal(size=len(names))
        common = held @ (sds["confusion"] * rng.normal(size=(len(names), c)))
        common += 0.7 * sds["clip"] * rng.normal(size=(n, c))
        estimated = []
        for _ in range(self.n_seeds):
            own = common + 0.7 * sds["clip"] * rng.normal(size=(n, c))
            moved = heard + sds.get("seed x recording", 0) * rng.normal(size=len(names))
            own[clip, label] += self.clearness[label] + moved[recording] + sds.get("seed", 0) * rng.normal()
            estimated.append(own)
        units = Units(["+".join(names[row > 0].tolist()) for row in held])
        return TaggingInfluence(reference, estimated, units)


def coverage(effects: Mapping[str, float], n_runs: int, n_seeds: int = 3) -> dict[str, float]:
    """Coverage of the mean AP and AUC of forty, ten and one classes, of their mean over runs."""
    rng, world = np.random.default_rng(0), World(effects, n_seeds)
    found: dict[str, list[Interval]] = {}
    for _ in range(n_runs):
        measured = world.draw(rng)
        for measure in ("AP", "AUC"):
            for n_classes in (40, 10, 1):
                statistic = measured.mean(measure, list(range(n_classes)))
                found.setdefault(f"{measure} of {n_classes}", []).append(interval(statistic, bounds=(0.0, 1.0)))
    truth = {name: np.mean([one.value for one in some]) for name, some in found.items()}
    return {name: float(np.mean([one.low <= truth[name] <= one.high for one in some])) for name, some in found.items()}


def main() -> None:
    """Print a line for each kind of effect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for effect, effects in EFFECTS.items():
        found = coverage(effects, options.runs, options.seeds)
        print(f"{effect:10s} " + "  ".join(f"{name} {100 * share:.1f}" for name, share in found.items()), flush=True)


if __name__ == "__main__":
    main()
