"""AudioSet: its lists without audio, the clips of one disk against them, and nothing left out without being named."""

import json
import os
import pickle
import re
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from companion import cli
from companion.datasets import DATASETS, audioset_files, audioset_lists
from companion.datasets.audioset import AudioSet
from companion.datasets.audioset_lists import FILES, TRAIN, UNBALANCED, read_classes, read_lists, read_segments
from companion.datasets.download import Remote, registered_files
from companion.datasets.extraction import extract_corpus
from companion.errors import AudioError, DataError, DownloadError
from companion.features import NS_LOG_MEL, extract
from companion.store import Store

RATE = 44100
CLASSES = {"/m/01": "Speech", "/m/02": "Dog", "/m/03": "Cat, meow", "/t/dd1": "Silence"}
ONTOLOGY = [
    {"id": "/m/00", "name": "Human sounds", "child_ids": ["/m/01"]},
    {"id": "/m/09", "name": "Animal", "child_ids": ["/m/02", "/m/03"]},
    {"id": "/m/01", "name": "Speech", "child_ids": []},
    {"id": "/m/02", "name": "Dog", "child_ids": ["/t/dd1"]},
    {"id": "/m/03", "name": "Cat, meow", "child_ids": []},
    {"id": "/t/dd1", "name": "Silence", "child_ids": []},
]
TRAIN_ROWS = {
    "--PJHxphWEs": (30.0, 32.0, "/m/01,/m/02"),
    "YtrainAAAA1": (0.0, 2.0, "/m/02"),
    "trainBBB_10": (239.8, 241.8, "/m/03"),
    "trainCCCCC1": (10.0, 12.0, "/m/01,/t/dd1"),
}
EVAL_ROWS = {"evalDDDDDD1": (0.0, 2.0, "/m/03"), "evalEEEEEE1": (5.0, 7.0, "/m/02,/m/01")}


def unbalanced_rows(n: int) -> dict[str, tuple[float, float, str]]:
    return {f"unbal{number:06d}": (0.0, 2.0, "/m/01") for number in range(n)}


def write_list(path: Path, rows) -> None:
    head = ["# Segments csv created by a test", f"# num_ytids={len(rows)}, num_segs={len(rows)}", "# YTID, start, end"]
    lines = [f'{name}, {start:.3f}, {end:.3f}, "{mids}"' for name, (start, end, mids) in rows.items()]
    path.write_text("\n".join([*head, *lines]) + "\n")


def write_lists(folder: Path, train=TRAIN_ROWS, evaluation=EVAL_ROWS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    names = [f'{index},{mid},"{name}"' for index, (mid, name) in enumerate(CLASSES.items())]
    (folder / "class_labels_indices.csv").write_text("\n".join(["index,mid,display_name", *names]) + "\n")
    (folder / "ontology.json").write_text(json.dumps(ONTOLOGY))
    write_list(folder / FILES[TRAIN], train)
    write_list(folder / "eval_segments.csv", evaluation)
    return folder


def write_clip(path: Path, seconds: float = 2.0, rate: int = RATE, channels: int = 1) -> Path:
    """A tone, so that a resampled clip can be told from another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, np.tile(tone[:, None], channels), rate)
    return path


@pytest.fixture
def folder(tmp_path):
    return write_lists(tmp_path / "data" / "AudioSet")


@pytest.fixture
def whole(folder):
    """Every clip of both lists, under the namings in use."""
    train, evaluation = folder / "audio" / "balanced_train", folder / "audio" / "eval"
    write_clip(train / "Y--PJHxphWEs.wav")
    write_clip(train / "YtrainAAAA1.flac")  # the id itself begins with Y
    write_clip(train / "trainBBB_10_239.800.wav")  # the id itself ends like a start
    write_clip(train / "trainCCCCC1_10.000.ogg")
    write_clip(evaluation / "evalDDDDDD1.wav", rate=16000, channels=2)
    write_clip(folder / "elsewhere" / "deep" / "YevalEEEEEE1_5000_7000.flac")
    return folder


# --- the lists by themselves


def test_lists_need_no_audio(folder):
    lists = read_lists(folder.parent)
    assert lists == read_lists(folder)
    assert list(lists.classes.values()) == ["Speech", "Dog", "Cat, meow", "Silence"]
    first = lists.train[0]
    assert (first.id, first.start, first.end, first.labels) == ("--PJHxphWEs", 30.0, 32.0, ("Speech", "Dog"))
    assert [segment.id for segment in lists.evaluation] == list(EVAL_ROWS)


def test_label_distribution_counts_clips(folder):
    table = audioset_lists.label_distribution(read_lists(folder))
    assert list(table.columns) == ["class", "balanced train", "eval"]
    assert table.values.tolist() == [["Speech", 2, 1], ["Dog", 2, 1], ["Cat, meow", 1, 1], ["Silence", 1, 0]]


def test_a_class_counts_for_the_top_of_the_ontology(folder):
    tops = audioset_lists.superclasses(folder / "ontology.json", CLASSES)
    assert tops == {"Speech": "Human sounds", "Dog": "Animal", "Cat, meow": "Animal", "Silence": "Animal"}


BAD_ROWS = {
    "unknown label": ('abc, 0.000, 10.000, "/m/01,/m/99"', "has labels /m/99", "class_labels_indices.csv"),
    "repeated id": ('--PJHxphWEs, 0.000, 10.000, "/m/01"', "repeats --PJHxphWEs of line 4", "each id once"),
    "end before start": ('abc, 10.000, 9.000, "/m/01"', "ends at 9 s", "start < end"),
    "no length": ('abc, 10.000, 10.000, "/m/01"', "ends at 10 s", "start < end"),
    "a time without end": (f'abc, 0.000, {"9" * 400}, "/m/01"', "is malformed", "YTID"),
    "a name too long for a file": (f'{"a" * 300}, 0.000, 10.000, "/m/01"', "is malformed", "YTID"),
    "no label": ("abc, 0.000, 10.000", "is malformed", "YTID"),
    "empty labels": ('abc, 0.000, 10.000, ""', "is malformed", "YTID"),
    "no number": ('abc, zero, 10.000, "/m/01"', "is malformed", "YTID"),
    "before the video": ('abc, -1.000, 9.000, "/m/01"', "is malformed", "YTID"),
    "no quotes": ("abc, 0.000, 10.000, /m/01,/m/02", "is malformed", "YTID"),
    "a path for an id": ('../abc, 0.000, 10.000, "/m/01"', "is malformed", "YTID"),
    "a comment between": ("# abc", "is malformed", "YTID"),
}


@pytest.mark.parametrize(("row", "problem", "expected"), BAD_ROWS.values(), ids=BAD_ROWS)
@pytest.mark.parametrize("name", ["balanced_train_segments.csv", "eval_segments.csv"])
def test_a_bad_line_is_named(folder, row, problem, expected, name):
    path = folder / name
    good = path.read_text().splitlines()
    good[3] = '--PJHxphWEs, 30.000, 40.000, "/m/01"'  # the same first line in both lists
    path.write_text("\n".join([*good[:4], row, *good[5:]]) + "\n")
    with pytest.raises(DataError) as caught:
        read_segments(path, CLASSES)
    assert f"{path}, line 5 {problem}" in caught.value.problem
    assert expected in caught.value.expected
    assert "companion fetch audioset" in caught.value.repair


def test_a_list_that_was_cut_off_is_noticed(folder):
    path = folder / FILES[TRAIN]
    whole = path.read_text().splitlines()
    path.write_text("\n".join(whole[:-1]) + "\n")
    with pytest.raises(DataError, match=r"breaks off in line 6: 3 segments") as caught:
        read_segments(path, CLASSES)
    assert "4 segments, as its head says" in caught.value.expected
    path.write_text("\n".join(whole[:3]))
    with pytest.raises(DataError, match="0 segments"):
        read_segments(path, CLASSES)
    path.write_text("\n".join([whole[0], *whole[3:]]))  # without a number in its head, it is what it is
    assert len(read_segments(path, CLASSES)) == 4


@pytest.mark.parametrize("name", ["class_labels_indices.csv", "eval_segments.csv"])
def test_missing_and_unreadable_lists(folder, name):
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"\xff\xfe")):
        damage(folder / name)
        with pytest.raises(DataError, match=re.escape(str(folder / name))) as caught:
            AudioSet(folder)
        assert "companion fetch audioset" in caught.value.repair


def test_no_folder(tmp_path):
    with pytest.raises(DataError, match="no AudioSet") as caught:
        AudioSet(tmp_path)
    assert "eval_segments.csv" in caught.value.expected
    assert "companion fetch audioset" in caught.value.repair


def test_an_id_in_both_lists_is_refused(tmp_path):
    folder = write_lists(tmp_path / "AudioSet", evaluation=EVAL_ROWS | {"trainCCCCC1": (0.0, 10.0, "/m/01")})
    with pytest.raises(DataError, match="share 1 ids: trainCCCCC1"):
        AudioSet(folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (2, '3,/m/02,"Dog"'),
        (2, '1,/m/01,"Dog"'),
        (2, '1,/m/02,"Speech"'),
        (2, "1,/m/02"),
        (0, "mid,index,display_name"),
    ],
)
def test_a_damaged_class_list_is_named(folder, line, said):
    path = folder / "class_labels_indices.csv"
    lines = path.read_text().splitlines()
    lines[line] = said
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=rf"class_labels_indices\.csv, line {line + 1} "):
        read_classes(path)


@pytest.mark.parametrize("content", ["", "{}", "[1]", "[]", json.dumps(ONTOLOGY[:2])])
def test_a_damaged_ontology(folder, content):
    (folder / "ontology.json").write_text(content)
    with pytest.raises(DataError, match=r"ontology\.json"):
        AudioSet(folder)


# --- clips and files


def test_every_naming_finds_its_segment(whole):
    corpus = AudioSet(whole.parent, held_out=0.0)
    assert {clip.id for clip in corpus.clips} == set(TRAIN_ROWS) | set(EVAL_ROWS)
    assert all(clip.recording == clip.id for clip in corpus.clips)
    first = next(clip for clip in corpus.clips if clip.id == "--PJHxphWEs")
    assert (first.weak, first.label, first.duration) == (("Speech", "Dog"), None, 2.0)
    assert {corpus.path(clip).name for clip in corpus.clips if clip.fold == 3} == {
        "evalDDDDDD1.wav",
        "YevalEEEEEE1_5000_7000.flac",
    }
    assert corpus.superclass_of["Dog"] == "Animal"
    assert corpus.excluded == {}
    assert str(corpus.presence["balanced train"]) == "4 of 4 clips present"


@pytest.mark.parametrize(
    ("stem", "matches"),
    [
        ("trainCCCCC1", True),
        ("YtrainCCCCC1", True),
        ("trainCCCCC1_10", True),
        ("YtrainCCCCC1_10.000", True),
        ("trainCCCCC1_10000", True),
        ("trainCCCCC1_10.000_12.000", True),
        ("trainBBB_10", True),
        ("trainBBB_10_239", True),
        ("trainBBB_10_239800", True),
        ("trainBBB_10_240.000", True),
        ("YYtrainAAAA1_0.000", True),
        ("trainCCCCC1_30.000", False),
        ("trainCCCCC1_copy", False),
        ("traincccc1", False),
        ("rainCCCCC1", False),
    ],
)
def test_names(folder, stem, matches):
    lists = read_lists(folder)
    segments = {segment.id: segment for segment in lists.train}
    file = Path("audio") / f"{stem}.wav"
    found = audioset_files.match([file], segments)
    assert bool(found.paths) == matches
    assert len(found.paths) + len(found.elsewhere) + len(found.strangers) == 1
    if matches:
        assert next(iter(found.paths)) in stem


def test_another_part_of_the_video_is_a_stranger_or_why_a_clip_is_excluded(whole):
    for stem in ("Y--PJHxphWEs_50.000", "Y--PJHxphWEs_70.000"):
        write_clip(whole / "audio" / f"{stem}.wav")
    corpus = AudioSet(whole)
    assert "--PJHxphWEs" in {clip.id for clip in corpus.clips}
    assert corpus.validate().extra == ("audio/Y--PJHxphWEs_50.000.wav", "audio/Y--PJHxphWEs_70.000.wav")
    (whole / "audio" / "balanced_train" / "Y--PJHxphWEs.wav").unlink()
    corpus = AudioSet(whole)
    assert corpus.excluded == {"--PJHxphWEs": "Y--PJHxphWEs_50.000.wav begins at 50.000, the list says 30 s"}
    assert corpus.validate().extra == ("audio/Y--PJHxphWEs_70.000.wav",), "named, not lost"


def test_two_files_for_one_id_are_refused(whole):
    write_clip(whole / "audio" / "copies" / "trainCCCCC1.wav")
    with pytest.raises(DataError, match="1 segments have two files each") as caught:
        AudioSet(whole)
    assert str(whole / "audio" / "copies" / "trainCCCCC1.wav") in caught.value.problem
    assert str(whole / "audio" / "balanced_train" / "trainCCCCC1_10.000.ogg") in caught.value.problem
    assert "remove one" in caught.value.repair


def test_absent_clips_are_counted_and_named(whole):
    (whole / "audio" / "balanced_train" / "YtrainAAAA1.flac").unlink()
    corpus = AudioSet(whole)
    assert corpus.absent == {"balanced train": ("YtrainAAAA1",), "eval": ()}
    assert str(corpus.presence["balanced train"]) == "3 of 4 clips present"
    assert "YtrainAAAA1" not in {clip.id for clip in corpus.clips}


def test_unusable_clips_are_counted_and_named(whole):
    audio = whole / "audio" / "balanced_train"
    write_clip(audio / "Y--PJHxphWEs.wav", seconds=1.0)
    (audio / "YtrainAAAA1.flac").write_bytes(b"fLaC and no more")
    (audio / "trainBBB_10_239.800.wav").rename(audio / "trainBBB_10_30.000.wav")
    write_clip(whole / "audio" / "eval" / "evalDDDDDD1.wav", seconds=30.0, rate=8000)
    corpus = AudioSet(whole)
    assert {clip.id for clip in corpus.clips} == {"trainCCCCC1", "evalEEEEEE1"}
    assert set(corpus.excluded) == {"--PJHxphWEs", "YtrainAAAA1", "trainBBB_10", "evalDDDDDD1"}
    assert "1.00 s long, less than one segment of 128 frames" in corpus.excluded["--PJHxphWEs"]
    assert "cannot read" in corpus.excluded["YtrainAAAA1"]
    assert "begins at 30.000, the list says 239.8 s" in corpus.excluded["trainBBB_10"]
    assert "30.0 s long, so not cut" in corpus.excluded["evalDDDDDD1"]
    assert str(corpus.presence["balanced train"]) == "4 of 4 clips present, 3 of them excluded"
    assert corpus.absent == {"balanced train": (), "eval": ()}
    found = corpus.validate()
    assert found.damaged == corpus.excluded
    assert not found.ok
    assert "4 of 4 clips present, 3 of them excluded" in str(found)


def test_one_segment_is_128_frames(folder):
    """65,024 samples give 128 centred frames, one sample less gives 127."""
    path = folder / "audio" / "YtrainAAAA1.wav"
    for n_samples, kept in ((65_024, 1), (65_023, 0)):
        write_clip(path, seconds=n_samples / RATE)
        corpus = AudioSet(folder)
        assert len(corpus.clips) == kept
        assert [len(extract(corpus.audio(clip).samples, RATE)) for clip in corpus.clips] == [128] * kept


def test_a_segment_shorter_than_one_is_excluded_however_long_its_file(tmp_path):
    folder = write_lists(tmp_path / "AudioSet", train={"trainCCCCC1": (0.0, 1.0, "/m/01")})
    write_clip(folder / "trainCCCCC1.wav", seconds=5.0)
    assert AudioSet(folder).excluded == {"trainCCCCC1": "1.00 s long, less than one segment of 128 frames"}


def test_audio_is_mono_at_44100_hz_and_as_long_as_its_segment(whole):
    for name, seconds in (("trainCCCCC1", 2.1), ("YtrainAAAA1", 1.9), ("trainBBB_10", 1.6)):
        path = next((whole / "audio" / "balanced_train").glob(f"{name}*"))
        write_clip(path, seconds=seconds, rate=48000)
    corpus = AudioSet(whole)
    lengths = {clip.id: len(corpus.audio(clip).samples) for clip in corpus.clips}
    assert lengths.pop("trainBBB_10") == round(1.6 * RATE), "much shorter than its segment: as long as it is"
    assert set(lengths.values()) == {2 * RATE}, "cropped, padded, or exactly right"
    resampled = corpus.audio(next(clip for clip in corpus.clips if clip.id == "evalDDDDDD1"))
    tone = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)
    assert resampled.sample_rate == RATE
    assert np.abs(resampled.samples - tone)[1000:-1000].max() < 1e-3


def test_a_clip_that_vanishes_or_breaks_later(whole):
    corpus = AudioSet(whole)
    first, second = (clip for clip in corpus.clips if clip.id in ("--PJHxphWEs", "trainBBB_10"))
    content = corpus.path(first).read_bytes()
    corpus.path(first).write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"breaks off after 1\.00 s"):
        corpus.audio(first)
    corpus.path(second).unlink()
    with pytest.raises(DataError, match=f"{second.id} is missing") as caught:
        corpus.audio(second)
    assert second.id in caught.value.expected


# --- folds


def test_validation_comes_from_the_unbalanced_list(whole):
    write_list(whole / FILES[UNBALANCED], unbalanced_rows(50))
    for number in range(0, 40, 2):
        write_clip(whole / "audio" / "unbalanced_train" / f"Yunbal{number:06d}.wav", rate=8000)
    (whole / "audio" / "unbalanced_train" / "Yunbal000000.wav").write_bytes(b"no sound")
    corpus = AudioSet(whole, n_validation=5)
    folds = {fold: {clip.id for clip in corpus.clips if clip.fold == fold} for fold in corpus.folds}
    assert folds[1] == set(TRAIN_ROWS)
    assert folds[3] == set(EVAL_ROWS)
    assert len(folds[2]) == 5
    assert all(name.startswith("unbal") for name in folds[2])
    assert str(corpus.presence[UNBALANCED]).startswith("20 of 50 clips present")
    assert "5 clips of the unbalanced list" in corpus.description
    assert corpus.validate().extra == ()
    again = AudioSet(whole, n_validation=5)
    assert again.clips == corpus.clips
    assert again.fingerprint() == corpus.fingerprint()
    other = {clip.id for clip in AudioSet(whole, n_validation=5, seed=1).clips if clip.fold == 2}
    assert other != folds[2]
    every = AudioSet(whole, n_validation=1000)
    assert sum(clip.fold == 2 for clip in every.clips) == 19
    assert "cannot read" in every.excluded["unbal000000"]


def test_a_lost_clip_changes_one_of_the_validation_clips(whole):
    write_list(whole / FILES[UNBALANCED], unbalanced_rows(20))
    paths = [write_clip(whole / "audio" / f"{name}.wav", rate=8000) for name in unbalanced_rows(20)]
    before = {clip.id for clip in AudioSet(whole, n_validation=6).clips if clip.fold == 2}
    lost = sorted(before)[0]
    next(path for path in paths if path.stem == lost).unlink()
    after = {clip.id for clip in AudioSet(whole, n_validation=6).clips if clip.fold == 2}
    assert before - after == {lost}
    assert len(after) == 6


def many_train(tmp_path: Path) -> Path:
    rows = {f"train{number:06d}": (0.0, 2.0, "/m/01") for number in range(20)}
    folder = write_lists(tmp_path / "AudioSet", train=rows)
    for name in rows:
        write_clip(folder / "audio" / f"{name}.wav", rate=8000)
    return folder


@pytest.mark.parametrize("listed", [False, True])
def test_without_unbalanced_clips_a_share_of_the_balanced_list_validates_and_says_so(tmp_path, listed):
    folder = many_train(tmp_path)
    if listed:
        write_list(folder / FILES[UNBALANCED], unbalanced_rows(5))
    corpus = AudioSet(folder, held_out=0.2)
    folds = Counter(clip.fold for clip in corpus.clips)
    assert folds == {1: 16, 2: 4}
    assert len({clip.recording for clip in corpus.clips}) == 20, "no recording on both sides"
    reason = "no usable clip of the unbalanced list" if listed else "no unbalanced list"
    assert f"4 clips held out of the balanced list, because there is {reason}" in corpus.description
    assert corpus.description in str(corpus.validate())
    held = {clip.id for clip in corpus.clips if clip.fold == 2}
    assert {clip.id for clip in AudioSet(folder, held_out=0.3).clips if clip.fold == 2} > held
    assert {clip.id for clip in AudioSet(folder, held_out=0.2, seed=1).clips if clip.fold == 2} != held


def test_lists_without_audio_are_an_empty_corpus(folder):
    corpus = AudioSet(folder)
    assert corpus.clips == ()
    assert "0 of 4 clips present" in str(corpus.validate())


# --- fingerprint, validation, extraction


def test_fingerprint_covers_bytes_labels_and_folds(whole, tmp_path):
    first = AudioSet(whole).fingerprint()
    assert AudioSet(whole).fingerprint() == first
    path = whole / "audio" / "balanced_train" / "Y--PJHxphWEs.wav"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    changed = AudioSet(whole).fingerprint()
    relabelled = TRAIN_ROWS | {"trainCCCCC1": (10.0, 12.0, "/m/01")}
    write_list(whole / FILES[TRAIN], relabelled)
    assert (
        len({first, changed, AudioSet(whole).fingerprint(), AudioSet(whole, seed=9, held_out=0.5).fingerprint()}) == 4
    )


def test_a_large_corpus_is_sent_to_other_processes_in_parts(tmp_path):
    corpus = AudioSet(many_train(tmp_path))
    part = pickle.loads(pickle.dumps(corpus.holding(corpus.clips[:1])))
    assert np.array_equal(part.audio(corpus.clips[0]).samples, corpus.audio(corpus.clips[0]).samples)
    with pytest.raises(DataError):
        part.audio(corpus.clips[1])
    assert len(corpus.clips) == 20
    assert len(pickle.dumps(part)) < len(pickle.dumps(corpus)) / 2


def cut_off_flac(whole: Path) -> Path:
    """A flac that ends in the middle, and whose header does not know it."""
    path = whole / "audio" / "balanced_train" / "YtrainAAAA1.flac"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE)
    soundfile.write(path, noise, RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_validate_hears_what_the_header_hides(whole):
    cut_off_flac(whole)
    (whole / "audio" / "stranger.wav").touch()
    corpus = AudioSet(whole, held_out=0.0)
    assert corpus.excluded == {}
    found = corpus.validate()
    assert set(found.damaged) == {"YtrainAAAA1"}
    assert found.extra == ("audio/stranger.wav",)
    assert found.missing == ()
    assert found.notes == {"shorter than 10 s": 5, "2 channels, mixed down": 1, "16000 Hz, resampled": 1}


@pytest.mark.usefixtures("ten_seconds")
def test_what_is_no_clip_is_named_and_not_waited_for(whole):
    """A pipe under a clip's name, one that breaks off behind its header, and a name that is not UTF-8."""
    train = whole / "audio" / "balanced_train"
    (train / "Y--PJHxphWEs.wav").unlink()
    os.mkfifo(train / "Y--PJHxphWEs.wav")
    cut = train / "trainBBB_10_239.800.wav"
    cut.write_bytes(cut.read_bytes()[:-10_000])
    write_clip(train / "stranger.wav").rename(train / os.fsdecode(b"caf\xe9.wav"))
    found = AudioSet(whole).validate()
    assert set(found.damaged) == {"--PJHxphWEs", "trainBBB_10"}
    assert "no recording at" in found.damaged["--PJHxphWEs"]
    assert "breaks off after 1.89 s" in found.damaged["trainBBB_10"]
    assert "caf\\udce9.wav" in str(found)
    str(found).encode()  # can be printed


def test_extraction_excludes_what_turns_out_damaged(whole, tmp_path):
    cut_off_flac(whole)
    corpus = AudioSet(whole)
    features = extract_corpus(corpus, NS_LOG_MEL, Store(tmp_path / "store"), on_error="exclude", shard_clips=2)
    assert set(features.excluded) == {"YtrainAAAA1"}
    assert [clip.id for clip in features.clips] == [clip.id for clip in corpus.clips if clip.id != "YtrainAAAA1"]
    for feature, clip in zip(features, features.clips, strict=True):
        assert np.array_equal(feature, extract(corpus.audio(clip).samples, RATE))
    with pytest.raises(AudioError, match="YtrainAAAA1"):
        extract_corpus(corpus, NS_LOG_MEL, Store(tmp_path / "store"))


def test_command_line(whole):
    call = CliRunner().invoke(cli.app, ["validate", "audioset", "--data", str(whole.parent)])
    assert call.exit_code == 0
    assert "balanced train: 4 of 4 clips present" in call.stdout
    assert "eval: 2 of 2 clips present" in call.stdout
    (whole / "audio" / "eval" / "evalDDDDDD1.wav").unlink()
    call = CliRunner().invoke(cli.app, ["validate", "audioset", "--data", str(whole.parent)])
    assert call.exit_code == 1
    assert "eval: 1 of 2 clips present" in call.stdout
    assert "missing: evalDDDDDD1" in call.stdout
    assert "cannot be downloaded" in call.stdout
    assert DATASETS["audioset"] is AudioSet


# --- fetch


@pytest.fixture
def official(server, tmp_path, monkeypatch):
    """A made-up official address; returns the folder behind it."""
    folder, address = server
    write_lists(folder)
    write_list(folder / FILES[UNBALANCED], unbalanced_rows(3))
    names = ["class_labels_indices.csv", *FILES.values(), "ontology.json"]
    remotes = tuple(Remote("audioset", f"{address}/{name}", "", False, 1000, "CC BY 4.0", "made up") for name in names)
    monkeypatch.setattr("companion.datasets.audioset_fetch.registered_files", lambda _: remotes)
    return folder


def test_fetch_brings_the_lists_and_says_that_clips_must_be_brought(official, tmp_path, caplog):
    corpus = AudioSet.fetch(tmp_path / "data")
    assert corpus.folder == tmp_path / "data" / "AudioSet"
    assert corpus.clips == ()
    assert str(corpus.presence[UNBALANCED]) == "0 of 3 clips present"
    assert {path.name for path in corpus.folder.iterdir()} == {path.name for path in official.iterdir()}
    assert "cannot be downloaded from an official address" in caplog.text
    assert "Y{id}.wav" in caplog.text


def test_fetch_mends_damaged_lists_and_leaves_the_rest(official, whole):
    (whole / FILES[TRAIN]).write_text("half a list")
    old = time.time() - 1000
    os.utime(whole / "eval_segments.csv", (old, old))
    corpus = AudioSet.fetch(whole.parent)
    assert corpus.folder == whole
    assert len(corpus.clips) == 6
    assert (whole / "eval_segments.csv").stat().st_mtime == pytest.approx(old, abs=1)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda folder: (folder / "eval_segments.csv").unlink(), DownloadError),
        (lambda folder: (folder / "eval_segments.csv").write_text("<html>Please log in</html>"), DataError),
        (lambda folder: (folder / "ontology.json").write_text("[]"), DataError),
        (lambda folder: write_list(folder / FILES[TRAIN], {"x": (0, 1, "/m/77")}), DataError),
    ],
)
def test_a_bad_download_changes_nothing(official, tmp_path, change, kind):
    change(official)
    with pytest.raises(kind):
        AudioSet.fetch(tmp_path / "data")
    assert list((tmp_path / "data" / "AudioSet").iterdir()) == []


def test_registry():
    remotes = registered_files("audioset")
    assert {remote.url.rsplit("/", 1)[1] for remote in remotes} == {
        "class_labels_indices.csv", "ontology.json", *FILES.values()
    }  # fmt: skip
    assert all(remote.url.startswith(("http://storage.googleapis.com/", "https://raw.")) for remote in remotes)
    assert not any(remote.verified for remote in remotes)
    assert {remote.name for remote in remotes} == {"audioset"}


# --- the official lists


@pytest.fixture(scope="module")
def official_lists():
    chosen = os.environ.get("COMPANION_DATA")
    if not chosen or not (Path(chosen) / "AudioSet" / FILES[TRAIN]).is_file():
        pytest.skip("needs AudioSet's lists: no AudioSet in COMPANION_DATA")
    return read_lists(chosen)


def test_official_lists(official_lists):
    train, evaluation = ({segment.id for segment in part} for part in (official_lists.train, official_lists.evaluation))
    assert (len(official_lists.train), len(official_lists.evaluation)) == (22_160, 20_371)
    assert (len(train), len(evaluation)) == (22_160, 20_371), "one segment an id"
    assert not train & evaluation
    assert len(official_lists.classes) == len(set(official_lists.classes.values())) == 527
    assert list(official_lists.classes.values())[:2] == ["Speech", "Male speech, man speaking"]
    lengths = [segment.duration for segment in (*official_lists.train, *official_lists.evaluation)]
    assert (min(lengths), max(lengths)) == (1.0, pytest.approx(10.0))


def test_official_label_distribution(official_lists):
    table = audioset_lists.label_distribution(official_lists)
    assert table.shape == (527, 3)
    assert table["balanced train"].sum() == 52_882, "num_positive_labels in the list's head"
    assert table["eval"].sum() == 51_804
    assert table["balanced train"].min() == table["eval"].min() == 59, "as section 4.1 says"


def test_official_ontology_has_a_place_for_every_class(official_lists):
    tops = audioset_lists.superclasses(official_lists.folder / "ontology.json", official_lists.classes)
    assert set(tops) == set(official_lists.classes.values())
    assert len(set(tops.values())) == 7


def test_names_made_of_official_ids_are_never_ambiguous(official_lists):
    """Whatever the naming, an id is read as itself: also those that begin with Y or end like a start."""
    segments = {segment.id: segment for segment in (*official_lists.train, *official_lists.evaluation)}
    odd = [segment for name, segment in segments.items() if name.startswith("Y") or re.search(r"_\d+$", name)]
    assert len(odd) > 800
    for naming in ("Y{}.wav", "{}.flac", "{}_{:.3f}.wav", "Y{}_{:.3f}.wav", "Y{}_{:.0f}.ogg"):
        files = [Path(naming.format(segment.id, segment.start)) for segment in odd]
        found = audioset_files.match(files, segments)
        assert found.paths == {segment.id: file for segment, file in zip(odd, files, strict=True)}
        assert (found.strangers, found.elsewhere) == ((), {})
