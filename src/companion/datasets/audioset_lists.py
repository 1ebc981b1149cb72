"""AudioSet's official lists, which need no audio: classes, segments, ontology, and the clips of each class.

A list is checked line by line as it is read, and against the number of segments that its own second line states.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from companion.errors import DataError

TRAIN, EVAL, UNBALANCED = "balanced train", "eval", "unbalanced train"
FILES = {
    TRAIN: "balanced_train_segments.csv",
    EVAL: "eval_segments.csv",
    UNBALANCED: "unbalanced_train_segments.csv",
}
CLASSES, ONTOLOGY = "class_labels_indices.csv", "ontology.json"
REPAIR = "companion fetch audioset (it replaces a damaged list by the official one)"
FORMAT = 'YTID, start, end, "mids", say: --PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"'

_ROW = re.compile(r'([\w-]{1,64}), *(\d{1,9}(?:\.\d+)?), *(\d{1,9}(?:\.\d+)?), *"([^"]+)"\s*', re.ASCII)
_STATED = re.compile(r"num_segs=(\d+)")


@dataclass(frozen=True, slots=True)
class Segment:
    """One line of a list.

    Args:
        id: YouTube id of the video.
        start: Where the segment begins in the video, in seconds.
        end: Where it ends.
        labels: Names of the classes heard in it.
    """

    id: str
    start: float
    end: float
    labels: tuple[str, ...]

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


@dataclass(frozen=True)
class Lists:
    """What the official files say.

    Args:
        folder: Where they lie.
        classes: Class names by mid, in index order.
        train: The balanced training list.
        evaluation: The evaluation list.
    """

    folder: Path
    classes: Mapping[str, str]
    train: tuple[Segment, ...]
    evaluation: tuple[Segment, ...]


def read_lists(root: Path | str) -> Lists:
    """Read classes, balanced training list and evaluation list.

    Args:
        root: Folder that holds ``AudioSet/``, or that folder itself.

    Raises:
        DataError: A file is missing or damaged, or an id stands in both lists.
    """
    folder = find_folder(Path(root))
    classes = read_classes(folder / CLASSES)
    train, evaluation = (read_segments(folder / FILES[name], classes) for name in (TRAIN, EVAL))
    both = sorted({segment.id for segment in train} & {segment.id for segment in evaluation})
    if both:
        problem = f"{folder / FILES[EVAL]} and {FILES[TRAIN]} share {len(both)} ids: {', '.join(both[:5])}"
        raise DataError(problem, expected="each id in one list only", repair=REPAIR)
    return Lists(folder, classes, train, evaluation)


def find_folder(root: Path) -> Path:
    """Return the corpus folder: ``root`` itself, or ``AudioSet`` inside it.

    Raises:
        DataError: There is none.
    """
    for folder in (root, root / "AudioSet"):
        if (folder / FILES[TRAIN]).is_file():
            return folder
    expected = f"AudioSet/ with {FILES[TRAIN]}, {FILES[EVAL]} and {CLASSES}"
    raise DataError(
        f"no AudioSet in {root}",
        expected=expected,
        repair="companion fetch audioset, or point COMPANION_DATA at the folder that holds it",
    )


def read_classes(path: Path) -> dict[str, str]:
    """Read ``class_labels_indices.csv``: class names by mid, in index order.

    Raises:
        DataError: The file is missing, or a line is not the next class.
    """
    classes: dict[str, str] = {}
    for number, line in _lines(path):
        row = next(csv.reader([line]), [])
        expected = ["index", "mid", "display_name"] if number == 1 else [str(len(classes)), *row[1:]]
        if row != expected or len(row) != 3:
            raise _refusal(path, number, f"holds {line!r}", 'index,mid,"name", the index counting from 0')
        if number > 1:
            if row[1] in classes or row[2] in classes.values():
                raise _refusal(path, number, f"names {row[1]} {row[2]!r} again", "each class once")
            classes[row[1]] = row[2]
    if not classes:
        raise DataError(f"{path} holds no class", expected="527 classes", repair=REPAIR)
    return classes


def read_segments(path: Path, classes: Mapping[str, str], only: Container[str] | None = None) -> tuple[Segment, ...]:
    """Read a list of segments, in its order.

    Args:
        path: One of the three official lists.
        classes: Class names by mid, from `read_classes`.
        only: Ids to keep, so that the unbalanced list's two million fit in memory; None for all. Other lines are
            counted, but not checked.

    Raises:
        DataError: The file is missing or cut off, a line is malformed, ends before it starts, or names an unknown
            class, or an id comes twice.
    """
    kept: list[Segment] = []
    seen: dict[str, int] = {}
    stated, count, number = None, 0, 0
    for number, line in _lines(path):
        if line.startswith("#") and not count:
            found = _STATED.search(line)
            stated = int(found[1]) if found else stated
        elif line.strip():
            count += 1
            if only is not None and line.partition(",")[0] not in only:
                continue
            segment = _segment(path, number, line, classes)
            if segment.id in seen:
                raise _refusal(path, number, f"repeats {segment.id} of line {seen[segment.id]}", "each id once")
            seen[segment.id] = number
            kept.append(segment)
    if not count or count != (stated or count):
        expected = f"{stated} segments, as its head says" if stated else "segments"
        raise DataError(f"{path} breaks off in line {number}: {count} segments", expected=expected, repair=REPAIR)
    return tuple(kept)


def stated_segments(path: Path) -> int:
    """Number of segments that a list's head states, or that it has, without checking its lines."""
    count = 0
    for _, line in _lines(path):
        found = _STATED.search(line) if line.startswith("#") else None
        if found:
            return int(found[1])
        count += bool(line.strip()) and not line.startswith("#")
    return count


def label_distribution(lists: Lists) -> pd.DataFrame:
    """Clips of each class in the balanced training list and in the evaluation list.

    Returns:
        Columns ``class``, ``balanced train`` and ``eval``; one row a class, in index order.

    Source: Kumar, Khadkevich, Fügen 2018, supplementary page.
    """
    names = list(lists.classes.values())
    table = pd.DataFrame({"class": names})
    for column, segments in ((TRAIN, lists.train), (EVAL, lists.evaluation)):
        counts = Counter(label for segment in segments for label in segment.labels)
        table[column] = [counts[name] for name in names]
    return table


def superclasses(path: Path, classes: Mapping[str, str]) -> dict[str, str]:
    """The top-level category of each class, by name; a class below several counts for the first in the file.

    Args:
        path: ``ontology.json``.
        classes: Class names by mid.

    Raises:
        DataError: The file is damaged, or has no place for a class.
    """
    expected = "the official ontology: a list of objects with id, name and child_ids"
    try:
        nodes = {node["id"]: node for node in json.loads(path.read_text(encoding="utf-8"))}
        children = {child for node in nodes.values() for child in node["child_ids"]}
        top: dict[str, str] = {}
        for root in (mid for mid in nodes if mid not in children):
            below = [root]
            while below:
                mid = below.pop()
                if mid not in top:
                    top[mid] = nodes[root]["name"]
                    below += nodes[mid]["child_ids"]
        return {name: top[mid] for mid, name in classes.items()}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} is not AudioSet's ontology: {error!r}", expected=expected, repair=REPAIR) from error


def _segment(path: Path, number: int, line: str, classes: Mapping[str, str]) -> Segment:
    row = _ROW.fullmatch(line)
    if row is None:
        raise _refusal(path, number, f"is malformed: {line[:80].rstrip()!r}", FORMAT)
    start, end = float(row[2]), float(row[3])
    if end <= start:
        raise _refusal(path, number, f"ends at {end:g} s, not after its start at {start:g} s", "start < end")
    mids: Sequence[str] = row[4].split(",")
    unknown = [mid for mid in mids if mid not in classes]
    if unknown:
        raise _refusal(path, number, f"has labels {', '.join(unknown)}", f"mids that stand in {CLASSES}")
    return Segment(row[1], start, end, tuple(dict.fromkeys(classes[mid] for mid in mids)))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a text file, numbered from 1."""
    try:
        with path.open(encoding="utf-8") as file:
            yield from enumerate((line.rstrip("\n") for line in file), start=1)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}", expected="the official list", repair=REPAIR) from error


def _refusal(path: Path, number: int, problem: str, expected: str) -> DataError:
    return DataError(f"{path}, line {number} {problem}", expected=expected, repair=REPAIR)
