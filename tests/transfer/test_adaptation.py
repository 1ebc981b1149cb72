"""Adaptation learns, repeats, and leaves frozen what is frozen."""

import copy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from companion.errors import ParameterError
from companion.models.weak_cnn import WeakCNN
from companion.transfer import METHODS, Adapted, AdaptedNet, adapt, stack, trunk_outputs

N, C = 24, 3


@pytest.fixture(scope="module")
def task(network) -> tuple[list[Tensor], NDArray[np.int64]]:
    """Three classes of noise, each loud in other bands, of two lengths."""
    rng = np.random.default_rng(1)
    classes = np.arange(N) % C
    clips = [rng.normal(-60, 5, (256 if i % 2 else 330, 128)).astype(np.float32) for i in range(N)]
    for clip, label in zip(clips, classes, strict=True):
        clip[:, 40 * label : 40 * label + 40] += 30
    return trunk_outputs(network, clips), classes


def run(network: WeakCNN, method: str, task: tuple[list[Tensor], NDArray[np.int64]], **options: object) -> Adapted:
    """A short adaptation."""
    trunks, classes = task
    return adapt(network, method, trunks, classes, C, **{"epochs": 8, "lr": 1e-3, "batch_size": 8, **options})


@pytest.mark.parametrize("method", METHODS)
def test_adaptation_learns_and_frozen_is_bit_equal(network, task, method):
    before = copy.deepcopy(network.state_dict())
    adapted = run(network, method, task)
    assert [row["epoch"] for row in adapted.curve] == list(range(1, 9))
    assert adapted.curve[-1]["loss"] < 0.7 * adapted.curve[0]["loss"]
    assert adapted.curve[-1]["accuracy"] > 0.9
    assert not adapted.network.training
    after = adapted.network.network.state_dict()
    for name, value in before.items():
        assert torch.equal(network.state_dict()[name], value), f"the source's {name} changed"
        if name.startswith("blocks."):
            assert torch.equal(after[name], value), f"{name} is frozen and changed"
        elif name in after:
            assert not torch.equal(after[name], value), f"{name} is updated and did not change"
    assert (method == "I") == ("f2.weight" not in after)


@pytest.mark.parametrize("pool_first", [False, True])
def test_several_labels_at_once(network, task, pool_first):
    trunks, classes = task
    targets = np.stack([classes == 0, classes != 1, classes == 2], 1)
    adapted = adapt(
        network,
        "I",
        trunks,
        targets,
        3,
        multi_label=True,
        pool_first=pool_first,
        epochs=8,
        lr=1e-3,
        batch_size=8,
    )
    assert adapted.curve[-1]["accuracy"] > 0.9
    assert adapted.curve[-1]["loss"] < 0.7 * adapted.curve[0]["loss"]


def test_the_same_seed_gives_the_same_network_and_another_another(network, task):
    state = torch.random.get_rng_state()
    first, again, other = (run(network, "III", task, epochs=2, seed=seed) for seed in (5, 5, 6))
    assert torch.equal(torch.random.get_rng_state(), state), "a global generator was used"
    assert first.curve == again.curve
    assert first.curve != other.curve
    for name, value in first.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name
    assert not torch.equal(first.network.f_t.weight, other.network.f_t.weight)


def test_it_is_adam_on_the_cross_entropy_of_batches_of_even_size(network, task):
    """The same steps written out, with unfused Adam and F1 as a convolution."""
    trunks, classes = task
    adapted = adapt(network, "I", trunks, classes, C, epochs=3, lr=1e-3, batch_size=10, seed=4)
    plain = AdaptedNet(network, "I", C, generator=torch.Generator().manual_seed(4)).train()
    plain.segment_representation = plain.network.segment_representation
    learning = [parameter for parameter in plain.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(learning, lr=1e-3, fused=False)
    rng = np.random.default_rng(4)
    for row in adapted.curve:
        losses = []
        for indices in rng.permutation(N).reshape(3, 8):
            scores = plain.head(*stack([trunks[i] for i in indices])).recording
            losses.append(nn.functional.nll_loss(scores, torch.tensor(classes[indices])))
            optimizer.zero_grad()
            losses[-1].backward()
            optimizer.step()
        assert row["loss"] == pytest.approx(float(torch.stack(losses).detach().mean()), rel=1e-4)
    torch.testing.assert_close(adapted.network.f_t.weight, plain.f_t.weight, rtol=1e-3, atol=1e-4)


def test_the_first_step_is_adams_at_the_published_rate(network, task):
    """Adam's first step moves a weight by the learning rate, or not at all where the gradient is 0."""
    trunks, classes = task
    adapted = adapt(network, "II", trunks, classes, C, epochs=1, batch_size=N)
    moved = (adapted.network.network.f2.weight - network.f2.weight).detach().abs()
    assert float(moved.max()) == pytest.approx(2e-4, rel=1e-2)
    assert float((moved > 1.9e-4).float().mean()) > 0.5


def test_published_defaults():
    assert adapt.__kwdefaults__["epochs"] == 50
    assert adapt.__kwdefaults__["lr"] == 2e-4


def test_fast_convolution_memory_format_changes_nothing(network, task):
    source = copy.deepcopy(network).to(memory_format=torch.channels_last)
    assert run(source, "I", task, epochs=1).curve == run(network, "I", task, epochs=1).curve


@pytest.mark.parametrize(
    ("targets", "multi_label"),
    [
        (np.zeros(N - 1), False),
        (np.full(N, C), False),
        (np.full(N, -1), False),
        (np.full(N, 0.5), False),
        (np.zeros(N), True),
        (np.full((N, C), 2), True),
    ],
)
def test_targets_that_do_not_fit_are_refused(network, task, targets, multi_label):
    with pytest.raises(ParameterError, match=r"targets of shape (.|\n)*expected: shape \(24,"):
        adapt(network, "I", task[0], targets, C, multi_label=multi_label)
