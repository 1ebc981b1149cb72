"""Outputs of frozen lower layers, computed once for all epochs."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from companion.errors import ParameterError
from companion.models.recurrent import RecurrentTagger, TaggerOutput


class FromFrozen(nn.Module):
    """A tagger that reads what ``frozen_outputs`` made of recordings, in place of the recordings.

    Training it trains the tagger itself, whose other layers it uses; the tagger then reads recordings as before.

    Args:
        network: A tagger with frozen lower layers.

    Raises:
        ParameterError: Nothing is frozen, or frozen layers leave inputs out, so that no two epochs are alike.
    """

    def __init__(self, network: RecurrentTagger) -> None:
        super().__init__()
        if not network.frozen or network.frozen_dropout:
            problem = "without frozen layers" if not network.frozen else "whose frozen layers have dropout"
            raise ParameterError(f"a tagger {problem}", expected="lower layers that put out the same in every epoch")
        self.network = network

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> TaggerOutput:
        """Tag a batch.

        Args:
            x: Outputs of the frozen lower layers and, where others learn, the features. Shape: ``(B, T, D)``.
            lengths: As in ``RecurrentTagger``.
        """
        B, T, D = x.shape
        network = self.network
        known, learning = split(network)
        if not learning:
            return network.head(x, lengths)
        frozen, features = x.split([network.units * len(known), network.n_features], -1)
        outputs = dict(zip(known, frozen.split(network.units, -1), strict=True))
        outputs |= {i: network.lower_outputs(features, lengths, [i]) for i in learning}
        return network.head(torch.cat([outputs[i] for i in sorted(outputs)], -1), lengths)


def split(network: RecurrentTagger) -> tuple[list[int], list[int]]:
    """Numbers of the lower layers that are frozen, and of those that learn."""
    known = sorted(network.frozen)
    return known, [i for i in range(len(network.lower)) if i not in network.frozen]


@torch.no_grad()
def frozen_outputs(
    network: RecurrentTagger, features: Sequence[NDArray[np.float32]], *, batch_size: int = 32
) -> list[NDArray[np.float32]]:
    """What a tagger's frozen lower layers make of each recording, where the network is.

    A recording of 30 s takes a megabyte for each frozen layer of 100 units.

    Args:
        network: A tagger with frozen lower layers.
        features: Shape: ``(T, F)`` each.
        batch_size: Recordings at a time, at most; only those of one length meet.

    Returns:
        Outputs of the frozen layers side by side and, where other lower layers learn, the features after them.
        Shape: ``(T, H times the number of frozen layers)``, or F more.
    """
    known, learning = split(FromFrozen(network).network)
    lengths = np.array([len(feature) for feature in features])
    found: dict[int, NDArray[np.float32]] = {}
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        for start in range(0, len(members), batch_size):
            indices = members[start : start + batch_size]
            x = torch.from_numpy(np.stack([features[i] for i in indices])).to(network.output.weight.device)
            frozen = network.lower_outputs(x, layers=known)
            outputs = torch.cat([frozen, x], -1) if learning else frozen
            found.update(zip(indices.tolist(), outputs.cpu().numpy(), strict=True))
    return [found[i] for i in range(len(features))]
