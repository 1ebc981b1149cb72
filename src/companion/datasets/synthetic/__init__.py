"""A world of sounds made by physical recipes from a seed: events, weakly labelled mixtures and scenes.

It stands in for recorded corpora where none is at hand. Its labels are exact, its difficulty is known, and
nothing measured on it says anything about recorded sound.
"""

from companion.datasets.synthetic.catalogue import (
    CLASSES,
    RECIPES,
    SOURCE_CLASSES,
    SUPERCLASS_OF,
    SUPERCLASSES,
    TARGET_CLASSES,
)
from companion.datasets.synthetic.events import SyntheticEvents
from companion.datasets.synthetic.mixtures import SyntheticMixtures
from companion.datasets.synthetic.scenes import SCENES, SyntheticScenes

__all__ = [
    "CLASSES",
    "RECIPES",
    "SCENES",
    "SOURCE_CLASSES",
    "SUPERCLASSES",
    "SUPERCLASS_OF",
    "TARGET_CLASSES",
    "SyntheticEvents",
    "SyntheticMixtures",
    "SyntheticScenes",
]
