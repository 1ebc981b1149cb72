"""The battery of bad input: each fault is a plain error that names the file, the expectation and the repair.

After every fault the folders hold what they held before: nothing half-written, and no temporary file.
"""

import csv
import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests
import soundfile
import torch

from companion import audio, checkpoints, events, features, profiles, store
from companion.atomic import write_json, write_text
from companion.datasets import download, esc50_events, esc50_list
from companion.datasets.esc50 import ESC50
from companion.errors import (
    AudioError,
    CheckpointError,
    CompanionError,
    DataError,
    DownloadError,
    ParameterError,
    StoreError,
)
from companion.models.weak_cnn import WeakCNN
from companion.results.run import read_run

RATE = 44_100
TONE = (0.1 * np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE)).astype(np.float32)


@pytest.fixture
def corpus(tmp_path, monkeypatch) -> Path:
    """An ESC-50 of two clips in the official layout."""
    monkeypatch.setattr(esc50_list, "OFFICIAL", esc50_list.Extent(classes=1, esc10=1, folds=2, clips=1))
    folder = tmp_path / "data" / "ESC-50"
    (folder / "meta").mkdir(parents=True)
    (folder / "audio").mkdir()
    with (folder / "meta" / "esc50.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(esc50_list.COLUMNS)
        for fold in (1, 2):
            name = f"{fold}-10{fold}-A-0.wav"
            writer.writerow([name, fold, 0, "dog", True, f"10{fold}", "A"])
            soundfile.write(folder / "audio" / name, TONE, RATE)
    return folder


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, and every file's bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@contextmanager
def refused(folder: Path, kind: type[CompanionError], *said: str) -> Iterator[None]:
    """The block raises this error with these words in it, and leaves the folder's files as they were."""
    before = contents(folder)
    with pytest.raises(kind) as caught:
        yield
    error = caught.value
    assert error.expected, "does not say what was expected"
    assert error.repair, "does not say what to do"
    for words in said:
        assert words in str(error)
    assert str(error).splitlines()[0] == error.problem.splitlines()[0]
    after = contents(folder)
    assert {name: after[name] for name in before} == before, "a file was changed"
    new = {name for name in after.keys() - before if after[name] is not None}
    assert not new, "something half-written was left"


# --- ESC-50


def test_missing_esc50(tmp_path):
    with refused(tmp_path, DataError, str(tmp_path / "data"), "meta/esc50.csv", "companion fetch esc50"):
        ESC50(tmp_path / "data")


def test_partial_esc50(corpus):
    (corpus / "audio" / "2-102-A-0.wav").unlink()
    whole = ESC50(corpus)
    found = whole.validate()
    assert not found.ok
    assert "missing: 2-102-A-0" in str(found)
    with refused(corpus, DataError, "2-102-A-0", str(corpus / "audio"), ".flac", "companion fetch esc50"):
        whole.audio(whole.clips[1])
    with refused(corpus, DataError, "2-102-A-0", "companion fetch esc50"):
        esc50_events.write_event_table(corpus, corpus / "events.csv")


def test_partial_list(corpus):
    path = corpus / "meta" / "esc50.csv"
    path.write_text(path.read_text()[:-30])
    with refused(corpus, DataError, str(path), "2 rows", "companion fetch esc50"):
        ESC50(corpus)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: b"", "cannot read"),
        (lambda content: b"no sound at all", "cannot read"),
        (lambda content: content[:30], ""),
        (lambda content: content[:100_000], "breaks off after 1.13 s"),
    ],
    ids=["emptied", "replaced", "only its header", "cut off"],
)
def test_damaged_clip(corpus, damage, said):
    path = corpus / "audio" / "1-101-A-0.wav"
    path.write_bytes(damage(path.read_bytes()))
    whole = ESC50(corpus)
    found = whole.validate()
    assert list(found.damaged) == [path.name]
    assert said in found.damaged[path.name]
    with refused(corpus, AudioError, str(path), said):
        whole.audio(whole.clips[0])
    with refused(corpus, AudioError, str(path), said):
        esc50_events.write_event_table(corpus, corpus / "events.csv")


# --- recordings


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros(0), "is empty"),
        (np.array([0.0, np.nan, 0.0]), "not finite at sample 1"),
        (np.array([0.0, 0.0, -np.inf]), "not finite at sample 2"),
    ],
    ids=["empty", "nan", "infinity"],
)
def test_unusable_recording(tmp_path, samples, said):
    path = tmp_path / "kitchen.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    with refused(tmp_path, AudioError, str(path), said):
        audio.load(path, sample_rate=RATE)
    with refused(tmp_path, AudioError, said):
        features.extract(samples.astype(np.float32), RATE)


def test_missing_recording(tmp_path):
    with refused(tmp_path, AudioError, str(tmp_path / "gone.wav")):
        audio.load(tmp_path / "gone.wav")
    with refused(tmp_path, AudioError, str(tmp_path)):
        audio.load(tmp_path)


def test_wrong_sample_rate_is_refused_by_features_and_repaired_by_loading(tmp_path):
    path = tmp_path / "low.wav"
    soundfile.write(path, TONE[::2], RATE // 2)
    with refused(tmp_path, AudioError, "22050 Hz", "44100 Hz", "sample_rate=44100"):
        features.extract(audio.load(path).samples, RATE // 2)
    assert features.extract(audio.load(path, sample_rate=RATE).samples, RATE).shape == (431, 128)


def test_stereo_is_refused_by_features_and_repaired_by_loading(tmp_path):
    path = tmp_path / "stereo.wav"
    channels = np.stack([TONE, TONE], axis=1)
    soundfile.write(path, channels, RATE)
    with refused(tmp_path, AudioError, "(220500, 2)", "one channel", "mix_down"):
        features.extract(channels, RATE)
    assert audio.load(path).samples.shape == (220_500,)


def test_silence_is_the_floor_everywhere(tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    silence = audio.load(tmp_path / "silence.wav").samples
    assert (features.extract(silence, RATE) == -100.0).all()
    assert np.isfinite(features.extract(silence, RATE, features.DV_MFCC)).all()
    assert events.find_events(silence, RATE) == []


@pytest.mark.parametrize("n_samples", [1, 100, 511, 512, RATE])
def test_too_short_is_padded_and_said(n_samples):
    frames = torch.from_numpy(features.extract(TONE[-n_samples:], RATE))[None]
    network = WeakCNN(3, width=0.125).eval()
    with pytest.warns(UserWarning, match="shorter than 128 frames"), torch.inference_mode():
        output = network(frames)
    assert output.recording.shape == (1, 3)
    assert torch.isfinite(output.recording).all()


# --- parameters


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"profil": "demo"}, ["'profil'", "did you mean 'profile'?"]),
        ({"epochs": 3}, ["'epochs'", "profile, seed, device, data, settings"]),
        ({"profile": "ecs50"}, ["'ecs50'", "demo, esc50, paper", "did you mean 'esc50'?"]),
        ({"profile": 3}, ["profile=3"]),
        ({"seed": -1}, ["seed=-1"]),
        ({"seed": "many"}, ["seed='many'"]),
        ({"device": "gpu"}, ["device='gpu'", "auto, cpu, cuda or cuda:N"]),
        ({"settings": 3}, ["settings=3"]),
    ],
    ids=str,
)
def test_unknown_parameter_or_profile(tmp_path, values, said):
    with refused(tmp_path, ParameterError, *said):
        profiles.parse_parameters(values)


# --- folders that cannot be written, and full disks


def ones(work: store.Work) -> store.Value:
    return store.Value({"ones": np.ones(100_000)})


def write_store(folder: Path) -> None:
    store.Store(folder).keep(ones)


def write_event_table(folder: Path) -> None:
    row = events.EventCut("1-101-A-0", 0, RATE, "101", "dog", 1, "somebody")
    events.write_table(folder / "events.csv", [row] * 1000)


def write_checkpoint(folder: Path) -> None:
    network = WeakCNN(2, width=0.125)
    checkpoints.save(checkpoints.Checkpoint(network, ("dog", "rain")), folder / "n_s.safetensors")


WRITERS: dict[str, Callable[[Path], None]] = {
    "text": lambda folder: write_text(folder / "page.md", "x" * 10_000),
    "json": lambda folder: write_json(folder / "rows.json", list(range(5000))),
    "wav": lambda folder: audio.save(folder / "tone.wav", audio.Audio(TONE, RATE)),
    "flac": lambda folder: audio.save(folder / "tone.flac", audio.Audio(TONE, RATE)),
    "store": write_store,
    "event table": write_event_table,
    "checkpoint": write_checkpoint,
}


@contextmanager
def small_disk(n_bytes: int) -> Iterator[None]:
    """No file can grow beyond ``n_bytes``: the kernel itself ends the write, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("writer", WRITERS)
def test_full_disk_while_writing(tmp_path, writer):
    with refused(tmp_path, StoreError, str(tmp_path / "out"), "free some space"), small_disk(5000):
        WRITERS[writer](tmp_path / "out")
    WRITERS[writer](tmp_path / "out")  # with room again, it works


@pytest.mark.parametrize("writer", WRITERS)
def test_full_disk_keeps_the_old_file(tmp_path, writer):
    WRITERS[writer](tmp_path)
    for path in tmp_path.rglob("*.safetensors"):  # or the store would have no reason to write
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
        patch.setattr("companion.store.warnings.warn", lambda *_, **__: None)
        with refused(tmp_path, StoreError, "No space left on device", "free some space"):
            WRITERS[writer](tmp_path)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("place", ["under a file", "in a system folder"])
def test_unwritable_folder(tmp_path, writer, place):
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "out" if place == "under a file" else Path("/proc/companion")
    with refused(tmp_path, StoreError, str(folder), "writable folder", "COMPANION_CACHE"):
        WRITERS[writer](folder)


def test_unwritable_cache(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "file"))
    with refused(tmp_path, StoreError, str(tmp_path / "file"), "COMPANION_CACHE"):
        store.Store().keep(ones)


# --- downloads


class Broken:
    """A downloader that writes half a file and then fails."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, url: str, path: str, _: object) -> None:
        Path(path).write_bytes(b"PK half an archive")
        raise self.error


@pytest.mark.parametrize("present", [False, True], ids=["into an empty folder", "over a partial corpus"])
def test_interrupted_download(corpus, tmp_path, monkeypatch, present):
    (corpus / "audio" / "1-101-A-0.wav").unlink()
    root = tmp_path / "data" if present else tmp_path / "elsewhere"
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10**12}))
    for error, kind, said in (
        (requests.ConnectionError("connection reset by peer"), DownloadError, "broke off: connection reset by peer"),
        (requests.Timeout("read timed out"), DownloadError, "read timed out"),
        (OSError(errno.ENOSPC, "No space left on device"), StoreError, "No space left on device"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(download.pooch, "HTTPDownloader", lambda error=error, **_: Broken(error))
            with refused(tmp_path, kind, said):
                ESC50.fetch(root)


def test_archive_that_is_none(tmp_path, monkeypatch):
    def page(url: str, path: str, _: object) -> None:
        Path(path).write_text("<html>Please log in to this network</html>")

    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10**12}))
    monkeypatch.setattr(download.pooch, "HTTPDownloader", lambda **_: page)
    with refused(tmp_path, DataError, "master.zip is damaged", "fetch it again"):
        ESC50.fetch(tmp_path / "data")


# --- checkpoints and results


def test_checkpoint_of_another_shape(tmp_path):
    write_checkpoint(tmp_path)
    path = tmp_path / "n_s.safetensors"
    kept = store.read(path)
    store.write(path, store.Value(kept, {**kept.facts, "architecture": {"n_classes": 2, "width": 0.25}}), {})
    with refused(tmp_path, CheckpointError, str(path), "shape"):
        checkpoints.load(path)


def test_damaged_results(tmp_path):
    with refused(tmp_path, DataError, "rows.csv"):
        read_run(tmp_path)
    pd.DataFrame({"value": [1.0]}).to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "provenance.json").write_text("{")
    with refused(tmp_path, DataError, str(tmp_path)):
        read_run(tmp_path)


def test_damaged_event_table(tmp_path):
    path = tmp_path / "events.csv"
    with refused(tmp_path, DataError, str(path), "companion events esc50"):
        events.read_table(path)
    path.write_text("clip,onset,offset\n1-101-A-0,zero,1\n")
    with refused(tmp_path, DataError, str(path), "columns clip, onset", "companion events esc50"):
        events.read_table(path)
