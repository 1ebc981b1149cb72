"""What every test gets: an empty cache folder, one thread, and no network."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before numpy or torch is imported: small problems gain nothing from threads, and two test processes lose.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"

LOCAL_HOSTS = {None, "", "localhost", "::", "::1", "0.0.0.0"}


def refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: end a test that looks up or connects to anything but this machine."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a path or an empty tuple: a Unix socket
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if name not in LOCAL_HOSTS and not str(name).startswith("127."):
        # pytest's failure derives from BaseException, so no `except Exception` of a library can hide it
        pytest.fail(f"a test reached for the network: {event} {name}", pytrace=True)


sys.addaudithook(refuse_network)


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Fixtures wider than one test compute into a folder of this session, never into the reader's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("session-cache")
        patch.setenv("COMPANION_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def cache(session_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test starts with a cache folder that does not exist yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("COMPANION_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def esc50_root() -> Path:
    """Folder of the real ESC-50, or a skip that says what is missing."""
    chosen = os.environ.get("COMPANION_DATA")
    if not chosen:
        pytest.skip("needs real recordings: COMPANION_DATA is not set")
    root = Path(chosen) / "ESC-50"
    if not (root / "meta" / "esc50.csv").is_file():
        pytest.skip(f"needs real recordings: no meta/esc50.csv in {root}")
    return root
