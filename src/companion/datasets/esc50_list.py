"""ESC-50's official list, ``meta/esc50.csv``, checked line by line and then against itself."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from companion.errors import DataError

COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
REPAIR = "companion fetch esc50, or point COMPANION_DATA at the folder that holds it"

_NAME = re.compile(
    r"(?P<fold>[1-9])-(?P<src_file>\d{1,12})-(?P<take>[A-Z])-(?P<target>\d{1,2})\.(wav|flac|ogg)", re.ASCII
)
_TRUTH = {"true": True, "false": False}  # spreadsheets write TRUE and FALSE


@dataclass(frozen=True)
class Extent:
    """How many clips a list must hold.

    Args:
        classes: Number of classes.
        esc10: Classes of them that belong to ESC-10.
        folds: Number of folds.
        clips: Clips of each class in each fold.
    """

    classes: int
    esc10: int
    folds: int
    clips: int

    @property
    def rows(self) -> int:
        """Clips in all."""
        return self.classes * self.folds * self.clips


OFFICIAL = Extent(classes=50, esc10=10, folds=5, clips=8)


@dataclass(frozen=True)
class Row:
    """One line of the list.

    Args:
        id: The file's name without its suffix.
        fold: From 1.
        target: Number of the class, from 0.
        category: Name of the class.
        esc10: Whether the class belongs to ESC-10.
        recording: Freesound id.
    """

    id: str
    fold: int
    target: int
    category: str
    esc10: bool
    recording: str


def read_list(path: Path) -> tuple[Row, ...]:
    """Read the list, in its order.

    Raises:
        DataError: It cannot be read; a line is malformed, names a clip again, or contradicts its own file name or
            another line about a class; or a class, a fold or ESC-10 has not its number of clips.
    """
    rows: list[Row] = []
    seen: dict[str, int] = {}
    classes: dict[object, tuple[Row, int]] = {}
    for number, line in _lines(path):
        row = _row(path, number, line)
        if row.id in seen:
            raise _refuse(path, f"names {row.id} in line {number}, and before in line {seen[row.id]}")
        seen[row.id] = number
        for key in (row.target, row.category):
            first, where = classes.setdefault(key, (row, number))
            if (first.target, first.category, first.esc10) != (row.target, row.category, row.esc10):
                raise _refuse(path, f"says in line {number} {_class(row)}, and in line {where} {_class(first)}")
        rows.append(row)
    _count(path, rows)
    return tuple(rows)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines below the head, numbered, by column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="more", restval="")
            if reader.fieldnames is not None and sorted(reader.fieldnames) != sorted(COLUMNS):
                raise _refuse(path, f"has columns {', '.join(map(str, reader.fieldnames))}")
            for line in reader:
                yield reader.line_num, line
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _refuse(path, f"cannot be read: {error}") from error


def _row(path: Path, number: int, line: dict[str, str]) -> Row:
    name = _NAME.fullmatch(line["filename"])
    truth, category = _TRUTH.get(line["esc10"].lower()), line["category"]
    if name is None or "more" in line or any(line[column] != name[column] for column in name.groupdict()):
        raise _refuse(path, f"contradicts itself or breaks off in line {number}: {line['filename'][:80]}")
    if truth is None:
        raise _refuse(path, f"says {line['esc10'][:80]!r} in line {number}, column esc10: neither True nor False")
    if not category or category != category.strip():
        raise _refuse(path, f"has the category {category!r} in line {number}")
    stem = line["filename"].rpartition(".")[0]
    return Row(stem, int(name["fold"]), int(name["target"]), category, truth, name["src_file"])


def _count(path: Path, rows: Sequence[Row]) -> None:
    """Compare a list with the official numbers."""
    if len(rows) != OFFICIAL.rows:
        raise _refuse(path, f"has {len(rows)} rows")
    clips = Counter((row.category, row.fold) for row in rows)
    for (category, fold), count in clips.items():
        if fold > OFFICIAL.folds or count != OFFICIAL.clips:
            raise _refuse(path, f"has {count} clips of {category} in fold {fold}")
    esc10 = {row.category for row in rows if row.esc10}
    if len(esc10) != OFFICIAL.esc10:
        raise _refuse(path, f"puts {len(esc10)} classes into ESC-10")


def _class(row: Row) -> str:
    return f"that class {row.target} is {row.category!r}, {'in' if row.esc10 else 'outside'} ESC-10"


def _refuse(path: Path, problem: str) -> DataError:
    expected = (
        f"the official csv: columns {', '.join(COLUMNS)} and {OFFICIAL.rows} rows, {OFFICIAL.clips} clips of each of "
        f"{OFFICIAL.classes} classes in each of {OFFICIAL.folds} folds, {OFFICIAL.esc10} of the classes in ESC-10"
    )
    return DataError(f"{path} {problem}", expected=expected, repair=REPAIR)
