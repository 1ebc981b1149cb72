"""Networks of a few filters, trained for a moment, and everything that their training was given."""

import copy
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from companion import store
from companion.papers.kumarraj2017 import learning
from companion.store import Work
from papers.kumarraj2017.tiny import TRAINING, corpus
from worlds import in_single_precision


@pytest.fixture(scope="module", autouse=True)
def single_precision() -> Iterator[None]:
    """For the tests of this paper, and for no others that follow."""
    with in_single_precision():
        yield


@pytest.fixture(scope="session")
def paper_cache(session_cache: Path) -> Path:
    """One cache for all tests of this paper, so that no feature is computed twice."""
    return session_cache / "kumarraj2017"


@pytest.fixture
def shared(paper_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Compute in the common cache."""
    monkeypatch.setenv("COMPANION_CACHE", str(paper_cache))
    return paper_cache


@pytest.fixture
def trained(shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Train a network; what comes back also says what the loop was given, and how validation heard."""
    calls: list[SimpleNamespace] = []
    real_fit, real_hearing, numbers = learning.fit, learning.hearing, count()
    heard: list[str] = []

    def fit(model: Any, examples: Any, loss: Any, validate: Any, schedule: Any, **options: Any) -> Any:
        call = SimpleNamespace(first=copy.deepcopy(model), examples=examples, loss=loss, schedule=schedule, **options)
        calls.append(call)
        call.state = real_fit(model, examples, loss, validate, schedule, **options)
        return call.state

    def hearing(network: Any, how: str, settings: Any) -> Any:
        heard.append(how)
        return real_hearing(network, how, settings)

    monkeypatch.setattr(learning, "fit", fit)
    monkeypatch.setattr(learning, "hearing", hearing)

    def train(shown: str = "recordings", *, settings: Any = TRAINING, clean: Any = None, validation: Any = None,
              seed: int = 0) -> Any:  # fmt: skip
        heard.clear()
        work, file = Work(folder=tmp_path / str(next(numbers))), tmp_path / f"{next(numbers)}.safetensors"
        clean = clean or corpus()
        value = learning.train(work, clean, validation or clean, settings, shown, seed)
        store.write(file, value, {})
        kept = store.read(file)
        return SimpleNamespace(kept=kept, network=learning.network_of(kept), heard=set(heard), **vars(calls[-1]))

    return train


def equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    """Whether two networks have the same weights, to the last bit."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="session")
def same() -> Any:
    """Whether two networks have the same weights."""
    return equal
