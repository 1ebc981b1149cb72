"""N_S against N_S^slat on weakly labelled recordings: Table 1 of Kumar, Khadkevich, Fügen 2018.

Both networks have the same layers, weights at the start, recordings, passes over them and seeds; they differ in
what they are shown at a time, a recording or a segment, and so in what a label is taken to say.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from companion.experiments.stages.source import SourceConfig

NAME = "kumar2018_tagging"


class Config(BaseModel):
    """Settings of one profile.

    Args:
        corpus: Weakly labelled corpus.
        source: Settings of both networks; N_S^slat differs in ``segmentwise`` alone.
        n_seeds: Seeds of the weights and of the order of recordings, the same for both networks.
        n_resamples: Resamples of every interval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    corpus: Literal["synthetic", "esc50", "audioset"]
    source: SourceConfig
    n_seeds: int = 1
    n_resamples: int = 1000


CONFIGS: dict[str, Config] = {
    "demo": Config(
        corpus="synthetic",
        source=SourceConfig(
            n_train=160,
            n_validation=60,
            n_test=120,
            duration=(3.5, 5.0, 8.0),
            epochs=6,
            batch_size=8,
            width=0.25,
            decay="cosine",
            lr=2e-3,
        ),
        n_resamples=200,
    ),
    # Fixed before any test recording was scored. Half the filters, three passes and batches of eight are what two
    # cores without bfloat16 allow for six networks in two hours; they are the same for both.
    "esc50": Config(
        corpus="esc50",
        source=SourceConfig(
            n_train=3000,
            n_validation=300,
            n_test=1000,
            duration=(4.0, 6.0, 8.0, 10.0, 12.0, 30.0),
            epochs=3,
            batch_size=8,
            width=0.5,
            decay="cosine",
        ),
        n_seeds=3,
    ),
    # Batch size and rate of the closest public code; the paper states neither, nor its epochs.
    "paper": Config(
        corpus="audioset",
        source=SourceConfig(n_train=22160, n_validation=1000, n_test=20371, epochs=30, batch_size=72),
        n_seeds=3,
    ),
}
