"""The smallest experiments that still have every part."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from companion.datasets.base import Dataset
from companion.experiment import Findings
from companion.papers.kumar2018 import scenes, tagging, transfer
from papers.kumar2018.tiny import TINY_SCENES, TINY_TAGGING, TINY_TRANSFER, tiny_task, weak_corpus
from worlds import Disturbed


@pytest.fixture(scope="session", autouse=True)
def single_precision() -> Iterator[None]:
    """The same precision on every processor, so that outputs can be compared with a network's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("companion.training.device.fast_bfloat16", lambda: False)
        yield


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
def weak_world() -> Dataset:
    """Weakly labelled recordings: twenty-four to train, twenty to validate, twenty-four to test."""
    return weak_corpus()


@pytest.fixture(scope="session")
def tagged(in_cache: None) -> Findings:
    """The chapter on tagging, run on the smallest data."""
    return tagging.compute(tiny_task(tagging.experiment, TINY_TAGGING))


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
    return transfer.compute(tiny_task(transfer.experiment, TINY_TRANSFER, target=events_world))


@pytest.fixture(scope="session")
def scenes_world() -> Disturbed:
    """Forty recordings of five synthetic scenes in four folds."""
    from companion.datasets.synthetic import SyntheticScenes

    chosen = ("pond", "street", "workshop", "factory", "kitchen")
    return Disturbed(SyntheticScenes(0, scenes=chosen, recordings_per_scene=8, duration=3.5), folds=4)


@pytest.fixture(scope="session")
def places(in_cache: None, scenes_world: Disturbed) -> Findings:
    """The chapter on scenes, run on the smallest data."""
    return scenes.compute(tiny_task(scenes.experiment, TINY_SCENES, scenes=scenes_world))
