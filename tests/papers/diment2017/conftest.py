"""Networks of four units, trained for a moment in a common cache, and everything that their training was given."""

import copy
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from companion import store
from companion.experiment import Findings
from companion.papers.diment2017 import learning, sounds, table1, transfer
from companion.results.run import Run, write_run
from companion.store import Store, Work
from companion.training.recordings import Recordings
from papers.diment2017.made_up import MadeUp, N
from papers.diment2017.tiny import COMMON, SOURCE, TARGET, TINY, World
from worlds import in_single_precision, with_inputs


@pytest.fixture(scope="module", autouse=True)
def single_precision() -> Iterator[None]:
    """For the tests of this paper, and for no others that follow."""
    with in_single_precision():
        yield


@pytest.fixture(scope="session")
def paper_cache(session_cache: Path) -> Path:
    """One cache for all tests of this paper, so that no mixture is heard twice."""
    return session_cache / "diment2017"


@pytest.fixture
def shared(paper_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Compute in the common cache."""
    monkeypatch.setenv("COMPANION_CACHE", str(paper_cache))
    return paper_cache


@pytest.fixture(scope="session")
def world() -> World:
    """The sounds of both tasks, in two rotations."""
    return World()


@pytest.fixture(scope="session")
def sources(paper_cache: Path, world: World) -> list[Any]:
    """What was learned of the source task with the seeds 0 and 1."""
    with in_single_precision() as patch:
        patch.setenv("COMPANION_CACHE", str(paper_cache))
        return [Store().keep(learning.train_source, world, COMMON, SOURCE, "LSTM", 0, seed) for seed in (0, 1)]


@pytest.fixture(scope="session")
def heard() -> Callable[..., Recordings]:
    """Features and labels of mixtures, each made once."""
    return cache(sounds.recordings)


@pytest.fixture
def trained(
    shared: Path, world: World, heard: Callable[..., Recordings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Any:
    """Train a source tagger, or a target tagger; what comes back also says what the loop was given, and its epochs."""
    calls: list[SimpleNamespace] = []
    real, numbers = learning.fit, count()

    def fit(model: Any, examples: Any, loss: Any, validate: Any, schedule: Any, **options: Any) -> Any:
        epochs: list[dict[str, torch.Tensor]] = []

        def watched(network: Any) -> Any:
            epochs.append({name: value.clone() for name, value in model.state_dict().items()})
            return validate(network)

        call = SimpleNamespace(model=model, first=copy.deepcopy(model), examples=examples, schedule=schedule, **options)
        calls.append(call)
        call.state = real(model, examples, loss, watched, schedule, **options)
        call.epochs = epochs[2:]  # the self-check validates twice
        return call.state

    monkeypatch.setattr(learning, "fit", fit)
    monkeypatch.setattr(learning, "recordings", heard)

    def source(settings: Any = SOURCE, *, world: Any = world, common: Any = COMMON, layer: str = "LSTM",
               rotation: int = 0, seed: int = 0) -> Any:  # fmt: skip
        work, file = Work(folder=tmp_path / str(next(numbers))), tmp_path / f"{next(numbers)}.safetensors"
        store.write(file, learning.train_source(work, world, common, settings, layer, rotation, seed), {})
        kept = store.read(file)
        return SimpleNamespace(kept=kept, network=learning.tagger_of(kept), facts=learning.facts_of(kept),
                               **vars(calls[-1]))  # fmt: skip

    def target(scheme: str, source: Any = None, settings: Any = TARGET, *, world: Any = world, common: Any = COMMON,
               n_mixtures: int = 6, rotation: int = 0, seed: int = 0) -> Any:  # fmt: skip
        work = Work(folder=tmp_path / str(next(numbers)))
        value = learning.train_target(work, world, common, settings, scheme, source, n_mixtures, rotation, seed)
        call = calls[-1]
        network, first = (getattr(one, "network", one) for one in (call.model, call.first))
        return SimpleNamespace(value=value, network=network, **{**vars(call), "first": first})

    return SimpleNamespace(source=source, target=target)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch, world: World) -> Callable[..., MadeUp]:
    """A task of a chapter with made-up networks; options are those of ``MadeUp``, or settings.

    Rows by event are many, and made where they are asked for.
    """
    for module in (transfer, table1):
        monkeypatch.setattr(module, "facts_of", lambda kept: kept.facts)
    larger = TARGET.model_copy(update={"n_test": N, "n_control": N // 2})
    real = table1.by_event

    def task(module: Any = transfer, *, by_event: bool = False, **options: Any) -> MadeUp:
        monkeypatch.setattr(table1, "by_event", real if by_event else lambda scores: None)
        given = {name: options.pop(name) for name in ("said", "accuracy", "convolved") if name in options}
        sizes = {} if module is transfer else {"sizes": (2, 8, 32, 40), "n_limited": 32}
        settings = {**TINY, "target": larger, "full": larger, **sizes, **options}
        return MadeUp(**vars(with_inputs(module.experiment, settings, sounds=world)), **given)

    return task


@pytest.fixture
def run_of(make_run: Callable[..., Run], tmp_path: Path) -> Callable[[Any, Findings], Run]:
    """Findings as a run of their chapter on real audio."""

    def run(module: Any, findings: Findings) -> Run:
        name = module.experiment.name
        provenance = make_run(lines=[("Diment2017", "", "", "", "", 0.0, 0.0, 0.0)], experiment=name).provenance
        common = {"paper": "Diment2017", "profile": "esc50", "evidence": "restaged", "data": "made up"}
        rows = findings.rows.frame(experiment=name, **common)
        return write_run(tmp_path / "written" / name, rows, provenance, findings.tables)

    return run
