"""Which file on disk is which AudioSet segment, and whether it can be used."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from companion.audio import header
from companion.datasets.audioset_lists import Segment
from companion.datasets.base import opened
from companion.errors import AudioError, DataError
from companion.features import NS_LOG_MEL, n_frames

SUFFIXES = (".wav", ".flac", ".ogg")
LAYOUT = """AudioSet/audio/balanced_train/, AudioSet/audio/eval/, AudioSet/audio/unbalanced_train/, or any folders below
AudioSet/: a clip belongs to the list that its id stands in. One file a segment, cut from start to end of its line:
Y{id}.wav, {id}.flac, {id}_{start}.000.wav, also _{start}_{end}; with or without Y; start in seconds, or in milliseconds
as in 30000; .wav, .flac or .ogg of any rate and any number of channels"""

SHORTEST = 128
"""Log-mel frames of one segment of N_S: 65,024 samples, 1.47 s. The network gives nothing for less."""

LONGEST = 11.0
"""Seconds. No segment is longer than 10 s, so a longer file is the whole video, and begins elsewhere."""

TOLERANCE = 0.25
"""Seconds by which a file may end early and still be padded, so that nearly all clips share a length and a batch."""

_NUMBER = r"(\d+(?:\.\d+)?)"
_NAMES = (re.compile(rf"(.+)_{_NUMBER}"), re.compile(rf"(.+)_{_NUMBER}_{_NUMBER}"))


@dataclass(frozen=True)
class Found:
    """Files and the segments they are.

    Args:
        paths: File of each segment that has one, by id.
        elsewhere: Segments whose only file begins at another time of the video, by id, with the reason.
        strangers: Files that are none of the segments.
    """

    paths: Mapping[str, Path]
    elsewhere: Mapping[str, str]
    strangers: tuple[Path, ...]


def audio_files(folder: Path) -> tuple[Path, ...]:
    """Every recording below a folder, in alphabetical order; hidden folders and files are passed over."""
    files = []
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(place, name) for name in names if name.lower().endswith(SUFFIXES) and not name.startswith(".")]
    return tuple(sorted(files))


def match(files: Iterable[Path], segments: Mapping[str, Segment]) -> Found:
    """Tell by their names which segments some files are.

    Raises:
        DataError: Two files are the same segment.
    """
    paths: dict[str, Path] = {}
    begins, strangers, twice = [], [], []
    for file in files:
        name, start = next((read for read in readings(file.stem) if read[0] in segments), ("", None))
        if not name:
            strangers.append(file)
        elif start is not None and not _is_start(start, segments[name].start):
            begins.append((name, file, start))
        elif name in paths:
            twice.append(f"{paths[name]} and {file}")
        else:
            paths[name] = file
    if twice:
        raise DataError(
            f"{len(twice)} segments have two files each, the first {twice[0]}",
            expected="one file for each YouTube id",
            repair="remove one of the two, or move it out of the folder AudioSet",
        )
    elsewhere: dict[str, str] = {}
    for name, file, start in begins:
        if name in paths or name in elsewhere:
            strangers.append(file)
        else:
            elsewhere[name] = f"{file.name} begins at {start}, the list says {segments[name].start:g} s"
    return Found(paths, elsewhere, tuple(strangers))


def usable(
    paths: Mapping[str, Path], segments: Mapping[str, Segment], desc: str
) -> tuple[dict[str, float], dict[str, str]]:
    """Read the header of each file.

    Returns:
        Seconds of each clip that can be used, by id; and why the others cannot, by id.
    """

    def look(name: str) -> float | str:
        return _seconds(paths[name], segments[name])

    found: dict[str, float | str] = {}
    with ThreadPoolExecutor(8) as pool:  # waiting for a disk, not for a processor
        looks = zip(paths, pool.map(look, paths), strict=True)
        for name, seconds in tqdm(looks, total=len(paths), desc=desc, unit="file", delay=0.5):
            found[name] = seconds
    seconds_of = {name: seconds for name, seconds in found.items() if not isinstance(seconds, str)}
    return seconds_of, {name: reason for name, reason in found.items() if isinstance(reason, str)}


def seeded_order(names: Iterable[str], seed: int) -> list[str]:
    """Names in an order that depends on the seed and on each name alone: removing some does not stir the others."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())


def excerpt_digest(path: Path, block: int = 4096) -> str:
    """Digest of a file's size and three blocks of its bytes: 80 GB need not be read to notice a changed file."""
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = hashlib.sha256(str(size).encode())
        for start in sorted({0, max(0, (size - block) // 2), max(0, size - block)}):
            file.seek(start)
            content.update(file.read(block))
    return content.hexdigest()


def _seconds(path: Path, segment: Segment) -> float | str:
    """Length of a clip by its file's header, or why it cannot be used."""
    try:
        seconds = header(path).duration
    except AudioError as error:
        return error.problem
    if seconds > LONGEST:
        return f"{seconds:.1f} s long, so not cut to its segment from {segment.start:g} to {segment.end:g} s"
    clip = segment.duration if seconds >= segment.duration - TOLERANCE else seconds
    if n_frames(round(clip * NS_LOG_MEL.sample_rate), NS_LOG_MEL) < SHORTEST:
        return f"{clip:.2f} s long, less than one segment of {SHORTEST} frames"
    return clip


def readings(stem: str) -> Iterator[tuple[str, str | None]]:
    """Ids that a file's name may mean, with the start it states, the most literal first."""
    yield from _without_y(stem, None)
    for pattern in _NAMES:
        found = pattern.fullmatch(stem)
        if found:
            yield from _without_y(found[1], found[2])


def _without_y(name: str, start: str | None) -> Iterator[tuple[str, str | None]]:
    yield name, start
    if name.startswith("Y"):
        yield name[1:], start


def _is_start(stated: str, start: float) -> bool:
    """Whether a name's number is the segment's start: in seconds, perhaps rounded, or in milliseconds."""
    return abs(float(stated) - start) < 1.0 or float(stated) == round(1000 * start)
