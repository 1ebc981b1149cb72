"""Strongly labelled recordings in the common table: filename, onset, offset and event_label, divided by tabs.

DESED writes its lists so, and URBAN-SED's are often handed on in this form. A recording without events has a line
with its name and empty columns.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from companion.audio import Audio, header, load
from companion.datasets.base import Clip, Dataset, Event, Validation, files_digest, opened
from companion.errors import AudioError, DataError
from companion.evaluation.boundaries import check_overlaps

COLUMNS = ("filename", "onset", "offset", "event_label")


def read_strong(path: Path, classes: Sequence[str] | None = None) -> dict[str, tuple[Event, ...]]:
    """Events of every recording of a list, in order of onset.

    Args:
        path: The list.
        classes: Classes that may occur; None for any.

    Returns:
        By file name, in the order of the list.

    Raises:
        DataError: The list is missing or damaged; an event ends before it begins, begins before its recording, or is
            of an unknown class; two events of a class overlap. Names the line, or the recording.
    """
    with opened(path) as file:
        text = file.read().decode("utf-8-sig", errors="replace")
    lines = csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    head = tuple(next(lines, ()))
    if head != COLUMNS:
        raise DataError(
            f"{path} begins with the columns {', '.join(head) or 'none'}",
            expected="a table divided by tabs, with the columns " + ", ".join(COLUMNS),
            repair="write the columns in this order",
        )
    found: dict[str, list[Event]] = {}
    for number, line in enumerate(lines, start=2):
        if any(field.strip() for field in line):
            event = _event(line, f"{path}, line {number}", classes)
            found.setdefault(line[0], []).extend([event] if event else [])
    for name, events in found.items():
        check_overlaps(events, f"{name} of {path}")
    return {name: tuple(sorted(events)) for name, events in found.items()}


def _event(line: Sequence[str], place: str, classes: Sequence[str] | None) -> Event | None:
    """The event of a line, or None where its recording has none."""
    if not line[0] or len(line) > len(COLUMNS):
        raise DataError(f"{place}: {line}", expected="a file name, onset, offset and label")
    fields = [*line[1:], "", "", ""][:3]
    if not any(fields):
        return None
    try:
        event = Event(float(fields[0]), float(fields[1]), fields[2])
    except ValueError as error:
        raise DataError(f"{place}: {error}", expected="onset and offset in seconds", repair="correct it") from error
    if not 0 <= event.onset < event.offset < math.inf:
        raise DataError(
            f"{place}: {event.label} from {event.onset:g} s to {event.offset:g} s",
            expected="an onset at 0 s or later, before its offset",
            repair="correct the line, or leave it out",
        )
    if not event.label or (classes is not None and event.label not in classes):
        raise DataError(
            f"{place}: an event of the unknown class {event.label!r}",
            expected=", ".join(classes or ["a label"]),
            repair="add the class to those asked for, or leave its events out and say how many",
        )
    return event


@dataclass(frozen=True)
class Split:
    """One part of a corpus.

    Args:
        labels: Its list.
        audio: Folder of its recordings.
    """

    labels: Path
    audio: Path


class StrongFiles(Dataset):
    """A corpus of files with strong labels.

    Args:
        splits: ``train``, ``validation`` and ``test``, which are folds 1, 2 and 3; not all need be there.
        classes: Classes in label order; None for those of the lists in alphabetical order.
        sample_rate: Hz to which every recording is resampled.
        name: Of the corpus.
        licence, citation, homepage: As the corpus states them.

    Raises:
        DataError: A list cannot be used, a recording is missing or in two splits, or an event begins after its
            recording ends.
    """

    FOLDS: Mapping[str, int] = {"train": 1, "validation": 2, "test": 3}

    def __init__(
        self,
        splits: Mapping[str, Split],
        classes: Sequence[str] | None = None,
        *,
        sample_rate: int = 44_100,
        name: str = "strongly labelled recordings",
        licence: str = "",
        citation: str = "",
        homepage: str = "",
    ) -> None:
        if not splits or set(splits) - set(self.FOLDS):
            raise DataError(f"splits {', '.join(splits) or 'none'}", expected=f"some of {', '.join(self.FOLDS)}")
        listed = {part: read_strong(split.labels, classes) for part, split in splits.items()}
        labels = {event.label for events in listed.values() for own in events.values() for event in own}
        self.classes = tuple(sorted(labels) if classes is None else classes)
        self.superclass_of = {label: label for label in self.classes}
        self.sample_rate, self.name = sample_rate, name
        self.licence, self.citation, self.homepage = licence, citation, homepage
        self._paths: dict[str, Path] = {}
        clips = list[Clip]()
        for part, split in splits.items():
            for file, events in listed[part].items():
                if file in self._paths:
                    raise DataError(f"{file} is in two splits", expected="every recording in one")
                self._paths[file] = split.audio / file
                clips.append(self._clip(file, self.FOLDS[part], events))
        self.clips = tuple(clips)

    def _clip(self, file: str, fold: int, events: tuple[Event, ...]) -> Clip:
        path = self._paths[file]
        if not path.is_file():
            raise DataError(f"{path} is missing", expected="the audio of every listed recording", repair="put it there")
        found = header(path)
        seconds = found.n_samples / found.sample_rate
        late = next((event for event in events if event.onset >= seconds), None)
        if late:
            raise DataError(
                f"{late.label} begins at {late.onset:g} s in {path}, which ends at {seconds:g} s",
                expected="events that begin inside their recording",
                repair="check that labels and audio belong together",
            )
        weak = tuple(label for label in self.classes if label in {event.label for event in events})
        return Clip(file, file, fold, seconds, None, weak, events)

    def audio(self, clip: Clip) -> Audio:
        """Load one recording, mixed down and resampled."""
        return load(self._paths[clip.id], self.sample_rate)

    def content(self) -> str:
        """Digest of every file's bytes."""
        return self._content

    @cached_property
    def _content(self) -> str:
        return files_digest(self._paths.values())

    def validate(self) -> Validation:
        """Decode every recording."""
        damaged = {}
        for clip in self.clips:
            try:
                self.audio(clip)
            except AudioError as error:
                damaged[clip.id] = error.problem
        return Validation(len(self.clips), damaged=damaged)
