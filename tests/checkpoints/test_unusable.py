"""Weights and descriptions that no network can use are refused by name."""

from pathlib import Path

import pytest
import torch

from companion import store
from companion.checkpoints import Checkpoint, as_value, load
from companion.checkpoints.saved import fill
from companion.errors import CheckpointError
from companion.models.weak_cnn import WeakCNN

PLACE = Path("n_s.safetensors")


@pytest.fixture
def network() -> WeakCNN:
    return WeakCNN(3, width=0.125)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("layer", ["f2.weight", "blocks.0.convs.0.bn.running_mean"])
def test_weights_that_are_not_finite_are_named(network, layer, value):
    state = network.state_dict()
    state[layer].view(-1)[-1] = value
    with pytest.raises(CheckpointError, match=rf"n_s.safetensors: layer {layer} holds values that are not finite"):
        fill(network, state, PLACE)


def test_weights_beyond_single_precision_are_named(network):
    state = {**network.state_dict(), "f2.bias": torch.tensor([0.0, 1e300, 0.0], dtype=torch.float64)}
    with pytest.raises(CheckpointError, match=r"f2.bias holds values that are not finite"):
        fill(network, state, PLACE)


def test_negative_variances_are_named(network):
    state = {**network.state_dict(), "f1.bn.running_var": torch.linspace(-1e-3, 1.0, 128)}
    with pytest.raises(CheckpointError, match=r"f1.bn.running_var holds variances below zero"):
        fill(network, state, PLACE)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("width", [0, float("inf"), float("nan"), -1, "wide", None])
def test_a_width_that_is_none(network, tmp_path, width):
    value = as_value(Checkpoint(network, ("dog", "rain", "siren")))
    value.facts["architecture"]["width"] = width
    store.write(tmp_path / PLACE, value, {})
    with pytest.raises(CheckpointError, match="does not describe a network"):
        load(tmp_path / PLACE)
