"""How often intervals of means of AP and AUC cover the truth, for mixtures that share recordings and backgrounds.

    OMP_NUM_THREADS=1 python benchmarks/tagging_coverage.py [--runs 300] [--seeds 3] [--only mixtures]

Mixtures are drawn anew each time, as those that networks were tested on in a recorded run: of forty classes
(`mixtures.csv`, Kumar 2018) or of ten (`shares.csv`, Kumar and Raj 2017). So are the scores of networks. A line is one
kind of effect; columns give the share of nominal 95 % intervals, in per cent, that cover the mean over draws. Intervals
count the recordings of events alone, as in these runs: what a shared background does to that is one of the lines.
"""

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from companion.evaluation.influence import TaggingInfluence
from companion.evaluation.intervals import Interval, interval
from companion.evaluation.units import Units

HERE = Path(__file__).resolve().parent
MEMBERSHIPS = ("mixtures", "shares")

EFFECTS: Mapping[str, Mapping[str, float]] = {
    "clip": {"recording": 0.1, "confusion": 0.1, "clip": 1.4},
    "recording": {"recording": 1.2, "confusion": 0.5, "clip": 0.4},
    "confusion": {"recording": 0.2, "confusion": 1.5, "clip": 0.4},
    "bed": {"recording": 0.3, "confusion": 0.3, "clip": 0.6, "bed": 1.2},
    "seed": {"recording": 0.3, "confusion": 0.3, "clip": 0.6, "seed": 0.15},
    "mixed": {"recording": 0.8, "confusion": 0.6, "clip": 0.8, "bed": 0.4, "seed": 0.1, "seed x recording": 0.3},
}
"""Standard deviation of every effect on a score."""


def split(joined: str) -> list[str]:
    """The parts of a column."""
    return joined.split("+") if joined else []


class World:
    """Draws mixtures, as the recorded ones were drawn, and scores of networks for them.

    A recording is heard more or less as its class, and confused with others; so by every seed, or by one alone. What is
    heard of a background is confused with events, too.

    Args:
        membership: One of `MEMBERSHIPS`.
        effects: Standard deviations; a line of `EFFECTS`.
        n_seeds: Networks.
    """

    def __init__(self, membership: str, effects: Mapping[str, float], n_seeds: int) -> None:
        with (HERE / f"{membership}.csv").open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        self.effects, self.n_seeds = effects, n_seeds
        pool: dict[str, set[str]] = {}
        for row in rows:
            for recording, label in zip(split(row["recording"]), split(row["weak"]), strict=True):
                pool.setdefault(label, set()).add(recording)
        self.pool = [np.array(sorted(pool[label])) for label in sorted(pool)]
        self.counts = [[split(row["weak"]).count(label) for label in dict.fromkeys(split(row["weak"]))] for row in rows]
        self.beds = np.array(sorted({name for row in rows for name in split(row["bed"])}))
        self.n_beds = [len(split(row["bed"])) for row in rows]
        self.clearness = np.random.default_rng(3).normal(1.5, 0.7, len(pool))

    def draw(self, rng: np.random.Generator) -> TaggingInfluence:
        """As many classes in every mixture as in the recorded ones, and as many recordings of each and of its bed."""
        n, c, sds = len(self.counts), len(self.pool), self.effects
        drawn = [
            (clip, label, rng.choice(self.pool[label], min(count, len(self.pool[label])), replace=False))
            for clip, counts in enumerate(self.counts)
            for label, count in zip(rng.choice(c, len(counts), replace=False), counts, strict=True)
        ]
        names = np.unique(np.concatenate([recordings for _, _, recordings in drawn]))
        reference, held, bed = np.zeros((n, c)), np.zeros((n, len(names))), np.zeros((n, len(self.beds)))
        for clip, label, recordings in drawn:
            reference[clip, label] = 1
            held[clip, np.searchsorted(names, recordings)] = 1
        for clip, count in enumerate(self.n_beds):
            bed[clip, rng.choice(len(self.beds), count, replace=False)] = count**-0.5
        heard = sds["recording"] * rng.normal(size=len(names))
        common = held @ (sds["confusion"] * rng.normal(size=(len(names), c)))
        common += bed @ (sds.get("bed", 0) * rng.normal(size=(len(self.beds), c)))
        common += 0.7 * sds["clip"] * rng.normal(size=(n, c))
        estimated = []
        for _ in range(self.n_seeds):
            own = common + 0.7 * sds["clip"] * rng.normal(size=(n, c))
            moved = heard + sds.get("seed x recording", 0) * rng.normal(size=len(names))
            all_alike = sds.get("seed", 0) * rng.normal()
            for clip, label, recordings in drawn:
                own[clip, label] += self.clearness[label] + moved[np.searchsorted(names, recordings)].mean() + all_alike
            estimated.append(own)
        units = Units(["+".join(names[row > 0].tolist()) for row in held])
        return TaggingInfluence(reference, estimated, units)


def coverage(membership: str, effects: Mapping[str, float], n_runs: int, n_seeds: int = 3) -> dict[str, float]:
    """Coverage of the mean AP and AUC of all, ten and one classes, of their mean over runs."""
    rng, world = np.random.default_rng(0), World(membership, effects, n_seeds)
    found: dict[str, list[Interval]] = {}
    for _ in range(n_runs):
        measured = world.draw(rng)
        for measure in ("AP", "AUC"):
            for n_classes in sorted({len(world.pool), 10, 1}, reverse=True):
                statistic = measured.mean(measure, list(range(n_classes)))
                found.setdefault(f"{measure} of {n_classes}", []).append(interval(statistic, bounds=(0.0, 1.0)))
    truth = {name: np.mean([one.value for one in some]) for name, some in found.items()}
    return {name: float(np.mean([one.low <= truth[name] <= one.high for one in some])) for name, some in found.items()}


def main() -> None:
    """Print a line for each membership and kind of effect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=MEMBERSHIPS, action="append")
    options = parser.parse_args()
    for membership in options.only or MEMBERSHIPS:
        for effect, effects in EFFECTS.items():
            found = coverage(membership, effects, options.runs, options.seeds)
            shares = "  ".join(f"{name} {100 * share:.1f}" for name, share in found.items())
            print(f"{membership:10s} {effect:10s} {shares}", flush=True)


if __name__ == "__main__":
    main()
