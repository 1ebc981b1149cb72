"""Adapted networks: the table of methods, the head against its definition, frozen trunks."""

import copy

import pytest
import torch
from torch import Tensor, nn

from companion.errors import ParameterError
from companion.transfer import METHODS, AdaptedNet, stack, trunk_outputs
from companion.transfer.network import log_mean


@pytest.fixture(scope="module")
def batch(network, features) -> tuple[Tensor, Tensor]:
    """Trunk outputs of unequal lengths and their mask."""
    return stack(trunk_outputs(network, features))


def test_table_of_methods():
    """Kumar 2018, section 3.2."""
    blocks = ("B1", "B2", "B3", "B4", "B5", "B6")
    rows = [(row.name, row.frozen, row.updated, row.reads, row.f2_activation) for row in METHODS.values()]
    assert rows == [
        ("I", blocks, ("F1", "F_T"), "F1", None),
        ("II", blocks, ("F1", "F2", "F_T"), "F2", "relu"),
        ("III", blocks, ("F1", "F2", "F_T"), "pooled F2", "relu"),
    ]


def test_unknown_method_is_refused(network):
    with pytest.raises(ParameterError, match=r"unknown method 'IV'(.|\n)*I, II, III"):
        AdaptedNet(network, "IV", 3)


@pytest.mark.parametrize(
    ("method", "learning"),
    [
        ("I", {"f_t", "network.f1.conv", "network.f1.bn"}),
        ("II", {"f_t", "network.f1.conv", "network.f1.bn", "network.f2"}),
        ("III", {"f_t", "network.f1.conv", "network.f1.bn", "network.f2"}),
    ],
)
def test_only_the_updated_layers_learn(network, batch, method, learning):
    adapted = AdaptedNet(network, method, 3).train()
    named = dict(adapted.named_parameters())
    assert {name.rpartition(".")[0] for name, value in named.items() if value.requires_grad} == learning
    adapted.head(*batch).recording.square().sum().backward()
    assert {name.rpartition(".")[0] for name, value in named.items() if value.grad is not None} == learning


def test_f_t_has_the_shape_of_the_method(network):
    shapes = {name: AdaptedNet(network, name, 3).f_t.weight.shape for name in METHODS}
    assert shapes == {"I": (3, 128), "II": (3, 7), "III": (3, 7)}


def test_frozen_normalisation_stays_in_evaluation_mode(network, features):
    adapted = AdaptedNet(network, "II", 3).train()
    assert adapted.network.f1.bn.training
    assert not any(module.training for module in adapted.network.blocks.modules())
    adapted(torch.tensor(features[1][None]))
    buffers = dict(adapted.named_buffers())
    for name, value in network.named_buffers():
        assert torch.equal(buffers[f"network.{name}"], value) == name.startswith("blocks"), name


def test_the_source_network_is_left_alone(network, batch):
    source = copy.deepcopy(network).to(memory_format=torch.channels_last)
    adapted = AdaptedNet(source, "I", 3).train()
    adapted.head(*batch)
    assert all(parameter.requires_grad for parameter in source.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(source.state_dict()[name], value), name


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("equal_lengths", [True, False])
def test_f1_as_a_matrix_product_is_the_convolution(network, batch, training, equal_lengths):
    """Outputs, gradients and running statistics."""
    trunk, mask = batch
    if equal_lengths:
        trunk, mask = trunk[[1, 3]], mask[[1, 3]]
    weights = torch.randn(*mask.shape, 128, generator=torch.Generator().manual_seed(1)) * mask[..., None]
    found = []
    for as_product in (True, False):
        adapted = AdaptedNet(network, "I", 3).train(training)
        layer = adapted.network
        f1 = (adapted if as_product else layer).segment_representation(trunk, mask) * mask[..., None]
        (f1 * weights).sum().backward()
        found.append([f1, *(parameter.grad for parameter in layer.f1.parameters()), *layer.f1.buffers()])
    for product, convolution in zip(*found, strict=True):
        torch.testing.assert_close(product, convolution, rtol=1e-3, atol=1e-4)


def test_head_is_its_definition(network, batch):
    """Each method written out for one recording at a time."""
    trunk, mask = batch
    for name in METHODS:
        adapted = AdaptedNet(network, name, 3, generator=torch.Generator().manual_seed(0)).eval()
        output = adapted.head(trunk, mask)
        for i in range(len(mask)):
            k = int(mask[i].sum())
            f1 = adapted.network.f1(trunk[i : i + 1, :, : k + 1])[0, :, :, 0].T
            torch.testing.assert_close(output.f1[i, :k], f1)
            if name == "I":
                assert output.f2 is None
                expected = adapted.f_t(f1).softmax(1).mean(0)
            else:
                f2 = torch.relu(f1 @ adapted.network.f2.weight[:, :, 0, 0].T + adapted.network.f2.bias)
                torch.testing.assert_close(output.f2[i, :k], f2)
                expected = adapted.f_t(f2).softmax(1).mean(0) if name == "II" else adapted.f_t(f2.mean(0)).softmax(0)
            torch.testing.assert_close(output.recording[i].exp(), expected)
            assert float(output.recording[i].detach().exp().sum()) == pytest.approx(1, abs=1e-5)


def test_off_the_shelf_f1_and_f2_are_where_adaptation_begins(network, features):
    """Before the first step F1 is N_S's, and F2 is N_S's before its sigmoid where that is positive."""
    x = torch.tensor(features[1][None])
    source, adapted = network(x), AdaptedNet(network, "III", 3).eval()(x)
    torch.testing.assert_close(adapted.f1, source.f1)
    torch.testing.assert_close(adapted.f2, torch.relu(source.segments.logit()), rtol=1e-3, atol=1e-4)


def segments() -> tuple[Tensor, Tensor]:
    """Logits of two recordings, the second a segment shorter. Shapes: ``(2, 4, 3)`` and ``(2, 4)``."""
    logits = 3 * torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    return logits, torch.tensor([[True] * 4, [True, True, True, False]])


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("multi_label", [False, True])
def test_pooled_score_is_the_pooled_probability(network, pooling, multi_label):
    adapted = AdaptedNet(network, "I", 3, multi_label=multi_label)
    adapted.network.pooling = pooling
    logits, mask = segments()
    score = adapted.pooled_score(logits, mask)
    probabilities = logits.sigmoid() if multi_label else logits.softmax(2)
    pool = {"average": lambda x: x.mean(0), "max": lambda x: x.amax(0)}[pooling]
    expected = torch.stack([pool(probabilities[0]), pool(probabilities[1, :3])])
    torch.testing.assert_close(score.sigmoid() if multi_label else score.exp(), expected)


def test_pool_first_pools_the_logits(network, batch):
    def recordings(method: str, first: bool) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return AdaptedNet(network, method, 3, pool_first=first, generator=generator).eval().head(*batch).recording

    adapted = AdaptedNet(network, "I", 3, pool_first=True, generator=torch.Generator().manual_seed(0)).eval()
    f1 = adapted.head(*batch).f1
    k = int(batch[1][1].sum())
    by_hand = adapted.f_t(f1[1, :k]).mean(0).log_softmax(0)
    torch.testing.assert_close(recordings("I", True)[1], by_hand)
    one_segment = int(batch[1].sum(1).argmin())
    for method in ("I", "II"):
        first, after = recordings(method, True), recordings(method, False)
        assert not torch.allclose(first, after)
        torch.testing.assert_close(first[one_segment], after[one_segment])
    assert torch.equal(recordings("III", True), recordings("III", False))


def test_certain_segments_keep_loss_and_gradient_finite(network):
    """Probabilities of 1e-400 are no number in any precision; their logarithms are."""
    for multi_label, loss in ((False, nn.NLLLoss()), (True, nn.BCEWithLogitsLoss())):
        adapted = AdaptedNet(network, "I", 2, multi_label=multi_label)
        logits = torch.tensor([[[-1000.0, 1000.0], [-990.0, 990.0]]], requires_grad=True)
        target = torch.tensor([[1.0, 0.0]]) if multi_label else torch.tensor([0])
        value = loss(adapted.pooled_score(logits, torch.ones(1, 2, dtype=torch.bool)), target)
        value.backward()
        assert 900 < float(value.detach()) < 2001
        assert bool(torch.isfinite(logits.grad).all())
        assert float(logits.grad.abs().sum()) > 0.1


def test_log_mean_of_equal_values_is_the_value():
    mask = torch.tensor([[True, True, False]])
    torch.testing.assert_close(log_mean(torch.full((1, 3, 2), -5.0), mask), torch.full((1, 2), -5.0))


def test_a_training_batch_of_one_segment_is_refused(network, batch):
    trunk, mask = batch
    adapted = AdaptedNet(network, "I", 3)
    adapted.eval().head(trunk[:1, :, :2], mask[:1, :1])
    with pytest.raises(ParameterError, match="one segment"):
        adapted.train().head(trunk[:1, :, :2], mask[:1, :1])
