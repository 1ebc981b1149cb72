"""Result rows of Kumar, Khadkevich, Fügen 2018, Table 1: N_S against N_S^slat on the same recordings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.evaluation import tagging
from companion.evaluation.bootstrap import Interval
from companion.evaluation.mixture_bootstrap import Resamples, draw
from companion.experiments.stages.rows import interval_row
from companion.experiments.stages.tagging import NETWORKS, Fold
from companion.report.published import load_audioset_names, load_published

Array = NDArray[np.float64]
SLAT, WHOLE = NETWORKS
MEAN = "mean over 527"
"""The paper's name of the row; its note says how many classes there are here."""

N_EXTREMES = 10
DIFFERENCE = f"{WHOLE} - {SLAT}"


@dataclass(frozen=True)
class Measured:
    """AP and AUC of every class and seed: as they are, and under every resample.

    Args:
        ap: Shape: ``(S, 1 + R, C)``; the first of each seed with every weight at 1.
        auc: Likewise.
    """

    ap: Array
    auc: Array


@dataclass
class Rows:
    """Rows made from one set of test recordings.

    Args:
        fold: Recordings, labels and outputs.
        common: Columns that all rows share.
        n_resamples: Resamples of the bootstrap.
        seed: Seed of the bootstrap.
    """

    fold: Fold
    common: Mapping[str, Any]
    n_resamples: int
    seed: int
    rows: list[dict[str, Any]] = field(default_factory=list)

    def measure(self, estimated: Callable[[Any], Any], kept: NDArray[np.bool_] | None = None) -> "Comparison":
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
        return Comparison(self, found, resamples, labels.sum(0))

    def add(self, item: str, row: str, column: str, measure: str, interval: Interval, note: str = "") -> None:
        """Add one row."""
        self.rows.append(interval_row(self.common, item, row, column, measure, interval, note))


@dataclass(frozen=True)
class Comparison:
    """Both networks on the same recordings under the same resamples.

    Args:
        table: Where rows go.
        measured: Of each network.
        resamples: Weights behind the measures.
        positives: Recordings of each class. Shape: ``(C,)``.
    """

    table: Rows
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
            self.table.add(item, row, network, measure, self.interval(values[network]), note)
        gain = self.interval(values[WHOLE] - values[SLAT], difference=True)
        words = f"two-sided p = {gain.p_value:.4f}; {note}"
        self.table.add(f"Paired{suffix}", row, DIFFERENCE, f"{measure} difference", gain, words)

    def interval(self, values: Array, *, difference: bool = False) -> Interval:
        """Interval of a statistic, centred, since repeated positives raise AP. Shape: ``(S, 1 + R)``."""
        return self.resamples.interval(values[:, 0], values[:, 1:].T, difference=difference, centred=True)

    def by_class(self) -> pd.DataFrame:
        """AP of every class under both networks, mean over seeds, with the interval of the difference."""
        lines = []
        for index, label in enumerate(self.table.fold.classes):
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


def table1(
    test: Fold, validation: Fold, common: Mapping[str, Any], n_resamples: int, seed: int
) -> tuple[Rows, pd.DataFrame]:
    """Rows of Table 1, left and below, with what goes beyond it, and AP class by class."""
    rows = Rows(test, common, n_resamples, seed)
    found = rows.measure(lambda scored: scored.recording)
    by_class = found.by_class()
    note = f"mean over {len(by_class)} classes that occur in the test recordings"
    for measure in ("MAUC", "MAP"):
        found.both("Table1 top-left", MEAN, measure, note)
    found.both(
        "Table1 top-left, d-prime", MEAN, "d-prime", f"of the {note.replace('mean', 'mean AUC', 1)}", suffix=", d-prime"
    )
    if common["evidence"] == "official":
        printed_classes(found)
    extremes(found, test, "", "chosen, as published, on the recordings they are scored on")
    extremes(found, validation, ", chosen on validation recordings", "chosen on validation recordings")
    peak = rows.measure(lambda scored: scored.maximum)
    words = "the highest segment's probability in place of the mean over segments"
    peak.both("Table1 top-left, maximum over segments", MEAN, "MAP", words, suffix=", maximum over segments")
    by_length(rows)
    return rows, by_class


def printed_classes(found: Comparison) -> None:
    """The twenty classes that the paper prints, by its names."""
    published, names = load_published(), load_audioset_names("Kumar2018")
    classes = {label: index for index, label in enumerate(found.table.fold.classes)}
    cells = published[published["item"].str.startswith("Table1 bottom") & published["row"].isin(list(names))]
    for item, row in dict.fromkeys(zip(cells["item"], cells["row"], strict=True)):
        for network in NETWORKS:
            ap = found.measured[network].ap[:, :, classes[names[row]]]
            if np.isfinite(ap[:, 0]).all():
                found.table.add(item, row, network, "AP", found.interval(ap))


def extremes(found: Comparison, chosen_on: Fold, suffix: str, note: str) -> None:
    """The ten classes with the lowest and the highest AP under N_S^slat.

    Chosen on the recordings they are scored on, as published, the lowest are partly the unluckiest, and would
    rise in any second measurement; so they are also chosen on validation recordings.
    """
    pairs = [tagging.evaluate(chosen_on.labels, scored.recording) for scored in chosen_on.scored[SLAT]]
    ap = np.mean([scores.average_precision for scores in pairs], axis=0)
    scorable = np.flatnonzero(np.isfinite(ap) & np.isfinite(found.measured[SLAT].ap[0, 0]))
    order = scorable[np.argsort(ap[scorable], kind="stable")]
    for name, classes in (("lowest", order[:N_EXTREMES]), ("highest", order[-N_EXTREMES:])):
        listed = ", ".join(found.table.fold.classes[i] for i in classes)
        found.both(
            f"Table1 bottom {name} {N_EXTREMES}{suffix}",
            f"Mean ({name} {N_EXTREMES})",
            "AP",
            f"{note}: {listed}",
            classes,
            suffix,
        )


def by_length(rows: Rows) -> None:
    """Weak labels are weakest in long recordings: the comparison for each length by itself."""
    lengths = np.array([clip.duration for clip in rows.fold.clips])
    for length in np.unique(lengths) if len(np.unique(lengths)) > 1 else ():
        kept = lengths == length
        found = rows.measure(lambda scored: scored.recording, kept)
        found.both("By length", f"{length:g} s", "MAP", f"test recordings of {length:g} s", suffix=", by length")
