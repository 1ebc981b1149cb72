"""Fifteen acoustic scenes restaged with recordings of ESC-50 that no source network was trained on.

Events and beds come from official folds 4 and 5 alone. Their recordings are dealt to four scene folds, so that a
scene is never recognised by a recording that was heard in training.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from companion.datasets.base import Clip
from companion.datasets.esc50 import ESC50, STRADDLING_RECORDINGS
from companion.datasets.esc50_mixtures import TEST_FOLDS
from companion.datasets.mixtures import Mixtures
from companion.datasets.scene_recipes import EVENT_CLASSES, SCENES, Scene
from companion.errors import DataError, ParameterError
from companion.events import CutRule, EventCut
from companion.mixtures import Placement, Recipe

FOLDS = (1, 2, 3, 4)
Cuts = Mapping[str, Mapping[str, Sequence[EventCut]]]
"""Event cuts by class, and within a class by recording."""


@dataclass(frozen=True)
class SceneRule:
    """What all scenes have in common.

    Args:
        ratio_db: Lowest and highest event-to-background ratio; one draw for each class heard in a clip.
        repeats: Fewest and most times that a class which is heard at all is heard.
        bed_clips: Recordings of each of the bed's sounds whose spectra are averaged; fewer where there are not as many.
    """

    ratio_db: tuple[float, float] = (0.0, 18.0)
    repeats: tuple[int, int] = (1, 3)
    bed_clips: int = 8


class RestagedScenes(Mixtures):
    """Scene clips: one scene label each, and the events that happened to be heard.

    Classes are heard independently of each other, with the probabilities of the recipe. In one clip a class is one
    recording, as one dog barks several times. A clip depends on the seed, the scene and its number alone; the clips
    of a scene go round the four folds.

    Args:
        corpus: The whole of ESC-50.
        cuts: Its event table.
        clips_per_scene: A multiple of 4, in equal numbers in each of four folds.
        seed: Deals the recordings to the folds, and draws the clips.
        duration: Seconds.
        rule: What all scenes have in common; None for the default.

    Raises:
        ParameterError: An uneven number of clips, or too short a duration.
        DataError: A class has too few recordings to be heard in every fold.

    Attributes:
        classes: The scenes, which ``Clip.label`` names.
        event_classes: The classes of events, which weak and strong labels name.
        superclass_of: Group of each scene.
        scene_fold_of: Fold of every Freesound id that may be heard.

    Source: Kumar et al. 2018, section 4.3 (fifteen scenes, 30 s, four folds); what is heard is this project's.
    """

    SPLITS: Mapping[str, int] = {f"fold-{fold}": fold for fold in FOLDS}

    def __init__(
        self,
        corpus: ESC50,
        cuts: Sequence[EventCut],
        *,
        clips_per_scene: int = 40,
        seed: int = 0,
        duration: float = 30.0,
        rule: SceneRule | None = None,
    ) -> None:
        _check(clips_per_scene, duration)
        usable = unheard_cuts(cuts)
        self.scene_fold_of = deal_recordings(usable, seed)
        by_fold = {fold: self._pool(usable, fold) for fold in FOLDS}
        n_samples, rule = round(duration * corpus.sample_rate), rule or SceneRule()
        drawn = {
            recipe.id: (scene, recipe)
            for index, scene in enumerate(SCENES)
            for number in range(clips_per_scene)
            for fold in [FOLDS[number % len(FOLDS)]]
            for rng in [np.random.default_rng([seed, index, number])]
            for recipe in [_recipe(scene, f"{scene.name}-{number:04d}", fold, by_fold[fold], n_samples, rule, rng)]
        }
        self._scene_of = {name: scene.name for name, (scene, _) in drawn.items()}
        super().__init__([recipe for _, recipe in drawn.values()], corpus, EVENT_CLASSES)
        self.name = f"restaged scenes of {corpus.name}"
        self.classes, self.event_classes = tuple(scene.name for scene in SCENES), EVENT_CLASSES
        self.superclass_of = {scene.name: scene.group for scene in SCENES}

    def _pool(self, cuts: Sequence[EventCut], fold: int) -> Cuts:
        pool: dict[str, dict[str, list[EventCut]]] = defaultdict(lambda: defaultdict(list))
        for row in cuts:
            if self.scene_fold_of[row.recording] == fold:
                pool[row.label][row.recording].append(row)
        return {label: dict(recordings) for label, recordings in pool.items()}

    def _clip(self, recipe: Recipe) -> Clip:
        heard = recipe.recordings | {self._sources[clip].recording for clip in recipe.bed}
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


def unheard_cuts(cuts: Sequence[EventCut]) -> list[EventCut]:
    """Event cuts of classes in the recipes whose recordings lie wholly in official folds 4 and 5."""
    sounds = set(EVENT_CLASSES) | {sound for scene in SCENES for sound in scene.bed.sounds}
    heard = {row.recording for row in cuts if row.fold not in TEST_FOLDS["test"]} | set(STRADDLING_RECORDINGS)
    return [row for row in cuts if row.label in sounds and row.recording not in heard]


def deal_recordings(cuts: Sequence[EventCut], seed: int) -> dict[str, int]:
    """Deal recordings to the four scene folds, class by class.

    Recordings that give many clips go first, each to the fold that has fewest clips of the class so far, so that
    every fold gets a recording before any gets its second, and the clips are spread as evenly as recordings allow.

    Args:
        cuts: Event cuts.
        seed: Decides between equals.

    Returns:
        Fold of every recording. One that gives several classes has one fold all the same.

    Raises:
        DataError: A class is left without a recording in some fold.
    """
    clips: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in cuts:
        clips[row.label][row.recording].add(row.clip)
    rng, fold_of = np.random.default_rng(seed), dict[str, int]()
    for label, recordings in sorted(clips.items()):
        count = {fold: 0 for fold in FOLDS}
        draw = dict(zip(sorted(recordings), rng.permutation(len(recordings)), strict=True))
        for recording in sorted(recordings, key=lambda r: (r not in fold_of, -len(recordings[r]), draw[r])):
            order = rng.permutation(len(FOLDS))
            fold = fold_of.setdefault(recording, min(FOLDS, key=lambda f: (count[f], order[f - 1])))
            count[fold] += len(recordings[recording])
        if not all(count.values()):
            problem = f"{len(recordings)} recordings of {label} leave a scene fold without any"
            repair = "check the event table, or make it again with `companion events esc50`"
            raise DataError(problem, expected=f"a recording in each of {len(FOLDS)} folds", repair=repair)
    return fold_of


def _recipe(
    scene: Scene, name: str, fold: int, pool: Cuts, n_samples: int, rule: SceneRule, rng: np.random.Generator
) -> Recipe:
    """Draw one clip of a scene from the recordings of its fold."""
    placements = []
    for label, probability in scene.events.items():
        if rng.uniform() >= probability:
            continue
        choices = _one_recording(pool[label], rng)
        ratio = float(rng.uniform(*rule.ratio_db))
        for _ in range(rng.integers(rule.repeats[0], rule.repeats[1] + 1)):
            event = choices[int(rng.integers(len(choices)))]
            placements.append(Placement(event, int(rng.integers(n_samples - event.n_samples + 1)), ratio))
    bed = tuple(clip for sound in scene.bed.sounds for clip in _bed_clips(pool[sound], rule.bed_clips, rng))
    level = float(rng.uniform(*scene.bed.level_db))
    return Recipe(name, f"fold-{fold}", n_samples, tuple(placements), bed, level, int(rng.integers(2**31)))


def _one_recording(recordings: Mapping[str, Sequence[EventCut]], rng: np.random.Generator) -> Sequence[EventCut]:
    """Cuts of one recording; recordings are equally likely, however many cuts they give."""
    return recordings[sorted(recordings)[rng.integers(len(recordings))]]


def _bed_clips(recordings: Mapping[str, Sequence[EventCut]], number: int, rng: np.random.Generator) -> list[str]:
    """One clip of each of a number of recordings."""
    chosen = rng.choice(sorted(recordings), size=min(number, len(recordings)), replace=False)
    return [recordings[recording][int(rng.integers(len(recordings[recording])))].clip for recording in chosen]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _check(clips_per_scene: int, duration: float) -> None:
    """Raise ParameterError unless the clips fill the folds evenly and every event fits into a clip."""
    if clips_per_scene < len(FOLDS) or clips_per_scene % len(FOLDS):
        raise ParameterError(
            f"{clips_per_scene} clips per scene in {len(FOLDS)} folds",
            expected=f"a positive multiple of {len(FOLDS)}",
            repair=f"ask for {len(FOLDS) * max(1, round(clips_per_scene / len(FOLDS)))}",
        )
    if not duration >= CutRule.longest:
        raise ParameterError(
            f"scene clips of {duration} s",
            expected=f"at least {CutRule.longest:g} s, the length of the longest event",
            repair="ask for a longer duration, and crop the audio afterwards",
        )
