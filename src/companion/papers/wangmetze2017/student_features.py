"""What a trained SN-F or SN-R makes of recordings: features of ten frames a second, by the names of Table 4."""

from collections.abc import Sequence

import numpy as np
import torch
from tqdm.auto import tqdm

from companion.audio import resample
from companion.datasets.base import Dataset
from companion.errors import ParameterError
from companion.models.soundnet import waveform
from companion.models.soundnet_variants import SAMPLE_RATE, Variant
from companion.papers.wangmetze2017.student_training import TOP, student_of
from companion.store import Kept, Value, Work

STUDENTS = {"SN-F": "SN-F", "SN-R": "SN-R GRU with ReLU"}
"""Network of each of Table 4's names, as the chapter on students calls it: SN-R for features has ReLU in its cells."""


LAYERS = {
    "SN-F": ("pool5", "fc1", "fc2", "fc3"),
    "SN-R": ("pool5", *(f"gru{number}{ending}" for number in (1, 2, 3) for ending in ("", "-BN"))),
}
"""Layers of Table 4 by network."""


def hear_student(work: Work, corpus: Dataset, student: Kept, layers: Sequence[str]) -> Value:
    """Layers of a trained student, of every recording; each recording is made and heard once.

    Frames lie where the windows below them do; a recurrent layer hears the whole recording from each of them.

    Args:
        work: Where to compute.
        corpus: The recordings, of any length and rate.
        student: Made by ``student_training.train``.
        layers: ``pool5`` or above: ``fc1`` to ``fc3`` of SN-F; ``gru1`` and so on of SN-R, and ``gru1-BN`` after batch
            normalisation. All have the frames of ``pool5``.

    Returns:
        Value: Under its name each layer of all recordings one after the other, shape ``(sum of T, F)``; ``starts`` of
        each recording, shape ``(N + 1,)``; ``rate`` and ``first``, seconds of the middle of the first frame, among the
        facts.

    Raises:
        ParameterError: The network has no such layer, or it lies below ``pool5``.
        AudioError: A recording is too short for it.
    """
    network = student_of(student, student.facts["architecture"]).to(work.device)
    grids = {_grid(network, layer) for layer in (TOP, *layers)}
    if len(grids) > 1:
        raise ParameterError(f"layers {', '.join(layers)} together", expected=f"layers with the frames of {TOP}")
    rate, first = grids.pop()
    found: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
    for clip in tqdm(corpus.clips, desc=f"{len(layers)} layers of {corpus.name}", unit="recording", delay=0.5,
                     leave=False):  # fmt: skip
        audio = corpus.audio(clip)
        heard = waveform(
            resample(audio.samples, audio.sample_rate, SAMPLE_RATE), SAMPLE_RATE, expected_rate=SAMPLE_RATE
        )
        with torch.inference_mode():
            said = network.features(torch.from_numpy(heard)[None].to(work.device), list(layers))
        for layer, frames in found.items():
            frames.append(said[layer][0].cpu().numpy())
    starts = np.cumsum([0, *map(len, found[layers[0]])])
    arrays = {layer: np.concatenate(frames) for layer, frames in found.items()}
    return Value({**arrays, "starts": starts}, {"rate": rate, "first": first})


def layer_of(work: Work, heard: Kept, layer: str) -> Value:
    """One layer of what ``hear_student`` made, as ``frames.hear_frames`` gives a feature: ``frames`` and ``starts``."""
    return Value({"frames": heard[layer], "starts": heard["starts"]}, heard.facts)


def _grid(network: Variant, layer: str) -> tuple[float, float]:
    """Frames a second, and the middle of the first one in seconds."""
    geometry = network.geometry(layer)
    return SAMPLE_RATE / geometry.stride, float(geometry.times(1, SAMPLE_RATE)[0])


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
