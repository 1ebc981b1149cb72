"""Result rows of Kumar, Khadkevich, Fügen 2018, Table 1: N_S against N_S^slat on the same recordings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.datasets.base import Clip
from companion.evaluation import tagging
from companion.evaluation.bootstrap import Interval
from companion.evaluation.mixture_bootstrap import Resamples, draw
from companion.results.published import load_audioset_names, load_published
from companion.results.rows import Rows
from companion.training.recordings import Scored

Array = NDArray[np.float64]
NETWORKS = SLAT, WHOLE = ("N_S_slat", "N_S")
"""In the order of the paper's columns."""

MEAN = "mean over 527"
"""The paper's name of the row; its note says how many classes there are here."""

N_EXTREMES = 10
DIFFERENCE = f"{WHOLE} - {SLAT}"


@dataclass(frozen=True)
class Fold:
    """Recordings with weak labels, and what every network says of them.

    Args:
        clips: The recordings.
        classes: Event classes C.
        labels: 1 where the class occurs. Shape: ``(N, C)``.
        scored: For each network, its outputs for each seed.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    labels: NDArray[np.float32]
    scored: Mapping[str, Sequence[Scored]]

    @property
    def recordings(self) -> NDArray[Any]:
        """The original recordings in each clip, joined by ``+``. Shape: ``(N,)``."""
        return np.array([clip.recording for clip in self.clips])


@dataclass(frozen=True)
class Measured:
    """AP and AUC of every class and seed: as they are, and under every resample.

    Args:
        ap: Shape: ``(S, 1 + R, C)``; the first of each seed with every weight at 1.
        auc: Likewise.
    """

    ap: Array
    auc: Array


@dataclass(frozen=True)
class Judge:
    """Measures networks on one set of test recordings.

    Args:
        rows: Where rows go.
        fold: Recordings, labels and outputs.
        n_resamples: Resamples of the bootstrap.
        seed: Seed of the bootstrap.
    """

    rows: Rows
    fold: Fold
    n_resamples: int
    seed: int

    def measure(self, estimated: Callable[[Any], Any], kept: NDArray[np.bool_] | None = None) -> "Outcome":
        """Measure both networks on some of the recordings under one set of resamples.

        Args:
            estimated: From a network's outputs to the scores of recordings, shape ``(N, C)``.
            kept: Recordings that count; None for all. Shape: ``(N,)``.
        """
        kept = np.ones(len(self.fold.labels), dtype=bool) if kept is None else kept
        n_seeds = len(self.fold.scored[WHOLE])
        # The same weights for every row of one set of recordings, so that rows differ by what they measure alone.
        resamples = draw(self.fold.recordings[kept], n_seeds, np.random.default_rng(self.seed), self.n_resamples)
        weights = np.vstack([np.ones(kept.sum()), resamples.weights])
        labels = self.fold.labels[kept]
        found = {}
        for network in NETWORKS:
            pairs = [
                tagging.resampled(labels, estimated(scored)[kept], weights) for scored in self.fold.scored[network]
            ]
            found[network] = Measured(*(np.stack(parts) for parts in zip(*pairs, strict=True)))
        return Outcome(self, found, resamples, labels.sum(0))


@dataclass(frozen=True)
class Outcome:
    """Both networks on the same recordings under the same resamples.

    Args:
        judge: The recordings, and where rows go.
        measured: Of each network.
        resamples: Weights behind the measures.
        positives: Recordings of each class. Shape: ``(C,)``.
    """

    judge: Judge
    measured: Mapping[str, Measured]
    resamples: Resamples
    positives: NDArray[Any]

    def means(self, network: str, measure: str, classes: NDArray[np.intp] | None = None) -> Array:
        """Mean over the classes that have a score. Shape: ``(S, 1 + R)``."""
        found = self.measured[network]
        values = found.ap if measure in ("MAP", "AP") else found.auc
        means = np.nanmean(values if classes is None else values[..., classes], axis=-1)
        return tagging.d_prime(means) if measure == "d-prime" else means

    def both(
        self, item: str, row: str, measure: str, note: str, classes: NDArray[np.intp] | None = None, suffix: str = ""
    ) -> None:
        """Add a row for each network and one for their difference."""
        values = {network: self.means(network, measure, classes) for network in NETWORKS}
        for network in NETWORKS:
            self.judge.rows.add(item, row, network, measure, self.interval(values[network]), note)
        gain = self.interval(values[WHOLE] - values[SLAT], difference=True)
        self.judge.rows.add(f"Paired{suffix}", row, DIFFERENCE, f"{measure} difference", gain, note)

    def interval(self, values: Array, *, difference: bool = False) -> Interval:
        """Interval of a statistic, centred, since repeated positives raise AP. Shape: ``(S, 1 + R)``."""
        return self.resamples.interval(values[:, 0], values[:, 1:].T, difference=difference, centred=True)

    def by_class(self) -> pd.DataFrame:
        """AP of every class under both networks, mean over seeds, with the interval of the difference."""
        lines = []
        for index, label in enumerate(self.judge.fold.classes):
            if not np.isfinite(self.measured[WHOLE].ap[:, 0, index]).all():
                continue
            ap = {network: self.measured[network].ap[:, :, index] for network in NETWORKS}
            gain = self.interval(ap[WHOLE] - ap[SLAT], difference=True)
            lines.append(
                {
                    "class": label,
                    "positives": int(self.positives[index]),
                    **{network: float(ap[network][:, 0].mean()) for network in NETWORKS},
                    "difference": gain.value,
                    "ci_low": gain.low,
                    "ci_high": gain.high,
                }
            )
        return pd.DataFrame(lines)


def table1(rows: Rows, test: Fold, validation: Fold, n_resamples: int, seed: int) -> pd.DataFrame:
    """Add the rows of Table 1, left and below, and what goes beyond it.

    Returns:
        DataFrame: AP class by class.
    """
    judge = Judge(rows, test, n_resamples, seed)
    found = judge.measure(lambda scored: scored.recording)
    by_class = found.by_class()
    note = f"mean over {len(by_class)} classes that occur in the test recordings"
    for measure in ("MAUC", "MAP"):
        found.both("Table1 top-left", MEAN, measure, note)
    found.both(
        "Table1 top-left, d-prime", MEAN, "d-prime", f"of the {note.replace('mean', 'mean AUC', 1)}", suffix=", d-prime"
    )
    printed_classes(found)
    extremes(found, test, "", "chosen, as published, on the recordings they are scored on")
    extremes(found, validation, ", chosen on validation recordings", "chosen on validation recordings")
    peak = judge.measure(lambda scored: scored.maximum)
    words = "the highest segment's probability in place of the mean over segments"
    peak.both("Table1 top-left, maximum over segments", MEAN, "MAP", words, suffix=", maximum over segments")
    by_length(judge)
    return by_class


def printed_classes(found: Outcome) -> None:
    """The twenty classes that the paper prints, by its names, where the corpus has AudioSet's."""
    published, names = load_published(), load_audioset_names("Kumar2018")
    classes = {label: index for index, label in enumerate(found.judge.fold.classes)}
    cells = published[published["item"].str.startswith("Table1 bottom") & published["row"].isin(list(names))]
    for item, row in dict.fromkeys(zip(cells["item"], cells["row"], strict=True)):
        for network in NETWORKS if names[row] in classes else ():
            ap = found.measured[network].ap[:, :, classes[names[row]]]
            if np.isfinite(ap[:, 0]).all():
                found.judge.rows.add(item, row, network, "AP", found.interval(ap))


def extremes(found: Outcome, chosen_on: Fold, suffix: str, note: str) -> None:
    """The ten classes with the lowest and the highest AP under N_S^slat.

    Chosen on the recordings they are scored on, as published, the lowest are partly the unluckiest, and would
    rise in any second measurement; so they are also chosen on validation recordings.
    """
    pairs = [tagging.evaluate(chosen_on.labels, scored.recording) for scored in chosen_on.scored[SLAT]]
    ap = np.mean([scores.average_precision for scores in pairs], axis=0)
    scorable = np.flatnonzero(np.isfinite(ap) & np.isfinite(found.measured[SLAT].ap[0, 0]))
    order = scorable[np.argsort(ap[scorable], kind="stable")]
    for name, classes in (("lowest", order[:N_EXTREMES]), ("highest", order[-N_EXTREMES:])):
        listed = ", ".join(found.judge.fold.classes[i] for i in classes)
        found.both(
            f"Table1 bottom {name} {N_EXTREMES}{suffix}",
            f"Mean ({name} {N_EXTREMES})",
            "AP",
            f"{note}: {listed}",
            classes,
            suffix,
        )


def by_length(judge: Judge) -> None:
    """Weak labels are weakest in long recordings: the comparison for each length by itself."""
    lengths = np.array([clip.duration for clip in judge.fold.clips])
    for length in np.unique(lengths) if len(np.unique(lengths)) > 1 else ():
        kept = lengths == length
        found = judge.measure(lambda scored: scored.recording, kept)
        found.both("By length", f"{length:g} s", "MAP", f"test recordings of {length:g} s", suffix=", by length")
