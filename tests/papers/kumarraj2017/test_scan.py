"""Truths of the chapter on one pass: what differs, where, how it is counted, and what one pass costs."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from companion import store
from companion.evaluation.units import Units
from companion.models.slat import SegmentWise
from companion.models.wler import CONTEXT, HOP, WLER
from companion.papers.kumarraj2017 import learning, scan
from companion.results.rows import Rows
from companion.store import Work
from papers.kumarraj2017.tiny import CLASSES, TRAINING, corpus, rows_of
from worlds import Disturbed, with_inputs


@pytest.fixture
def kept(shared, tmp_path):
    store.write(tmp_path / "n.safetensors", learning.untrained(Work(), CLASSES, TRAINING, 1), {})
    return store.read(tmp_path / "n.safetensors")


@pytest.fixture
def found(kept):
    return scan.deviations(Work(), kept, corpus(), 4, 1024).arrays


def test_windows_by_themselves_differ_and_those_with_a_hop_on_each_side_do_not(found):
    assert found["mean"].shape == (4, 2)
    assert (found["mean"][:, 0] > 1e-4).all()
    assert (found["largest"][:, 1] < 1e-5).all()
    assert (found["differ"][:, 1] == 0).all()
    assert (found["differ"][:, 0] > 0.9 * found["segments"]).all()
    assert (found["largest"] >= found["mean"]).all()


def test_only_the_outer_steps_differ(found):
    assert (found["steps"][:, [1, 2]] < 1e-5).all()
    assert (found["steps"][:, [0, 3]] > 1e-2).all()


def test_numbers_are_those_of_one_pass_and_of_the_wrapper(kept, found):
    network, features = learning.network_of(kept), learning.fold_features(corpus(), 3, 1024, 1)
    with torch.inference_mode():
        for i in range(4):
            x = torch.tensor(features[i])[None]
            one, other = network(x), SegmentWise(network, HOP)(x)
            away = (one.segments - other.segments)[0, 1:-1].abs()
            assert found["mean"][i, 0] == pytest.approx(float(away.mean()), rel=1e-4)
            assert found["segments"][i] == away.numel()
            assert found["recording"][i] == pytest.approx(
                float((one.recording - other.recording).abs().max()), rel=1e-3
            )
            crossed = ((one.recording > 0.5) != (other.recording > 0.5)).float().mean()
            assert found["decisions"][i] == pytest.approx(float(crossed))


def test_recordings_are_the_first_with_a_segment_within():
    settings = scan.PROFILES["demo"].model_copy(update={"n_clips": 3, "n_fft": 1024})
    short = corpus()
    clips = scan.heard_clips(short, settings)
    assert [clip.id for clip in clips] == [clip.id for clip in short.clips if clip.fold == 3][:3]


def asked_of(monkeypatch, corpus):
    """Rows of the chapter where deviations are made up, and the networks that they were asked of."""
    asked = []

    def keep(function, *given):
        if function is learning.untrained:
            return given
        asked.append(given[0])
        assert given[2:] == (5, 2048)
        one = made_up([0.1, 0.0], [0.5, 1e-7], [9.0, 0.0], n=given[2])
        return {**one, "mean": one["mean"] + np.linspace(0, 0.1, given[2])[:, None]}

    monkeypatch.setattr(scan.urban, "network", lambda task, *names: names)
    made = with_inputs(scan.experiment, {"training": TRAINING, "n_clips": 5, "n_seeds": 2, "n_fft": 2048},
                       clean=corpus)  # fmt: skip
    task = SimpleNamespace(inputs=made.inputs, settings=made.settings, seeds=made.seeds, keep=keep)
    return rows_of(scan.compute(task).rows), asked


def test_networks_are_wlers_with_care_and_such_that_never_learned(shared, monkeypatch):
    _, asked = asked_of(monkeypatch, corpus())
    assert asked[:2] == [("US", "recordings", seed) for seed in (0, 1)]
    assert [(one[2], one[1].centre, one[1].spread) for one in asked[2:]] == [
        (0, -40.0, 20.0), (1, -40.0, 20.0), (0, 0.0, 1.0), (1, 0.0, 1.0)]  # fmt: skip


def test_every_seed_and_the_cost_of_the_example_reach_their_rows(shared, monkeypatch):
    rows, _ = asked_of(monkeypatch, corpus())
    for name in ("trained", "untrained"):
        assert rows["Deviation", scan.WORDS[128], name, "mean difference"]["n_seeds"] == 2
    table = scan.cost_table(WLER(len(CLASSES))).set_index("frames")
    row = next(line for (item, _, column, _), line in rows.items() if item == "Cost" and "relative" in column)
    assert row["value"] == pytest.approx(table.loc[scan.EXAMPLE, "ratio"])
    assert row["value"] < 1


def test_recordings_of_one_author_are_no_ground_for_an_interval(shared, monkeypatch):
    names = {name for clip in corpus().clips for name in clip.recording.split("+")}
    one = Disturbed(corpus(), authors=dict.fromkeys(names, "one author"))
    place = ("Deviation", scan.WORDS[128], "trained", "mean difference")
    found = [asked_of(monkeypatch, world)[0][place] for world in (corpus(), one)]
    assert [np.isnan(line["ci_low"]) for line in found] == [False, True]


def made_up(mean, largest, differ, n=5):
    return {
        "mean": np.full((n, 2), mean), "largest": np.full((n, 2), largest), "differ": np.full((n, 2), differ),
        "segments": np.full(n, 10.0), "steps": np.tile([0.4, 0.0, 0.1, 0.3], (n, 1)), "recording": np.full(n, 0.2),
        "decisions": np.full(n, 0.25),
    }  # fmt: skip


def test_rows_hold_means_largest_and_counts_over_recordings_and_seeds():
    rows, first = Rows(), made_up([0.1, 0.0], [0.5, 1e-7], [9.0, 0.0])
    second = made_up([0.3, 0.0], [0.9, 1e-8], [7.0, 1.0])
    scan.deviation_rows(rows, "trained", [first, second], Units(range(5)))
    found = {key: line["value"] for key, line in rows_of(rows).items()}
    alone, middle = (scan.WORDS[window] for window in (128, 192))
    assert found["Deviation", alone, "trained", "mean difference"] == pytest.approx(0.2)
    assert found["Largest deviation", alone, "trained", "largest difference"] == pytest.approx(0.9)
    assert found["Outputs that differ", alone, "trained", "count"] == 80
    assert found["Outputs that differ", middle, "trained", "count"] == 5
    assert found["Largest deviation", middle, "trained", "largest difference"] == pytest.approx(1e-7)
    steps = [found["Where", f"step {i} of 4", "trained", "relative difference"] for i in range(1, 5)]
    assert steps == pytest.approx([0.4, 0.0, 0.1, 0.3])
    assert found["Recordings", "decisions that change", "trained", "%"] == pytest.approx(25)
    assert found["Recordings", "largest difference of outputs", "trained", "mean difference"] == pytest.approx(0.2)
    assert "of 100 outputs" in rows_of(rows)["Outputs that differ", alone, "trained", "count"]["note"]


def test_the_reach_of_every_layer_is_that_of_the_network():
    """A network of weights above zero, given ever more of a recording, tells after each layer what its ends touched."""
    table = scan.reach()
    network = WLER(1, width=0.03).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    x = torch.rand(1, 512, 128, generator=torch.Generator().manual_seed(0)) + 1
    whole, alone = x.unsqueeze(1), x[:, 192:320].unsqueeze(1)
    for number, block in enumerate(network.blocks):
        whole, alone = block(whole)[0], block(alone)[0]
        step = 2 ** (number + 1)
        differs = (whole[0, :, 192 // step : 320 // step] - alone[0]).abs().amax((0, 2)) > 1e-4 * alone.abs().amax()
        line = table.iloc[number]
        assert (line["steps"], line["touched"]) == (len(differs), int(differs.sum()))
        assert bool(differs[0])
        assert bool(differs[-1])
        assert line["beyond"] == step - 1
    assert table["beyond"].iloc[-1] == CONTEXT


def test_multiply_adds_are_those_of_a_real_pass():
    network = WLER(10, width=0.03).eval()
    table = scan.cost_table(network, lengths=(128, 431)).set_index("frames")
    for model, column in ((network, "one pass"), (SegmentWise(network, HOP), "sliding window")):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.zeros(1, 431, 128))
        assert counter.get_total_flops() == 2 * table.at[431, column]
    assert table.at[128, "ratio"] == 1
    assert table.at[431, "segments"] == 10


def test_fifteen_seconds_cost_7_3_thousand_million_multiply_adds():
    table = scan.cost_table(WLER(10)).set_index("frames")
    assert round(table.at[1280, "one pass"] / 1e9, 1) == 7.4
    assert table.at[1280, "segments"] == 37
    assert table.at[1280, "ratio"] == pytest.approx(0.27, abs=0.005)
