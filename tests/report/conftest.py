"""Run folders made up for tests."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from companion.profiles import PROFILES
from companion.report.provenance import collect
from companion.report.runs import Run, write_run

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write a run: lines of (paper, item, row, column, measure, value, low, high), tables by name."""

    def make(profile="esc50", lines=(), tables=None, experiment="kumar2018_esc", folder=None, wall_time=60.0):
        columns = ["paper", "item", "row", "column", "measure", "value", "ci_low", "ci_high"]
        rows = pd.DataFrame(list(lines), columns=columns).assign(
            experiment=experiment, profile=profile, evidence=PROFILES[profile].evidence,
            n_clips=400, n_recordings=297, n_seeds=3, data="made up", note="",
        )  # fmt: skip
        provenance = collect(
            experiment=experiment, profile=profile, data="made up", seeds=[0, 1, 2], device="cpu",
            command=f"companion run kumar2018/transfer --profile {profile}", config={"epochs": 50},
            wall_time=wall_time, n_recordings=297,
        )  # fmt: skip
        return write_run(folder or tmp_path / profile / experiment, rows, provenance, tables)

    return make
