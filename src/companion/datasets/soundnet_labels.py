"""SoundNet's official training labels: what two image networks saw in frames of two million videos.

Known, from the paper, its public training code and the reproduction notes: for every shard there is a list of video
frames, one a line, and two files of 32-bit floats without a header, one row a frame in the order of the list: the
probabilities of 1000 objects (``VGG16_IMNET_TRAIN_B%04d/prob``) and of 401 scenes (``VGG16_PLACES2_TRAIN_B%04d/prob``).
The path of a frame is the first word of its line; its folder is the video, and frames of a video stand together. They
are four at most, five seconds apart, and belong to 3, 8, 13 and 18 s of its sound; a shorter video has fewer, and in
SoundNet's own training its sound and its labels were repeated up to 20 s.

Open: the byte order (taken for little-endian), what further words of a line say, and whether the frame named last in a
short video lies inside its sound.

Source: Aytar, Vondrick, Torralba 2016, section 3, and their public code; Wang, Metze 2017, sections 2.2 and 3.1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from companion.errors import DataError

SECONDS = (3.0, 8.0, 13.0, 18.0)
"""When in a video its frames were looked at (Wang, Metze 2017, section 2.2)."""

OBJECTS, SCENES = 1000, 401
"""Classes of the two image networks."""

TOLERANCE = 1e-3
"""By which probabilities of a frame may miss one: they are stored as 32-bit floats."""

REPAIR = "take list and label files of the same shard, and fetch again what broke off on its way"


@dataclass(frozen=True, eq=False)
class VideoLabels:
    """What was seen in one video.

    Args:
        video: Its name: the folder of its frames.
        seconds: When each frame belongs. Shape: ``(K,)``, K from 1 to 4.
        objects: Probabilities. Shape: ``(K, 1000)``.
        scenes: Probabilities. Shape: ``(K, 401)``.
    """

    video: str
    seconds: tuple[float, ...]
    objects: NDArray[np.float32]
    scenes: NDArray[np.float32]


def read_labels(frames: Path, objects: Path, scenes: Path) -> Iterator[VideoLabels]:
    """Labels of every video of a shard, in the order of the list; the label files are mapped, not read whole.

    Args:
        frames: The list, ``train_frames4_%04d.txt``.
        objects: ``prob`` of the objects.
        scenes: ``prob`` of the scenes.

    Raises:
        DataError: A file is missing, empty or of another size than the list asks for; a video has more than four
            frames or stands in two places; probabilities of a frame are none.
    """
    videos = list_videos(frames)
    n_frames = sum(count for _, count in videos)
    tables = [mapped(path, n_frames, n_classes) for path, n_classes in ((objects, OBJECTS), (scenes, SCENES))]
    start = 0
    for video, count in videos:
        rows = [np.array(table[start : start + count], dtype=np.float32) for table in tables]
        for path, found in zip((objects, scenes), rows, strict=True):
            check_distributions(found, f"{path}, rows {start} to {start + count - 1} ({video})")
        yield VideoLabels(video, SECONDS[:count], *rows)
        start += count


def list_videos(frames: Path) -> list[tuple[str, int]]:
    """Videos of a list, and how many frames each has.

    Raises:
        DataError: The list is missing or empty, or its frames are not those of videos.
    """
    try:
        lines = frames.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {frames}: {error}", expected="a list of video frames", repair=REPAIR) from error
    named = [PurePosixPath(line.split()[0]).parent.as_posix() for line in lines if line.strip()]
    videos = [(video, len(list(group))) for video, group in groupby(named)]
    if not videos:
        raise DataError(f"{frames} names no frame", expected="one frame a line", repair=REPAIR)
    for video, count in videos:
        if count > len(SECONDS) or video in ("", "."):
            expected = f"at most {len(SECONDS)} frames a video, each in the video's folder"
            raise DataError(f"{frames}: {count} frames of {video!r}", expected=expected, repair=REPAIR)
    if len({video for video, _ in videos}) < len(videos):
        raise DataError(f"{frames}: frames of a video stand in two places", expected="together", repair=REPAIR)
    return videos


def mapped(path: Path, n_frames: int, n_classes: int) -> NDArray[np.float32]:
    """A label file as it lies on disk. Shape: ``(n_frames, n_classes)``.

    Raises:
        DataError: It is missing, or of another size.
    """
    expected = f"{n_frames} frames × {n_classes} classes × 4 bytes = {4 * n_frames * n_classes}"
    size = path.stat().st_size if path.is_file() else -1
    if size != 4 * n_frames * n_classes:
        found = "no file" if size < 0 else f"{size} bytes"
        raise DataError(f"{path}: {found}", expected=expected, repair=REPAIR)
    return np.memmap(path, dtype="<f4", mode="r", shape=(n_frames, n_classes))


def check_distributions(found: NDArray[np.floating], where: str) -> None:
    """Raise DataError unless every row is a distribution: no value below zero, a sum of one.

    Args:
        found: Shape: ``(N, C)``.
        where: As an error names it.
    """
    sums = np.asarray(found, dtype=np.float64).sum(1)
    wrong = ~(np.abs(sums - 1) <= TOLERANCE) | ~(found >= 0).all(1)  # not a number fails both
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        problem = f"{where}: row {row} adds up to {sums[row]:.4g}, its least value is {found[row].min():.3g}"
        raise DataError(problem, expected="probabilities that add up to one", repair=REPAIR)
