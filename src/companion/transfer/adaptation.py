"""Training on the target task, from trunk outputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional

from companion.errors import ParameterError
from companion.models.weak_cnn import WeakCNN
from companion.transfer.methods import Method
from companion.transfer.network import AdaptedNet
from companion.transfer.trunk import stack


@dataclass(frozen=True)
class Adapted:
    """An adapted network and how it came about.

    Args:
        network: In evaluation mode, on the CPU.
        curve: One row an epoch: ``epoch``, ``loss``, and ``accuracy`` on the training recordings (the share
            of right decisions where several classes may hold), both gathered while the epoch ran.
    """

    network: AdaptedNet
    curve: list[dict[str, float]]


def adapt(
    network: WeakCNN,
    method: Method | str,
    trunks: Sequence[Tensor],
    targets: ArrayLike,
    n_classes: int,
    *,
    epochs: int = 50,
    lr: float = 2e-4,
    batch_size: int = 32,
    seed: int = 0,
    multi_label: bool = False,
    pool_first: bool = False,
    device: str | torch.device = "cpu",
) -> Adapted:
    """Adapt N_S to a target task.

    Args:
        network: N_S, trained or not; it is left as it is.
        method: A row of ``METHODS``, or its name.
        trunks: ``trunk_outputs`` of this network and the training recordings. Shape: ``(512, K + 1, 2)``.
        targets: Class of each recording, ``(N,)``; with ``multi_label`` 1 where a class holds, ``(N, C_T)``.
        n_classes: Classes C_T of the target task.
        epochs: Passes over the recordings.
        lr: Learning rate of Adam.
        batch_size: Recordings in a step at most; an epoch's batches are of even size. Open in the paper.
        seed: Of F_T's weights and of the order of recordings.
        multi_label: Sigmoids and binary cross-entropy instead of a softmax and categorical cross-entropy.
        pool_first: The order of pooling and softmax; see ``AdaptedNet``.
        device: Where to compute.

    Returns:
        Adapted: The same for the same seed on the same machine.

    Raises:
        ParameterError: The targets do not fit the recordings or the classes.

    Source:
        Kumar, Khadkevich, Fügen 2018, sections 3.2 and 4: Adam at 0.0002 for 50 epochs.
    """
    y = check_targets(targets, len(trunks), n_classes, multi_label).to(device)
    generator = torch.Generator().manual_seed(seed)
    options = {"multi_label": multi_label, "pool_first": pool_first}
    adapted = AdaptedNet(network, method, n_classes, generator=generator, **options).to(device).train()
    learning = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(learning, lr=lr, fused=True)
    rng = np.random.default_rng(seed)
    n = len(trunks)
    curve = []
    for epoch in range(1, epochs + 1):
        sums = torch.zeros(2, device=device)
        for indices in np.array_split(rng.permutation(n), -(-n // batch_size)):
            output = adapted.head(*stack([trunks[i] for i in indices], device))
            loss, accuracy = compare(output.recording, y[indices], multi_label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sums += len(indices) * torch.stack([loss.detach(), accuracy])
        loss_mean, accuracy_mean = (sums / n).tolist()
        curve.append({"epoch": epoch, "loss": loss_mean, "accuracy": accuracy_mean})
    return Adapted(adapted.cpu().eval(), curve)


def compare(input: Tensor, target: Tensor, multi_label: bool) -> tuple[Tensor, Tensor]:
    """Mean loss and accuracy of recordings' scores. Shape: ``(B, C)`` to two scalars."""
    if multi_label:
        loss = functional.binary_cross_entropy_with_logits(input, target)
        return loss, ((input > 0) == (target > 0)).float().mean()
    return functional.nll_loss(input, target), (input.argmax(1) == target).float().mean()


def check_targets(targets: ArrayLike, n_recordings: int, n_classes: int, multi_label: bool) -> Tensor:
    """Targets as a tensor: classes ``(N,)``, or zeros and ones ``(N, C)`` where several classes may hold.

    Raises:
        ParameterError: Wrong shape, or a class out of range.
    """
    given = np.asarray(targets)
    shape = (n_recordings, n_classes) if multi_label else (n_recordings,)
    largest = 1 if multi_label else n_classes - 1
    if n_recordings == 0 or given.shape != shape or not np.isin(given, range(largest + 1)).all():
        raise ParameterError(
            f"targets of shape {given.shape} for {n_recordings} recordings and {n_classes} classes",
            expected=f"shape {shape}, values 0 to {largest}, at least one recording",
        )
    return torch.from_numpy(given.astype(np.float32 if multi_label else np.int64))
