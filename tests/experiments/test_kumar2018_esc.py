"""The chapter's experiment, small: what is frozen, what is found again, what comes back after a kill."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from companion import paths
from companion.errors import CheckpointError, DataError
from companion.experiments import kumar2018_esc as experiment
from companion.experiments.stages.source import SourceConfig
from companion.profiles import parse_parameters

TINY = experiment.Config(
    source=SourceConfig(n_train=24, n_validation=20, duration=4.0, epochs=2, batch_size=8, width=0.0625),
    target="synthetic",
    clips_per_class=5,
    clip_duration=3.5,
    adaptation_epochs=2,
    scratch_epochs=1,
    width=0.0625,
    per_decade=1,
    control_probes=("LIBLINEAR",),
    n_resamples=50,
)


@pytest.fixture(scope="module")
def run(session_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.CONFIGS, "demo", TINY)
        patch.setenv("COMPANION_CACHE", str(session_cache / "kumar2018"))
        first = experiment.run(parse_parameters({}))
        started = time.perf_counter()
        again = experiment.run(parse_parameters({}))
        assert time.perf_counter() - started < 60
        pd.testing.assert_frame_equal(first.rows, again.rows)
        yield first


def test_the_fourteen_published_cells_and_every_control_have_a_row(run):
    cells = run.rows[run.rows["item"] == "Table2 right"]
    assert sorted(zip(cells["row"], cells["column"], strict=True)) == sorted(
        (row, column)
        for row in ("N_S", "N_T^I", "N_T^II", "N_T^III")
        for column in ("F1 max", "F1 avg", "F2 max", "F2 avg")
        if not (row == "N_T^I" and column.startswith("F2"))
    )
    controls = set(run.rows[run.rows["item"] == "Table2 controls"]["row"])
    assert {"N_S (untrained trunk)", "N_S from scratch", "log-mel statistics", "level only"} <= controls


def test_rows_can_be_computed_again_from_the_predictions(run):
    predictions = run.table("predictions")
    right = predictions["source | N_S | F1 max | LIBLINEAR | run 0"] == predictions["label"]
    by_fold = right.groupby(predictions["fold"]).mean().mean() * 100
    rows = run.rows.set_index(["item", "row", "column"])
    assert rows.loc[("Table2 right", "N_S", "F1 max"), "value"] == pytest.approx(by_fold)
    assert rows.loc[("Table2 right", "N_S", "F1 max"), "n_recordings"] == predictions["recording"].nunique()


def test_a_difference_is_the_difference_of_its_cells(run):
    rows = run.rows.set_index(["item", "row", "column"])["value"]
    expected = rows["Table2 right", "N_T^I", "F1 max"] - rows["Table2 right", "N_S", "F1 max"]
    assert rows["Paired", "N_T^I - N_S", "F1 max"] == pytest.approx(expected)


def test_intervals_contain_their_value_and_all_is_labelled_synthetic(run):
    with_interval = run.rows.dropna(subset=["ci_low"])
    assert (with_interval["ci_low"] <= with_interval["value"] + 1e-9).all()
    assert (with_interval["value"] <= with_interval["ci_high"] + 1e-9).all()
    assert set(run.rows["evidence"]) == {"synthetic"}
    assert run.provenance["command"] == "companion experiment kumar2018_esc --profile demo --seed 0"


def test_synthetic_source_and_target_share_no_class_and_no_recording():
    parameters = parse_parameters({})
    config = experiment.CONFIGS["demo"]
    target = experiment.target_corpus(config, parameters)
    source = experiment.source_corpus(config.source, config.target, parameters)
    assert not set(source.classes) & set(target.classes)
    assert not {clip.recording for clip in source.clips} & {clip.recording for clip in target.clips}


def test_the_paper_profile_says_which_weights_it_needs(esc50_root):
    parameters = parse_parameters({"profile": "paper", "data": str(esc50_root.parent)})
    with pytest.raises((CheckpointError, DataError), match="ns-audioset"):
        experiment.source_network(experiment.CONFIGS["paper"], parameters, 0)


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from test_kumar2018_esc import TINY, experiment
from companion.cli import app
experiment.CONFIGS["demo"] = TINY
sys.argv = ["companion", "experiment", "kumar2018_esc"]
app()
"""


def test_the_command_killed_at_any_time_ends_with_the_same_rows(run, tmp_path):
    cache = tmp_path / "killed"
    command = [sys.executable, "-c", SCRIPT.format(tests=os.path.dirname(__file__))]
    environment = {**os.environ, "COMPANION_CACHE": str(cache)}
    for marks in (2, 9):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(list(cache.rglob("*.*"))) < marks:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr
    rows = next((cache / paths.runs_root().name / experiment.NAME).glob("demo-*/rows.csv"))
    resumed = pd.read_csv(rows)
    np.testing.assert_array_equal(resumed["value"].to_numpy(), run.rows["value"].to_numpy())
    for entry in cache.rglob("[!.]*.npy"):
        np.load(entry)  # a killed writer leaves only hidden files: whatever has a name is whole
