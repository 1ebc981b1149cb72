"""The synthetic world in tables: its classes and scenes, and the ranges that voices are drawn from."""

import pandas as pd

from companion.datasets.synthetic.catalogue import RECIPES, TARGET_CLASSES
from companion.datasets.synthetic.scenes import SCENES


def class_table() -> pd.DataFrame:
    """The classes of the synthetic world: recipes in words, and the ranges that voices are drawn from."""
    rows = [
        {
            "superclass": recipe.superclass,
            "class": recipe.name,
            "task": "target" if recipe.name in TARGET_CLASSES else "source",
            "recipe": recipe.words,
            "pitch, Hz": _range(recipe.pitch),
            "rate, 1/s": _range(recipe.rate),
            "length, s": _range(recipe.length),
        }
        for recipe in RECIPES.values()
    ]
    return pd.DataFrame(rows)


def scene_table() -> pd.DataFrame:
    """The scenes of the synthetic world: how likely each event is heard, and the slope of the background."""
    rows = [
        {
            "scene": scene.name,
            "events heard": ", ".join(f"{name} {probability:.0%}" for name, probability in scene.events.items()),
            "background, dB per octave": _range(scene.tilt),
        }
        for scene in SCENES
    ]
    return pd.DataFrame(rows)


def _range(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}".replace("-", "−")
