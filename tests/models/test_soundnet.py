"""SoundNet and its variants: layers, lengths and times of the published table, and features that are what they say."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from companion.errors import AudioError, ParameterError
from companion.models.receptive import least_samples, n_outputs
from companion.models.soundnet import SAMPLE_RATE, SoundNet, waveform
from companion.models.soundnet_variants import SNF, SNR

WIDTH = 0.0625


def heard(network: nn.Module) -> nn.Module:
    """The network with statistics of batch normalisation that are nowhere 0 and 1."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.copy_(0.1 * torch.randn(module.num_features, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return network.eval()


@pytest.fixture(scope="module")
def network() -> SoundNet:
    torch.manual_seed(0)
    return heard(SoundNet(width=WIDTH))


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# Lengths, times and receptive fields


def test_twenty_seconds_give_the_published_lengths():
    """With whole-number steps to 10.77, 2.69 … frames a second, and 4 outputs of the heads."""
    with torch.device("meta"):
        network = SoundNet()
    names = ("conv5", "pool5", "conv6", "conv7")
    assert [network.n_frames(name, 20 * SAMPLE_RATE) for name in names] == [217, 54, 28, 15]
    assert n_outputs(network.stack.values(), 20 * SAMPLE_RATE) == 4
    assert network.trunk["conv7"].conv.weight.shape == (1024, 512, 4)
    assert sum(weight.numel() for weight in network.parameters()) == 14_352_713


def test_the_heads_need_nine_and_a_half_seconds(network):
    least = least_samples(network.stack.values())
    assert least == 209_374
    assert [part.shape[1] for part in network(noise(1, least))] == [1, 1]
    with pytest.raises(AudioError, match="too short for the heads") as caught:
        network(noise(1, least - 1))
    assert str(least) in caught.value.expected


def test_a_layer_has_the_frames_that_it_says(network):
    for name in network.layers:
        least = network.least_samples(name)
        for n_samples in (least, least + 1, 30_000):
            found = network.features(noise(1, n_samples), [name])[name]
            assert found.shape[1] == network.n_frames(name, n_samples), (name, n_samples)
        assert network.n_frames(name, least) == 1
        with pytest.raises(AudioError, match=f"too short for {name}"):
            network.features(noise(1, least - 1), [name])


@pytest.mark.parametrize("name", ["conv1", "pool1", "conv2", "pool2", "conv3", "conv5", "pool5"])
def test_what_one_frame_hears_is_its_receptive_field(network, name):
    """A sample inside moves the frame; one outside does not, whatever it is. Convolutions are looked at before ReLU."""
    at = network.geometry(name)
    frame = 3 + -(at.start // at.stride)
    n_samples = at.start + frame * at.stride + at.field + 300
    feature = name if name.startswith("pool") else f"{name}-BN"
    x = noise(1, n_samples).requires_grad_()
    found = network.features(x, [feature])[feature]
    (gradient,) = torch.autograd.grad(found[0, frame].sum(), x)
    felt = np.flatnonzero(gradient[0].numpy())
    first, last = at.start + frame * at.stride, at.start + frame * at.stride + at.field - 1
    assert first <= felt[0]
    assert felt[-1] <= last
    assert felt[-1] - felt[0] + 1 == at.field if name == "conv1" else felt[-1] - felt[0] > 0.6 * at.field
    other = x.detach().clone()
    other[0, :first] = 100.0
    other[0, last + 1 :] = -100.0
    again = network.features(other, [feature])[feature]
    assert torch.equal(found[0, frame], again[0, frame])
    assert not torch.equal(found, again)


def test_frame_times_are_the_middles_of_what_frames_hear(network):
    """conv1 looks at 64 samples from 32 before the beginning: its first frame is at half a sample before zero."""
    assert network.frame_times("conv1", 2).tolist() == [-0.5 / 22_050, 1.5 / 22_050]
    conv5 = network.frame_times("conv5", 217)
    assert np.diff(conv5) == pytest.approx(2048 / 22_050)
    assert conv5[0] == (-6432 + (11_294 - 1) / 2) / 22_050
    later = network.frame_times("conv5", 500_000)[-1]
    assert later == (2 * (-6432 + 499_999 * 2048) + 11_293) / 44_100


def test_a_click_is_seen_at_its_time(network):
    """The frames that a click moves lie about it in time, by no more than half a receptive field."""
    quiet = torch.zeros(1, 60_000)
    click = quiet.clone()
    click[0, 30_000] = 50.0
    for name in ("conv1-BN", "conv2-BN", "pool2", "conv3-BN", "conv4-BN", "conv5-BN"):
        one, other = (network.features(x, [name])[name][0] for x in (quiet, click))
        moved = np.flatnonzero((one != other).any(1).numpy())
        at = network.geometry(name)
        times = network.frame_times(name, len(one))[moved] * 22_050
        assert len(moved)
        assert np.abs(times - 30_000).max() <= at.field / 2


# Features


def test_a_convolution_is_read_before_and_after_its_normalisation(network):
    x = noise(2, 30_000)
    found = network.features(x, ["conv4", "conv5-linear", "conv5-BN", "conv5", "pool5"])
    layer = network.trunk["conv5"]
    linear = layer.conv(found["conv4"].transpose(1, 2))
    torch.testing.assert_close(found["conv5-linear"], linear.transpose(1, 2))
    torch.testing.assert_close(found["conv5-BN"], layer.bn(linear).transpose(1, 2))
    assert torch.equal(found["conv5"], found["conv5-BN"].clamp(min=0))
    pooled = found["conv5"][:, : 4 * found["pool5"].shape[1]].unflatten(1, (-1, 4)).amax(2)
    assert torch.equal(found["pool5"], pooled)
    assert list(found) == ["conv4", "conv5-linear", "conv5-BN", "conv5", "pool5"]


@pytest.mark.parametrize("name", ["conv9", "pool5-BN", "conv5-ReLU", "fc1", ""])
def test_a_feature_that_does_not_exist_is_refused(network, name):
    with pytest.raises(ParameterError, match="has no feature") as caught:
        network.features(noise(1, 30_000), [name])
    assert "conv5-BN" in caught.value.expected


def test_a_clip_does_not_feel_what_it_is_batched_with(network):
    clips = noise(3, 20_000)
    together = network.features(clips, ["conv7"])["conv7"]
    alone = [network.features(clip[None], ["conv7"])["conv7"][0] for clip in clips]
    torch.testing.assert_close(together, torch.stack(alone))


def test_the_outputs_are_two_distributions(network):
    objects, scenes = network(noise(2, 20 * SAMPLE_RATE))
    assert objects.shape == (2, 4, 1000)
    assert scenes.shape == (2, 4, 401)
    for part in (objects, scenes):
        torch.testing.assert_close(part.exp().sum(2), torch.ones(2, 4))
    hidden = network.features(noise(2, 20 * SAMPLE_RATE), ["conv7"])["conv7"].transpose(1, 2)
    torch.testing.assert_close(scenes, network.conv8_2(hidden).log_softmax(1).transpose(1, 2))


@pytest.mark.parametrize("kind", [SoundNet, SNF, SNR])
@pytest.mark.parametrize("n_objects", [0, 5])
def test_outputs_of_one_kind_alone_are_refused(kind, n_objects):
    with pytest.raises(ParameterError, match="objects among 5 outputs"):
        kind(5, n_objects=n_objects)


def test_a_network_of_other_classes_has_the_published_share_of_objects():
    for kind in (SoundNet, SNF, SNR):
        with torch.device("meta"):
            assert (kind().n_objects, kind(3).n_objects, kind(7, n_objects=6).n_objects) == (1000, 2, 6)


# The waveform


def test_a_recording_is_scaled_and_left_as_long_as_it_is():
    samples = np.array([0.5, -1.0, 0.25], dtype=np.float32)
    assert waveform(samples, 22_050).tolist() == [128.0, -256.0, 64.0]
    assert waveform(samples, 22_050, scale=512).tolist() == [256.0, -512.0, 128.0]


def test_short_sounds_are_repeated_from_their_beginning_and_long_ones_cropped():
    samples = np.array([0.5, -1.0, 0.25], dtype=np.float32)
    assert waveform(samples, 22_050, n_samples=7, scale=4).tolist() == [2, -4, 1, 2, -4, 1, 2]
    assert waveform(samples, 22_050, n_samples=2, scale=4).tolist() == [2, -4]
    assert samples.tolist() == [0.5, -1.0, 0.25]


def test_another_sample_rate_never_passes_silently():
    with pytest.raises(AudioError, match="44100 Hz given to a network for 22050 Hz") as caught:
        waveform(np.zeros(10, dtype=np.float32), 44_100)
    assert "resample" in caught.value.repair
    assert len(waveform(np.zeros(10, dtype=np.float32), 16_000, expected_rate=16_000)) == 10


@pytest.mark.parametrize("samples", [np.zeros(0, dtype=np.float32), np.full(9, np.nan, dtype=np.float32),
                                     np.zeros(9, dtype=np.int16)])  # fmt: skip
def test_what_are_no_amplitudes_are_refused(samples):
    with pytest.raises(AudioError):
        waveform(samples, 22_050, n_samples=20)


# SN-F and SN-R


@pytest.mark.parametrize(
    ("kind", "names"),
    [(SNF, ("fc1", "fc2", "fc3")), (SNR, ("gru1", "gru1-BN", "gru2", "gru2-BN", "gru3", "gru3-BN"))],
)
def test_the_variants_keep_ten_frames_a_second(kind, names):
    torch.manual_seed(0)
    network = heard(kind(width=WIDTH, size=6))
    x = noise(2, 48_000)
    found = network.features(x, ["pool5", *names])
    assert {part.shape[1] for part in found.values()} == {30}
    assert np.diff(network.frame_times(names[-1], 30)) == pytest.approx(0.1)
    objects, scenes = network(x)
    assert (objects.shape, scenes.shape) == ((2, 30, 1000), (2, 30, 401))
    torch.testing.assert_close(objects.exp().sum(2), torch.ones(2, 30))
    both = network.output(found[names[-1]])
    torch.testing.assert_close(objects, both[..., :1000].log_softmax(2))
    torch.testing.assert_close(scenes, both[..., 1000:].log_softmax(2))


def test_recurrent_layers_are_normalised_after_the_whole_cell_and_hand_that_on():
    torch.manual_seed(0)
    network = heard(SNR(width=WIDTH, size=5))
    found = network.features(noise(2, 40_000), ["gru1", "gru1-BN", "gru2"])
    layer = network.trunk["gru1"]
    torch.testing.assert_close(found["gru1-BN"], layer.bn(found["gru1"].transpose(1, 2)).transpose(1, 2))
    torch.testing.assert_close(found["gru2"], network.trunk["gru2"].recurrent(found["gru1-BN"]))


def test_fully_connected_layers_hear_a_third_of_a_second_and_recurrent_ones_everything():
    torch.manual_seed(0)
    x = noise(1, 64_000)
    other = x.clone()
    other[0, :8_000] *= -1
    for kind, name, moved in ((SNF, "fc3", range(7)), (SNR, "gru3", range(40))):
        network = heard(kind(width=WIDTH))
        one, two = (network.features(y, [name])[name][0] for y in (x, other))
        changed = np.flatnonzero((one != two).any(1).numpy())
        assert set(changed) <= set(moved)
        assert (len(changed) > 30) == (name == "gru3")


def test_options_reach_the_layers():
    full = SNF(width=WIDTH, size=7, activation="relu", normalised=True)
    assert full.trunk["fc2"].linear.weight.shape == (7, 7)
    assert isinstance(full.trunk["fc2"].bn, nn.BatchNorm1d)
    assert (full.eval().features(noise(1, 20_000), ["fc2"])["fc2"] >= 0).all()
    plain = SNR(width=WIDTH, size=7, cell="lstm", activation="tanh", normalised=False)
    assert plain.feature_names[-3:] == ("lstm1", "lstm2", "lstm3")
    assert isinstance(plain.trunk["lstm1"].recurrent.cells, nn.LSTM)
    for network in (full, plain):
        again = type(network)(**network.architecture)
        assert [w.shape for w in again.state_dict().values()] == [w.shape for w in network.state_dict().values()]


@pytest.mark.parametrize("make", [SNF, SNR], ids=["SN-F", "SN-R"])
def test_layers_above_pool5_compute_in_32_bits_under_mixed_precision(make):
    torch.manual_seed(0)
    network = heard(make(14, size=6, width=WIDTH))
    below = noise(2, network.maps, 40)
    upper = list(network.layers)[list(network.layers).index("pool5") + 1 :]
    assert len(upper) == 3
    plain = mixed = below
    for name in upper:
        plain = network.trunk[name](plain)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = network.trunk[name](mixed.bfloat16() if mixed is below else mixed)
        assert mixed.dtype == torch.float32
        if name == upper[0]:  # what came in was rounded, and nothing after it
            plain = network.trunk[name](below.bfloat16().float())
        assert torch.equal(plain, mixed)


@pytest.mark.parametrize("make", [SNF, SNR], ids=["SN-F", "SN-R"])
def test_without_batch_normalisation_the_convolutions_are_rectified_as_they_are(make):
    torch.manual_seed(0)
    network = make(14, size=6, width=WIDTH, conv_normalised=False).eval()
    found = network.features(noise(1, 16_000), ["conv3-linear", "conv3-BN", "conv3"])
    assert torch.equal(found["conv3-linear"], found["conv3-BN"])
    assert torch.equal(found["conv3"], found["conv3-linear"].relu())
    again = make(**network.architecture)
    again.load_state_dict(network.state_dict())
    assert not [name for name in network.state_dict() if name.startswith("trunk.conv") and ".bn." in name]
    assert torch.equal(again.eval()(noise(1, 16_000)).objects, network(noise(1, 16_000)).objects)
