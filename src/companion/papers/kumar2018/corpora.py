"""The corpora of this paper's chapters, by the names that their settings use."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from companion.checkout import event_table
from companion.datasets.base import Dataset
from companion.events import read_table
from companion.profiles import Settings

if TYPE_CHECKING:
    from companion.datasets.esc50 import ESC50


class WeakSettings(Settings):
    """A weakly labelled corpus.

    Args:
        name: ``synthetic``, ``esc50`` (mixtures of the forty classes outside ESC-10) or ``audioset``.
        n_train: Training recordings.
        n_validation: Validation recordings; they choose the best epoch.
        n_test: Test recordings; with some, ESC-50's authors are dealt as for scenes, and otherwise all are heard.
        duration: Seconds of a recording, or several lengths of which each is equally likely.
        seed: Seed of the draw of the corpus; the synthetic world has the run's.
    """

    name: Literal["synthetic", "esc50", "audioset"]
    n_train: int
    n_validation: int
    n_test: int = 0
    duration: float | tuple[float, ...] = 10.0
    seed: int = 0


def weak_corpus(settings: WeakSettings, seed: int, data: Path) -> Dataset:
    """A corpus with weak labels; fold 1 trains, fold 2 validates, fold 3 tests."""
    if settings.name == "synthetic":
        from companion.datasets.synthetic import SyntheticMixtures

        return SyntheticMixtures(
            seed,
            recordings=settings.n_train,
            validation=settings.n_validation,
            test=settings.n_test,
            duration=settings.duration,
        )
    if settings.name == "audioset":
        from companion.datasets.audioset import AudioSet

        return AudioSet(data, n_validation=settings.n_validation, seed=settings.seed)
    from companion.datasets.esc50 import ESC50
    from companion.datasets.esc50_mixtures import source_mixtures
    from companion.mixtures import MixtureRule

    return source_mixtures(
        ESC50(data),
        read_table(event_table()),
        sizes={"train": settings.n_train, "validation": settings.n_validation, "test": settings.n_test},
        seed=settings.seed,
        rule=MixtureRule(duration=settings.duration),
    )


def event_corpus(name: str, seed: int, data: Path, clips_per_class: int, duration: float) -> Dataset:
    """Clips with one label each: ``synthetic``, ``esc10``, ``esc50``, or the part of it that no network hears."""
    if name == "synthetic":
        from companion.datasets.synthetic import TARGET_CLASSES, SyntheticEvents

        return SyntheticEvents(seed, classes=TARGET_CLASSES, clips_per_class=clips_per_class, duration=duration)
    from companion.datasets.esc50 import ESC50

    return held_out(ESC50(data)) if name == "held out" else ESC50(data, esc10_only=name == "esc10")


def held_out(corpus: "ESC50") -> Dataset:
    """The clips of ESC-50 by authors that are dealt to scenes and test mixtures."""
    from companion.datasets.esc50_parts import HELD_OUT, author_of, deal_authors

    cuts = read_table(event_table())
    part_of = deal_authors(cuts)
    kept = {row.clip for row in cuts if part_of[author_of(row)] in HELD_OUT}
    corpus.clips = tuple(clip for clip in corpus.clips if clip.id in kept)
    corpus.name = "esc50, authors held out"
    return corpus


def scene_corpus(name: str, seed: int, data: Path, clips_per_scene: int, duration: float) -> Dataset:
    """Clips of scenes: ``synthetic``, ``esc50`` (composed) or ``tut2016``."""
    if name == "tut2016":
        from companion.datasets.dcase2016 import TUTScenes2016

        return TUTScenes2016(data)
    if name == "synthetic":
        from companion.datasets.synthetic import SyntheticScenes

        return SyntheticScenes(seed, recordings_per_scene=clips_per_scene, duration=duration)
    from companion.datasets.esc50 import ESC50
    from companion.datasets.esc50_scenes import RestagedScenes

    cuts = read_table(event_table())
    return RestagedScenes(ESC50(data), cuts, clips_per_scene=clips_per_scene, duration=duration)
