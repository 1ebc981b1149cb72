"""Recordings of many lengths share batches, and several features are examples of their own."""

import numpy as np
import pytest
import torch

from companion.training.loop import batches
from companion.training.ragged import SHORTEST, Ragged, averaged, joined
from companion.training.recordings import Recordings, Scored


def recordings(lengths, start=0.0) -> Recordings:
    """Each frame of a recording holds its number."""
    features = [np.full((n, 3), start + i, dtype=np.float32) for i, n in enumerate(lengths)]
    return Recordings(features, np.eye(len(lengths), dtype=np.float32))


@pytest.mark.parametrize("ratio", [1.05, 1.1, 1.5])
def test_a_batch_holds_recordings_of_like_length_filled_up_with_nan(ratio):
    lengths = np.random.default_rng(0).integers(40, 5000, 300).tolist()
    data = recordings(lengths)
    examples, heard = Ragged(data, ratio), []
    assert all(bound >= n for bound, n in zip(examples.lengths, lengths, strict=True))
    for indices in batches(examples.lengths, 8, 0, 0):
        x, y = examples.batch(indices)
        own = [lengths[i] for i in indices]
        assert x.shape == (len(indices), max(own), 3)
        assert max(own) <= np.ceil(max(SHORTEST, min(own)) * ratio)
        for row, i in zip(x, indices, strict=True):
            assert bool((row[: lengths[i]] == i).all())
            assert bool(row[lengths[i] :].isnan().all())
        assert torch.equal(y, torch.from_numpy(data.labels[indices]))
        heard += indices.tolist()
    assert sorted(heard) == list(range(300))


def test_recordings_of_one_length_are_not_filled_up():
    examples = Ragged(recordings([431] * 20 + [862] * 20))
    for indices in batches(examples.lengths, 8, 0, 0):
        assert bool(examples.batch(indices)[0].isfinite().all())


def test_every_feature_of_a_recording_is_an_example_with_its_labels():
    data = joined([recordings([130, 140]), recordings([130, 140], start=10.0)])
    assert [float(feature[0, 0]) for feature in data.features] == [0, 1, 10, 11]
    np.testing.assert_array_equal(data.labels, np.concatenate([np.eye(2), np.eye(2)]))
    assert data.lengths == [130, 140, 130, 140]


def test_scores_are_the_mean_over_the_features():
    one, two = (
        Scored(np.array([[a]], dtype=np.float32), [np.array([[a], [b]], dtype=np.float32)])
        for a, b in ((0.8, 0.1), (0.2, 0.3))
    )
    found = averaged([one, two])
    np.testing.assert_allclose(found.recording, [[0.5]], rtol=1e-6)
    np.testing.assert_allclose(found.segments[0], [[0.5], [0.2]], rtol=1e-6)
