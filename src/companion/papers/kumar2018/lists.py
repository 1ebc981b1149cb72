"""What AudioSet's official lists say by themselves: clips per class, as in the web supplement of Kumar et al. 2018.

The lists are the paper's own data and need no audio, so anyone can count them again.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from companion.datasets.audioset_lists import CLASSES, EVAL, FILES, TRAIN, Lists, label_distribution, read_lists
from companion.experiment import Experiment, Findings, Task
from companion.profiles import Settings
from companion.results.rows import Rows, bare


class ListSettings(Settings):
    """The official lists are what they are: nothing can be set."""


class OfficialLists:
    """AudioSet's lists, read.

    Args:
        data: Folder of the corpora.
    """

    def __init__(self, data: Path) -> None:
        self.lists: Lists = read_lists(data)

    def fingerprint(self) -> str:
        """Digest of the files that are counted."""
        content = hashlib.sha256()
        for name in (FILES[TRAIN], FILES[EVAL], CLASSES):
            content.update((self.lists.folder / name).read_bytes())
        return content.hexdigest()


PROFILES: Mapping[str, ListSettings] = {"paper": ListSettings()}


def inputs(settings: ListSettings, seed: int, data: Path) -> dict[str, OfficialLists]:
    """The lists."""
    return {"lists": OfficialLists(data)}


def compute(task: Task) -> Findings:
    """Sizes of the lists, and the table ``label_distribution``."""
    lists = task.inputs["lists"].lists
    table = label_distribution(lists)
    n_train, n_eval = len(lists.train), len(lists.evaluation)
    rows = Rows()
    for column, n_clips in ((TRAIN, n_train), (EVAL, n_eval)):
        add_sizes(rows, table[column], column, n_clips)
    words = f"AudioSet lists: {n_train} balanced training and {n_eval} evaluation segments"
    return Findings(rows, {"label_distribution": table}, words, n_train + n_eval)


def add_sizes(rows: Rows, counts: pd.Series, column: str, n_clips: int) -> None:
    """Size of one list, and how uneven its classes are."""
    for row, value in (
        ("segments", n_clips),
        ("classes", len(counts)),
        ("labels in all", counts.sum()),
        ("labels per segment", counts.sum() / n_clips),
        ("clips of the rarest class", counts.min()),
        ("clips of the median class", counts.median()),
        ("clips of the commonest class", counts.max()),
    ):
        measure = "mean" if row == "labels per segment" else "count"
        rows.add("AudioSet lists", row, column, measure, bare(value, n_clips=n_clips, n_recordings=n_clips))


experiment = Experiment(__name__, PROFILES, compute, inputs)
run, find = experiment.run, experiment.find
