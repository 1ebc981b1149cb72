"""Recordings from a search: one folder for each query, whose name is the only label."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from companion.audio import Audio, header, load
from companion.datasets.audioset_files import excerpt_digest
from companion.datasets.base import Clip, Dataset, Validation
from companion.errors import AudioError, DataError

SUFFIXES = (".wav", ".mp3", ".ogg", ".flac", ".aif", ".aiff")


class Queries(Dataset):
    """Recordings that were found by name, all of them for training (fold 1).

    Args:
        folder: Holds a folder for each query, with recordings of any length and format.
        queries: Class by name of its query's folder; without it, every folder is called as its class.
        classes: Class names in label order.
        longest: Seconds; longer recordings are left out, as those over ten minutes were in the paper's search.

    Attributes:
        excluded: Files that are not used, with the reason.

    Raises:
        DataError: There is no such folder, a folder belongs to no query, or none of the files can be used.

    Source: Kumar, Raj 2017, section III-B ("Youtube Training Set"; its files were never released).
    """

    name = "queries"
    sample_rate = 44100
    superclass_of: Mapping[str, str] = {}
    licence, citation, homepage = "each recording belongs to whoever made it", "", ""

    def __init__(
        self,
        folder: Path | str,
        classes: tuple[str, ...],
        queries: Mapping[str, str] | None = None,
        longest: float = 600.0,
    ) -> None:
        self.folder, self.classes = Path(folder), classes
        known = dict(queries) if queries is not None else {name: name for name in classes}
        found = sorted(path for path in self.folder.iterdir() if path.is_dir()) if self.folder.is_dir() else []
        strangers = [path.name for path in found if known.get(path.name) not in classes]
        if strangers or not found:
            raise DataError(
                f"{self.folder} holds {', '.join(strangers) or 'no folder'}",
                expected=f"a folder for each query: {', '.join(known)}",
                repair="rename the folders, or say which class each query stands for",
            )
        self.excluded: dict[str, str] = {}
        self._paths: dict[str, Path] = {}
        clips = []
        for path in (file for one in found for file in sorted(one.iterdir())):
            name, seconds = f"{path.parent.name}/{path.name}", 0.0
            try:
                seconds = header(path).duration
                why = "no sound in it" if not seconds > 0 else f"longer than {longest:g} s" if seconds > longest else ""
            except AudioError as error:
                why = error.problem
            if why:
                self.excluded[name] = why
            else:
                self._paths[name] = path
                clips.append(Clip(name, name, 1, seconds, weak=(known[path.parent.name],)))
        if not clips:
            raise DataError(f"{self.folder} holds no recording", expected=f"files {', '.join(SUFFIXES)}")
        self.clips = tuple(clips)

    def audio(self, clip: Clip) -> Audio:
        """Load one recording: mixed down, at 44.1 kHz, whole."""
        return load(self._paths[clip.id], self.sample_rate)

    def content(self) -> str:
        """Digest of each file's size and some of its bytes."""
        digests = "".join(excerpt_digest(self._paths[clip.id]) for clip in self.clips)
        return hashlib.sha256(digests.encode()).hexdigest()

    def validate(self) -> Validation:
        """What cannot be used."""
        return Validation(len(self.clips) + len(self.excluded), damaged=self.excluded)
