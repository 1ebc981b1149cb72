"""What networks learn from and are tested on: labelled with care, as a search engine would, and a test in the wild."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from companion.checkout import event_table
from companion.datasets.base import Dataset
from companion.events import read_table
from companion.profiles import Settings
from companion.results.published import load_audioset_names

CLASS_ROWS = {
    "air_conditioner": "Air Conditioner",
    "car_horn": "Car Horn",
    "children_playing": "Children Playing",
    "dog_bark": "Dog Bark",
    "drilling": "Drilling",
    "engine_idling": "Engine Idling",
    "gun_shot": "Gunshot",
    "jackhammer": "Jackhammer",
    "siren": "Siren",
    "street_music": "Street Music",
}
"""Rows of the published tables by class of UrbanSound."""

SAME = {"dog": "Dog Bark", "car_horn": "Car Horn", "engine": "Engine Idling", "siren": "Siren"}
"""Rows of the published tables by the class of ESC-50 with the same meaning; others stand in, and answer no row."""

SYNTHETIC = ("wail", "yelp", "clock", "typewriter", "wind", "surf", "knocking", "bouncing_ball", "rising_chirp",
             "falling_chirp")  # fmt: skip
"""Ten classes of the synthetic world, which stand for nothing."""


class SoundSettings(Settings):
    """The recordings.

    Args:
        name: ``synthetic``, ``esc50`` (mixtures of ten of its classes) or ``urbansound`` (with recordings from queries
            and AudioSet).
        n_train: Recordings that are labelled with care, for training.
        n_validation: The same for validation, of every network.
        n_test: The same for test.
        n_web: Recordings that are labelled as a search engine would, for training.
        n_wild: Recordings in the wild, for test: labelled with care, but noisier, and with several events.
        durations: Seconds, each equally likely.
        wild_durations: The same in the wild.
        wrong: Share of the web recordings whose label is wrong.
        missing: Share of the other labels that are missing in them.
        seed: Seed of the draw; the synthetic world has the run's.
    """

    name: Literal["synthetic", "esc50", "urbansound"]
    n_train: int = 0
    n_validation: int = 0
    n_test: int = 0
    n_web: int = 0
    n_wild: int = 0
    durations: tuple[float, ...] = ()
    wild_durations: tuple[float, ...] = (10.0,)
    wrong: float = 0.2
    missing: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class Sounds:
    """Three corpora of the same classes.

    Args:
        clean: Labelled with care; folds 1 to 3.
        web: Labelled as a search engine would; fold 1.
        wild: In the wild; fold 3. It may lack classes.
    """

    clean: Dataset
    web: Dataset
    wild: Dataset


def sounds(settings: SoundSettings, seed: int, data: Path) -> Sounds:
    """The corpora by the names that settings use.

    Raises:
        DataError: Some of them are not there.
    """
    makers = {"synthetic": _synthetic, "esc50": _esc50, "urbansound": _official}
    return makers[settings.name](settings, seed, data)


def _synthetic(s: SoundSettings, seed: int, data: Path) -> Sounds:
    from companion.datasets.relabelled import mislabelled
    from companion.datasets.synthetic import SyntheticMixtures

    def made(number: int, **sizes: int) -> Dataset:
        # worlds of other seeds share no recording; a corpus of mixtures has at least one for training
        lengths = s.durations if number < 2 else s.wild_durations
        world = 1000 * seed + number
        corpus = SyntheticMixtures(
            world, classes=SYNTHETIC, duration=lengths, **{"recordings": 1, "validation": 0, **sizes}
        )
        corpus.name = f"{corpus.name}, {('clean', 'web', 'wild')[number]}"
        return corpus

    clean = made(0, recordings=s.n_train, validation=s.n_validation, test=s.n_test)
    return Sounds(clean, mislabelled(made(1, recordings=s.n_web), s.wrong, s.missing, seed), made(2, test=s.n_wild))


def _esc50(s: SoundSettings, seed: int, data: Path) -> Sounds:
    from companion.datasets.esc50 import ESC50
    from companion.datasets.esc50_shares import share_mixtures
    from companion.datasets.relabelled import mislabelled
    from companion.mixtures.shares import ShareRule

    corpus, cuts = ESC50(data), read_table(event_table())
    clean = ShareRule(durations=s.durations)
    wild = ShareRule(durations=s.wild_durations, n_classes=(1, 2), ratio_db=(-5.0, 10.0))
    web = ShareRule(durations=s.durations, n_classes=(1, 2), ratio_db=(-5.0, 10.0))
    sizes = {"train": s.n_train, "validation": s.n_validation, "test": s.n_test}
    searched = share_mixtures(corpus, cuts, {"train": s.n_web}, web, "web", s.seed + 1)
    return Sounds(
        share_mixtures(corpus, cuts, sizes, clean, "clean", s.seed),
        mislabelled(searched, s.wrong, s.missing, s.seed),
        share_mixtures(corpus, cuts, {"test": s.n_wild}, wild, "wild", s.seed + 2),
    )


def _official(s: SoundSettings, seed: int, data: Path) -> Sounds:
    from companion.datasets.audioset import AudioSet
    from companion.datasets.queries import Queries
    from companion.datasets.relabelled import renamed
    from companion.datasets.urbansound import CLASSES, UrbanSound

    names, row_of = load_audioset_names("KumarRaj2017"), {row: name for name, row in CLASS_ROWS.items()}
    queries = {f"{name.replace('_', ' ')} sound": name for name in CLASSES}
    ours = {audioset: row_of[row] for row, audioset in names.items()}
    return Sounds(
        UrbanSound(data),
        Queries(data / "queries", CLASSES, queries),
        renamed(AudioSet(data), ours, CLASSES, "AudioSet eval, nine classes"),
    )


def stepping(s: SoundSettings, seed: int, data: Path) -> Dataset | None:
    """Recordings of one class, steps, for the paper's Fig. 1; UrbanSound has none."""
    if s.name == "synthetic":
        from companion.datasets.synthetic import SyntheticEvents

        return SyntheticEvents(seed, classes=("knocking",), clips_per_class=5)
    if s.name == "esc50":
        from companion.datasets.esc50 import ESC50

        corpus = ESC50(data)
        corpus.clips, corpus.classes = tuple(c for c in corpus.clips if c.label == "footsteps"), ("footsteps",)
        return corpus
    return None


def row_of(label: str, evidence: str) -> str:
    """Published row of a class; empty where a stand-in answers none."""
    return {"urbansound": CLASS_ROWS, "esc50": SAME}.get(evidence, {}).get(label, "")
