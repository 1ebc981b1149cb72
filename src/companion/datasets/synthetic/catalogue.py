"""The classes of the synthetic world, and which of them are source and which are target."""

from companion.datasets.synthetic.alarms import ALARMS
from companion.datasets.synthetic.calls import CALLS
from companion.datasets.synthetic.flows import FLOWS
from companion.datasets.synthetic.machines import MACHINES
from companion.datasets.synthetic.recipe import SoundClass
from companion.datasets.synthetic.struck import STRUCK

RECIPES: dict[str, SoundClass] = {recipe.name: recipe for recipe in STRUCK + FLOWS + CALLS + MACHINES + ALARMS}
"""Every recipe by the name of its class; six in each of five superclasses."""

CLASSES: tuple[str, ...] = tuple(RECIPES)
SUPERCLASSES: tuple[str, ...] = tuple(dict.fromkeys(recipe.superclass for recipe in RECIPES.values()))
SUPERCLASS_OF: dict[str, str] = {name: recipe.superclass for name, recipe in RECIPES.items()}

TARGET_CLASSES: tuple[str, ...] = (
    "knocking", "bouncing_ball",
    "wind", "surf",
    "rising_chirp", "falling_chirp",
    "clock", "typewriter",
    "wail", "yelp",
)  # fmt: skip
"""Two of each superclass, alike in spectrum and told apart by their course in time."""

SOURCE_CLASSES: tuple[str, ...] = tuple(name for name in CLASSES if name not in TARGET_CLASSES)
"""The other four of each superclass."""
