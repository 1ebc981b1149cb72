"""Fifteen acoustic scenes restaged with recordings of ESC-50 by people whom no source network heard.

The authors that are held out are dealt to four scene folds, so that a scene is never recognised by a recording, an
author or a bed that was heard in training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from companion.datasets.base import Clip, Dataset
from companion.datasets.esc50_parts import HELD_OUT, cuts_by_part, deal_authors
from companion.datasets.mixtures import Mixtures
from companion.datasets.scene_recipes import BED_CLASSES, EVENT_CLASSES, SCENES, Bed, SceneRecipe
from companion.errors import DataError, ParameterError
from companion.events import CutRule, EventCut
from companion.mixtures import Grouped, PhaseRandomised, Placement, Recipe, draw_cut, grouped

FEWEST_IN_A_BED = 12
"""Recordings that a bed can be made of in every fold."""


@dataclass(frozen=True)
class SceneRule:
    """What all scenes have in common.

    Args:
        ratio_db: Lowest and highest event-to-background ratio; one draw for each class heard in a clip.
        repeats: Fewest and most times that a class which is heard at all is heard.
        bed_classes: Classes in one bed.
        bed_recordings: Recordings of each of them.
    """

    ratio_db: tuple[float, float] = (0.0, 18.0)
    repeats: tuple[int, int] = (1, 3)
    bed_classes: int = 3
    bed_recordings: int = 2


class RestagedScenes(Mixtures):
    """Scene clips: one scene label each, and the events that happened to be heard.

    Classes are heard independently of each other, with the probabilities of the recipe. In one clip a class is one
    recording, as one dog barks several times. A clip depends on the seed, the scene and its number alone; the clips
    of a scene go round the four folds.

    Args:
        corpus: The whole of ESC-50.
        cuts: Its event table.
        clips_per_scene: A multiple of 4, in equal numbers in each of four folds.
        seed: Draws the clips.
        duration: Seconds.
        rule: What all scenes have in common; None for the default.

    Raises:
        ParameterError: An uneven number of clips, or too short a duration.
        DataError: A class has no recording in some fold, or a bed has too few.

    Attributes:
        classes: The scenes, which ``Clip.label`` names.
        event_classes: The classes of events, which weak and strong labels name.
        superclass_of: Bed of each scene.
        bed_classes: Classes that beds are made of.

    Source: Kumar et al. 2018, section 4.3 (fifteen scenes, 30 s, four folds); what is heard is this project's.
    """

    SPLITS: Mapping[str, int] = {name: number for number, name in enumerate(HELD_OUT, start=1)}
    bed_classes = BED_CLASSES

    def __init__(
        self,
        corpus: Dataset,
        cuts: Sequence[EventCut],
        *,
        clips_per_scene: int = 40,
        seed: int = 0,
        duration: float = 30.0,
        rule: SceneRule | None = None,
    ) -> None:
        _check(clips_per_scene, duration)
        parts = cuts_by_part(cuts, deal_authors(cuts))
        pools = {name: grouped(parts.get(name, ())) for name in HELD_OUT}
        _check_pools(pools)
        n_samples, rule = round(duration * corpus.sample_rate), rule or SceneRule()
        drawn = {
            recipe.id: (scene, recipe)
            for index, scene in enumerate(SCENES)
            for number in range(clips_per_scene)
            for split in [HELD_OUT[number % len(HELD_OUT)]]
            for rng in [np.random.default_rng([seed, index, number])]
            for recipe in [_recipe(scene, f"{scene.name}-{number:04d}", split, pools[split], n_samples, rule, rng)]
        }
        self._scene_of = {name: scene.name for name, (scene, _) in drawn.items()}
        super().__init__([recipe for _, recipe in drawn.values()], corpus, EVENT_CLASSES)
        self.name = f"restaged scenes of {corpus.name}"
        self.classes, self.event_classes = tuple(scene.name for scene in SCENES), EVENT_CLASSES
        self.superclass_of = {scene.name: scene.bed.name for scene in SCENES}

    def _clip(self, recipe: Recipe) -> Clip:
        heard = recipe.recordings | {self._sources[clip].recording for clip in recipe.bed.clips}
        return replace(super()._clip(recipe), label=self._scene_of[recipe.id], recording="+".join(sorted(heard)))

    def truth(self) -> pd.DataFrame:
        """Written probability that an event is heard in a clip: one row per scene, one column per event class."""
        table = pd.DataFrame([scene.events for scene in SCENES], list(self.classes), list(self.event_classes))
        return table.fillna(0.0)

    def recipe_table(self) -> pd.DataFrame:
        """The recipes in words: scene, events with their probabilities in per cent, and bed."""
        rows = [
            {
                "scene": scene.name,
                "events heard": ", ".join(f"{_words(name)} {p:.0%}" for name, p in scene.events.items()),
                "bed": f"{scene.bed.name}: {', '.join(map(_words, scene.bed.sounds))}",
            }
            for scene in SCENES
        ]
        return pd.DataFrame(rows)


def _recipe(
    scene: SceneRecipe, name: str, split: str, pool: Grouped, n_samples: int, rule: SceneRule, rng: np.random.Generator
) -> Recipe:
    """Draw one clip of a scene from the recordings of its fold."""
    placements = []
    for label, probability in scene.events.items():
        if rng.uniform() >= probability:
            continue
        recordings = pool[label]
        choices = recordings[sorted(recordings)[rng.integers(len(recordings))]]
        ratio = float(rng.uniform(*rule.ratio_db))
        for _ in range(rng.integers(rule.repeats[0], rule.repeats[1] + 1)):
            event = choices[int(rng.integers(len(choices)))]
            placements.append(Placement(event, int(rng.integers(n_samples - event.n_samples + 1)), ratio))
    clips, level = _bed(scene.bed, pool, rule, rng), float(rng.uniform(*scene.bed.level_db))
    bed = PhaseRandomised(clips, level, int(rng.integers(2**31)))
    return Recipe(name, split, n_samples, tuple(placements), bed)


def _bed(bed: Bed, pool: Grouped, rule: SceneRule, rng: np.random.Generator) -> tuple[str, ...]:
    """Clips of several recordings of several classes of a bed."""
    clips = []
    for sound in rng.choice(bed.sounds, size=min(rule.bed_classes, len(bed.sounds)), replace=False):
        names = sorted(pool[sound])
        for recording in rng.choice(names, size=min(rule.bed_recordings, len(names)), replace=False):
            clips.append(draw_cut({recording: pool[sound][recording]}, rng).clip)
    return tuple(clips)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _check_pools(pools: Mapping[str, Grouped]) -> None:
    """Raise DataError unless every fold has a recording of every class, and enough for every bed."""
    repair = "check the event table, or make it again with `companion events esc50`"
    for fold, pool in pools.items():
        absent = [name for name in (*EVENT_CLASSES, *BED_CLASSES) if not pool.get(name)]
        if absent:
            raise DataError(f"no recording of {absent[0]} in {fold}", expected="one or more", repair=repair)
        for bed in {scene.bed for scene in SCENES}:
            count = sum(len(pool[sound]) for sound in bed.sounds)
            if count < FEWEST_IN_A_BED:
                problem, expected = f"{count} recordings for the bed {bed.name} in {fold}", f"{FEWEST_IN_A_BED} or more"
                raise DataError(problem, expected=expected, repair=repair)


def _check(clips_per_scene: int, duration: float) -> None:
    """Raise ParameterError unless the clips fill the folds evenly and every event fits into a clip."""
    n_folds = len(HELD_OUT)
    if clips_per_scene < n_folds or clips_per_scene % n_folds:
        raise ParameterError(
            f"{clips_per_scene} clips per scene in {n_folds} folds",
            expected=f"a positive multiple of {n_folds}",
            repair=f"ask for {n_folds * max(1, round(clips_per_scene / n_folds))}",
        )
    if not duration >= CutRule.longest:
        raise ParameterError(
            f"scene clips of {duration} s",
            expected=f"at least {CutRule.longest:g} s, the length of the longest event",
            repair="ask for a longer duration, and crop the audio afterwards",
        )
