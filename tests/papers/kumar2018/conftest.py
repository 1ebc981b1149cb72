"""The smallest experiments that still have every part."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from companion.datasets.base import Dataset
from companion.experiment import Findings
from companion.papers.kumar2018 import scenes, tagging, transfer
from papers.kumar2018.tiny import TINY_SCENES, TINY_TAGGING, TINY_TRANSFER, tiny_task, weak_corpus
from worlds import Disturbed, in_single_precision


@pytest.fixture(scope="module", autouse=True)
def single_precision() -> Iterator[None]:
    """For the tests of this paper, and for no others that follow."""
    with in_single_precision():
        yield


@contextmanager
def computing(cache: Path) -> Iterator[None]:
    """For what is made once for many tests: a common cache, and the precision of the tests."""
    with in_single_precision() as patch:
        patch.setenv("COMPANION_CACHE", str(cache))
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
def tagged(paper_cache: Path) -> Findings:
    """The chapter on tagging, run on the smallest data."""
    with computing(paper_cache):
        return tagging.compute(tiny_task(tagging.experiment, TINY_TAGGING))


@pytest.fixture(scope="session")
def events_world() -> Disturbed:
    """Forty clips of four target classes in three folds."""
    from companion.datasets.synthetic import TARGET_CLASSES, SyntheticEvents

    return Disturbed(SyntheticEvents(0, classes=TARGET_CLASSES[::3], clips_per_class=10, duration=3.5), folds=3)


@pytest.fixture(scope="session")
def transferred(paper_cache: Path, events_world: Disturbed) -> Findings:
    """The chapter on transfer, run on the smallest data."""
    with computing(paper_cache):
        return transfer.compute(tiny_task(transfer.experiment, TINY_TRANSFER, target=events_world))


@pytest.fixture(scope="session")
def scenes_world() -> Disturbed:
    """Forty recordings of five synthetic scenes in four folds."""
    from companion.datasets.synthetic import SyntheticScenes

    chosen = ("pond", "street", "workshop", "factory", "kitchen")
    return Disturbed(SyntheticScenes(0, scenes=chosen, recordings_per_scene=8, duration=3.5), folds=4)


@pytest.fixture(scope="session")
def places(paper_cache: Path, scenes_world: Disturbed) -> Findings:
    """The chapter on scenes, run on the smallest data."""
    with computing(paper_cache):
        return scenes.compute(tiny_task(scenes.experiment, TINY_SCENES, scenes=scenes_world))
