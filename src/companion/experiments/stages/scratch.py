"""The control without transfer: N_S trained on the target's training folds alone."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from companion import paths
from companion.experiments.stages.cells import OWN_OUTPUT, Cell, Probing, columns, probed
from companion.experiments.stages.identity import digest
from companion.experiments.stages.source import MODULES, Recordings
from companion.experiments.stages.target import Target
from companion.losses import recording_bce
from companion.models.weak_cnn import WeakCNN
from companion.probes import FoldProbe
from companion.representations import represent
from companion.training import Schedule, fit, make_fabric
from companion.transfer import trunk_outputs

ROW = "N_S from scratch"


def cells(
    target: Target,
    epochs: int,
    batch_size: int,
    width: float,
    probing: Probing,
    seed: int,
    device: torch.device,
) -> Iterator[Cell]:
    """Train for every test fold and yield the cells of F1 and of the network's own output.

    One training fold, the one after the test fold, is set aside to choose the best epoch. The loss is N_S's
    own, on labels of which exactly one holds.
    """
    names = np.unique(target.folds)
    own = np.empty_like(target.labels)
    probes: dict[tuple[str, str], dict[int, FoldProbe]] = {}
    for number, fold in enumerate(names):
        network = _train(
            target, int(fold), int(names[(number + 1) % len(names)]), epochs, batch_size, width, seed, device
        )
        test = target.folds == fold
        trunks = trunk_outputs(network, target.features, device=device)
        found = columns(represent(network, trunks))
        own[test] = found["F2 avg"][test].argmax(1)
        x = {column: value for column, value in found.items() if column.startswith("F1")}
        for key, result in probed(x, target, ~test, probing).items():
            probes.setdefault(key, {})[int(fold)] = result
    yield Cell("none", ROW, OWN_OUTPUT, "", own)
    for (column, probe), results in probes.items():
        yield Cell.of_folds("none", ROW, column, probe, results, target)


def _train(
    target: Target,
    test: int,
    held: int,
    epochs: int,
    batch_size: int,
    width: float,
    seed: int,
    device: torch.device,
) -> WeakCNN:
    one_hot = np.eye(target.n_classes, dtype=np.float32)[target.labels]

    def part(members: np.ndarray) -> Recordings:
        return Recordings([target.features[int(i)] for i in np.flatnonzero(members)], one_hot[members])

    train, validation = part((target.folds != test) & (target.folds != held)), part(target.folds == held)
    torch.manual_seed(seed)
    network = WeakCNN(target.n_classes, width=width)
    fabric = make_fabric(str(device))
    settings = {
        "epochs": epochs,
        "batch_size": batch_size,
        "width": width,
        "seed": seed,
        "test": test,
        "held": held,
    }
    identity = digest(MODULES, corpus=target.dataset.fingerprint(), settings=settings)

    def validate(model: nn.Module) -> dict[str, float]:
        right = 0
        for indices in np.array_split(np.arange(len(validation.lengths)), max(1, len(validation.lengths) // 16)):
            x, y = validation.batch(indices)
            right += int((model(fabric.to_device(x)).recording.argmax(1).cpu() == y.argmax(1)).sum())
        return {"accuracy": right / len(validation.lengths)}

    fit(
        network,
        train,
        lambda output, y: recording_bce(output.recording, y),
        validate,
        Schedule(epochs, batch_size, decay="cosine"),
        monitor="accuracy",
        seed=seed,
        folder=paths.cache_root() / "scratch" / identity[:16],
        fabric=fabric,
        label=f"N_S from scratch, fold {test}",
    )
    return network.cpu().eval()
