"""Training losses, (input, target)."""

from torch import Tensor
from torch.nn import functional


def recording_bce(input: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of recording-level probabilities, the mean over classes and recordings.

    Args:
        input: Class probabilities of each recording. Shape: ``(B, C)``.
        target: 1 where the class occurs. Shape: ``(B, C)``.

    Source: Kumar, Khadkevich, Fügen 2018, section 2.2.
    """
    return functional.binary_cross_entropy(input, target)
