"""The table of events that are cut from ESC-50's clips, and who recorded them."""

import logging
from pathlib import Path

from tqdm.auto import tqdm

from companion.datasets.base import Dataset
from companion.datasets.esc50 import ESC50, read_authors
from companion.events import CutRule, EventCut, find_events, write_table

logger = logging.getLogger(__name__)


def write_event_table(root: Path, out: Path, rule: CutRule | None = None) -> list[EventCut]:
    """Cut ESC-50's clips and write the event table.

    Args:
        root: Folder of the corpora, or of ESC-50 itself.
        out: The csv to write.
        rule: The rule; None for the default.

    Raises:
        DataError: ESC-50 is missing or incomplete.
        AudioError: A clip is damaged.
        StoreError: The table cannot be written.
    """
    corpus = ESC50(root)
    licence_file = corpus.folder / "LICENSE"
    authors = read_authors(licence_file)
    if not authors:
        logger.warning("%s names no authors of clips: the table's author column stays empty", licence_file)
    cuts = cut_table(corpus, authors, rule)
    write_table(out, cuts)
    return cuts


def cut_table(dataset: Dataset, authors: dict[str, str], rule: CutRule | None = None) -> list[EventCut]:
    """Cut every clip of a corpus.

    Args:
        dataset: A corpus whose clips carry a single label.
        authors: Freesound author of each recording.
        rule: The rule; None for the default.
    """
    return [
        EventCut(
            clip.id,
            onset,
            offset,
            clip.recording,
            str(clip.label),
            clip.fold,
            authors.get(clip.recording, ""),
        )
        for clip in tqdm(dataset.clips, desc=f"cutting events from {dataset.name}", unit="clip")
        for onset, offset in find_events(dataset.audio(clip).samples, dataset.sample_rate, rule)
    ]
