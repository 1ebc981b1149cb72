"""The common table of strong labels, and what is wrong with some."""

import numpy as np
import pytest

from companion.audio import Audio, save
from companion.datasets.base import Event
from companion.datasets.strong_tsv import Split, StrongFiles, read_strong
from companion.errors import AudioError, DataError

HEAD = "filename\tonset\toffset\tevent_label\n"
GOOD = HEAD + "b.wav\t1.5\t2.0\tDog\nb.wav\t0.25\t1.75\tCat\na.wav\t\t\t\nb.wav\t2.0\t2.5\tDog\n"


def written(tmp_path, text, name="list.tsv"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_events_of_every_recording_are_read_with_those_that_have_none(tmp_path):
    found = read_strong(written(tmp_path, GOOD))
    assert found == {
        "b.wav": (Event(0.25, 1.75, "Cat"), Event(1.5, 2.0, "Dog"), Event(2.0, 2.5, "Dog")),
        "a.wav": (),
    }
    assert read_strong(written(tmp_path, GOOD.replace("\n", "\r\n") + "\r\n")) == found
    assert read_strong(written(tmp_path, "\ufeff" + GOOD + "\n")) == found
    assert read_strong(written(tmp_path, HEAD + "a.wav\n")) == {"a.wav": ()}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a.wav\t2.0\t1.0\tDog", r"line 2: Dog from 2 s to 1 s"),
        ("a.wav\t1.0\t1.0\tDog", r"line 2: Dog from 1 s to 1 s"),
        ("a.wav\t-0.5\t1.0\tDog", r"line 2: Dog from -0\.5 s"),
        ("a.wav\t0\tinf\tDog", r"line 2: Dog from 0 s to inf"),
        ("a.wav\tnan\t1\tDog", r"line 2: Dog from nan"),
        ("a.wav\tsoon\t1.0\tDog", r"line 2: could not convert.*soon"),
        ("a.wav\t0.5\t\tDog", r"line 2: could not convert"),
        ("a.wav\t0.5\t1.0\tCow", r"line 2: an event of the unknown class 'Cow'"),
        ("a.wav\t0.5\t1.0\t", r"line 2: an event of the unknown class ''"),
        ("\t0.5\t1.0\tDog", r"line 2"),
        ("a.wav\t0.5\t1.0\tDog\tloud", r"line 2"),
        ("a.wav\t0.5\t2.0\tDog\na.wav\t1.5\t3.0\tDog", r"two events of Dog overlap in a\.wav of .*: 0\.5 to 2 s and"),
    ],
)
def test_lists_that_make_no_sense_are_refused_with_the_place(tmp_path, line, problem):
    with pytest.raises(DataError, match=problem) as caught:
        read_strong(written(tmp_path, HEAD + line + "\n"), ["Dog", "Cat"])
    assert caught.value.expected


def test_another_table_is_refused(tmp_path):
    for text in ("", "filename,onset,offset,event_label\n", "onset\toffset\tfilename\tevent_label\n", "\x00\xff"):
        with pytest.raises(DataError, match="columns"):
            read_strong(written(tmp_path, text))
    with pytest.raises(DataError, match="cannot read"):
        read_strong(tmp_path / "nowhere.tsv")


@pytest.fixture
def splits(tmp_path):
    """Two splits: b.wav and a.wav of 3 s to learn from, c.wav at another rate to test."""
    made = {}
    for part, files, text in (
        ("train", {"a.wav": 44_100, "b.wav": 44_100}, GOOD),
        ("test", {"c.wav": 16_000}, HEAD + "c.wav\t0.1\t0.2\tCat\n"),
    ):
        for file, rate in files.items():
            tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(3 * rate) / rate).astype(np.float32)
            save(tmp_path / part / file, Audio(tone, rate))
        made[part] = Split(written(tmp_path, text, f"{part}.tsv"), tmp_path / part)
    return made


def test_files_are_a_corpus(splits):
    corpus = StrongFiles(splits, ["Dog", "Cat"])
    assert [(clip.id, clip.fold, clip.duration) for clip in corpus.clips] == [
        ("b.wav", 1, 3.0), ("a.wav", 1, 3.0), ("c.wav", 3, 3.0)
    ]  # fmt: skip
    assert [clip.weak for clip in corpus.clips] == [("Dog", "Cat"), (), ("Cat",)]
    assert corpus.clips[0].sequence == ("Cat", "Dog", "Dog")
    loaded = corpus.audio(corpus.clips[2])
    assert loaded.sample_rate == 44_100
    assert len(loaded.samples) == 3 * 44_100
    assert corpus.validate().ok
    assert StrongFiles(splits).classes == ("Cat", "Dog")


def test_its_fingerprint_changes_with_labels_and_with_sound(splits, tmp_path):
    before = StrongFiles(splits).fingerprint()
    written(tmp_path, HEAD + "c.wav\t0.1\t0.3\tCat\n", "test.tsv")
    relabelled = StrongFiles(splits).fingerprint()
    save(tmp_path / "test" / "c.wav", Audio(np.full(48_000, 0.1, np.float32), 16_000))
    assert len({before, relabelled, StrongFiles(splits).fingerprint()}) == 3


def test_what_cannot_be_a_corpus_is_refused(splits, tmp_path):
    with pytest.raises(DataError, match="two splits"):
        StrongFiles({**splits, "validation": Split(splits["train"].labels, splits["train"].audio)})
    with pytest.raises(DataError, match=r"z\.wav is missing"):
        StrongFiles({"train": Split(written(tmp_path, HEAD + "z.wav\t0\t1\tDog\n", "z.tsv"), tmp_path)})
    with pytest.raises(DataError, match=r"Dog begins at 3\.5 s in .*c\.wav, which ends at 3 s"):
        StrongFiles({"test": Split(written(tmp_path, HEAD + "c.wav\t3.5\t4\tDog\n", "late.tsv"), tmp_path / "test")})
    with pytest.raises(DataError, match="splits dev"):
        StrongFiles({"dev": splits["train"]})
    (tmp_path / "test" / "c.wav").write_bytes(b"no sound")
    with pytest.raises(AudioError):
        StrongFiles(splits)
