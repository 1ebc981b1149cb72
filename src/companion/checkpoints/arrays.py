"""Arrays as pickles of NumPy and PyTorch describe them, made of bytes that are really there.

Every array is a read-only view of the file's bytes: a description that claims more than they hold is refused, and
however many arrays share them, they are in memory once.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.checkpoints.values import Budget, Constructors, Name, Refused, Value, pairs

TORCH_TYPES: Mapping[str, str] = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
"""Data type of each kind of PyTorch storage; NumPy has no bfloat16, whose bytes are the upper half of a float32."""

_CODE = re.compile(r"[<>|=]?(f[248]|[iu][1248]|b1|O8?)")


class Storage(Value):
    """The bytes behind some tensors.

    Args:
        kind: As PyTorch calls its type, say ``FloatStorage``.
        n_items: Number of values.
    """

    def __init__(self, kind: str, n_items: int) -> None:
        self.kind, self.n_items = kind, n_items
        self.values: NDArray[Any] | None = None

    @property
    def n_bytes(self) -> int:
        """Length of its bytes."""
        return self.n_items * np.dtype(TORCH_TYPES[self.kind]).itemsize

    def fill(self, content: bytes | memoryview) -> None:
        """Take the bytes, which must be as many as were stated."""
        if len(content) != self.n_bytes:
            raise Refused(f"{self.n_items} values of a {self.kind} are {len(content)} bytes")
        self.values = np.frombuffer(content, dtype=TORCH_TYPES[self.kind])
        if self.kind == "BFloat16Storage":
            self.values = (self.values.astype("<u4") << 16).view("<f4")


class Tensor(Value):
    """A view of a storage, as `torch._utils._rebuild_tensor` is told of it."""

    def __init__(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> None:
        if not (isinstance(storage, Storage) and counts((offset,)) and counts(size) and counts(stride)):
            raise Refused("a tensor is described by something else than a storage and whole numbers")
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def finish(self) -> NDArray[Any]:
        """The view; it lies wholly inside the storage, and holds no value more often than it does."""
        values = self.storage.values
        n_items = math.prod(self.size)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
        if values is None or n_items > len(values) or (n_items and last >= len(values)):
            raise Refused(f"a tensor of shape {self.size} claims more values than the file holds")
        if not n_items:
            return values[:0].reshape(self.size)
        steps = [step * values.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.size, steps, writeable=False)


class Type(Value):
    """A data type of NumPy: numbers, truth values, or Python objects."""

    def __init__(self, code: Any, *_: Any) -> None:
        if type(code) is not str or not _CODE.fullmatch(code):
            raise Refused("an array has a data type other than numbers")
        self.code = code.lstrip("<>|=")

    def build(self, state: Any) -> None:
        """Take the order of bytes from ``(version, order, subtype, names, fields, …)``."""
        if type(state) is not tuple or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
            raise Refused("an array has a data type that is damaged")
        if any(part is not None for part in state[2:5]):
            raise Refused("an array has a data type other than numbers")
        self.code = state[1] + self.code

    @property
    def is_object(self) -> bool:
        """Whether the array holds Python objects."""
        return "O" in self.code


class Array(Value):
    """An array of NumPy: made empty, then told what it holds.

    Args:
        budget: Pays for bytes that Python 2 wrote as text.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.state: tuple[Any, ...] | None = None

    def build(self, state: Any) -> None:
        """Take ``(version, shape, type, by columns, content)``."""
        if self.state is not None or type(state) is not tuple or len(state) != 5:
            raise Refused("an array is damaged")
        _, shape, kind, by_columns, content = state
        if not counts(shape) or not isinstance(kind, Type) or type(by_columns) is not bool:
            raise Refused("an array is damaged")
        if type(content) is str:
            content = encode(self.budget, content)
        self.state = (shape, kind, by_columns, content)

    def finish(self) -> Any:
        """The array, or what an array of one object holds."""
        if self.state is None:
            raise Refused("an array is damaged")
        shape, kind, by_columns, content = self.state
        if kind.is_object:
            if shape != () or type(content) is not list or len(content) != 1:
                raise Refused("an array holds several Python objects")
            return content[0]
        return numbers(content, kind).reshape(shape, order="F" if by_columns else "C")


def constructors(budget: Budget, unpack: Callable[[bytes], Any]) -> Constructors:
    """What a pickle of arrays may name, and what answers.

    Args:
        budget: Pays for what is copied.
        unpack: Reads a file of PyTorch inside a pickle, as tensors are pickled without ``torch.save``.
    """

    def inner(content: Any) -> Any:
        if type(content) is not bytes:
            raise Refused("it unpacks something else than bytes")
        budget.copy(len(content))
        return unpack(content)

    known: dict[Name, Callable[..., Any] | None] = {
        Name("collections", "OrderedDict"): lambda items=(): ordered(budget, items),
        Name("__builtin__", "bytes"): lambda: b"",  # as protocol 2 writes no bytes at all
        Name("_codecs", "encode"): lambda text, _="latin1": encode(budget, text),
        Name("torch._utils", "_rebuild_tensor"): Tensor,
        Name("torch._utils", "_rebuild_tensor_v2"): Tensor,
        Name("torch._utils", "_rebuild_parameter"): parameter,
        Name("torch.storage", "_load_from_bytes"): inner,
        Name("numpy", "dtype"): Type,
        Name("numpy", "ndarray"): None,
    }
    known |= {Name(module, kind): None for module in ("torch", "torch.cuda") for kind in TORCH_TYPES}
    for core in ("numpy.core", "numpy._core"):
        known[Name(f"{core}.multiarray", "_reconstruct")] = lambda *_: Array(budget)
        known[Name(f"{core}.multiarray", "scalar")] = lambda kind, content: numbers(
            encode(budget, content) if type(content) is str else content, kind
        )[0].item()
        known[Name(f"{core}.numeric", "_frombuffer")] = lambda *parts: from_buffer(budget, *parts)
    return known


def ordered(budget: Budget, items: Any) -> dict[Any, Any]:
    """A dictionary from a list of pairs."""
    parts = []
    for item in items:
        budget.step()
        if type(item) not in (list, tuple) or len(item) != 2:
            raise Refused("a dictionary is damaged")
        parts += item
    return pairs(parts)


def parameter(tensor: Any, *_: Any) -> Any:
    """A parameter is its tensor."""
    if not isinstance(tensor, Tensor):
        raise Refused("a parameter is no tensor")
    return tensor


def from_buffer(budget: Budget, content: Any, kind: Any, shape: Any, order: Any) -> Array:
    """An array as pickle protocol 5 writes it."""
    array = Array(budget)
    array.build((1, shape, kind, order == "F", content))
    return array


def encode(budget: Budget, text: Any) -> bytes:
    """Bytes that were written as text, a character each."""
    if type(text) is not str:
        raise Refused("it encodes something else than text")
    budget.copy(len(text))
    return text.encode("latin-1")


def numbers(content: Any, kind: Any) -> NDArray[Any]:
    """Values of a type in some bytes."""
    if type(content) is not bytes or not isinstance(kind, Type) or kind.is_object:
        raise Refused("an array is damaged")
    return np.frombuffer(content, dtype=kind.code)


def counts(values: Any) -> bool:
    """Whether these are the sizes, steps or places of an array."""
    return type(values) is tuple and len(values) <= 32 and all(type(n) is int and 0 <= n < 2**40 for n in values)
