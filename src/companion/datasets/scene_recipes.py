"""Fifteen written recipes of places: which events of ESC-50 are likely to be heard where, over which bed.

The scenes are the paper's; the recipes are this project's. Every event belongs to three places or more, at rates
of its own in each, and two or three places share a bed: neither one event nor the bed's spectrum names a place.
Beds are noise with the long-term spectrum of a class whose recordings are alike in it; what that class is does not
matter (the hiss of a room is that of fires).
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


OPEN_AIR = Bed("open air", ("insects",), (-46.0, -36.0))
ROAR = Bed("distant roar", ("airplane",), (-45.0, -35.0))
CABIN = Bed("rumble", ("wind",), (-42.0, -32.0))
RAILS = Bed("rolling", ("washing_machine",), (-43.0, -33.0))
HALL = Bed("hall", ("clapping",), (-44.0, -34.0))
ROOM = Bed("hiss of a room", ("crackling_fire",), (-50.0, -40.0))

SCENES = (
    Scene("Beach", OUTDOOR, ROAR, dict(
        sea_waves=0.95, wind=0.6, laughing=0.25, crying_baby=0.2, crow=0.15, helicopter=0.1, airplane=0.1)),
    Scene("Bus", VEHICLE, CABIN, dict(
        engine=0.8, coughing=0.6, laughing=0.5, sneezing=0.4, crying_baby=0.3, door_wood_creaks=0.2, rain=0.1)),
    Scene("Cafe", INDOOR, HALL, dict(
        drinking_sipping=0.85, pouring_water=0.8, laughing=0.6, can_opening=0.5, glass_breaking=0.4, coughing=0.1)),
    Scene("Car", VEHICLE, CABIN, dict(
        rain=0.8, car_horn=0.7, engine=0.6, siren=0.2, clock_alarm=0.1, sneezing=0.1)),
    Scene("City Center", OUTDOOR, ROAR, dict(
        siren=0.85, car_horn=0.6, footsteps=0.5, engine=0.4, clapping=0.2, helicopter=0.2, laughing=0.15)),
    Scene("Forest Path", OUTDOOR, OPEN_AIR, dict(
        chirping_birds=0.85, footsteps=0.75, insects=0.7, crow=0.3, wind=0.3, rain=0.2)),
    Scene("Grocery Store", INDOOR, HALL, dict(
        clock_alarm=0.8, crying_baby=0.7, footsteps=0.4, can_opening=0.3, coughing=0.2, glass_breaking=0.1)),
    Scene("Home", INDOOR, ROOM, dict(
        clock_tick=0.8, pouring_water=0.6, door_wood_creaks=0.4, drinking_sipping=0.4, dog=0.3, can_opening=0.2,
        glass_breaking=0.2, crying_baby=0.15)),
    Scene("Library", INDOOR, ROOM, dict(
        coughing=0.8, door_wood_creaks=0.8, sneezing=0.6, clock_tick=0.3, footsteps=0.3, keyboard_typing=0.2,
        door_wood_knock=0.15)),
    Scene("Metro Station", INDOOR, RAILS, dict(
        train=0.95, footsteps=0.6, clapping=0.3, clock_alarm=0.3, siren=0.15, laughing=0.1)),
    Scene("Office", INDOOR, ROOM, dict(
        keyboard_typing=0.95, door_wood_knock=0.6, clock_alarm=0.4, drinking_sipping=0.2, sneezing=0.2, clock_tick=0.15,
        pouring_water=0.1)),
    Scene("Park", OUTDOOR, OPEN_AIR, dict(
        dog=0.8, laughing=0.7, chirping_birds=0.5, insects=0.3, clapping=0.15, wind=0.15, sea_waves=0.1,
        footsteps=0.1)),
    Scene("Residential Area", OUTDOOR, ROAR, dict(
        dog=0.7, church_bells=0.6, crow=0.5, airplane=0.5, chirping_birds=0.3, helicopter=0.3, engine=0.2,
        insects=0.15, sea_waves=0.05, door_wood_knock=0.1)),
    Scene("Train", VEHICLE, RAILS, dict(
        train=0.8, keyboard_typing=0.4, can_opening=0.4, door_wood_creaks=0.3, sneezing=0.3, coughing=0.3,
        church_bells=0.1)),
    Scene("Tram", VEHICLE, CABIN, dict(
        train=0.6, car_horn=0.5, coughing=0.5, church_bells=0.4, rain=0.3, airplane=0.2, footsteps=0.2)),
)  # fmt: skip
"""In alphabetical order, by the names of the paper's Table 3.

Source: Kumar et al. 2018, Table 3 (names only).
"""

EVENT_CLASSES: tuple[str, ...] = tuple(sorted({event for scene in SCENES for event in scene.events}))
"""Classes of ESC-50 that are heard in some scene."""
