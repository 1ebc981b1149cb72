"""Settings of the chapter on event boundaries by CTC, and the names that the paper has for its features."""

from collections.abc import Mapping
from typing import Literal

from companion.papers.wangmetze2017 import students
from companion.papers.wangmetze2017.frames import LOW_LEVEL
from companion.papers.wangmetze2017.framewise import FramewiseSettings
from companion.papers.wangmetze2017.learning import NetworkSettings
from companion.papers.wangmetze2017.student_features import STUDENTS
from companion.profiles import Settings

ROWS = {
    LOW_LEVEL: "Low-level (50-d, epoch 500)",
    "conv5": "SoundNet conv5 256",
    **{f"{network} pool5": f"{network} pool5 256" for network in STUDENTS},
    **{f"SN-F fc{number}": f"SN-F fc{number} 100" for number in (1, 2, 3)},
    **{f"SN-R gru{number}{end}": f"SN-R gru{number}{end} 200" for number in (1, 2, 3) for end in ("", "-BN")},
}
"""Rows of Table 4 by feature; layers that the paper does not list have their own name."""
FEATURES = (LOW_LEVEL, "conv5", "SN-F fc1", "SN-R gru1-BN")
"""The curves of Fig. 2."""
TECHNIQUES: Mapping[str, Mapping[str, float]] = {"dropout": {"dropout": 0.5}, "noise": {"noise": 0.3}}
"""What the paper's authors had tried on low-level features: dropout and data augmentation. How much of it is open, and
so is which augmentation; here it is noise on the features."""


class CtcSettings(Settings):
    """Settings of one profile.

    Args:
        corpus: Polyphonic recordings made from ``esc50``, of the ``synthetic`` world, ``noiseme`` itself, or ``files``:
            any others with strong labels.
        files: Of the last, a folder of the data folder: lists ``train.tsv``, ``validation.tsv`` and ``test.tsv`` with
            the columns filename, onset, offset and event_label, as DESED has them, and the folder ``audio``.
        classes: Of the synthetic corpus, or of files; empty for all that the lists name.
        sizes: Recordings of training, validation and test that are made.
        duration: Seconds of each.
        features: What is compared: ``low-level``, a layer of SoundNet such as ``conv5``, or a row of Table 4 without
            its number of dimensions, such as ``SN-F fc1`` or ``SN-R gru1-BN``.
        others: Features that have their row in Table 4 and no more.
        taught: Of the chapter on SN-F and SN-R: which networks their layers are read off.
        width: Of a SoundNet that never learned, where the published weights are not used.
        network: Network and training.
        framewise: Features on which a frame-wise detector is trained, too.
        frame: How that is.
        pretrained: Features whose networks are also begun with its LSTM.
        pretrained_epochs: Epochs of these: enough to see them begin to speak.
        techniques: Out of ``TECHNIQUES``, with low-level features.
        n_seeds: Networks of each feature.
        n_other_seeds: The same of ``others`` and of each technique.
    """

    corpus: Literal["esc50", "synthetic", "noiseme", "files"] = "esc50"
    files: str = ""
    classes: tuple[str, ...] = ()
    sizes: tuple[int, int, int] = (90, 30, 30)
    duration: float = 50.0
    features: tuple[str, ...] = FEATURES
    others: tuple[str, ...] = tuple(feature for feature in ROWS if feature not in FEATURES)
    taught: students.StudentsSettings = students.PROFILES["esc50"]
    width: float = 0.0
    network: NetworkSettings = NetworkSettings()
    framewise: tuple[str, ...] = (LOW_LEVEL, "conv5")
    frame: FramewiseSettings = FramewiseSettings()
    pretrained: tuple[str, ...] = (LOW_LEVEL,)
    pretrained_epochs: int = 150
    techniques: tuple[str, ...] = tuple(TECHNIQUES)
    n_seeds: int = 3
    n_other_seeds: int = 1

    @property
    def heard(self) -> dict[str, int]:
        """Every feature with the number of its networks."""
        return dict.fromkeys(self.features, self.n_seeds) | dict.fromkeys(self.others, self.n_other_seeds)


PROFILES: Mapping[str, CtcSettings] = {
    "demo": CtcSettings(
        corpus="synthetic",
        classes=("bark", "drum", "telephone"),
        sizes=(18, 6, 6),
        duration=10.0,
        features=(LOW_LEVEL, "conv5"),
        others=(),
        techniques=(),
        taught=students.PROFILES["demo"],
        width=0.0625,
        network=NetworkSettings(
            units=24, activation="tanh", epochs=20, low_level_epochs=20, batch_size=3, lr=1.0, clip_value=0.05
        ),
        frame=FramewiseSettings(epochs=10, lr=1e-2),
        pretrained_epochs=10,
        n_seeds=1,
    ),
    # Hyperbolic tangents, which run fused: with ReLU a step takes three times as long, and the network needs the
    # clipping to stay finite. An epoch has 18 steps, and with 128 of the paper's 400 units takes about a second of one
    # core. How many epochs was read off validation, with one seed: with conv5 the token error rate was lowest after 15
    # (70 %; 40 were tried), with low-level features from 45 on (79 %; 60 were tried), when nothing was left to learn in
    # training. All together 1,520 epochs; with the features 0.8 core-hours. No error on a test recording was counted.
    "esc50": CtcSettings(
        network=NetworkSettings(activation="tanh", units=128, epochs=40, low_level_epochs=100),
        frame=FramewiseSettings(epochs=20),
        pretrained_epochs=60,
    ),
    "paper": CtcSettings(corpus="noiseme"),
}
