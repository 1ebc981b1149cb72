"""The network of event boundaries: its size, its first weights, both directions, and what may not matter."""

import math

import pytest
import torch

from companion.errors import ParameterError
from companion.models.ctc_blstm import BoundaryNetwork


def network(activation="relu", *, units=5, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return BoundaryNetwork(2, n_features=3, units=units, activation=activation, generator=generator, **options)


def clips(n_clips=3, n_frames=11, seed=1):
    return torch.randn(n_clips, n_frames, 3, generator=torch.Generator().manual_seed(seed))


def test_the_published_network_has_its_size():
    """256 features, 400 units each way, 17 classes: four gates a unit with one bias each, and 35 outputs."""
    made = BoundaryNetwork()
    learning = sum(weight.numel() for weight in made.parameters() if weight.requires_grad)
    assert learning == 2 * 4 * 400 * (256 + 400 + 1) + 35 * (800 + 1)
    assert made(torch.zeros(1, 7, 256)).shape == (1, 7, 35)


def test_first_weights_are_glorots_for_each_gate_with_a_forget_bias_of_one():
    made, units = BoundaryNetwork(2, n_features=30, units=50), 50
    cells = made.lstm.cells
    for ending in ("", "_reverse"):
        for name, inputs in (("weight_ih", 30), ("weight_hh", 50)):
            weight, limit = cells.get_parameter(f"{name}_l0{ending}"), math.sqrt(6 / (inputs + units))
            assert 0.98 * limit < float(weight.detach().abs().max()) <= limit
            assert float(weight.detach().var()) == pytest.approx(limit**2 / 3, rel=0.05)
        bias = cells.get_parameter(f"bias_ih_l0{ending}")
        assert bias.tolist() == [0.0] * 50 + [1.0] * 50 + [0.0] * 100
        assert not cells.get_parameter(f"bias_hh_l0{ending}").any()


def test_a_seed_gives_the_same_network_and_another_seed_another():
    weights = [[p.clone() for p in network(seed=seed).parameters()] for seed in (0, 0, 1)]
    assert all(torch.equal(a, b) for a, b in zip(*weights[:2], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights[0], weights[2], strict=True))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_one_clip_by_hand(activation):
    made, x = network(activation).double(), clips(1, 4).double()
    squash = {"relu": lambda z: z.clamp_min(0), "tanh": torch.tanh}[activation]
    states = []
    for ending, order in (("", range(4)), ("_reverse", range(3, -1, -1))):
        w, u, b = (made.lstm.cells.get_parameter(f"{n}_l0{ending}") for n in ("weight_ih", "weight_hh", "bias_ih"))
        h = c = torch.zeros(5, dtype=torch.float64)
        found = [h] * 4
        for t in order:
            new, old, candidate, show = (w @ x[0, t] + u @ h + b).chunk(4)
            c = old.sigmoid() * c + new.sigmoid() * squash(candidate)
            h = found[t] = show.sigmoid() * squash(c)
        states.append(torch.stack(found))
    logits = torch.cat(states, 1) @ made.output.weight.T + made.output.bias
    made.float()
    torch.testing.assert_close(made(x)[0], logits.log_softmax(1).float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_clips_of_a_batch_do_not_feel_each_other_and_probabilities_add_up(activation):
    made, x = network(activation), clips()
    for mode in (True, False):
        made.train(mode)
        alone = torch.cat([made(clip[None]) for clip in x])
        torch.testing.assert_close(made(x), alone, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(made(x).exp().sum(2), torch.ones(3, 11))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_frame_hears_what_comes_before_it_and_after(activation):
    made, x = network(activation), clips(1).requires_grad_()
    (slope,) = torch.autograd.grad(made(x)[0, 5, 1], x)
    assert bool((slope[0].abs().sum(1) > 0).all())


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_it_computes_in_32_bits_under_autocast(activation):
    made, x = network(activation), clips(1, 200)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = made(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, made(x))


def test_its_architecture_makes_a_network_that_takes_its_weights():
    made = network("tanh", seed=3)
    other = BoundaryNetwork(**made.architecture)
    other.load_state_dict(made.state_dict())
    torch.testing.assert_close(other(clips()), made(clips()))


def test_features_that_do_not_fit_are_refused():
    for shape in ((2, 5, 4), (2, 0, 3)):
        with pytest.raises(ParameterError):
            network()(torch.zeros(shape))
    with pytest.raises(ParameterError, match="gelu"):
        network("gelu")
