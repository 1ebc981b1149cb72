"""Times: each measured in turn, the ratio what the measurements say, the published words, a folder a machine."""

import time

import numpy as np
import pandas as pd
import pytest
import torch

from companion.errors import CompanionError
from companion.experiments import kumar2018_times as experiment
from companion.experiments.stages import timing
from companion.models.slat import SegmentWise
from companion.profiles import parse_parameters
from companion.report.published import load_published
from companion.report.row_format import KEY
from companion.training import make_fabric

TINY = experiment.Config(
    lengths=(128, 862), recordings=2, width=0.0625, n_classes=5, repeats=3, warm_up=1, n_resamples=50
)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(experiment.CONFIGS, "demo", TINY)
    monkeypatch.setattr(experiment, "COUNTED_LENGTHS", (128,))
    return parse_parameters({"device": "cpu"})


def test_the_four_published_cells_are_measured_in_their_words(tiny):
    run = experiment.run(tiny)
    published = load_published().loc[["C005", "C006", "C007", "C008"]]
    measured = run.rows.set_index(KEY)
    for key in published[KEY].itertuples(index=False, name=None):
        row = measured.loc[key]
        assert row["value"] == 1 if key[3] == "N_S_slat" else 0 < row["ci_low"] <= row["value"] <= row["ci_high"]
    assert len(run.rows[run.rows["item"] == "Table1 top-right"]) == 4
    assert set(run.rows[run.rows["item"] == "Time by length, CPU"]["row"]) == {
        f"{phase}, {length} s" for phase in experiment.ROWS.values() for length in ("1.5", "10")
    }


def test_rows_follow_from_the_times(tiny):
    run = experiment.run(tiny)
    times = run.table("times")
    assert len(times) == 2 * 2 * 2 * 3
    medians = times.groupby(["frames", "phase", "network"])["ms"].median()
    rows = run.rows.set_index(["item", "row", "column"])["value"]
    for phase, words in experiment.ROWS.items():
        ratio = medians[862, phase, "N_S"] / medians[862, phase, "N_S_slat"]
        assert rows["Table1 top-right", words, "N_S"] == pytest.approx(ratio, rel=1e-9)
    assert run.table("cost").set_index("frames")["ratio"][128] == 1


def test_networks_take_turns(tiny, monkeypatch):
    order = []
    monkeypatch.setattr(timing.Side, "training", lambda side, data: order.append(("training", side.name)))
    monkeypatch.setattr(timing.Side, "inference", lambda side, data: order.append(("inference", side.name)))
    made = timing.both_sides

    def named(work, fabric):
        sides = made(work, fabric)
        for name, side in sides.items():
            side.name = name
        return sides

    monkeypatch.setattr(timing, "both_sides", named)
    work = timing.Workload(2, width=0.0625, n_classes=5, repeats=2, warm_up=1)
    times = timing.time_networks(128, work, make_fabric("cpu"))
    one_round = [(phase, name) for phase in ("training", "inference") for name in ("N_S", "N_S_slat")]
    assert order == 3 * one_round
    assert len(times) == 2 * 4, "the warm-up is not counted"


def test_both_start_with_the_same_weights_and_training_changes_them():
    work = timing.Workload(2, width=0.0625, n_classes=5)
    sides = timing.both_sides(work, make_fabric("cpu"))
    scanned, segmentwise = (side.network.module for side in sides.values())
    assert isinstance(segmentwise, SegmentWise)
    before = scanned.f2.weight.detach().clone()
    assert torch.equal(before, segmentwise.network.f2.weight)
    sides["N_S"].training(timing.noise(192, work))
    assert not torch.equal(before, scanned.f2.weight)
    sides["N_S"].inference(timing.noise(192, work))
    assert not scanned.training


def test_seconds_are_seconds():
    assert 0.05 <= timing.seconds(lambda: time.sleep(0.05), torch.device("cpu")) < 5


def test_an_interval_has_no_width_where_every_repeat_says_the_same():
    times = pd.DataFrame(
        [{"network": n, "repeat": r, "ms": ms * (1.0 + r)} for r in range(5) for n, ms in (("N_S", 3), ("N_S_slat", 6))]
    )
    value, low, high = timing.relative_time(times, 100, np.random.default_rng(0))
    assert (value, low, high) == (0.5, 0.5, 0.5)
    times.loc[(times["network"] == "N_S") & (times["repeat"] < 2), "ms"] *= 1.5
    value, low, high = timing.relative_time(times, 500, np.random.default_rng(0))
    assert value == 0.5
    assert low <= 0.5 < high <= 0.75


def test_a_finished_run_is_found_again_on_this_machine_and_on_no_other(tiny, monkeypatch):
    run = experiment.run(tiny)
    assert experiment.run(tiny).provenance == run.provenance
    monkeypatch.setattr(experiment, "device_name", lambda device: f"{device}: another processor")
    elsewhere = experiment.run(tiny)
    assert elsewhere.folder != run.folder
    monkeypatch.setattr(experiment, "versions", lambda: {"torch": "99"})
    assert experiment.run(tiny).folder not in (run.folder, elsewhere.folder)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_said():
    with pytest.raises(CompanionError, match="no GPU"):
        experiment.machines("cuda")
    assert [fabric.device.type for fabric in experiment.machines("auto")] == ["cpu"]
