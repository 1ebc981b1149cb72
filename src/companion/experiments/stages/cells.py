"""The cells of a table of representations: network × layer × mapping, each with its predictions."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
import torch
from joblib import Parallel, delayed, parallel_config
from numpy.typing import NDArray
from tqdm.auto import tqdm

from companion import paths
from companion.experiments.stages.target import Target
from companion.models.weak_cnn import WeakCNN
from companion.probes import PROBES, FoldProbe, probe_fold, probe_folds
from companion.representations import represent, segment_outputs
from companion.store import Store
from companion.transfer import METHODS, AdaptedNet, adapt, stack, trunk_outputs

COLUMNS = {"F1 max": "f1_max", "F1 avg": "f1_avg", "F2 max": "f2_max", "F2 avg": "f2_avg"}
"""Column of the published table, and the representation it names."""

OWN_OUTPUT = "own output"
"""Column of a network's own decision, without a probe."""


@dataclass(frozen=True)
class Adaptation:
    """How a network is adapted to the target; defaults are the paper's where it states them.

    Args:
        epochs: Passes over the training folds.
        lr: Learning rate of Adam.
        batch_size: Recordings in a step; open in the paper.
    """

    epochs: int = 50
    lr: float = 2e-4
    batch_size: int = 32


@dataclass(frozen=True)
class Probing:
    """How a representation is probed.

    Args:
        per_decade: Values of C in a factor of ten.
        patience: Factors of ten without a better inner accuracy after which a larger C is not tried.
        probes: Names of the probes.
    """

    per_decade: int = 2
    patience: float = 4.0
    probes: tuple[str, ...] = tuple(PROBES)


@dataclass(frozen=True)
class Cell:
    """One cell of the table, for one seed.

    Args:
        trunk: ``source``, ``untrained`` or ``none``.
        row: Network.
        column: Representation.
        probe: Name of the probe; empty for a network's own output.
        predictions: Predicted class of every clip, each by a model that did not see its fold. Shape: ``(N,)``.
        c: C chosen for each fold; empty for a network's own output.
        inner_accuracy: Mean over the folds of the inner cross-validation's accuracy.
        n_at_edge: Folds whose C lies on the edge of the grid.
        n_unconverged: Fits that stopped at LIBLINEAR's iteration limit.
    """

    trunk: str
    row: str
    column: str
    probe: str
    predictions: NDArray[np.int64]
    c: tuple[float, ...] = ()
    inner_accuracy: float = float("nan")
    n_at_edge: int = 0
    n_unconverged: int = 0

    @classmethod
    def of_folds(
        cls, trunk: str, row: str, column: str, probe: str, folds: Mapping[Any, FoldProbe], target: Target
    ) -> Self:
        """Put the test folds' predictions together."""
        predictions = np.empty_like(target.labels)
        for fold, result in folds.items():
            predictions[target.folds == fold] = result.predictions
        results = list(folds.values())
        return cls(
            trunk,
            row,
            column,
            probe,
            predictions,
            c=tuple(result.c for result in results),
            inner_accuracy=float(np.mean([result.inner_accuracy for result in results])),
            n_at_edge=sum(result.at_edge for result in results),
            n_unconverged=sum(result.n_unconverged for result in results),
        )


def fixed_cells(
    trunk: str, row: str, representations: Mapping[str, NDArray[np.float32]], target: Target, probing: Probing
) -> Iterator[Cell]:
    """Cells of representations that are the same for every fold."""
    work = [(column, x, probe) for column, x in representations.items() for probe in probing.probes]
    results = _parallel(
        delayed(probe_folds)(
            x,
            target.labels,
            target.folds,
            recordings=target.recordings,
            probe=probe,
            per_decade=probing.per_decade,
            patience=probing.patience,
        )
        for _, x, probe in work
    )
    for (column, _, probe), folds in zip(work, results, strict=True):
        yield Cell.of_folds(trunk, row, column, probe, dict(zip(np.unique(target.folds), folds, strict=True)), target)


def off_the_shelf(
    trunk: str, network: WeakCNN, trunks: list[torch.Tensor], target: Target, probing: Probing
) -> Iterator[Cell]:
    """F1 and F2 of a network as it is (Kumar, Khadkevich, Fügen 2018, section 3.1)."""
    yield from fixed_cells(trunk, "N_S", columns(represent(network, trunks)), target, probing)


def adapted(
    trunk: str,
    network: WeakCNN,
    trunks: list[torch.Tensor],
    target: Target,
    settings: Adaptation,
    probing: Probing,
    *,
    seed: int,
    device: torch.device,
    methods: Sequence[str] = tuple(METHODS),
) -> Iterator[tuple[Cell, list[dict[str, Any]]]]:
    """F1 and F2 after Methods I, II and III (section 3.2), or some of them, adapted anew for every test fold.

    Yields:
        Each cell, and with a method's first cell the learning curves of its adaptations.
    """
    identity = _identity(network)
    names = np.unique(target.folds)
    with tqdm(
        total=len(methods) * len(names), desc=f"adapting the {trunk} trunk", unit="network", disable=not methods
    ) as bar:
        for method in methods:
            probes: dict[tuple[str, str], dict[Any, FoldProbe]] = {}
            own = np.empty_like(target.labels)
            curves: list[dict[str, Any]] = []
            for fold in names:
                train = target.folds != fold
                part = _adapted_fold(network, trunks, target, train, method, settings, seed, device, identity)
                own[~train] = part("scores")[~train].argmax(1)
                named = {"trunk": trunk, "method": method, "fold": int(fold), "seed": seed}
                for epoch, (loss, accuracy) in enumerate(part("curve").tolist(), start=1):
                    curves.append({**named, "epoch": epoch, "loss": loss, "accuracy": accuracy})
                x = {column: part(column) for column in _columns_of(method)}
                for key, result in probed(x, target, train, probing).items():
                    probes.setdefault(key, {})[fold] = result
                bar.update()
            row = f"N_T^{method}"
            yield Cell(trunk, row, OWN_OUTPUT, "", own), curves
            for (column, probe), folds in probes.items():
                yield Cell.of_folds(trunk, row, column, probe, folds, target), []


def probed(
    x: Mapping[str, NDArray[np.float32]], target: Target, train: NDArray[np.bool_], probing: Probing
) -> dict[tuple[str, str], FoldProbe]:
    """Every probe on every representation, for one test fold. Keys are (column, probe)."""
    keys = [(column, probe) for column in x for probe in probing.probes]
    results = _parallel(
        delayed(probe_fold)(
            x[column][train],
            target.labels[train],
            target.folds[train],
            x[column][~train],
            recordings=target.recordings[train],
            probe=probe,
            per_decade=probing.per_decade,
            patience=probing.patience,
        )
        for column, probe in keys
    )
    return dict(zip(keys, results, strict=True))


def columns(representations: Any) -> dict[str, NDArray[np.float32]]:
    """The representations a network has, by the names of the published columns."""
    found = {column: getattr(representations, name) for column, name in COLUMNS.items()}
    return {column: x for column, x in found.items() if x is not None}


def adapted_events(
    network: WeakCNN,
    trunks: list[torch.Tensor],
    target: Target,
    method: str,
    settings: Adaptation,
    *,
    seed: int,
    device: torch.device,
) -> list[NDArray[np.float32]]:
    """F2 of every segment of every clip, by the network adapted without the clip's fold. Shape: ``(K, C_S)`` each."""
    segments: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)] * len(trunks)
    identity = _identity(network)
    for fold in np.unique(target.folds):
        test = np.flatnonzero(target.folds == fold)
        part = _adapted_fold(network, trunks, target, target.folds != fold, method, settings, seed, device, identity)
        ends = np.cumsum([trunks[i].shape[1] - 1 for i in test])
        for i, found in zip(test, np.split(part("F2 segments"), ends[:-1]), strict=True):
            segments[int(i)] = found
    return segments


def _adapted_fold(
    network: WeakCNN,
    trunks: list[torch.Tensor],
    target: Target,
    train: NDArray[np.bool_],
    method: str,
    settings: Adaptation,
    seed: int,
    device: torch.device,
    identity: str,
) -> Callable[[str], NDArray[Any]]:
    """Adapt without one fold, or find that done.

    Returns:
        From a name to an array: the representations of every clip by their column, its own ``scores``, the
        learning ``curve``, and ``F2 segments`` of the clips of the fold left out, end to end.
    """
    store = Store(paths.cache_root() / "store")
    key = {
        "adapted": identity,
        "method": method,
        "train": train,
        "labels": target.labels,
        "corpus": target.dataset.fingerprint(),
        "settings": settings,
        "seed": seed,
        "device": str(device),
    }

    @cache
    def everything() -> dict[str, NDArray[Any]]:
        result = adapt(
            network,
            method,
            [trunks[i] for i in np.flatnonzero(train)],
            target.labels[train],
            target.n_classes,
            epochs=settings.epochs,
            lr=settings.lr,
            batch_size=settings.batch_size,
            seed=seed,
            device=device,
        )
        curve = np.array([[row["loss"], row["accuracy"]] for row in result.curve])
        scores = own_scores(result.network, trunks)
        found = {**columns(represent(result.network, trunks)), "scores": scores, "curve": curve}
        _, events = segment_outputs(result.network, [trunks[i] for i in np.flatnonzero(~train)])
        return found if events is None else {**found, "F2 segments": np.concatenate(events)}

    def part(name: str) -> NDArray[Any]:
        return store.array({**key, "part": name}, lambda: everything()[name])

    # All are stored while the adapted network is at hand, so that none has to be adapted again for one of them.
    for name in (*_columns_of(method), "scores", "curve", *(("F2 segments",) if METHODS[method].f2_activation else ())):
        part(name)
    return part


def _columns_of(method: str) -> list[str]:
    """Representations that a network adapted by a method has."""
    return [column for column in COLUMNS if column.startswith("F1") or METHODS[method].f2_activation]


@torch.inference_mode()
def own_scores(network: AdaptedNet, trunks: list[torch.Tensor]) -> NDArray[np.float32]:
    """Log-probabilities of the target classes, by the adapted network itself. Shape: ``(N, C_T)``."""
    parts = [trunks[start : start + 64] for start in range(0, len(trunks), 64)]
    return np.concatenate([network.head(*stack(part)).recording.numpy() for part in parts])


def _parallel(work: Iterable[Any]) -> list[Any]:
    """Run probes side by side, one thread each: their matrices are small, and threads would wait for each other."""
    with parallel_config("loky", inner_max_num_threads=1):
        results: list[Any] = Parallel(n_jobs=torch.get_num_threads())(work)
    return results


def _identity(network: WeakCNN) -> str:
    """Digest of a network's weights and statistics."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def network_trunks(network: WeakCNN, target: Target, device: torch.device) -> list[torch.Tensor]:
    """Outputs of B1 to B6 for every clip, computed once."""
    return trunk_outputs(network, target.features, device=device)
