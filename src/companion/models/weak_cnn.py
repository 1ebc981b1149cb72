"""N_S, the fully convolutional network for weakly labelled audio (Kumar, Khadkevich, Fügen 2018, Fig. 1)."""

import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from companion.errors import ParameterError
from companion.models.masked import MaskedBatchNorm2d, frame_mask
from companion.models.pooling import POOLINGS

SEGMENT = 128
"""Log-mel frames that one segment sees before the borders of the convolutions are counted."""

HOP = 64
"""Log-mel frames between segments."""

N_MELS = 128
"""Mel bands; six poolings leave two, which F1's 2×2 filters close."""

FILTERS = (16, 32, 64, 128, 256, 512)
"""Filters of blocks B1 to B6."""


class ShortClipWarning(UserWarning):
    """A clip shorter than one segment was padded."""


class Output(NamedTuple):
    """What N_S says of a batch.

    Args:
        recording: Class probabilities of the whole recording. Shape: ``(B, C)``.
        segments: Class probabilities of each segment. Shape: ``(B, K, C)``.
        f1: The penultimate representation of each segment. Shape: ``(B, K, 1024)``.
        mask: True where a segment belongs to the recording. Shape: ``(B, K)``.
    """

    recording: Tensor
    segments: Tensor
    f1: Tensor
    mask: Tensor


def n_segments(n_frames: int) -> int:
    """Segments of a clip of ``n_frames`` log-mel frames.

    >>> [n_segments(n) for n in (128, 431, 862, 896, 2584)]
    [1, 5, 12, 13, 39]
    """
    return max(n_frames, SEGMENT) // HOP - 1


class WeakCNN(nn.Module):
    """VGG-style network that scans a log-mel spectrogram of any length and pools its segment outputs.

    Blocks B1 to B5 are (convolution 3×3, batch normalisation, ReLU) twice and max pooling 2×2; B6 has one
    convolution. F1 is a convolution 2×2 without padding, F2 a convolution 1×1 with a sigmoid. The paper's
    figure omits F1's batch normalisation; the released checkpoint has it.

    Args:
        n_classes: Outputs C; 527 for AudioSet.
        width: Factor on every number of filters, F1 included; below 1 for demonstrations.
        pooling: Name of the global pooling, ``average`` or ``max``.
    """

    def __init__(self, n_classes: int = 527, *, width: float = 1.0, pooling: str = "average") -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ParameterError(f"unknown pooling {pooling!r}", expected=f"one of {', '.join(POOLINGS)}")
        self.n_classes, self.width, self.pooling = n_classes, width, pooling
        channels = [1, *(round(width * filters) for filters in FILTERS)]
        self.blocks = nn.ModuleList(
            Block(channels[i], channels[i + 1], convolutions=1 if i == 5 else 2) for i in range(6)
        )
        self.f1 = ConvBlock(channels[-1], round(width * 1024), kernel_size=2, padding=0)
        self.f2 = nn.Conv2d(round(width * 1024), n_classes, kernel_size=1)
        self.apply(initialise)

    @property
    def architecture(self) -> dict[str, Any]:
        """Arguments that make a network of the same layers."""
        return {"n_classes": self.n_classes, "width": self.width, "pooling": self.pooling}

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Output:
        """Score a batch of log-mel spectrograms.

        Args:
            x: Log-mel values in dB. Shape: ``(B, T, F)``.
            lengths: Frames of each clip where the batch is padded; None when all fill it. Shape: ``(B,)``.

        Returns:
            Output: Probabilities per recording and per segment, and F1.

        Source:
            Kumar, Khadkevich, Fügen 2018, section 2.1.
        """
        B, T, F = x.shape
        if F != N_MELS:
            raise ParameterError(
                f"log-mel with {F} bands given to N_S", expected=f"{N_MELS} bands, shape (B, T, {N_MELS})"
            )
        x, lengths = pad_to_segment(x, lengths)
        trunk = self.trunk(x, lengths)
        mask = segment_mask(lengths, B, x.shape[1], x.device)
        f1 = self.segment_representation(trunk, mask)
        segments = torch.sigmoid(self.event_logits(f1).float())
        recording = POOLINGS[self.pooling](segments, mask)
        return Output(recording, segments, f1, mask)

    def trunk(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Blocks B1 to B6.

        Shape: ``(B, T, F)`` to ``(B, 512, T // 64, F // 64)``.
        """
        hidden = image(x)
        for block in self.blocks:
            hidden = block(hidden, lengths)
            lengths = None if lengths is None else lengths // 2
        return hidden

    def segment_representation(self, trunk: Tensor, mask: Tensor | None = None) -> Tensor:
        """F1 of each segment. Shape: ``(B, 512, K + 1, 2)`` to ``(B, K, 1024)``."""
        lengths = None if mask is None or bool(mask.all()) else mask.sum(1)
        return self.f1(trunk, lengths).squeeze(3).transpose(1, 2)

    def event_logits(self, f1: Tensor) -> Tensor:
        """F2 of each segment, before its sigmoid. Shape: ``(B, K, 1024)`` to ``(B, K, C)``."""
        return nn.functional.linear(f1, self.f2.weight.flatten(1), self.f2.bias)


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU; frames beyond a clip's end stay exactly zero."""

    def __init__(self, channels_in: int, channels_out: int, kernel_size: int = 3, padding: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size, padding=padding)
        self.bn = MaskedBatchNorm2d(channels_out)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Shape: ``(B, C_in, T, F)`` to ``(B, C_out, T', F')``; ``lengths`` counts valid output frames."""
        hidden = self.conv(x)
        mask = None if lengths is None else frame_mask(lengths, hidden.shape[2])
        hidden = torch.relu(self.bn(hidden, mask))
        return hidden if mask is None else hidden * mask


class Block(nn.Module):
    """One or two ConvBlocks and max pooling 2×2: B1 to B6."""

    def __init__(self, channels_in: int, channels_out: int, convolutions: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            ConvBlock(channels_in if i == 0 else channels_out, channels_out) for i in range(convolutions)
        )
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Shape: ``(B, C_in, T, F)`` to ``(B, C_out, T // 2, F // 2)``."""
        if lengths is not None:
            x = x * frame_mask(lengths, x.shape[2])
        for conv in self.convs:
            x = conv(x, lengths)
        return self.pool(x)


def initialise(module: nn.Module) -> None:
    """Xavier-uniform weights with ReLU gain and zero biases, as the authors' closest public training code."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight, gain=nn.init.calculate_gain("relu"))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def image(x: Tensor) -> Tensor:
    """Spectrograms as images of one channel. Shape: ``(B, T, F)`` to ``(B, 1, T, F)``.

    The channel is the last in memory. With one channel that moves no value, but every convolution and pooling that
    follows keeps the order, in which they are two to three times as fast on a CPU, whatever the order of the weights.
    """
    return x.unsqueeze(3).permute(0, 3, 1, 2)


def segment_mask(lengths: Tensor | None, n_clips: int, n_frames: int, device: torch.device) -> Tensor:
    """Which segments belong to each clip. Shape: ``(B,)`` to ``(B, K)``."""
    positions = torch.arange(n_segments(n_frames), device=device)
    if lengths is None:
        return positions.expand(n_clips, -1) >= 0
    return positions < (lengths // HOP - 1).unsqueeze(1)


def pad_to_segment(x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Pad clips shorter than one segment with their own floor, the lowest value they hold, and say so.

    The authors' code pads with zeros, which in dB is as loud as full scale.

    Shape: ``(B, T, F)`` to ``(B, max(T, 128), F)``.
    """
    B, T, F = x.shape
    if lengths is None:
        if T >= SEGMENT:
            return x, None
        lengths = torch.full((B,), T, device=x.device)
    short = lengths < SEGMENT
    if not bool(short.any()):
        return x, lengths
    warnings.warn(
        f"{int(short.sum())} clip(s) shorter than {SEGMENT} frames (1.49 s) were padded with their own floor",
        ShortClipWarning,
        stacklevel=3,
    )
    padded = nn.functional.pad(x, (0, 0, 0, max(0, SEGMENT - T)))
    for i in torch.nonzero(short).flatten().tolist():
        length = int(lengths[i])
        padded[i, length:SEGMENT] = x[i, :length].min()
    lengths = lengths.clamp(min=SEGMENT)
    return padded, None if bool((lengths == padded.shape[1]).all()) else lengths
