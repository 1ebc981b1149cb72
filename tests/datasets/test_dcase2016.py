"""TUT Acoustic Scenes 2016 in its official layout: what is read, what is cut out, what is refused."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from companion.datasets import DATASETS, dcase2016, dcase2016_lists
from companion.datasets.dcase2016 import TUTScenes2016
from companion.datasets.dcase2016_lists import FOLDER, TABLE_3, SignalError
from companion.datasets.download import Remote, registered_files
from companion.datasets.scene_recipes import SCENES
from companion.errors import AudioError, DataError

RATE = 44_100
LABELS = [label for label in TABLE_3 for _ in range(2)][:8]  # bus, cafe/restaurant, car, city_center, twice each
STEMS = [f"b{number // 2:03d}_{30 * (number % 2)}_{30 * (number % 2) + 30}" for number in range(8)]
FOLDS = [1, 1, 2, 2, 3, 3, 4, 4]


@pytest.fixture
def corpus_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight clips of 1 s, 24-bit stereo with the left channel twice as loud, and their lists."""
    monkeypatch.setattr(dcase2016_lists, "N_CLIPS", len(STEMS))
    monkeypatch.setattr(dcase2016, "DURATION", 1.0)
    folder = tmp_path / "data" / FOLDER
    (folder / "audio").mkdir(parents=True)
    (folder / "evaluation_setup").mkdir()
    for number, stem in enumerate(STEMS):
        write(folder, stem, (number + 1) / 100)
    rows = [f"audio/{stem}.wav\t{label}" for stem, label in zip(STEMS, LABELS, strict=True)]
    (folder / "meta.txt").write_text("\n".join(rows) + "\n")
    (folder / "error.txt").write_text(
        f"audio/{STEMS[0]}.wav\t0.25\t0.5\tmicrophone\naudio/{STEMS[0]}.wav\t0.4\t0.6\tmobile phone\n"
        f"audio/{STEMS[3]}.wav\t0.9\t1.5\n\naudio/z999_0_30.wav\t1\t2\tmicrophone\n"
    )
    for fold in (1, 2, 3, 4):
        inside = [row for row, k in zip(rows, FOLDS, strict=True) if k == fold]
        outside = [row for row, k in zip(rows, FOLDS, strict=True) if k != fold]
        setup = folder / "evaluation_setup"
        (setup / f"fold{fold}_train.txt").write_text("\n".join(outside) + "\n")
        (setup / f"fold{fold}_evaluate.txt").write_text("\n".join(inside) + "\n")
        (setup / f"fold{fold}_test.txt").write_text("\n".join(row.split("\t")[0] for row in inside) + "\n")
    return folder


def write(folder: Path, stem: str, level: float, seconds: float = 1.0, rate: int = RATE) -> None:
    ramp = np.linspace(0.0, level, round(seconds * rate))
    soundfile.write(folder / "audio" / f"{stem}.wav", np.stack([2 * ramp, ramp], axis=1), rate, subtype="PCM_24")


# --- what is read


def test_labels_folds_and_recordings(corpus_folder):
    corpus = TUTScenes2016(corpus_folder)
    assert [clip.id for clip in corpus.clips] == STEMS
    assert [clip.label for clip in corpus.clips] == LABELS
    assert [clip.fold for clip in corpus.clips] == FOLDS
    assert [clip.recording for clip in corpus.clips] == [stem[:4] for stem in STEMS]
    assert corpus.folds == (1, 2, 3, 4)
    assert TUTScenes2016(corpus_folder.parent).clips == corpus.clips


def test_every_label_fills_a_row_of_table_3(corpus_folder):
    corpus = TUTScenes2016(corpus_folder)
    assert sorted(TABLE_3.values()) == [scene.name for scene in SCENES]
    assert corpus.classes == tuple(TABLE_3) == tuple(corpus.superclass_of)
    assert Counter(corpus.superclass_of.values()) == {"indoor": 6, "outdoor": 5, "vehicle": 4}
    assert [corpus.superclass_of[label] for label in ("cafe/restaurant", "park", "tram")] == [
        "indoor", "outdoor", "vehicle",
    ]  # fmt: skip


def test_24_bit_stereo_is_the_mean_of_its_channels(corpus_folder):
    corpus = TUTScenes2016(corpus_folder)
    assert soundfile.info(corpus.path(corpus.clips[0])).subtype == "PCM_24"
    samples = corpus.audio(corpus.clips[2]).samples
    assert samples.shape == (RATE,)
    assert samples == pytest.approx(1.5 * np.linspace(0.0, 0.03, RATE), abs=2**-22)


def test_a_few_milliseconds_are_padded_or_cropped_and_noted(corpus_folder):
    write(corpus_folder, STEMS[0], 0.1, seconds=0.98)
    write(corpus_folder, STEMS[1], 0.1, rate=48_000)
    corpus = TUTScenes2016(corpus_folder)
    assert corpus.audio(corpus.clips[0]).samples.shape == corpus.audio(corpus.clips[1]).samples.shape == (RATE,)
    found = corpus.validate()
    assert found.ok
    assert found.notes == {
        "2 channels, mixed down": 8,
        "48000 Hz, resampled": 1,
        "not exactly 1 s, padded or cropped": 1,
        "stretch listed in error.txt, kept": 3,
        "line of error.txt about no clip": 1,
    }


# --- stretches with signal errors


def test_errors_are_offered_and_left_in_unless_asked(corpus_folder):
    corpus = TUTScenes2016(corpus_folder)
    assert len(corpus.errors) == 4
    assert corpus.errors_of(corpus.clips[0]) == (
        SignalError(STEMS[0], 0.25, 0.5, "microphone"),
        SignalError(STEMS[0], 0.4, 0.6, "mobile phone"),
    )
    assert corpus.errors_of(corpus.clips[1]) == ()
    assert corpus.clips[0].duration == 1.0


def test_cutting_leaves_out_exactly_the_stretches(corpus_folder):
    whole, cut = TUTScenes2016(corpus_folder), TUTScenes2016(corpus_folder, cut_errors=True)
    for number, gone in ((0, slice(round(0.25 * RATE), round(0.6 * RATE))), (3, slice(round(0.9 * RATE), None))):
        expected = np.delete(whole.audio(whole.clips[number]).samples, gone)
        np.testing.assert_array_equal(cut.audio(cut.clips[number]).samples, expected)
        assert cut.clips[number].duration == len(expected) / RATE
    np.testing.assert_array_equal(cut.audio(cut.clips[1]).samples, whole.audio(whole.clips[1]).samples)
    assert cut.validate().notes["stretch listed in error.txt, cut out"] == 3
    assert cut.fingerprint() != whole.fingerprint()


def test_a_clip_that_is_all_error_stays_whole(corpus_folder):
    (corpus_folder / "error.txt").write_text(f"audio/{STEMS[0]}.wav\t0\t30\tmicrophone\n")
    corpus = TUTScenes2016(corpus_folder, cut_errors=True)
    assert corpus.clips[0].duration == 1.0
    assert corpus.audio(corpus.clips[0]).samples.shape == (RATE,)


@pytest.mark.parametrize(
    "line",
    [
        "audio/x.wav\t2\t1\tmicrophone",
        "audio/x.wav\tone\ttwo\t",
        "audio/x.wav\t1",
        "audio/x.wav\t0\tinf",
        "audio/x.wav\t1e305\t1e307",
        "audio/x.wav\tnan\t1",
    ],
)
def test_a_line_of_errors_without_a_stretch_is_refused(corpus_folder, line):
    (corpus_folder / "error.txt").write_text(line + "\n")
    with pytest.raises(DataError, match=r"error\.txt .* line 1"):
        TUTScenes2016(corpus_folder)


# --- what is refused


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("meta.txt", "\tbus", "\tspaceship", "unknown label 'spaceship' in line 1"),
        ("meta.txt", STEMS[1], STEMS[0], f"names {STEMS[0]} a second time in line 2"),
        ("meta.txt", f"audio/{STEMS[7]}.wav\tcity_center\n", "", "has 7 clips"),
        ("meta.txt", "\tbus", " bus", "breaks off in line 1"),
        ("meta.txt", STEMS[0], "b" * 300, "names 'audio/bbb.* in line 1"),
        ("meta.txt", STEMS[0], "../" + STEMS[0], "names 'audio/../b000.* in line 1"),
        ("evaluation_setup/fold1_test.txt", STEMS[0], "b999_0_30", "b999_0_30.wav in line 1, which is not in meta"),
        ("evaluation_setup/fold2_test.txt", STEMS[2], STEMS[0], f"{STEMS[0]}, which is also tested in fold 1"),
        ("evaluation_setup/fold1_train.txt", STEMS[2] + ".wav\tcafe/restaurant", STEMS[0] + ".wav\tbus",
         f"names {STEMS[0]}, which fold1_train.txt names as well"),
        ("evaluation_setup/fold3_evaluate.txt", "\tcar", "\ttram", f"calls {STEMS[4]} 'tram'"),
        ("evaluation_setup/fold3_evaluate.txt", f"audio/{STEMS[4]}.wav\tcar\n", "", f"disagree about {STEMS[4]}"),
    ],
)  # fmt: skip
def test_lists_that_contradict_each_other(corpus_folder, file, old, new, said):
    edit(corpus_folder / file, old, new)
    with pytest.raises(DataError, match=said) as caught:
        TUTScenes2016(corpus_folder)
    assert str(corpus_folder) in caught.value.problem
    assert Path(file).name in caught.value.problem
    assert "companion fetch tut_scenes_2016" in caught.value.repair


def test_a_clip_that_is_tested_in_no_fold(corpus_folder):
    for part in ("test", "evaluate"):
        path = corpus_folder / "evaluation_setup" / f"fold1_{part}.txt"
        path.write_text("\n".join(path.read_text().splitlines()[1:]))
    with pytest.raises(DataError, match=f"tests {STEMS[0]} in no fold"):
        TUTScenes2016(corpus_folder)


@pytest.mark.parametrize("file", ["error.txt", "evaluation_setup/fold4_train.txt"])
def test_a_missing_list(corpus_folder, file):
    (corpus_folder / file).unlink()
    with pytest.raises(DataError, match="cannot be read") as caught:
        TUTScenes2016(corpus_folder)
    assert str(corpus_folder / file) in caught.value.problem


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match=str(tmp_path)) as caught:
        TUTScenes2016(tmp_path)
    assert "meta.txt" in caught.value.expected


def test_a_fold_that_names_absent_audio(corpus_folder):
    (corpus_folder / "audio" / f"{STEMS[5]}.wav").unlink()
    corpus = TUTScenes2016(corpus_folder)
    with pytest.raises(DataError, match=f"{STEMS[5]}.wav is missing, though meta.txt and the test list of fold 3"):
        corpus.audio(corpus.clips[5])
    with pytest.raises(DataError, match="missing"):
        corpus.fingerprint()
    assert corpus.validate().missing == (STEMS[5],)


def test_wrong_lengths_and_files_that_cannot_be_read(corpus_folder):
    write(corpus_folder, STEMS[1], 0.1, seconds=0.5)
    write(corpus_folder, STEMS[2], 0.1, seconds=2.0)
    (corpus_folder / "audio" / f"{STEMS[3]}.wav").write_bytes(b"RIFF, but no sound")
    (corpus_folder / "audio" / "stranger.wav").touch()
    corpus = TUTScenes2016(corpus_folder)
    with pytest.raises(AudioError, match=r"has 0\.50 s"):
        corpus.audio(corpus.clips[1])
    with pytest.raises(AudioError, match=STEMS[3]):
        corpus.audio(corpus.clips[3])
    found = corpus.validate()
    assert not found.ok
    assert set(found.damaged) == {f"{stem}.wav" for stem in STEMS[1:4]}
    assert found.extra == ("stranger.wav",)


def test_fingerprint_covers_every_byte(corpus_folder):
    before = TUTScenes2016(corpus_folder).fingerprint()
    assert TUTScenes2016(corpus_folder).fingerprint() == before
    file = corpus_folder / "audio" / f"{STEMS[-1]}.wav"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert TUTScenes2016(corpus_folder).fingerprint() != before


# --- fetching


@pytest.fixture
def offered(corpus_folder, server, packed, monkeypatch) -> Path:
    """The made-up corpus as three archives on a server of this machine; the local copy is gone."""
    served, address = server
    names = []
    for part, files in (("meta", ["meta.txt", "evaluation_setup"]), ("error", ["error.txt"]), ("audio.1", ["audio"])):
        aside = served.parent / part / FOLDER
        aside.mkdir(parents=True)
        for file in files:
            (corpus_folder / file).rename(aside / file)
        packed(aside, served / f"{FOLDER}.{part}.zip")
        names.append(f"{FOLDER}.{part}.zip")
    remotes = tuple(Remote("tut_scenes_2016", f"{address}/{name}", "", False, 1000, "free", "") for name in names)
    monkeypatch.setattr("companion.datasets.download.registered_files", lambda name: remotes)
    (corpus_folder).rmdir()
    return served


def test_fetch_puts_the_archives_together(offered, tmp_path):
    corpus = TUTScenes2016.fetch(tmp_path / "data")
    assert corpus.folder == tmp_path / "data" / FOLDER
    assert corpus.validate().ok
    assert sorted(path.name for path in corpus.folder.iterdir()) == [
        "audio",
        "error.txt",
        "evaluation_setup",
        "meta.txt",
    ]
    for archive in offered.iterdir():
        archive.unlink()
    assert TUTScenes2016.fetch(tmp_path / "data").clips == corpus.clips  # a whole copy needs no server


def test_fetch_says_what_the_archives_left_out(offered, packed, tmp_path):
    (tmp_path / "audio.1" / FOLDER / "audio" / f"{STEMS[0]}.wav").unlink()
    packed(tmp_path / "audio.1" / FOLDER, offered / f"{FOLDER}.audio.1.zip")
    with pytest.raises(DataError, match=f"incomplete: 7 of 8 clips present.*\n.*missing: {STEMS[0]}"):
        TUTScenes2016.fetch(tmp_path / "data")


def test_the_registry_names_eleven_archives_and_where_they_lie():
    remotes = registered_files("tut_scenes_2016")
    parts = ["doc", "meta", "error", *(f"audio.{number}" for number in range(1, 9))]
    assert [remote.url for remote in remotes] == [
        f"https://zenodo.org/records/45739/files/{FOLDER}.{part}.zip" for part in parts
    ]
    assert not any(remote.verified for remote in remotes)
    assert DATASETS["tut_scenes_2016"] is TUTScenes2016
