"""The control without transfer: N_S trained on the target's training folds alone."""

import numpy as np
from torch import nn

from companion import checkpoints
from companion.features import NS_LOG_MEL
from companion.losses import recording_bce
from companion.papers.kumar2018.adaptation import Target
from companion.papers.kumar2018.source import SourceSettings, first_network
from companion.store import Value, Work
from companion.training import fit, make_fabric
from companion.training.recordings import Recordings, score

ROW = "N_S from scratch"


def train_fold(work: Work, target: Target, fold: int, settings: SourceSettings, seed: int) -> Value:
    """Train N_S without one fold of the target.

    One training fold, the one after the fold left out, is set aside to choose the best epoch. The loss is N_S's own,
    on labels of which exactly one holds.
    """
    names = np.unique(target.folds)
    aside = names[(int(np.flatnonzero(names == fold)[0]) + 1) % len(names)]
    examples, held = (
        part_of(target, members)
        for members in ((target.folds != fold) & (target.folds != aside), target.folds == aside)
    )
    network = first_network(settings, target.n_classes, seed)
    fabric = make_fabric(work.device)
    assert work.folder is not None

    def validate(model: nn.Module) -> dict[str, float]:
        said = score(model, held, fabric).recording
        return {"accuracy": float((said.argmax(1) == held.labels.argmax(1)).mean())}

    state = fit(
        network,
        examples,
        lambda output, y: recording_bce(output.recording, y),
        validate,
        settings.schedule(settings.batch_size, "accuracy"),
        monitor="accuracy",
        seed=seed,
        folder=work.folder,
        fabric=fabric,
        label=f"{ROW}, fold {fold}",
    )
    facts = {"curve": state.curve}
    return checkpoints.as_value(checkpoints.Checkpoint(network.cpu(), target.dataset.classes, NS_LOG_MEL.name, facts))


def part_of(target: Target, members: np.ndarray) -> Recordings:
    """Some clips of a target as training examples."""
    one_hot = np.eye(target.n_classes, dtype=np.float32)[target.labels]
    return Recordings([target.features[int(i)] for i in np.flatnonzero(members)], one_hot[members])
