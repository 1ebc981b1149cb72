"""UrbanSound: 1302 files of ten urban sounds, whole recordings from Freesound (Salamon et al. 2014)."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from companion.audio import Audio, header, load
from companion.datasets.base import Clip, Dataset, Event, Validation, files_digest
from companion.errors import AudioError, DataError

CLASSES = (
    "air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling", "gun_shot",
    "jackhammer", "siren", "street_music",
)  # fmt: skip
SUFFIXES = (".wav", ".mp3", ".ogg", ".flac", ".aif", ".aiff")
SPLITS: Mapping[int, int] = {**dict.fromkeys(range(1, 5), 1), 5: 2, 6: 2, **dict.fromkeys(range(7, 11), 3)}
"""Fold of this corpus (1 trains, 2 validates, 3 tests) by fold of UrbanSound8K: the paper's first four, next two, last
four, which gives its 533, 262 and 502 recordings."""

LIST = Path("metadata", "UrbanSound8K.csv")
LAYOUT = f"UrbanSound/data/CLASS/ID.wav (.mp3, .ogg, .flac, .aif) with ID.csv beside it, and UrbanSound8K/{LIST}"
REPAIR = "get both corpora from urbansounddataset.weebly.com, and point COMPANION_DATA at the folder that holds them"


class UrbanSound(Dataset):
    """The official corpus, whole recordings, one clip for each Freesound id.

    Its ten folds are those of UrbanSound8K, whose slices were cut from it. Five ids lie in two of these folds, under
    two classes; such a recording stays on one side, where the last line of that list has it, and has both labels.

    Args:
        root: Folder that holds ``UrbanSound/`` and ``UrbanSound8K/``.

    Attributes:
        excluded: Ids that cannot be used, with the reason: no audio, or no length.

    Raises:
        DataError: A folder or list is missing or malformed, a folder is named after no class, or an id has no fold.

    Source: Kumar, Raj 2017, section III-B.
    """

    name = "urbansound"
    sample_rate = 44100
    classes = CLASSES
    superclass_of: Mapping[str, str] = {}
    licence = "CC BY-NC 3.0; each recording's own licence stands in its .json"
    homepage = "https://urbansounddataset.weebly.com"
    citation = """@inproceedings{salamon2014dataset,
  title = {A Dataset and Taxonomy for Urban Sound Research},
  author = {Salamon, Justin and Jacoby, Christopher and Bello, Juan Pablo},
  booktitle = {Proceedings of the 22nd ACM International Conference on Multimedia},
  year = {2014},
  pages = {1041--1044}
}"""

    def __init__(self, root: Path | str) -> None:
        self.folder = Path(root) / "UrbanSound" / "data"
        if not self.folder.is_dir():
            raise DataError(f"no UrbanSound in {root}", expected=LAYOUT, repair=REPAIR)
        folds, events = read_folds(Path(root) / "UrbanSound8K" / LIST), defaultdict[str, list[Event]](list)
        self._paths: dict[str, Path] = {}
        for folder in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            if folder.name not in CLASSES:
                raise DataError(f"{folder} is no class", expected=f"one of {', '.join(CLASSES)}", repair=REPAIR)
            for listed in sorted(folder.glob("*.csv")):
                if listed.stem not in folds:
                    raise DataError(f"{listed.stem} of {folder.name} has no fold", expected=str(LIST), repair=REPAIR)
                events[listed.stem] += read_events(listed)
                found = [path for path in map(listed.with_suffix, SUFFIXES) if path.is_file()]
                if found:
                    self._paths.setdefault(listed.stem, found[0])
        self.excluded: dict[str, str] = {name: "no audio beside its csv" for name in events.keys() - self._paths.keys()}
        self.clips = tuple(
            Clip(
                name, name, SPLITS[folds[name]], seconds, weak=_labels(events[name]), strong=tuple(sorted(events[name]))
            )
            for name in sorted(events)
            if name not in self.excluded and (seconds := self._seconds(name)) > 0
        )

    def _seconds(self, name: str) -> float:
        """Length of a recording; 0 where its file cannot be read or is empty, which ``excluded`` then says."""
        try:
            found = header(self._paths[name]).duration
        except AudioError as error:
            self.excluded[name] = error.problem
            return 0.0
        if not found > 0:
            self.excluded[name] = "no sound in its file"
        return found

    @classmethod
    def fetch(cls, root: Path | str) -> UrbanSound:
        """Open what is there; nothing can be downloaded, since its authors hand the corpus out on request.

        Raises:
            DataError: It is not there; says where to ask for it.
        """
        return cls(root)

    def path(self, clip: Clip) -> Path:
        """File of a clip.

        Raises:
            DataError: It is not there.
        """
        path = self._paths.get(clip.id)
        if path is None or not path.is_file():
            raise DataError(f"UrbanSound recording {clip.id} is missing", expected=LAYOUT, repair=REPAIR)
        return path

    def audio(self, clip: Clip) -> Audio:
        """Load one recording: mixed down, at 44.1 kHz, whole."""
        return load(self.path(clip), self.sample_rate)

    def content(self) -> str:
        """Digest of every byte of the recordings."""
        return self._content

    @cached_property
    def _content(self) -> str:
        return files_digest(self.path(clip) for clip in self.clips)

    def validate(self) -> Validation:
        """Decode every recording, and say what is missing, unlisted or damaged."""
        damaged = {name: why for name, why in self.excluded.items() if name in self._paths}
        for clip in self.clips:
            try:
                self.audio(clip)
            except AudioError as error:
                damaged[clip.id] = error.problem
        missing = tuple(sorted(self.excluded.keys() - damaged.keys()))
        sounds = (path for path in self.folder.glob("*/*") if path.suffix in SUFFIXES)
        unlisted = tuple(sorted(path.name for path in sounds if not path.with_suffix(".csv").is_file()))
        return Validation(len(self.clips) + len(self.excluded), missing, unlisted, damaged)


def read_folds(path: Path) -> dict[str, int]:
    """Fold of UrbanSound8K of every Freesound id; of an id in two folds, that of its last line.

    Raises:
        DataError: The list is missing, or a line is malformed.
    """
    return {row["fsID"]: int(row["fold"]) for row in _rows(path)}


def read_classes(path: Path) -> dict[str, set[str]]:
    """Classes of every Freesound id in UrbanSound8K's list: two for the five ids that lie under two."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in _rows(path):
        found[row["fsID"]].add(row["class"])
    return dict(found)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}", expected=LAYOUT, repair=REPAIR) from error
    folds = {str(fold) for fold in SPLITS}
    for number, row in enumerate(rows, 2):
        if row.get("class") not in CLASSES or not str(row.get("fsID")).isdigit() or row.get("fold") not in folds:
            raise DataError(f"{path}, line {number}: {row}", expected="fsID, fold from 1 to 10, class", repair=REPAIR)
    return rows


def read_events(path: Path) -> list[Event]:
    """Events of one recording, from its list: start, end, salience and class, without a head.

    Raises:
        DataError: It cannot be read, holds no event, or a line is malformed.
    """
    expected = "lines start,end,salience,class in seconds, with end after start and a class of the ten"
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        rows = [(float(a), float(b), label.strip()) for a, b, _, label in (line.split(",") for line in lines)]
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", expected=expected, repair=REPAIR) from error
    wrong = [row for row in rows if not 0 <= row[0] <= row[1] or row[2] not in CLASSES]
    if wrong or not rows:
        raise DataError(f"{path}: {wrong[0] if wrong else 'no event'}", expected=expected, repair=REPAIR)
    return [Event(*row) for row in rows]


def _labels(events: list[Event]) -> tuple[str, ...]:
    return tuple(sorted({event.label for event in events}))
