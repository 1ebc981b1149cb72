"""Fifteen written recipes of places: which events of ESC-50 are likely to be heard where, over which bed.

The scenes are the paper's; the recipes are this project's. Every event belongs to three places or more, at rates
of its own in each, and three places share a bed: neither one event nor the bed's spectrum names a place.
"""

from collections.abc import Mapping
from dataclasses import dataclass

INDOOR, OUTDOOR, VEHICLE = "indoor", "outdoor", "vehicle"


@dataclass(frozen=True)
class Bed:
    """The stationary noise of several places.

    Args:
        name: What the places have in common.
        sounds: Classes of ESC-50 whose long-term spectra it is made of.
        level_db: Lowest and highest root-mean-square level, dB relative to full scale.
    """

    name: str
    sounds: tuple[str, ...]
    level_db: tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """A recipe for a place.

    Args:
        name: As in the rows of the paper's Table 3.
        group: Indoor, outdoor or vehicle.
        bed: Its stationary noise.
        events: Probability that each class of event is heard at all in a clip.
    """

    name: str
    group: str
    bed: Bed
    events: Mapping[str, float]


OPEN_AIR = Bed("open air", ("wind", "sea_waves"), (-50.0, -32.0))
STREET = Bed("street", ("engine", "airplane", "wind"), (-46.0, -28.0))
CABIN = Bed("cabin", ("engine", "train", "washing_machine"), (-44.0, -26.0))
HALL = Bed("hall", ("clapping", "washing_machine", "train"), (-46.0, -28.0))
ROOM = Bed("room", ("vacuum_cleaner", "washing_machine"), (-52.0, -34.0))

SCENES = (
    Scene("Beach", OUTDOOR, OPEN_AIR, dict(
        sea_waves=0.85, wind=0.5, laughing=0.3, dog=0.3, crying_baby=0.25, crow=0.2, airplane=0.15,
        helicopter=0.1)),
    Scene("Bus", VEHICLE, CABIN, dict(
        engine=0.7, coughing=0.4, laughing=0.35, sneezing=0.3, crying_baby=0.3, car_horn=0.25, door_wood_creaks=0.2,
        rain=0.15)),
    Scene("Cafe", INDOOR, HALL, dict(
        drinking_sipping=0.6, laughing=0.6, pouring_water=0.5, can_opening=0.3, coughing=0.25, glass_breaking=0.25,
        footsteps=0.2, keyboard_typing=0.15)),
    Scene("Car", VEHICLE, CABIN, dict(
        engine=0.8, rain=0.45, car_horn=0.4, siren=0.25, sneezing=0.15, clock_alarm=0.1, coughing=0.1)),
    Scene("City Center", OUTDOOR, STREET, dict(
        siren=0.55, car_horn=0.5, footsteps=0.5, engine=0.4, church_bells=0.3, laughing=0.25, clapping=0.2,
        helicopter=0.2)),
    Scene("Forest Path", OUTDOOR, OPEN_AIR, dict(
        chirping_birds=0.75, footsteps=0.55, insects=0.5, wind=0.4, crow=0.35, rain=0.2, dog=0.1)),
    Scene("Grocery Store", INDOOR, HALL, dict(
        footsteps=0.6, clock_alarm=0.45, crying_baby=0.4, can_opening=0.25, coughing=0.2, glass_breaking=0.15,
        laughing=0.15)),
    Scene("Home", INDOOR, ROOM, dict(
        clock_tick=0.5, pouring_water=0.45, drinking_sipping=0.35, door_wood_creaks=0.3, dog=0.25, can_opening=0.2,
        crying_baby=0.2, glass_breaking=0.2, door_wood_knock=0.15)),
    Scene("Library", INDOOR, ROOM, dict(
        coughing=0.5, footsteps=0.4, clock_tick=0.4, door_wood_creaks=0.4, keyboard_typing=0.35, sneezing=0.35,
        door_wood_knock=0.1)),
    Scene("Metro Station", INDOOR, HALL, dict(
        train=0.75, footsteps=0.65, clock_alarm=0.3, laughing=0.2, coughing=0.15, clapping=0.15, siren=0.1)),
    Scene("Office", INDOOR, ROOM, dict(
        keyboard_typing=0.8, door_wood_knock=0.45, clock_alarm=0.35, clock_tick=0.25, footsteps=0.25, sneezing=0.2,
        drinking_sipping=0.2, pouring_water=0.15)),
    Scene("Park", OUTDOOR, OPEN_AIR, dict(
        chirping_birds=0.55, dog=0.45, laughing=0.4, insects=0.3, footsteps=0.3, wind=0.2, sea_waves=0.15,
        crow=0.15, clapping=0.1)),
    Scene("Residential Area", OUTDOOR, STREET, dict(
        dog=0.5, chirping_birds=0.4, church_bells=0.4, engine=0.35, airplane=0.35, car_horn=0.2, siren=0.15,
        insects=0.15, helicopter=0.15, sea_waves=0.1)),
    Scene("Train", VEHICLE, CABIN, dict(
        train=0.6, coughing=0.3, door_wood_creaks=0.25, sneezing=0.25, can_opening=0.15, keyboard_typing=0.2,
        drinking_sipping=0.15)),
    Scene("Tram", VEHICLE, STREET, dict(
        train=0.45, car_horn=0.35, coughing=0.35, rain=0.3, church_bells=0.2, airplane=0.1, footsteps=0.1)),
)  # fmt: skip
"""In alphabetical order, by the names of the paper's Table 3.

Source: Kumar et al. 2018, Table 3 (names only).
"""

EVENT_CLASSES: tuple[str, ...] = tuple(sorted({event for scene in SCENES for event in scene.events}))
"""Classes of ESC-50 that are heard in some scene."""
