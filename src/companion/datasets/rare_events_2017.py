"""TUT Rare Sound Events 2017, the source data: babies' cries, breaking glass and gunshots, and fifteen scenes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from tqdm.auto import tqdm

from companion.audio import Audio, fit_length, header, load
from companion.datasets.base import Clip, Dataset, Validation, files_digest
from companion.datasets.dcase2016_lists import GROUPS
from companion.datasets.download import unpack_all
from companion.datasets.rare_events_2017_lists import (
    EVENTS,
    LAYOUT,
    PACKAGE,
    PARTS,
    REPAIR,
    ListedBackground,
    ListedEvent,
    find_folder,
    read_backgrounds,
    read_events,
    read_screening,
)
from companion.errors import AudioError, DataError

FOLDS: Mapping[str, int] = {"train": 1, "test": 2}
DURATION = 30.0
"""Seconds of every background."""

TOLERANCE = 0.1
"""Seconds that a background, or the end of an event, may lack; times are stated to a tenth of a second."""


class TUTRareEvents2017(Dataset):
    """Whole recordings: backgrounds by scene (``a001_0_30``), and what events are cut from (``babycry/31527``).

    Fold 1 trains and fold 2 tests, as the official lists part locations and authors.

    Args:
        root: Folder that holds ``TUT-rare-sound-events-2017-development/``, or a folder inside it.

    Attributes:
        events: Every isolated event, by part.
        backgrounds: Every background, by part.
        screened: Backgrounds in which a class is heard by nature, by class.

    Raises:
        DataError: The folder is missing; its lists cannot be read, or put a recording, a location or an author into
            both parts.

    Source: Diment, Virtanen 2017, section 3.1.
    """

    name = "tut_rare_events_2017"
    sample_rate = 44100
    licence = "events by file (CC BY-NC 3.0, CC BY 3.0, Sampling Plus 1.0, CC0 1.0); backgrounds by their EULA"
    homepage = "https://zenodo.org/record/401395"
    citation = """@inproceedings{mesaros2017dcase,
  title = {{DCASE} 2017 challenge setup: Tasks, datasets and baseline system},
  author = {Mesaros, Annamaria and Heittola, Toni and Diment, Aleksandr and Elizalde, Benjamin and Shah, Ankit
            and Vincent, Emmanuel and Raj, Bhiksha and Virtanen, Tuomas},
  booktitle = {Detection and Classification of Acoustic Scenes and Events 2017 Workshop},
  year = {2017},
  pages = {85--92}
}"""

    def __init__(self, root: Path | str) -> None:
        self.folder = find_folder(Path(root))
        self.events = {part: read_events(self.folder, part) for part in PARTS}
        self.backgrounds = {part: read_backgrounds(self.folder, part) for part in PARTS}
        self.screened = read_screening(self.folder)
        self._refuse_shared()
        self.classes = (*EVENTS, *GROUPS)
        self.superclass_of = {**dict.fromkeys(EVENTS, "event"), **GROUPS}
        clips = {
            **{name: clip for part in PARTS for name, clip in self._event_clips(part)},
            **{name: clip for part in PARTS for name, clip in self._background_clips(part)},
        }
        self.clips = tuple(clips.values())

    def _event_clips(self, part: str) -> list[tuple[str, Clip]]:
        """One clip for each recording that events are cut from; its length is not known before it is read."""
        last: dict[str, ListedEvent] = {}
        for event in self.events[part]:
            name = clip_of(event)
            last[name] = max(event, last.get(name, event), key=lambda one: one.offset)
        return [
            (name, Clip(name, Path(event.file).stem, FOLDS[part], event.offset, event.label))
            for name, event in last.items()
        ]

    def _background_clips(self, part: str) -> list[tuple[str, Clip]]:
        return [
            (clip_of(one), Clip(clip_of(one), one.location, FOLDS[part], DURATION, one.scene))
            for one in self.backgrounds[part]
        ]

    def _refuse_shared(self) -> None:
        """Raise DataError if training and test share what the lists keep apart."""
        parted = {
            "recording": {part: {clip_of(event) for event in self.events[part]} for part in PARTS},
            "author": {part: {event.author for event in self.events[part]} - {""} for part in PARTS},
            "location": {part: {one.location for one in self.backgrounds[part]} for part in PARTS},
        }
        for kind, by_part in parted.items():
            shared = by_part["train"] & by_part["test"]
            if shared:
                problem = f"{self.folder / 'cv_setup'} puts the {kind} {min(shared)} into training and test"
                raise DataError(problem, expected=f"every {kind} in one of them", repair=REPAIR)

    @classmethod
    def fetch(cls, root: Path | str) -> TUTRareEvents2017:
        """Download the official archives of source data (8.3 GB) one after the other, and leave a whole copy alone.

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
        target = root / PACKAGE / "data" / "source_data"
        unpack_all(cls.name, target, _source_data)
        fresh = cls(target)
        found = fresh.validate()
        if not found.ok:
            raise DataError(f"the downloaded {PACKAGE} is incomplete: {found}", expected=LAYOUT, repair=REPAIR)
        return fresh

    @cached_property
    def author_of(self) -> Mapping[str, str]:
        """Freesound author of each recording of events, where the lists or the recording's own yaml name one."""
        listed = (event for part in PARTS for event in self.events[part] if event.author)
        return {Path(event.file).stem: event.author for event in listed}

    def path(self, clip: Clip) -> Path:
        """File of a clip.

        Raises:
            DataError: It is missing.
        """
        inside = f"events/{clip.id}.wav" if "/" in clip.id else f"bgs/audio/{clip.id}.wav"
        path = self.folder / inside
        if not path.is_file():
            raise DataError(f"{path} is missing, though cv_setup names it", expected=LAYOUT, repair=REPAIR)
        return path

    def audio(self, clip: Clip) -> Audio:
        """Load one recording: mixed down, and resampled to 44.1 kHz where it has more.

        Raises:
            DataError: The clip's file is missing.
            AudioError: The file is damaged, has a lower sample rate, or is not as long as it must be.
        """
        path = self.path(clip)
        found = header(path).sample_rate
        if found < self.sample_rate:
            raise AudioError(
                f"{path} has {found} Hz: above {found / 2:g} Hz it would be silent, and so betray itself in a mixture",
                expected=f"{self.sample_rate} Hz or more, as in the corpus",
                repair=REPAIR,
            )
        audio, is_event = load(path, sample_rate=self.sample_rate), "/" in clip.id
        excess = audio.duration - clip.duration  # of a recording of events: beyond the end of its last
        if excess < -TOLERANCE or (excess > TOLERANCE and not is_event):
            raise AudioError(f"{path} has {audio.duration:.2f} s", expected=f"{clip.duration:g} s", repair=REPAIR)
        n_samples = round(clip.duration * self.sample_rate)
        wanted = max(n_samples, len(audio.samples)) if is_event else n_samples
        return Audio(fit_length(audio.samples, wanted), self.sample_rate)

    def content(self) -> str:
        """Digest of every byte of the clips' files.

        Raises:
            DataError: A clip's file is missing.
        """
        return self._content

    @cached_property
    def _content(self) -> str:  # nine gigabytes of reading, once per corpus object
        return files_digest(self.path(clip) for clip in self.clips)

    def validate(self) -> Validation:
        """Decode every recording; compare events with them, and their number with the published one."""
        missing, damaged, notes = [], dict(self._miscounted()), Counter[str]()
        for clip in tqdm(self.clips, desc=f"validating {self.folder}", unit="clip"):
            try:
                path = self.path(clip)
                self.audio(clip)
            except DataError:
                missing.append(clip.id)
            except AudioError as error:
                damaged[f"{clip.id}.wav"] = error.problem
            else:
                notes.update(_deviations(path))
        known = {str(self.path(clip)) for clip in self.clips if clip.id not in missing}
        present = [*(self.folder / "bgs" / "audio").glob("*.wav"), *(self.folder / "events").glob("*/*.wav")]
        extra = tuple(sorted(str(file.relative_to(self.folder)) for file in present if str(file) not in known))
        return Validation(len(self.clips), tuple(missing), extra, damaged, dict(notes))

    def _miscounted(self) -> list[tuple[str, str]]:
        wrong = []
        for number, part in enumerate(PARTS):
            found = Counter(event.label for event in self.events[part])
            for label, published in EVENTS.items():
                if found[label] != published[number]:
                    said = f"{found[label]} events of {label}, {published[number]} published"
                    wrong.append((f"events_{PARTS[part]}.yaml, {label}", said))
        return wrong


def clip_of(listed: ListedEvent | ListedBackground) -> str:
    """Id of the clip that an event or a background lies in."""
    stem = Path(listed.file).stem
    return f"{listed.label}/{stem}" if isinstance(listed, ListedEvent) else stem


def _source_data(unpacked: Path) -> Path:
    return next((path for path in sorted(unpacked.rglob("source_data")) if path.is_dir()), unpacked)


def _deviations(path: Path) -> list[str]:
    """What loading repairs in one file."""
    file = header(path)
    found = {
        f"{file.channels} channels, mixed down": file.channels > 1,
        f"{file.sample_rate} Hz, resampled": file.sample_rate != TUTRareEvents2017.sample_rate,
    }
    return [note for note, applies in found.items() if applies]
