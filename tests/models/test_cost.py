"""Multiply-adds: an independent formula, PyTorch's own count of a real pass, and the limit of the ratio."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from companion.models.cost import layer_costs, multiply_adds
from companion.models.description import layer_table
from companion.models.slat import SegmentWise
from companion.models.weak_cnn import WeakCNN, n_segments


def by_formula(n_frames, n_classes=527):
    """Sum of filters × inputs × kernel × output positions, from the paper's table."""
    total, channels, t, f = 0, 1, n_frames, 128
    for filters, convolutions in ((16, 2), (32, 2), (64, 2), (128, 2), (256, 2), (512, 1)):
        for _ in range(convolutions):
            total += 9 * channels * filters * t * f
            channels = filters
        t, f = t // 2, f // 2
    return total + (t - 1) * (f - 1) * (4 * 512 * 1024 + 1024 * n_classes)


@pytest.fixture(scope="module")
def network():
    with torch.device("meta"):
        return WeakCNN(527)


@pytest.mark.parametrize("n_frames", [128, 431, 862, 896, 2584])
def test_count_is_the_formula(network, n_frames):
    cost = multiply_adds(network, n_frames)
    assert cost.scanned == by_formula(n_frames)
    assert cost.segmentwise == n_segments(n_frames) * by_formula(128)


def test_ten_seconds_cost_nearly_two_thousand_million(network):
    assert round(multiply_adds(network, 862).scanned / 1e9, 1) == 1.9


def test_count_is_that_of_a_real_pass():
    small = WeakCNN(5, width=0.125).eval()
    cost = multiply_adds(small, 431)
    for model, counted in ((small, cost.scanned), (SegmentWise(small), cost.segmentwise)):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.zeros(1, 431, 128))
        assert counter.get_total_flops() == 2 * counted


def test_ratio_is_one_for_a_segment_and_falls_to_its_limit(network):
    trunk = sum(layer.multiply_adds for layer in layer_costs(network, 64 * 2) if layer.block.startswith("B")) // 2
    head = sum(layer.multiply_adds for layer in layer_costs(network, 64 * 2) if layer.block.startswith("F"))
    ratios = [multiply_adds(network, 64 * (k + 1)).ratio for k in (1, 2, 5, 12, 100, 10_000)]
    assert ratios[0] == 1
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[3] == pytest.approx((13 * trunk + 12 * head) / (12 * (2 * trunk + head)), rel=1e-12)
    limit = (trunk + head) / (2 * trunk + head)
    assert ratios[-1] == pytest.approx(limit, rel=1e-3)
    assert 0.5 < limit < 0.51


def test_short_recordings_cost_a_segment(network):
    assert multiply_adds(network, 20).scanned == multiply_adds(network, 128).scanned


def test_layer_table_is_the_network():
    network = WeakCNN(7, width=0.125, pooling="max").eval()
    rows = layer_table(network, 896)
    assert [row.block for row in rows] == ["input", *(f"B{i}" for i in range(1, 7)), "F1", "F2", "P"]
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in network.parameters())
    assert sum(row.multiply_adds for row in rows) == multiply_adds(network, 896).scanned
    with torch.inference_mode():
        hidden = torch.zeros(1, 1, 896, 128)
        for row, block in zip(rows[1:7], network.blocks, strict=True):
            hidden = block(hidden)
            assert hidden.shape[1:] == (row.channels, row.frames, row.bands)
        output = network(torch.zeros(1, 896, 128))
    f1, f2, pooled = rows[-3:]
    assert output.f1.shape[1:] == (f1.frames, f1.channels)
    assert output.segments.shape[1:] == (f2.frames, f2.channels) == (13, 7)
    assert output.recording.shape[1] == pooled.channels
    assert "max" in pooled.layers


def test_layers_are_told_in_words():
    words = {row.block: row.layers for row in layer_table(WeakCNN(7, width=0.125))}
    assert words["B1"] == "2 × (convolution 3×3, batch normalisation, ReLU), max pooling 2×2"
    assert words["B6"] == "convolution 3×3, batch normalisation, ReLU, max pooling 2×2"
    assert words["F2"] == "convolution 1×1, sigmoid"
