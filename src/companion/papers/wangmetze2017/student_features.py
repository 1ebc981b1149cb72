"""What a trained SN-F or SN-R makes of recordings: features of ten frames a second, by the names of Table 4."""

import numpy as np
import torch
from tqdm.auto import tqdm

from companion.audio import resample
from companion.datasets.base import Dataset
from companion.errors import ParameterError
from companion.models.soundnet import waveform
from companion.models.soundnet_variants import SAMPLE_RATE
from companion.papers.wangmetze2017.student_training import student_of
from companion.store import Kept, Value, Work

STUDENTS = {"SN-F": "SN-F", "SN-R": "SN-R GRU with ReLU"}
"""Network of each of Table 4's names, as the chapter on students calls it: SN-R for features has ReLU in its cells."""


def hear_student(work: Work, corpus: Dataset, student: Kept, layer: str) -> Value:
    """A layer of a trained student, of every recording.

    Frames lie where the windows below them do; a recurrent layer hears the whole recording from each of them.

    Args:
        work: Where to compute.
        corpus: The recordings, of any length and rate.
        student: Made by ``student_training.train``.
        layer: ``pool5``; ``fc1`` to ``fc3`` of SN-F; ``gru1`` and so on of SN-R, and ``gru1-BN`` after batch
            normalisation.

    Returns:
        Value: As ``frames.hear_frames`` gives them: ``frames`` of all recordings one after the other, shape
        ``(sum of T, F)``, and ``starts`` of each, shape ``(N + 1,)``; ``rate`` and ``first``, seconds of the middle of
        the first frame, among the facts.

    Raises:
        ParameterError: The network has no such layer.
        AudioError: A recording is too short for it.
    """
    network = student_of(student, student.facts["architecture"]).to(work.device)
    geometry, found = network.geometry(layer), list[np.ndarray]()
    for clip in tqdm(corpus.clips, desc=f"{layer} of {corpus.name}", unit="recording", delay=0.5, leave=False):
        audio = corpus.audio(clip)
        heard = waveform(
            resample(audio.samples, audio.sample_rate, SAMPLE_RATE), SAMPLE_RATE, expected_rate=SAMPLE_RATE
        )
        with torch.inference_mode():
            frames = network.features(torch.from_numpy(heard)[None].to(work.device), [layer])[layer]
        found.append(frames[0].cpu().numpy())
    facts = {"rate": SAMPLE_RATE / geometry.stride, "first": float(geometry.times(1, SAMPLE_RATE)[0])}
    return Value({"frames": np.concatenate(found), "starts": np.cumsum([0, *map(len, found)])}, facts)


def named(feature: str) -> tuple[str, str]:
    """Network and layer of a feature of Table 4.

    Raises:
        ParameterError: It names no layer of SN-F or SN-R.

    >>> named("SN-R gru1-BN")
    ('SN-R', 'gru1-BN')
    """
    network, _, layer = feature.rpartition(" ")
    if network not in STUDENTS:
        raise ParameterError(f"no feature {feature!r} of a student", expected="SN-F or SN-R and a layer: SN-F fc1")
    return network, layer
