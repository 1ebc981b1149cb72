"""The map of a target task: Fig. 2, left, and who is whose neighbour in the space that it pictures."""

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances

from companion.experiments.stages.cells import network_trunks
from companion.experiments.stages.comparisons import Key
from companion.experiments.stages.target import Target
from companion.models.weak_cnn import WeakCNN
from companion.projection import project
from companion.representations import represent


def embed(network: WeakCNN, target: Target, seed: int, device: torch.device) -> tuple[pd.DataFrame, float]:
    """Lay the clips out by t-SNE of F1 max, as the paper's Fig. 2.

    Returns:
        One row a clip (clip, recording, label, superclass, x, y), and the picture's trustworthiness.
    """
    x = represent(network, network_trunks(network, target, device)).f1_max
    projection = project(x, seed=seed)
    labels = [str(clip.label) for clip in target.dataset.clips]
    table = pd.DataFrame(
        {
            "clip": [clip.id for clip in target.dataset.clips],
            "recording": target.recordings,
            "label": labels,
            "superclass": [target.dataset.superclass_of[label] for label in labels],
            "x": projection.coordinates[:, 0].round(4),
            "y": projection.coordinates[:, 1].round(4),
        }
    )
    return table, float(projection.trustworthiness)


def neighbours(network: WeakCNN, target: Target, device: torch.device) -> dict[Key, NDArray[np.bool_]]:
    """Is each clip's nearest neighbour from another recording of its class, of its group? Shape: ``(1, N)`` each.

    Euclidean distance in F1 max of the network, and in the standardised log-mel statistics for comparison.
    """
    statistics = target.statistics()
    spaces = {
        "N_S F1 max": represent(network, network_trunks(network, target, device)).f1_max,
        "log-mel statistics": (statistics - statistics.mean(0)) / statistics.std(0),
    }
    groups = np.array([target.dataset.superclass_of[str(clip.label)] for clip in target.dataset.clips])
    found = {}
    for row, x in spaces.items():
        distance = pairwise_distances(x)
        distance[target.recordings[:, None] == target.recordings] = np.inf
        nearest = distance.argmin(1)
        found[Key("neighbours", row, "same class", "")] = (target.labels[nearest] == target.labels)[None]
        found[Key("neighbours", row, "same group", "")] = (groups[nearest] == groups)[None]
    return found
