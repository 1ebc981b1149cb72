"""What AudioSet's official lists say by themselves: clips per class, as in the web supplement of Kumar et al. 2018.

The lists are the paper's own data and need no audio, so these numbers are exact, and anyone can have them again.
"""

import hashlib
import shlex
import time
from typing import Any

import numpy as np
import pandas as pd

from companion import paths
from companion.datasets.audioset_lists import CLASSES, EVAL, FILES, TRAIN, label_distribution, read_lists
from companion.errors import ParameterError
from companion.experiments.stages.identity import digest
from companion.profiles import Parameters
from companion.report import provenance
from companion.report.runs import Run, read_run, write_run

NAME = "kumar2018_lists"
DECISIVE = ("datasets/audioset_lists", "experiments/kumar2018_lists")


def run(parameters: Parameters) -> Run:
    """Count the lists, or read the counts back.

    Args:
        parameters: Only the ``paper`` profile has these lists; seed, device and budget do not matter.

    Returns:
        Run: Sizes of the lists, and the table ``label_distribution``.

    Raises:
        ParameterError: Another profile.
    """
    if parameters.profile != "paper":
        raise ParameterError(
            f"profile {parameters.profile!r} has no official lists",
            expected="paper",
            repair=f"companion experiment {NAME} --profile paper",
        )
    started = time.perf_counter()
    lists = read_lists(parameters.data_root)
    files = [lists.folder / name for name in (FILES[TRAIN], FILES[EVAL], CLASSES)]
    content = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    folder = paths.runs_root() / NAME / f"{parameters.profile}-{digest(DECISIVE, **content)[:12]}"
    if folder.is_dir():
        return read_run(folder)
    table = label_distribution(lists)
    what = provenance.collect(
        experiment=NAME,
        profile=parameters.profile,
        data=f"AudioSet lists: {len(lists.train)} balanced training and {len(lists.evaluation)} evaluation segments",
        seeds=[],
        device="cpu",
        command=shlex.join(["companion", "experiment", NAME, "--profile", "paper"]),
        config={"sha256": content},
        wall_time=time.perf_counter() - started,
        n_recordings=len(lists.train) + len(lists.evaluation),
    )
    return write_run(folder, pd.DataFrame(_rows(table, len(lists.train), len(lists.evaluation))), what, {
        "label_distribution": table
    })  # fmt: skip


def _rows(table: pd.DataFrame, n_train: int, n_eval: int) -> list[dict[str, Any]]:
    """Sizes of both lists, and how uneven the classes are."""
    rows = []
    for column, n_clips in ((TRAIN, n_train), (EVAL, n_eval)):
        counts = table[column]
        for row, value in (
            ("segments", n_clips),
            ("classes", len(table)),
            ("labels in all", counts.sum()),
            ("labels per segment", counts.sum() / n_clips),
            ("clips of the rarest class", counts.min()),
            ("clips of the median class", counts.median()),
            ("clips of the commonest class", counts.max()),
        ):
            rows.append(
                {
                    "experiment": NAME,
                    "paper": "Kumar2018",
                    "item": "AudioSet lists",
                    "row": row,
                    "column": column,
                    "measure": "mean" if row == "labels per segment" else "count",
                    "value": float(value),
                    "ci_low": np.nan,
                    "ci_high": np.nan,
                    "n_clips": n_clips,
                    "n_recordings": n_clips,
                    "n_seeds": 0,
                    "profile": "paper",
                    "evidence": "official",
                    "data": "audioset lists",
                    "note": "",
                }
            )
    return rows
