"""A made-up ESC-50 of ten clips in the official layout, and a server on this machine that offers files."""

import csv
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from companion.datasets import esc50_list
from companion.datasets.esc50_list import COLUMNS, Extent

ROWS = [
    (fold, 1000 + 10 * number + fold, "A", target) for number, target in enumerate((0, 41)) for fold in (1, 2, 3, 4, 5)
]
NAMES = {0: "dog", 41: "chainsaw"}


def build(folder: Path, suffix: str = ".flac") -> Path:
    """Write ten clips of a quiet tone, 5 s at 44.1 kHz, with their csv."""
    (folder / "meta").mkdir(parents=True)
    (folder / "audio").mkdir()
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(220_500) / 44_100)
    stems = [f"{fold}-{recording}-{take}-{target}" for fold, recording, take, target in ROWS]
    for stem in stems:
        soundfile.write(folder / "audio" / f"{stem}{suffix}", tone, 44_100)
    with (folder / "meta" / "esc50.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for stem, (fold, recording, take, target) in zip(stems, ROWS, strict=True):
            writer.writerow([f"{stem}.wav", fold, target, NAMES[target], target == 0, recording, take])
    return folder


@pytest.fixture
def make_esc50(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Builder of the made-up corpus."""
    monkeypatch.setattr(esc50_list, "OFFICIAL", Extent(classes=2, esc10=1, folds=5, clips=1))
    return build


def pack(folder: Path, archive: Path) -> bytes:
    """Zip a folder, its own name included."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        for file in sorted(folder.rglob("*")):
            content.write(file, file.relative_to(folder.parent))
    return archive.read_bytes()


class Quiet(SimpleHTTPRequestHandler):
    """A file server that logs nothing, and breaks off halfway through files named ``broken``."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def copyfile(self, source, outputfile) -> None:
        content = source.read()
        outputfile.write(content[: len(content) // 2] if "broken" in self.path else content)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as httpd:
        threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture
def packed() -> Callable[[Path, Path], bytes]:
    """Packer of a folder."""
    return pack
