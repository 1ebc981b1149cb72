"""The paper's two tasks, made of the TUT Rare Sound Events 2017."""

from collections.abc import Mapping
from pathlib import Path

from companion.datasets.esc50_parts import cuts_by_part, deal_authors
from companion.datasets.rare import RareSounds, Task
from companion.datasets.rare_events_2017 import DURATION, FOLDS, TUTRareEvents2017, clip_of
from companion.datasets.rare_events_2017_lists import ListedBackground, ListedEvent
from companion.errors import DataError
from companion.events import EventCut
from companion.mixtures.rare import Pool, RareRule

TASK_EVENTS: Mapping[Task, str] = {"source": "babycry", "target": "glassbreak"}
TASK_SCENES: Mapping[Task, tuple[str, ...]] = {
    "source": ("beach", "bus", "cafe/restaurant", "car", "city_center", "forest_path", "grocery_store"),
    "target": ("home", "library", "metro_station", "office", "park", "residential_area", "train"),
}
"""Scenes of each task. The paper's lists name fourteen of the fifteen: nobody hears a tram.

Source: Diment, Virtanen 2017, section 3.3.
"""


class RareTUT2017(RareSounds):
    """The paper's two tasks: babies' cries at seven scenes, breaking glass at seven others.

    Args:
        corpus: The source data.
        rule: Distribution of the mixtures; None for the paper's.
        validation: Share of the source's training authors and locations that validate; the paper has none.

    Source: Diment, Virtanen 2017, section 3.3.
    """

    rotations = 1

    def __init__(self, corpus: TUTRareEvents2017, *, rule: RareRule | None = None, validation: float = 0.0) -> None:
        self.corpus, self.rule, self.validation = corpus, rule or RareRule(), validation
        self.targets = dict(TASK_EVENTS)
        self._corpus = corpus

    def parts(self, task: Task) -> tuple[str, ...]:
        """Training and test, and validation of the source where a share was set aside."""
        return ("train", "validation", "test") if task == "source" and self.validation else ("train", "test")

    def pool(self, task: Task, part: str, rotation: int = 0) -> Pool:
        """The sounds of one part of a task; other isolated events are its distractors.

        Raises:
            DataError: The part has no sounds.
        """
        official = "test" if part == "test" else "train"
        unfit = self._corpus.screened[TASK_EVENTS[task]]
        events = [self._cut(event, official) for event in self._corpus.events[official]]
        beds = [
            self._bed(one, official)
            for one in self._corpus.backgrounds[official]
            if one.scene in TASK_SCENES[task] and one.file not in unfit
        ]
        if part != "test" and "validation" in self.parts(task):
            shares = {"train": 1 - self.validation, "validation": self.validation}
            events, beds = (cuts_by_part(rows, deal_authors(rows, shares)).get(part, []) for rows in (events, beds))
        if part not in self.parts(task) or not beds:
            raise DataError(f"no sounds for the {part} of the {task}", expected=", ".join(self.parts(task)))
        return Pool(
            events=tuple(row for row in events if row.label == TASK_EVENTS[task]),
            places=(tuple(beds),),
            distractors=tuple(row for row in events if row.label not in TASK_EVENTS.values()),
        )

    def _cut(self, event: ListedEvent, part: str) -> EventCut:
        rate = self._corpus.sample_rate
        onset, offset = int(event.onset * rate), int(event.offset * rate)
        return EventCut(clip_of(event), onset, offset, Path(event.file).stem, event.label, FOLDS[part], event.author)

    def _bed(self, one: ListedBackground, part: str) -> EventCut:
        n_samples = round(DURATION * self._corpus.sample_rate)
        return EventCut(clip_of(one), 0, n_samples, one.location, one.scene, FOLDS[part], "")
