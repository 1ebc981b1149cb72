"""The interface that the synthetic world, ESC-50 and every official corpus share."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from companion import code
from companion.audio import Audio
from companion.errors import DataError, printable


class Event(NamedTuple):
    """One sound event with its strong label; measures take it as it is.

    Args:
        onset: Start in seconds from the clip's start.
        offset: End in seconds.
        label: Event class.
    """

    onset: float
    offset: float
    label: str


@dataclass(frozen=True)
class Clip:
    """One clip and every kind of label it has.

    Args:
        id: Unique in its dataset.
        recording: The original recording it was cut from (for ESC-50 the Freesound id); the unit of resampling.
        fold: Fold of the official or stated split, from 1.
        duration: Length in seconds.
        label: The single label of a classification task, or the scene.
        weak: Event classes that occur somewhere in the clip.
        strong: Events with onset and offset.
    """

    id: str
    recording: str
    fold: int
    duration: float
    label: str | None = None
    weak: tuple[str, ...] = ()
    strong: tuple[Event, ...] = ()

    @property
    def sequence(self) -> tuple[str, ...]:
        """Event classes in the order of their onsets."""
        return tuple(event.label for event in sorted(self.strong))


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a clip's file for its bytes.

    Raises:
        DataError: It cannot be read, or not to its end.
    """
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}",
            expected="a file that can be read, and stays where it is",
            repair="give yourself the right to read it, and run again",
        ) from error


def files_digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the digests of files, in their order; of gigabytes it takes seconds.

    Raises:
        DataError: One is missing or cannot be read.
    """
    content = hashlib.sha256()
    for path in paths:
        with opened(path) as file:
            content.update(hashlib.file_digest(file, "sha256").digest())
    return content.hexdigest()


@dataclass(frozen=True)
class Validation:
    """What a corpus folder holds against what it should hold.

    Args:
        expected: Number of clips the corpus has.
        missing: Clips without a file.
        extra: Files that belong to no clip.
        damaged: Files that cannot be used, with the reason.
        notes: Deviations that are repaired on loading (say, "stereo, mixed down"), with their count.
    """

    expected: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    damaged: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True when nothing is missing or damaged."""
        return not self.missing and not self.damaged

    def __str__(self) -> str:
        present = self.expected - len(self.missing)
        lines = [f"{present} of {self.expected} clips present, {len(self.damaged)} damaged, {len(self.extra)} extra"]
        lines += [f"  missing: {name}" for name in self.missing[:10]]
        lines += [f"  … and {len(self.missing) - 10} more missing"] if len(self.missing) > 10 else []
        lines += [f"  damaged: {name}: {reason}" for name, reason in self.damaged.items()]
        lines += [f"  extra: {name}" for name in self.extra[:10]]
        lines += [f"  {count} × {note}" for note, count in self.notes.items()]
        return printable("\n".join(lines))


class Dataset(ABC):
    """A corpus: clips with labels and folds, and a way to their audio."""

    name: str
    sample_rate: int
    classes: tuple[str, ...]
    superclass_of: Mapping[str, str]
    clips: tuple[Clip, ...]
    licence: str
    citation: str
    homepage: str

    @abstractmethod
    def audio(self, clip: Clip) -> Audio:
        """Load or make the audio of one clip, mono, at the corpus's sample rate.

        Raises:
            AudioError: The file cannot be used.
            DataError: The file is missing.
        """

    @abstractmethod
    def validate(self) -> Validation:
        """Compare the folder with the corpus's own list."""

    def holding(self, clips: Sequence[Clip]) -> "Dataset":
        """The least that can load these clips, to be sent to another process: the whole corpus, if that is small."""
        return self

    @property
    def author_of(self) -> Mapping[str, str]:
        """Who made each original recording; empty where that is not known. Recordings of one author are alike."""
        return {}

    def fingerprint(self) -> str:
        """Digest of the clips, their labels, what their audio is made from, and the code that makes it.

        Raises:
            DataError: A clip's file is missing.
        """
        content = f"{code.digest(type(self))} {self.name} {self.sample_rate} {self.clips!r} {self.content()}"
        return hashlib.sha256(content.encode()).hexdigest()

    def content(self) -> str:
        """What the audio is made from and the clips do not tell: a digest of files, recipes of mixtures."""
        return ""

    @property
    def folds(self) -> tuple[int, ...]:
        """The folds in ascending order."""
        return tuple(sorted({clip.fold for clip in self.clips}))
