"""UrbanSound in a miniature of its official layout, and the paper's split from UrbanSound8K's real list."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from companion.datasets import DATASETS
from companion.datasets.urbansound import CLASSES, LIST, SPLITS, UrbanSound, read_classes, read_folds
from companion.errors import DataError

HEAD = "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
RECORDINGS = {  # id: (folds of its slices in order, classes, seconds, suffix)
    "11": ([1], ["dog_bark"], 2.0, ".wav"),
    "12": ([4], ["siren"], 3.0, ".flac"),
    "13": ([5], ["drilling"], 2.0, ".ogg"),
    "14": ([10], ["gun_shot"], 2.5, ".wav"),
    "15": ([2, 7], ["car_horn", "jackhammer"], 2.0, ".wav"),
    "16": ([8, 3], ["car_horn", "engine_idling"], 2.0, ".wav"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lines = [
        f"{name}-0-0-{i}.wav,{name},0.0,1.0,1,{fold},0,{classes[min(i, len(classes) - 1)]}\n"
        for name, (folds, classes, _, _) in RECORDINGS.items()
        for i, fold in enumerate(folds)
    ]
    listed = tmp_path / "UrbanSound8K" / "metadata" / "UrbanSound8K.csv"
    listed.parent.mkdir(parents=True)
    listed.write_text(HEAD + "".join(lines))
    for name, (_, classes, seconds, suffix) in RECORDINGS.items():
        tone = 0.1 * np.sin(np.arange(round(22050 * seconds)))
        for label in classes:
            folder = tmp_path / "UrbanSound" / "data" / label
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{name}{suffix}", np.stack([tone, tone], 1), 22050)
            (folder / f"{name}.csv").write_text(f"0.5,1.25,1,{label}\n1.5,{seconds},2,{label}\n")
            (folder / f"{name}.json").write_text("{}")
    return tmp_path


def test_recordings_have_their_labels_and_the_papers_folds(root):
    corpus = UrbanSound(root)
    clips = {clip.id: clip for clip in corpus.clips}
    assert {name: clip.fold for name, clip in clips.items()} == {"11": 1, "12": 1, "13": 2, "14": 3, "15": 3, "16": 1}
    assert {name: clip.weak for name, clip in clips.items()} == {
        name: tuple(sorted(classes)) for name, (_, classes, _, _) in RECORDINGS.items()
    }
    assert [(e.onset, e.offset) for e in clips["12"].strong] == [(0.5, 1.25), (1.5, 3.0)]
    assert len(clips["15"].strong) == 4
    assert all(clip.recording == name for name, clip in clips.items())
    assert "urbansound" in DATASETS
    assert DATASETS["urbansound"] is UrbanSound


def test_audio_is_mono_at_44100_hz_and_whole(root):
    corpus = UrbanSound(root)
    for clip in corpus.clips:
        audio = corpus.audio(clip)
        assert audio.sample_rate == 44100
        assert audio.samples.ndim == 1
        assert (
            audio.duration == pytest.approx(RECORDINGS[clip.id][2], abs=0.01) == pytest.approx(clip.duration, abs=0.01)
        )
    assert corpus.validate().ok


def test_what_is_missing_damaged_or_empty_is_left_out_and_named(root):
    data = root / "UrbanSound" / "data"
    (data / "dog_bark" / "11.wav").unlink()
    (data / "siren" / "12.flac").write_bytes(b"no sound")
    soundfile.write(data / "gun_shot" / "14.wav", np.zeros(0), 22050)
    soundfile.write(data / "gun_shot" / "nobody-listed.wav", np.zeros(9), 22050)
    corpus = UrbanSound(root)
    assert set(corpus.excluded) == {"11", "12", "14"}
    assert "no audio" in corpus.excluded["11"]
    assert {clip.id for clip in corpus.clips} == {"13", "15", "16"}
    found = corpus.validate()
    assert found.missing == ("11",)
    assert found.extra == ("nobody-listed.wav",)
    assert set(found.damaged) == {"12", "14"}
    assert not found.ok


def test_the_fingerprint_is_of_the_sound(root):
    before = UrbanSound(root).fingerprint()
    assert UrbanSound(root).fingerprint() == before
    soundfile.write(root / "UrbanSound" / "data" / "dog_bark" / "11.wav", 0.2 * np.ones(44100), 22050)
    assert UrbanSound(root).fingerprint() != before


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda d: (d / "piano").mkdir(), "is no class"),
        (lambda d: (d / "siren" / "99.csv").write_text("0,1,1,siren\n"), "has no fold"),
        (lambda d: (d / "siren" / "12.csv").write_text("0,1,1,piano\n"), "piano"),
        (lambda d: (d / "siren" / "12.csv").write_text("2,1,1,siren\n"), "2.0"),
        (lambda d: (d / "siren" / "12.csv").write_text("\n"), "no event"),
        (lambda d: (d / "siren" / "12.csv").write_text("a,b\n"), "cannot be read"),
        (lambda d: (d.parents[1] / "UrbanSound8K" / LIST).unlink(), "cannot be read"),
        (lambda d: (d.parents[1] / "UrbanSound8K" / LIST).write_text(HEAD + "a,1,0,1,1,11,0,siren"), "line 2"),
    ],
)  # fmt: skip
def test_what_is_not_the_official_layout_is_refused(root, wrong, says):
    wrong(root / "UrbanSound" / "data")
    with pytest.raises(DataError, match=says):
        UrbanSound(root)


def test_no_corpus_is_refused(tmp_path):
    with pytest.raises(DataError, match="no UrbanSound"):
        UrbanSound(tmp_path)


def test_the_papers_533_262_and_502_recordings():
    """From the real list: 1297 ids, five of them in two folds under two classes, which is 1302 pairs."""
    root = Path(os.environ.get("COMPANION_DATA", "nowhere")) / "UrbanSound8K" / "metadata" / "UrbanSound8K.csv"
    if not root.is_file():
        pytest.skip("needs UrbanSound8K's list: COMPANION_DATA is not set")
    folds, classes = read_folds(root), read_classes(root)
    assert Counter(SPLITS[fold] for fold in folds.values()) == {1: 533, 2: 262, 3: 502}
    assert len(folds) == 1297
    assert sum(map(len, classes.values())) == 1302
    assert {name for name, held in classes.items() if len(held) > 1} == {
        "106905",
        "180937",
        "77751",
        "132016",
        "176638",
    }
    assert set().union(*classes.values()) == set(CLASSES)
