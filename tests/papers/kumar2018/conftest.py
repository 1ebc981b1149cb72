"""The smallest experiments that still have every part."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from companion.experiment import Findings
from companion.papers.kumar2018 import scenes, transfer
from papers.kumar2018.tiny import TINY_SCENES, TINY_TRANSFER
from worlds import Disturbed, with_inputs


@pytest.fixture(scope="session")
def paper_cache(session_cache: Path) -> Path:
    """One cache for all tests of this paper, so that no network is trained twice."""
    return session_cache / "kumar2018"


@pytest.fixture
def shared(paper_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Compute in the common cache."""
    monkeypatch.setenv("COMPANION_CACHE", str(paper_cache))
    return paper_cache


@pytest.fixture(scope="session")
def events_world() -> Disturbed:
    """Forty clips of four target classes in three folds."""
    from companion.datasets.synthetic import TARGET_CLASSES, SyntheticEvents

    return Disturbed(SyntheticEvents(0, classes=TARGET_CLASSES[::3], clips_per_class=10, duration=3.5), folds=3)


@pytest.fixture(scope="session")
def in_cache(paper_cache: Path) -> Iterator[None]:
    """For fixtures wider than one test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_CACHE", str(paper_cache))
        yield


@pytest.fixture(scope="session")
def transferred(in_cache: None, events_world: Disturbed) -> Findings:
    """The chapter on transfer, run on the smallest data."""
    return transfer.compute(with_inputs(transfer.experiment, TINY_TRANSFER, target=events_world))


@pytest.fixture(scope="session")
def scenes_world() -> Disturbed:
    """Thirty-two recordings of four synthetic scenes in four folds."""
    from companion.datasets.synthetic import SyntheticScenes

    chosen = ("pond", "street", "workshop", "kitchen")
    return Disturbed(SyntheticScenes(0, scenes=chosen, recordings_per_scene=8, duration=3.5), folds=4)


@pytest.fixture(scope="session")
def places(in_cache: None, scenes_world: Disturbed) -> Findings:
    """The chapter on scenes, run on the smallest data."""
    return scenes.compute(with_inputs(scenes.experiment, TINY_SCENES, scenes=scenes_world))
