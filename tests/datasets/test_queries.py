"""Folders of recordings, one for each query, and corpora under other labels."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from companion.audio import Audio
from companion.datasets.audioset_lists import EVAL, FILES, read_classes, read_segments
from companion.datasets.base import Clip, Dataset, Event, Validation
from companion.datasets.queries import Queries
from companion.datasets.relabelled import mislabelled, renamed
from companion.errors import DataError
from companion.results.published import load_audioset_names

CLASSES = ("dog_bark", "siren")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for query, lengths in {"dog bark sound": (1.0, 2.0), "siren sound": (3.0,)}.items():
        (tmp_path / query).mkdir()
        for i, seconds in enumerate(lengths):
            soundfile.write(tmp_path / query / f"{i}.wav", 0.1 * np.ones(round(8000 * seconds)), 8000)
    return tmp_path


QUERIES = {"dog bark sound": "dog_bark", "siren sound": "siren"}


def test_a_folder_labels_its_recordings(folder):
    corpus = Queries(folder, CLASSES, QUERIES)
    assert [(c.id, c.weak, c.fold, c.duration) for c in corpus.clips] == [
        ("dog bark sound/0.wav", ("dog_bark",), 1, 1.0),
        ("dog bark sound/1.wav", ("dog_bark",), 1, 2.0),
        ("siren sound/0.wav", ("siren",), 1, 3.0),
    ]
    assert len({clip.recording for clip in corpus.clips}) == 3
    assert corpus.audio(corpus.clips[1]).sample_rate == 44100
    assert corpus.validate().ok
    before = corpus.fingerprint()
    soundfile.write(folder / "siren sound" / "0.wav", np.zeros(24000) + 0.2, 8000)
    assert Queries(folder, CLASSES, QUERIES).fingerprint() != before


def test_files_that_cannot_be_used_are_named(folder):
    soundfile.write(folder / "siren sound" / "empty.wav", np.zeros(0), 8000)
    soundfile.write(folder / "siren sound" / "long.wav", np.zeros(8000 * 5), 8000)
    (folder / "siren sound" / "notes.txt").write_text("no sound")
    corpus = Queries(folder, CLASSES, QUERIES, longest=4.0)
    assert set(corpus.excluded) == {f"siren sound/{name}" for name in ("empty.wav", "long.wav", "notes.txt")}
    assert "longer than 4 s" in corpus.excluded["siren sound/long.wav"]
    assert len(corpus.clips) == 3
    assert not corpus.validate().ok


def test_a_folder_of_no_query_is_refused(folder, tmp_path):
    with pytest.raises(DataError, match="siren sound"):
        Queries(folder, CLASSES, {"dog bark sound": "dog_bark"})
    with pytest.raises(DataError, match="no folder"):
        Queries(tmp_path / "nowhere", CLASSES)
    (tmp_path / "empty" / "siren").mkdir(parents=True)
    with pytest.raises(DataError, match="no recording"):
        Queries(tmp_path / "empty", CLASSES)


class Made(Dataset):
    """Two hundred clips of one or two of four classes."""

    name, sample_rate = "made", 44100
    classes = ("a", "b", "c", "d")
    licence = citation = homepage = ""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        labels = [tuple(rng.choice(self.classes, size=1 + i % 2, replace=False).tolist()) for i in range(400)]
        self.clips = tuple(
            Clip(f"c{i}", f"r{i}", 1, 2.0, weak=weak, strong=tuple(Event(0.0, 1.0, name) for name in weak))
            for i, weak in enumerate(labels)
        )

    def audio(self, clip):
        return Audio(np.full(8, float(clip.id[1:]), dtype=np.float32), 44100)

    def validate(self):
        return Validation(len(self.clips))

    @property
    def author_of(self):
        return {"r1": "someone"}


def test_clips_are_renamed_and_those_of_other_classes_left_out():
    corpus = Made()
    found = renamed(corpus, {"a": "x", "b": "x", "c": "y"}, ("x", "y", "z"), "other")
    assert found.classes == ("x", "y", "z")
    originals = {clip.id: clip for clip in corpus.clips}
    assert len(found.clips) == sum(set(clip.weak) != {"d"} for clip in corpus.clips) < 400
    for clip in found.clips:
        held = set(originals[clip.id].weak)
        assert set(clip.weak) == ({"x"} if held & {"a", "b"} else set()) | ({"y"} if "c" in held else set())
        assert len(set(clip.weak)) == len(clip.weak)
        assert {event.label for event in clip.strong} == set(clip.weak)
        assert found.audio(clip).samples[0] == float(clip.id[1:])
    assert found.author_of == corpus.author_of
    assert found.fingerprint() != renamed(corpus, {"a": "x"}, ("x", "y", "z"), "other").fingerprint()


def test_labels_are_wrong_and_missing_at_the_stated_rates():
    corpus = Made()
    found = mislabelled(corpus, wrong=0.25, missing=0.5, seed=3)
    wrong, missing = Counter(), Counter()
    for before, after in zip(corpus.clips, found.clips, strict=True):
        assert replace(after, weak=before.weak) == before, "sounds, recordings and strong labels stay"
        wrong[not set(after.weak) <= set(before.weak)] += 1
        if len(before.weak) == 2:
            missing[before.weak[1] not in after.weak] += 1
        assert 1 <= len(after.weak) <= len(before.weak)
    assert wrong[True] / 400 == pytest.approx(0.25, abs=0.06)
    assert missing[True] / 200 == pytest.approx(0.5, abs=0.09)
    assert mislabelled(corpus, 0.25, 0.5, 3).clips == found.clips
    assert mislabelled(corpus, 0.25, 0.5, 4).clips != found.clips
    assert mislabelled(corpus, 0.0, 0.0, 3).clips == corpus.clips
    alone = Made()
    alone.clips = alone.clips[7:9]
    assert mislabelled(alone, 0.25, 0.5, 3).clips == found.clips[7:9], "of the clip's own id, whatever others there are"


def test_audiosets_nine_classes_cover_837_clips_of_todays_list():
    """The paper has 761; with "Dog" in place of "Bark" there would be 1007."""
    root = Path(os.environ.get("COMPANION_DATA", "nowhere")) / "AudioSet"
    if not root.is_dir():
        pytest.skip("needs AudioSet's lists: COMPANION_DATA is not set")
    names = load_audioset_names("KumarRaj2017")
    assert len(names) == 9
    assert "Street Music" not in names
    classes = read_classes(root / "class_labels_indices.csv")
    held = read_segments(root / FILES[EVAL], classes)

    def count(wanted):
        return sum(bool(set(segment.labels) & set(wanted)) for segment in held)

    assert count(names.values()) == 837
    assert count([*set(names.values()) - {"Bark"}, "Dog"]) == 1007
