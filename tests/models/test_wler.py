"""N_W: the published table, when one pass is a sliding window, where it is not, and recordings of any length."""

import copy
import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from companion import checkpoints
from companion.errors import ParameterError
from companion.losses import recording_bce
from companion.models.slat import SegmentWise
from companion.models.weak_cnn import Output, ShortClipWarning
from companion.models.wler import CONTEXT, HOP, WLER, BlockWise, n_segments


@pytest.fixture(scope="module")
def network() -> WLER:
    """A narrow N_W of seven classes."""
    torch.manual_seed(0)
    return WLER(7, width=0.0625).eval()


def log_mel(n_frames: int, n_clips: int = 1, seed: int = 0) -> Tensor:
    """Values in the range of a log-mel spectrogram. Shape: ``(B, T, 128)``."""
    return 15 * torch.randn(n_clips, n_frames, 128, generator=torch.Generator().manual_seed(seed)) - 40


def filled(clips: list[Tensor], value: float) -> Tensor:
    return nn.utils.rnn.pad_sequence(clips, batch_first=True, padding_value=value)


# The published list of layers


def test_the_list_of_layers():
    """Section II-B: filters, receptive fields, padding and pooling, and no normalisation; FCv1 and FCv2 of II-C."""
    network = WLER(10)
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size, c.stride, c.padding) for c in convs] == [
        (1, 96, (3, 3), (1, 1), (1, 1)),
        (96, 128, (3, 3), (1, 1), (1, 1)),
        (128, 128, (3, 3), (1, 1), (1, 1)),
        (128, 256, (3, 3), (1, 1), (1, 1)),
        (256, 256, (3, 3), (1, 1), (1, 1)),
        (256, 256, (4, 4), (1, 1), (0, 0)),
        (256, 10, (1, 1), (1, 1), (0, 0)),
    ]
    pools = [module for module in network.modules() if isinstance(module, nn.MaxPool2d)]
    assert [(pool.kernel_size, pool.stride, pool.padding) for pool in pools] == [(2, 2, 0)] * 5
    assert not [module for module in network.modules() if "Norm" in type(module).__name__]
    assert network.drop.p == 0.5
    assert sum(parameter.numel() for parameter in network.parameters()) == sum(
        (inputs * kernel + 1) * filters
        for inputs, kernel, filters in (
            (1, 9, 96), (96, 9, 128), (128, 9, 128), (128, 9, 256), (256, 9, 256), (256, 16, 256), (256, 1, 10))
    )  # fmt: skip


def test_weights_are_drawn_as_glorot_and_biases_are_zero():
    torch.manual_seed(1)
    for conv in [module for module in WLER(10).modules() if isinstance(module, nn.Conv2d)]:
        fan = (conv.in_channels + conv.out_channels) * conv.kernel_size[0] * conv.kernel_size[1]
        limit = (6 / fan) ** 0.5
        assert float(conv.weight.detach().abs().max()) <= limit
        assert float(conv.weight.detach().std()) == pytest.approx(limit / 3**0.5, rel=0.05)
        assert not conv.bias.any()


def test_1280_frames_give_37_segments(network):
    """Fig. 2 (b): 40 steps after C5P5, 37 after FCv1."""
    x = log_mel(1280)
    assert network.trunk(x).shape == (1, 16, 40, 4)
    found = network(x)
    assert found.segments.shape == (1, 37, 7)
    assert found.f1.shape == (1, 37, 16)
    assert n_segments(1280) == 37
    torch.testing.assert_close(found.recording, found.segments.amax(1))


@pytest.mark.parametrize("frames", [128, 129, 159, 160, 431, 862])
def test_a_segment_of_128_frames_every_32(network, frames):
    assert network(log_mel(frames)).segments.shape[1] == n_segments(frames) == 1 + (frames - 128) // 32


def test_the_input_layers_of_fcv1_and_fcv2_are_dropped_by_half():
    torch.manual_seed(2)
    network = WLER(7, width=0.25).train()
    seen: dict[str, Tensor] = {}
    for name in ("fc1", "fc2"):
        getattr(network, name).register_forward_pre_hook(
            lambda module, inputs, name=name: seen.update({name: inputs[0].detach()})
        )
    x = log_mel(1280)
    network(x)
    trunk = network.trunk(x)
    kept = seen["fc1"] != 0
    assert float(kept[trunk > 0].float().mean()) == pytest.approx(0.5, abs=0.03)
    torch.testing.assert_close(seen["fc1"][kept], 2 * trunk[kept])
    f1 = torch.relu(network.fc1(seen["fc1"]))
    kept = seen["fc2"] != 0
    assert float(kept[f1 > 0].float().mean()) == pytest.approx(0.5, abs=0.07)
    torch.testing.assert_close(seen["fc2"][kept], 2 * f1[kept])


# One pass over a recording, and a sliding window


def windows(network: WLER, x: Tensor, length: int, hop: int = HOP) -> Tensor:
    """Every window by itself: its segments. Shape: ``(windows, K, C)``."""
    return torch.cat([network(x[:, s : s + length]).segments for s in range(0, x.shape[1] - length + 1, hop)])


def test_without_padding_one_pass_is_a_sliding_window_of_190_frames():
    torch.manual_seed(3)
    network = WLER(7, width=0.0625, padding=0).eval()
    assert network.window == 190
    for frames in (190, 430, 446, 445):
        x = log_mel(frames, seed=frames)
        whole = network(x).segments[0]
        assert len(whole) == n_segments(frames, padding=0)
        torch.testing.assert_close(whole, windows(network, x, 190)[:, 0], atol=1e-6, rtol=1e-5)


def test_with_padding_a_segment_is_exact_where_it_is_heard_with_one_hop_on_each_side():
    """Claimed as exact for every segment (section II-C); this is the condition under which it is."""
    torch.manual_seed(4)
    network = WLER(7, width=0.0625).eval()
    x = log_mel(512, seed=1)
    whole = network(x).segments[0]
    middle = windows(network, x, 128 + 2 * HOP)
    assert middle.shape[1] == 3
    torch.testing.assert_close(whole[1:-1], middle[:, 1], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(whole[0], middle[0, 0], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(whole[-1], middle[-1, 2], atol=1e-6, rtol=1e-5)


def test_with_padding_a_segment_by_itself_differs_and_only_in_the_outer_two_of_its_four_steps(network):
    x = log_mel(512, seed=2)
    with torch.inference_mode():
        assert not torch.allclose(network(x).segments[0], windows(network, x, 128)[:, 0], atol=1e-3)
        trunk = network.trunk(x)
        for k in range(n_segments(512)):
            alone = network.trunk(x[:, HOP * k : HOP * k + 128])
            within = trunk[:, :, k : k + 4]
            torch.testing.assert_close(within[:, :, 1:3], alone[:, :, 1:3])
            assert torch.allclose(within[:, :, 0], alone[:, :, 0], atol=1e-3) == (k == 0), "the recording's own end"
            assert torch.allclose(within[:, :, 3], alone[:, :, 3], atol=1e-3) == (k == n_segments(512) - 1)


def test_a_recording_of_one_segment_is_the_same_both_ways(network):
    x = log_mel(128, n_clips=3)
    torch.testing.assert_close(SegmentWise(network, HOP)(x).recording, network(x).recording)


def test_a_segment_hears_31_frames_on_each_side_and_no_more():
    """With weights above zero, a louder frame that is heard at all is heard in the output."""
    network = WLER(1, width=0.03).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    assert CONTEXT == 31
    x, k = torch.ones(1, 512, 128), 5
    before = network.scan(x)[1][0, k]
    first, last = HOP * k - CONTEXT, HOP * k + 127 + CONTEXT
    for frame, heard in ((first - 1, False), (first, True), (last, True), (last + 1, False)):
        louder = x.clone()
        louder[:, frame] += 1e6
        assert bool(network.scan(louder)[1][0, k] > before) == heard, frame


def test_slat_hears_every_128_frames_alone_and_keeps_the_highest(network):
    x = log_mel(400, n_clips=2, seed=5)
    found = SegmentWise(network, HOP)(x)
    assert found.segments.shape == (2, 9, 7)
    for k in range(9):
        torch.testing.assert_close(found.segments[:, k], network(x[:, 32 * k : 32 * k + 128]).recording)
    torch.testing.assert_close(found.recording, found.segments.amax(1))
    assert SegmentWise(network, 128)(x).segments.shape == (2, 3, 7)
    for one, other in zip(SegmentWise(network, HOP, at_once=5)(x), found, strict=True):
        torch.testing.assert_close(one, other)


# Recordings of any length


LENGTHS = (128, 191, 431, 300, 160)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("how", ["nan", "lengths"])
def test_a_recording_is_the_same_whatever_it_shares_a_batch_with(padding, how):
    torch.manual_seed(6)
    network = WLER(7, width=0.0625, padding=padding).eval()
    clips = [log_mel(length + 62 * (1 - padding), seed=length)[0] for length in LENGTHS]
    lengths = torch.tensor([len(clip) for clip in clips])
    found = network(filled(clips, torch.nan)) if how == "nan" else network(filled(clips, 55.0), lengths)
    for i, clip in enumerate(clips):
        alone = network(clip[None])
        torch.testing.assert_close(found.recording[i], alone.recording[0], atol=1e-6, rtol=1e-5)
        assert int(found.mask[i].sum()) == alone.segments.shape[1]
        torch.testing.assert_close(found.segments[i, found.mask[i]], alone.segments[0], atol=1e-6, rtol=1e-5)


def test_a_batch_learns_what_its_recordings_teach_one_by_one():
    torch.manual_seed(7)
    network = WLER(7, width=0.0625, dropout=0.0).train()
    clips = [log_mel(length, seed=length)[0] for length in LENGTHS]
    target = torch.rand(len(clips), 7).round()

    def gradients(x: Tensor, y: Tensor) -> list[Tensor]:
        network.zero_grad()
        recording_bce(network(x).recording, y).backward()
        return [parameter.grad.clone() for parameter in network.parameters()]

    together = gradients(filled(clips, torch.nan), target)
    alone = [gradients(clip[None], target[i : i + 1]) for i, clip in enumerate(clips)]
    for i, gradient in enumerate(together):
        torch.testing.assert_close(gradient, torch.stack([one[i] for one in alone]).mean(0), atol=1e-6, rtol=1e-4)


@pytest.mark.filterwarnings("ignore::companion.models.weak_cnn.ShortClipWarning")
@pytest.mark.parametrize("frames", [100, 128, 159, 431, 1000, 1280])
@pytest.mark.parametrize("segments", [1, 2, 7, 100])
def test_blocks_say_what_one_pass_says(network, frames, segments):
    x = log_mel(frames, n_clips=2, seed=frames)
    with torch.inference_mode():
        whole, blocks = network(x), BlockWise(network, segments)(x)
    for name in whole._fields:
        torch.testing.assert_close(getattr(blocks, name), getattr(whole, name), atol=1e-5, rtol=0)


class Peak(nn.Module):
    """Says of a segment the highest value that N_W could hear in it: within 31 frames on each side."""

    pooling = "max"

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[int] = []

    def forward(self, x: Tensor) -> Output:
        self.heard.append(x.shape[1])
        peaks = functional.max_pool1d(x.mT, 128 + 2 * CONTEXT, HOP, padding=CONTEXT).mT
        return Output(peaks.amax(1), peaks, peaks, torch.ones(peaks.shape[:2], dtype=torch.bool))


def test_an_hour_is_heard_in_blocks_of_bounded_length():
    x = torch.rand(1, 310_078, 1, generator=torch.Generator().manual_seed(8))
    whole, blocks = Peak(), Peak()
    found = BlockWise(blocks, 200)(x)
    assert found.segments.shape == (1, 9686, 1)
    for one, other in zip(found, whole(x), strict=True):
        assert torch.equal(one, other)
    assert max(blocks.heard) <= 200 * HOP + 128 + HOP
    assert len(blocks.heard) == 49


def test_what_cannot_be_scored_is_refused(network):
    with pytest.raises(ParameterError, match="without frames"):
        network(torch.zeros(1, 0, 128))
    with pytest.raises(ParameterError, match="without frames"):
        network(filled([log_mel(200)[0], torch.full((200, 128), torch.nan)], torch.nan))
    with pytest.raises(ParameterError, match="64 bands"):
        network(torch.zeros(1, 128, 64))
    with pytest.raises(ParameterError, match="different lengths"):
        BlockWise(network)(filled([log_mel(200)[0], log_mel(300)[0]], torch.nan))
    with pytest.raises(ParameterError, match="128 frames"):
        WLER(3, width=0.0625, padding=0)(log_mel(128))
    for wrong in ({"pooling": "median"}, {"padding": 2}):
        with pytest.raises(ParameterError):
            WLER(3, **wrong)


def test_a_short_recording_is_filled_up_with_its_own_floor_and_says_so(network):
    x = log_mel(100)
    with pytest.warns(ShortClipWarning):
        found = network(x)
    by_hand = torch.cat([x, torch.full((1, 28, 128), float(x.min()))], 1)
    torch.testing.assert_close(found.recording, network(by_hand).recording)


def test_frames_of_nan_are_never_heard_by_a_network_that_does_not_know_them(network):
    """Whoever reads them without asking gets NaN, and no number that looks right."""
    x = filled([log_mel(200)[0], log_mel(300)[0]], torch.nan)
    assert not network.trunk(x).isfinite().all()
    assert network(x).recording.isfinite().all()


def test_levels_are_moved_by_the_centre_and_scaled_by_the_spread(network):
    moved = copy.deepcopy(network)
    moved.centre, moved.spread = -40.0, 15.0
    x = log_mel(200)
    torch.testing.assert_close(moved(x).segments, network((x + 40) / 15).segments)


def test_it_is_saved_and_read_back(network, tmp_path):
    made = WLER(2, width=0.0625, pooling="average", dropout=0.2, padding=0, centre=-30.0, spread=20.0)
    checkpoints.save(checkpoints.Checkpoint(made, ("a", "b"), "x"), tmp_path / "n.safetensors")
    back = checkpoints.load(tmp_path / "n.safetensors").network
    assert isinstance(back, WLER)
    assert back.architecture == made.architecture
    for one, other in itertools.zip_longest(made.state_dict().values(), back.state_dict().values()):
        assert torch.equal(one, other)
