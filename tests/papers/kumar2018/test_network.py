"""Truths of the times: what is timed, in which turn, and over what a time is relative."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from companion.losses import recording_bce
from companion.models.slat import SegmentWise, segment_bce
from companion.models.weak_cnn import WeakCNN
from companion.papers.kumar2018 import network, timing
from companion.papers.kumar2018.network import TimeSettings
from companion.papers.kumar2018.timing import INFERENCE, SCANNED, SEGMENTWISE, TRAINING, Workload
from companion.results.published import load_published
from companion.results.rows import Rows
from companion.training import make_fabric

WORK = Workload(recordings=3, width=0.0625, n_classes=4, repeats=3, warm_up=2, seed=5)
TURNED = {SCANNED: SEGMENTWISE, SEGMENTWISE: SCANNED}


def made_up(scanned, segmentwise, phase=TRAINING, device="cpu: one", frames=862):
    """Measurements of both networks, repeat by repeat."""
    lines = [
        {"network": name, "phase": phase, "repeat": repeat, "ms": ms}
        for name, values in ((SCANNED, scanned), (SEGMENTWISE, segmentwise))
        for repeat, ms in enumerate(values)
    ]
    return pd.DataFrame(lines).assign(**{"device": device, "frames": frames, "length s": 10.0})


def ratio(times):
    """Value and ends of the only line of ``relative_times``."""
    (line,) = network.relative_times(times, TimeSettings(n_resamples=500), 0).to_dict("records")
    return np.array([line["value"], line["ci_low"], line["ci_high"]])


def test_times_are_relative_to_n_s_slat():
    """Over itself N_S_slat takes 1, whatever its times; exchanged networks invert ratio and interval."""
    rng = np.random.default_rng(0)
    scanned, segmentwise = rng.lognormal(1.0, 0.2, 15), rng.lognormal(2.0, 0.3, 15)
    assert ratio(made_up(segmentwise, segmentwise)).tolist() == [1.0, 1.0, 1.0]
    times = made_up(scanned, segmentwise)
    found = ratio(times)
    assert found[0] == pytest.approx(np.median(scanned) / np.median(segmentwise))
    assert found[1] < found[0] < found[2]
    value, low, high = ratio(times.replace({"network": TURNED}))
    np.testing.assert_allclose(1 / np.array([value, high, low]), found)
    np.testing.assert_allclose(ratio(made_up(3 * scanned, segmentwise)), 3 * found)
    np.testing.assert_allclose(ratio(made_up(3 * scanned, 3 * segmentwise)), found)
    published = load_published()
    for name in ("C005", "C007"):
        assert published.at[name, "number"] == 1
        assert (published.at[name, "item"], published.at[name, "column"]) == ("Table1 top-right", SEGMENTWISE)


def test_a_repeat_is_drawn_with_both_its_times():
    """What slows the machine slows both: where every repeat has one ratio, the interval is a point."""
    busy = np.array([1.0, 9.0, 2.0, 30.0, 4.0])
    np.testing.assert_allclose(ratio(made_up(0.5 * busy, busy)), 0.5)


def test_ends_are_those_of_the_middle_ninety_five_of_a_hundred_resamples():
    """Resamples that hold one repeat each, whose ratios are 0, 0.001, …, 1."""
    ratios = np.arange(1001) / 1000
    dealt = SimpleNamespace(integers=lambda low, high, size: np.repeat(np.arange(1001)[:, None], 2, axis=1))
    ends = timing.relative_time(made_up(ratios, np.ones(1001)), 1001, dealt)
    assert ends == pytest.approx((0.5, 0.025, 0.975))


def test_table_1_is_answered_by_ten_seconds_on_the_device_that_was_asked_for():
    values = itertools.count(1)
    lines = [
        {"device": device, "frames": frames, "length s": timing.length_in_seconds(frames), "phase": phase,
         "value": float(n := next(values)), "ci_low": n - 0.25, "ci_high": n + 0.5}
        for device in ("cpu: one", "cuda: two")
        for frames in (128, 862, 2584)
        for phase in (TRAINING, INFERENCE)
    ]  # fmt: skip
    by_key = {(line["device"], line["frames"], line["phase"]): line for line in lines}
    words = {TRAINING: "Train time 1 epoch", INFERENCE: "Inference time per test clip"}
    for main in ("cpu: one", "cuda: two"):
        rows = Rows()
        network.result_rows(rows, pd.DataFrame(lines), main, WORK)
        found = rows.frame(data="x").set_index(["item", "row", "column", "measure"])
        assert len(found.loc["Table1 top-right"]) == 2
        for phase, row in words.items():
            line = found.loc[("Table1 top-right", row, "N_S", "relative time")]
            expected = by_key[main, 862, phase]
            assert all(line[name] == expected[name] for name in ("value", "ci_low", "ci_high"))
            assert main in line["note"]
            for device, kind in (("cpu: one", "CPU"), ("cuda: two", "GPU")):
                for frames, length in ((128, "1.5"), (862, "10"), (2584, "30")):
                    own = found.loc[(f"Time by length, {kind}", f"{row}, {length} s", "N_S", "relative time"), "value"]
                    assert own == by_key[device, frames, phase]["value"]


def test_both_sides_start_from_the_same_weights_each_with_its_own_loss():
    sides = timing.both_sides(WORK, make_fabric("cpu"))
    scanned, segmentwise = (sides[name].network.module for name in (SCANNED, SEGMENTWISE))
    assert (type(scanned), type(segmentwise)) == (WeakCNN, SegmentWise)
    torch.manual_seed(WORK.seed)
    drawn = WeakCNN(WORK.n_classes, width=WORK.width).state_dict()
    for name, value in drawn.items():
        assert torch.equal(scanned.state_dict()[name], value), name
        assert torch.equal(segmentwise.network.state_dict()[name], value), name
    x, labels = timing.noise(345, WORK).batch(np.arange(3))
    for side, loss in ((SCANNED, lambda output: recording_bce(output.recording, labels)),
                       (SEGMENTWISE, lambda output: segment_bce(output, labels))):  # fmt: skip
        with torch.inference_mode():
            output = sides[side].network.module.eval()(x)
        assert float(sides[side].loss(output, labels)) == pytest.approx(float(loss(output)))
    for side in sides.values():
        learning = {id(p) for group in side.optimizer.param_groups for p in group["params"]}
        assert len(learning) == len(list(side.network.parameters()))


def test_a_step_of_training_learns_and_a_pass_of_inference_does_not():
    data = timing.noise(192, WORK)
    for name, side in timing.both_sides(WORK, make_fabric("cpu")).items():
        first = {key: value.clone() for key, value in side.network.state_dict().items()}
        side.inference(data)
        assert all(torch.equal(value, first[key]) for key, value in side.network.state_dict().items()), name
        side.training(data)
        assert not any(
            torch.equal(value, first[key])
            for key, value in side.network.state_dict().items()
            if key.endswith("conv.weight")
        ), name


def test_networks_are_timed_in_turn_a_recording_at_a_time_after_warming_up(monkeypatch):
    """A clock that advances by a second more at every measurement, and sides that only say who they are."""
    done, clock = [], itertools.count(1)

    class Side(SimpleNamespace):
        def training(self, data):
            done.append((self.name, TRAINING, len(data.lengths)))

        def inference(self, data):
            done.append((self.name, INFERENCE, len(data.lengths)))

    def seconds(action, device):
        action()
        return float(next(clock))

    monkeypatch.setattr(timing, "both_sides", lambda *_: {n: Side(name=n) for n in (SCANNED, SEGMENTWISE)})
    monkeypatch.setattr(timing, "seconds", seconds)
    found = timing.time_networks(128, WORK, make_fabric("cpu"))
    turn = [(name, phase, 3) for phase in (TRAINING, INFERENCE) for name in (SCANNED, SEGMENTWISE)]
    assert done == turn * (2 + 3)
    assert found[["network", "phase"]].agg(tuple, axis=1).tolist() == [entry[:2] for entry in turn] * 3
    assert found["repeat"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    np.testing.assert_allclose(found["ms"], 1000 * np.arange(9, 21) / 3)


def test_a_time_ends_when_the_action_does(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    assert timing.seconds(lambda: now.__setitem__(0, now[0] + 2.5), torch.device("cpu")) == 2.5


def test_the_cost_table_by_hand():
    """From the paper's layers at its width, for 4 s, of which N_S_slat hears four segments of 128 frames."""

    def count(frames, n_classes):
        total, bands, before = 0, 128, 1
        for filters, convolutions in ((16, 2), (32, 2), (64, 2), (128, 2), (256, 2), (512, 1)):
            for _ in range(convolutions):
                total += frames * bands * 9 * before * filters
                before = filters
            frames, bands = frames // 2, bands // 2
        return total + (frames - 1) * (2 * 2 * 512 * 1024 + 1024 * n_classes)

    settings = TimeSettings(lengths=(128,), counted=(345,), n_classes=11, width=0.25)
    segment, line = network.cost_table(settings).to_dict("records")
    assert (segment["frames"], segment["segments"], segment["ratio"]) == (128, 1, 1.0)
    assert (line["length s"], line["frames"], line["segments"]) == (4.0, 345, 4)
    assert line["multiply-adds N_S"] == count(345, 11)
    assert line["multiply-adds N_S_slat"] == 4 * count(128, 11)
    assert line["ratio"] == count(345, 11) / (4 * count(128, 11))


def test_the_chapter_times_every_length_with_the_settings_it_is_given(monkeypatch):
    given = {"lengths": (128, 862), "counted": (192,), "recordings": 3, "width": 0.0625, "n_classes": 4,
             "repeats": 2, "warm_up": 1, "n_resamples": 50}  # fmt: skip
    asked = []

    def time_networks(n_frames, work, fabric):
        asked.append((n_frames, work))
        ms = {SCANNED: n_frames, SEGMENTWISE: 2.0 * n_frames}
        return pd.concat([made_up([ms[SCANNED]] * 2, [ms[SEGMENTWISE]] * 2, phase)[["network", "phase", "repeat", "ms"]]
                          for phase in (TRAINING, INFERENCE)])  # fmt: skip

    monkeypatch.setattr(timing, "time_networks", time_networks)
    task, _ = network.experiment.task("demo", seed=3, device="cpu", changes=given)
    found = network.compute(task)
    work = Workload(recordings=3, width=0.0625, n_classes=4, repeats=2, warm_up=1, seed=3)
    assert asked == [(128, work), (862, work)]
    times = found.tables["times"]
    assert times.groupby("frames")["ms"].unique().map(sorted).to_dict() == {128: [128, 256], 862: [862, 1724]}
    assert set(times["length s"]) == {1.5, 10.0}
    rows = found.rows.frame(data="x")
    assert rows.loc[rows["item"] == "Table1 top-right", "value"].tolist() == [0.5, 0.5]
    assert found.tables["cost"]["frames"].tolist() == [128, 192, 862]
