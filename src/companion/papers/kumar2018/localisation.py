"""When does it sound? Outputs of segments over time against strong labels, for networks that saw weak ones only."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.evaluation import localization, onsets
from companion.evaluation.bootstrap import Interval
from companion.evaluation.mixture_bootstrap import Resamples, draw
from companion.papers.kumar2018.table1 import NETWORKS, Fold
from companion.representations import segment_bounds
from companion.results.rows import Rows
from companion.training.recordings import Scored

ITEM, PAIRED = "Localisation", "Paired, localisation"
N_EXAMPLES = 4
SLAT, WHOLE = NETWORKS

MEASURES = {
    "micro F1": "segments, F1 of all decisions",
    "macro F1": "segments, mean F1 of the classes",
    "onset error": "onset error, s",
    "chance": "onset error of random starts, s",
    "missed": "events missed, share",
}
"""Statistic, and the words of its row."""


def localise(rows: Rows, test: Fold, validation: Fold, n_resamples: int, seed: int) -> dict[str, pd.DataFrame]:
    """Add rows of both networks' segments, and pick recordings to draw. Nothing where there are no strong labels.

    Thresholds are chosen class by class for the best segment F1 on validation recordings.

    Returns:
        The tables ``localisation`` and ``events``.

    Source: Kumar, Khadkevich, Fügen 2018, web supplement (examples only); the measures follow Mesaros, Heittola,
    Virtanen 2016.
    """
    if not any(clip.strong for clip in test.clips) or not any(clip.strong for clip in validation.clips):
        return {}
    n_seeds = len(test.scored[WHOLE])
    resamples = draw(test.recordings, n_seeds, np.random.default_rng(seed), n_resamples)
    weights = np.vstack([np.ones(len(test.clips)), resamples.weights])
    found = {
        network: _stacked([
            _statistics(test, one, _thresholds(validation, other), weights)
            for one, other in zip(test.scored[network], validation.scored[network], strict=True)
        ])
        for network in NETWORKS
    }  # fmt: skip
    for name, words in MEASURES.items():
        row, _, measure = words.partition(", ")
        for network in NETWORKS:
            rows.add(ITEM, row, network, measure, _interval(resamples, found[network][name]))
        if name != "chance":
            gain = _interval(resamples, found[WHOLE][name] - found[SLAT][name], difference=True)
            rows.add(PAIRED, row, f"{WHOLE} - {SLAT}", measure, gain)
    return examples(test)


def examples(test: Fold) -> dict[str, pd.DataFrame]:
    """Outputs over time in the first test recordings of ten seconds or so with two classes or more.

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
            network: np.mean([scored.segments[number] for scored in test.scored[network]], axis=0)
            for network in NETWORKS
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


def _strong(fold: Fold) -> tuple[list[list[tuple[float, float, str]]], list[NDArray[np.float64]]]:
    """Events and segment bounds of every recording."""
    events = [[(e.onset, e.offset, e.label) for e in clip.strong] for clip in fold.clips]
    return events, [segment_bounds(len(segments)) for segments in fold.scored[WHOLE][0].segments]


def _reference(fold: Fold) -> list[NDArray[np.bool_]]:
    pairs = zip(*_strong(fold), strict=True)
    return [localization.segment_reference(events, bounds, fold.classes) for events, bounds in pairs]


def _thresholds(validation: Fold, scored: Scored) -> NDArray[np.float64]:
    return localization.choose_thresholds(_reference(validation), scored.segments)


def _statistics(
    fold: Fold, scored: Scored, thresholds: NDArray[np.float64], weights: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Every statistic under every set of weights. Shape: ``(1 + R,)`` each."""
    counts = localization.counts_per_clip(_reference(fold), scored.segments, thresholds)
    scores = localization.f1_from_counts(counts, weights)
    events, bounds = _strong(fold)
    errors = onsets.onset_error(events, scored.segments, bounds, fold.classes, thresholds)
    return {
        "micro F1": scores.micro[:, 0],
        "macro F1": scores.macro[:, 0],
        "onset error": errors.mean("absolute", weights),
        "chance": errors.mean("chance", weights),
        "missed": errors.mean("missed", weights),
    }


def _stacked(by_seed: Sequence[dict[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    """One array a statistic. Shape: ``(S, 1 + R)``."""
    return {name: np.stack([one[name] for one in by_seed]) for name in MEASURES}


def _interval(resamples: Resamples, values: NDArray[np.float64], *, difference: bool = False) -> Interval:
    return resamples.interval(values[:, 0], values[:, 1:].T, difference=difference)
