"""Times beside operations: every dot is a line of the run, published ratios only beside networks of full width."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from companion.papers.kumar2018 import speed
from companion.report.tables import comparison_table


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


def page(recorded, build):
    """What the page of this chapter has of its runs."""

    def table(item):
        return comparison_table("Kumar2018", item, recorded, build)

    return SimpleNamespace(recorded=recorded, build=build, table=table)


def test_published_ratios_stand_beside_full_width_only(timed):
    figure = speed.ratio_by_length(page({"esc50": timed("esc50")}, timed("demo")))
    recorded, build = ([str(line.get_label()) for line in axis.lines] for axis in figure.axes)
    assert [label for label in recorded if "published" in label] == ["training, published", "inference, published"]
    assert not [label for label in build if "published" in label]
    dots = [line for line in figure.axes[0].lines if "published" in str(line.get_label())]
    assert [line.get_ydata()[0] for line in dots] == [0.61, 0.67]


def test_the_line_is_counted_and_the_dots_are_timed(timed):
    (axis,) = speed.ratio_by_length(page({}, timed("demo"))).axes
    assert axis.lines[0].get_ydata().tolist() == [1.0, 0.5]
    training = axis.containers[0].lines
    assert training[0].get_ydata().tolist() == [0.6]
    np.testing.assert_allclose(training[2][0].get_segments()[0][:, 1], [0.55, 0.7])


def test_tables_say_what_the_run_says(timed):
    run = timed("demo")
    assert "| 10.0 | training | 4.0 | 6.0 |" in speed.time_table(page({}, run)).markdown
    assert "| 10.0 | 862 | 12 | 3.0 | 6.0 | 0.500 |" in speed.cost_table(run).markdown
    both = speed.by_length(page({"esc50": timed("esc50")}, run)).markdown
    assert both.count("Train time 1 epoch, 10 s") == 1, "one table for both sources"
