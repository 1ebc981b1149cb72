"""The lists of TUT Rare Sound Events 2017: which stretches of which recordings are events, and who trains and tests.

``cv_setup/events_devtrain.yaml`` names, by class, the file and the segment (two times in seconds) of every event;
``cv_setup/bgs_devtrain.yaml`` names the file and the scene of every background; the same for ``devtest``. Beside every
recording of events lies a yaml with what Freesound says of it.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from companion.errors import DataError

PARTS: Mapping[str, str] = {"train": "devtrain", "test": "devtest"}
EVENTS: Mapping[str, tuple[int, int]] = {"babycry": (106, 42), "glassbreak": (96, 43), "gunshot": (134, 53)}
"""Classes of events, and how many events of each the corpus's description counts for training and for test."""

USER_FIELDS = ("username", "user")
"""Where the name of a recording's author may stand, in the event's entry, in what it says of its parent, or in the
recording's own yaml."""

PACKAGE = "TUT-rare-sound-events-2017-development"
LAYOUT = f"{PACKAGE}/data/source_data/ with bgs/audio/*.wav, events/babycry/*.wav and so on, and cv_setup/*.yaml"
REPAIR = "companion fetch tut_rare_events_2017, or point COMPANION_DATA at the folder that holds it"
LONGEST = 1e5
"""Seconds: no event begins or ends later."""


@dataclass(frozen=True)
class ListedEvent:
    """One isolated event.

    Args:
        label: Its class.
        file: Name of the recording it is a stretch of, such as ``31527.wav``.
        onset: Seconds.
        offset: Seconds.
        author: Freesound name of who recorded it; empty where it is not said.
    """

    label: str
    file: str
    onset: float
    offset: float
    author: str


@dataclass(frozen=True)
class ListedBackground:
    """One background recording.

    Args:
        file: Its name, such as ``a001_0_30.wav``.
        scene: Acoustic scene.
    """

    file: str
    scene: str

    @property
    def location(self) -> str:
        """Where it was recorded; recordings of one place are alike."""
        return self.file.split("_")[0]


class _Plain(yaml.SafeLoader):
    """Text, numbers, lists and mappings, and no other object, even where Python 2 wrote its own names for them."""


_Plain.add_constructor("tag:yaml.org,2002:python/unicode", lambda loader, node: loader.construct_scalar(node))
_Plain.add_constructor("tag:yaml.org,2002:python/str", lambda loader, node: loader.construct_scalar(node))
_Plain.add_constructor("tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node))


def find_folder(root: Path) -> Path:
    """Return the folder of the source data: ``root`` itself, or the one inside it.

    Raises:
        DataError: There is none.
    """
    inside = (".", "source_data", "data/source_data", f"{PACKAGE}/source_data", f"{PACKAGE}/data/source_data")
    for folder in (root / name for name in inside):
        if (folder / "cv_setup").is_dir():
            return folder
    raise DataError(f"no TUT Rare Sound Events 2017 in {root}", expected=LAYOUT, repair=REPAIR)


def read_events(folder: Path, part: str) -> list[ListedEvent]:
    """Read the events of one part, in the order of the list.

    Raises:
        DataError: The list cannot be read, or an entry names no file or no stretch of time.
    """
    path = folder / "cv_setup" / f"events_{PARTS[part]}.yaml"
    content, found = _load(path), []
    if not isinstance(content, Mapping) or not set(EVENTS) >= set(content):
        raise _refuse(path, "is no mapping of classes to events", ", ".join(EVENTS))
    for label, entries in content.items():
        for number, entry in _entries(path, entries):
            file, times = entry.get("audio_filename"), _stretch(entry.get("segment"))
            if not isinstance(file, str) or not file.endswith(".wav") or times is None:
                raise _refuse(path, f"names no stretch of a recording in {label}, number {number}",
                              "audio_filename and segment: two times in seconds")  # fmt: skip
            name = PurePosixPath(file.replace("\\", "/")).name
            author = _author(entry) or _author(_described(folder / "events" / label / f"{name[:-4]}.yaml"))
            found.append(ListedEvent(label, name, *times, author))
    return found


def read_backgrounds(folder: Path, part: str) -> list[ListedBackground]:
    """Read the backgrounds of one part, in the order of the list.

    Raises:
        DataError: The list cannot be read, or an entry names no file or no scene.
    """
    path, found = folder / "cv_setup" / f"bgs_{PARTS[part]}.yaml", []
    for number, entry in _entries(path, _load(path)):
        file, scene = entry.get("filepath"), entry.get("classname")
        if not isinstance(file, str) or not file.endswith(".wav") or not isinstance(scene, str):
            raise _refuse(path, f"names no background in number {number}", "filepath and classname")
        found.append(ListedBackground(PurePosixPath(file.replace("\\", "/")).name, scene))
    return found


def read_screening(folder: Path) -> dict[str, set[str]]:
    """Read ``bgs/bg_screening.csv``: backgrounds in which events of a class are heard by nature, by class.

    Its first column names a file; a mark in one of the next three, in the order of `EVENTS`, means that class. The
    version of March 2017 still lists such backgrounds in ``cv_setup``. Empty where there is no such file.
    """
    path = folder / "bgs" / "bg_screening.csv"
    marked: dict[str, set[str]] = {label: set() for label in EVENTS}
    if not path.is_file():
        return marked
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            for row in list(csv.reader(lines))[1:]:
                for label, mark in zip(EVENTS, row[1:4], strict=False):
                    if mark.strip():
                        marked[label].add(PurePosixPath(row[0]).name)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _refuse(path, f"cannot be read: {error}", "a csv of files and marks") from error
    return marked


def _stretch(segment: Any) -> tuple[float, float] | None:
    """Two times in seconds, or None where it is something else."""
    if not isinstance(segment, list | tuple) or len(segment) != 2:
        return None
    if not all(isinstance(time, int | float) and not isinstance(time, bool) for time in segment):
        return None
    onset, offset = map(float, segment)
    return (onset, offset) if 0 <= onset < offset < LONGEST else None


def _author(entry: Mapping[str, Any]) -> str:
    """Name of the author, in an entry or in a mapping inside it."""
    inside = [value for value in entry.values() if isinstance(value, Mapping)]
    names = (one.get(field) for one in (entry, *inside) for field in USER_FIELDS)
    return next((str(name) for name in names if isinstance(name, str) and name), "")


def _described(path: Path) -> Mapping[str, Any]:
    content = _load(path) if path.is_file() else {}
    return content if isinstance(content, Mapping) else {}


def _entries(path: Path, entries: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not isinstance(entries, Sequence) or not all(isinstance(entry, Mapping) for entry in entries):
        raise _refuse(path, "holds no list of entries", "a list of mappings")
    yield from enumerate(entries, start=1)


def _load(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Plain)  # no object but text and numbers
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise _refuse(path, f"cannot be read: {error}", LAYOUT) from error


def _refuse(path: Path, problem: str, expected: str) -> DataError:
    return DataError(f"{path} {problem}", expected=expected, repair=REPAIR)
