"""Representations are the pooled outputs of the networks, at times that do not drift."""

import copy
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from companion.models.weak_cnn import WeakCNN, n_segments
from companion.representations import represent, segment_bounds, segment_outputs
from companion.transfer import METHODS, AdaptedNet, trunk_outputs

LENGTHS = (128, 431, 300, 431, 192, 300)


@pytest.fixture(scope="module")
def network() -> WeakCNN:
    """A narrow N_S with seven source classes."""
    torch.manual_seed(0)
    network = WeakCNN(7, width=0.125)
    for _ in range(3):
        network(15 * torch.randn(4, 256, 128) - 40)
    return network.eval()


@pytest.fixture(scope="module")
def features() -> list[NDArray[np.float32]]:
    """Log-mels of different lengths. Shape: ``(T, 128)`` each."""
    rng = np.random.default_rng(0)
    return [rng.normal(-40, 15, (length, 128)).astype(np.float32) for length in LENGTHS]


@pytest.fixture(scope="module")
def trunks(network, features) -> list[Tensor]:
    return trunk_outputs(network, features)


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_off_the_shelf_is_the_networks_own_output_pooled_by_hand(network, features, trunks, batch_size):
    found = represent(network, trunks, batch_size=batch_size)
    for i, clip in enumerate(features):
        output = network(torch.tensor(clip[None]))
        f1, f2 = output.f1[0].detach().numpy(), output.segments[0].detach().numpy()
        np.testing.assert_allclose(found.f1_max[i], f1.max(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.f1_avg[i], f1.mean(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.f2_max[i], f2.max(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.f2_avg[i], output.recording[0].detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_adapted_is_the_networks_own_output_pooled_by_hand(network, features, trunks, method):
    adapted = AdaptedNet(network, method, 3).eval()
    found = represent(adapted, trunks, batch_size=4)
    assert (found.f2_max is None) == (found.f2_avg is None) == (method == "I")
    for i, clip in enumerate(features):
        output = adapted(torch.tensor(clip[None]))
        f1 = output.f1[0].detach().numpy()
        np.testing.assert_allclose(found.f1_max[i], f1.max(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.f1_avg[i], f1.mean(0), rtol=1e-4, atol=1e-5)
        if method != "I":
            f2 = output.f2[0].detach().numpy()
            np.testing.assert_allclose(found.f2_max[i], f2.max(0), rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(found.f2_avg[i], f2.mean(0), rtol=1e-4, atol=1e-5)


def test_maximum_is_never_below_mean_and_equal_for_one_segment(network, trunks):
    found = represent(network, trunks)
    assert np.all(found.f1_max >= found.f1_avg - 1e-6)
    assert np.all(found.f2_max >= found.f2_avg - 1e-6)
    assert LENGTHS[0] == 128
    np.testing.assert_allclose(found.f1_max[0], found.f1_avg[0], rtol=1e-6)
    assert np.any(found.f1_max[1] > found.f1_avg[1] + 1e-3)


def test_ranges_and_shapes(network, trunks):
    found = represent(network, trunks)
    assert found.f1_max.shape == found.f1_avg.shape == (6, 128)
    assert found.f2_max.shape == found.f2_avg.shape == (6, 7)
    assert found.f1_avg.min() >= 0, "F1 ends in a ReLU"
    assert 0 < found.f2_avg.min() < found.f2_max.max() < 1, "N_S's F2 ends in a sigmoid"
    assert {array.dtype for array in (found.f1_max, found.f1_avg, found.f2_max, found.f2_avg)} == {np.dtype("f4")}
    relu = represent(AdaptedNet(network, "III", 3), trunks).f2_max
    assert relu.min() >= 0, "N_T's F2 ends in a ReLU"


def test_segments_are_the_recordings_own(network, trunks):
    f1, f2 = segment_outputs(network, trunks, batch_size=4)
    assert [len(segments) for segments in f1] == [n_segments(length) for length in LENGTHS]
    assert [segments.shape[1] for segments in f2] == [7] * 6


def test_the_network_is_read_in_evaluation_mode_and_left_as_it_is(network, trunks):
    training = copy.deepcopy(network).train()
    found, expected = represent(training, trunks), represent(network, trunks)
    np.testing.assert_array_equal(found.f1_max, expected.f1_max)
    assert training.training
    for name, value in network.state_dict().items():
        assert torch.equal(training.state_dict()[name], value), name


# Times


def test_segment_times_of_each_recording(network, trunks):
    times = represent(network, trunks).segment_times
    assert [len(bounds) for bounds in times] == [n_segments(length) for length in LENGTHS]
    np.testing.assert_array_equal(times[1], segment_bounds(5))
    doubled = represent(network, trunks, hop_length=1024).segment_times
    np.testing.assert_allclose(doubled[1], 2 * times[1])


def test_a_segment_is_128_frames_and_begins_64_after_the_last():
    bounds = segment_bounds(13)
    assert bounds[0].tolist() == [0.0, 128 * 512 / 44100]
    np.testing.assert_allclose(np.diff(bounds, axis=1), 1.486, atol=5e-4)
    np.testing.assert_allclose(np.diff(bounds[:, 0]), 0.743, atol=5e-4)
    np.testing.assert_array_equal(bounds[2:, 0], bounds[:-2, 1])


def test_times_do_not_drift_for_an_hour():
    """Each is the double nearest to its exact fraction, as adding up a rounded hop would not be."""
    n = 4845
    bounds = segment_bounds(n)
    assert bounds[-1, 1] > 3600
    for k in (0, 1, 1000, n - 1):
        assert bounds[k, 0] == float(Fraction(64 * 512 * k, 44100))
        assert bounds[k, 1] == float(Fraction(512 * (64 * k + 128), 44100))
