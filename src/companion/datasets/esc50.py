"""ESC-50: 2000 clips of environmental sound in 50 classes and five official folds (Piczak 2015)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from tqdm.auto import tqdm

from companion.audio import Audio, fit_length, header, load
from companion.datasets.base import Clip, Dataset, Validation, files_digest
from companion.datasets.download import registered, unpacked
from companion.datasets.esc50_list import REPAIR, read_list
from companion.errors import AudioError, DataError

DURATION = 5.0
SHORTEST = 3.6
"""Seconds. The shortest clip of the first release has 3.64 s, later ones 5 s: less was cut off on its way."""

SUFFIXES = (".wav", ".flac", ".ogg")
SUPERCLASSES = (
    "Animals",
    "Natural soundscapes & water sounds",
    "Human, non-speech sounds",
    "Interior/domestic sounds",
    "Exterior/urban noises",
)
STRADDLING_RECORDINGS = ("131943", "134049", "209698", "234879")
"""Freesound ids that lie in two of the official folds; the same four give an ESC-10 clip and another one."""

LAYOUT = "ESC-50/ or ESC-50-master/ with meta/esc50.csv, and audio/1-100032-A-0.wav (.flac, .ogg) and so on"


class ESC50(Dataset):
    """The official corpus, or its ESC-10 subset. The csv names ``.wav``; flac and ogg copies serve as well.

    Args:
        root: Folder that holds ``ESC-50/`` or ``ESC-50-master/``, or that folder itself.
        esc10_only: Only the ten classes of ESC-10, with their official folds.

    Raises:
        DataError: The folder is missing, or its ``meta/esc50.csv`` is not the official list.

    Source: Piczak 2015, "ESC: Dataset for Environmental Sound Classification".
    """

    name = "esc50"
    sample_rate = 44100
    licence = "CC BY-NC 3.0; ESC-10 clips CC BY 3.0; each clip's author stands in LICENSE"
    homepage = "https://github.com/karolpiczak/ESC-50"
    citation = """@inproceedings{piczak2015dataset,
  title = {{ESC}: {Dataset} for {Environmental Sound Classification}},
  author = {Piczak, Karol J.},
  booktitle = {Proceedings of the 23rd Annual ACM Conference on Multimedia},
  date = {2015-10-13},
  url = {http://dl.acm.org/citation.cfm?doid=2733373.2806390},
  doi = {10.1145/2733373.2806390},
  location = {Brisbane, Australia},
  isbn = {978-1-4503-3459-4},
  publisher = {ACM Press},
  pages = {1015--1018}
}"""

    def __init__(self, root: Path | str, esc10_only: bool = False) -> None:
        self.folder = find_folder(Path(root))
        listed = read_list(self.folder / "meta" / "esc50.csv")
        self._stems = frozenset(row.id for row in listed)
        rows = [row for row in listed if row.esc10 or not esc10_only]
        targets = {row.target: row.category for row in rows}
        self.classes = tuple(targets[target] for target in sorted(targets))
        self.superclass_of = {name: SUPERCLASSES[target // 10] for target, name in sorted(targets.items())}
        self.clips = tuple(Clip(row.id, row.recording, row.fold, DURATION, row.category) for row in rows)

    @classmethod
    def fetch(cls, root: Path | str) -> ESC50:
        """Download the official archive (about 650 MB), or mend an incomplete copy; leave a whole one alone.

        The archive is unpacked aside and validated before anything of it is put in its place.

        Args:
            root: As for the constructor; the official archive's folder is called ``ESC-50-master``.

        Raises:
            DownloadError: The connection broke off.
            DataError: The archive is damaged or incomplete.
            StoreError: The folder cannot be written, or has too little room.
        """
        root = Path(root)
        target = root / "ESC-50-master"
        with suppress(DataError):  # no folder, or no usable csv in it: both are mended below
            target = find_folder(root)
            present = cls(target)
            if present.validate().ok:
                return present
        with unpacked(registered(cls.name), root) as content:
            fresh = cls(content)
            found = fresh.validate()
            if not found.ok:
                problem = f"the downloaded ESC-50 is incomplete: {found}"
                raise DataError(problem, expected=LAYOUT, repair=REPAIR)
            _place(fresh.folder, target)
        return cls(target)

    @cached_property
    def author_of(self) -> Mapping[str, str]:
        """Freesound author of each recording, from the corpus's LICENSE file; empty where there is none."""
        return read_authors(self.folder / "LICENSE")

    @property
    def n_samples(self) -> int:
        """Samples of every clip."""
        return int(DURATION * self.sample_rate)

    def path(self, clip: Clip) -> Path:
        """File of a clip, whichever format it is in.

        Raises:
            DataError: No file has the clip's stem.
        """
        for suffix in SUFFIXES:
            path = self.folder / "audio" / f"{clip.id}{suffix}"
            if path.is_file():
                return path
        raise DataError(
            f"ESC-50 clip {clip.id} is missing in {self.folder / 'audio'}",
            expected=f"{clip.id}.wav, .flac or .ogg",
            repair="companion fetch esc50; companion validate esc50 lists everything that is missing",
        )

    def audio(self, clip: Clip) -> Audio:
        """Load one clip: mixed down, at 44.1 kHz, padded with zeros or cropped to 5 s.

        Shape: ``(220500,)``.

        Raises:
            DataError: The clip's file is missing.
            AudioError: The file is damaged, or broke off on its way.
        """
        loaded = _whole(self.path(clip), self.sample_rate)
        return Audio(fit_length(loaded.samples, self.n_samples), self.sample_rate)

    def content(self) -> str:
        """Digest of every byte of the clips' files.

        Raises:
            DataError: A clip's file is missing.
        """
        return self._content

    @cached_property
    def _content(self) -> str:  # two seconds of reading, once per corpus object
        return files_digest(self.path(clip) for clip in self.clips)

    def validate(self) -> Validation:
        """Decode every clip, and list what is missing, damaged, extra or repaired on loading."""
        missing, damaged, notes = [], {}, Counter[str]()
        for clip in tqdm(self.clips, desc=f"validating {self.folder}", unit="clip"):
            try:
                path = self.path(clip)
                notes.update(_deviations(path))
            except DataError:
                missing.append(clip.id)
            except AudioError as error:
                damaged[path.name] = error.problem
        present = (self.folder / "audio").glob("*")
        extra = tuple(sorted(file.name for file in present if not self._knows(file)))
        return Validation(len(self.clips), tuple(missing), extra, damaged, dict(notes))

    def _knows(self, file: Path) -> bool:
        return file.suffix in SUFFIXES and file.stem in self._stems


def read_authors(licence_file: Path) -> dict[str, str]:
    """Freesound author of each recording, from ESC-50's LICENSE file; empty when there is none."""
    if not licence_file.is_file():
        return {}
    text = licence_file.read_text(encoding="utf-8", errors="replace")
    return {number: author for number, author in re.findall(r"/sounds/(\d+)/?\) by (.+?) \[", text)}


def find_folder(root: Path) -> Path:
    """Return the corpus folder: ``root`` itself, or the one inside it.

    Raises:
        DataError: There is none.
    """
    for folder in (root, root / "ESC-50", root / "ESC-50-master"):
        if (folder / "meta" / "esc50.csv").is_file():
            return folder
    raise DataError(f"no ESC-50 in {root}", expected=LAYOUT, repair=REPAIR)


def straddling_recordings(clips: Iterable[Clip]) -> tuple[str, ...]:
    """Recordings with clips in more than one fold, in ascending order."""
    folds = defaultdict(set)
    for clip in clips:
        folds[clip.recording].add(clip.fold)
    return tuple(sorted(recording for recording, seen in folds.items() if len(seen) > 1))


def _place(source: Path, target: Path) -> None:
    """Move a folder to its place; into one that exists, file by file, so that files of other names stay."""
    if not target.exists():
        source.rename(target)
        return
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)


def _whole(path: Path, sample_rate: int | None = None) -> Audio:
    """Load a clip that was not cut off.

    Raises:
        AudioError: The file cannot be decoded, or is shorter than any clip of the corpus.
    """
    audio = load(path, sample_rate)
    if audio.duration < SHORTEST:
        raise AudioError(f"{path} breaks off after {audio.duration:.2f} s", expected=f"{DURATION:g} s", repair=REPAIR)
    return audio


def _deviations(path: Path) -> list[str]:
    """What loading repairs in one file.

    Raises:
        AudioError: The file cannot be decoded, or was cut off.
    """
    audio, file = _whole(path), header(path)
    found = {
        "stereo, mixed down": file.channels > 1,
        f"{file.sample_rate} Hz, resampled": file.sample_rate != ESC50.sample_rate,
        f"shorter than {DURATION:g} s, padded": audio.duration < DURATION,
        f"longer than {DURATION:g} s, cropped": audio.duration > DURATION,
        "all silent": not audio.samples.any(),
    }
    return [note for note, applies in found.items() if applies]
