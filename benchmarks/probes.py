"""The search over C beside `GridSearchCV`, and the exact linear SVM beside LIBLINEAR's solvers, on real sound.

    OMP_NUM_THREADS=1 COMPANION_DATA=... python benchmarks/probes.py [--classes 10] [--test-folds 5] [--solvers]

Features are made from ESC-50: means and deviations of its log-mel bands, projected at random to 1024 dimensions, as
ReLU outputs (F1's shape) and as sigmoid scores that hardly vary (an untrained F2's). All do the same work: C chosen by
leave-one-fold-out cross-validation inside the training folds, for each test fold. `GridSearchCV` is run on a fixed
grid, one value of C a decade from 10⁻⁹ to 10⁹, and on the very values that `LinearSVMCV` tried, so that only the warm
starts differ. Times are the processor's; ratios are to `LinearSVMCV`.

`--solvers` compares the machine itself instead: one training set at the C that `LinearSVMCV` tried on it. A line gives
the time for all of them, the accuracy at the C where the exact solver's is highest, the largest difference from its
decision values at any C, and at how many C LIBLINEAR warned that it had stopped early.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from companion.datasets.esc50 import ESC50
from companion.datasets.extraction import extract_corpus
from companion.features import NS_LOG_MEL
from companion.paths import cache_root, data_root
from companion.probes import PROBES
from companion.probes.nested import inner_splits
from companion.probes.svm import LinearSVM, LinearSVMCV
from companion.store import Store

Array = NDArray[np.float64]

WIDE = 10.0 ** np.arange(-9, 10)
N_FEATURES = 1024


def clips(n_classes: int) -> tuple[dict[str, Array], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Features of both kinds, labels, folds and recordings of the first classes of ESC-50."""
    corpus = ESC50(data_root())
    log_mel = extract_corpus(corpus, NS_LOG_MEL, Store(cache_root() / "store"))
    statistics = np.array([np.concatenate((clip.mean(0), clip.std(0))) for clip in log_mel])
    labels, folds, recordings = (
        np.array([getattr(clip, name) for clip in corpus.clips]) for name in ("label", "fold", "recording")
    )
    kept = np.isin(labels, corpus.classes[:n_classes])
    scaled = StandardScaler().fit_transform(statistics[kept])
    projected = scaled @ np.random.default_rng(0).normal(size=(scaled.shape[1], N_FEATURES)) / scaled.shape[1] ** 0.5
    kinds = {"ReLU outputs": np.maximum(0.0, projected), "sigmoid scores": 1 / (1 + np.exp(-1e-4 * projected))}
    return kinds, labels[kept], folds[kept], recordings[kept]


def timed(work: Callable[[], Any]) -> tuple[Any, float, int]:
    """What it returns, its processor time, and how often it said that a machine had not reached its minimum."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        start = time.process_time()
        result = work()
        return result, time.process_time() - start, len(caught)


def search(
    x: Array, labels: NDArray[Any], folds: NDArray[Any], recordings: NDArray[Any], probe: str, n_tests: int
) -> None:
    """Print a line for each way to search over C."""
    print(f"  {probe}")
    found: dict[str, list[tuple[float, float, float, int]]] = {}
    for fold in np.unique(folds)[:n_tests]:
        seen, test = folds != fold, folds == fold
        splits = list(inner_splits(folds[seen], recordings[seen], recordings[test]))
        path = LinearSVMCV(splits, standardised=PROBES[probe], per_decade=1, patience=4.0)
        scaler = StandardScaler(with_mean=PROBES[probe], with_std=PROBES[probe])
        pipeline = make_pipeline(scaler, LinearSVM())

        def of(model: Any, seen: NDArray[Any] = seen) -> Callable[[], Any]:
            return lambda: model.fit(x[seen], labels[seen])

        ways = {"LinearSVMCV": timed(of(path))}
        for name, grid in (("GridSearchCV, 10⁻⁹ to 10⁹", WIDE), ("GridSearchCV, the same C", path.Cs_)):
            ways[name] = timed(of(GridSearchCV(pipeline, {"linearsvm__C": grid}, cv=splits, error_score="raise")))
        for name, (model, seconds, n_early) in ways.items():
            c = model.C_ if name == "LinearSVMCV" else model.best_params_["linearsvm__C"]
            accuracy = 100 * (model.predict(x[test]) == labels[test]).mean()
            found.setdefault(name, []).append((seconds, accuracy, c, n_early))
    spent = {name: sum(line[0] for line in lines) for name, lines in found.items()}
    for name, lines in found.items():
        accuracy, early = np.mean([line[1] for line in lines]), sum(line[3] for line in lines)
        chosen = ", ".join(f"{line[2]:.0e}" for line in lines)
        ratio = spent[name] / spent["LinearSVMCV"]
        print(f"    {name:26s} {spent[name]:8.1f} s {ratio:6.1f} × {accuracy:6.1f} %   early {early:3d}   C {chosen}")


def solvers(x: Array, labels: NDArray[Any], folds: NDArray[Any]) -> None:
    """Print a line for each solver."""
    seen, test = np.isin(folds, (1, 2, 3)), folds == 4
    costs = LinearSVMCV(inner_splits(folds[seen], np.arange(seen.sum())), per_decade=1).fit(x[seen], labels[seen]).Cs_

    def each(model: Callable[..., Any], **options: Any) -> Callable[[], Array]:
        return lambda: np.stack(
            [model(C=c, **options).fit(x[seen], labels[seen]).decision_function(x[test]) for c in costs]
        )

    sides = {
        "LinearSVM": each(LinearSVM),
        "LIBLINEAR, dual": each(LinearSVC, dual=True, random_state=0),
        "LIBLINEAR, primal": each(LinearSVC, dual=False, random_state=0),
        "LIBLINEAR, primal, 1e-8": each(LinearSVC, dual=False, random_state=0, tol=1e-8, max_iter=100),
    }
    classes = np.unique(labels)
    truth, spent, best = None, 0.0, 0
    for name, side in sides.items():
        decisions, seconds, n_early = timed(side)
        accuracy = [100 * (classes[decision.argmax(1)] == labels[test]).mean() for decision in decisions]
        if truth is None:
            truth, spent, best = decisions, seconds, int(np.argmax(accuracy))
        error = np.abs(decisions - truth).max()
        early = f"{n_early}/{len(costs)}"
        print(
            f"  {name:24s} {seconds:8.2f} s {seconds / spent:6.1f} × {accuracy[best]:6.1f} % {error:9.1e} {early:>7s}"
        )


def main() -> None:
    """Compare the searches, or the solvers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", type=int, default=10, help="of ESC-50, 40 clips each")
    parser.add_argument("--test-folds", type=int, default=5)
    parser.add_argument("--solvers", action="store_true")
    options = parser.parse_args()
    kinds, labels, folds, recordings = clips(options.classes)
    print(
        f"{len(labels)} clips, {options.classes} classes, {N_FEATURES} features; chance {100 / options.classes:.1f} %"
    )
    for kind, x in kinds.items():
        print(kind)
        if options.solvers:
            solvers(x, labels, folds)
            continue
        for probe in PROBES:
            search(x, labels, folds, recordings, probe, options.test_folds)


if __name__ == "__main__":
    main()
