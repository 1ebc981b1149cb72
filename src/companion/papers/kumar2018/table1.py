"""Result rows of Kumar, Khadkevich, Fügen 2018, Table 1: N_S against N_S^slat on the same recordings.

Two networks that differ in what they were shown in training also differ, in the paper, in how they hear a recording at
test: N_S scans it, N_S^slat hears its segments one by one. A scanned segment hears 94 frames more on each side. So
each network is heard both ways, and the rows tell training and hearing apart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.datasets.base import Clip
from companion.evaluation import tagging
from companion.evaluation.influence import Linearised, TaggingInfluence
from companion.evaluation.intervals import interval, ratio_interval
from companion.evaluation.units import Units, units_of
from companion.papers.kumar2018.source import SHOWN, Shown
from companion.results.published import load_audioset_names, load_published
from companion.results.rows import Rows
from companion.training.recordings import Scored

HEARD = SCANNED, SEGMENTWISE = ("scanned", "segment by segment")
"""How a network hears a recording at test."""

SLAT, WHOLE = "N_S_slat", "N_S"
NETWORKS = (SLAT, WHOLE)
"""In the order of the paper's columns."""

PUBLISHED = {WHOLE: (SHOWN[0], SCANNED), SLAT: (SHOWN[1], SEGMENTWISE)}
"""The paper's two networks: what they are shown in training, and how they hear at test."""

MEAN = "mean over 527"
"""The paper's name of the row; its note says how many classes there are here."""

ALL = "all lengths"
N_EXTREMES = 10
DIFFERENCE, RATIO = f"{WHOLE} - {SLAT}", f"{WHOLE} / {SLAT}"
System = tuple[Shown, str]


@dataclass(frozen=True)
class Fold:
    """Recordings with weak labels, and what every system says of them.

    Args:
        clips: The recordings.
        classes: Event classes C.
        labels: 1 where the class occurs. Shape: ``(N, C)``.
        scored: For each system (shown, heard), its outputs for each seed.
        author_of: Who made each original recording; empty where that is not known.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    labels: NDArray[np.float32]
    scored: Mapping[System, Sequence[Scored]]
    author_of: Mapping[str, str] = field(default_factory=dict)

    def of(self, network: str) -> Sequence[Scored]:
        """Outputs of one of the paper's networks for each seed."""
        return self.scored[PUBLISHED[network]]

    @cached_property
    def units(self) -> Units:
        """Which recordings share an original recording or an author."""
        return units_of([clip.recording for clip in self.clips], self.author_of)


class Judge:
    """Measures systems on one set of test recordings, all on the same recordings and seeds.

    Args:
        rows: Where rows go.
        fold: Recordings, labels and outputs.
        estimated: From a system's outputs to the scores of recordings, shape ``(N, C)``.
        kept: Recordings that count; None for all. Shape: ``(N,)``.
    """

    def __init__(
        self,
        rows: Rows,
        fold: Fold,
        estimated: Callable[[Scored], NDArray[Any]] = lambda scored: scored.recording,
        kept: NDArray[np.bool_] | None = None,
    ) -> None:
        chosen = np.flatnonzero(np.ones(len(fold.clips), dtype=bool) if kept is None else kept)
        self.rows, self.classes = rows, fold.classes
        recordings = [fold.clips[i].recording for i in chosen]
        self.units = fold.units if kept is None else units_of(recordings, fold.author_of)
        self.labels = fold.labels[chosen]
        self.found = {
            system: TaggingInfluence(self.labels, [estimated(one)[chosen] for one in seeds], self.units)
            for system, seeds in fold.scored.items()
        }

    def mean(self, system: System, measure: str, classes: NDArray[np.intp] | None = None) -> Linearised:
        """MAP, MAUC or d-prime of a system; the mean over the classes that have a score, or some of them."""
        found = self.found[system].mean("AP" if measure in ("AP", "MAP") else "AUC", classes)
        return found.through(tagging.d_prime) if measure == "d-prime" else found

    def both(
        self, item: str, row: str, measure: str, note: str, classes: NDArray[np.intp] | None = None, suffix: str = ""
    ) -> None:
        """Add a row for each of the paper's networks, one for their difference and one for their ratio."""
        slat, whole = (self.mean(PUBLISHED[network], measure, classes) for network in NETWORKS)
        bounds = (-np.inf, np.inf) if measure == "d-prime" else (0.0, 1.0)
        for network, found in ((SLAT, slat), (WHOLE, whole)):
            self.rows.add(item, row, network, measure, interval(found, bounds=bounds), note)
        item = f"Paired{suffix}"
        gain = interval(whole - slat, difference=True)
        self.rows.add(item, row, DIFFERENCE, f"{measure} difference", gain, note)
        if measure != "d-prime":
            self.rows.add(item, row, RATIO, f"{measure} ratio", ratio_interval(whole, slat), note)

    def by_class(self) -> pd.DataFrame:
        """AP of every class under the paper's networks, mean over seeds, with the interval of the difference."""
        lines = []
        for index, label in enumerate(self.classes):
            chosen = np.array([index])
            if not all(np.isfinite(self.found[PUBLISHED[name]].values["AP"][:, index]).all() for name in NETWORKS):
                continue
            slat, whole = (self.mean(PUBLISHED[network], "AP", chosen) for network in NETWORKS)
            gain = interval(whole - slat, difference=True)
            line = {"class": label, "positives": int(self.labels[:, index].sum())}
            line |= {SLAT: float(slat.by_seed.mean()), WHOLE: float(whole.by_seed.mean())}
            lines.append({**line, "difference": gain.value, "ci_low": gain.low, "ci_high": gain.high})
        return pd.DataFrame(lines)


def table1(rows: Rows, test: Fold, validation: Fold) -> pd.DataFrame:
    """Add the rows of Table 1, left and below, and what goes beyond it.

    Returns:
        DataFrame: AP class by class.
    """
    judge = Judge(rows, test)
    by_class = judge.by_class()
    note = f"mean over {len(by_class)} classes that occur in the test recordings"
    for measure in ("MAUC", "MAP"):
        judge.both("Table1 top-left", MEAN, measure, note)
    judge.both("Table1 top-left, d-prime", MEAN, "d-prime", f"of the {note}", suffix=", d-prime")
    printed_classes(judge)
    extremes(judge, test, "", "chosen, as published, on the recordings they are scored on")
    extremes(judge, validation, ", chosen on validation recordings", "chosen on validation recordings")
    words = "the highest segment's probability in place of the mean over segments"
    peak = Judge(rows, test, lambda scored: scored.maximum)
    peak.both("Table1 top-left, maximum over segments", MEAN, "MAP", words, suffix=", maximum over segments")
    cross(judge, ALL)
    by_length(rows, test)
    return by_class


def cross(judge: Judge, row: str) -> None:
    """Training and hearing told apart: every network heard both ways, and the effect of each by itself.

    The effect of training is the mean over both ways of hearing, and the other way round; what is left of the paper's
    difference is their interplay.
    """
    found = {system: judge.mean(system, "MAP") for system in judge.found}
    for (shown, heard), value in found.items():
        item = "Cross" if row == ALL else f"Cross, {row}"
        judge.rows.add(item, f"shown {shown}", heard, "MAP", interval(value, bounds=(0.0, 1.0)))
    whole, slat = SHOWN[:2]
    if not {(shown, heard) for shown in (whole, slat) for heard in HEARD} <= set(found):
        return
    by_training = [found[whole, heard] - found[slat, heard] for heard in HEARD]
    by_hearing = [found[shown, SCANNED] - found[shown, SEGMENTWISE] for shown in (whole, slat)]
    interplay = (by_training[0] - by_training[1]).scaled(0.5)
    for effect, value in (
        (f"training: {whole} - {slat}", (by_training[0] + by_training[1]).scaled(0.5)),
        (f"hearing: {SCANNED} - {SEGMENTWISE}", (by_hearing[0] + by_hearing[1]).scaled(0.5)),
        ("interplay", interplay),
        ("together", found[whole, SCANNED] - found[slat, SEGMENTWISE]),
    ):
        judge.rows.add("Cross, effects", row, effect, "MAP difference", interval(value, difference=True))


def printed_classes(judge: Judge) -> None:
    """The twenty classes that the paper prints, by its names, where the corpus has AudioSet's."""
    published, names = load_published(), load_audioset_names("Kumar2018")
    classes = {label: index for index, label in enumerate(judge.classes)}
    cells = published[published["item"].str.startswith("Table1 bottom") & published["row"].isin(list(names))]
    for item, row in dict.fromkeys(zip(cells["item"], cells["row"], strict=True)):
        index = classes.get(names[row])
        for network in NETWORKS if index is not None else ():
            if np.isfinite(judge.found[PUBLISHED[network]].values["AP"][:, index]).all():
                value = judge.mean(PUBLISHED[network], "AP", np.array([index]))
                judge.rows.add(item, row, network, "AP", interval(value, bounds=(0.0, 1.0)))


def extremes(judge: Judge, chosen_on: Fold, suffix: str, note: str) -> None:
    """The ten classes with the lowest and the highest AP under N_S^slat.

    Chosen on the recordings they are scored on, as published, the lowest are partly the unluckiest, and would
    rise in any second measurement; so they are also chosen on validation recordings.
    """
    pairs = [tagging.evaluate(chosen_on.labels, scored.recording) for scored in chosen_on.of(SLAT)]
    ap = np.mean([scores.average_precision for scores in pairs], axis=0)
    scorable = np.flatnonzero(np.isfinite(ap) & np.isfinite(judge.found[PUBLISHED[SLAT]].values["AP"][0]))
    order = scorable[np.argsort(ap[scorable], kind="stable")]
    for name, classes in (("lowest", order[:N_EXTREMES]), ("highest", order[-N_EXTREMES:])):
        listed = ", ".join(judge.classes[i] for i in classes)
        judge.both(
            f"Table1 bottom {name} {N_EXTREMES}{suffix}",
            f"Mean ({name} {N_EXTREMES})",
            "AP",
            f"{note}: {listed}",
            classes,
            suffix,
        )


def by_length(rows: Rows, fold: Fold) -> None:
    """Weak labels are weakest in long recordings: the comparison for each length by itself."""
    lengths = np.array([clip.duration for clip in fold.clips])
    for length in np.unique(lengths) if len(np.unique(lengths)) > 1 else ():
        judge = Judge(rows, fold, kept=lengths == length)
        note = f"test recordings of {length:g} s"
        judge.both("By length", f"{length:g} s", "MAP", note, suffix=", by length")
        cross(judge, f"{length:g} s")


def score_table(fold: Fold, seeds: Sequence[int]) -> pd.DataFrame:
    """What every system says of every recording, seed by seed: what rows and intervals of recordings are made from.

    Rows of segments, the maximum over them and localisation, need more than this table holds.

    Returns:
        DataFrame: A line for each recording, system and seed: ``clip``, ``recording``, ``length s``, ``labels``,
        ``shown``, ``heard``, ``seed``, and the probability of every class.
    """
    known = pd.DataFrame(
        {
            "clip": [clip.id for clip in fold.clips],
            "recording": [clip.recording for clip in fold.clips],
            "length s": [clip.duration for clip in fold.clips],
            "labels": ["+".join(clip.weak) for clip in fold.clips],
        }
    )
    return pd.concat(
        [
            known.assign(shown=shown, heard=heard, seed=seed).join(rounded(scored.recording, fold.classes))
            for (shown, heard), of_system in fold.scored.items()
            for seed, scored in zip(seeds, of_system, strict=True)
        ],
        ignore_index=True,
    )


def rounded(scores: NDArray[Any], classes: Sequence[str]) -> pd.DataFrame:
    """Probabilities to five digits: a table of many is shorter, and hardly two that differ become one."""
    digits = [[float(f"{p:.5g}") for p in of_class] for of_class in np.asarray(scores).T]
    return pd.DataFrame(dict(zip(classes, digits, strict=True)))


def filled(fold: Fold) -> pd.DataFrame:
    """By length of recording: how much of it events fill, in the mean, and how much one labelled class does."""
    lines = []
    for clip in fold.clips:
        covered = np.zeros(round(clip.duration * 100), dtype=bool)
        by_class: dict[str, NDArray[np.bool_]] = {}
        for event in clip.strong:
            span = slice(round(event.onset * 100), round(event.offset * 100))
            covered[span] = True
            by_class.setdefault(event.label, np.zeros_like(covered))[span] = True
        one = float(np.mean([times.mean() for times in by_class.values()])) if by_class else np.nan
        lines.append({"length s": clip.duration, "events": covered.mean(), "one class": one})
    table = pd.DataFrame(lines).groupby("length s").agg(["mean", "size"])
    return pd.DataFrame(
        {
            "length s": table.index,
            "recordings": table["events", "size"].to_numpy(),
            "share filled by events": table["events", "mean"].to_numpy().round(4),
            "share filled by one labelled class": table["one class", "mean"].to_numpy().round(4),
        }
    )
