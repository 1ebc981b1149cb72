"""The lists of TUT Acoustic Scenes 2016: labels, folds, and stretches where the recorder failed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from companion.errors import DataError

FOLDER = "TUT-acoustic-scenes-2016-development"
FOLDS = (1, 2, 3, 4)
N_CLIPS = 1170
LONGEST = 1e6
"""Seconds: no time in a list is later, and none so late that it cannot be counted in samples."""

_NAME = re.compile(r"(?:audio/)?([\w-]{1,100})\.wav", re.ASCII)

GROUPS: Mapping[str, str] = {
    "bus": "vehicle",
    "cafe/restaurant": "indoor",
    "car": "vehicle",
    "city_center": "outdoor",
    "forest_path": "outdoor",
    "grocery_store": "indoor",
    "home": "indoor",
    "beach": "outdoor",
    "library": "indoor",
    "metro_station": "indoor",
    "office": "indoor",
    "residential_area": "outdoor",
    "train": "vehicle",
    "tram": "vehicle",
    "park": "outdoor",
}
"""Labels of the corpus, and the kind of place that its description says they are."""

TABLE_3: Mapping[str, str] = {
    "bus": "Bus",
    "cafe/restaurant": "Cafe",
    "car": "Car",
    "city_center": "City Center",
    "forest_path": "Forest Path",
    "grocery_store": "Grocery Store",
    "home": "Home",
    "beach": "Beach",
    "library": "Library",
    "metro_station": "Metro Station",
    "office": "Office",
    "residential_area": "Residential Area",
    "train": "Train",
    "tram": "Tram",
    "park": "Park",
}
"""Labels of the corpus, and the row of the paper's Table 3 that each of them fills."""

LAYOUT = f"{FOLDER}/ with meta.txt, error.txt, evaluation_setup/fold1_train.txt and so on, and audio/*.wav"
REPAIR = "companion fetch tut_scenes_2016, or point COMPANION_DATA at the folder that holds it"


@dataclass(frozen=True)
class SignalError:
    """A stretch of a clip in which the recording is not what the microphone should have heard.

    Args:
        clip: Clip id.
        onset: Start in seconds.
        offset: End in seconds.
        reason: In the words of ``error.txt``.
    """

    clip: str
    onset: float
    offset: float
    reason: str


def find_folder(root: Path) -> Path:
    """Return the corpus folder: ``root`` itself, or the one inside it.

    Raises:
        DataError: There is none.
    """
    for folder in (root, root / FOLDER):
        if (folder / "meta.txt").is_file():
            return folder
    raise DataError(f"no TUT Acoustic Scenes 2016 in {root}", expected=LAYOUT, repair=REPAIR)


def read_labels(path: Path) -> dict[str, str]:
    """Read ``meta.txt``: label of every clip.

    Raises:
        DataError: It cannot be read, names an unknown label, names a clip twice, or has not 1170 clips.
    """
    labels: dict[str, str] = {}
    for number, columns in _rows(path, at_least=2):
        clip, label = _clip(path, number, columns[0]), columns[1]
        if label not in GROUPS:
            raise _refuse(path, f"has the unknown label {label!r} in line {number}", "one of " + ", ".join(GROUPS))
        if clip in labels:
            raise _refuse(path, f"names {clip} a second time in line {number}", "every clip once")
        labels[clip] = label
    if len(labels) != N_CLIPS:
        raise _refuse(path, f"has {len(labels)} clips", f"{N_CLIPS}")
    return labels


def read_folds(folder: Path, labels: Mapping[str, str]) -> dict[str, int]:
    """Read ``evaluation_setup``: the fold in whose test list a clip stands.

    Args:
        folder: The corpus.
        labels: Label of every clip.

    Raises:
        DataError: A list cannot be read, names a clip that is not in ``meta.txt``, or gives it another label; a clip is
            tested in two folds, in none, or in one that it also trains.
    """
    fold_of: dict[str, int] = {}
    for fold in FOLDS:
        test, train, scored = (
            _listed(folder / "evaluation_setup" / f"fold{fold}_{part}.txt", labels)
            for part in ("test", "train", "evaluate")
        )
        path = folder / "evaluation_setup" / f"fold{fold}_test.txt"
        for clip in sorted(test & fold_of.keys()):
            raise _refuse(path, f"names {clip}, which is also tested in fold {fold_of[clip]}", "one test fold a clip")
        for clip in sorted(test & train):
            raise _refuse(path, f"names {clip}, which fold{fold}_train.txt names as well", "either training or test")
        for clip in sorted(test ^ scored):
            raise _refuse(path, f"and fold{fold}_evaluate.txt disagree about {clip}", "the same clips in both")
        fold_of |= dict.fromkeys(test, fold)
    for clip in sorted(labels.keys() - fold_of.keys()):
        raise _refuse(folder / "evaluation_setup", f"tests {clip} in no fold", "one test fold a clip")
    return fold_of


def read_errors(path: Path) -> tuple[SignalError, ...]:
    """Read ``error.txt``: file, start and end in seconds, and what went wrong.

    Raises:
        DataError: It cannot be read, or a stretch has no length.
    """
    errors = []
    for number, (name, start, end, *reason) in _rows(path, at_least=3):
        try:
            onset, offset = float(start), float(end)
        except ValueError:
            onset = offset = float("nan")
        if not 0.0 <= onset < offset < LONGEST:
            raise _refuse(path, f"has no stretch of time in line {number}: {start} to {end}", "two times in seconds")
        errors.append(SignalError(_clip(path, number, name), onset, offset, " ".join(reason)))
    return tuple(errors)


def _listed(path: Path, labels: Mapping[str, str]) -> set[str]:
    """Clips of one list of a fold; where it also gives labels, they are compared."""
    clips = set()
    for number, columns in _rows(path, at_least=1):
        clip = _clip(path, number, columns[0])
        if clip not in labels:
            raise _refuse(path, f"names {columns[0]} in line {number}, which is not in meta.txt", "clips of meta.txt")
        if len(columns) > 1 and columns[1] != labels[clip]:
            raise _refuse(path, f"calls {clip} {columns[1]!r} in line {number}", f"{labels[clip]!r}, as in meta.txt")
        clips.add(clip)
    return clips


def _clip(path: Path, number: int, name: str) -> str:
    """Clip id of a file's name."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise _refuse(path, f"names {name[:80]!r} in line {number}", "names like audio/a001_0_30.wav")
    return found[1]


def _rows(path: Path, at_least: int) -> list[tuple[int, list[str]]]:
    """Numbered lines of a list that are not empty, split at tabs."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}", expected=LAYOUT, repair=REPAIR) from error
    rows = [(number, [column.strip() for column in line.split("\t")]) for number, line in enumerate(lines, 1) if line]
    for number, columns in rows:
        if len(columns) < at_least or not columns[0]:
            raise _refuse(path, f"breaks off in line {number}", f"{at_least} columns or more, split by tabs")
    return rows


def _refuse(path: Path, problem: str, expected: str) -> DataError:
    return DataError(f"{path} {problem}", expected=expected, repair=REPAIR)
