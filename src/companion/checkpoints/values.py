"""What a pickle's opcodes work on: names behind which nothing stands, values in the making, and what they may cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_STEPS = 250_000
"""Opcodes of a file. A checkpoint of a hundred layers needs five thousand."""

DEEPEST = 20
"""Levels of dictionaries, lists and tuples inside each other."""


class Refused(Exception):
    """A pickle asks for what it does not get."""


@dataclass(frozen=True)
class Name:
    """What a pickle calls something by; nothing stands behind it."""

    module: str
    name: str

    def __str__(self) -> str:
        return ascii(f"{self.module[:100]}.{self.name[:100]}")[1:-1]


Constructors = Mapping[Name, Callable[..., Any] | None]
"""What may be named in a pickle, and what answers when it is called; None where it may only be named."""


class Value:
    """A value in the making: a constructor returned it, and a pickle may tell it its state, once."""

    def build(self, state: Any) -> None:
        """Take the state that the pickle has for it."""
        raise Refused(f"it sets attributes of a {type(self).__name__.lower()}")

    def finish(self) -> Any:
        """Plain data, or an array."""
        raise Refused(f"it holds a {type(self).__name__.lower()} by itself")


class Budget:
    """What reading a file may cost, however often the pickle goes back to the same thing.

    Args:
        n_bytes: Bytes that may be decoded beyond those that are read from the file.
    """

    def __init__(self, n_bytes: int) -> None:
        self.steps, self.n_bytes = MOST_STEPS, n_bytes

    def step(self) -> None:
        """Pay for an opcode or a value."""
        self.steps -= 1
        if self.steps < 0:
            raise Refused(f"it takes more than {MOST_STEPS} steps")

    def copy(self, n_bytes: int) -> None:
        """Pay for some bytes."""
        self.n_bytes -= n_bytes
        if self.n_bytes < 0:
            raise Refused("it unpacks to several times the size of the file")


def pairs(items: list[Any]) -> dict[Any, Any]:
    """A dictionary of keys and values in turn. Its keys are text or small integers: others might be made to collide."""
    keys, values = items[::2], items[1::2]
    if not all(type(key) is str or (type(key) is int and abs(key) < 2**31) for key in keys):
        raise Refused("it has a key that is neither text nor a small integer")
    return dict(zip(keys, values, strict=True))


def plain(value: Any, budget: Budget, depth: int = 0) -> Any:
    """Finish every value inside a result.

    Returns:
        Dictionaries, lists and tuples of numbers, texts, bytes, None and arrays.
    """
    budget.step()
    if depth > DEEPEST:
        raise Refused(f"it nests values more than {DEEPEST} levels deep")
    if isinstance(value, Value):
        return plain(value.finish(), budget, depth + 1)
    if type(value) is dict:
        return {key: plain(item, budget, depth + 1) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(item, budget, depth + 1) for item in value)
    if isinstance(value, Name):
        raise Refused(f"it holds {value}")
    return value
