"""The weakly labelled corpus of a profile: what N_S and N_S^slat learn from."""

from companion.datasets.base import Dataset
from companion.events import read_table
from companion.experiments.stages.source import SourceConfig
from companion.profiles import Parameters
from companion.report.repository import checkout


def weak_corpus(name: str, config: SourceConfig, parameters: Parameters, *, test_split: bool) -> Dataset:
    """A corpus with weak labels; fold 1 trains, fold 2 validates, fold 3 (where there is one) tests.

    Args:
        name: ``synthetic``, ``esc50`` (mixtures of the forty classes outside ESC-10) or ``audioset``.
        config: Sizes, lengths and the seed of the draw.
        parameters: Seed of the synthetic world, and the data folder.
        test_split: Keep ESC-50's folds 4 and 5 for test mixtures; otherwise the target task is another one.
    """
    if name == "synthetic":
        from companion.datasets.synthetic import SyntheticMixtures

        return SyntheticMixtures(
            parameters.seed,
            recordings=config.n_train,
            validation=config.n_validation,
            test=config.n_test,
            duration=config.duration,
        )
    if name == "audioset":
        from companion.datasets.audioset import AudioSet

        return AudioSet(parameters.data_root, n_validation=config.n_validation, seed=config.corpus_seed)
    from companion.datasets.esc50 import ESC50
    from companion.datasets.esc50_mixtures import TARGET_FOLDS, TEST_FOLDS, source_mixtures
    from companion.mixtures import MixtureRule

    return source_mixtures(
        ESC50(parameters.data_root),
        read_table(checkout() / "data" / "events" / "esc50.csv"),
        sizes={"train": config.n_train, "validation": config.n_validation, "test": config.n_test},
        folds=TEST_FOLDS if test_split else TARGET_FOLDS,
        seed=config.corpus_seed,
        rule=MixtureRule(duration=config.duration),
    )
