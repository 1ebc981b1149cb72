"""ESC-50's recordings dealt to parts by author: what one person recorded is heard in one part only.

People record the same dog, in the same room, with the same microphone; a network that heard one of their recordings
knows something of the others. So whole authors are dealt, such that every part has its share of the recordings of
every class.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from companion.datasets.esc50 import ESC50
from companion.errors import DataError
from companion.events import EventCut, author_of

HELD_OUT = ("fold-1", "fold-2", "fold-3", "fold-4")
"""Parts that no source network hears: four folds of scenes, and together the test recordings of tagging."""

PARTS: Mapping[str, float] = {"train": 0.44, "validation": 0.10, **dict.fromkeys(HELD_OUT, 0.115)}
"""Share of the recordings that each part gets, where scenes and tagging are to be tested."""

SOURCE_PARTS: Mapping[str, float] = {"train": 0.9, "validation": 0.1}
"""The same where the target is another set of classes."""


def deal_authors(cuts: Sequence[EventCut], shares: Mapping[str, float] = PARTS) -> dict[str, str]:
    """Deal authors to parts.

    Those who weigh most in some class come first, each to the part that lacks most of what they recorded. Nothing is
    drawn: the same table gives the same parts.

    Args:
        cuts: Event cuts; a recording whose author is not known is its own.
        shares: Share of the recordings of every class by part.

    Returns:
        Part of every author.

    Raises:
        DataError: There is no cut.
    """
    if not cuts:
        raise DataError("no event cuts to deal", expected="the event table", repair="companion events esc50")
    classes = sorted({row.label for row in cuts})
    recorded: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(classes)))
    for _, label, author in sorted({(row.recording, row.label, author_of(row)) for row in cuts}):
        recorded[author][classes.index(label)] += 1
    total = np.sum(list(recorded.values()), axis=0)
    wanted = np.outer(list(shares.values()), total)
    dealt, part_of = np.zeros_like(wanted), dict[str, str]()
    for author in sorted(recorded, key=lambda name: (-float((recorded[name] ** 2 / total).sum()), name)):
        lacking = ((dealt + recorded[author] - wanted) ** 2 - (dealt - wanted) ** 2) / wanted
        part = int(np.argmin(lacking.sum(axis=1)))
        dealt[part] += recorded[author]
        part_of[author] = list(shares)[part]
    return part_of


def cuts_by_part(cuts: Sequence[EventCut], part_of: Mapping[str, str]) -> dict[str, list[EventCut]]:
    """Event cuts of every part, in the order of the table."""
    found: dict[str, list[EventCut]] = defaultdict(list)
    for row in cuts:
        found[part_of[author_of(row)]].append(row)
    return dict(found)


def outside_esc10(corpus: ESC50, cuts: Sequence[EventCut]) -> list[EventCut]:
    """Event cuts of the forty classes outside ESC-10, without recordings that ESC-10 also holds."""
    target = ESC50(corpus.folder, esc10_only=True)
    heard = {clip.recording for clip in target.clips}
    return [row for row in cuts if row.label not in target.classes and row.recording not in heard]
