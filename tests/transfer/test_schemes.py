"""Schemes of transfer between recurrent taggers: where each layer begins, and what never changes."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from companion.errors import ParameterError
from companion.losses import recording_bce
from companion.models.recurrent import RecurrentTagger
from companion.training.optimizers import rmsprop
from companion.transfer.frozen import FromFrozen, frozen_outputs
from companion.transfer.schemes import SCHEMES, find_scheme, target_tagger

F, H = 6, 5


def tagger(kind: str, **options: object) -> RecurrentTagger:
    """A source network whose features were standardised, and which has learned something."""
    made = RecurrentTagger(
        **{"n_features": F, "units": H, "lower": (kind,), "generator": torch.Generator().manual_seed(0), **options}
    )
    made.lower[0].standardise(recordings(seed=9))
    train(made, batch(seed=9))
    return made


@pytest.fixture(scope="module")
def sources() -> dict[str, RecurrentTagger]:
    return {kind: tagger(kind) for kind in ("LSTM", "convolution")}


def recordings(n: int = 6, n_frames: int = 14, seed: int = 0) -> list[NDArray[np.float32]]:
    """Features of a scale of their own. Shape: ``(T, F)`` each."""
    rng = np.random.default_rng(seed)
    return [rng.normal(seed, 1 + seed, (n_frames, F)).astype(np.float32) for _ in range(n)]


def batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Six recordings, every second with the event."""
    return torch.from_numpy(np.stack(recordings(seed=seed))), torch.tensor([0.0, 1, 0, 1, 0, 1]).unsqueeze(1)


def train(network: nn.Module, examples: tuple[Tensor, Tensor], steps: int = 3, rule: Any = rmsprop) -> None:
    """As the paper's training does it, few steps long."""
    network.train()
    optimizer = rule([p for p in network.parameters() if p.requires_grad], 1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        recording_bce(network(examples[0]).recording, examples[1]).backward()
        optimizer.step()


def made(sources: dict[str, RecurrentTagger], name: str, **options: object) -> RecurrentTagger:
    generator = torch.Generator().manual_seed(1)
    return target_tagger(sources[SCHEMES[name].layer], name, **{"generator": generator, **options})


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two layers hold the same values, normalisation included, bit by bit."""
    values = other.state_dict()
    return all(torch.equal(value, values[name]) for name, value in one.state_dict().items())


# The table


def test_the_papers_schemes():
    """Diment 2017, section 2, Fig. 1 and Table 1."""
    rows = [(row.name, row.title, row.layer, row.lower, row.upper) for row in SCHEMES.values() if row.published]
    assert rows == [
        ("from scratch", "from scratch", "LSTM", ("new",), "new"),
        ("a", "pre-training of all layers", "LSTM", ("copied",), "copied"),
        ("b", "low-level pre-train and fix", "LSTM", ("frozen",), "new"),
        ("c", "parallel lower level layers", "LSTM", ("frozen", "new"), "new"),
    ]


def test_what_is_compared_with_them_differs_in_one_thing():
    def differing(one: str, other: str) -> set[str]:
        rows = vars(find_scheme(one)), vars(find_scheme(other))
        return {key for key in rows[0] if rows[0][key] != rows[1][key]} - {"name", "title", "published"}

    assert differing("b", "b, tuned") == {"upper"}
    assert differing("c", "c, from scratch") == {"lower"}
    assert (
        differing("d", "c") == differing("d, fixed", "b") == differing("d, from scratch", "from scratch") == {"layer"}
    )


def test_unknown_schemes_and_other_source_networks_are_refused(sources):
    with pytest.raises(ParameterError, match=r"unknown scheme 'e'(.|\n)*from scratch; a; b; c"):
        find_scheme("e")
    with pytest.raises(ParameterError, match="one LSTM"):
        target_tagger(sources["convolution"], "c")
    with pytest.raises(ParameterError, match="one LSTM"):
        target_tagger(made(sources, "c"), "b")


# Where layers begin


@pytest.mark.parametrize("name", SCHEMES)
def test_every_layer_begins_as_the_table_says(sources, name):
    row, target, source = SCHEMES[name], made(sources, name), sources[SCHEMES[name].layer]
    assert target.kinds == (row.layer,) * len(row.lower)
    for layer, start in zip(target.lower, row.lower, strict=True):
        assert same(layer, source.lower[0]) == (start != "new")
        assert any(p.requires_grad for p in layer.parameters()) == (start != "frozen")
    if len(row.lower) == 1:
        assert same(target.upper, source.upper) == same(target.output, source.output) == (row.upper == "copied")
    others = [p.requires_grad for n, p in target.named_parameters() if not n.startswith("lower") and "bias_hh" not in n]
    assert all(others)


@pytest.mark.parametrize("name", ["a", "b, tuned"])
def test_where_all_is_copied_the_target_begins_as_the_source(sources, name):
    x = batch()[0]
    found = made(sources, name, features=recordings(seed=2)).eval()(x)
    assert torch.equal(found.logits, sources["LSTM"].eval()(x).logits)


@pytest.mark.parametrize(("name", "kind"), [("c", "LSTM"), ("d", "convolution")])
def test_with_the_learning_branch_silenced_the_parallel_network_is_the_source(sources, name, kind):
    """The source's upper layers reading the frozen half, and nothing from the other."""
    target, source = made(sources, name).eval(), sources[kind].eval()
    target.output.load_state_dict(source.output.state_dict())
    with torch.no_grad():
        for mine, theirs in zip(target.upper.weights, source.upper.weights, strict=True):
            if mine.shape == theirs.shape:
                mine.copy_(theirs)
            else:
                mine.copy_(torch.cat([theirs, torch.zeros_like(theirs)], 1))
    x = batch()[0]
    torch.testing.assert_close(target(x).logits, source(x).logits)
    with torch.no_grad():
        target.upper.weights[0][:, H:] = 1.0
    assert not torch.allclose(target(x).logits, source(x).logits)


@pytest.mark.parametrize("name", SCHEMES)
def test_normalisation_comes_with_transferred_layers_and_new_ones_get_the_targets(sources, name):
    row, given = SCHEMES[name], recordings(seed=2)
    target = made(sources, name, features=iter(given))
    frames = np.concatenate(given)
    for layer, start in zip(target.lower, row.lower, strict=True):
        if start == "new":
            np.testing.assert_allclose(layer.mean, frames.mean(0), rtol=1e-4)
            np.testing.assert_allclose(layer.deviation, frames.std(0), rtol=1e-4)
        else:
            assert torch.equal(layer.mean, sources[row.layer].lower[0].mean)
            assert torch.equal(layer.deviation, sources[row.layer].lower[0].deviation)


def test_the_generator_draws_new_layers(sources):
    one, again, other = (made(sources, "c", generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert same(one, again)
    assert not same(one.lower[1], other.lower[1])
    assert not same(one.upper, other.upper)
    assert same(one.lower[0], other.lower[0])


# What training changes


@pytest.mark.parametrize("name", SCHEMES)
def test_frozen_layers_are_bit_equal_after_training_and_all_others_have_learned(sources, name):
    row, before = SCHEMES[name], {kind: copy.deepcopy(source) for kind, source in sources.items()}
    target = made(sources, name, features=recordings(seed=2))
    start = copy.deepcopy(target)
    train(target, batch(seed=2))
    for layer, began, how in zip(target.lower, start.lower, row.lower, strict=True):
        assert same(layer, began) == (how == "frozen")
        if how == "frozen":
            assert same(layer, sources[row.layer].lower[0])
        assert torch.equal(layer.mean, began.mean)
    assert not same(target.upper, start.upper)
    assert not same(target.output, start.output)
    assert all(same(source, before[kind]) for kind, source in sources.items())
    assert all(p.requires_grad for n, p in sources[row.layer].named_parameters() if "bias_hh" not in n)


def test_frozen_layers_leave_nothing_out_unless_asked_to(sources):
    x = batch()[0]
    for asked in (False, True):
        source = copy.deepcopy(sources["LSTM"])
        source.dropout = 0.5
        target = target_tagger(source, "c", frozen_dropout=asked)
        assert target.training
        assert torch.equal(target.lower[0](x), target.lower[0](x)) != asked
        assert not torch.equal(target.lower[1](x), target.lower[1](x))


# Frozen outputs, computed once


def frozen_schemes() -> list[str]:
    return [name for name, row in SCHEMES.items() if row.frozen]


@pytest.mark.parametrize("name", frozen_schemes())
def test_training_from_frozen_outputs_is_training_from_recordings(sources, name):
    """The same weights come out, and the tagger reads recordings as before."""
    x, y = batch(seed=2)
    whole, short = (made(sources, name, features=recordings(seed=2)) for _ in range(2))
    outputs = frozen_outputs(short, list(x.numpy()), batch_size=4)
    shape = (14, H) if len(SCHEMES[name].lower) == 1 else (14, H + F)
    assert {output.shape for output in outputs} == {shape}
    for network, given in ((whole, x), (FromFrozen(short), torch.from_numpy(np.stack(outputs)))):
        torch.manual_seed(0)
        # in proportion to gradients, so that rounding stays small; RMSprop's first steps are of one size
        train(network, (given, y), rule=lambda parameters, lr: torch.optim.SGD(parameters, lr=0.5))
    for one, other in zip(whole.parameters(), short.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(short.eval()(x).logits, whole.eval()(x).logits, rtol=1e-4, atol=1e-4)


def test_frozen_outputs_keep_the_order_of_recordings_of_any_lengths(sources):
    target = made(sources, "c")
    given = [recordings(1, n, seed=n)[0] for n in (9, 4, 9, 7)]
    for x, found in zip(given, frozen_outputs(target, given), strict=True):
        expected = sources["LSTM"].eval().lower[0](torch.from_numpy(x)[None])[0]
        np.testing.assert_allclose(found[:, :H], expected.detach().numpy(), rtol=1e-4, atol=1e-5)
        assert np.array_equal(found[:, H:], x)


def test_what_changes_from_epoch_to_epoch_is_not_computed_once(sources):
    for target in (made(sources, "a"), made(sources, "c", frozen_dropout=True)):
        with pytest.raises(ParameterError, match="in every epoch"):
            frozen_outputs(target, recordings())
