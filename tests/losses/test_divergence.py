"""The divergence is what scipy and pencil say, from the teacher to the network, in nats."""

import math

import numpy as np
import pytest
import torch
from scipy.special import rel_entr

from companion.errors import ParameterError
from companion.losses.divergence import frame_kl, summed_kl


def distributions(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.full(shape[-1], 0.5), shape[:-1])).float()


def test_by_hand_and_in_nats():
    """A teacher who is sure costs minus the logarithm of what the network gives to the truth."""
    p = torch.tensor([[0.25, 0.75]])
    assert float(frame_kl(p.log(), torch.tensor([[1.0, 0.0]]))) == pytest.approx(math.log(4))
    half = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert float(frame_kl(p.log(), torch.tensor([[0.5, 0.5]]))) == pytest.approx(half)


def test_it_goes_from_the_teacher_to_the_network_as_scipy_has_it():
    t, p = distributions(3, 5, 40), distributions(3, 5, 40, seed=1)
    expected = rel_entr(t.double().numpy(), p.double().numpy()).sum(-1)
    turned = rel_entr(p.double().numpy(), t.double().numpy()).sum(-1)
    found = frame_kl(p.log(), t).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert np.abs(turned - expected).max() > 0.1
    np.testing.assert_allclose(frame_kl(t.log(), t).numpy(), 0, atol=1e-5)
    assert (found > 0).all()


def test_softmaxes_are_added_and_frames_averaged():
    objects, scenes = (distributions(2, 3, n, seed=n) for n in (7, 4))
    said = [distributions(2, 3, n, seed=n + 1).log() for n in (7, 4)]
    by_frame = frame_kl(said[0], objects) + frame_kl(said[1], scenes)
    assert by_frame.shape == (2, 3)
    assert float(summed_kl(said, [objects, scenes])) == pytest.approx(float(by_frame.sum()) / 6)


def test_what_the_teacher_rules_out_costs_nothing_and_what_the_network_rules_out_everything():
    t = torch.tensor([[0.0, 0.4, 0.6]])
    logits = torch.tensor([[-math.inf, 0.3, 0.1]], requires_grad=True)
    found = frame_kl(logits.log_softmax(-1), t)
    found.sum().backward()
    two = frame_kl(torch.tensor([[0.3, 0.1]]).log_softmax(-1), t[:, 1:])
    assert float(found.detach()) == pytest.approx(float(two), abs=1e-6)
    assert bool(torch.isfinite(logits.grad[0, 1:]).all())
    assert float(frame_kl(torch.tensor([[0.0, 1.0]]).log(), torch.tensor([[0.5, 0.5]]))) == math.inf


def test_the_gradient_is_what_the_network_gives_less_what_the_teacher_does():
    logits = torch.randn(4, 9, generator=torch.Generator().manual_seed(0), requires_grad=True)
    t = distributions(4, 9)
    frame_kl(logits.log_softmax(-1), t).sum().backward()
    torch.testing.assert_close(logits.grad, logits.detach().softmax(-1) - t)


def test_under_mixed_precision_it_is_computed_in_32_bits():
    t, p = distributions(8, 1000), distributions(8, 1000, seed=1)
    expected = frame_kl(p.log(), t)
    with torch.autocast("cpu", torch.bfloat16):
        found = frame_kl(p.log(), t)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    rounded = frame_kl(p.log().bfloat16(), t.bfloat16())
    assert rounded.dtype == torch.float32


def test_frames_that_do_not_belong_together_are_refused():
    with pytest.raises(ParameterError, match=r"\(2, 1, 5\)"):
        frame_kl(torch.zeros(2, 3, 5), torch.zeros(2, 1, 5))
    with pytest.raises(ParameterError, match="1 softmaxes and 2"):
        summed_kl([torch.zeros(2, 5)], [torch.zeros(2, 5)] * 2)
