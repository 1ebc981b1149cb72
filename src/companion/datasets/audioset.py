"""AudioSet: weakly labelled ten-second clips of YouTube videos, 527 classes (Gemmeke et al. 2017).

Google publishes lists, not audio, and videos vanish: a corpus is what one disk holds of the lists, and says how much.
"""

from __future__ import annotations

import copy
import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from tqdm.auto import tqdm

from companion.audio import Audio, fit_length, header, load
from companion.datasets import audioset_files, audioset_lists
from companion.datasets.audioset_fetch import fetch_lists
from companion.datasets.audioset_files import TOLERANCE, Found
from companion.datasets.audioset_lists import EVAL, FILES, ONTOLOGY, TRAIN, UNBALANCED, Segment
from companion.datasets.audioset_presence import BRING, ListsValidation, Presence
from companion.datasets.base import Clip, Dataset
from companion.errors import AudioError, DataError

logger = logging.getLogger(__name__)

FOLDS = {TRAIN: 1, UNBALANCED: 2, EVAL: 3}


class AudioSet(Dataset):
    """The clips that are present. Folds: 1 trains, 2 validates, 3 is the evaluation list.

    Fold 2 is a small subset of the unbalanced list, as in the paper. Where none of its clips are on disk, a share of
    the balanced list is held out instead; ``description`` says which.

    Args:
        root: Folder that holds ``AudioSet/``, or that folder itself; `companion.datasets.audioset_files.LAYOUT` says
            where the clips lie in it.
        n_validation: Clips of the unbalanced list in fold 2.
        held_out: Share of the usable balanced clips in fold 2, where the unbalanced list is absent.
        seed: Seed of that choice.

    Attributes:
        presence: How much of each list is on disk.
        absent: Ids without a file, by list.
        excluded: Ids whose file cannot be used, with the reason.

    Raises:
        DataError: A list is missing or damaged, or two files are the same segment.

    Source: Kumar, Khadkevich, Fügen 2018, section 4.1; how large the validation subset was is not stated.
    """

    name = "audioset"
    sample_rate = 44100
    licence = "lists CC BY 4.0, ontology CC BY-SA 4.0; each clip belongs to the uploader of its video"
    homepage = "https://research.google.com/audioset/"
    citation = """@inproceedings{gemmeke2017audioset,
  title = {Audio Set: An ontology and human-labeled dataset for audio events},
  author = {Gemmeke, Jort F. and Ellis, Daniel P. W. and Freedman, Dylan and Jansen, Aren and Lawrence, Wade and
    Moore, R. Channing and Plakal, Manoj and Ritter, Marvin},
  booktitle = {Proc. IEEE ICASSP 2017},
  year = {2017},
  address = {New Orleans, LA}
}"""

    def __init__(self, root: Path | str, *, n_validation: int = 1000, held_out: float = 0.05, seed: int = 0) -> None:
        lists = audioset_lists.read_lists(root)
        self.folder = lists.folder
        self.classes = tuple(lists.classes.values())
        ontology = self.folder / ONTOLOGY
        self.superclass_of = audioset_lists.superclasses(ontology, lists.classes) if ontology.is_file() else {}
        self.presence: dict[str, Presence] = {}
        self.absent: dict[str, tuple[str, ...]] = {}
        self.excluded: dict[str, str] = {}
        self._paths: dict[str, Path] = {}
        official = {segment.id: segment for segment in (*lists.train, *lists.evaluation)}
        found = audioset_files.match(audioset_files.audio_files(self.folder), official)
        self._strangers = found.strangers
        train = self._take(TRAIN, lists.train, found)
        evaluation = self._take(EVAL, lists.evaluation, found)
        validation = self._subset(lists.classes, n_validation, seed)
        origin = "of the unbalanced list"
        if not validation:
            train, validation = _hold_out(train, held_out, seed)
            lacking = "no usable clip of the unbalanced list" if UNBALANCED in self.presence else "no unbalanced list"
            origin = f"held out of the balanced list, because there is {lacking}"
        self.clips = (*train, *validation, *evaluation)
        self.description = (
            f"AudioSet: training on {len(train):,} clips (balanced list: {self.presence[TRAIN]}); "
            f"validation on {len(validation):,} clips {origin}, seed {seed}; "
            f"test on {len(evaluation):,} clips (eval list: {self.presence[EVAL]})"
        )

    def _take(self, name: str, segments: Sequence[Segment], found: Found) -> tuple[Clip, ...]:
        """Clips of one list that can be used; what is absent or excluded is noted."""
        by_id = {segment.id: segment for segment in segments}
        paths = {key: found.paths[key] for key in by_id if key in found.paths}
        elsewhere = {key: found.elsewhere[key] for key in by_id if key in found.elsewhere}
        seconds, unusable = audioset_files.usable(paths, by_id, f"headers of {name}")
        self.absent[name] = tuple(key for key in by_id if key not in paths and key not in elsewhere)
        self.presence[name] = Presence(len(segments), len(paths) + len(elsewhere), len(unusable) + len(elsewhere))
        self.excluded |= unusable | elsewhere
        self._paths |= paths
        return tuple(_clip(by_id[key], FOLDS[name], duration) for key, duration in seconds.items())

    def _subset(self, classes: Mapping[str, str], n_clips: int, seed: int) -> tuple[Clip, ...]:
        """Some clips of the unbalanced list; only the headers of these, and of those found useless, are read."""
        path = self.folder / FILES[UNBALANCED]
        if not path.is_file():
            return ()
        possible = {name for file in self._strangers for name, _ in audioset_files.readings(file.stem)}
        listed = audioset_lists.read_segments(path, classes, only=possible) if possible else ()
        segments = {segment.id: segment for segment in listed}
        found = audioset_files.match(self._strangers, segments)
        queue = audioset_files.seeded_order(found.paths, seed)
        seconds: dict[str, float] = {}
        excluded = dict(found.elsewhere)
        while queue and len(seconds) < n_clips:
            batch, queue = queue[: n_clips - len(seconds)], queue[n_clips - len(seconds) :]
            good, bad = audioset_files.usable({key: found.paths[key] for key in batch}, segments, "headers")
            seconds |= good
            excluded |= bad
        n_present = len(found.paths) + len(found.elsewhere)
        self.presence[UNBALANCED] = Presence(audioset_lists.stated_segments(path), n_present, len(excluded))
        self.excluded |= excluded
        self._paths |= {key: found.paths[key] for key in seconds}
        self._strangers = found.strangers
        return tuple(_clip(segments[key], FOLDS[UNBALANCED], duration) for key, duration in seconds.items())

    @classmethod
    def fetch(cls, root: Path | str) -> AudioSet:
        """Download the lists that are missing or damaged (about 115 MB in all); the clips must be brought.

        Args:
            root: As for the constructor.

        Raises:
            DownloadError: The connection broke off.
            DataError: A downloaded list is not the official one. Nothing of it is put in place.
            StoreError: The folder cannot be written, or has too little room.
        """
        folder = fetch_lists(Path(root))
        logger.warning(BRING)
        return cls(folder)

    def path(self, clip: Clip) -> Path:
        """File of a clip.

        Raises:
            DataError: There is none, or none any more.
        """
        path = self._paths.get(clip.id)
        if path is None or not path.is_file():
            raise DataError(
                f"AudioSet clip {clip.id} is missing in {self.folder}",
                expected=f"Y{clip.id}.wav or another of the accepted names",
                repair="bring the clip back; companion validate audioset says how many are present",
            )
        return path

    def audio(self, clip: Clip) -> Audio:
        """Load one clip: mixed down, at 44.1 kHz, cropped to its segment, padded if it ends a moment early.

        Shape: ``(N,)``, with N the clip's duration.

        Raises:
            DataError: The clip's file is missing.
            AudioError: The file is damaged, or ends before its header says.
        """
        path = self.path(clip)
        loaded = load(path, sample_rate=self.sample_rate)
        if loaded.duration < clip.duration - TOLERANCE:
            raise AudioError(
                f"{path} breaks off after {loaded.duration:.2f} s",
                expected=f"{clip.duration:g} s, as its header says",
                repair="bring the clip again, or remove the file: absent clips are left out",
            )
        return Audio(fit_length(loaded.samples, round(clip.duration * self.sample_rate)), self.sample_rate)

    def holding(self, clips: Sequence[Clip]) -> AudioSet:
        """A corpus of these clips alone: small enough to be sent to another process time and again."""
        light = copy.copy(self)
        light.clips = tuple(clips)
        light._paths = {clip.id: self._paths[clip.id] for clip in clips if clip.id in self._paths}
        light.absent, light.excluded, light._strangers, light.superclass_of = {}, {}, (), {}
        return light

    def content(self) -> str:
        """Digest of each file's size and some of its bytes; 80 GB stay unread.

        Raises:
            DataError: A clip's file is missing.
        """
        return self._content

    @cached_property
    def _content(self) -> str:
        content = hashlib.sha256()
        with ThreadPoolExecutor(8) as pool:
            for digest in pool.map(audioset_files.excerpt_digest, [self.path(clip) for clip in self.clips]):
                content.update(digest.encode())
        return content.hexdigest()

    def validate(self) -> ListsValidation:
        """Decode every clip, and say for each list what is present, and what is damaged or repaired on loading."""
        damaged, notes = dict(self.excluded), Counter[str]()
        with ThreadPoolExecutor() as pool:
            heard = zip(self.clips, pool.map(self._deviations, self.clips), strict=True)
            for clip, found in tqdm(heard, total=len(self.clips), desc=f"validating {self.folder}", unit="clip"):
                if isinstance(found, str):
                    damaged[clip.id] = found
                else:
                    notes.update(found)
        missing = (*self.absent[TRAIN], *self.absent[EVAL])
        expected = self.presence[TRAIN].expected + self.presence[EVAL].expected
        extra = tuple(str(file.relative_to(self.folder)) for file in self._strangers)
        return ListsValidation(expected, missing, extra, damaged, dict(notes), self.presence, self.description)

    def _deviations(self, clip: Clip) -> list[str] | str:
        """What loading repairs in one file, or why it cannot."""
        try:
            samples, file = self.audio(clip).samples, header(self.path(clip))
        except (AudioError, DataError) as error:
            return error.problem
        found = {
            f"{file.channels} channels, mixed down": file.channels > 1,
            f"{file.sample_rate} Hz, resampled": file.sample_rate != self.sample_rate,
            "shorter than 10 s": clip.duration < 10.0,
            "all silent": not samples.any(),
        }
        return [note for note, applies in found.items() if applies]


def _clip(segment: Segment, fold: int, duration: float) -> Clip:
    return Clip(segment.id, recording=segment.id, fold=fold, duration=duration, weak=segment.labels)


def _hold_out(train: Sequence[Clip], share: float, seed: int) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Training and validation clips; at least one validates when there are two."""
    n_held = max(min(1, len(train) - 1), round(share * len(train)))
    held = set(audioset_files.seeded_order((clip.id for clip in train), seed)[:n_held])
    return (
        tuple(clip for clip in train if clip.id not in held),
        tuple(replace(clip, fold=FOLDS[UNBALANCED]) for clip in train if clip.id in held),
    )
