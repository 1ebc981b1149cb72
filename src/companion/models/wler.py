"""N_W, which scans a recording of any length and learns from its weak labels (Kumar, Raj 2017, section II and Fig. 2).

Its layers are those of a network N_S for segments of 128 frames, whose fully connected layers are read as convolutions.
With convolutions that are filled up with zeros, as published, one pass over a recording is not quite N_S on segment
after segment: where N_S sees zeros beyond a segment's ends, N_W sees the recording. `CONTEXT` says how far.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from companion.errors import ParameterError
from companion.models.masked import frame_mask
from companion.models.pooling import POOLINGS
from companion.models.weak_cnn import N_MELS, SEGMENT, Output, image, pad_to_segment

HOP = 32
"""Log-mel frames between segments: five poolings halve the time."""

FILTERS = (96, 128, 128, 256, 256)
"""Filters of C1P1 to C5P5."""

COLUMNS = SEGMENT // HOP
"""Steps of C5P5's output that one segment holds; FCv1 reads them all."""

CONTEXT = 2 ** len(FILTERS) - 1
"""Frames that a scanned segment hears beyond its own 128 on each side: 1 + 2 + 4 + 8 + 16."""


def n_segments(n_frames: int, padding: int = 1) -> int:
    """Segments of a recording of ``n_frames`` log-mel frames.

    >>> [n_segments(n) for n in (1, 128, 159, 160, 1280)]
    [1, 1, 1, 2, 37]
    >>> n_segments(190, padding=0), n_segments(1280, padding=0)
    (1, 35)
    """
    return steps(n_frames if padding == 0 else max(n_frames, SEGMENT), padding) - COLUMNS + 1


def steps(n_frames: Any, padding: int = 1) -> Any:
    """Steps that C5P5 leaves of so many frames, a number or a tensor of them."""
    for _ in FILTERS:
        n_frames = (n_frames - 2 * (1 - padding)) // 2
    return n_frames


class WLER(nn.Module):
    """N_W: five convolutions 3×3, each with ReLU and max pooling 2×2, then FCv1 4×4 and FCv2 1×1, and global pooling.

    There is no batch normalisation. Dropout stands before FCv1 and FCv2.

    Args:
        n_classes: Outputs C.
        width: Factor on every number of filters; below 1 for demonstrations.
        pooling: Name of the global pooling, ``max`` as published or ``average``.
        dropout: Share of the inputs of FCv1 and FCv2 that are dropped in training.
        padding: Zero frames that every convolution sees beyond both ends in time; with 0, one pass is exactly a
            sliding window of 190 frames.
        centre: Level in dB that counts as zero; the paper states no normalisation.
        spread: Decibels that count as one.
    """

    def __init__(
        self,
        n_classes: int = 10,
        *,
        width: float = 1.0,
        pooling: str = "max",
        dropout: float = 0.5,
        padding: int = 1,
        centre: float = 0.0,
        spread: float = 1.0,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS or padding not in (0, 1):
            raise ParameterError(
                f"pooling {pooling!r}, padding {padding!r}", expected=f"one of {', '.join(POOLINGS)}, and 0 or 1"
            )
        self.n_classes, self.width, self.pooling, self.dropout = n_classes, width, pooling, dropout
        self.padding, self.centre, self.spread = padding, centre, spread
        channels = [1, *(round(width * filters) for filters in FILTERS)]
        self.blocks = nn.ModuleList(ConvPool(a, b, padding) for a, b in pairwise(channels))
        self.fc1 = nn.Conv2d(channels[-1], round(width * 256), kernel_size=(COLUMNS, N_MELS // 2 ** len(FILTERS)))
        self.fc2 = nn.Conv2d(round(width * 256), n_classes, kernel_size=1)
        self.drop = nn.Dropout(dropout)
        self.apply(initialise)

    @property
    def architecture(self) -> dict[str, Any]:
        """Arguments that make a network of the same layers."""
        names = ("n_classes", "width", "pooling", "dropout", "padding", "centre", "spread")
        return {name: getattr(self, name) for name in names}

    @property
    def window(self) -> int:
        """Frames of one segment, without what it hears of its neighbours."""
        return SEGMENT if self.padding else SEGMENT + 2 * CONTEXT

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Output:
        """Score a batch of log-mel spectrograms.

        Args:
            x: Log-mel values in dB. Recordings of different lengths share a batch where the shorter ones are filled up
                with frames of NaN. Shape: ``(B, T, F)``.
            lengths: Frames of each recording, where the batch is filled up with anything else. Shape: ``(B,)``.

        Returns:
            Output: Probabilities per recording and per segment, FCv1's output, and which segments there are.

        Raises:
            ParameterError: Another number of bands, or a recording without frames.
        """
        B, T, F = x.shape
        if F != N_MELS:
            raise ParameterError(f"log-mel with {F} bands given to N_W", expected=f"{N_MELS} bands")
        x, lengths = unfilled(x, lengths)
        if self.padding:
            x, lengths = pad_to_segment(x, lengths)
        shortest = x.shape[1] if lengths is None else int(lengths.min())
        if shortest < self.window:
            raise ParameterError(f"a recording of {shortest} frames", expected=f"{self.window} or more")
        mask = self.segment_mask(lengths, B, x.shape[1], x.device)
        f1, logits = self.scan(x, lengths)
        segments = torch.sigmoid(logits.float())
        return Output(POOLINGS[self.pooling](segments, mask), segments, f1, mask)

    def scan(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """FCv1 and, before its sigmoid, FCv2 of segments. Shape: ``(B, T, F)`` to ``(B, K, 256)``, ``(B, K, C)``."""
        f1 = torch.relu(self.fc1(self.drop(self.trunk(x, lengths))))
        return f1.squeeze(3).mT, self.fc2(self.drop(f1)).squeeze(3).mT

    def trunk(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """C1P1 to C5P5. Shape: ``(B, T, F)`` to ``(B, 256, T // 32, F // 32)``."""
        hidden = image((x - self.centre) / self.spread)
        for block in self.blocks:
            hidden, lengths = block(hidden, lengths)
        return hidden

    def segment_mask(self, lengths: Tensor | None, n_clips: int, n_frames: int, device: torch.device) -> Tensor:
        """Which segments belong to each recording. Shape: ``(B,)`` to ``(B, K)``."""
        positions = torch.arange(n_segments(n_frames, self.padding), device=device).expand(n_clips, -1)
        if lengths is None:
            return positions >= 0
        return positions < (steps(lengths, self.padding) - COLUMNS + 1).unsqueeze(1)


class ConvPool(nn.Module):
    """Convolution 3×3, ReLU, max pooling 2×2; the convolution sees zeros beyond a recording's end.

    ReLU follows the pooling here: the largest of four values is the same, cut at zero before or after, and a quarter
    of them is left to cut.
    """

    def __init__(self, channels_in: int, channels_out: int, padding: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=(padding, 1))
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Shape: ``(B, C_in, T, F)`` to ``(B, C_out, T // 2, F // 2)``, and the lengths that are left."""
        hidden = self.conv(x if lengths is None else x * frame_mask(lengths, x.shape[2]))
        left = None if lengths is None else (lengths - x.shape[2] + hidden.shape[2]) // 2
        return torch.relu(self.pool(hidden)), left


def initialise(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases, the defaults of the paper's library."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # every convolution here has one


def unfilled(x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """A batch that was filled up with frames of NaN as one of zeros, with the lengths of its recordings.

    A frame of NaN is no sound: whatever reads it by mistake becomes NaN, and does not pass for a result.

    Raises:
        ParameterError: A recording has no frames.
    """
    if lengths is None and x.shape[1] and bool(x[:, -1].isnan().any()):
        lengths = (~x[:, :, 0].isnan()).sum(1)
        x = x.nan_to_num(0.0)
    if not x.shape[1] or (lengths is not None and int(lengths.min()) < 1):
        raise ParameterError("a recording without frames", expected="one frame or more")
    return x, lengths


class BlockWise(nn.Module):
    """N_W on a recording of any length in bounded memory: in overlapping blocks, with the outputs of one pass.

    A block begins and ends one hop beyond its segments, which is more than `CONTEXT`: no segment that is read hears the
    block's ends.

    Args:
        network: N_W as published.
        segments: Segments of a block.
    """

    def __init__(self, network: WLER, segments: int = 61) -> None:
        super().__init__()
        self.network, self.segments = network, segments

    def forward(self, x: Tensor) -> Output:
        """Score recordings of one length. Shape: ``(B, T, F)``.

        Raises:
            ParameterError: They are of different lengths, or have no frames.
        """
        x, lengths = pad_to_segment(*unfilled(x, None))
        if lengths is not None:
            raise ParameterError("recordings of different lengths in blocks", expected="one length, or one at a time")
        n_all, parts = n_segments(x.shape[1]), list[Output]()
        for first in range(0, n_all, self.segments):
            last = min(first + self.segments, n_all)
            start = max(0, first - 1) * HOP
            end = x.shape[1] if last == n_all else last * HOP + SEGMENT
            found, skipped = self.network(x[:, start:end]), first - start // HOP
            kept = slice(skipped, skipped + last - first)
            parts.append(Output(found.recording, found.segments[:, kept], found.f1[:, kept], found.mask[:, kept]))
        segments, f1, mask = (torch.cat([getattr(one, name) for one in parts], 1) for name in Output._fields[1:])
        return Output(POOLINGS[self.network.pooling](segments, mask), segments, f1, mask)
