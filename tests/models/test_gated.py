"""Recurrent layers in both directions, with tanh or ReLU inside the cell."""

import pytest
import torch
from torch import Tensor

from companion.errors import ParameterError
from companion.models.gated import Recurrent


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_loop_is_pytorchs_layer_where_both_can_compute(cell):
    torch.manual_seed(0)
    layer = Recurrent(4, 5, cell=cell, activation="tanh", own_loop=True)
    x = noise(3, 9, 4)
    torch.testing.assert_close(layer(x), layer.cells(x)[0])
    fast = Recurrent(4, 5, cell=cell, activation="tanh")
    fast.load_state_dict(layer.state_dict())
    assert torch.equal(fast(x), layer.cells(x)[0])


def test_a_step_of_a_gru_with_relu_by_hand():
    """One unit, one frame after another: h = z h + (1 − z) relu(candidate)."""
    layer = Recurrent(1, 1, cell="gru", activation="relu")
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        layer.cells.weight_ih_l0.copy_(torch.tensor([[0.0], [0.0], [3.0]]))  # gates stay at one half
        layer.cells.weight_hh_l0.copy_(torch.tensor([[0.0], [0.0], [2.0]]))
    found = layer(torch.tensor([[[1.0], [-4.0], [2.0]]]))[0, :, 0].tolist()
    first = 0.5 * 3
    second = 0.5 * first  # 3 · (−4) + ½ · 2 · 1.5 is below zero: ReLU
    third = 0.5 * second + 0.5 * (6 + 0.5 * 2 * second)
    assert found == pytest.approx([first, second, third])


def test_the_second_direction_hears_the_sequence_backwards():
    torch.manual_seed(0)
    layer = Recurrent(3, 4)
    with torch.no_grad():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(layer.cells, f"{name}_l0_reverse").copy_(getattr(layer.cells, f"{name}_l0"))
    x = noise(1, 6, 3)
    one, other = layer(x), layer(x.flip(1))
    torch.testing.assert_close(one[..., :4], other.flip(1)[..., 4:])


@pytest.mark.parametrize("options", [{"cell": "rnn"}, {"activation": "elu"}])
def test_cells_and_activations_that_do_not_exist_are_refused(options):
    with pytest.raises(ParameterError, match="no recurrent layer with"):
        Recurrent(1, 1, **options)
