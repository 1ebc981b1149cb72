"""Kullback-Leibler divergence from what a teacher says to what a network says, in nats.

KL(t‖p) is the sum over classes of t · (log t − log p): what it costs to take the network's p for the teacher's t. The
direction matters. A class that the teacher rules out adds nothing, whatever the network says of it (what it gives away
there is missing elsewhere); a class that the network rules out costs without bound where the teacher does not. So the
network is drawn to cover all that the teacher thinks possible.

Source: Wang, Metze 2017, section 3.1 (the sum over objects and scenes, nats per frame).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from companion.errors import ParameterError


def frame_kl(input: Tensor, target: Tensor) -> Tensor:
    """Divergence from the teacher's distribution to the network's, of every frame.

    Where the teacher's probability is zero, the class adds nothing (0 · log 0 = 0), also where the network's is zero.
    Computed in 32 bits, also under mixed precision: of a thousand classes most have log-probabilities that bfloat16
    would round by hundredths.

    Args:
        input: Log-probabilities of the network, which add up to one. Shape: ``(…, C)``.
        target: Probabilities of the teacher. Shape: ``(…, C)``.

    Returns:
        Nats, 0 or more. Shape: ``(…,)``.

    Raises:
        ParameterError: The shapes differ, so that broadcasting would compare the wrong frames.

    >>> frame_kl(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[1.0, 0.0]])).tolist() == [torch.tensor(2.0).log()]
    True
    """
    if input.shape != target.shape:
        raise ParameterError(
            f"log-probabilities {tuple(input.shape)} and a teacher's {tuple(target.shape)}", expected="one shape"
        )
    with torch.autocast(input.device.type, enabled=False):
        log_probs, probs = input.float(), target.float()
        surprise = probs * (probs.clamp_min(torch.finfo(torch.float32).tiny).log() - log_probs)
        return torch.where(probs > 0, surprise, 0.0).sum(-1)


def summed_kl(input: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """Sum of the divergences of several softmaxes, the mean over all frames: nats per frame.

    Args:
        input: Log-probabilities of each softmax, say of objects and of scenes. Shape: ``(…, C)`` each.
        target: The teacher's probabilities for each. Shape: the same.

    Returns:
        Shape: ``()``.

    Raises:
        ParameterError: Another number of softmaxes, or shapes that differ.
    """
    if len(input) != len(target) or not len(input):
        raise ParameterError(
            f"{len(input)} softmaxes and {len(target)} of the teacher", expected="as many, at least one"
        )
    total: Tensor = sum((frame_kl(a, b) for a, b in zip(input, target, strict=True)), torch.zeros(()))
    return total.mean()
