"""Pickles as data: a machine for their opcodes that can neither import, call nor change anything of the process.

A pickle is a program. Python's unpickler looks up the names in it among the modules of the process, calls what it finds
and sets its attributes. This machine looks up nothing: a name is a pair of strings, a call is answered by one of
the constructors that it was given, and each of those makes a value of its own.
"""

import io
import pickletools
from collections.abc import Callable, Mapping
from typing import Any

from companion.checkpoints.values import Budget, Constructors, Name, Refused, Value, pairs

_LITERALS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8",
}  # fmt: skip
_FRESH: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Machine:
    """Runs pickles.

    Args:
        constructors: What may be named and called.
        budget: What it may cost.
        persistent: Answers what the pickle says lies outside it; None where nothing does.
    """

    def __init__(
        self, constructors: Constructors, budget: Budget, persistent: Callable[[Any], Any] | None = None
    ) -> None:
        self.constructors, self.budget, self.persistent = constructors, budget, persistent

    def run(self, file: io.BytesIO) -> Any:
        """Run the pickle that begins where the file stands, and leave the file behind it.

        Raises:
            Refused: It asks for anything but data.
            Exception: It is damaged, in any way that there is.
        """
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        for opcode, argument, _ in pickletools.genops(file):
            self.budget.step()
            name = opcode.name
            if name in _LITERALS:
                self.push(argument)
            elif name in _FRESH:
                self.push(_FRESH[name]())
            elif name in _TUPLES:
                self.push(tuple(self.take(_TUPLES[name])))
            elif name in _ACTIONS:
                _ACTIONS[name](self, argument)
            elif name not in ("PROTO", "FRAME", "STOP"):
                raise Refused(f"it uses the opcode {name}, which data do not need")
        (value,) = self.stack
        return value

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def take(self, n: int) -> list[Any]:
        """The last ``n`` values, off the stack."""
        if len(self.stack) < n:
            raise Refused("it takes values from an empty stack")
        taken = self.stack[len(self.stack) - n :]
        del self.stack[len(self.stack) - n :]
        return taken

    def take_marked(self) -> list[Any]:
        """The values since the last mark, off the stack."""
        taken, self.stack = self.stack, self.marked.pop()
        return taken

    def mark(self, _: Any) -> None:
        """Begin a group of values."""
        self.marked.append(self.stack)
        self.stack = []

    def remember(self, index: int | None) -> None:
        """Keep the last value under a number."""
        index = len(self.memo) if index is None else index
        if not 0 <= index < 2**32:  # others might be made to collide
            raise Refused("it remembers a value under no number of a value")
        self.memo[index] = self.stack[-1]

    def look_up(self, name: Name) -> None:
        """Accept a name, or refuse it; look nothing up."""
        if name not in self.constructors:
            raise Refused(f"it asks for {name}")
        self.push(name)

    def stack_global(self, _: Any) -> None:
        """Accept a name made of two strings."""
        module, name = self.take(2)
        if not type(module) is type(name) is str:
            raise Refused("it asks for a name that is no text")
        self.look_up(Name(module, name))

    def call(self, _: Any) -> None:
        """Hand the arguments of a call to the constructor of that name."""
        name, arguments = self.take(2)
        constructor = self.constructors.get(name) if type(name) is Name else None
        if constructor is None or type(arguments) is not tuple:
            raise Refused(f"it calls {name if type(name) is Name else 'a value'}")
        self.push(constructor(*arguments))

    def build(self, _: Any) -> None:
        """Give a state to a value of ours. Attributes of a dictionary (PyTorch's ``_metadata``) are passed over."""
        (state,) = self.take(1)
        target = self.stack[-1]
        if isinstance(target, Value):
            target.build(state)
        elif not (type(target) is type(state) is dict):
            raise Refused(f"it sets attributes of {target if type(target) is Name else 'a value'}")

    def refer(self, _: Any) -> None:
        """Exchange a reference to something outside the pickle for it."""
        if self.persistent is None:
            raise Refused("it refers to something outside the file")
        self.push(self.persistent(*self.take(1)))

    def append(self, items: list[Any]) -> None:
        """Add items to the list below them."""
        if type(self.stack[-1]) is not list:
            raise Refused("it appends to something else than a list")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Add keys and values to the dictionary below them."""
        if type(self.stack[-1]) is not dict:
            raise Refused("it sets items of something else than a dictionary")
        self.stack[-1].update(pairs(items))


_ACTIONS: Mapping[str, Callable[[Machine, Any], None]] = {
    "MARK": Machine.mark,
    "POP": lambda machine, _: machine.take(1).clear(),
    "POP_MARK": lambda machine, _: machine.take_marked().clear(),
    "PUT": Machine.remember,
    "BINPUT": Machine.remember,
    "LONG_BINPUT": Machine.remember,
    "MEMOIZE": Machine.remember,
    "GET": lambda machine, index: machine.push(machine.memo[index]),
    "BINGET": lambda machine, index: machine.push(machine.memo[index]),
    "LONG_BINGET": lambda machine, index: machine.push(machine.memo[index]),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.take_marked())),
    "LIST": lambda machine, _: machine.push(machine.take_marked()),
    "DICT": lambda machine, _: machine.push(pairs(machine.take_marked())),
    "APPEND": lambda machine, _: machine.append(machine.take(1)),
    "APPENDS": lambda machine, _: machine.append(machine.take_marked()),
    "SETITEM": lambda machine, _: machine.set_items(machine.take(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.take_marked()),
    "GLOBAL": lambda machine, words: machine.look_up(Name(*words.split(" ", 1))),
    "STACK_GLOBAL": Machine.stack_global,
    "REDUCE": Machine.call,
    "BUILD": Machine.build,
    "BINPERSID": Machine.refer,
    "BYTEARRAY8": lambda machine, content: machine.push(bytes(content)),
}
