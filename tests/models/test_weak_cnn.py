"""N_S: the published table, lengths and times of segments, and padding that changes nothing."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.errors import ParameterError
from companion.features import NS_LOG_MEL, n_frames
from companion.models.masked import MaskedBatchNorm2d, frame_mask
from companion.models.weak_cnn import HOP, SEGMENT, ShortClipWarning, WeakCNN, n_segments
from companion.models.wler import WLER

LENGTHS = (128, 191, 431, 300)


@pytest.fixture(scope="module")
def network() -> WeakCNN:
    """A narrow N_S whose batch normalisation has seen something, so that its statistics are not 0 and 1."""
    torch.manual_seed(0)
    network = WeakCNN(7, width=0.125)
    for _ in range(3):
        network(log_mel(4, 256))
    return network.eval()


@pytest.fixture
def trained(network: WeakCNN) -> WeakCNN:
    """A copy in training mode."""
    return copy.deepcopy(network).train()


def log_mel(n_clips: int, n_frames: int, seed: int = 0) -> Tensor:
    """Values in the range of a log-mel spectrogram. Shape: ``(B, T, 128)``."""
    generator = torch.Generator().manual_seed(seed)
    return 15 * torch.randn(n_clips, n_frames, 128, generator=generator) - 40


def padded(clips: list[Tensor], value: float) -> tuple[Tensor, Tensor]:
    """Clips of any length in one batch, filled up with ``value``."""
    lengths = torch.tensor([len(clip) for clip in clips])
    return nn.utils.rnn.pad_sequence(clips, batch_first=True, padding_value=value), lengths


def clips() -> list[Tensor]:
    """Four clips of different lengths."""
    return [log_mel(1, length, seed)[0] for seed, length in enumerate(LENGTHS)]


def statistics(network: nn.Module) -> dict[str, Tensor]:
    """Running statistics of every batch normalisation."""
    return {name: value for name, value in network.named_buffers()}


# The published table


def test_5002047_parameters_with_527_classes():
    assert sum(parameter.numel() for parameter in WeakCNN().parameters()) == 5_002_047


def test_architecture_table():
    """Kumar 2018, section 2.1 and Fig. 1: filters, kernel, stride, padding of each convolution, by block."""
    network = WeakCNN()
    read = [
        [(conv.out_channels, conv.kernel_size, conv.stride, conv.padding) for conv in convolutions(block)]
        for block in [*network.blocks, network.f1, network.f2]
    ]
    three = ((3, 3), (1, 1), (1, 1))
    assert read == [
        [(16, *three), (16, *three)],
        [(32, *three), (32, *three)],
        [(64, *three), (64, *three)],
        [(128, *three), (128, *three)],
        [(256, *three), (256, *three)],
        [(512, *three)],
        [(1024, (2, 2), (1, 1), (0, 0))],
        [(527, (1, 1), (1, 1), (0, 0))],
    ]
    pools = [module for module in network.modules() if isinstance(module, nn.MaxPool2d)]
    assert [(pool.kernel_size, pool.stride, pool.padding) for pool in pools] == [(2, 2, 0)] * 6
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert [norm.num_features for norm in norms] == [16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 1024]


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [part for part in module.modules() if isinstance(part, nn.Conv2d)]


def test_896_frames_give_13_segments(network):
    assert n_segments(896) == 13
    output = network(log_mel(1, 896))
    assert output.segments.shape == (1, 13, 7)
    assert output.f1.shape == (1, 13, 128)


@pytest.mark.parametrize(("frames", "segments"), [(128, 1), (431, 5), (862, 12), (2584, 39)])
def test_frames_to_segments(network, frames, segments):
    assert n_segments(frames) == segments
    assert network(log_mel(1, frames)).segments.shape[1] == segments


def test_segment_and_hop_in_frames_and_seconds(network):
    """128 and 64 frames: about 1.5 s and 0.75 s."""
    assert (SEGMENT, HOP) == (128, 64)
    counts = [network(log_mel(1, frames)).segments.shape[1] for frames in range(128, 322, 64)]
    assert counts == [1, 2, 3, 4]
    seconds_per_frame = NS_LOG_MEL.hop_length / NS_LOG_MEL.sample_rate
    assert SEGMENT * seconds_per_frame == pytest.approx(1.486, abs=1e-3)
    assert HOP * seconds_per_frame == pytest.approx(0.743, abs=1e-3)
    assert [n_segments(n_frames(seconds * 44100, NS_LOG_MEL)) for seconds in (5, 10, 30)] == [5, 12, 39]


def test_outputs_are_sigmoid_probabilities(network):
    output = network(log_mel(2, 300))
    torch.testing.assert_close(output.segments, torch.sigmoid(network.f2(output.f1.mT[..., None]))[..., 0].mT)
    assert output.recording.shape == (2, 7)
    assert bool(((output.recording > 0) & (output.recording < 1)).all())


# Poolings, widths, input


@pytest.mark.parametrize(("pooling", "by_hand"), [("average", lambda x: x.mean(0)), ("max", lambda x: x.amax(0))])
def test_pooling_by_name(network, pooling, by_hand):
    other = copy.deepcopy(network)
    other.pooling = pooling
    output = other(*padded(clips(), -30.0))
    for i, length in enumerate(LENGTHS):
        expected = by_hand(output.segments[i, : n_segments(length)])
        torch.testing.assert_close(output.recording[i], expected)


def test_unknown_pooling_is_refused():
    with pytest.raises(ParameterError, match="unknown pooling 'median'"):
        WeakCNN(7, pooling="median")


@pytest.mark.parametrize("width", [0.25, 0.5, 2.0])
def test_width_scales_every_number_of_filters_but_the_outputs(width):
    with torch.device("meta"):
        published, scaled = convolutions(WeakCNN(7)), convolutions(WeakCNN(7, width=width))
    assert [conv.out_channels for conv in scaled[:-1]] == [width * conv.out_channels for conv in published[:-1]]
    assert scaled[-1].out_channels == 7


def test_another_number_of_mel_bands_is_refused(network):
    with pytest.raises(ParameterError, match="64 bands"):
        network(torch.zeros(1, 128, 64))


@pytest.mark.parametrize("length", [1, 50, 127])
def test_a_short_clip_is_padded_with_its_floor_and_said_so(network, length):
    clip = log_mel(1, length)
    filled = torch.full((1, 128, 128), float(clip.min()))
    filled[:, :length] = clip
    with pytest.warns(ShortClipWarning, match="shorter than 128 frames"):
        output = network(clip)
    torch.testing.assert_close(output.recording, network(filled).recording)


def test_a_short_clip_among_long_ones_is_as_if_alone(network):
    short, long = log_mel(1, 60)[0], log_mel(1, 260, seed=1)[0]
    with pytest.warns(ShortClipWarning, match=r"1 clip"):
        together = network(*padded([short, long], 99.0))
    with pytest.warns(ShortClipWarning):
        alone = network(short[None])
    torch.testing.assert_close(together.recording[0], alone.recording[0])
    torch.testing.assert_close(together.recording[1], network(long[None]).recording[0])
    assert together.mask.sum(1).tolist() == [1, 3]


@pytest.mark.parametrize("kind", [WeakCNN, WLER])
@pytest.mark.parametrize("lengths", [None, torch.tensor([256, 200])])
def test_channels_stay_last_in_memory_whatever_the_order_of_the_weights(kind, lengths):
    """Else every pooling takes more than twice as long, as it did with networks that came from a file."""
    found = []
    network = kind(3, width=0.125).eval()
    for block in network.blocks:
        block.pool.register_forward_hook(lambda module, inputs, output: found.append((*inputs, output)))
    network(log_mel(2, 256), lengths)
    assert len(found) == len(network.blocks)
    for each in found:
        assert all(one.is_contiguous(memory_format=torch.channels_last) for one in each)
        assert not any(one.is_contiguous() for one in each), "one channel: the order tells nothing"


# Padding


@pytest.mark.parametrize("garbage", [0.0, 1e4])
def test_a_padded_batch_is_each_clip_alone(network, garbage):
    together = network(*padded(clips(), garbage))
    for i, clip in enumerate(clips()):
        alone, k = network(clip[None]), n_segments(len(clip))
        assert together.mask[i].sum() == k
        torch.testing.assert_close(together.recording[i], alone.recording[0])
        torch.testing.assert_close(together.segments[i, :k], alone.segments[0])
        torch.testing.assert_close(together.f1[i, :k], alone.f1[0])


def training_step(network: WeakCNN, x: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
    """Outputs, gradients and running statistics after one forward and backward pass in training mode."""
    network = copy.deepcopy(network).train()
    output = network(x, lengths)
    target = torch.arange(output.recording.numel()).reshape(output.recording.shape) % 2
    functional.binary_cross_entropy(output.recording, target.float()).backward()
    gradients = {f"gradient of {name}": parameter.grad for name, parameter in network.named_parameters()}
    return {"recording": output.recording, **gradients, **statistics(network)}


def test_garbage_in_the_padding_changes_nothing_in_training(network):
    quiet, loud = (training_step(network, *padded(clips(), garbage)) for garbage in (0.0, 1e4))
    for name in quiet:
        assert torch.equal(quiet[name], loud[name]), name
    assert not torch.equal(quiet["blocks.0.convs.0.bn.running_var"], network.blocks[0].convs[0].bn.running_var)


def test_masks_change_nothing_where_lengths_are_equal(network):
    """In double precision: rounding may turn one ReLU or another maximum, and a gradient with it."""
    network, x = copy.deepcopy(network).double(), log_mel(3, 300).double()
    masked = training_step(network, x, torch.full((3,), 300))
    unmasked = training_step(network, x, None)
    for name in masked:
        torch.testing.assert_close(
            masked[name], unmasked[name], rtol=1e-6, atol=1e-7, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_training_statistics_are_those_of_the_clips_end_to_end(trained):
    """Every layer by hand: each clip convolved alone, statistics over all clips' valid values together."""
    before = copy.deepcopy(trained)
    output = trained(*padded(clips(), 1e4))
    hidden = [clip[None, None] for clip in clips()]
    for block, learned in zip(before.blocks, trained.blocks, strict=True):
        for conv, after in zip(block.convs, learned.convs, strict=True):
            hidden = by_hand(conv, hidden, after.bn)
        hidden = [functional.max_pool2d(part, 2) for part in hidden]
    hidden = by_hand(before.f1, hidden, trained.f1.bn)
    for i, part in enumerate(hidden):
        f1 = part[0, :, :, 0].T
        torch.testing.assert_close(output.f1[i, : len(f1)], f1, rtol=1e-3, atol=1e-4)
        expected = torch.sigmoid(before.event_logits(f1)).mean(0)
        torch.testing.assert_close(output.recording[i], expected, rtol=1e-4, atol=1e-5)


def by_hand(block: nn.Module, parts: list[Tensor], after: nn.BatchNorm2d) -> list[Tensor]:
    """Convolution, normalisation, ReLU of unpadded clips; checks the running statistics ``after`` them."""
    parts = [block.conv(part) for part in parts]
    values = torch.cat([part.transpose(0, 1).flatten(1) for part in parts], 1)
    mean, variance = values.mean(1), values.var(1, correction=0)
    torch.testing.assert_close(after.running_mean, 0.9 * block.bn.running_mean + 0.1 * mean, rtol=1e-4, atol=1e-4)
    unbiased = values.var(1, correction=1)
    torch.testing.assert_close(after.running_var, 0.9 * block.bn.running_var + 0.1 * unbiased, rtol=1e-4, atol=1e-4)
    assert after.num_batches_tracked == block.bn.num_batches_tracked + 1
    shape = (1, -1, 1, 1)
    scale, shift = block.bn.weight.reshape(shape), block.bn.bias.reshape(shape)
    deviation = (variance + block.bn.eps).sqrt().reshape(shape)
    return [torch.relu((part - mean.reshape(shape)) / deviation * scale + shift) for part in parts]


def test_masked_normalisation_without_padding_is_pytorchs():
    x = torch.randn(4, 5, 6, 3)
    masked, plain = MaskedBatchNorm2d(5), nn.BatchNorm2d(5)
    mask = frame_mask(torch.full((4,), 6), 6)
    torch.testing.assert_close(masked(x, mask), plain(x))
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(dict(masked.named_buffers())[name], buffer)


# Learning and locality


def test_every_parameter_learns(network):
    gradients = training_step(network, log_mel(3, 200), None)
    for name, _ in network.named_parameters():
        gradient = gradients[f"gradient of {name}"]
        assert bool(torch.isfinite(gradient).all()), name
        # a bias before batch normalisation is subtracted again with the mean: its gradient is rounding
        if not name.endswith("conv.bias"):
            assert float(gradient.abs().max()) > 0, name


@pytest.mark.parametrize("frame", [0, 93, 320, 447, 639])
def test_a_frame_reaches_only_segments_whose_receptive_field_holds_it(network, frame):
    """Segment k sees frames 64 k − 94 to 64 k + 221: its 128 frames, and 94 more on each side."""
    x = log_mel(1, 640)
    changed = x.clone()
    changed[:, frame] += 60
    difference = (network(changed).f1 - network(x).f1)[0].abs().amax(1).detach().numpy()
    starts = HOP * np.arange(n_segments(640))
    sees = (starts - 94 <= frame) & (frame < starts + SEGMENT + 94)
    within = (starts <= frame) & (frame < starts + SEGMENT)
    assert np.all(difference[~sees] < 1e-5)
    assert np.all(difference[within] > 1e-3)


def test_first_weights_are_uniform_as_far_as_xavier_says_for_relu():
    torch.manual_seed(0)
    for layer in convolutions(WeakCNN(7, width=0.25)):
        fan_in, fan_out = (n * layer.kernel_size[0] * layer.kernel_size[1] for n in layer.weight.shape[1::-1])
        bound = 2**0.5 * (6 / (fan_in + fan_out)) ** 0.5
        weights = layer.weight.detach()
        if weights.numel() > 1000:
            assert float(weights.abs().max()) == pytest.approx(bound, rel=0.01)
            assert float(weights.std()) == pytest.approx(bound / 3**0.5, rel=0.05)
        assert layer.bias is None or not layer.bias.any()
