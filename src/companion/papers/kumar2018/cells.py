"""Cells of a table of representations: network × layer × mapping, each clip predicted by what did not see its fold."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed, parallel_config
from numpy.typing import NDArray
from tqdm.auto import tqdm

from companion.experiment import Task
from companion.papers.kumar2018.adaptation import COLUMNS, Target, adapt_without, columns, trunks
from companion.papers.kumar2018.source import Source, untrained
from companion.probes import PROBES, FoldProbe, probe_fold, probe_folds
from companion.profiles import Settings
from companion.representations import represent
from companion.store import Kept
from companion.transfer import METHODS

PLAIN, STANDARDISED = tuple(PROBES)
OWN_OUTPUT = "own output"
"""Column of a network's own decision, without a probe."""


class CellSettings(Settings):
    """How networks are adapted to a target and representations are probed; defaults are the paper's where it has them.

    Args:
        n_seeds: Seeds of source networks, adaptation and untrained networks.
        adaptation_epochs: Epochs of Methods I to III.
        adaptation_lr: Learning rate of Adam.
        adaptation_batch: Recordings in a step; open in the paper.
        pool_first: Pool over segments before the softmax, not after it; open in the paper.
        untrained_methods: Methods that the untrained trunk is adapted by, as a control.
        untrained_seeds: How many seeds it is for.
        probes: Probes of every representation.
        control_probes: Probes of what is adapted from the untrained trunk or trained from scratch.
        per_decade: Values of C in a factor of ten.
        patience: Factors of ten without a better inner accuracy after which a larger C is not tried.
    """

    n_seeds: int = 1
    adaptation_epochs: int = 50
    adaptation_lr: float = 2e-4
    adaptation_batch: int = 32
    pool_first: bool = False
    untrained_methods: tuple[str, ...] = tuple(METHODS)
    untrained_seeds: int = 1
    probes: tuple[str, ...] = (PLAIN, STANDARDISED)
    control_probes: tuple[str, ...] = (PLAIN, STANDARDISED)
    per_decade: int = 2
    patience: float = 4.0


class Key(NamedTuple):
    """Names a cell: which trunk (``source``, ``untrained`` or ``none``), network, representation and probe."""

    trunk: str
    row: str
    column: str
    probe: str = PLAIN

    @property
    def name(self) -> str:
        """One line, for the heading of a column."""
        return " | ".join(part for part in self if part)


@dataclass(frozen=True)
class Cell:
    """One cell of the table, for one seed.

    Args:
        key: Which.
        predictions: Predicted class of every clip, each by a model that did not see its fold. Shape: ``(N,)``.
        c: C chosen for each fold; empty for a network's own output.
        inner_accuracy: Mean over the folds of the inner cross-validation's accuracy.
        n_at_edge: Folds whose C lies on the edge of the grid.
        n_unconverged: Fits that stopped before their minimum.
    """

    key: Key
    predictions: NDArray[np.int64]
    c: tuple[float, ...] = ()
    inner_accuracy: float = float("nan")
    n_at_edge: int = 0
    n_unconverged: int = 0


@dataclass
class Cells:
    """Every cell of a table, one for each seed, and how they came about.

    Args:
        target: The task.
        found: Cells by key, one a seed.
        curves: One row an epoch of every adaptation.
    """

    target: Target
    found: dict[Key, list[Cell]] = field(default_factory=lambda: defaultdict(list))
    curves: list[dict[str, Any]] = field(default_factory=list)

    def add(self, cells: Iterable[Cell]) -> None:
        """Take cells in."""
        for cell in cells:
            self.found[cell.key].append(cell)

    def correct(self) -> dict[Key, NDArray[np.bool_]]:
        """Was each clip right? Shape: ``(S, N)`` each."""
        labels = self.target.labels
        return {key: np.stack([cell.predictions == labels for cell in seeds]) for key, seeds in self.found.items()}

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables ``adaptation_curves``, ``probes``, ``predictions`` and ``folds``."""
        every = [(key, run, cell) for key, seeds in self.found.items() for run, cell in enumerate(seeds)]
        target, classes = self.target, np.array(self.target.dataset.classes)
        folds = np.unique(target.folds)
        predictions = {
            "clip": np.array([clip.id for clip in target.dataset.clips]),
            "recording": target.recordings,
            "fold": target.folds,
            "label": classes[target.labels],
        }
        predictions |= {f"{key.name} | run {run}": classes[cell.predictions] for key, run, cell in every}
        return {
            "adaptation_curves": pd.DataFrame(self.curves),
            "predictions": pd.DataFrame(predictions),
            "probes": pd.DataFrame(
                {
                    **key._asdict(),
                    "run": run,
                    **{f"C, fold {fold}": c for fold, c in zip(folds, cell.c, strict=True)},
                    "inner accuracy %": 100 * cell.inner_accuracy,
                    "folds at edge": cell.n_at_edge,
                    "unconverged fits": cell.n_unconverged,
                }
                for key, run, cell in every
                if cell.c
            ),
            "folds": pd.DataFrame(
                {
                    **key._asdict(),
                    "run": run,
                    "fold": int(fold),
                    "accuracy %": 100 * float((cell.predictions == target.labels)[target.folds == fold].mean()),
                }
                for key, run, cell in every
                for fold in folds
            ),
        }


def predict(task: Task, target: Target, sources: Sequence[Source]) -> Cells:
    """Predict every clip with F1 and F2 of N_S, of the adapted networks and of the untrained control.

    Args:
        task: Its settings are a :class:`CellSettings`.
        target: The task.
        sources: Trained source networks; seeds take them in turn.
    """
    settings: CellSettings = task.settings
    cells = Cells(target)
    for number, seed in enumerate(task.seeds(settings.n_seeds)):
        source = sources[number % len(sources)]
        control = untrained(source.network.n_classes, source.network.width, seed)
        for trunk, network in (("source", source), ("untrained", control)):
            # A source network used again for another seed would give the same cells again.
            if trunk == "untrained" or number < len(sources):
                cells.add(off_the_shelf(task, trunk, network, target))
            for method in methods(settings, trunk, number):
                cells.add(adapted(task, trunk, network, target, method, seed, cells.curves))
    for name, x in (("log-mel statistics", target.statistics()), ("level only", target.level())):
        cells.add(fixed(task, "none", name, {"features": x}, target))
    return cells


def methods(settings: CellSettings, trunk: str, number: int) -> tuple[str, ...]:
    """Methods that a trunk is adapted by for the seed of this number."""
    if trunk == "source":
        return tuple(METHODS)
    return settings.untrained_methods if number < settings.untrained_seeds else ()


def off_the_shelf(task: Task, trunk: str, network: Source, target: Target) -> Iterator[Cell]:
    """F1 and F2 of a network as it is (Kumar, Khadkevich, Fügen 2018, section 3.1)."""
    found = represent(network.network, trunks(network, target, task.work.device))
    yield from fixed(task, trunk, "N_S", columns(found), target)


def fixed(
    task: Task, trunk: str, row: str, representations: Mapping[str, NDArray[np.float32]], target: Target
) -> Iterator[Cell]:
    """Cells of representations that are the same for every fold."""
    work = [(column, x, probe) for column, x in representations.items() for probe in task.settings.probes]
    options = {"per_decade": task.settings.per_decade, "patience": task.settings.patience}
    known = {"recordings": target.recordings, **options}
    results = parallel(delayed(probe_folds)(x, target.labels, target.folds, probe=p, **known) for _, x, p in work)
    for (column, _, probe), folds in zip(work, results, strict=True):
        found = dict(zip(np.unique(target.folds), folds, strict=True))
        yield probed_cell(Key(trunk, row, column, probe), found, target)


def adapted(
    task: Task, trunk: str, network: Source, target: Target, method: str, seed: int, curves: list[dict[str, Any]]
) -> Iterator[Cell]:
    """The network's own output, F1 and F2 after one method (section 3.2), adapted anew for every test fold."""
    probes = task.settings.probes if trunk == "source" else task.settings.control_probes
    found: dict[Key, dict[Any, FoldProbe]] = defaultdict(dict)
    own, row = np.empty_like(target.labels), f"N_T^{method}"
    for fold in tqdm(np.unique(target.folds), desc=f"adapting the {trunk} trunk, Method {method}", unit="network"):
        kept = keep_adapted(task, network, target, method, (int(fold),), seed)
        test = target.folds == fold
        own[test] = kept["scores"][test].argmax(1)
        named = {"trunk": trunk, "method": method, "fold": int(fold), "seed": seed}
        for epoch, (loss, accuracy) in enumerate(kept["curve"].tolist(), start=1):
            curves.append({**named, "epoch": epoch, "loss": loss, "accuracy": accuracy})
        x = {column: kept[column] for column in COLUMNS if column in kept}
        for (column, probe), result in probed(task, x, target, ~test, probes).items():
            found[Key(trunk, row, column, probe)][fold] = result
    yield Cell(Key(trunk, row, OWN_OUTPUT, ""), own)
    for key, folds in found.items():
        yield probed_cell(key, folds, target)


def keep_adapted(
    task: Task, network: Source, target: Target, method: str, left_out: tuple[int, ...], seed: int
) -> Kept:
    """A network adapted without some folds, by the settings of a task: what ``adapt_without`` makes."""
    s = task.settings
    return task.keep(
        adapt_without, network, target, method, left_out, s.adaptation_epochs, s.adaptation_lr, s.adaptation_batch,
        s.pool_first, seed,
    )  # fmt: skip


def probed(
    task: Task,
    x: Mapping[str, NDArray[np.float32]],
    target: Target,
    training: NDArray[np.bool_],
    probes: Sequence[str],
) -> dict[tuple[str, str], FoldProbe]:
    """Every probe on every representation, for one test fold. Keys are (column, probe)."""
    keys = [(column, probe) for column in x for probe in probes]
    labels, folds = target.labels[training], target.folds[training]
    options = {"per_decade": task.settings.per_decade, "patience": task.settings.patience}
    known = {"recordings": target.recordings[training], **options}
    results = parallel(
        delayed(probe_fold)(x[column][training], labels, folds, x[column][~training], probe=probe, **known)
        for column, probe in keys
    )
    return dict(zip(keys, results, strict=True))


def probed_cell(key: Key, folds: Mapping[Any, FoldProbe], target: Target) -> Cell:
    """Put the test folds' predictions together."""
    predictions = np.empty_like(target.labels)
    for fold, result in folds.items():
        predictions[target.folds == fold] = result.predictions
    results = list(folds.values())
    return Cell(
        key,
        predictions,
        c=tuple(result.c for result in results),
        inner_accuracy=float(np.mean([result.inner_accuracy for result in results])),
        n_at_edge=sum(result.at_edge for result in results),
        n_unconverged=sum(result.n_unconverged for result in results),
    )


def parallel(work: Iterable[Any]) -> list[Any]:
    """Run probes side by side, one thread each: their matrices are small, and threads would wait for each other."""
    with parallel_config("loky", inner_max_num_threads=1):
        results: list[Any] = Parallel(n_jobs=torch.get_num_threads())(work)
    return results
