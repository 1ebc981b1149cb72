"""When does it sound? Outputs of segments over time against strong labels, for networks that saw weak ones only."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.datasets.base import Event
from companion.evaluation import localization, onsets
from companion.evaluation.influence import Linearised, weighted
from companion.evaluation.intervals import interval
from companion.papers.kumar2018.table1 import NETWORKS, SLAT, WHOLE, Fold
from companion.representations import segment_bounds
from companion.results.rows import Rows
from companion.training.recordings import Scored

ITEM, PAIRED = "Localisation", "Paired, localisation"
N_EXAMPLES = 4
SHARE, SECONDS = (0.0, 1.0), (0.0, np.inf)

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]
"""From weights of the clips, shape ``(R, N)``, to a number for each set of them, shape ``(R,)``."""


def localise(rows: Rows, test: Fold, validation: Fold) -> dict[str, pd.DataFrame]:
    """Add rows of both networks' segments, and pick recordings to draw. Nothing where there are no strong labels.

    Thresholds are chosen class by class for the best segment F1 on validation recordings.

    Returns:
        The tables ``localisation``, ``events`` and ``thresholds``.

    Source: Kumar, Khadkevich, Fügen 2018, web supplement (examples only); the measures follow Mesaros, Heittola,
    Virtanen 2016.
    """
    if not any(clip.strong for clip in test.clips) or not any(clip.strong for clip in validation.clips):
        return {}
    limits = {network: [thresholds(validation, one) for one in validation.of(network)] for network in NETWORKS}
    f1 = {network: [counted(test, *pair) for pair in zip(test.of(network), limits[network], strict=True)]
          for network in NETWORKS}  # fmt: skip
    errors = {network: [found(test, *pair) for pair in zip(test.of(network), limits[network], strict=True)]
              for network in NETWORKS}  # fmt: skip
    both = [slat.found & whole.found for slat, whole in zip(errors[SLAT], errors[WHOLE], strict=True)]
    for name in ("micro", "macro"):
        words = {"micro": "F1 of all decisions", "macro": "mean F1 of the classes"}[name]
        _compare(rows, test, "segments", words, {n: [segment_f1(c, name) for c in f1[n]] for n in NETWORKS}, SHARE)
    _compare(
        rows, test, "events missed", "share", {n: [mean_of(e, "missed") for e in errors[n]] for n in NETWORKS}, SHARE
    )
    shared = {n: [e.only(events) for e, events in zip(errors[n], both, strict=True)] for n in NETWORKS}
    for row, of in (("onset error", errors), ("onset error, events that both found", shared)):
        _compare(rows, test, row, "s", {n: [mean_of(e, "absolute") for e in of[n]] for n in NETWORKS}, SECONDS)
    chance = {n: [mean_of(e, "chance") for e in errors[n]] for n in NETWORKS}
    _compare(rows, test, "onset error of random starts", "s", chance, SECONDS)
    return {**examples(test), "thresholds": threshold_table(test, limits)}


def thresholds(validation: Fold, scored: Scored) -> Array:
    """For each class the threshold with the highest segment F1 on validation recordings."""
    return localization.choose_thresholds(_reference(validation), scored.segments)


def counted(fold: Fold, scored: Scored, limits: Array) -> Array:
    """True positives, false positives and false negatives of each recording and class. Shape: ``(N, C, 3)``."""
    return np.asarray(localization.counts_per_clip(_reference(fold), scored.segments, limits), dtype=np.float64)


def found(fold: Fold, scored: Scored, limits: Array) -> onsets.OnsetErrors:
    """How far every event's onset is found from where it is."""
    events, bounds = _strong(fold)
    return onsets.onset_error(events, scored.segments, bounds, fold.classes, limits)


def segment_f1(counts: Array, name: str) -> Statistic:
    """F1 of segments: ``micro`` or ``macro``."""
    return lambda weights: np.asarray(getattr(localization.f1_from_counts(counts, weights), name)[:, 0])


def mean_of(errors: onsets.OnsetErrors, what: str) -> Statistic:
    """Mean onset error, or share of events missed."""
    return lambda weights: np.asarray(errors.mean(what, weights))


def _compare(
    rows: Rows,
    fold: Fold,
    row: str,
    measure: str,
    by_network: Mapping[str, Sequence[Statistic]],
    bounds: tuple[float, float],
) -> None:
    """Add a statistic of both networks, and its difference."""

    def linearised(seeds: Sequence[Statistic]) -> Linearised:
        return weighted(lambda weights: np.stack([one(weights) for one in seeds], axis=1), fold.units)

    values = {network: linearised(seeds) for network, seeds in by_network.items()}
    for network, value in values.items():
        rows.add(ITEM, row, network, measure, interval(value, bounds=bounds))
    gain = interval(values[WHOLE] - values[SLAT], difference=True)
    rows.add(PAIRED, row, f"{WHOLE} - {SLAT}", f"{measure} difference", gain)


def threshold_table(fold: Fold, limits: Mapping[str, Sequence[Array]]) -> pd.DataFrame:
    """Thresholds by network, seed and class, as they were chosen."""
    return pd.DataFrame(
        {"network": network, "run": run, "class": name, "threshold": value}
        for network, seeds in limits.items()
        for run, of_seed in enumerate(seeds)
        for name, value in zip(fold.classes, of_seed.tolist(), strict=True)
    )


def examples(test: Fold) -> dict[str, pd.DataFrame]:
    """Outputs over time in test recordings of middle length, among those with two classes or more.

    Returns:
        ``localisation`` (clip, seconds, class, N_S_slat, N_S; the mean over seeds) and ``events`` (clip, onset,
        offset, class).
    """
    several = [number for number, clip in enumerate(test.clips) if len(clip.weak) > 1]
    middle = float(np.median([test.clips[number].duration for number in several])) if several else 0.0
    chosen = sorted(several, key=lambda number: (abs(test.clips[number].duration - middle), number))[:N_EXAMPLES]
    lines, events = [], []
    for number in chosen:
        clip = test.clips[number]
        outputs = {
            network: np.mean([scored.segments[number] for scored in test.of(network)], axis=0) for network in NETWORKS
        }
        centres = segment_bounds(len(outputs[WHOLE])).mean(1)
        for label in clip.weak:
            column = test.classes.index(label)
            values = {network: outputs[network][:, column].round(4) for network in NETWORKS}
            lines.append(pd.DataFrame({"clip": clip.id, "seconds": centres.round(3), "class": label, **values}))
        events += [
            {"clip": clip.id, "onset": round(e.onset, 3), "offset": round(e.offset, 3), "class": e.label}
            for e in clip.strong
        ]
    return {"localisation": pd.concat(lines, ignore_index=True), "events": pd.DataFrame(events)} if lines else {}


def _strong(fold: Fold) -> tuple[list[tuple[Event, ...]], list[Array]]:
    """Events and segment bounds of every recording."""
    bounds = [segment_bounds(len(segments)) for segments in fold.of(WHOLE)[0].segments]
    return [clip.strong for clip in fold.clips], bounds


def _reference(fold: Fold) -> list[NDArray[np.bool_]]:
    pairs = zip(*_strong(fold), strict=True)
    return [localization.segment_reference(events, bounds, fold.classes) for events, bounds in pairs]
