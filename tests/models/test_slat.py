"""N_S^slat is N_S on each segment alone: same weights, the recording's labels for every segment."""

import pytest
import torch

from companion.models.slat import SegmentWise, cut_segments, segment_bce
from companion.models.weak_cnn import WeakCNN


@pytest.fixture
def network() -> WeakCNN:
    torch.manual_seed(0)
    return WeakCNN(5, width=0.125).eval()


def test_each_segment_is_scored_as_if_it_were_the_whole_recording(network):
    x = torch.randn(2, 400, 128, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found = SegmentWise(network)(x)
        for k in range(5):
            alone = network(x[:, 64 * k : 64 * k + 128])
            torch.testing.assert_close(found.segments[:, k], alone.recording)
            torch.testing.assert_close(found.f1[:, k], alone.f1[:, 0])
    torch.testing.assert_close(found.recording, found.segments.mean(1))


def test_a_recording_of_one_segment_is_the_same_under_both(network):
    x = torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        torch.testing.assert_close(SegmentWise(network)(x).recording, network(x).recording)


def test_longer_recordings_differ_because_a_segment_alone_has_no_neighbours(network):
    x = torch.randn(1, 448, 128, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        assert not torch.allclose(SegmentWise(network)(x).segments, network(x).segments, atol=1e-4)


def test_padding_changes_no_recording(network):
    x = torch.randn(1, 256, 128, generator=torch.Generator().manual_seed(4))
    padded = torch.cat([x, torch.full((1, 192, 128), 7.0)], 1)
    with torch.inference_mode():
        found = SegmentWise(network)(padded, torch.tensor([256]))
        torch.testing.assert_close(found.recording, SegmentWise(network)(x).recording)
    assert found.mask.sum() == 3
    assert float(found.segments[~found.mask].abs().max()) == 0.0


def test_segments_overlap_by_half():
    x = torch.arange(320.0)[None, :, None]
    segments = cut_segments(x)
    assert segments.shape == (1, 4, 128, 1)
    assert [float(s[0]) for s in segments[0]] == [0, 64, 128, 192]


def test_the_loss_is_the_mean_over_every_segment_with_the_labels_of_its_recording(network):
    x = torch.randn(2, 256, 128, generator=torch.Generator().manual_seed(5))
    y = torch.tensor([[1.0, 0, 0, 1, 0], [0, 0, 1, 0, 0]])
    with torch.inference_mode():
        found = SegmentWise(network)(x)
        by_hand = [
            torch.nn.functional.binary_cross_entropy(network(x[b : b + 1, 64 * k : 64 * k + 128]).recording[0], y[b])
            for b in range(2)
            for k in range(3)
        ]
        torch.testing.assert_close(segment_bce(found, y), torch.stack(by_hand).mean())
