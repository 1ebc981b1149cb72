"""The rare event task in the synthetic world: crying voices as the source, shattering panes as the target."""

from collections.abc import Mapping

import numpy as np

from companion.audio import Audio
from companion.datasets.base import Clip, Dataset, Validation
from companion.datasets.rare import PARTS, TASKS, RareSounds, Task
from companion.datasets.synthetic.calls import notes, overtones
from companion.datasets.synthetic.catalogue import RECIPES
from companion.datasets.synthetic.elements import RATE, Samples, blows, glide, harmonics, resonate, soft_edges, spread
from companion.datasets.synthetic.recipe import SoundClass, Voice
from companion.datasets.synthetic.recording import bed, stream
from companion.errors import DataError, ParameterError
from companion.events import CutRule, EventCut
from companion.mixtures.rare import Pool, RareRule


def cry(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """Phrases of a pressed voice whose pitch jumps up, quavers and falls, through the formants of a small throat."""
    M = round(rng.uniform(0.6, 0.8) / voice.rate * RATE)
    curve = glide(np.array([0, 0.15, 0.7, 1]), np.array([-0.4, 0.15, 0.0, -0.5]), voice.pitch, M)
    quaver = 1 + 0.02 * np.sin(2 * np.pi * rng.uniform(6, 9) * np.arange(M) / RATE)
    throat = harmonics(curve * quaver, overtones(voice, 20))
    formants = np.array([2.6, 6.5, 9.5]) * voice.pitch
    spoken = resonate(throat, formants, np.array([1.0, 0.8, 0.4]), 5 / (2 * np.pi * formants)) + 0.2 * throat
    return notes(soft_edges(spoken, 0.04), voice, n, rng)


def shatter(voice: Voice, n: int, rng: np.random.Generator) -> Samples:
    """One blow that lets a pane burst, and shards that fall ever more rarely, each with high modes of its own."""
    falls = np.sort(rng.exponential(0.25, rng.poisson(voice.rate)) * n / RATE)
    times = np.concatenate([[0.0], falls[falls < n / RATE]])
    strengths = np.concatenate([[4.0], rng.lognormal(0, 0.6, len(times) - 1)])
    shards = voice.pitch * 2 ** rng.uniform(-0.3, 1.6, 14)
    burst = rng.standard_normal(n) * np.exp(-np.arange(n) / (0.02 * RATE))
    force = blows(times, strengths, 1e-4, n) + 0.02 * burst
    return resonate(force, shards, np.ones(14), spread(voice.damping, 0.08, 0.015) * shards[0] / shards)


RARE = {
    recipe.name: recipe
    for recipe in (
        SoundClass(
            "cry", "voice", "phrases that jump up, quaver and fall, through three formants",
            length=(0.8, 2.4), pitch=(380, 560), rate=(0.9, 1.6), render=cry,
        ),
        SoundClass(
            "shatter", "struck", "one blow, and a fall of shards with high modes",
            length=(0.4, 1.4), pitch=(2200, 3600), rate=(15, 45), render=shatter,
        ),
    )
}  # fmt: skip
"""The rare events. They are not in the catalogue: nothing else in the synthetic world holds them."""

TASK_EVENTS: Mapping[Task, str] = {"source": "cry", "target": "shatter"}
BACKGROUNDS: Mapping[Task, tuple[str, ...]] = {
    "source": ("wind", "surf", "engine"),
    "target": ("rain", "stream", "rotor"),
}
DISTRACTORS: Mapping[Task, tuple[str, ...]] = {"source": ("clock", "drum"), "target": ("knocking", "typewriter")}


class RareWorld(Dataset):
    """Isolated events and backgrounds; each has a voice, or a place, of its own.

    Args:
        seed: Of the world.
        voices: Recordings of each class of events in each part of each task.
        takes: Events of each recording.
        backgrounds: Recordings of each class of backgrounds in each part of each task.
        duration: Seconds of every background.
    """

    name = "synthetic-rare"
    sample_rate = RATE
    licence, citation, homepage = "CC0-1.0 (generated)", "", ""

    def __init__(self, seed: int, *, voices: int, takes: int, backgrounds: int, duration: float) -> None:
        self.seed = seed
        recipes = RECIPES | RARE
        self.classes = tuple(RARE) + tuple(
            name for names in (BACKGROUNDS, DISTRACTORS) for t in TASKS for name in names[t]
        )
        self.superclass_of = {name: recipes[name].superclass for name in self.classes}
        self._recipes = {name: recipes[name] for name in self.classes}
        self.cuts: dict[tuple[Task, str], list[EventCut]] = {}
        for task in TASKS:
            for part in PARTS:
                events = [(label, voices, takes, None) for label in (TASK_EVENTS[task], *DISTRACTORS[task])]
                beds = [(label, backgrounds, 1, duration) for label in BACKGROUNDS[task]]
                self.cuts[task, part] = [
                    self._cut(label, f"{label}-{part}-{number:03d}", "abcdefgh"[take], PARTS.index(part) + 1, seconds)
                    for label, count, n_takes, seconds in (*events, *beds)
                    for number in range(count)
                    for take in range(n_takes)
                ]
        rows = [row for cuts in self.cuts.values() for row in cuts]
        self.clips = tuple(Clip(row.clip, row.recording, row.fold, row.n_samples / RATE, row.label) for row in rows)
        self._lengths = {row.clip: row.n_samples for row in rows}

    def _cut(self, label: str, recording: str, take: str, fold: int, seconds: float | None) -> EventCut:
        name = f"{recording}-{take}"
        if seconds is None:
            low, high = np.log(self._recipes[label].length)
            seconds = float(np.exp(stream(self.seed, name, "length").uniform(low, high)))
        return EventCut(name, 0, round(seconds * RATE), recording, label, fold, f"voice of {recording}")

    def audio(self, clip: Clip) -> Audio:
        """Make one event, or one background of steady noise with a flow in it. Shape: ``(N,)``.

        Raises:
            DataError: The clip is not of this corpus.
        """
        if clip.id not in self._lengths:
            raise DataError(
                f"{self.name} has no clip {clip.id!r}", expected="one of its own", repair="take it from .clips"
            )
        n, recipe = self._lengths[clip.id], self._recipes[str(clip.label)]
        voice = recipe.voice(stream(self.seed, clip.recording, "voice"))
        sound = recipe.sound(voice, n / RATE, stream(self.seed, clip.id, "sound"))
        if any(clip.label in names for names in BACKGROUNDS.values()):
            rng = stream(self.seed, clip.recording, "place")
            sound = 0.5 * sound + bed(float(rng.uniform(-4, -1)), n, rng)
            sound = sound * 10 ** (rng.uniform(-40, -28) / 20)
        return Audio(np.asarray(0.2 * sound, dtype=np.float32), RATE)

    def validate(self) -> Validation:
        """Generated audio is never missing."""
        return Validation(len(self.clips), notes={f"generated from seed {self.seed}": len(self.clips)})


class SyntheticRare(RareSounds):
    """Both tasks in the synthetic world; no voice and no place is in two parts.

    Args:
        seed: Of the world.
        voices: Recordings of each class of events in each part.
        takes: Events of each recording, at most 8.
        backgrounds: Recordings of each class of backgrounds in each part.
        duration: Seconds of a mixture.

    Raises:
        ParameterError: There would be no sounds, or more takes than 8.
    """

    rotations = 1

    def __init__(
        self, seed: int = 0, *, voices: int = 16, takes: int = 2, backgrounds: int = 4, duration: float = 6.0
    ) -> None:
        if min(voices, takes, backgrounds) < 1 or takes > 8:
            raise ParameterError(
                f"{voices} voices, {takes} takes and {backgrounds} backgrounds",
                expected="one or more of each, and 8 takes at most",
                repair="ask for others",
            )
        self._world = RareWorld(seed, voices=voices, takes=takes, backgrounds=backgrounds, duration=duration)
        self.corpus, self.targets = self._world, dict(TASK_EVENTS)
        self.rule = RareRule(duration=duration, edge=CutRule.edge)

    def pool(self, task: Task, part: str, rotation: int = 0) -> Pool:
        """The sounds of one part of a task."""
        rows = self._world.cuts[task, part]
        return Pool(
            events=tuple(row for row in rows if row.label == TASK_EVENTS[task]),
            places=(tuple(row for row in rows if row.label in BACKGROUNDS[task]),),
            distractors=tuple(row for row in rows if row.label in DISTRACTORS[task]),
        )
