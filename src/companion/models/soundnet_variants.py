"""SN-F and SN-R: SoundNet with upper layers that keep the frame rate at 10 Hz (Wang and Metze 2017, Tables 2 and 3)."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from companion.models.gated import ACTIVATIONS, Recurrent
from companion.models.soundnet import (
    CONVOLUTIONS,
    ConvLayer,
    Output,
    WaveformNet,
    n_maps,
    objects_among,
    trunk_layers,
)

SAMPLE_RATE = 16_000
"""Hz."""

LOWER: Mapping[str, tuple[int, int]] = dict(islice(CONVOLUTIONS.items(), 5))
"""``conv1`` to ``conv5`` are SoundNet's."""

POOLS: Mapping[str, int] = {"conv1": 5, "conv2": 5, "conv5": 2}
"""Table 2 prints 4 for pool5; its authors corrected that to 2, which is what gives 10 Hz."""


class FullLayer(nn.Module):
    """A fully connected layer for every frame, with batch normalisation before the activation where it is asked for."""

    def __init__(self, size_in: int, size: int, activation: str, normalised: bool) -> None:
        super().__init__()
        self.linear, self.activation = nn.Linear(size_in, size), activation
        self.bn = nn.BatchNorm1d(size, eps=1e-5) if normalised else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Shape: ``(B, C, T)`` to ``(B, C', T)``."""
        with torch.autocast(x.device.type, enabled=False):
            linear = self.linear(x.float().transpose(1, 2)).transpose(1, 2)
            return ACTIVATIONS[self.activation](self.bn(linear))


class RecurrentLayer(nn.Module):
    """A recurrent layer, with batch normalisation after the whole cell where it is asked for."""

    def __init__(self, size_in: int, size: int, cell: str, activation: str, normalised: bool) -> None:
        super().__init__()
        self.recurrent = Recurrent(size_in, size, cell=cell, activation=activation)
        self.bn = nn.BatchNorm1d(2 * size, eps=1e-5) if normalised else None
        self.endings = ("", "-BN") if normalised else ("",)

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """After the cells and, where there is one, after batch normalisation. Shape: ``(B, 2 × size, T)`` each."""
        with torch.autocast(x.device.type, enabled=False):
            found: Tensor = self.recurrent(x.float().transpose(1, 2)).transpose(1, 2)
            return (found,) if self.bn is None else (found, self.bn(found))

    def forward(self, x: Tensor) -> Tensor:
        """What is handed on. Shape: ``(B, C, T)`` to ``(B, 2 × size, T)``."""
        return self.stages(x)[-1]


class Variant(WaveformNet):
    """What SN-F and SN-R share: a trunk to ``pool5`` at 10 Hz, layers above it, one output layer for both softmaxes.

    Everything above ``pool5`` computes in 32 bits, under mixed precision too: a recurrent layer's memory would stop
    growing in bfloat16, and log-probabilities of a thousand classes would be rounded by more than networks differ.
    """

    sample_rate = SAMPLE_RATE
    output: nn.Linear

    def __init__(self, n_classes: int, n_objects: int | None, width: float, conv_normalised: bool) -> None:
        super().__init__()
        self.n_classes, self.n_objects, self.width = n_classes, objects_among(n_classes, n_objects), width
        self.conv_normalised = conv_normalised
        self.trunk = trunk_layers(LOWER, POOLS, width)
        if not conv_normalised:
            for layer in self.trunk.values():
                if isinstance(layer, ConvLayer):
                    layer.register_module("bn", nn.Identity())
        self.maps = n_maps(LOWER["conv5"][0], width)

    def forward(self, x: Tensor) -> Output:
        """Objects and scenes, ten times a second. Shape: ``(B, N)`` to ``(B, T, 1000)`` and ``(B, T, 401)``."""
        B, N = x.shape
        top = self.top
        hidden = self.features(x, [top])[top]
        with torch.autocast(x.device.type, enabled=False):
            both = self.output(hidden.float())
        objects, scenes = both.split([self.n_objects, self.n_classes - self.n_objects], dim=2)
        return Output(objects.log_softmax(2), scenes.log_softmax(2))

    @property
    def top(self) -> str:
        """The feature that the output layer reads."""
        return self.feature_names[-1]

    @property
    def stack(self) -> dict[str, nn.Module]:
        """Every layer of the tables by name."""
        return {**dict(self.trunk.items()), "output": self.output}


class SNF(Variant):
    """SN-F: three fully connected layers above ``pool5``.

    Args:
        n_classes: Outputs of both softmaxes.
        n_objects: Outputs of the first; the others are scenes. None for the published share, 1000 of 1401.
        size: Units of each fully connected layer.
        activation: ``tanh`` or ``relu``.
        normalised: Batch normalisation in the fully connected layers, before their activation; the table has none.
        width: Factor on the feature maps of the convolutions.
        conv_normalised: Batch normalisation in the convolutions, which the paper found essential; without it a
            feature such as ``conv5-BN`` is ``conv5-linear``.

    Source: Wang and Metze 2017, section 2.2 and Table 2. How the convolutions are padded is not stated: as SoundNet's.
    """

    def __init__(
        self,
        n_classes: int = 1401,
        *,
        n_objects: int | None = None,
        size: int = 100,
        activation: str = "tanh",
        normalised: bool = False,
        width: float = 1.0,
        conv_normalised: bool = True,
    ) -> None:
        super().__init__(n_classes, n_objects, width, conv_normalised)
        self.size, self.activation, self.normalised = size, activation, normalised
        for number in (1, 2, 3):
            below = self.maps if number == 1 else size
            self.trunk[f"fc{number}"] = FullLayer(below, size, activation, normalised)
        self.output = nn.Linear(size, n_classes)

    @property
    def architecture(self) -> dict[str, Any]:
        """Arguments that make a network of the same layers."""
        names = ("n_classes", "n_objects", "size", "activation", "normalised", "width", "conv_normalised")
        return {name: getattr(self, name) for name in names}


class SNR(Variant):
    """SN-R: three bidirectional recurrent layers above ``pool5``.

    Args:
        n_classes, n_objects, width, conv_normalised: As for SN-F.
        size: Units of each recurrent layer in each direction.
        cell: ``gru`` or ``lstm``.
        activation: Inside the cell: ``relu`` for features, ``tanh`` for the curves of Fig. 1.
        normalised: Batch normalisation of the whole cell's output.

    Source: Wang and Metze 2017, section 2.2 and Table 3.
    """

    def __init__(
        self,
        n_classes: int = 1401,
        *,
        n_objects: int | None = None,
        size: int = 100,
        cell: str = "gru",
        activation: str = "relu",
        normalised: bool = True,
        width: float = 1.0,
        conv_normalised: bool = True,
    ) -> None:
        super().__init__(n_classes, n_objects, width, conv_normalised)
        self.size, self.cell, self.activation, self.normalised = size, cell, activation, normalised
        for number in (1, 2, 3):
            below = self.maps if number == 1 else 2 * size
            self.trunk[f"{cell}{number}"] = RecurrentLayer(below, size, cell, activation, normalised)
        self.output = nn.Linear(2 * size, n_classes)

    @property
    def architecture(self) -> dict[str, Any]:
        """Arguments that make a network of the same layers."""
        names = ("n_classes", "n_objects", "size", "cell", "activation", "normalised", "width", "conv_normalised")
        return {name: getattr(self, name) for name in names}
