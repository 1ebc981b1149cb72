"""Truths of Fig. 1: what each network is made of, where its layers begin, and which of them learn."""

import copy

import pytest
import torch

from companion.papers.diment2017 import schemes
from companion.papers.diment2017.learning import tagger_of
from companion.transfer.schemes import SCHEMES
from papers.diment2017.tiny import UNITS, equal

PUBLISHED = ("from scratch", "a", "b", "c")
F, H = 20, 100
LOWER, UPPER, WIDE, OUTPUT = 4 * H * (F + H + 1), 4 * H * (H + H + 1), 4 * H * (2 * H + H + 1), H + 1
"""Parameters of Keras' layers by hand: four gates, each with weights of its inputs, of all units, and a bias."""


def differ(one, other) -> bool:
    """Whether every matrix of weights of two layers differs."""
    values = dict(other.named_parameters())
    return all(not torch.equal(value, values[name]) for name, value in one.named_parameters() if value.ndim == 2)


def test_figure_1(trained, sources):
    """(a) copies all and all learns; (b) copies the first layer and freezes it; (c) sets a new one beside it."""
    source, other = (tagger_of(kept) for kept in sources)
    scratch, a, b, c = (trained.target(scheme, sources[0]) for scheme in PUBLISHED)
    for made, n_lower in ((scratch, 1), (a, 1), (b, 1), (c, 2)):
        shapes = [tuple(w.shape) for layer in made.network.lower for w in layer.layer.weights[:2]]
        assert shapes == [(4 * UNITS, F), (4 * UNITS, UNITS)] * n_lower
        assert made.network.upper.weights[0].shape == (4 * UNITS, n_lower * UNITS)
        assert made.network.output.weight.shape == (1, UNITS)

    assert equal(a.first, source)
    assert not equal(a.first, other)
    for made in (b, c):
        for when in (made.first, made.network):
            assert equal(when.lower[0], source.lower[0]), "frozen: the source's before training and after"
    assert equal(c.network.lower[0], b.network.lower[0])
    for new in (scratch.first.lower[0], c.first.lower[1]):
        assert differ(new, source.lower[0])
    for made in (scratch, b):
        assert differ(made.first.upper, source.upper)
    for made in (scratch, b, c):
        assert differ(made.first.output, source.output)

    for made, learning in ((scratch, [0]), (a, [0]), (b, []), (c, [1])):
        for layer in learning:
            assert differ(made.network.lower[layer], made.first.lower[layer])
        assert differ(made.network.upper, made.first.upper)
        assert differ(made.network.output, made.first.output)
    reads_both_side_by_side(c.network)


def reads_both_side_by_side(network) -> None:
    """Where the upper layer's inputs from one lower layer are zero, that layer says nothing, and the other all."""
    x = torch.randn(3, 12, F, generator=torch.Generator().manual_seed(0))

    def said(silenced=None, disturbed=None):
        made = copy.deepcopy(network).eval()
        with torch.no_grad():
            if silenced is not None:
                made.upper.weights[0][:, silenced * UNITS : (silenced + 1) * UNITS] = 0
            if disturbed is not None:
                made.lower[disturbed].layer.weights[0].add_(1.0)
            return made(x).logits

    for layer in (0, 1):
        assert not torch.equal(said(), said(disturbed=layer))
        assert torch.equal(said(layer), said(layer, disturbed=layer))
        assert not torch.equal(said(layer), said(layer, disturbed=1 - layer))


@pytest.fixture(scope="module")
def found():
    return schemes.compute(schemes.experiment.task("demo")[0])


def test_parameters_are_those_of_keras_layers(found):
    assert (LOWER, UPPER, WIDE, OUTPUT) == (48_400, 80_400, 120_400, 101)
    counts = {(line["row"], line["column"]): line["value"] for line in found.rows.lines if line["item"] == "Parameters"}
    for name, frozen, learns in (
        ("from scratch", 0, LOWER + UPPER + OUTPUT),
        ("a", 0, LOWER + UPPER + OUTPUT),
        ("b", LOWER, UPPER + OUTPUT),
        ("c", LOWER, LOWER + WIDE + OUTPUT),
    ):
        assert (counts[name, "frozen"], counts[name, "learns"]) == (frozen, learns), name
    assert len(counts) == 2 * len(SCHEMES)


def test_the_table_of_layers_is_fig_1_from_the_input_up(found):
    layers = found.tables["layers"].set_index("scheme")
    kinds = {name: [tuple(row) for row in layers.loc[name, ["level", "layer", "start", "reads"]].to_numpy()]
             for name in PUBLISHED}  # fmt: skip
    above = lambda reads, start="new": [("upper", "LSTM", start, reads), ("output", "sigmoid", start, H)]  # noqa: E731
    assert kinds == {
        "from scratch": [("lower", "LSTM", "new", F), *above(H)],
        "a": [("lower", "LSTM", "copied", F), *above(H, "copied")],
        "b": [("lower", "LSTM", "frozen", F), *above(H)],
        "c": [("lower", "LSTM", "frozen", F), ("lower", "LSTM", "new", F), *above(2 * H)],
    }
    assert (layers["learns"] == (layers["start"] != "frozen")).all()
    one = layers.loc["c"].set_index(["level", "start"])["parameters"]
    assert one.loc["lower"].to_dict() == {"frozen": LOWER, "new": LOWER}


def test_the_table_says_what_training_does(trained, sources, found):
    """Layers of which the table says that they learn are others after training, and only those."""
    layers, layers_of = found.tables["layers"], lambda network: [*network.lower, network.upper, network.output]
    known = {"LSTM": sources[0], "convolution": trained.source(layer="convolution").kept}
    for name, scheme in SCHEMES.items():
        made = trained.target(name, known[scheme.layer])
        table = layers[layers["scheme"] == name]
        for row, before, after in zip(table.itertuples(), layers_of(made.first), layers_of(made.network), strict=True):
            assert equal(before, after) != row.learns, row
