"""An LSTM layer against steps written out by hand, against PyTorch's own, and against what Keras drew and left out."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from companion.errors import ParameterError
from companion.models import lstm
from companion.models.lstm import LSTMLayer, dropout_masks, glorot_normal_, hard_sigmoid

GATES_BY_HAND = {
    "hard sigmoid": lambda z: np.clip(0.2 * z + 0.5, 0, 1),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}


def layer(n_features: int = 3, units: int = 2, *, scale: float = 1.0, **options: object) -> LSTMLayer:
    """A layer with every weight and bias different, large enough to close hard gates at a scale of 3."""
    made = LSTMLayer(n_features, units, **options)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in made.weights:
            weight.copy_(scale * torch.randn(weight.shape, generator=generator))
    return made


def clips(n_clips: int = 2, n_frames: int = 9, n_features: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n_clips, n_frames, n_features, generator=torch.Generator().manual_seed(seed))


def by_hand(made: LSTMLayer, x: NDArray[np.float64], gate: str, kept: NDArray[np.float64] | None = None):
    """Hochreiter and Schmidhuber's equations, one clip, frame and gate at a time. Shape: ``(B, T, F)``."""
    weight, between, bias = (value.detach().double().numpy() for value in made.weights)
    H, sigma = made.units, GATES_BY_HAND[gate]
    kept = np.ones((len(x), 4, x.shape[2])) if kept is None else kept
    rows = [slice(k * H, (k + 1) * H) for k in range(4)]
    output = np.zeros((*x.shape[:2], H))
    for b in range(len(x)):
        h = c = np.zeros(H)
        for t in range(x.shape[1]):
            z = [weight[rows[k]] @ (kept[b, k] * x[b, t]) + between[rows[k]] @ h + bias[rows[k]] for k in range(4)]
            c = sigma(z[1]) * c + sigma(z[0]) * np.tanh(z[2])
            h = sigma(z[3]) * np.tanh(c)
            output[b, t] = h
    return output


def no_fused_kernel(made: LSTMLayer) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the fused layer ran")

    made.cell.forward = refuse  # type: ignore[method-assign]


# Steps


def test_two_steps_of_one_unit_on_paper():
    """x = 1, then 0. Weights of inputs 0.5, 1, 2, 3 (input, forget, candidate, output), between units 1, biases 0.

    First frame: i = 0.6, o = 1 (cut off at 1.1), c = 0.6 tanh 2, h = tanh c. Second: all gates 0.5 + 0.2 h.
    """
    made = LSTMLayer(1, 1).eval()
    with torch.no_grad():
        for weight, values in zip(made.weights, ([0.5, 1, 2, 3], [1] * 4, [0] * 4), strict=True):
            weight.copy_(torch.tensor(values, dtype=torch.float32).view_as(weight))
    c1 = 0.6 * np.tanh(2)
    h1 = np.tanh(c1)
    gate = 0.5 + 0.2 * h1
    h2 = gate * np.tanh(gate * c1 + gate * np.tanh(h1))
    found = made(torch.tensor([[[1.0], [0.0]]]))
    np.testing.assert_allclose(found.detach().numpy().ravel(), [h1, h2], rtol=1e-6)


@pytest.mark.parametrize("gates", ["hard sigmoid", "sigmoid"])
@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_outputs_are_the_equations(gates, scale):
    made, x = layer(scale=scale, gates=gates).eval(), clips()
    expected = by_hand(made, x.double().numpy(), gates)
    np.testing.assert_allclose(made(x).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_hard_gates_open_and_close_completely():
    z = torch.linspace(-4, 4, 81, dtype=torch.float64, requires_grad=True)
    found = hard_sigmoid(z)
    np.testing.assert_allclose(found.detach().numpy(), np.clip(0.2 * z.detach().numpy() + 0.5, 0, 1), atol=1e-12)
    (slope,) = torch.autograd.grad(found.sum(), z)
    inside = z.detach().abs() < 2.49
    torch.testing.assert_close(slope[inside], torch.full_like(slope[inside], 0.2))
    assert float(slope[z.detach().abs() > 2.51].abs().max()) == 0.0


def test_sigmoid_gates_by_hand_are_pytorchs_lstm():
    """Outputs, and gradients of all weights and of the input."""
    made, x = layer(5, 4, gates="sigmoid").eval(), clips(3, 20, 5).requires_grad_()
    weights, found = torch.randn(3, 20, 4), []
    for fused in (True, False):
        if fused:
            output = made(x)
        else:
            weight, between, bias = (lstm.gates_together(rows) for rows in made.weights)
            output = lstm.scan(lstm.project(x, weight, bias), between, torch.sigmoid)
        found.append([output, *torch.autograd.grad((output * weights).sum(), [*made.weights, x])])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_hard_gates_have_the_gradient_of_their_outputs():
    """Against finite differences, in double precision."""
    generator = torch.Generator().manual_seed(3)
    shapes = ((2, 5, 3), (8, 3), (8,), (8, 2))
    given = [torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]

    def output(x: Tensor, weight: Tensor, bias: Tensor, between: Tensor) -> Tensor:
        return lstm.scan(lstm.project(x, weight, bias), between, hard_sigmoid)

    assert torch.autograd.gradcheck(output, given)


def test_pytorch_runs_the_layer_wherever_it_can():
    x = clips()
    for options, training, fused in (
        ({"gates": "sigmoid", "masks": "clip"}, True, True),
        ({"gates": "sigmoid"}, False, True),
        ({"gates": "sigmoid", "dropout": 0.0}, True, True),
        ({"gates": "sigmoid"}, True, False),
        ({}, False, False),
    ):
        made = layer(**options).train(training)
        no_fused_kernel(made)
        if fused:
            with pytest.raises(AssertionError, match="fused"):
                made(x)
        else:
            made(x)


def test_the_backward_pass_grows_with_the_frames_and_not_with_their_square():
    """As many operations for each further frame, and none of them fills as many values as the clip has."""

    def operations(n_frames: int) -> int:
        waiting, seen = [layer()(clips(1, n_frames)).sum().grad_fn], set()
        while waiting:
            node = waiting.pop()
            if node is not None and node not in seen:
                seen.add(node)
                assert node.name() not in ("SliceBackward0", "SelectBackward0"), "a slice of the whole clip"
                waiting += [following for following, _ in node.next_functions]
        return len(seen)

    few, more, many = (operations(n) for n in (10, 20, 30))
    assert many - more == more - few > 0


@pytest.mark.parametrize("gates", ["hard sigmoid", "sigmoid"])
def test_a_layer_that_forgets_nothing_learns_as_much_from_the_first_of_2584_frames_as_from_any(gates):
    made = LSTMLayer(20, 8, gates=gates, generator=torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        made.weights[1].zero_()
        made.weights[2][8:16] = 30.0
    x = (0.001 * clips(1, 1, 20)).repeat(1, 2584, 1).requires_grad_()
    (slope,) = torch.autograd.grad(made(x)[0, -1].sum(), x)
    assert float(slope[0, 0].abs().max()) > 1e-4
    torch.testing.assert_close(slope[0, :-1], slope[0, :1].expand(2583, -1), rtol=1e-3, atol=1e-6)


# 32 bits


@pytest.mark.parametrize("gates", ["hard sigmoid", "sigmoid"])
def test_memory_goes_on_growing_under_mixed_precision(gates):
    """A unit that adds 0.001 in each of 2,000 frames and forgets nothing holds 2; in bfloat16 it would stop early."""
    made = LSTMLayer(1, 1, gates=gates).eval()
    small = {"hard sigmoid": (0.001 - 0.5) / 0.2, "sigmoid": np.log(0.001 / 0.999)}[gates]
    with torch.no_grad():
        for weight in made.weights:
            weight.zero_()
        made.weights[2].copy_(torch.tensor([small, 30.0, 30.0, 30.0]))
    with torch.autocast("cpu", torch.bfloat16):
        found = made(torch.zeros(1, 2000, 1, dtype=torch.bfloat16))
    assert found.dtype == torch.float32
    assert float(found[0, -1, 0].detach()) == pytest.approx(np.tanh(2.0), abs=1e-3)


# Weights


def test_weights_are_counted_as_in_keras():
    """4 (F H + H H + H) numbers learn, and the second bias of ``nn.LSTM`` is zero for good."""
    for F, H in ((20, 100), (100, 100), (7, 3)):
        made = LSTMLayer(F, H)
        assert sum(p.numel() for p in made.parameters() if p.requires_grad) == 4 * (F * H + H * H + H)
    optimizer = torch.optim.RMSprop([p for p in made.parameters() if p.requires_grad])
    made(clips(2, 5, 7)).sum().backward()
    optimizer.step()
    assert not bool(made.cell.bias_hh_l0.any())


def test_only_the_forget_gate_has_a_bias_at_first():
    """A layer that sees nothing but a memory of 1 keeps 0.7 of it with a bias of 1, and 0.5 without."""
    bias = LSTMLayer(4, 3).weights[2].detach()
    assert bias.tolist() == [0.0] * 3 + [1.0] * 3 + [0.0] * 6
    assert float(hard_sigmoid(bias[3])) == pytest.approx(0.7)


def test_glorot_normal_is_cut_off_at_two_deviations_and_not_made_up_for():
    weight = glorot_normal_(torch.empty(400, 100), torch.Generator().manual_seed(0)).numpy()
    sigma = np.sqrt(2 / 500)
    assert np.abs(weight).max() <= 2 * sigma
    assert np.abs(weight).max() > 1.99 * sigma
    # a normal distribution between -2 and 2 has a deviation of 0.8796
    assert weight.std() == pytest.approx(0.8796 * sigma, rel=0.02)
    assert weight.mean() == pytest.approx(0, abs=0.02 * sigma)
    filters = glorot_normal_(torch.empty(100, 20, 5), torch.Generator().manual_seed(0)).numpy()
    assert filters.std() == pytest.approx(0.8796 * np.sqrt(2 / (120 * 5)), rel=0.03)


def test_weights_between_units_are_orthogonal_or_as_all_others():
    between = LSTMLayer(20, 30).weights[1].detach()
    torch.testing.assert_close(between.T @ between, torch.eye(30), atol=1e-5, rtol=0)
    other = LSTMLayer(20, 50, recurrent="Glorot normal").weights[1].detach()
    assert float(other.std()) == pytest.approx(0.8796 * np.sqrt(2 / 250), rel=0.05)
    assert float((other.T @ other - torch.eye(50)).abs().max()) > 0.05


def test_a_generator_decides_the_weights():
    one, same, other = (LSTMLayer(3, 2, generator=torch.Generator().manual_seed(seed)).weights for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


@pytest.mark.parametrize("options", [{"gates": "relu"}, {"masks": "frame"}, {"recurrent": "zero"}])
def test_unknown_options_are_refused(options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        LSTMLayer(3, 2, **options)


# Dropout


@pytest.mark.parametrize(("masks", "n_masks"), [("gate", 4), ("clip", 1)])
@pytest.mark.parametrize("gates", ["hard sigmoid", "sigmoid"])
def test_a_clip_loses_the_same_inputs_in_every_frame(monkeypatch, masks, n_masks, gates):
    """The layer is the equations with the masks that were drawn, which stay for the whole clip."""
    drawn = []

    def remember(*given: object) -> Tensor:
        drawn.append(dropout_masks(*given))
        return drawn[-1]

    monkeypatch.setattr(lstm, "dropout_masks", remember)
    torch.manual_seed(0)
    made, x = layer(6, masks=masks, gates=gates, dropout=0.5).train(), clips(3, 12, 6)
    found = made(x).detach().numpy()
    (kept,) = drawn
    assert kept.shape == (3, n_masks, 6)
    factors = np.broadcast_to(kept.double().numpy(), (3, 4, 6))[:, [0, 1, 3, 2]]  # drawn with the candidate last
    np.testing.assert_allclose(found, by_hand(made, x.double().numpy(), gates, factors), rtol=1e-4, atol=1e-5)


def test_masks_differ_between_clips_and_gates_and_keep_the_mean():
    torch.manual_seed(0)
    kept = dropout_masks(torch.empty(500, 3, 20), 0.1, 4)
    assert kept.shape == (500, 4, 20)
    np.testing.assert_allclose(sorted(set(kept.flatten().tolist())), [0, 1 / 0.9], rtol=1e-6)
    assert float((kept == 0).float().mean()) == pytest.approx(0.1, abs=0.006)
    # as rarely alike as independent masks are: 0.9² + 0.1² of the places
    assert float((kept[:-1] == kept[1:]).float().mean()) == pytest.approx(0.82, abs=0.01)
    assert float((kept[:, 0] == kept[:, 1]).float().mean()) == pytest.approx(0.82, abs=0.02)


@pytest.mark.parametrize("masks", ["gate", "clip"])
def test_nothing_is_left_out_in_evaluation(masks):
    made, x = layer(masks=masks, dropout=0.5), clips()
    assert not torch.allclose(made.train()(x), made(x))
    assert torch.equal(made.eval()(x), made(x))
    assert torch.equal(made.eval()(x), layer(masks=masks, dropout=0.0).train()(x))


def test_pytorch_left_out_nothing_by_itself():
    """Between units nothing is ever left out."""
    assert nn.LSTM(3, 2).dropout == LSTMLayer(3, 2, dropout=0.5).cell.dropout == 0.0
