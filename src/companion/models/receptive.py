"""Where the outputs of a stack of layers lie in its input: strides, receptive fields and frame times, from the modules.

All of it is in whole input samples, so that times do not drift, and nothing is typed in: a table of a paper can be held
against the network that it describes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from companion.errors import ParameterError


@dataclass(frozen=True)
class Geometry:
    """Where the outputs of a layer lie in the input of the whole stack.

    Args:
        field: Receptive field: input samples that one output depends on.
        stride: Input samples from one output to the next.
        start: First input sample that the first output depends on; negative in the padding.

    >>> Geometry().through(64, 2, 32)
    Geometry(field=64, stride=2, start=-32)
    """

    field: int = 1
    stride: int = 1
    start: int = 0

    def through(self, kernel: int, stride: int, padding: int) -> "Geometry":
        """After one more layer that looks at ``kernel`` outputs at a time and moves on by ``stride``."""
        return Geometry(
            self.field + (kernel - 1) * self.stride, self.stride * stride, self.start - padding * self.stride
        )

    def times(self, n_frames: int, sample_rate: int) -> NDArray[np.float64]:
        """Centres of the receptive fields in seconds, each one division of whole numbers. Shape: ``(n_frames,)``."""
        doubled = 2 * (self.start + np.arange(n_frames, dtype=np.int64) * self.stride) + self.field - 1
        return doubled / (2 * sample_rate)


@dataclass(frozen=True)
class Window:
    """What a layer looks at: ``kernel`` steps at a time, moved on by ``stride``, over an input padded on both sides."""

    kernel: int
    stride: int
    padding: int

    def n_outputs(self, n_inputs: int) -> int:
        """Outputs for that many inputs; 0 where they are too few, or none: padding alone is no input."""
        return max(0, (n_inputs + 2 * self.padding - self.kernel) // self.stride + 1) if n_inputs else 0

    def n_inputs(self, n_outputs: int) -> int:
        """The fewest inputs that give that many outputs."""
        return max(1, (n_outputs - 1) * self.stride + self.kernel - 2 * self.padding)


def windows(layers: Iterable[nn.Module]) -> Iterator[Window]:
    """Windows of the convolutions and poolings among some modules, in order; others work step by step.

    Raises:
        ParameterError: A dilated layer, or one that rounds its length up.
    """
    for layer in layers:
        for part in layer.modules():
            if isinstance(part, nn.Conv1d | nn.MaxPool1d | nn.AvgPool1d):
                if _one(getattr(part, "dilation", 1)) != 1 or getattr(part, "ceil_mode", False):
                    raise ParameterError(f"{part} has no plain window", expected="no dilation, lengths rounded down")
                yield Window(_one(part.kernel_size), _one(part.stride), _one(part.padding))


def geometries(layers: Mapping[str, nn.Module]) -> dict[str, Geometry]:
    """Where the outputs of every layer of a stack lie.

    Args:
        layers: By name, in the order of their use; convolutions and poolings in time, and whatever works step by step.

    >>> {name: at.field for name, at in geometries({"a": nn.Conv1d(1, 1, 64, 2, 32), "b": nn.MaxPool1d(8)}).items()}
    {'a': 64, 'b': 78}
    """
    found, here = {}, Geometry()
    for name, layer in layers.items():
        for window in windows([layer]):
            here = here.through(window.kernel, window.stride, window.padding)
        found[name] = here
    return found


def n_outputs(layers: Iterable[nn.Module], n_samples: int) -> int:
    """Outputs of a stack for an input of ``n_samples``; 0 where it is too short."""
    for window in windows(layers):
        n_samples = window.n_outputs(n_samples)
    return n_samples


def least_samples(layers: Iterable[nn.Module], outputs: int = 1) -> int:
    """Shortest input of a stack that gives that many outputs."""
    for window in reversed(list(windows(layers))):
        outputs = window.n_inputs(outputs)
    return outputs


def _one(value: int | tuple[int, ...] | str) -> int:
    """A size in time, however the module keeps it."""
    if isinstance(value, str):
        raise ParameterError(f"padding {value!r} has no length", expected="a number of steps")
    return value if isinstance(value, int) else value[0]
