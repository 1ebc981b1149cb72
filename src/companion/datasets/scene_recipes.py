"""Fifteen written recipes of places: which events of ESC-50 are likely to be heard where, over which bed.

The scenes are named as the paper's; the recipes are this project's. Five places share each of three beds, and every
event belongs to three places or more, at rates that differ: neither the bed nor one event names a place. A bed is
noise with the mean long-term spectrum of recordings of several steady sounds, drawn anew for every clip. No sound of a
bed is an event of any recipe.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Bed:
    """The stationary noise of several places.

    Args:
        name: What the places have in common.
        sounds: Classes of ESC-50 whose long-term spectra are mixed in it.
        level_db: Lowest and highest root-mean-square level, dB relative to full scale.
    """

    name: str
    sounds: tuple[str, ...]
    level_db: tuple[float, float] = (-46.0, -36.0)


@dataclass(frozen=True)
class SceneRecipe:
    """A recipe for a place.

    Args:
        name: As in the rows of the paper's Table 3.
        bed: Its stationary noise.
        events: Probability that each class of event is heard at all in a clip.
    """

    name: str
    bed: Bed
    events: Mapping[str, float]


OUTDOORS = Bed("outdoors", ("crickets", "insects", "sea_waves", "wind"))
TRAFFIC = Bed("traffic", ("airplane", "engine", "helicopter", "train"))
INDOORS = Bed("indoors", ("crackling_fire", "rain", "vacuum_cleaner", "washing_machine"))

SCENES = (
    SceneRecipe("Beach", OUTDOORS, dict(
        laughing=0.7, dog=0.6, water_drops=0.5, crying_baby=0.4, crow=0.4, fireworks=0.3, footsteps=0.3,
        thunderstorm=0.2, pouring_water=0.15)),
    SceneRecipe("Bus", TRAFFIC, dict(
        coughing=0.7, laughing=0.5, crying_baby=0.4, sneezing=0.4, car_horn=0.3, door_wood_creaks=0.3, snoring=0.15)),
    SceneRecipe("Cafe", INDOORS, dict(
        drinking_sipping=0.85, pouring_water=0.7, laughing=0.6, can_opening=0.4, glass_breaking=0.4,
        keyboard_typing=0.2, toilet_flush=0.2, water_drops=0.2, clapping=0.15)),
    SceneRecipe("Car", TRAFFIC, dict(
        car_horn=0.7, siren=0.4, coughing=0.3, laughing=0.3, thunderstorm=0.3, clock_alarm=0.2)),
    SceneRecipe("City Center", OUTDOORS, dict(
        siren=0.8, car_horn=0.6, footsteps=0.6, church_bells=0.4, clapping=0.4, laughing=0.3, fireworks=0.2)),
    SceneRecipe("Forest Path", OUTDOORS, dict(
        chirping_birds=0.85, footsteps=0.7, crow=0.5, frog=0.5, dog=0.3, thunderstorm=0.2)),
    SceneRecipe("Grocery Store", INDOORS, dict(
        crying_baby=0.6, clock_alarm=0.5, footsteps=0.5, mouse_click=0.4, can_opening=0.3, coughing=0.3,
        glass_breaking=0.3)),
    SceneRecipe("Home", INDOORS, dict(
        clock_tick=0.6, cat=0.5, pouring_water=0.5, toilet_flush=0.5, water_drops=0.4, door_wood_knock=0.3,
        snoring=0.3, glass_breaking=0.15)),
    SceneRecipe("Library", INDOORS, dict(
        coughing=0.8, door_wood_creaks=0.6, sneezing=0.5, mouse_click=0.4, clock_tick=0.3, footsteps=0.3,
        keyboard_typing=0.3)),
    SceneRecipe("Metro Station", TRAFFIC, dict(
        footsteps=0.8, clock_alarm=0.4, coughing=0.4, clapping=0.3, laughing=0.3, siren=0.3)),
    SceneRecipe("Office", INDOORS, dict(
        keyboard_typing=0.85, mouse_click=0.7, door_wood_knock=0.5, drinking_sipping=0.4, clock_alarm=0.3,
        clock_tick=0.2, sneezing=0.2, pouring_water=0.15)),
    SceneRecipe("Park", OUTDOORS, dict(
        dog=0.75, laughing=0.6, chirping_birds=0.5, clapping=0.3, crying_baby=0.3, footsteps=0.3, frog=0.2, cat=0.1,
        fireworks=0.1)),
    SceneRecipe("Residential Area", OUTDOORS, dict(
        church_bells=0.5, dog=0.5, car_horn=0.4, cat=0.4, chirping_birds=0.3, crow=0.3, door_wood_knock=0.2, siren=0.2,
        frog=0.1)),
    SceneRecipe("Train", TRAFFIC, dict(
        can_opening=0.5, keyboard_typing=0.5, snoring=0.5, door_wood_creaks=0.4, coughing=0.3, sneezing=0.3,
        drinking_sipping=0.2, toilet_flush=0.2)),
    SceneRecipe("Tram", TRAFFIC, dict(
        car_horn=0.5, church_bells=0.5, coughing=0.5, footsteps=0.4, mouse_click=0.3, clock_alarm=0.2,
        crying_baby=0.2)),
)  # fmt: skip
"""In alphabetical order, by the names of the paper's Table 3.

Source: Kumar et al. 2018, Table 3 (names only).
"""

EVENT_CLASSES: tuple[str, ...] = tuple(sorted({event for scene in SCENES for event in scene.events}))
"""Classes of ESC-50 that are heard as events in some scene."""

BED_CLASSES: tuple[str, ...] = tuple(sorted({sound for scene in SCENES for sound in scene.bed.sounds}))
"""Classes of ESC-50 whose spectra beds are made of."""
