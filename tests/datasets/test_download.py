"""Downloads: whole or not there at all, checked, and unpacked inside their own folder."""

import errno
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler

import pytest

from companion.datasets import download
from companion.datasets.download import OLD, Remote, registered, unpack, unpacked, workspace
from companion.datasets.esc50 import ESC50
from companion.errors import DataError, DownloadError, StoreError

REMOTE = Remote("thing", "http://127.0.0.1/thing.zip", "", False, 1000, "CC0", "made for a test")


@pytest.fixture
def thing(server, packed, tmp_path):
    """A small archive on the server, and its registry entry."""
    folder, address = server
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "sound.txt").write_text("bark" * 1000)
    content = packed(tmp_path / "thing", folder / "thing.zip")
    (folder / "broken.zip").write_bytes(content)
    return replace(REMOTE, url=f"{address}/thing.zip", sha256=hashlib.sha256(content).hexdigest(), verified=True)


def test_good_download(thing, tmp_path):
    root = tmp_path / "data"
    with unpacked(thing, root) as content:
        assert (content / "thing" / "sound.txt").read_text() == "bark" * 1000
        assert content.parent.name.startswith(".thing-")
        (content / "thing").rename(root / "thing")
    assert [path.name for path in root.iterdir()] == ["thing"]


def test_unverified_checksum_is_said_and_skipped(thing, tmp_path, caplog):
    with unpacked(replace(thing, verified=False, sha256="0" * 64), tmp_path / "data"):
        pass
    assert "checksum not verified" in caplog.text
    assert thing.sha256 in caplog.text
    assert thing.note in caplog.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"url": "broken.zip"}, "broke off"),
        ({"url": "absent.zip"}, "404"),
    ],
)
def test_failed_download_leaves_nothing(thing, tmp_path, change, said):
    if "url" in change:
        change = {"url": thing.url.replace("thing.zip", change["url"])}
    with (
        pytest.raises(DownloadError, match=said) as caught,
        unpacked(replace(thing, **change), tmp_path / "data"),
    ):
        pytest.fail("reached")
    assert "127.0.0.1" in caught.value.problem
    assert caught.value.expected
    assert "companion fetch thing" in caught.value.repair
    assert list((tmp_path / "data").iterdir()) == []


def test_a_head_that_makes_no_sense(thing, tmp_path, monkeypatch):
    monkeypatch.setattr("http.server.SimpleHTTPRequestHandler.send_header", send_nonsense)
    with pytest.raises(DownloadError, match="broke off"), unpacked(thing, tmp_path / "data"):
        pytest.fail("reached")
    assert list((tmp_path / "data").iterdir()) == []


def send_nonsense(handler, keyword, value, send=SimpleHTTPRequestHandler.send_header):
    send(handler, keyword, "abc" if keyword == "Content-Length" else value)


def test_unreachable_server(tmp_path):
    remote = replace(REMOTE, url="http://127.0.0.1:9/thing.zip")  # the discard port: nobody listens
    with pytest.raises(DownloadError, match="broke off"), unpacked(remote, tmp_path / "data"):
        pytest.fail("reached")
    assert list((tmp_path / "data").iterdir()) == []


def test_interrupt_leaves_nothing(thing, tmp_path, monkeypatch):
    def interrupted(self, url, output, pooch):
        with open(output, "wb") as file:
            file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(download.pooch.HTTPDownloader, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt), unpacked(thing, tmp_path / "data"):
        pytest.fail("reached")
    assert list((tmp_path / "data").iterdir()) == []


def test_full_disk_while_unpacking_leaves_nothing(thing, tmp_path, monkeypatch):
    def full(self, target):
        target.mkdir()
        (target / "half").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "extractall", full)
    with pytest.raises(StoreError, match="No space left") as caught, unpacked(thing, tmp_path / "data"):
        pytest.fail("reached")
    assert str(tmp_path / "data") in caught.value.problem
    assert "COMPANION_DATA" in caught.value.repair
    assert list((tmp_path / "data").iterdir()) == []


def test_too_little_room_is_said_before_the_download(tmp_path):
    with (
        pytest.raises(StoreError, match="GB free"),
        unpacked(replace(REMOTE, size=10**18), tmp_path / "data"),
    ):
        pytest.fail("reached")


def test_unwritable_root(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write"), unpacked(REMOTE, tmp_path / "file" / "data"):
        pytest.fail("reached")


KILLED = """
import os, signal, sys
from pathlib import Path
from companion.datasets.download import workspace
with workspace("thing", 1000, Path(sys.argv[1])) as folder:
    (folder / "half.zip").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_download_left_goes_with_the_next(thing, tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "data")], check=False)
    (left,) = (tmp_path / "data").iterdir()
    assert (left / "half.zip").exists()
    with workspace("other", 1000, tmp_path / "data"):
        assert left.exists(), "another corpus's"
    with unpacked(thing, tmp_path / "data"):
        assert not left.exists()
    assert list((tmp_path / "data").iterdir()) == []


def test_a_folder_in_use_is_left_alone_by_a_second_download(thing, tmp_path):
    with workspace("thing", 1000, tmp_path) as first:
        (first / "half.zip").touch()
        long_ago = time.time() - OLD - 60
        os.utime(first, (long_ago, long_ago))
        with workspace("thing", 1000, tmp_path) as second:
            assert first != second
            assert (first / "half.zip").exists()
        assert (first / "half.zip").exists()


def test_where_folders_cannot_be_locked_they_go_when_old(thing, tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(download.fcntl, "flock", no_locks)
    old, young = tmp_path / ".thing-old", tmp_path / ".thing-young"
    for folder in (old, young):
        folder.mkdir()
    long_ago = time.time() - OLD - 60
    os.utime(old, (long_ago, long_ago))
    with unpacked(thing, tmp_path):
        assert not old.exists()
        assert young.exists()


@pytest.mark.parametrize("step", ["mkdtemp", "open", "flock"])
def test_a_folder_swept_before_it_was_locked_is_made_again(tmp_path, monkeypatch, step):
    """Another download may look between the making of a folder and its lock."""
    module = {"mkdtemp": download.tempfile, "open": download.os, "flock": download.fcntl}[step]
    take, taken = getattr(module, step), []

    def swept(*arguments, **settings):
        result = take(*arguments, **settings)
        if not taken:
            taken.extend(tmp_path.iterdir())
            os.rmdir(taken[0])
        return result

    monkeypatch.setattr(module, step, swept)
    with workspace("thing", 1000, tmp_path) as folder:
        assert folder.is_dir()
        assert [folder] != taken


# --- archives that escape


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "member",
    [
        "../outside.txt",
        "thing/../../outside.txt",
        "..\\outside.txt",
        "/tmp/outside.txt",
        "C:\\outside.txt",
        "C:outside.txt",
        "\\\\server\\share\\outside.txt",
        link("thing/link"),
        ".",
        "thing/" + "x" * 256,
    ],
    ids=str,
)
def test_escaping_member_is_refused_before_anything_is_written(tmp_path, member):
    archive, inside = tmp_path / "evil.zip", tmp_path / "inside" / "content"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("thing/good.txt", "good")
        content.writestr(member, "../../outside.txt")
    with pytest.raises(DataError, match="leaves the folder") as caught:
        unpack(archive, inside)
    assert "evil.zip" in caught.value.problem
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["evil.zip"]


@pytest.mark.parametrize("name", [b"", b"a\0bcd"])
def test_a_member_without_a_name(tmp_path, name):
    """Python's own writer makes none."""
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as content:
        content.writestr("thing"[: len(name)] or "x", "good")
    written = (tmp_path / "evil.zip").read_bytes()
    written = written.replace(b"thing", name) if name else without_name(written)
    (tmp_path / "evil.zip").write_bytes(written)
    with pytest.raises(DataError, match=r"evil\.zip holds .* no name"):
        unpack(tmp_path / "evil.zip", tmp_path / "content")
    assert not (tmp_path / "content").exists()


def without_name(archive: bytes) -> bytes:
    """Take the one-letter name of an archive's only member from both of its heads."""
    local, central = archive.index(b"PK\x03\x04"), archive.index(b"PK\x01\x02")
    end = archive.index(b"PK\x05\x06")
    heads = bytearray(archive)
    heads[local + 26] = heads[central + 28] = 0
    heads[end + 12 : end + 16] = (end - central - 1).to_bytes(4, "little")
    heads[end + 16 : end + 20] = (central - 1).to_bytes(4, "little")
    return bytes(heads[: local + 30] + heads[local + 31 : central + 46] + heads[central + 47 :])


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_in_any_method_of_compression(tmp_path, method):
    path = tmp_path / "thing.zip"
    with zipfile.ZipFile(path, "w", method) as content:
        content.writestr("noise.bin", os.urandom(5000))
    whole = path.read_bytes()
    for start in range(40, 400, 40):
        path.write_bytes(whole[:start] + bytes(20) + whole[start + 20 :])
        with pytest.raises(DataError, match=r"thing\.zip is damaged"):
            unpack(path, tmp_path / "content")
        assert not (tmp_path / "content").exists()


def test_an_archive_that_would_fill_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "SMALL", 10**6)
    with zipfile.ZipFile(tmp_path / "thing.zip", "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("zeros.bin", bytes(2 * 10**6))
    with pytest.raises(DataError, match=r"would unpack to 2\.0 MB"):
        unpack(tmp_path / "thing.zip", tmp_path / "content")
    assert not (tmp_path / "content").exists()


@pytest.mark.parametrize("length", [0, 10, 200, -30, -1])
def test_truncated_archive(tmp_path, packed, length):
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "noise.bin").write_bytes(os.urandom(1000))
    content = packed(tmp_path / "thing", tmp_path / "thing.zip")
    (tmp_path / "thing.zip").write_bytes(content[:length])
    with pytest.raises(DataError, match=r"thing\.zip is damaged"):
        unpack(tmp_path / "thing.zip", tmp_path / "content")
    assert not (tmp_path / "content").exists()


def test_flipped_bit_in_archive(tmp_path, packed):
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "noise.bin").write_bytes(os.urandom(1000))
    content = bytearray(packed(tmp_path / "thing", tmp_path / "thing.zip"))
    content[500] ^= 1
    (tmp_path / "thing.zip").write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        unpack(tmp_path / "thing.zip", tmp_path / "content")
    assert not (tmp_path / "content").exists()


# --- the registry


def test_registry():
    remote = registered("esc50")
    assert remote.url == "https://github.com/karolpiczak/ESC-50/archive/master.zip"
    assert not remote.verified
    assert "checksum is not stable" in remote.note


def test_unknown_and_damaged_entries(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "shipped", lambda name: tmp_path)
    with pytest.raises(DataError, match="'nothing'") as caught:
        registered("nothing")
    assert caught.value.repair
    for content in ("{", "[]", json.dumps({"name": "nothing"})):
        (tmp_path / "nothing.json").write_text(content)
        with pytest.raises(DataError, match=r"nothing\.json is damaged") as caught:
            registered("nothing")
        assert "git checkout" in caught.value.repair


# --- ESC-50 through it


@pytest.fixture
def official(server, packed, make_esc50, tmp_path, monkeypatch):
    """The made-up corpus as the official archive; returns it."""
    folder, address = server
    source = make_esc50(tmp_path / "source" / "ESC-50-master", ".wav")
    packed(source, folder / "master.zip")
    remote = replace(REMOTE, name="esc50", url=f"{address}/master.zip")
    monkeypatch.setattr("companion.datasets.esc50.registered", {"esc50": remote}.__getitem__)
    return source


def test_fetch_into_an_empty_folder(official, tmp_path):
    corpus = ESC50.fetch(tmp_path / "data")
    assert corpus.folder == tmp_path / "data" / "ESC-50-master"
    assert corpus.validate().ok
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["ESC-50-master"]


def test_fetch_leaves_a_whole_corpus_alone(make_esc50, tmp_path, monkeypatch):
    monkeypatch.setattr("companion.datasets.esc50.registered", lambda name: pytest.fail("downloaded"))
    folder = make_esc50(tmp_path / "data" / "ESC-50")
    assert ESC50.fetch(tmp_path / "data").folder == folder


@pytest.mark.parametrize("name", ["ESC-50", "ESC-50-master", "."])
def test_fetch_mends_what_is_there(official, make_esc50, tmp_path, name):
    folder = make_esc50(tmp_path / "data" / name, ".flac")
    audio = folder / "audio"
    (audio / "1-1001-A-0.flac").unlink()
    (audio / "2-1002-A-0.flac").write_bytes(b"fLaC")
    (audio / "mine.txt").write_text("stays")
    table = folder / "meta" / "esc50.csv"
    table.write_text(table.read_text()[:100])
    corpus = ESC50.fetch(tmp_path / "data")
    assert corpus.folder == folder
    assert corpus.validate().ok
    assert (audio / "mine.txt").read_text() == "stays"
    assert not list((tmp_path / "data").glob(".esc50-*"))


def test_an_incomplete_archive_changes_nothing(official, server, packed, tmp_path):
    (official / "audio" / "1-1001-A-0.wav").unlink()
    packed(official, server[0] / "master.zip")
    with pytest.raises(DataError, match="1-1001-A-0"):
        ESC50.fetch(tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_an_archive_of_something_else_changes_nothing(official, server, packed, tmp_path):
    shutil.rmtree(official / "meta")
    packed(official, server[0] / "master.zip")
    with pytest.raises(DataError, match="no ESC-50"):
        ESC50.fetch(tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []
