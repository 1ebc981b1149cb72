"""ESC-50 in its official layout: what is read, what is repaired, what is refused."""

import errno
import hashlib
import os
import shutil

import numpy as np
import pytest
import soundfile

from companion.datasets import DATASETS
from companion.datasets.esc50 import (
    ESC50,
    STRADDLING_RECORDINGS,
    SUPERCLASSES,
    find_folder,
    straddling_recordings,
)
from companion.datasets.esc50_events import write_event_table
from companion.errors import AudioError, DataError

ESC10 = (
    "dog", "rooster", "rain", "sea_waves", "crackling_fire",
    "crying_baby", "sneezing", "clock_tick", "helicopter", "chainsaw",
)  # fmt: skip


# --- the made-up corpus


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_any_format_behind_the_stem(make_esc50, tmp_path, suffix):
    corpus = ESC50(make_esc50(tmp_path / "ESC-50", suffix))
    audio = corpus.audio(corpus.clips[0])
    assert audio.sample_rate == 44_100
    assert audio.samples.shape == (220_500,)
    assert audio.samples.dtype == np.float32
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(220_500) / 44_100)
    assert np.abs(audio.samples - tone)[1000:-1000].max() < (0.02 if suffix == ".ogg" else 1e-4)
    assert corpus.validate().ok


@pytest.mark.parametrize("name", ["ESC-50", "ESC-50-master", "elsewhere"])
def test_root_or_folder_inside_it(make_esc50, tmp_path, name):
    folder = make_esc50(tmp_path / name)
    assert ESC50(folder).folder == folder
    if name != "elsewhere":
        assert ESC50(tmp_path).folder == folder


def test_clips_classes_and_groups(make_esc50, tmp_path):
    corpus = ESC50(make_esc50(tmp_path / "ESC-50"))
    assert corpus.classes == ("dog", "chainsaw")
    assert corpus.superclass_of == {"dog": SUPERCLASSES[0], "chainsaw": SUPERCLASSES[4]}
    assert corpus.folds == (1, 2, 3, 4, 5)
    first = corpus.clips[0]
    assert (first.id, first.recording, first.fold, first.label) == ("1-1001-A-0", "1001", 1, "dog")
    assert first.duration == 5.0
    subset = ESC50(corpus.folder, esc10_only=True)
    assert subset.classes == ("dog",)
    assert [clip.label for clip in subset.clips] == ["dog"] * 5


def test_stereo_rate_and_length_are_repaired_and_noted(make_esc50, tmp_path):
    corpus = ESC50(make_esc50(tmp_path / "ESC-50", ".wav"))
    left = np.full(192_000, 0.5, dtype=np.float32)
    files = [corpus.path(clip) for clip in corpus.clips]
    soundfile.write(files[0], np.stack([left, 0 * left], axis=1), 48_000)  # 4 s
    soundfile.write(files[1], np.full(300_000, 0.5), 44_100)
    soundfile.write(files[2], np.zeros(220_500), 44_100)
    found = corpus.validate()
    assert found.ok
    assert found.notes == {
        "stereo, mixed down": 1,
        "48000 Hz, resampled": 1,
        "shorter than 5 s, padded": 1,
        "longer than 5 s, cropped": 1,
        "all silent": 1,
    }
    mixed = corpus.audio(corpus.clips[0]).samples
    assert mixed[1000:175_000] == pytest.approx(0.25, abs=1e-3)
    assert not mixed[177_000:].any()
    assert corpus.audio(corpus.clips[1]).samples == pytest.approx(0.5, abs=1e-4)


def test_validate_says_missing_damaged_and_extra(make_esc50, tmp_path):
    corpus = ESC50(make_esc50(tmp_path / "ESC-50", ".wav"))
    files = [corpus.path(clip) for clip in corpus.clips]
    files[0].unlink()
    files[1].write_bytes(b"RIFF, but no sound")
    files[2].write_bytes(files[3].read_bytes()[:100_000])
    files[4].write_bytes(b"")
    (corpus.folder / "audio" / "stranger.wav").touch()
    found = corpus.validate()
    assert not found.ok
    assert found.missing == (corpus.clips[0].id,)
    assert set(found.damaged) == {files[1].name, files[2].name, files[4].name}
    assert "breaks off" in found.damaged[files[2].name]
    assert found.extra == ("stranger.wav",)
    assert "9 of 10 clips present, 3 damaged, 1 extra" in str(found)


def test_esc10_does_not_call_the_other_clips_extra(make_esc50, tmp_path):
    assert ESC50(make_esc50(tmp_path / "ESC-50"), esc10_only=True).validate().extra == ()


def test_fingerprint_covers_labels_and_bytes(make_esc50, tmp_path):
    folder = make_esc50(tmp_path / "one" / "ESC-50", ".wav")
    whole, subset = ESC50(folder), ESC50(folder, esc10_only=True)
    moved = ESC50(shutil.copytree(folder, tmp_path / "two"))
    assert moved.fingerprint() == whole.fingerprint() != subset.fingerprint()
    file = moved.path(moved.clips[-1])
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert ESC50(moved.folder).fingerprint() != whole.fingerprint()
    file.unlink()
    with pytest.raises(DataError, match="missing"):
        ESC50(moved.folder).fingerprint()


def test_a_file_that_cannot_be_read_to_its_end(make_esc50, tmp_path, monkeypatch):
    corpus = ESC50(make_esc50(tmp_path / "ESC-50"))

    def failing(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(hashlib, "file_digest", failing)
    with pytest.raises(DataError, match=rf"{corpus.path(corpus.clips[0]).name}: Input/output error"):
        corpus.fingerprint()


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match=str(tmp_path)) as caught:
        ESC50(tmp_path)
    assert "meta/esc50.csv" in caught.value.expected
    assert "companion fetch esc50" in caught.value.repair


def test_missing_clip_and_damaged_clip(make_esc50, tmp_path):
    corpus = ESC50(make_esc50(tmp_path / "ESC-50"))
    first, second = corpus.clips[:2]
    corpus.path(first).unlink()
    with pytest.raises(DataError, match=f"{first.id} is missing") as caught:
        corpus.audio(first)
    assert "companion fetch esc50" in caught.value.repair
    corpus.path(second).write_bytes(b"fLaC")
    with pytest.raises(AudioError, match=second.id):
        corpus.audio(second)


def test_a_clip_that_broke_off_is_an_error_wherever_it_is_heard(make_esc50, tmp_path):
    """What is left of it can be decoded without complaint: an ogg file does not say how long it was."""
    corpus = ESC50(make_esc50(tmp_path / "ESC-50", ".ogg"))
    noise = 0.1 * np.random.default_rng(0).standard_normal(220_500)
    path = corpus.path(corpus.clips[0])
    soundfile.write(path, noise, 44_100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(AudioError, match=rf"{path.name} (breaks off after|is empty)"):
        corpus.audio(corpus.clips[0])
    with pytest.raises(AudioError, match=path.name):
        write_event_table(tmp_path, tmp_path / "events.csv")
    assert list(corpus.validate().damaged) == [path.name]


def test_validate_goes_on_behind_a_length_that_is_a_lie(make_esc50, tmp_path):
    corpus = ESC50(make_esc50(tmp_path / "ESC-50", ".flac"))
    first, last = corpus.path(corpus.clips[0]), corpus.path(corpus.clips[-1])
    content = bytearray(first.read_bytes())
    content[21:26] = b"\xff" * 5  # of 36 bits
    first.write_bytes(content)
    last.write_bytes(b"no sound")
    (corpus.folder / "audio" / os.fsdecode(b"caf\xe9.wav")).touch()
    found = corpus.validate()
    assert list(found.damaged) == [first.name, last.name]
    assert "caf\\udce9.wav" in str(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[: len(text) // 2], "breaks off in line|has 4 rows|has 5 rows"),
        (lambda text: text[: text.index("5-1005")], "has 4 rows"),
        (lambda text: "", "has 0 rows"),
        (lambda text: text.replace("filename,fold", "file,fold"), "has columns file"),
        (lambda text: text.replace("1-1001-A-0.wav,1", "1-1001-A-0.wav,2"), "line 2: 1-1001-A-0.wav"),
        (lambda text: text.replace("0,dog,True,1001", "0,dog,True,1002"), "line 2: 1-1001-A-0.wav"),
        (lambda text: text.replace("True,1001,A", "True,1001,B"), "line 2: 1-1001-A-0.wav"),
        (lambda text: text.replace("True,1001,A", "True,1001,A,A"), "line 2: 1-1001-A-0.wav"),
        (lambda text: text.replace("1-1001-A-0.wav,1,0", "1-1001-A-cow.wav,1,cow"), "line 2: 1-1001-A-cow"),
        (lambda text: text.replace("1001", "9" * 300), "line 2: 1-9999"),
        (lambda text: text.replace("1-1001-A-0.wav,1", "0-1001-A-0.wav,0"), "line 2: 0-1001-A-0"),
        (lambda text: text.replace("1-1001-A-0.wav,1", "9-1001-A-0.wav,9"), "has 1 clips of dog in fold 9"),
        (lambda text: text.replace("1-1001-A-0.wav,1", "2-1001-A-0.wav,2"), "has 2 clips of dog in fold 2"),
        (
            lambda text: text.replace(text.split()[10], text.split()[1]),
            "names 1-1001-A-0 in line 11, and before in line 2",
        ),
        (lambda text: text.replace("dog,True,1002", "chainsaw,True,1002"), "line 3 .*'chainsaw'.* line 2 .*'dog'"),
        (lambda text: text.replace("dog", "chainsaw"), "line 7 .*class 41 .* line 2 .*class 0"),
        (lambda text: text.replace("dog", ""), "the category '' in line 2"),
        (lambda text: text.replace("dog", "dog "), "the category 'dog ' in line 2"),
        (lambda text: text.replace("True,1001", "1,1001"), "'1' in line 2, column esc10"),
        (lambda text: text.replace("True,1002", "False,1002"), "line 3 .*outside ESC-10.* line 2 .*in ESC-10"),
        (lambda text: text.replace("True", "False"), "puts 0 classes into ESC-10"),
    ],
)
def test_a_csv_that_is_not_the_official_one(make_esc50, tmp_path, change, said):
    path = make_esc50(tmp_path / "ESC-50") / "meta" / "esc50.csv"
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))
    with pytest.raises(DataError, match=said) as caught:
        ESC50(tmp_path)
    assert str(path) in caught.value.problem
    assert "companion fetch esc50" in caught.value.repair


def test_a_csv_as_spreadsheets_write_it(make_esc50, tmp_path):
    """With a byte-order mark, TRUE and FALSE, lines ended by CR LF and the columns in another order."""
    path = make_esc50(tmp_path / "ESC-50") / "meta" / "esc50.csv"
    whole, subset = ESC50(tmp_path), ESC50(tmp_path, esc10_only=True)
    lines = [line.split(",") for line in path.read_text().replace("True", "TRUE").replace("False", "FALSE").split()]
    path.write_text("\r\n".join(",".join(line[::-1]) for line in lines), encoding="utf-8-sig", newline="")
    assert ESC50(tmp_path).clips == whole.clips
    assert ESC50(tmp_path, esc10_only=True).clips == subset.clips


def test_names_are_lazy_and_lead_to_classes():
    assert DATASETS["esc50"] is ESC50
    assert "esc50" in list(DATASETS)
    with pytest.raises(KeyError):
        DATASETS["esc51"]


# --- the real one


def test_real_corpus(esc50_root):
    corpus = ESC50(esc50_root)
    assert len(corpus.clips) == 2000
    assert len(corpus.classes) == 50
    assert all(sum(clip.label == name for clip in corpus.clips) == 40 for name in corpus.classes)
    assert [list(corpus.superclass_of.values()).count(group) for group in SUPERCLASSES] == [10] * 5
    assert all(corpus.path(clip).is_file() for clip in corpus.clips)
    assert find_folder(esc50_root.parent) == esc50_root


def test_real_esc10(esc50_root):
    corpus = ESC50(esc50_root, esc10_only=True)
    assert corpus.classes == ESC10
    assert all(sum(clip.label == name for clip in corpus.clips) == 40 for name in ESC10)


def test_four_recordings_straddle(esc50_root):
    """The same four lie in two folds, and inside and outside ESC-10."""
    corpus = ESC50(esc50_root)
    assert straddling_recordings(corpus.clips) == STRADDLING_RECORDINGS
    inside = {clip.recording for clip in corpus.clips if clip.label in ESC10}
    outside = {clip.recording for clip in corpus.clips if clip.label not in ESC10}
    assert tuple(sorted(inside & outside)) == STRADDLING_RECORDINGS


def test_real_audio(esc50_root):
    corpus = ESC50(esc50_root)
    for clip in corpus.clips[::200]:
        samples = corpus.audio(clip).samples
        assert samples.shape == (220_500,)
        assert np.isfinite(samples).all()
        assert 0 < np.abs(samples).max() < 1.5


@pytest.mark.soak
def test_real_corpus_validates(esc50_root):
    found = ESC50(esc50_root).validate()
    assert found.ok
    assert found.extra == ()
