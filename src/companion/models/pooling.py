"""Global pooling: from segment outputs to one output for the recording, by name."""

from collections.abc import Callable

import torch
from torch import Tensor

Pooling = Callable[[Tensor, Tensor], Tensor]


def average_pool(segments: Tensor, mask: Tensor) -> Tensor:
    """Mean over the valid segments.

    Args:
        segments: Segment outputs. Shape: ``(B, K, C)``.
        mask: True where a segment belongs to the recording. Shape: ``(B, K)``.

    Returns:
        Shape: ``(B, C)``.
    """
    weights = mask.unsqueeze(-1).to(segments.dtype)
    return (segments * weights).sum(1) / weights.sum(1)


def max_pool(segments: Tensor, mask: Tensor) -> Tensor:
    """Maximum over the valid segments. Shape: ``(B, K, C)``, ``(B, K)`` to ``(B, C)``."""
    return segments.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(1)


POOLINGS: dict[str, Pooling] = {"average": average_pool, "max": max_pool}
