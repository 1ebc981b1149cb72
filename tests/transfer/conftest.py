"""A small N_S and recordings of a two-class task, for the tests of adaptation."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from companion.models.weak_cnn import WeakCNN

LENGTHS = (128, 431, 300, 431, 192, 300)


@pytest.fixture(scope="session")
def network() -> WeakCNN:
    """A narrow N_S with seven source classes, whose batch normalisation has seen something."""
    torch.manual_seed(0)
    network = WeakCNN(7, width=0.125)
    for _ in range(3):
        network(15 * torch.randn(4, 256, 128) - 40)
    return network.eval()


@pytest.fixture(scope="session")
def features() -> list[NDArray[np.float32]]:
    """Log-mels of different lengths. Shape: ``(T, 128)`` each."""
    rng = np.random.default_rng(0)
    return [rng.normal(-40, 15, (length, 128)).astype(np.float32) for length in LENGTHS]
