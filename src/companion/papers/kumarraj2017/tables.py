"""Result rows: WLER against SLAT on the same recordings, with training and hearing told apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.datasets.base import Clip
from companion.evaluation.extremes import lowest
from companion.evaluation.influence import Linearised, TaggingInfluence
from companion.evaluation.intervals import interval
from companion.evaluation.units import Units, units_of
from companion.papers.kumarraj2017.learning import HEARD, SHOWN, Heard, Shown
from companion.results.rows import Rows
from companion.training.recordings import Scored

TRAINED = US, YT = ("US", "YT")
"""What networks are trained on, in the paper's words: UrbanSound, labelled with care, and what a search finds."""

SLAT, WLER = "SLAT", "WLER"
KINDS: Mapping[str, tuple[Shown, Heard]] = {SLAT: (SHOWN[1], HEARD[1]), WLER: (SHOWN[0], HEARD[0])}
"""The paper's two systems: what they are shown in training, and how they hear at test."""

ALIKE = "scanned, the same segments"
"""Scanned, and of the segments only those that are also heard one by one, which begin less often."""

TABLES = US_TEST, WILD_TEST = ("Table I (US test)", "Table II (AudioSet test)")
MAP = "MAP"
DIFFERENCE = "AP difference"

System = tuple[str, Shown, str]
"""What a network was trained on, what it was shown at a time, and how it hears."""


def published(trained: str, kind: str) -> System:
    """The system of a column of the published tables."""
    return (trained, *KINDS[kind])


@dataclass(frozen=True)
class TestSet:
    """Recordings that are tested, and what every system says of them.

    Args:
        item: The published table.
        clips: The recordings.
        classes: Classes C of the outputs.
        labels: 1 where a class occurs. Shape: ``(N, C)``.
        scored: Outputs of each seed by system.
        author_of: Who made each original recording; empty where that is not known.
    """

    __test__ = False  # no test of pytest's

    item: str
    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    labels: NDArray[np.float32]
    scored: Mapping[System, Sequence[Scored]]
    author_of: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def units(self) -> Units:
        """Which recordings share an original recording or an author."""
        return units_of([clip.recording for clip in self.clips], self.author_of)

    @cached_property
    def filled(self) -> NDArray[np.float64]:
        """Share of each recording that its labelled classes fill, in the mean; NaN without strong labels."""
        return np.array([filled(clip) for clip in self.clips])

    @property
    def name(self) -> str:
        """What the paper calls it: ``US test`` or ``AudioSet test``."""
        return self.item[self.item.index("(") + 1 : -1]


def filled(clip: Clip) -> float:
    """Share of a recording that one of its classes fills, the mean over classes; overlaps count once."""
    shares = []
    for label in {event.label for event in clip.strong}:
        spans = sorted((event.onset, event.offset) for event in clip.strong if event.label == label)
        end, total = 0.0, 0.0
        for onset, offset in spans:
            total += max(0.0, offset - max(onset, end))
            end = max(end, offset)
        shares.append(total / clip.duration)
    return float(np.mean(shares)) if shares else float("nan")


class Judge:
    """AP of systems on one test set, on the same recordings and seeds.

    Args:
        rows: Where rows go.
        test: Recordings, labels and outputs.
    """

    def __init__(self, rows: Rows, test: TestSet) -> None:
        self.rows, self.test = rows, test
        self._found: dict[tuple[System, bytes], TaggingInfluence] = {}

    def mean(
        self, system: System, kept: NDArray[np.bool_] | None = None, classes: Sequence[int] | None = None
    ) -> Linearised:
        """MAP of a system over some recordings and classes, or AP of one class.

        What was found on some of the recordings stands on the units of all, so that it can be compared with what was
        found on others.
        """
        test = self.test
        chosen = np.ones(len(test.clips), dtype=bool) if kept is None else kept
        key = (system, chosen.tobytes())
        if key not in self._found:
            units = test.units
            if not chosen.all():
                units = units_of([c.recording for c, k in zip(test.clips, chosen, strict=True) if k], test.author_of)
            scores = [one.recording[chosen] for one in test.scored[system]]
            self._found[key] = TaggingInfluence(test.labels[chosen], scores, units)
        found = self._found[key].mean("AP", classes)
        influence = np.zeros((len(found.by_seed), len(chosen)))
        influence[:, chosen] = found.influence
        return Linearised(found.by_seed, influence, test.units)

    def scorable(self, index: int, kept: NDArray[np.bool_] | None = None) -> bool:
        """Whether a class occurs, and is absent, somewhere in some recordings: else its AP is not defined."""
        held = self.test.labels[:, index] if kept is None else self.test.labels[kept, index]
        return bool(0 < held.sum() < len(held))

    def can_score(self, kept: NDArray[np.bool_]) -> bool:
        """Whether some recordings define the AP of any class."""
        return any(self.scorable(index, kept) for index in range(len(self.test.classes)))

    def value(self, item: str, row: str, column: str, found: Linearised, note: str = "",
              kept: NDArray[np.bool_] | None = None) -> None:  # fmt: skip
        """Add a row of AP."""
        made = interval(found, bounds=(0.0, 1.0))
        self.rows.add(item, row, column, "AP", self._counted(made, kept), note)

    def gain(self, item: str, row: str, column: str, found: Linearised, note: str = "",
             kept: NDArray[np.bool_] | None = None) -> None:  # fmt: skip
        """Add a row of a difference of AP."""
        made = interval(found, bounds=(-1.0, 1.0), difference=True)
        self.rows.add(item, row, column, DIFFERENCE, self._counted(made, kept), note)

    def _counted(self, made: Any, kept: NDArray[np.bool_] | None) -> Any:
        if kept is None:
            return made
        names = {name for clip, k in zip(self.test.clips, kept, strict=True) if k for name in clip.recording.split("+")}
        return replace(made, n_clips=int(kept.sum()), n_recordings=len(names))


def table(rows: Rows, test: TestSet, row_of: Mapping[str, str]) -> pd.DataFrame:
    """Add a published table: MAP, every class, WLER against SLAT and one training against the other.

    Args:
        rows: Where they go.
        test: The test set.
        row_of: Published row by class; empty for a class that stands in, which answers no published row.

    Returns:
        AP class by class, with the interval of the difference: for each training.
    """
    judge, lines = Judge(rows, test), []
    scorable = [i for i in range(len(test.classes)) if judge.scorable(i)]
    note = f"mean over {len(scorable)} classes that occur"
    for trained in TRAINED:
        pair = {kind: judge.mean(published(trained, kind)) for kind in KINDS}
        for kind, found in pair.items():
            judge.value(test.item, MAP, f"{trained} {kind}", found, note)
        name = f"{trained} {WLER} - {trained} {SLAT}"
        judge.gain(f"Paired, {test.name}", MAP, name, pair[WLER] - pair[SLAT], note)
        gains: dict[str, Linearised] = {}
        for index in scorable:
            label = test.classes[index]
            own = {kind: judge.mean(published(trained, kind), classes=[index]) for kind in KINDS}
            row = row_of.get(label, "")
            for kind, found in own.items():
                judge.value(test.item if row else f"{test.item}, stand-ins", row or label, f"{trained} {kind}", found)
            gains[label] = own[WLER] - own[SLAT]
            judge.gain(f"Paired, {test.name}", row or label, name, gains[label])
            lines.append(class_line(trained, label, int(test.labels[:, index].sum()), own))
        worst = min(gains, key=lambda label: float(gains[label].by_seed.mean()))
        n_up = sum(float(one.by_seed.mean()) > 0 for one in gains.values())
        words = f"the lowest is {worst}; {n_up} of {len(gains)} differences lie above zero"
        least = lowest(list(gains.values()), bounds=(-1.0, 1.0))
        rows.add(f"Prose, {test.name}", "lowest of all classes", name, DIFFERENCE, least, words)
    for kind in KINDS:
        us, yt = (judge.mean(published(trained, kind)) for trained in TRAINED)
        judge.gain(f"Paired, {test.name}", MAP, f"{US} {kind} - {YT} {kind}", us - yt)
    return pd.DataFrame(lines).assign(test=test.name)


def class_line(trained: str, label: str, positives: int, own: Mapping[str, Linearised]) -> dict[str, Any]:
    """A line of the table of classes."""
    gain = interval(own[WLER] - own[SLAT], bounds=(-1.0, 1.0), difference=True)
    values = {kind: float(found.by_seed.mean()) for kind, found in own.items()}
    numbers = {"difference": gain.value, "ci_low": gain.low, "ci_high": gain.high}
    return {"class": label, "trained": trained, "positives": positives, **values, **numbers}


def by_share(rows: Rows, test: TestSet, bounds: Sequence[float], shortest: float = 0.0) -> None:
    """How much WLER gains where the event fills much or little of a recording, and which part of it training makes.

    Recordings shorter than ``shortest`` seconds are left out: where they cannot be filled little, long ones are most of
    those that are, and a gain would be that of length.
    """
    judge, whole = Judge(rows, test), dict[str, Linearised]()
    long = np.array([clip.duration >= shortest for clip in test.clips])
    for name, of_share in bins(test, bounds):
        kept = of_share & long
        if not judge.can_score(kept):
            continue
        for trained in TRAINED:
            pair = {kind: judge.mean(published(trained, kind), kept) for kind in KINDS}
            for kind, found in pair.items():
                judge.value("By share", name, f"{trained} {kind}", found, kept=kept)
            gain = pair[WLER] - pair[SLAT]
            judge.gain("Paired, by share", name, f"{trained} {WLER} - {trained} {SLAT}", gain, kept=kept)
            if trained == US:
                whole[name] = gain
        cross(judge, name, kept)
    if len(whole) > 1:
        first, *_, last = whole
        column = f"gain at {first} - gain at {last}"
        judge.gain("Prose, US test", f"{US} {WLER} - {US} {SLAT}", column, whole[first] - whole[last])


def bins(test: TestSet, bounds: Sequence[float]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Recordings by the share that their events fill; a share on a bound belongs to the bin below it."""
    for low, high in pairwise(bounds):
        first = low == bounds[0]
        kept = (test.filled <= high) & ((test.filled > low) | first)
        yield f"{'up to' if first else f'{100 * low:g} to'} {100 * high:g} %", kept


def by_length(rows: Rows, test: TestSet, bounds: Sequence[float]) -> None:
    """The same by the length of recordings, in seconds."""
    judge, lengths = Judge(rows, test), np.array([clip.duration for clip in test.clips])
    for low, high in pairwise(bounds):
        kept = (lengths > low) & (lengths <= high)
        if judge.can_score(kept):
            found = judge.mean(published(US, WLER), kept) - judge.mean(published(US, SLAT), kept)
            judge.gain("Paired, by length", f"up to {high:g} s", f"{US} {WLER} - {US} {SLAT}", found, kept=kept)


def cross(judge: Judge, row: str, kept: NDArray[np.bool_] | None = None) -> None:
    """Training and hearing told apart: every network trained with care heard both ways, on the same segments.

    The effect of training is the mean over both ways of hearing, and the other way round; what scanning more segments
    adds is told apart, too.
    """
    wanted = [(US, shown, heard) for shown in SHOWN for heard in (HEARD[0], ALIKE, HEARD[1])]
    if not set(wanted) <= set(judge.test.scored):
        return
    found = {system[1:]: judge.mean(system, kept) for system in wanted}
    for (shown, heard), value in found.items():
        judge.value("Cross", f"shown {shown}, {row}", heard, value, kept=kept)
    whole, parts = SHOWN
    by_training = [found[whole, heard] - found[parts, heard] for heard in (ALIKE, HEARD[1])]
    by_hearing = [found[shown, ALIKE] - found[shown, HEARD[1]] for shown in SHOWN]
    by_number = [found[shown, HEARD[0]] - found[shown, ALIKE] for shown in SHOWN]
    for effect, (one, other) in (
        (f"training: {whole} - {parts}", by_training),
        (f"hearing: scanned - {HEARD[1]}", by_hearing),
        ("segments: every 32 frames - fewer", by_number),
    ):
        judge.gain("Cross, effects", row, effect, (one + other).scaled(0.5), kept=kept)
    judge.gain("Cross, effects", row, "together", found[whole, HEARD[0]] - found[parts, HEARD[1]], kept=kept)


def alike(scored: Scored, step: int) -> Scored:
    """Every ``step``-th segment of a network that scans, and the highest of them."""
    kept = [segments[::step] for segments in scored.segments]
    return Scored(np.stack([segments.max(0) for segments in kept]), kept)


def scale_rows(rows: Rows, test: TestSet, scales: Sequence[int]) -> None:
    """All scales against each alone: trained on all and averaged, trained on all and heard in one, trained on one.

    What lies between the first two is the mean of outputs; what lies between the last two is the larger training set.
    """
    judge = Judge(rows, test)
    both = judge.mean(scale_system("all"))
    judge.value("Scales", "trained on all", "mean of all", both)
    for n_fft in scales:
        of_all, alone = (judge.mean(scale_system(how, n_fft)) for how in ("all", "one"))
        judge.value("Scales", "trained on all", f"{n_fft} alone", of_all)
        judge.value("Scales", f"trained on {n_fft}", f"{n_fft} alone", alone)
        judge.gain("Gain of scales", "mean of all", f"all - {n_fft} of all", both - of_all)
        judge.gain("Gain of scales", "trained on all", f"all - {n_fft}", of_all - alone)
        judge.gain("Gain of scales", "together", f"all - {n_fft} alone", both - alone)


def scale_system(trained: str, n_fft: int | None = None) -> System:
    """WLER with care, trained on ``all`` scales or ``one``, and heard in one or, without a number, in all of them."""
    return (US, SHOWN[0], f"{n_fft or 'mean'} of {trained}")
