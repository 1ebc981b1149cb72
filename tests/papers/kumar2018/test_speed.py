"""Times beside operations: every dot is a line of the run, published ratios only beside networks of full width."""

import numpy as np
import pandas as pd
import pytest

from companion.papers.kumar2018 import speed
from companion.report.evidence import columns


@pytest.fixture
def timed(make_run):
    """A run with one line for each phase at 10 s."""

    def make(profile):
        device = "cpu: a processor, 2 cores, 1 thread(s), 32-true"
        relative = pd.DataFrame(
            {"device": device, "length s": 10.0, "frames": 862, "phase": ["training", "inference"],
             "value": [0.6, 0.5], "ci_low": [0.55, 0.45], "ci_high": [0.7, 0.6]}
        )  # fmt: skip
        times = pd.DataFrame(
            [{"length s": 10.0, "frames": 862, "network": network, "phase": "training", "repeat": r, "ms": ms + r,
              "device": device} for network, ms in (("N_S", 3.0), ("N_S_slat", 5.0)) for r in range(3)]
        )  # fmt: skip
        cost = pd.DataFrame(
            {"length s": [1.5, 10.0], "frames": [128, 862], "segments": [1, 12], "multiply-adds N_S": [3_000_000] * 2,
             "multiply-adds N_S_slat": [3_000_000, 6_000_000], "ratio": [1.0, 0.5]}
        )  # fmt: skip
        words = ("Kumar2018", "Time by length, CPU", "Train time 1 epoch, 10 s", "N_S", "relative time")
        tables = {"relative": relative, "times": times, "cost": cost}
        return make_run(profile, [(*words, 0.6, 0.55, 0.7)], tables, experiment="kumar2018/network")

    return make


def column(run):
    """The only source of a page."""
    return columns({run.profile: run}, None)[0]


def test_published_ratios_stand_beside_full_width_only(timed):
    (recorded,) = speed.ratio_by_length(column(timed("esc50"))).axes
    (narrow,) = speed.ratio_by_length(column(timed("demo"))).axes
    dots = {str(line.get_label()): line.get_ydata()[0] for line in recorded.lines if "published" in line.get_label()}
    assert dots == {"training, published": 0.61, "inference, published": 0.67}
    assert not [line for line in narrow.lines if "published" in str(line.get_label())]


def test_the_line_is_counted_and_the_dots_are_timed(timed):
    (axis,) = speed.ratio_by_length(column(timed("demo"))).axes
    assert axis.lines[0].get_ydata().tolist() == [1.0, 0.5]
    training, inference = (container.lines for container in axis.containers)
    assert [line[0].get_ydata().tolist() for line in (training, inference)] == [[0.6], [0.5]]
    np.testing.assert_allclose(training[2][0].get_segments()[0][:, 1], [0.55, 0.7])
    np.testing.assert_allclose(inference[2][0].get_segments()[0][:, 1], [0.45, 0.6])


def test_every_device_has_a_panel(timed):
    run = timed("esc50")
    run.table("relative")
    run._tables["relative"] = pd.concat(
        [run.table("relative"), run.table("relative").assign(device="cuda: an accelerator", value=0.9)]
    )
    axes = speed.ratio_by_length(column(run)).axes
    assert [axis.get_title(loc="left") for axis in axes] == ["cpu: a processor", "cuda: an accelerator"]
    assert [axis.containers[0].lines[0].get_ydata().tolist() for axis in axes] == [[0.6], [0.9]]


def test_tables_say_what_the_run_says(timed):
    run = timed("esc50")
    assert "| 10.0 | training | 4.0 | 6.0 |" in speed.time_table(column(run)).markdown
    assert "| 10.0 | 862 | 12 | 3.0 | 6.0 | 0.500 |" in speed.cost_table(run).markdown
    assert "0.600 [0.550, 0.700]" in speed.by_length("Kumar2018", column(run)).markdown
