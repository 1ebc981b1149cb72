"""Strides, receptive fields and frame times: against what a disturbed sample moves, and exact in whole samples."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from companion.errors import ParameterError
from companion.models.receptive import Geometry, geometries, least_samples, n_outputs, windows


def stack(sizes: list[tuple[int, int, int, bool]]) -> dict[str, nn.Module]:
    """Convolutions of ones and poolings in turn, from (kernel, stride, padding, pools)."""
    layers: dict[str, nn.Module] = {}
    for number, (kernel, stride, padding, pools) in enumerate(sizes):
        if pools:
            layers[str(number)] = nn.AvgPool1d(kernel, stride)
            continue
        layer = nn.Conv1d(1, 1, kernel, stride, min(padding, kernel // 2), bias=False)
        nn.init.ones_(layer.weight)
        layers[str(number)] = layer
    return layers


def moved(layers: dict[str, nn.Module], n_samples: int, frame: int) -> np.ndarray:
    """Samples that one output of a stack depends on, by its gradient."""
    x = torch.zeros(1, 1, n_samples, dtype=torch.float64, requires_grad=True)
    hidden = x
    for layer in layers.values():
        hidden = layer.double()(hidden)
    (gradient,) = torch.autograd.grad(hidden[0, 0, frame], x)
    return np.flatnonzero(gradient[0, 0].numpy())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2), st.booleans()), min_size=1,
                max_size=4), st.data())  # fmt: skip
def test_the_receptive_field_is_what_a_disturbance_reaches(sizes, data):
    """In the middle of a long input, for windows without gaps between them."""
    sizes = [(max(kernel, stride), stride, padding, pools) for kernel, stride, padding, pools in sizes]
    layers = stack(sizes)
    at = geometries(layers)[str(len(sizes) - 1)]
    first = -(-max(0, -at.start) // at.stride)
    frame = first + data.draw(st.integers(0, 3))
    n_samples = at.start + frame * at.stride + at.field + 7 * at.stride
    felt = moved(layers, n_samples, frame)
    assert felt[0] == at.start + frame * at.stride
    assert felt[-1] - felt[0] + 1 == at.field
    middle = (felt[0] + felt[-1]) / 2
    assert at.times(frame + 1, 1)[frame] == middle


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(0, 4), st.booleans()), min_size=1,
                max_size=4), st.integers(1, 5))  # fmt: skip
def test_lengths_are_those_of_the_modules_and_the_least_is_the_least(sizes, frames):
    layers = list(stack(sizes).values())
    least = least_samples(layers, frames)
    with torch.no_grad():
        assert nn.Sequential(*layers)(torch.zeros(1, 1, least)).shape[2] == n_outputs(layers, least)
    assert n_outputs(layers, least) >= frames
    assert least == 1 or n_outputs(layers, least - 1) < frames


def test_times_do_not_drift():
    """Thirty hours on, a time still is the quotient of two whole numbers."""
    at = Geometry(11_294, 2048, -6432)
    times = at.times(1_200_000, 22_050)
    assert times[0] == (-6432 + 5646.5) / 22_050
    assert times[1_199_999] == (2 * (-6432 + 1_199_999 * 2048) + 11_293) / 44_100


def test_layers_that_work_step_by_step_move_nothing():
    layers = {"a": nn.Conv1d(1, 2, 5, 2, 1), "b": nn.Sequential(nn.BatchNorm1d(2), nn.ReLU()), "c": nn.MaxPool1d(3)}
    found = geometries(layers)
    assert found["a"] == found["b"] == Geometry(5, 2, -1)
    assert found["c"] == Geometry(9, 6, -1)


@pytest.mark.parametrize(
    "layer", [nn.Conv1d(1, 1, 3, dilation=2), nn.MaxPool1d(2, ceil_mode=True), nn.Conv1d(1, 1, 3, padding="same")]
)
def test_windows_that_are_not_plain_are_refused(layer):
    with pytest.raises(ParameterError):
        list(windows([layer]))


def test_a_stack_is_read_layer_by_layer():
    layers = [nn.Sequential(nn.Conv1d(1, 1, 4, 2), nn.MaxPool1d(2)), nn.ReLU(), nn.AvgPool1d(3)]
    assert [(w.kernel, w.stride, w.padding) for w in islice(windows(layers), 5)] == [(4, 2, 0), (2, 2, 0), (3, 3, 0)]
