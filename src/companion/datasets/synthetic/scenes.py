"""Acoustic scenes: which events are likely to be heard where, over the background of the place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from companion.datasets.synthetic.catalogue import CLASSES
from companion.datasets.synthetic.recipe import Range
from companion.datasets.synthetic.recording import Occurrence, Score, stream
from companion.datasets.synthetic.world import (
    EVENT_TO_BED,
    LEVEL,
    SyntheticDataset,
    check_duration,
    draw_event,
)
from companion.errors import ParameterError

FOLDS = 4
MOST_REPEATS = 3


@dataclass(frozen=True)
class Scene:
    """A recipe for a place.

    Args:
        name: Of the scene.
        group: Outdoor, indoor or works.
        tilt: Range of the slope of the background's spectrum, dB per octave; the ranges of scenes overlap.
        events: Probability that each class of event is heard at all in a recording.
    """

    name: str
    group: str
    tilt: Range
    events: Mapping[str, float]


SCENES = (
    Scene(
        "woodland", "outdoor", (-4, 0), dict(rising_chirp=0.8, falling_chirp=0.6, wind=0.6, knocking=0.3, stream=0.2)
    ),
    Scene("pond", "outdoor", (-4, 0), dict(frog=0.9, cricket=0.6, stream=0.5, rain=0.3, falling_chirp=0.2)),
    Scene("seaside", "outdoor", (-3, 1), dict(surf=0.9, wind=0.6, falling_chirp=0.5, church_bell=0.2, rotor=0.1)),
    Scene("village", "outdoor", (-5, -1), dict(church_bell=0.7, bark=0.6, engine=0.4, rising_chirp=0.3, saw=0.2)),
    Scene("street", "outdoor", (-6, -2), dict(engine=0.8, wail=0.4, yelp=0.3, two_tone=0.3, rain=0.2, rotor=0.2)),
    Scene("workshop", "works", (-4, 0), dict(saw=0.7, drill=0.7, knocking=0.6, steam=0.2, falling_sweep=0.2)),
    Scene("factory", "works", (-6, -2), dict(steam=0.7, rising_sweep=0.5, engine=0.5, falling_sweep=0.4, drill=0.3)),
    Scene("kitchen", "indoor", (-5, -1), dict(glass=0.8, stream=0.5, steam=0.5, clock=0.4, two_tone=0.2)),
    Scene("office", "indoor", (-5, -1), dict(typewriter=0.8, telephone=0.7, clock=0.5, knocking=0.2, wail=0.1)),
    Scene("playroom", "indoor", (-4, 0), dict(bouncing_ball=0.7, drum=0.7, struck_bar=0.6, glass=0.2, bark=0.2)),
    Scene("fireside", "indoor", (-5, -1), dict(fire=0.9, clock=0.5, howl=0.4, wind=0.4, cricket=0.2)),
)
"""Every class of event is heard in some scene, many in several."""


class SyntheticScenes(SyntheticDataset):
    """Recordings of places: one scene label each, and the events that happened to be heard.

    Args:
        seed: Of the world.
        scenes: Names out of ``SCENES``; all by default.
        recordings_per_scene: A multiple of 4, in equal numbers in each of four folds.
        duration: Seconds.

    Raises:
        ParameterError: An unknown scene, an uneven number of recordings or too short a duration.

    Attributes:
        classes: The scenes, which ``Clip.label`` names.
        event_classes: The classes of events, which weak and strong labels name.
        superclass_of: Group of each scene.
    """

    name = "synthetic-scenes"
    event_classes = CLASSES

    def __init__(
        self,
        seed: int = 0,
        *,
        scenes: Sequence[str] | None = None,
        recordings_per_scene: int = 20,
        duration: float = 30.0,
    ) -> None:
        recipes = _chosen(scenes)
        if recordings_per_scene < FOLDS or recordings_per_scene % FOLDS:
            raise ParameterError(
                f"{recordings_per_scene} recordings per scene in {FOLDS} folds",
                expected=f"a positive multiple of {FOLDS}",
                repair=f"ask for {FOLDS * max(1, round(recordings_per_scene / FOLDS))}",
            )
        self.classes, duration = tuple(scene.name for scene in recipes), check_duration(duration)
        self.superclass_of = {scene.name: scene.group for scene in recipes}
        self._recipes = recipes
        super().__init__(
            seed,
            (
                (_score(seed, scene, number, duration), number % FOLDS + 1, scene.name)
                for scene in recipes
                for number in range(recordings_per_scene)
            ),
        )

    def truth(self) -> pd.DataFrame:
        """Written probability that an event is heard in a clip: one row per scene, one column per event class."""
        table = pd.DataFrame([scene.events for scene in self._recipes], list(self.classes), list(self.event_classes))
        return table.fillna(0.0)


def _chosen(names: Sequence[str] | None) -> tuple[Scene, ...]:
    known = {scene.name: scene for scene in SCENES}
    unknown = [name for name in names or () if name not in known]
    if unknown or names == ():
        raise ParameterError(
            f"scenes {unknown} of the synthetic world",
            expected="names out of: " + ", ".join(known),
            repair="companion.datasets.synthetic.SCENES lists them",
        )
    return SCENES if names is None else tuple(known[name] for name in names)


def _score(seed: int, scene: Scene, number: int, duration: float) -> Score:
    name = f"scene-{scene.name}-{number:04d}"
    rng = stream(seed, name, "score")
    placements = []
    for label, probability in scene.events.items():
        if rng.uniform() >= probability:
            continue
        ratio = float(rng.uniform(*EVENT_TO_BED))
        events = [draw_event(label, duration, rng) for _ in range(rng.integers(1, MOST_REPEATS + 1))]
        placements += [Occurrence(event, f"{name}/{label}", ratio) for event in events]
    return Score(name, name, duration, float(rng.uniform(*LEVEL)), tuple(placements), scene.tilt)
