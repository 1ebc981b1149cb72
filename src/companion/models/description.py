"""N_S layer by layer, told by the modules themselves: Fig. 1 of Kumar, Khadkevich, Fügen 2018 as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from companion.models.cost import layer_costs
from companion.models.weak_cnn import N_MELS, ConvBlock, WeakCNN, n_segments


@dataclass(frozen=True)
class LayerRow:
    """One block of N_S on a recording.

    Args:
        block: ``input``, ``B1`` to ``B6``, ``F1``, ``F2`` or ``P``, the paper's names.
        layers: Its layers in words.
        filters: Filters of its convolutions; 0 where it has none.
        channels: Channels that it puts out.
        frames: Steps in time that it puts out: frames, or segments from F1 on.
        bands: Bands that it puts out.
        parameters: Learned numbers, of batch normalisation too.
        multiply_adds: See :class:`companion.models.cost.LayerCost`.
    """

    block: str
    layers: str
    filters: int
    channels: int
    frames: int
    bands: int
    parameters: int
    multiply_adds: int


def layer_table(network: WeakCNN, n_frames: int = 896) -> list[LayerRow]:
    """Describe what N_S does with a recording, one row a block.

    Args:
        network: N_S.
        n_frames: Log-mel frames; 896 are the paper's example with 13 segments.

    Returns:
        The input, B1 to B6, F1, F2 and the global pooling P.

    Source:
        Kumar, Khadkevich, Fügen 2018, section 2.1 and Fig. 1.
    """
    costs: dict[str, int] = {}
    for layer in layer_costs(network, n_frames):
        costs[layer.block] = costs.get(layer.block, 0) + layer.multiply_adds
    rows = [LayerRow("input", "log-mel", 0, 1, n_frames, N_MELS, 0, 0)]
    frames, bands = n_frames, N_MELS
    for number, block in enumerate(network.blocks, 1):
        name = f"B{number}"
        convs, pool = convolutions(block), pooling_size(block)
        frames, bands, filters = frames // pool, bands // pool, convs[-1].conv.out_channels
        words = f"{block_words(convs)}, max pooling {size((pool, pool))}"
        rows.append(LayerRow(name, words, filters, filters, frames, bands, n_parameters(block), costs[name]))
    segments, f1, f2 = n_segments(n_frames), network.f1, network.f2
    for name, words, conv, part in (
        ("F1", conv_words(f1), f1.conv, f1),
        ("F2", f"convolution {size(f2.kernel_size)}, sigmoid", f2, f2),
    ):
        filters = conv.out_channels
        rows.append(LayerRow(name, words, filters, filters, segments, 1, n_parameters(part), costs[name]))
    rows.append(LayerRow("P", f"{network.pooling} over segments", 0, network.n_classes, 1, 1, 0, 0))
    return rows


def convolutions(block: nn.Module) -> list[ConvBlock]:
    """Convolution blocks of B1 to B6."""
    return [layer for layer in block.modules() if isinstance(layer, ConvBlock)]


def pooling_size(block: nn.Module) -> int:
    """Side of the square that the max pooling of B1 to B6 takes."""
    (side,) = (layer.kernel_size for layer in block.modules() if isinstance(layer, nn.MaxPool2d))
    return side if isinstance(side, int) else side[0]


def block_words(convs: list[ConvBlock]) -> str:
    """Convolutions of B1 to B6 in words."""
    words = conv_words(convs[0])
    return words if len(convs) == 1 else f"{len(convs)} × ({words})"


def conv_words(block: ConvBlock) -> str:
    """Layers of a convolution block in words."""
    return f"convolution {size(block.conv.kernel_size)}, batch normalisation, ReLU"


def size(sides: Sequence[int]) -> str:
    """Sides of a filter.

    >>> size((3, 3))
    '3×3'
    """
    return "×".join(str(side) for side in sides)


def n_parameters(module: nn.Module) -> int:
    """Learned numbers of a module."""
    return sum(parameter.numel() for parameter in module.parameters())
