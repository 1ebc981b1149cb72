"""Scores of recordings do not depend on how they were batched, and stand in the recordings' order."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from companion.training import make_fabric
from companion.training.recordings import Recordings, score


class Output(NamedTuple):
    recording: Tensor
    segments: Tensor


class Pairs(nn.Module):
    """Segments are pairs of frames: two classes are the mean and the maximum of a segment's features."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[int, ...]] = []

    def forward(self, x):
        B, T, F = x.shape
        self.batches.append((B, T, F))
        pairs = x[:, : T // 2 * 2].reshape(B, T // 2, 2 * F)
        segments = torch.stack([pairs.mean(2), pairs.amax(2)], dim=2)
        return Output(segments.mean(1), segments)


LENGTHS = [6, 4, 6, 6, 4, 8, 6, 6]
LABELS = np.eye(2, dtype=np.float32)[np.arange(8) % 2]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return Recordings([rng.random((length, 3)).astype(np.float32) for length in LENGTHS], LABELS)


def test_a_batch_holds_the_recordings_that_were_asked_for(data):
    x, y = data.batch(np.array([6, 0]))
    np.testing.assert_array_equal(x[0], data.features[6])
    np.testing.assert_array_equal(x[1], data.features[0])
    np.testing.assert_array_equal(y, LABELS[[6, 0]])
    assert data.lengths == LENGTHS


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
def test_every_recording_has_the_scores_that_it_has_alone(data, batch_size):
    model = Pairs().eval()
    found = score(model, data, make_fabric("cpu"), batch_size=batch_size)
    sizes = [size for size, _, _ in model.batches]
    assert max(sizes) <= batch_size
    assert sum(sizes) == len(LENGTHS)
    for index, feature in enumerate(data.features):
        alone = model(torch.from_numpy(feature)[None])
        np.testing.assert_allclose(found.recording[index], alone.recording[0], atol=1e-6)
        np.testing.assert_allclose(found.segments[index], alone.segments[0], atol=1e-6)
    assert found.recording.dtype == np.float32


def test_the_maximum_is_over_the_segments_of_each_recording(data):
    found = score(Pairs().eval(), data, make_fabric("cpu"))
    expected = [[max(row[c] for row in segments) for c in (0, 1)] for segments in found.segments]
    np.testing.assert_array_equal(found.maximum, np.array(expected, dtype=np.float32))
