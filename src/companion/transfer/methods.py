"""The three methods as rows of a table."""

from dataclasses import dataclass
from typing import Literal

from companion.errors import ParameterError

TRUNK = ("B1", "B2", "B3", "B4", "B5", "B6")
"""N_S's blocks, by the paper's names."""


@dataclass(frozen=True)
class Method:
    """One way of adapting N_S.

    Args:
        name: ``I``, ``II`` or ``III``.
        frozen: Layers transferred and never changed.
        updated: Layers trained on the target task: F_T from new weights, the others from N_S's.
        reads: What the new layer F_T reads: segments of F1 or F2, or F2 pooled over the recording.
        f2_activation: Activation of F2, or None where F_T takes F2's place.
    """

    name: str
    frozen: tuple[str, ...]
    updated: tuple[str, ...]
    reads: Literal["F1", "F2", "pooled F2"]
    f2_activation: Literal["relu"] | None


METHODS = {
    method.name: method
    for method in (
        Method("I", TRUNK, updated=("F1", "F_T"), reads="F1", f2_activation=None),
        Method("II", TRUNK, updated=("F1", "F2", "F_T"), reads="F2", f2_activation="relu"),
        Method("III", TRUNK, updated=("F1", "F2", "F_T"), reads="pooled F2", f2_activation="relu"),
    )
}
"""Kumar, Khadkevich, Fügen 2018, Fig. 1 and section 3.2. Its section 4.2 says that F2 turns to ReLU in I and
II, but I has no F2: section 3.2 and Table 2 require II and III."""


def find_method(method: Method | str) -> Method:
    """A row of ``METHODS`` by its name; a row is itself.

    >>> find_method("I").updated
    ('F1', 'F_T')
    """
    if isinstance(method, Method):
        return method
    if method not in METHODS:
        raise ParameterError(f"unknown method {method!r}", expected=f"one of {', '.join(METHODS)}")
    return METHODS[method]
