"""SoundNet's label files: what is read is what was written, and a file that does not fit is refused by name."""

import numpy as np
import pytest

from companion.datasets.soundnet_labels import OBJECTS, SCENES, read_labels
from companion.errors import DataError

COUNTS = {"/data/a/one.mp4": 4, "/data/b/two.mp4": 1, "/data/b/three.mp4": 3}


@pytest.fixture
def shard(tmp_path):
    """Eight frames of three videos, and the paths of their three files."""
    rng, n = np.random.default_rng(0), sum(COUNTS.values())
    tables = [rng.dirichlet(np.full(size, 0.05), n).astype("<f4") for size in (OBJECTS, SCENES)]
    paths = [tmp_path / name for name in ("train_frames4_0001.txt", "objects", "scenes")]
    lines = [f"{video}/{frame:08d}.jpg 0" for video, count in COUNTS.items() for frame in range(count)]
    paths[0].write_text("\n".join(lines) + "\n")
    for path, table in zip(paths[1:], tables, strict=True):
        path.write_bytes(table.tobytes())
    return paths, tables


def test_every_frame_has_its_own_row_and_its_time(shard):
    paths, tables = shard
    found = list(read_labels(*paths))
    assert [one.video for one in found] == list(COUNTS)
    assert [one.seconds for one in found] == [(3, 8, 13, 18), (3,), (3, 8, 13)]
    for number, name in enumerate(("objects", "scenes")):
        np.testing.assert_array_equal(np.concatenate([getattr(one, name) for one in found]), tables[number])
    np.testing.assert_array_equal(found[1].scenes, tables[1][4:5])


def test_files_of_another_size_are_refused(shard):
    paths, _ = shard
    with pytest.raises(DataError, match="32000 bytes") as caught:
        list(read_labels(paths[0], paths[1], paths[1]))
    assert "8 frames × 401 classes" in caught.value.expected
    paths[2].write_bytes(paths[2].read_bytes()[:-4])
    with pytest.raises(DataError, match="scenes"):
        list(read_labels(*paths))
    paths[1].unlink()
    with pytest.raises(DataError, match="objects: no file"):
        list(read_labels(*paths))


@pytest.mark.parametrize("value", [-0.5, 0.9, np.nan])
def test_rows_that_are_no_distributions_are_refused_by_number(shard, value):
    paths, tables = shard
    table = tables[1].copy()
    table[6, 0] = value
    paths[2].write_bytes(table.tobytes())
    with pytest.raises(DataError, match=r"rows 5 to 7 \(/data/b/three.mp4\): row 1 adds up to"):
        list(read_labels(*paths))


def test_a_list_that_is_none_is_refused(shard):
    paths, _ = shard
    lines = paths[0].read_text().splitlines()
    for wrong, said in (
        ([], "names no frame"),
        ([*lines, lines[0]], "two places"),
        (["/a/v.mp4/1.jpg"] * 5, "5 frames of '/a/v.mp4'"),
        (["1.jpg"], "1 frames of '.'"),
    ):
        paths[0].write_text("\n".join(wrong))
        with pytest.raises(DataError, match=said):
            list(read_labels(*paths))
    paths[0].unlink()
    with pytest.raises(DataError, match="cannot read"):
        list(read_labels(*paths))
