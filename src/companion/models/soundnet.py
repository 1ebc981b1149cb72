"""SoundNet, which learned from the pictures of videos what their sound tells (Aytar, Vondrick, Torralba 2016).

Wang and Metze 2017, Table 1, read features off its layers. The published network, whose weights are public, has heads
of kernel 8 without padding where that table prints filters of 4.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from companion.audio import Samples, check
from companion.errors import AudioError, ParameterError
from companion.models.receptive import Geometry, geometries, least_samples, n_outputs

SAMPLE_RATE = 22_050
"""Hz."""

SCALE = 256.0
"""Factor on amplitudes in [-1, 1]: the network was trained on samples in [-256, 256]."""

CONVOLUTIONS: Mapping[str, tuple[int, int]] = {
    "conv1": (16, 64), "conv2": (32, 32), "conv3": (64, 16), "conv4": (128, 8), "conv5": (256, 4), "conv6": (512, 4),
    "conv7": (1024, 4),
}  # fmt: skip
"""Feature maps and filter size of every convolution; all move on by 2, padded by half of the filter."""

POOLS: Mapping[str, int] = {"conv1": 8, "conv2": 8, "conv5": 4}
"""Size of the max pooling after a convolution."""

HEAD = 8
"""Filter size of both heads."""


class Output(NamedTuple):
    """What SoundNet says of a batch.

    Args:
        objects: Log-probabilities of the objects. Shape: ``(B, T, 1000)``.
        scenes: Log-probabilities of the scenes. Shape: ``(B, T, 401)``.
    """

    objects: Tensor
    scenes: Tensor


@runtime_checkable
class Stepwise(Protocol):
    """A layer that can be read off at several steps."""

    endings: tuple[str, ...]
    """What is added to its name for each of them."""

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """What it makes of the layer below, step by step; the last is handed on."""
        ...


class ConvLayer(nn.Module):
    """Convolution in time, batch normalisation, ReLU.

    Args:
        maps_in: Feature maps that come in.
        maps_out: Feature maps that go out.
        kernel: Filter size; the input is padded by half of it, and the frame rate halves.
    """

    endings: tuple[str, ...] = ("-linear", "-BN", "")

    def __init__(self, maps_in: int, maps_out: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(maps_in, maps_out, kernel, stride=2, padding=kernel // 2)
        self.bn = nn.BatchNorm1d(maps_out, eps=1e-5)

    def stages(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """After the convolution, after batch normalisation, after ReLU. Shape: ``(B, C, T)`` to ``(B, C', T')``."""
        linear = self.conv(x)
        normalised = self.bn(linear)
        return linear, normalised, torch.relu(normalised)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: ``(B, C, T)`` to ``(B, C', T // 2 + 1)``."""
        return self.stages(x)[2]


def n_maps(maps: int, width: float) -> int:
    """Feature maps of a layer in a network of that width."""
    return max(1, round(width * maps))


def objects_among(n_classes: int, n_objects: int | None) -> int:
    """Outputs that are objects; the others are scenes.

    Raises:
        ParameterError: All are of one kind.
    """
    found = round(n_classes * 1000 / 1401) if n_objects is None else n_objects
    if not 0 < found < n_classes:
        raise ParameterError(f"{found} objects among {n_classes} outputs", expected="some of each kind")
    return found


def trunk_layers(
    convolutions: Mapping[str, tuple[int, int]], pools: Mapping[str, int], width: float = 1.0
) -> nn.ModuleDict:
    """Convolutions with the poolings after some of them, by name, in the order of their use.

    Args:
        convolutions: Feature maps and filter size by name.
        pools: Size of the pooling after a convolution, which is called ``pool5`` after ``conv5``.
        width: Factor on every number of feature maps.
    """
    layers: dict[str, nn.Module] = {}
    maps_in = 1
    for name, (maps, kernel) in convolutions.items():
        maps_out = n_maps(maps, width)
        layers[name], maps_in = ConvLayer(maps_in, maps_out, kernel), maps_out
        if name in pools:
            layers[name.replace("conv", "pool")] = nn.MaxPool1d(pools[name])
    return nn.ModuleDict(layers)


def endings(layer: nn.Module) -> tuple[str, ...]:
    """What is added to a layer's name for each of its steps that can be read off; the last step is handed on."""
    return layer.endings if isinstance(layer, Stepwise) else ("",)


class WaveformNet(nn.Module):
    """What SoundNet and its variants share: layers over a waveform that can be read off by name.

    Attributes:
        trunk: The layers up to the heads, by name.
        sample_rate: Hz.
    """

    trunk: nn.ModuleDict
    sample_rate: int

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in the order of their use."""
        return tuple(self.trunk)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Everything that can be read off, in the order of its making."""
        return tuple(layer + ending for layer, module in self.trunk.items() for ending in endings(module))

    def features(self, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Outputs of some layers.

        Args:
            x: Waveforms at ``sample_rate``, scaled as ``waveform`` does. Shape: ``(B, N)``.
            names: Out of ``feature_names``: ``pool5``; ``conv5`` is a convolution's output, ``conv5-linear`` comes
                before batch normalisation and ``conv5-BN`` between it and ReLU; ``gru1`` comes before batch
                normalisation and ``gru1-BN`` after it.

        Returns:
            By name, in the order of ``names``. Shape: ``(B, T, C)`` each.

        Raises:
            ParameterError: There is no such layer.
            AudioError: The waveforms are too short for one of them.
        """
        B, N = x.shape
        wanted = [self._layer(name) for name in names]
        for layer in wanted:
            self.check_length(layer, N)
        found: dict[str, Tensor] = {}
        hidden, last = x.unsqueeze(1), max((self.layers.index(layer) for layer in wanted), default=-1)
        for layer in self.layers[: last + 1]:
            module = self.trunk[layer]
            stages = module.stages(hidden) if isinstance(module, Stepwise) else (module(hidden),)
            found |= {layer + ending: stage for ending, stage in zip(endings(module), stages, strict=True)}
            hidden = stages[-1]
        return {name: found[name].transpose(1, 2) for name in names}

    def geometry(self, name: str) -> Geometry:
        """Where the frames of a feature lie in the waveform, through the windows: a recurrent layer hears beyond."""
        return geometries(dict(self.trunk.items()))[self._layer(name)]

    def frame_times(self, name: str, n_frames: int) -> NDArray[np.float64]:
        """Seconds of the frames of a feature: the middles of what they hear. Shape: ``(n_frames,)``."""
        return self.geometry(name).times(n_frames, self.sample_rate)

    def n_frames(self, name: str, n_samples: int) -> int:
        """Frames of a feature for that many samples."""
        return n_outputs(self._up_to(self._layer(name)), n_samples)

    def least_samples(self, name: str) -> int:
        """Samples that a feature needs for one frame."""
        return least_samples(self._up_to(self._layer(name)))

    def check_length(self, name: str, n_samples: int) -> None:
        """Raise AudioError unless a feature has a frame for that many samples."""
        least = self.least_samples(name)
        if n_samples < least:
            raise AudioError(
                f"{n_samples} samples ({n_samples / self.sample_rate:.2f} s) are too short for {name}",
                expected=f"{least} samples ({least / self.sample_rate:.2f} s) or more at {self.sample_rate} Hz",
                repair=f"read a lower layer, or repeat the sound: waveform(…, n_samples={least})",
            )

    def _up_to(self, layer: str) -> list[nn.Module]:
        return [self.trunk[name] for name in self.layers[: self.layers.index(layer) + 1]]

    def _layer(self, name: str) -> str:
        """The layer that a feature is read off."""
        known = {layer + ending: layer for layer, module in self.trunk.items() for ending in endings(module)}
        if name not in known:
            raise ParameterError(
                f"{type(self).__name__} has no feature {name!r}", expected=f"one of {', '.join(known)}"
            )
        return known[name]


class SoundNet(WaveformNet):
    """The network of eight layers: seven convolutions in time, three poolings, and two heads.

    Clips of a batch have one length: nothing is padded, so in evaluation no clip feels another.

    Args:
        n_classes: Outputs of both heads.
        n_objects: Outputs of the first head; the others are scenes. None for the published share, 1000 of 1401.
        width: Factor on every number of feature maps but those of the heads; below 1 for demonstrations.

    Source:
        Aytar, Vondrick, Torralba 2016, section 3, and its public code; Wang and Metze 2017, Table 1.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, n_classes: int = 1401, *, n_objects: int | None = None, width: float = 1.0) -> None:
        super().__init__()
        n_objects = objects_among(n_classes, n_objects)
        self.n_classes, self.n_objects, self.width = n_classes, n_objects, width
        self.trunk = trunk_layers(CONVOLUTIONS, POOLS, width)
        maps = n_maps(CONVOLUTIONS["conv7"][0], width)
        self.conv8 = nn.Conv1d(maps, n_objects, HEAD, stride=2)
        self.conv8_2 = nn.Conv1d(maps, n_classes - n_objects, HEAD, stride=2)

    @property
    def architecture(self) -> dict[str, Any]:
        """Arguments that make a network of the same layers."""
        return {"n_classes": self.n_classes, "n_objects": self.n_objects, "width": self.width}

    def forward(self, x: Tensor) -> Output:
        """What is to be seen where this is heard.

        Args:
            x: Waveforms at 22.05 kHz, scaled as ``waveform`` does. Shape: ``(B, N)``.

        Raises:
            AudioError: Shorter than the heads need, 9.50 s.
        """
        B, N = x.shape
        self.check_heads(N)
        hidden = self.features(x, ["conv7"])["conv7"].transpose(1, 2)
        objects, scenes = (head(hidden).float().log_softmax(1).transpose(1, 2) for head in (self.conv8, self.conv8_2))
        return Output(objects, scenes)

    @property
    def stack(self) -> dict[str, nn.Module]:
        """Every layer of Table 1 by name, the heads as ``conv8``."""
        return {**dict(self.trunk.items()), "conv8": self.conv8}

    def check_heads(self, n_samples: int) -> None:
        """Raise AudioError unless the heads have an output for that many samples."""
        least = least_samples(self.stack.values())
        if n_samples < least:
            raise AudioError(
                f"{n_samples} samples ({n_samples / SAMPLE_RATE:.2f} s) are too short for the heads of SoundNet",
                expected=f"{least} samples ({least / SAMPLE_RATE:.2f} s) or more",
                repair=f"repeat the sound: waveform(…, n_samples={least})",
            )


def waveform(
    samples: Samples,
    sample_rate: int,
    *,
    n_samples: int = 0,
    scale: float = SCALE,
    expected_rate: int = SAMPLE_RATE,
) -> Samples:
    """A recording as SoundNet hears it: scaled, and repeated from its beginning where it is too short.

    Args:
        samples: Mono amplitudes, nominally in [-1, 1]. Shape: ``(N,)``.
        sample_rate: Of the recording, Hz; a wrong one is refused, never passed over.
        n_samples: Length to repeat and crop to; 0 leaves the length as it is.
        scale: Factor on amplitudes.
        expected_rate: Of the network, Hz.

    Returns:
        Shape: ``(n_samples,)``, or ``(N,)``.

    Raises:
        AudioError: Another sample rate, or samples that are no amplitudes.
    """
    if sample_rate != expected_rate:
        raise AudioError(
            f"recording at {sample_rate} Hz given to a network for {expected_rate} Hz",
            expected=f"{expected_rate} Hz",
            repair=f"audio.resample(samples, {sample_rate}, {expected_rate})",
        )
    heard = np.resize(check(samples), n_samples) if n_samples else check(samples)
    return np.asarray(heard * np.float32(scale), dtype=np.float32)
