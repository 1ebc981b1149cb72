"""A rare event tagged in ESC-50's sounds: from babies' cries, or all voices, to breaking glass.

It stands in for the TUT rare sound events. Authors are dealt first to the two tasks and then, within each, to five
groups, so that no two parts of either task share an author or a recording, in their events or in their backgrounds.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_parts import cuts_by_part, deal_authors
from companion.datasets.rare import TASKS, RareSounds, Task
from companion.errors import DataError
from companion.events import CutRule, EventCut, author_of
from companion.mixtures.rare import Crossfade, Pool, RareRule

CRY, GLASS = "crying_baby", "glass_breaking"
VOICES = (
    "cat", "chirping_birds", "cow", "crow", CRY, "dog", "frog", "hen", "laughing", "pig", "rooster", "sheep",
)  # fmt: skip
"""Classes in which a voice is heard, human or animal. Coughs, sneezes, snores and breaths are none, and lie too near to
be their opposite: they are heard nowhere."""

BACKGROUNDS: Mapping[Task, tuple[str, ...]] = {
    "source": ("airplane", "engine", "sea_waves", "train", "wind"),
    "target": ("crickets", "helicopter", "rain", "vacuum_cleaner", "washing_machine"),
}
"""Steady sounds without a voice. In the target's are none that come in single blows or splinters (fire, drops, clocks,
keys, saws), because those resemble breaking glass and no label would tell them apart. Those whose authors recorded
many voices went to the source, where these authors are."""

DISTRACTORS = (
    "can_opening", "car_horn", "church_bells", "clapping", "clock_alarm", "clock_tick", "door_wood_creaks",
    "door_wood_knock", "fireworks", "footsteps", "keyboard_typing", "mouse_click", "siren", "water_drops",
)  # fmt: skip
"""Events that are neither a voice nor glass nor any background, for the control."""

GROUPS = tuple(f"group-{number}" for number in range(1, 6))
PLACES = 6
"""Places in the backgrounds of each group, each with several recordings by authors who recorded at no other place."""

WHOLE = 4.5
"""Seconds that a clip must sound without a pause to be a background."""


class RareESC50(RareSounds):
    """Cries or voices as the source, breaking glass as the target, in backgrounds faded into each other.

    In each of five rotations one group of authors is tested. Of the source's other groups one validates. Training
    backgrounds are made of all training recordings; those of validation and test are heard at places of a few
    recordings each, so that it is known which mixtures depend on each other.

    Args:
        corpus: The whole of ESC-50.
        cuts: Its event table.
        source: ``cry`` (one class, few recordings) or ``voices`` (twelve classes, many recordings).
        rule: Distribution of the mixtures; None for the paper's over faded backgrounds.

    Raises:
        DataError: A group has no event or no background.

    Attributes:
        left_out: Recordings that nobody hears, because their authors belong to the other task; by task and class.
    """

    rotations = len(GROUPS)

    def __init__(
        self,
        corpus: ESC50,
        cuts: Sequence[EventCut],
        *,
        source: Literal["cry", "voices"] = "cry",
        rule: RareRule | None = None,
    ) -> None:
        self.corpus = corpus
        self.rule = rule or RareRule(edge=CutRule.edge, by_recording=True, crossfade=Crossfade(recordings=1, layers=3))
        self.targets = {"source": source, "target": "glass"}
        self.events: Mapping[Task, tuple[str, ...]] = {
            "source": VOICES if source == "voices" else (CRY,),
            "target": (GLASS,),
        }
        usable = [row for row in cuts if _usable(row, corpus.sample_rate)]
        task_of = deal_tasks(usable)
        self._groups: dict[Task, dict[str, list[EventCut]]] = {}
        for task in TASKS:
            wanted = {*(VOICES if task == "source" else (GLASS,)), *BACKGROUNDS[task], *DISTRACTORS}
            rows = [row for row in usable if row.label in wanted and task_of[author_of(row)] == task]
            self._groups[task] = cuts_by_part(rows, deal_authors(rows, dict.fromkeys(GROUPS, 1 / len(GROUPS))))
        self.left_out = _left_out(usable, task_of)

    def pool(self, task: Task, part: str, rotation: int = 0) -> Pool:
        """The sounds of one part of a task in one rotation.

        Raises:
            DataError: A part has no sounds.
        """
        rows = [row for group in self._groups_of(task, part, rotation) for row in self._groups[task].get(group, ())]
        beds = [row for row in rows if row.label in BACKGROUNDS[task]]
        if not beds:
            raise DataError(f"no background for the {part} of the {task}", expected=", ".join(BACKGROUNDS[task]))
        return Pool(
            events=tuple(row for row in rows if row.label in self.events[task]),
            places=(tuple(beds),) if part == "train" else _places(beds),
            distractors=tuple(row for row in rows if row.label in DISTRACTORS),
        )

    def _groups_of(self, task: Task, part: str, rotation: int) -> tuple[str, ...]:
        """The test group, the next one for validation of the source, and the others."""
        turned = GROUPS[rotation:] + GROUPS[:rotation]
        first = len(self.parts(task)) - 1
        return {"test": turned[:1], "validation": turned[1:first], "train": turned[first:]}[part]


def deal_tasks(cuts: Sequence[EventCut]) -> dict[str, Task]:
    """Give every author to one task.

    Who recorded breaking glass belongs to the target, and who recorded a cry to the source. Any other belongs to the
    task of which they recorded the larger share, and those who recorded no sound of either in turn to both.

    Returns:
        Task of every author.
    """
    total: dict[str, int] = defaultdict(int)
    recorded: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for author, label, _ in sorted({(author_of(row), row.label, row.recording) for row in cuts}):
        recorded[author][label] += 1
        total[label] += 1
    task_of, others = dict[str, Task](), 0
    for author in sorted(recorded):
        share = {label: count / total[label] for label, count in recorded[author].items()}
        source = sum(share.get(label, 0.0) for label in (*VOICES, *BACKGROUNDS["source"]))
        target = sum(share.get(label, 0.0) for label in BACKGROUNDS["target"])
        if GLASS in share or CRY in share:
            task_of[author] = "target" if GLASS in share else "source"
        elif source or target:
            task_of[author] = "source" if source > target else "target"
        else:
            task_of[author], others = TASKS[others % 2], others + 1
    return task_of


def _usable(row: EventCut, sample_rate: int) -> bool:
    """Whether a cut is heard at all: backgrounds must not pause."""
    if row.label in (*BACKGROUNDS["source"], *BACKGROUNDS["target"]):
        return row.n_samples >= WHOLE * sample_rate
    return row.label in (*VOICES, GLASS, *DISTRACTORS)


def _places(beds: Sequence[EventCut]) -> tuple[tuple[EventCut, ...], ...]:
    """Recordings dealt to places by their authors, so that all places have about as many."""
    by_author: dict[str, list[EventCut]] = defaultdict(list)
    for row in beds:
        by_author[author_of(row)].append(row)
    places: list[list[EventCut]] = [[] for _ in range(min(PLACES, len(by_author)))]
    for author in sorted(by_author, key=lambda name: (-len({row.recording for row in by_author[name]}), name)):
        labels = {row.label for row in by_author[author]}
        least = min(places, key=lambda place: (len({row.recording for row in place}),
                                               len(labels & {row.label for row in place})))  # fmt: skip
        least += by_author[author]
    return tuple(map(tuple, places))


def _left_out(cuts: Sequence[EventCut], task_of: Mapping[str, Task]) -> dict[tuple[Task, str], int]:
    """Recordings of each task's classes by authors of the other."""
    lost: dict[tuple[Task, str], set[str]] = defaultdict(set)
    for task in TASKS:
        labels = {*(VOICES if task == "source" else (GLASS,)), *BACKGROUNDS[task]}
        for row in cuts:
            if row.label in labels and task_of[author_of(row)] != task:
                lost[task, row.label].add(row.recording)
    return {key: len(recordings) for key, recordings in sorted(lost.items())}
