"""What every test gets: an empty cache folder, one thread, and no network."""

import os
import signal
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def ten_seconds() -> Iterator[None]:
    """Ends a test that waits for what never comes."""

    def fail(*_: object) -> None:
        pytest.fail("still waiting after ten seconds")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


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


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Any]:
    """Write a run: lines of (paper, item, row, column, measure, value, low, high[, p]), tables by name."""
    import pandas as pd

    from companion.profiles import PROFILES
    from companion.results.provenance import collect
    from companion.results.run import Run, write_run

    words = ["paper", "item", "row", "column", "measure", "value", "ci_low", "ci_high", "p_value"]
    started = {"commit": "0123456789abcdef", "dirty": False, "versions": {"python": "3.11.7", "torch": "2.13.0"},
               "device": "cpu: a processor, 2 cores"}  # fmt: skip

    def make(profile="esc50", lines=(), tables=None, experiment="kumar2018/transfer", evidence=None, folder=None,
             wall_time=60.0) -> Run:  # fmt: skip
        evidence = evidence or PROFILES[profile].evidence
        rows = pd.DataFrame([(*line, float("nan"))[:9] for line in lines], columns=words).assign(
            experiment=experiment, profile=profile, evidence=evidence,
            n_clips=400, n_recordings=297, n_seeds=3, data="made up", note="",
        )  # fmt: skip
        provenance = collect(
            experiment=experiment, profile=profile, evidence=evidence, data="made up", inputs={}, seed=0,
            seeds=[0, 1, 2],
            command=f"companion run {experiment} --profile {profile}", settings={"epochs": 50}, changed={}, parts=[],
            started=started, wall_time=wall_time, n_recordings=297,
        )  # fmt: skip
        return write_run(folder or tmp_path / profile / experiment, rows, provenance, tables)

    return make


@pytest.fixture
def answered(make_run: Callable[..., Any]) -> Callable[..., Any]:
    """Make a page of some class and chapter that a run of these lines and tables answers."""
    import pandas as pd

    from companion.report.evidence import columns
    from companion.report.page import Page

    def make(kind: type[Page], experiment: Any, *lines, **tables) -> Page:
        page = object.__new__(kind)
        page.experiment, page.paper = experiment, experiment.paper
        kept = {name: pd.DataFrame(table) for name, table in tables.items()}
        run = make_run("esc50", lines, kept, experiment=experiment.name)
        page.evidence = columns({"esc50": run}, None)[0]
        return page

    return make


@pytest.fixture(scope="session")
def released_network() -> Callable[[int], Any]:
    """N_S in the released layout, written from the paper's table and not from this library, by its classes."""
    from torch import manual_seed, nn

    def conv(channels_in: int, channels_out: int, kernel: int = 3, padding: int = 1) -> nn.Sequential:
        layer = nn.Conv2d(channels_in, channels_out, kernel, padding=padding)
        return nn.Sequential(layer, nn.BatchNorm2d(channels_out), nn.ReLU())

    def published(n_classes: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        channels = 1
        for filters in (16, 32, 64, 128, 256):
            layers += [conv(channels, filters), conv(filters, filters), nn.MaxPool2d(2, stride=2)]
            channels = filters
        layers += [conv(256, 512), nn.MaxPool2d(2, stride=2), conv(512, 1024, kernel=2, padding=0)]
        layers += [nn.Sequential(nn.Conv2d(1024, n_classes, 1), nn.Sigmoid())]
        return nn.Sequential(OrderedDict((f"layer{i}", layer) for i, layer in enumerate(layers, 1)))

    def network(n_classes: int) -> nn.Sequential:
        manual_seed(0)
        made = published(n_classes)
        for module in made.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.3)
                nn.init.normal_(module.running_mean, 0, 0.3)
                nn.init.uniform_(module.running_var, 0.5, 2)
        return made.eval()

    return network
