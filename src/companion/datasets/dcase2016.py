"""TUT Acoustic Scenes 2016, development set: 1170 clips of 30 s in fifteen scenes and four official folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from companion.audio import Audio, fit_length, header, load
from companion.datasets.base import Clip, Dataset, Validation, files_digest
from companion.datasets.dcase2016_lists import (
    FOLDER,
    GROUPS,
    LAYOUT,
    REPAIR,
    SignalError,
    find_folder,
    read_errors,
    read_folds,
    read_labels,
)
from companion.datasets.download import unpack_all
from companion.errors import AudioError, DataError

DURATION = 30.0
TOLERANCE = 0.1
"""Seconds by which a file may be shorter or longer than 30 s; more is damage, less is padded or cropped."""


class TUTScenes2016(Dataset):
    """The official development set. The fold of a clip is the one whose test list it stands in.

    Args:
        root: Folder that holds ``TUT-acoustic-scenes-2016-development/``, or that folder itself.
        cut_errors: Leave out the stretches that ``error.txt`` lists, as the official baseline does. Clips with such
            stretches become shorter.

    Attributes:
        errors: Every line of ``error.txt``.

    Raises:
        DataError: The folder is missing, or its lists contradict each other.

    Source: Mesaros, Heittola, Virtanen 2016; Kumar et al. 2018, section 4.3.
    """

    name = "tut_scenes_2016"
    sample_rate = 44100
    licence = "free for non-commercial scientific use, see EULA in the corpus"
    homepage = "https://zenodo.org/record/45739"
    citation = """@inproceedings{mesaros2016tut,
  title = {{TUT} database for acoustic scene classification and sound event detection},
  author = {Mesaros, Annamaria and Heittola, Toni and Virtanen, Tuomas},
  booktitle = {24th European Signal Processing Conference ({EUSIPCO})},
  year = {2016},
  address = {Budapest, Hungary},
  pages = {1128--1132},
  doi = {10.1109/EUSIPCO.2016.7760424}
}"""

    def __init__(self, root: Path | str, cut_errors: bool = False) -> None:
        self.folder = find_folder(Path(root))
        self.cut_errors = cut_errors
        labels = read_labels(self.folder / "meta.txt")
        folds = read_folds(self.folder, labels)
        self.errors = read_errors(self.folder / "error.txt")
        self.classes, self.superclass_of = tuple(GROUPS), GROUPS
        self.clips = tuple(
            Clip(clip, clip.split("_")[0], folds[clip], self._n_samples(clip) / self.sample_rate, label)
            for clip, label in labels.items()
        )

    @classmethod
    def fetch(cls, root: Path | str) -> TUTScenes2016:
        """Download the eleven official archives (8 GB) one after the other, and leave a whole copy alone.

        Raises:
            DownloadError: The connection broke off. What came before stays.
            DataError: An archive is damaged, or the corpus is incomplete at the end.
            StoreError: The folder cannot be written, or has too little room.
        """
        root = Path(root)
        with suppress(DataError):
            present = cls(root)
            if present.validate().ok:
                return present
        target = root if root.name == FOLDER else root / FOLDER
        unpack_all(cls.name, target, lambda folder: folder / FOLDER if (folder / FOLDER).is_dir() else folder)
        fresh = cls(target)
        found = fresh.validate()
        if not found.ok:
            raise DataError(f"the downloaded {FOLDER} is incomplete: {found}", expected=LAYOUT, repair=REPAIR)
        return fresh

    def errors_of(self, clip: Clip) -> tuple[SignalError, ...]:
        """Stretches of a clip in which its signal is damaged, whether or not they are cut out."""
        return tuple(error for error in self.errors if error.clip == clip.id)

    def path(self, clip: Clip) -> Path:
        """File of a clip.

        Raises:
            DataError: It is missing.
        """
        path = self.folder / "audio" / f"{clip.id}.wav"
        if not path.is_file():
            problem = f"{path} is missing, though meta.txt and the test list of fold {clip.fold} name it"
            raise DataError(problem, expected=LAYOUT, repair=REPAIR)
        return path

    def audio(self, clip: Clip) -> Audio:
        """Load one clip: mixed down, at 44.1 kHz, of 30 s, less its damaged stretches where they are cut out.

        Shape: ``(1323000,)``, or shorter.

        Raises:
            DataError: The clip's file is missing.
            AudioError: The file is damaged, or not 30 s long.
        """
        samples = fit_length(_whole(self.path(clip)).samples, round(DURATION * self.sample_rate))
        return Audio(np.concatenate([samples[a:b] for a, b in self._kept(clip.id)]), self.sample_rate)

    def _n_samples(self, clip: str) -> int:
        return sum(b - a for a, b in self._kept(clip))

    def _kept(self, clip: str) -> list[tuple[int, int]]:
        """First and one past the last sample of what remains of a clip; all of it where nothing would remain."""
        end = round(DURATION * self.sample_rate)
        errors = sorted((e.onset, e.offset) for e in self.errors if e.clip == clip and self.cut_errors)
        kept, start = [], 0
        for onset, offset in [*errors, (DURATION, DURATION)]:
            first = min(end, int(np.floor(onset * self.sample_rate)))
            if first > start:
                kept.append((start, first))
            start = max(start, int(np.ceil(offset * self.sample_rate)))
        return kept or [(0, end)]

    def content(self) -> str:
        """What is cut out of the clips, and a digest of every byte of their files.

        Raises:
            DataError: A clip's file is missing.
        """
        return f"{self.cut_errors and self.errors!r} {self._content}"

    @cached_property
    def _content(self) -> str:  # nine gigabytes of reading, once per corpus object
        return files_digest(self.path(clip) for clip in self.clips)

    def validate(self) -> Validation:
        """Decode every clip, and list what is missing, damaged, extra or repaired on loading; count ``error.txt``."""
        missing, damaged, notes = [], {}, Counter[str](self._error_notes())
        for clip in tqdm(self.clips, desc=f"validating {self.folder}", unit="clip"):
            try:
                notes.update(_deviations(self.path(clip)))
            except DataError:
                missing.append(clip.id)
            except AudioError as error:
                damaged[f"{clip.id}.wav"] = error.problem
        known = {f"{clip.id}.wav" for clip in self.clips}
        extra = tuple(sorted(file.name for file in (self.folder / "audio").glob("*") if file.name not in known))
        return Validation(len(self.clips), tuple(missing), extra, damaged, dict(notes))

    def _error_notes(self) -> Iterator[str]:
        known = {clip.id for clip in self.clips}
        for error in self.errors:
            what = "cut out" if self.cut_errors else "kept"
            yield f"stretch listed in error.txt, {what}" if error.clip in known else "line of error.txt about no clip"


def _whole(path: Path) -> Audio:
    """Load a file that must have 30 s.

    Raises:
        AudioError: It is damaged, or shorter or longer by more than the tolerance.
    """
    audio = load(path, sample_rate=TUTScenes2016.sample_rate)
    if abs(audio.duration - DURATION) > TOLERANCE:
        raise AudioError(f"{path} has {audio.duration:.2f} s", expected=f"{DURATION:g} s", repair=REPAIR)
    return audio


def _deviations(path: Path) -> list[str]:
    """What loading repairs in one file."""
    audio, file = _whole(path), header(path)
    found = {
        f"{file.channels} channels, mixed down": file.channels > 1,
        f"{file.sample_rate} Hz, resampled": file.sample_rate != TUTScenes2016.sample_rate,
        f"not exactly {DURATION:g} s, padded or cropped": len(audio.samples) != round(DURATION * audio.sample_rate),
        "all silent": not audio.samples.any(),
    }
    return [note for note, applies in found.items() if applies]
