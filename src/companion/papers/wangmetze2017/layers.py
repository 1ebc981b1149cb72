"""Tables 1 to 3 of Wang and Metze 2017: what is printed, and what the modules say."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from companion.models.receptive import Window, geometries, least_samples, n_outputs, windows
from companion.models.soundnet import SoundNet, WaveformNet
from companion.models.soundnet_variants import SNF, SNR, RecurrentLayer


@dataclass(frozen=True)
class LayerRow:
    """One column of the printed tables.

    Args:
        maps: Feature maps or units, as printed: ``1000 + 401``.
        rate: Frames a second.
        filter: Filter size; 0 where none is printed.
        subsampling: Frames that become one; 0 where none is printed.
        field: Receptive field in seconds; 0 where none is printed, or where it has no end.
    """

    maps: str
    rate: float
    filter: int = 0
    subsampling: int = 0
    field: float = 0.0


PRINTED: Mapping[str, Mapping[str, LayerRow]] = {
    "Table 1, SoundNet": {
        "conv1": LayerRow("16", 11_025, 64, 2, 2.9e-3),
        "pool1": LayerRow("16", 1_378, 0, 8, 3.5e-3),
        "conv2": LayerRow("32", 689, 32, 2, 26e-3),
        "pool2": LayerRow("32", 86, 0, 8, 36e-3),
        "conv3": LayerRow("64", 43, 16, 2, 0.21),
        "conv4": LayerRow("128", 21.5, 8, 2, 0.37),
        "conv5": LayerRow("256", 10.8, 4, 2, 0.51),
        "pool5": LayerRow("256", 2.69, 0, 4, 0.79),
        "conv6": LayerRow("512", 1.35, 4, 2, 1.91),
        "conv7": LayerRow("1024", 0.67, 4, 2, 4.16),
        "conv8": LayerRow("1000 + 401", 0.34, 4, 2, 8.59),
    },
    "Table 2, SN-F": {
        "conv1": LayerRow("16", 8_000, 64, 2, 4.0e-3),
        "pool1": LayerRow("16", 1_600, 0, 5, 4.5e-3),
        "conv2": LayerRow("32", 800, 32, 2, 24e-3),
        "pool2": LayerRow("32", 160, 0, 5, 29e-3),
        "conv3": LayerRow("64", 80, 16, 2, 0.12),
        "conv4": LayerRow("128", 40, 8, 2, 0.21),
        "conv5": LayerRow("256", 20, 4, 2, 0.29),
        "pool5": LayerRow("256", 10, 0, 4, 0.44),
        "fc1": LayerRow("100", 10, field=0.44),
        "fc2": LayerRow("100", 10, field=0.44),
        "fc3": LayerRow("100", 10, field=0.44),
        "output": LayerRow("1000 + 401", 10, field=0.44),
    },
    "Table 3, SN-R": {
        "gru1": LayerRow("100 × 2", 10),
        "gru2": LayerRow("100 × 2", 10),
        "gru3": LayerRow("100 × 2", 10),
        "output": LayerRow("1000 + 401", 10),
    },
}
"""As printed, before the correction that the authors wrote into their copy."""

NETWORKS: Mapping[str, type[SoundNet] | type[SNF] | type[SNR]] = dict(zip(PRINTED, (SoundNet, SNF, SNR), strict=True))

POOL5 = "the authors' own correction: pool5 halves the rate, so 5362 samples, 0.34 s"
REASONS: Mapping[tuple[str, str], str] = {
    ("Table 1, SoundNet", "conv7"): "91,166 samples; the printed 8.59 s follows from 4.13 s",
    ("Table 1, SoundNet", "conv8"): "filter 8 in the published network: 320,542 samples",
    **{("Table 2, SN-F", layer): POOL5 for layer in ("pool5", "fc1", "fc2", "fc3", "output")},
}
"""Why a printed column differs from the modules."""


def computed(network: WaveformNet) -> dict[str, LayerRow]:
    """The same columns from the modules, every layer of the network."""
    rows, recurrent = {}, False
    stack: Mapping[str, nn.Module] = network.stack  # type: ignore[assignment]
    maps = "1"
    for (name, layer), at in zip(stack.items(), geometries(stack).values(), strict=True):
        window = next(windows([layer]), Window(1, 1, 0))
        recurrent = recurrent or isinstance(layer, RecurrentLayer)
        maps = _maps(network, name, layer) or maps  # a pooling keeps them
        pools = isinstance(layer, nn.MaxPool1d)
        rows[name] = LayerRow(
            maps,
            network.sample_rate / at.stride,
            0 if pools or window.kernel == 1 else window.kernel,
            window.stride if window.kernel > 1 else 0,
            0.0 if recurrent else at.field / network.sample_rate,
        )
    return rows


@dataclass(frozen=True)
class Frames:
    """When the frames of a layer are, for a sound of some length.

    Args:
        times: Seconds of their middles. Shape: ``(T,)``.
        rate: Frames a second.
        field: Seconds that one frame depends on.
        middle: Beginning and end of what the frame in the middle depends on, seconds; NaN where there is none.
        needs: Seconds that the layer needs for one frame.
    """

    times: NDArray[np.float64]
    rate: float
    field: float
    middle: tuple[float, float]
    needs: float


def frames(network: WaveformNet, seconds: float, lowest: str = "conv3") -> dict[str, Frames]:
    """Frames of every layer from one on, the heads included.

    Args:
        network: Any width.
        seconds: Length of the sound.
        lowest: The first layer.
    """
    stack: Mapping[str, nn.Module] = network.stack  # type: ignore[assignment]
    rate, layers, found = network.sample_rate, list(stack.values()), {}
    for number, (name, at) in enumerate(geometries(stack).items()):
        times = at.times(n_outputs(layers[: number + 1], round(seconds * rate)), rate)
        begin = (at.start + len(times) // 2 * at.stride) / rate if len(times) else math.nan
        middle = (begin, begin + at.field / rate)
        needs = least_samples(layers[: number + 1]) / rate
        found[name] = Frames(times, rate / at.stride, at.field / rate, middle, needs)
    return dict(list(found.items())[list(found).index(lowest) :])


def _maps(network: WaveformNet, name: str, layer: nn.Module) -> str:
    """Maps of a layer as the tables print them; empty for a pooling."""
    if name in ("conv8", "output"):
        n_objects = int(network.n_objects)  # type: ignore[arg-type]
        return f"{n_objects} + {int(network.n_classes) - n_objects}"  # type: ignore[arg-type]
    if isinstance(layer, RecurrentLayer):
        return f"{layer.recurrent.cells.hidden_size} × 2"
    for part in layer.modules():
        if isinstance(part, nn.Conv1d | nn.Linear):
            return str(part.out_channels if isinstance(part, nn.Conv1d) else part.out_features)
    return ""


def differing(table: str) -> dict[str, list[str]]:
    """By layer, the quantities whose printed value is not the computed one to the digits that are printed."""
    found: dict[str, list[str]] = {}
    rows = computed(NETWORKS[table]())
    for layer, printed in PRINTED[table].items():
        other = [name for name in ("maps", "rate", "filter", "subsampling", "field") if not _same(
            getattr(printed, name), getattr(rows[layer], name))]  # fmt: skip
        if other:
            found[layer] = other
    return found


def _same(printed: str | float, value: str | float) -> bool:
    """Whether a value rounds to the printed one, a zero of which stands for nothing printed.

    >>> _same(0.21, 0.2103), _same(4.16, 4.1345), _same(689, 689.0625), _same(0.0, 5.0)
    (True, False, True, True)
    """
    if isinstance(printed, str) or isinstance(value, str):
        return printed == value
    decimals = len(f"{printed:g}".partition(".")[2])
    return not printed or abs(value - printed) <= 0.5 * 10.0**-decimals + 1e-12
