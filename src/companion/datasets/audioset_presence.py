"""How much of AudioSet one disk holds, in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from companion.datasets.audioset_files import LAYOUT
from companion.datasets.base import Validation

BRING = f"AudioSet's clips cannot be downloaded from an official address; bring your own, in this layout:\n{LAYOUT}"


@dataclass(frozen=True)
class Presence:
    """How much of a list is on disk.

    Args:
        expected: Segments in the list.
        present: Segments with a file.
        excluded: Present, but of no use.
    """

    expected: int
    present: int
    excluded: int

    def __str__(self) -> str:
        tail = f", {self.excluded:,} of them excluded" if self.excluded else ""
        return f"{self.present:,} of {self.expected:,} clips present{tail}"


@dataclass(frozen=True)
class ListsValidation(Validation):
    """A validation that counts each list by itself."""

    presence: Mapping[str, Presence] = field(default_factory=dict)
    description: str = ""

    def __str__(self) -> str:
        lists = [f"{name}: {count}" for name, count in self.presence.items()]
        return "\n".join([*lists, super().__str__(), self.description, *([BRING] if self.missing else [])])
