"""Batch normalisation that counts only the frames that belong to a clip."""

import torch
from torch import Tensor, nn


def frame_mask(lengths: Tensor, n_frames: int) -> Tensor:
    """1 where a frame belongs to its clip, else 0. Shape: ``(B,)`` to ``(B, 1, T, 1)``."""
    positions = torch.arange(n_frames, device=lengths.device)
    return (positions < lengths.unsqueeze(1)).to(torch.float32)[:, None, :, None]


class MaskedBatchNorm2d(nn.BatchNorm2d):
    """``nn.BatchNorm2d`` whose statistics leave padded frames out.

    With a mask, mean and variance are taken over valid frames only, and the running statistics are updated
    exactly as PyTorch does (biased variance to normalise, unbiased to remember). Without one it is the parent.
    """

    running_mean: Tensor  # never None: running statistics are always tracked here
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise.

        Args:
            input: Shape: ``(B, C, T, F)``.
            mask: 1 for valid frames. Shape: ``(B, 1, T, 1)``.

        Returns:
            Shape: ``(B, C, T, F)``; values at invalid frames have no meaning.
        """
        if mask is None or not self.training:
            return super().forward(input)
        B, C, T, F = input.shape
        count = mask.sum() * F
        mean = (input * mask).sum((0, 2, 3)) / count
        centred = (input - mean[:, None, None]) * mask
        variance = centred.square().sum((0, 2, 3)) / count
        with torch.no_grad():
            momentum = 0.1 if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
            self.running_var.lerp_((variance * count / (count - 1)).to(self.running_var.dtype), momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (input - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
