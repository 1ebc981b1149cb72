"""LIBLINEAR's two solvers beside the exact one of `companion.probes`: the same machine, how well and how long.

    OMP_NUM_THREADS=1 python benchmarks/probes.py [--clips 400] [--classes 10] [--features 1024] [--whole]

Three kinds of features carry the same classes: standardised ones, ReLU outputs, and sigmoid scores that are nearly
constant. For each, one training set (three folds of five) is solved on a grid of C up to where the hard margin is
reached. A line gives processor time for the grid, its ratio to the exact solver's, the accuracy at the C where the
exact solver's is highest, the largest difference from the exact solver's decision values at any C, and at how many C
the solver warned that it had stopped early. LIBLINEAR has scikit-learn's tolerances and limits where no others are
named.

`--whole` times the full protocol instead: five test folds, C chosen inside, both probes.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from companion.probes import PROBES, probe_folds, svm
from companion.probes.machine import Machine

Array = NDArray[np.float64]


def clips(
    n_clips: int, n_classes: int, n_features: int
) -> tuple[dict[str, Array], NDArray[np.int64], NDArray[np.int64]]:
    """Features of three kinds, labels, folds: 64 hidden causes seen through a random projection."""
    rng = np.random.default_rng(0)
    labels, folds = np.arange(n_clips) % n_classes, np.arange(n_clips) // n_classes % 5
    hidden = 0.4 * rng.normal(size=(n_classes, 64))[labels] + rng.normal(size=(n_clips, 64))
    seen = hidden @ rng.normal(size=(64, n_features)) / 8
    kinds = {
        "standardised": StandardScaler().fit_transform(seen),
        "ReLU outputs": np.maximum(0.0, 0.01 * (1 + 0.02 * seen)),
        "sigmoid scores": 1 / (1 + np.exp(-0.0001 * seen)),
    }
    return kinds, labels, folds


def liblinear(seen: Array, labels: NDArray[np.int64], new: Array, costs: Array, **options: object) -> tuple[Array, int]:
    """Decision values at every C, and how often the solver says that it stopped early."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        machines = [LinearSVC(C=c, random_state=0, **options).fit(seen, labels) for c in costs]
    return np.stack([machine.decision_function(new) for machine in machines]), len(caught)


def exact(seen: Array, labels: NDArray[np.int64], new: Array, costs: Array) -> tuple[Array, int]:
    """The same from `companion.probes`."""
    gram, applied = svm.products(seen, new)
    signs = np.where(labels[:, None] == np.unique(labels), 1.0, -1.0)
    solution, decisions = None, []
    for c in costs:
        solution = svm.fit(gram, signs, c, solution)
        decisions.append(solution.decide(applied))
    return np.stack(decisions), 0


def solvers(features: Array, labels: NDArray[np.int64], folds: NDArray[np.int64]) -> None:
    """Print one line for each solver."""
    training, test = folds < 3, folds == 3
    seen, new, names = features[training], features[test], labels[training]
    rotation = np.linalg.qr(seen.T)[0]  # to as many dimensions as clips: no inner product changes
    steps = [step for step, _ in Machine(seen, names, new, standardised=False).path(1)]
    costs = 10.0 ** np.array(steps, dtype=float)
    sides: dict[str, Callable[[], tuple[Array, int]]] = {
        "exact": lambda: exact(seen, names, new, costs),
        "dual, rotated": lambda: liblinear(seen @ rotation, names, new @ rotation, costs, dual=True),
        "primal": lambda: liblinear(seen, names, new, costs, dual=False),
        "primal, rotated": lambda: liblinear(seen @ rotation, names, new @ rotation, costs, dual=False),
        "primal, rotated, tolerance 1e-8": lambda: liblinear(
            seen @ rotation, names, new @ rotation, costs, dual=False, tol=1e-8, max_iter=100
        ),
    }
    truth, spent, at = None, 0.0, 0
    for name, side in sides.items():
        start = time.process_time()
        decisions, n_early = side()
        seconds = time.process_time() - start
        accuracy = [(decision.argmax(1) == labels[test]).mean() for decision in decisions]
        if truth is None:
            truth, spent, at = decisions, seconds, int(np.argmax(accuracy))
        percent, ratio, error = 100 * accuracy[at], seconds / spent, np.abs(decisions - truth).max()
        early = f"{n_early}/{len(costs)}"
        print(f"  {name:32s} {seconds:7.2f} s {ratio:6.1f} × {percent:6.1f} % {error:9.1e} {early:>7s}")


def main() -> None:
    """Compare the solvers, or time the protocol."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("clips", 400), ("classes", 10), ("features", 1024)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    kinds, labels, folds = clips(options.clips, options.classes, options.features)
    chance = 100 / options.classes
    print(f"{options.clips} clips, {options.classes} classes, {options.features} features; chance {chance:.1f} %")
    if not options.whole:
        print(f"  {'':32s} {'time':>9s} {'ratio':>8s} {'accuracy':>8s} {'error':>9s} {'early':>7s}")
    for kind, features in kinds.items():
        print(kind)
        if not options.whole:
            solvers(features, labels, folds)
            continue
        for probe in PROBES:
            start = time.process_time()
            results = probe_folds(features, labels, folds, probe=probe)
            accuracy = np.mean([(r.predictions == labels[folds == f]).mean() for f, r in enumerate(results)])
            edges, seconds = sum(r.at_edge for r in results), time.process_time() - start
            print(f"  {probe:32s} {seconds:7.1f} s {100 * accuracy:6.1f} %   C {results[0].c:.0e}, {edges} on the edge")


if __name__ == "__main__":
    main()
