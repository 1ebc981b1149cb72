"""Truths of test mixtures: what is known of them, and where false alarms and missed events are counted."""

import math

import numpy as np
import pytest

from companion.datasets.synthetic.rare import SyntheticRare
from companion.events import author_of
from companion.papers.diment2017 import transfer
from companion.papers.diment2017.learning import TargetSettings
from companion.papers.diment2017.scored import Scores
from companion.papers.diment2017.scored import test_set as tests_of
from companion.results.rows import Rows
from papers.diment2017.made_up import N, right_in, rows_of, system
from papers.diment2017.tiny import World

# Control, and where events are missed


def test_false_alarms_are_counted_where_the_target_is_not(made_up):
    """Every event of the target is found; of six other events in a rotation, so many are taken for it."""
    alarms = {"from scratch": 6, "a": 0, "b": 3, "c": 1, "full": 2}

    def said(scheme, heard):
        if heard.part == "test":
            return heard.right(heard.first(3))
        other = np.cumsum(~heard.labels) <= alarms[system(scheme, heard)]
        return np.where(heard.labels | other, 0.9, 0.1)

    rows = rows_of(transfer.compute(made_up(said=said)))
    found = {row: line for (item, row, _), line in rows.items() if item == "Control"}
    names = {"full": "full 1800: from scratch"}
    assert {row: line["value"] for row, line in found.items()} == pytest.approx(
        {names.get(name, name): 100 * n / 6 for name, n in alarms.items()}
    )
    assert {line["n_clips"] for line in found.values()} == {12}
    assert {line["measure"] for line in found.values()} == {"false alarms %"}
    half = found["b"]
    assert half["ci_high"] - 50 == pytest.approx(50 - half["ci_low"])
    low, third = (math.log(x / (100 - x)) for x in (found[names["full"]]["ci_low"], 100 / 3))
    assert math.log(1 / (100 / found[names["full"]]["ci_high"] - 1)) - third == pytest.approx(third - low)


def test_without_a_control_nothing_is_said_of_one(made_up):
    without = {"n_test": N, "n_control": 0}
    findings = transfer.compute(made_up(target=without, full=without))
    assert not [line for line in findings.rows.lines if line["item"] == "Control"]
    assert "control_predictions" not in findings.tables


@pytest.mark.parametrize("ratio", [-6.0, 0.0, 6.0])
def test_events_are_told_apart_by_their_ratio(made_up, ratio):
    findings = transfer.compute(made_up(by_event=True, said=lambda scheme, heard: heard.right(heard.ratio == ratio)))
    found = {column: line["value"] for (item, row, column), line in rows_of(findings).items()
             if (item, row) == ("By event", "c") and "dB" in column}  # fmt: skip
    assert found == pytest.approx({f"event at {one:+g} dB": 100.0 * (one == ratio) for one in (-6.0, 0.0, 6.0)})


@pytest.mark.parametrize("third", [0, 1, 2, None])
def test_events_are_told_apart_by_their_onset(made_up, third):
    """In thirds of the time between the first onset of any mixture and the last; None: only mixtures without one."""
    tests = tests_of(World(), TargetSettings(n_test=N), "test", 2)
    onset = tests.table["onset"]
    edges = onset.min() + np.ptp(onset.dropna()) / 3 * np.arange(4) + [-1, 0, 0, 1]

    def said(scheme, heard):
        within = np.isnan(heard.onset) if third is None else (heard.onset > edges[third]) & (
            heard.onset <= edges[third + 1])  # fmt: skip
        return heard.right(within)

    rows = rows_of(transfer.compute(made_up(by_event=True, said=said)))
    columns = ("onset in the first third", "onset in the second third", "onset in the last third", "no event")
    found = [rows["By event", "c", column]["value"] for column in columns]
    assert found == pytest.approx([100.0 * (i == (3 if third is None else third)) for i in range(4)])
    assert sum(rows["By event", "c", column]["n_clips"] for column in columns) == 2 * N


# Levels


def test_whoever_is_a_little_surer_than_not_has_said_yes(world):
    tests = tests_of(world, TargetSettings(n_test=N), "test", 2)
    scores = Scores(tests, Rows())
    scores.add("just so", [np.where(tests.labels, 0.51, 0.49).astype(np.float32)])
    assert scores.right("just so").all()
    scores.add("just not", [np.where(tests.labels, 0.49, 0.51).astype(np.float32)])
    assert not scores.right("just not").any()


def test_the_interval_of_a_level_is_one_of_log_odds(made_up):
    """Both ends lie as far from the value, on the scale on which a share of clips has no end."""
    rows = rows_of(transfer.compute(made_up(said=right_in({"a": 20, "c": 15}))))

    def log_odds(percent):
        return math.log(percent / (100 - percent))

    levels = [line for line in rows.values() if line["measure"] in ("accuracy %", "false alarms %")]
    within = [line for line in levels if 0 < line["value"] < 100 and line["ci_low"] < line["value"] < line["ci_high"]]
    assert {"Table1", "Bound"} <= {line["item"] for line in within}
    for line in within:
        low, value, high = (log_odds(line[name]) for name in ("ci_low", "value", "ci_high"))
        assert high - value == pytest.approx(value - low), line["row"]


def test_findings_are_of_the_seeds_and_recordings_that_they_say(made_up):
    findings = transfer.compute(made_up())
    assert list(findings.seeds) == [0, 1, 2]
    clips = tests_of(World(), TargetSettings(n_test=N), "test", 2).clips
    assert findings.n_recordings == len({name for clip in clips for name in clip.recording.split("+")})
    assert findings.n_recordings < len(clips)


# Test mixtures


def test_the_table_of_test_mixtures_says_what_they_are(world):
    settings = TargetSettings(n_test=10, n_control=6)
    for part, n in (("test", 10), ("control", 6)):
        tests = tests_of(world, settings, part, 2)
        assert tests.table["rotation"].tolist() == [0] * n + [1] * n
        assert tests.labels.sum() == n, "half of each"
        for line, clip in zip(tests.table.itertuples(), tests.clips, strict=True):
            assert (line.clip, line.label) == (clip.id, bool(clip.weak))
            assert clip.id.startswith(f"target-test-{line.rotation}")
            assert math.isnan(line.onset) == math.isnan(line.ratio_db) == (not clip.weak)
            assert not clip.weak or line.onset == pytest.approx(clip.strong[0].onset)


def test_predictions_are_kept_beside_their_mixtures(made_up):
    findings = transfer.compute(made_up(said=lambda scheme, heard: heard.right(heard.first(8 * heard.seed + 8))))
    table = findings.tables["test_predictions"]
    assert len(table) == 2 * N
    for run in range(3):
        right = (table[f"c | run {run}"] > 0.5) == table["label"]
        assert right.tolist() == [i < 8 * run + 8 for _ in (0, 1) for i in range(N)]
    assert len(findings.tables["control_predictions"]) == 24


def test_tested_sounds_are_in_no_training_and_counted_by_recording():
    """In the world of the demo too: no recording and no author of a test mixture trains either task."""
    for sounds in (SyntheticRare(0), World()):
        for rotation in range(sounds.rotations):
            test, *others = (
                sounds.pool(task, part, rotation)
                for task, part in (
                    ("target", "test"),
                    ("target", "train"),
                    *(("source", p) for p in sounds.parts("source")),
                )
            )
            for other in others:
                assert not {row.recording for row in test.cuts} & {row.recording for row in other.cuts}
                assert not {author_of(row) for row in test.cuts} & {author_of(row) for row in other.cuts}
    tests = tests_of(World(), TargetSettings(n_test=N), "test", 2)
    heard = {name for clip in tests.clips for name in clip.recording.split("+")}
    assert tests.units.n_recordings == len(heard)
