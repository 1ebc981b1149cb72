"""How often intervals cover the truth, on the memberships of the corpora, against the ways they are made.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py [--runs 500] [--seeds 1 3] [--only scenes]

Correctness, or its difference between two systems, is drawn for clips that really share their recordings and beds, with
an effect of each of these, of the clip, of the seed and of seeds on clips. A line is one kind of effect; columns give
the share of nominal 95 % intervals that cover the truth, in per cent, for this library's intervals, for a bootstrap of
recordings (clips of several recordings: products of gamma weights), and for clips taken as independent.

Memberships: 600 restaged scenes and 400 clips of ESC-10, with the recordings and authors of the event table; one scene
and one class of these; the 600 test mixtures of the tagging networks (`mixtures.csv`).
"""

import argparse
import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from companion.audio import Audio
from companion.datasets.base import Clip, Dataset, Validation
from companion.datasets.esc50_scenes import RestagedScenes
from companion.evaluation.intervals import Interval, mean_interval
from companion.evaluation.units import Units, membership, units_of
from companion.events import EventCut, read_table

Array = NDArray[np.float64]
HERE = Path(__file__).resolve().parent
EVENTS = HERE.parent / "data" / "events" / "esc50.csv"

ESC10 = {
    "dog", "rooster", "rain", "sea_waves", "crackling_fire",
    "crying_baby", "sneezing", "clock_tick", "helicopter", "chainsaw",
}  # fmt: skip

EFFECTS: Mapping[str, Mapping[str, float]] = {
    "clip": {"clip": 1.0, "seed x clip": 0.3},
    "recording": {"recording": 1.0, "bed": 0.2, "clip": 0.2, "seed x clip": 0.3},
    "bed": {"recording": 0.2, "bed": 1.0, "clip": 0.2, "seed x clip": 0.3},
    "seed": {"recording": 0.4, "bed": 0.2, "clip": 0.6, "seed": 0.25, "seed x clip": 0.3},
    "seed x clip": {"recording": 0.2, "clip": 0.2, "seed x clip": 1.0},
    "seed x recording": {"recording": 0.2, "clip": 0.2, "seed x recording": 1.0},
    "mixed": {"recording": 0.6, "bed": 0.5, "clip": 0.5, "seed": 0.12, "seed x clip": 0.5, "seed x recording": 0.3},
}
"""Standard deviation of every effect; a clip is right when their sum is above a threshold."""

OF_SEEDS = ("seed", "seed x clip", "seed x recording")


@dataclass(frozen=True)
class Design:
    """Clips as they share recordings.

    Args:
        name: In words.
        recordings: Of every clip, joined by ``+``.
        classes: Class of every clip; one for all where clips have several.
        folds: Fold of every clip.
        beds: What a clip's bed is made of, joined by ``+``; its own name where it has none.
        author_of: Who made each recording.
    """

    name: str
    recordings: list[str]
    classes: NDArray[np.str_]
    folds: NDArray[np.str_]
    beds: NDArray[np.str_]
    author_of: Mapping[str, str] = field(default_factory=dict)

    def of_class(self, name: str) -> "Design":
        """The clips of one class alone."""
        own = self.classes == name
        kept = [recording for recording, here in zip(self.recordings, own, strict=True) if here]
        parts = (self.classes[own], self.folds[own], self.beds[own])
        return Design(f"{self.name}, {name}", kept, *parts, self.author_of)

    @property
    def units(self) -> Units:
        """Which clips share something, as the experiments take it."""
        return units_of(self.recordings, self.author_of)


class Listed(Dataset):
    """Clips of the event table, without their sound."""

    name, sample_rate, licence, citation, homepage = "esc50", 44_100, "", "", ""

    def __init__(self, cuts: Sequence[EventCut]) -> None:
        self.clips = tuple({cut.clip: Clip(cut.clip, cut.recording, cut.fold, 5.0, cut.label) for cut in cuts}.values())
        self.classes = tuple(sorted({cut.label for cut in cuts}))
        self.superclass_of = dict.fromkeys(self.classes, "")
        self.authors = {cut.recording: cut.author for cut in cuts if cut.author}

    @property
    def author_of(self) -> Mapping[str, str]:
        """Freesound author of each recording."""
        return self.authors

    def audio(self, clip: Clip) -> Audio:
        """There is none."""
        raise NotImplementedError

    def validate(self) -> Validation:
        """Nothing to compare with."""
        return Validation(len(self.clips))


def scenes(cuts: Sequence[EventCut]) -> Design:
    """Restaged scenes, 40 clips of each as in the recorded run."""
    corpus = RestagedScenes(Listed(cuts), cuts, clips_per_scene=40)
    recording_of = {cut.clip: cut.recording for cut in cuts}
    heard = [corpus.recipes[clip.id].bed.clips for clip in corpus.clips]
    beds = ["+".join(sorted({recording_of[name] for name in names})) for names in heard]
    return _design("scenes", corpus, corpus.clips, beds)


def esc10(cuts: Sequence[EventCut]) -> Design:
    """The clips of ESC-10."""
    corpus = Listed(cuts)
    clips = [clip for clip in corpus.clips if clip.label in ESC10]
    return _design("ESC-10", corpus, clips, [clip.id for clip in clips])


def _design(name: str, corpus: Dataset, clips: Sequence[Clip], beds: Sequence[str]) -> Design:
    classes, folds = np.array([str(clip.label) for clip in clips]), np.array([str(clip.fold) for clip in clips])
    return Design(name, [clip.recording for clip in clips], classes, folds, np.array(beds), corpus.author_of)


def mixtures() -> Design:
    """Mixtures that tagging networks are tested on."""
    with (HERE / "mixtures.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    same, own = np.zeros(len(rows), dtype="<U1"), np.arange(len(rows)).astype(str)
    return Design("mixtures", [row["recording"] for row in rows], same, same, own)


def designs() -> list[Design]:
    """All memberships that intervals are tried on."""
    cuts = read_table(EVENTS)
    places, clips = scenes(cuts), esc10(cuts)
    one_scene, one_class = places.of_class(str(places.classes[0])), clips.of_class(str(clips.classes[0]))
    return [places, clips, mixtures(), one_scene, one_class]


class World:
    """Draws the scores of a test set again and again, with one set of class difficulties.

    Args:
        design: Clips.
        effects: Standard deviations; a line of `EFFECTS`.
        n_seeds: Networks; with one, effects of seeds are none, as no interval covers them.
        accuracy: Rough share of clips that are right; or, for differences, that one of two systems alone has right,
            twice as often the first.
        difference: Draw differences of two systems, −1, 0 or 1.
    """

    def __init__(
        self, design: Design, effects: Mapping[str, float], n_seeds: int, accuracy: float, difference: bool = False
    ) -> None:
        self.design, self.n_seeds, self.difference = design, n_seeds, difference
        self.effects = {name: sd for name, sd in effects.items() if n_seeds > 1 or name not in OF_SEEDS}
        # sums of effects vary alike in every clip
        self.held, self.beds = (
            held.multiply(held.sum(1)[:, None] ** -0.5).tocsr()
            for held in (membership(names)[1] for names in (design.recordings, design.beds))
        )
        self.classes = np.unique(design.classes, return_inverse=True)[1]
        spread = np.sqrt(sum(sd**2 for sd in self.effects.values()))
        hard = 0.7 * np.random.default_rng(5).normal(size=self.classes.max() + 1)[self.classes]
        easier = hard * (len(np.unique(self.classes)) > 1) + norm.ppf(accuracy) * np.sqrt(1.49)
        self.limits = spread * (np.array([norm.ppf(1 - accuracy * 2 / 3), norm.ppf(accuracy / 3)]) if difference else 0)
        self.shift = 0.0 if difference else spread * easier
        sizes = np.unique(design.folds, return_inverse=True, return_counts=True)
        self.weights = 1 / (len(sizes[2]) * sizes[2][sizes[1]])
        self.truth = accuracy / 3 if difference else float(norm.cdf(easier) @ self.weights)

    def scores(self, rng: np.random.Generator) -> Array:
        """One draw. Shape: ``(S, N)``."""
        n, g = self.held.shape
        drawn = {
            "recording": lambda: self.held @ rng.normal(size=g),
            "bed": lambda: self.beds @ rng.normal(size=self.beds.shape[1]),
            "clip": lambda: rng.normal(size=n),
            "seed": lambda: rng.normal(size=(self.n_seeds, 1)),
            "seed x clip": lambda: rng.normal(size=(self.n_seeds, n)),
            "seed x recording": lambda: (self.held @ rng.normal(size=(g, self.n_seeds))).T,
        }
        latent = np.zeros((self.n_seeds, n)) + self.shift
        for name, sd in self.effects.items():
            latent = latent + sd * drawn[name]()
        if self.difference:
            return (latent > self.limits[0]) * 1.0 - (latent < self.limits[1])
        return (latent > 0) * 1.0


Method = Callable[[Array, World, Units], Interval]


def ours(scores: Array, world: World, units: Units) -> Interval:
    """This library's interval: classes are fixed."""
    design = world.design
    return mean_interval(scores, units, folds=design.folds, strata=design.classes, difference=world.difference)


def bootstrap(scores: Array, world: World, units: Units, n_resamples: int = 300) -> Interval:
    """Percentiles under products of gamma weights of a clip's recordings, scaled up; seeds are drawn."""
    rng, held = np.random.default_rng(0), membership(world.design.recordings)[1]
    spread = float(held.sum(1).mean() ** -0.5)
    of_recordings = rng.gamma(spread**-2, spread**2, (n_resamples, held.shape[1]))
    weights = np.exp((held @ np.log(of_recordings).T).T) * world.weights
    seeds = rng.multinomial(len(scores), np.full(len(scores), 1 / len(scores)), n_resamples) / len(scores)
    value = float((scores @ world.weights).mean())
    by_seed = (weights @ scores.T) / weights.sum(1, keepdims=True)
    moved = (seeds * (scores @ world.weights + (by_seed - scores @ world.weights) / spread)).sum(1)
    low, high = np.quantile(moved, (0.025, 0.975))
    return Interval(value, low, high, *held.shape, len(scores))


def naive(scores: Array, world: World, units: Units) -> Interval:
    """As if clips were independent, and the seeds one system."""
    found = mean_interval(scores.mean(0), Units(np.arange(units.n_clips)), folds=world.design.folds, bounds=(-1.0, 1.0))
    return replace(found, n_seeds=len(scores))


METHODS: Mapping[str, Method] = {"these": ours, "bootstrap": bootstrap, "clips": naive}


def coverage(
    world: World, n_runs: int, method: Method = ours, units: Units | None = None, seed: int = 0
) -> tuple[float, float]:
    """Share of the intervals that cover the truth, and their mean width."""
    rng, units = np.random.default_rng(seed), units or world.design.units
    found = [method(world.scores(rng), world, units) for _ in range(n_runs)]
    return float(np.mean([one.low <= world.truth <= one.high for one in found])), float(
        np.mean([one.high - one.low for one in found])
    )


def main() -> None:
    """Print a line for each membership, kind of effect, number of seeds and statistic."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print(f"{'membership':22s} {'effect':17s} seeds {'statistic':16s}" + "".join(f"{m:>18s}" for m in METHODS))
    for design in designs():
        if options.only and options.only != design.name:
            continue
        units = design.units
        for effect, effects in EFFECTS.items():
            for n_seeds in options.seeds:
                if n_seeds == 1 and "seed" in effect:
                    continue
                for accuracy, difference in ((0.5, False), (0.8, False), (0.97, False), (0.3, True), (0.05, True)):
                    world = World(design, effects, n_seeds, accuracy, difference)
                    cells = [coverage(world, options.runs, method, units) for method in METHODS.values()]
                    words = f"{'discordant' if difference else 'right'} {accuracy:.0%}"
                    line = "".join(f"{100 * covered:9.1f} ({100 * width:5.1f})" for covered, width in cells)
                    print(f"{design.name:22s} {effect:17s} {n_seeds:5d} {words:16s}{line}", flush=True)


if __name__ == "__main__":
    main()
