"""The trunk's outputs, computed once, are what the network computes."""

import copy

import numpy as np
import pytest
import torch

from companion.errors import ParameterError
from companion.models.weak_cnn import ShortClipWarning, n_segments
from companion.transfer import AdaptedNet, stack, trunk_outputs
from companion.transfer.trunk import batches_of_like_length


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_each_output_is_the_trunk_of_the_clip_alone(network, features, batch_size):
    outputs = trunk_outputs(network, features, batch_size=batch_size)
    assert [output.shape for output in outputs] == [(64, n_segments(len(clip)) + 1, 2) for clip in features]
    for clip, output in zip(features, outputs, strict=True):
        torch.testing.assert_close(output, network.trunk(torch.tensor(clip[None]))[0])


def test_trunk_once_equals_the_full_forward(network, features):
    adapted = AdaptedNet(network, "III", 3).eval()
    trunk, mask = stack(trunk_outputs(network, features))
    once = adapted.head(trunk, mask)
    for i, clip in enumerate(features):
        full, k = adapted(torch.tensor(clip[None])), n_segments(len(clip))
        torch.testing.assert_close(once.recording[i], full.recording[0])
        torch.testing.assert_close(once.f1[i, :k], full.f1[0])
        torch.testing.assert_close(once.f2[i, :k], full.f2[0])
        assert once.mask[i].sum() == k


def test_a_training_network_is_read_in_evaluation_mode_and_left_as_it_is(network, features):
    training = copy.deepcopy(network).train()
    outputs = trunk_outputs(training, features)
    assert training.training
    for name, value in network.state_dict().items():
        assert torch.equal(training.state_dict()[name], value), name
    for output, expected in zip(outputs, trunk_outputs(network, features), strict=True):
        assert torch.equal(output, expected)
        assert not output.requires_grad


def test_read_only_features_and_a_short_one(network):
    clip = np.full((50, 128), -20, dtype=np.float32)
    clip[0] = -80
    clip.flags.writeable = False
    with pytest.warns(ShortClipWarning):
        (output,) = trunk_outputs(network, [clip])
    filled = np.concatenate([clip, np.full((78, 128), -80, dtype=np.float32)])
    torch.testing.assert_close(output, trunk_outputs(network, [filled])[0])


def test_another_number_of_mel_bands_is_refused(network):
    with pytest.raises(ParameterError, match="64 bands"):
        trunk_outputs(network, [np.zeros((200, 64), dtype=np.float32)])


def test_stack_pads_with_zeros_behind_and_masks_them():
    short, long = torch.rand(4, 2, 2), torch.rand(4, 5, 2)
    trunk, mask = stack([short, long])
    assert torch.equal(trunk[0, :, :2], short)
    assert torch.equal(trunk[1], long)
    assert not trunk[0, :, 2:].any()
    assert mask.tolist() == [[True, False, False, False], [True] * 4]


def test_batches_hold_every_recording_once_and_neighbours_in_length():
    lengths = [7, 3, 7, 1, 3, 9]
    batches = list(batches_of_like_length(lengths, 2))
    assert batches == [[3, 1], [4, 0], [2, 5]]
