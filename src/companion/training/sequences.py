"""Recordings with sequences of tokens as training examples, and how many tokens a network gets wrong."""

from collections.abc import Sequence

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from companion.errors import DataError, ParameterError
from companion.evaluation.boundaries import Tokens, best_path, excerpt
from companion.losses.ctc import sequence_nll


class Sequences:
    """Training examples: frames of recordings in, tokens with their frames out.

    Recordings are cut into pieces of one length, one after the other. What is left at the end is a piece, too, if it
    is long enough to be worth a step; then it shares batches with pieces of its length only, so nothing is padded.

    Args:
        features: Feature of each recording. Shape: ``(T, F)`` each.
        tokens: Token and frame of each boundary of the recording. Shape: ``(L, 2)`` each.
        length: Frames of a piece; None for whole recordings.
        shortest: Frames that a last piece must have; recordings shorter than that are kept whole.
        names: Recordings as an error names them.

    Raises:
        DataError: Features and tokens do not belong together, or nothing is left to learn from.
        ParameterError: A length without frames.

    Source: Wang, Metze 2017, section 3.2 (sequences of 500 frames; what becomes of the ends is open).
    """

    def __init__(
        self,
        features: Sequence[NDArray[np.float32]],
        tokens: Sequence[Tokens],
        length: int | None = 500,
        *,
        shortest: int = 20,
        names: Sequence[str] | None = None,
    ) -> None:
        if len(features) != len(tokens) or not len(features):
            raise DataError(
                f"features of {len(features)} recordings and tokens of {len(tokens)}",
                expected="one recording or more, and as many of each",
            )
        if (length is not None and length < 1) or shortest < 1:
            raise ParameterError(f"pieces of {length} frames, {shortest} at least", expected="1 or more")
        self.names = [str(number) for number in range(len(features))] if names is None else list(names)
        self.features, self.tokens = features, tokens
        self.pieces = [
            (number, start, min(start + (length or len(frames)), len(frames)))
            for number, frames in enumerate(features)
            for start in range(0, len(frames), length or max(1, len(frames)))
            if start == 0 or len(frames) - start >= shortest
        ]
        self.lengths = [stop - start for _, start, stop in self.pieces]

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Frames, and tokens with their frames padded by zeros. Shape: ``(B, T, F)`` and ``(B, L, 2)``."""
        chosen = [self.pieces[int(i)] for i in indices]
        x = np.stack([self.features[number][start:stop] for number, start, stop in chosen])
        said = [excerpt(self.tokens[number], start, stop - start) for number, start, stop in chosen]
        target = np.zeros((len(said), max(map(len, said)), 2), dtype=np.int64)
        for row, tokens in zip(target, said, strict=True):
            row[: len(tokens)] = tokens
        return torch.from_numpy(x), torch.from_numpy(target)

    def check(self, n_tokens: int, tolerance: int | None) -> None:
        """Every piece can say its tokens.

        Args:
            n_tokens: Size of the vocabulary.
            tolerance: As for the loss.

        Raises:
            DataError: One cannot; names it.
        """
        for index, (number, start, _) in enumerate(self.pieces):
            x, target = self.batch(np.array([index]))
            level = torch.zeros(*x.shape[:2], n_tokens).log_softmax(-1)
            sequence_nll(level, target, tolerance=tolerance, names=[f"{self.names[number]} from frame {start} on"])


class FrameLabels:
    """The same pieces as training examples with a label for every frame.

    Args:
        sequences: Pieces of recordings.
        labels: 1 where a class sounds in a frame of a recording. Shape: ``(T, n)`` each.

    Raises:
        DataError: Labels and frames do not belong together.
    """

    def __init__(self, sequences: Sequences, labels: Sequence[NDArray[np.float32]]) -> None:
        if [len(one) for one in labels] != [len(one) for one in sequences.features]:
            raise DataError("labels of other frames than there are", expected="one for every frame of every recording")
        self.sequences, self.labels, self.lengths = sequences, labels, sequences.lengths

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Shape: ``(B, T, F)`` and ``(B, T, n)``."""
        chosen = [self.sequences.pieces[int(i)] for i in indices]
        y = np.stack([self.labels[number][start:stop] for number, start, stop in chosen])
        return self.sequences.batch(indices)[0], torch.from_numpy(y)


@torch.inference_mode()
def outputs_of(
    network: nn.Module, features: Sequence[NDArray[np.float32]], fabric: Fabric, *, batch_size: int = 30
) -> list[NDArray[np.float32]]:
    """What a network says in every frame of whole recordings.

    Recordings of one length share a batch, so nothing is padded: what is heard beside a recording cannot matter. A
    recurrent network on a CPU takes hardly longer for thirty of them than for one.

    Args:
        network: From ``(B, T, F)`` to ``(B, T, V)``; in evaluation mode on the device of ``fabric``.
        features: Feature of each recording. Shape: ``(T, F)`` each.
        fabric: Device and precision.
        batch_size: Recordings at a time, at most.

    Returns:
        Shape: ``(T, V)`` each, in the order of the recordings.
    """
    lengths = np.array([len(frames) for frames in features])
    found: dict[int, NDArray[np.float32]] = {}
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        for indices in np.array_split(members, -(-len(members) // batch_size)):
            x = torch.from_numpy(np.stack([features[i] for i in indices]))
            with fabric.autocast():
                said = network(fabric.to_device(x)).float().cpu().numpy()
            found.update(zip(indices.tolist(), said, strict=True))
    return [found[i] for i in range(len(features))]


def decode(network: nn.Module, features: Sequence[NDArray[np.float32]], fabric: Fabric) -> list[Tokens]:
    """Best paths of whole recordings. Args: as for `outputs_of`, whose outputs are log-probabilities of tokens.

    Returns:
        Token and frame of each boundary. Shape: ``(L, 2)`` each.
    """
    return [best_path(outputs) for outputs in outputs_of(network, features, fabric)]
