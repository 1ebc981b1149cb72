"""The schemes of transfer between recurrent taggers as rows of a table."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from companion.errors import ParameterError
from companion.models.recurrent import RecurrentTagger

Start = Literal["new", "copied", "frozen"]
"""How a layer begins: with weights drawn anew, or with the source network's, which then learn on or never change."""


@dataclass(frozen=True)
class Scheme:
    """One way of making a tagger for the target task out of one for the source task.

    Args:
        name: What it is called by.
        title: The paper's name for it, or ours.
        lower: How each lower layer begins; two stand side by side.
        upper: How the second layer and the output neuron begin.
        layer: Kind of the lower layers, in the source network too.
        published: Whether it is the paper's.
    """

    name: str
    title: str
    lower: tuple[Start, ...]
    upper: Literal["new", "copied"] = "new"
    layer: Literal["LSTM", "convolution"] = "LSTM"
    published: bool = False

    @property
    def frozen(self) -> tuple[int, ...]:
        """Numbers of the lower layers that never change."""
        return tuple(i for i, start in enumerate(self.lower) if start == "frozen")

    @property
    def transfers(self) -> bool:
        """Whether anything of the source network is in it."""
        return any(start != "new" for start in (*self.lower, self.upper))


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("from scratch", "from scratch", ("new",), published=True),
        Scheme("a", "pre-training of all layers", ("copied",), "copied", published=True),
        Scheme("b", "low-level pre-train and fix", ("frozen",), published=True),
        Scheme("c", "parallel lower level layers", ("frozen", "new"), published=True),
        Scheme("b, tuned", "low-level fix, the rest tuned from the source", ("frozen",), "copied"),
        Scheme("c, from scratch", "parallel layers without transfer", ("new", "new")),
        Scheme("d, from scratch", "convolution without transfer", ("new",), layer="convolution"),
        Scheme("d, fixed", "convolution pre-trained and fixed", ("frozen",), layer="convolution"),
        Scheme("d", "parallel convolutions", ("frozen", "new"), layer="convolution"),
    )
}
"""Diment, Virtanen 2017, section 2 and Fig. 1, and what they leave to be compared.

In (b) the figure copies the first layer into another network, while the text has "the rest" of the same network
retrained: the second reading is ``b, tuned``. ``c, from scratch`` has (c)'s size and nothing of the source. The rows
of (d) follow the suggestion, in section 4, of a convolutional lower layer. An untrained source network gives the
control of (b) and (c) in which the frozen layer has learned nothing.
"""


def find_scheme(scheme: Scheme | str) -> Scheme:
    """A row of ``SCHEMES`` by its name; a row is itself.

    >>> find_scheme("c").lower
    ('frozen', 'new')
    """
    if isinstance(scheme, Scheme):
        return scheme
    if scheme not in SCHEMES:
        raise ParameterError(f"unknown scheme {scheme!r}", expected=f"one of {'; '.join(SCHEMES)}")
    return SCHEMES[scheme]


def target_tagger(
    source: RecurrentTagger,
    scheme: Scheme | str,
    *,
    features: Iterable[NDArray[np.float32]] | None = None,
    frozen_dropout: bool = False,
    generator: torch.Generator | None = None,
) -> RecurrentTagger:
    """Make the network that the target task is learned with.

    A layer of the source network brings its normalisation with it; a new lower layer gets that of ``features``.

    Args:
        source: Tagger of the source task with one lower layer of the scheme's kind; it is left as it is. Where
            nothing is transferred, only its sizes matter.
        scheme: A row of ``SCHEMES``, or its name.
        features: Training data of the target task that new lower layers are standardised with; None for no
            normalisation of theirs. Shape: ``(T, F)`` each.
        frozen_dropout: Frozen layers leave inputs out in training; see ``RecurrentTagger.freeze``.
        generator: Draws the weights of new layers.

    Returns:
        In training mode.

    Raises:
        ParameterError: The source network has other lower layers.

    Source:
        Diment, Virtanen 2017, section 2.
    """
    row = find_scheme(scheme)
    if source.kinds != (row.layer,):
        raise ParameterError(
            f"scheme {row.name} with a source network of lower layers {source.kinds}", expected=f"one {row.layer}"
        )
    sizes = {**source.architecture, "lower": [row.layer] * len(row.lower)}
    target = RecurrentTagger(**sizes, generator=generator).to(source.output.weight.device)
    given = None if features is None else list(features)
    for layer, start in zip(target.lower, row.lower, strict=True):
        if start != "new":
            layer.load_state_dict(source.lower[0].state_dict())
        elif given is not None:
            layer.standardise(given)  # type: ignore[operator]  # a LowerLayer
    if row.upper == "copied":
        target.upper.load_state_dict(source.upper.state_dict())
        target.output.load_state_dict(source.output.state_dict())
    return target.freeze(row.frozen, dropout=frozen_dropout).train()
