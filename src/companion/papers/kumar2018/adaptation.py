"""A target task as arrays, and N_S adapted to it without some of its folds."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from companion.datasets.base import Dataset
from companion.datasets.extraction import CorpusFeatures, extract_corpus
from companion.evaluation.units import Units, units_of
from companion.features import NS_LOG_MEL
from companion.papers.kumar2018.source import Source
from companion.representations import represent, segment_outputs
from companion.store import Store, Value, Work
from companion.transfer import AdaptedNet, adapt, stack, trunk_outputs

COLUMNS = {"F1 max": "f1_max", "F1 avg": "f1_avg", "F2 max": "f2_max", "F2 avg": "f2_avg"}
"""Column of the published tables, and the representation it names."""


@dataclass(frozen=True, eq=False)
class Target:
    """A task of clips with one label each, as arrays.

    Args:
        dataset: The corpus.
        features: Log-mel of every clip.
        labels: Class index of every clip. Shape: ``(N,)``.
        folds: Fold of every clip. Shape: ``(N,)``.
        recordings: Recordings of every clip. Shape: ``(N,)``.
    """

    dataset: Dataset
    features: CorpusFeatures
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]
    recordings: NDArray[Any]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.dataset.classes)

    @cached_property
    def units(self) -> Units:
        """Which clips share a recording or an author."""
        return units_of(self.recordings.tolist(), self.dataset.author_of)

    def fingerprint(self) -> str:
        """Digest of the corpus, labels and folds included."""
        return self.dataset.fingerprint()

    def statistics(self) -> NDArray[np.float32]:
        """Mean and standard deviation of every mel band: what any network must beat. Shape: ``(N, 2 F)``."""
        return np.array([np.concatenate((f.mean(0), f.std(0))) for f in self.features], dtype=np.float32)

    def level(self) -> NDArray[np.float32]:
        """Mean and maximum of the log-mel, and its length: loudness alone. Shape: ``(N, 3)``."""
        return np.array([(f.mean(), f.max(), len(f)) for f in self.features], dtype=np.float32)


def load_target(dataset: Dataset, n_jobs: int = 1) -> Target:
    """A target corpus with its features extracted, or found in the store."""
    index = {label: number for number, label in enumerate(dataset.classes)}
    return Target(
        dataset,
        extract_corpus(dataset, NS_LOG_MEL, Store(), n_jobs=n_jobs),
        np.array([index[str(clip.label)] for clip in dataset.clips], dtype=np.int64),
        np.array([clip.fold for clip in dataset.clips], dtype=np.int64),
        np.array([clip.recording for clip in dataset.clips]),
    )


def adapt_without(
    work: Work,
    network: Source,
    target: Target,
    method: str,
    left_out: tuple[int, ...],
    epochs: int,
    lr: float,
    batch_size: int,
    pool_first: bool,
    seed: int,
) -> Value:
    """Adapt a network to the target without some folds.

    Returns:
        Value: Each representation of every clip under the name of its column; its own ``scores``; the learning
        ``curve`` (loss, accuracy); and ``F2 segments`` of the clips left out, end to end.
    """
    outputs = trunks(network, target, work.device)
    out = np.isin(target.folds, left_out)
    training = np.flatnonzero(~out)
    result = adapt(
        network.network,
        method,
        [outputs[i] for i in training],
        target.labels[training],
        target.n_classes,
        epochs=epochs,
        lr=lr,
        batch_size=batch_size,
        pool_first=pool_first,
        seed=seed,
        device=work.device,
    )
    curve = np.array([[row["loss"], row["accuracy"]] for row in result.curve])
    found = {**columns(represent(result.network, outputs)), "scores": own_scores(result.network, outputs)}
    _, events = segment_outputs(result.network, [outputs[i] for i in np.flatnonzero(out)])
    return Value({**found, "curve": curve} | ({} if events is None else {"F2 segments": np.concatenate(events)}))


def trunks(network: Source, target: Target, device: str) -> list[torch.Tensor]:
    """Outputs of B1 to B6 for every clip; those of the last two networks are remembered, by what they are made of."""
    key = (network.fingerprint(), target.fingerprint(), device)
    if key not in _trunks:
        while len(_trunks) > 1:
            del _trunks[next(iter(_trunks))]
        _trunks[key] = trunk_outputs(network.network, target.features, device=device)
    return _trunks[key]


_trunks: dict[tuple[str, str, str], list[torch.Tensor]] = {}


@torch.inference_mode()
def own_scores(network: AdaptedNet, outputs: list[torch.Tensor]) -> NDArray[np.float32]:
    """Log-probabilities of the target classes, by the adapted network itself. Shape: ``(N, C_T)``."""
    parts = [outputs[start : start + 64] for start in range(0, len(outputs), 64)]
    return np.concatenate([network.head(*stack(part)).recording.numpy() for part in parts])


def columns(representations: Any) -> dict[str, NDArray[np.float32]]:
    """The representations a network has, by the names of the published columns."""
    found = {column: getattr(representations, name) for column, name in COLUMNS.items()}
    return {column: x for column, x in found.items() if x is not None}
