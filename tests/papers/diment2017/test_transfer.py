"""Truths of Table 1: planted scores land in their rows and decide the claims, and seeds, rotations and sources meet."""

import math

import numpy as np
import pytest

from companion.datasets.synthetic.rare import SyntheticRare
from companion.events import author_of
from companion.papers.diment2017 import transfer
from companion.papers.diment2017.learning import TargetSettings
from companion.papers.diment2017.scored import test_set as tests_of
from companion.results.criteria import load_class_mapping, load_criteria
from companion.results.published import load_published
from companion.results.rows import KEY
from companion.results.verdict import Reader, Verdict, published_rows, verdict
from papers.diment2017.tiny import World

PUBLISHED, CRITERIA = load_published(), load_criteria()
IDS = {"from scratch": "C151", "a": "C152", "b": "C153", "c": "C154", "full": "C155"}
CLAIMS = {"C158": "a", "C159": "b", "C160": "c"}
N = 24
"""Test mixtures of a rotation."""


def rows_of(findings):
    """Rows by item, row and column; no two have the same words."""
    found = {(line["item"], line["row"], line["column"]): line for line in findings.rows.lines}
    assert len(found) == len(findings.rows.lines)
    return found


def system(scheme, heard):
    """Training from scratch with many mixtures has a name of its own here."""
    return "full" if heard.n_mixtures == 8 else scheme


def right_in(**counts):
    """Systems that are right in so many of a rotation's 24 mixtures, the first ones; others in half of them."""
    return lambda scheme, heard: heard.right(heard.first(counts.get(system(scheme, heard).replace(" ", "_"), N // 2)))


def published_value(rows, name):
    """The row that answers a published one."""
    return rows[tuple(PUBLISHED.loc[name, KEY[1:4]])]


def judged(run) -> dict[str, Verdict | None]:
    """What a run says of the published rows that this chapter answers; None where it says nothing."""
    reader = Reader(run, published_rows(PUBLISHED), load_class_mapping())
    return {name: verdict(CRITERIA[name], reader) for name in transfer.experiment.answers}


# Planted scores


def test_each_system_has_its_own_row_of_the_published_table(made_up):
    counts = {"from_scratch": 12, "a": 15, "b": 10, "c": 21, "full": 23}
    rows = rows_of(transfer.compute(made_up(said=right_in(**counts))))
    for name, published in IDS.items():
        row = published_value(rows, published)
        assert row["value"] == pytest.approx(100 * counts[name.replace(" ", "_")] / N)
        assert row["measure"] == PUBLISHED.loc[published, "measure"]
        assert row["n_seeds"] == (2 if name == "full" else 3)
        assert row["ci_low"] < row["value"] < row["ci_high"]
    assert sum(item == "Table1" for item, *_ in rows) == len(IDS)


@pytest.mark.parametrize("best", IDS)
def test_a_system_that_is_always_right_has_all_in_its_own_row_and_nothing_elsewhere(made_up, best):
    def said(scheme, heard):
        return heard.right(system(scheme, heard) == best)

    rows = rows_of(transfer.compute(made_up(by_event=True, said=said)))
    found = {name: published_value(rows, published)["value"] for name, published in IDS.items()}
    assert found == pytest.approx({name: 100.0 * (name == best) for name in IDS})
    own = {"full": "full 1800: from scratch"}.get(best, best)
    for (item, row, _), line in rows.items():
        if item == "By event":
            expected = best if row in ("from scratch", "a", "b", "c") else "full"
            assert line["value"] == pytest.approx(100.0 * (expected == best and row == own))


def test_rotations_and_seeds_count_alike(made_up):
    """Right in rotation 1 alone, and by seed: means over both."""
    said = lambda scheme, heard: heard.right((heard.rotation == 1) & heard.first(6 * (heard.seed + 1)))  # noqa: E731
    rows = rows_of(transfer.compute(made_up(said=said)))
    assert published_value(rows, "C154")["value"] == pytest.approx(100 * np.mean([6, 12, 18]) / N / 2)
    assert published_value(rows, "C155")["value"] == pytest.approx(100 * np.mean([6, 12]) / N / 2)


def test_differences_are_of_the_same_mixtures_and_exchanged_systems_exchange_their_sign(made_up):
    def said(scheme, heard):
        draws = np.random.default_rng([heard.rotation, heard.seed, len(scheme)]).random(len(heard.labels))
        return heard.right(draws < (0.7 if system(scheme, heard) == "from scratch" else 0.4))

    def exchanged(scheme, heard):
        other = {"c": "from scratch", "from scratch": "c"} if system(scheme, heard) != "full" else {}
        return said(other.get(scheme, scheme), heard)

    one, two = (rows_of(transfer.compute(made_up(said=of))) for of in (said, exchanged))
    row = ("Paired", f"{transfer.ROWS['c']} - {transfer.ROWS['from scratch']}", transfer.COLUMN)
    for this, that in ((one, two), (two, one)):
        levels = [published_value(this, name)["value"] for name in ("C154", "C151")]
        assert this[row]["value"] == pytest.approx(levels[0] - levels[1])
        ends = [this[row][name] for name in ("value", "ci_low", "ci_high")]
        assert ends == pytest.approx([-that[row][name] for name in ("value", "ci_high", "ci_low")])
        assert this[row]["p_value"] == pytest.approx(that[row]["p_value"])
    assert one[row]["value"] < -10


# The claims, as the criteria judge them


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_planted_scores_decide_the_claims(made_up, run_of, turn):
    """(a) and (c) above training from scratch, (b) below: one more right, one less, one as often, but elsewhere."""
    signs = dict(zip(CLAIMS, np.roll([1, -1, 0], turn).tolist(), strict=True))
    of_scheme = {CLAIMS[claim]: sign for claim, sign in signs.items()}

    def said(scheme, heard):
        sign = of_scheme.get(scheme, 1)
        if scheme == "from scratch":
            return heard.right(heard.first(12))
        return heard.right(heard.first(12 + 10 * sign) if sign else ~heard.first(12))

    found = judged(run_of(transfer, transfer.compute(made_up(said=said))))
    for claim, sign in signs.items():
        expected = {1: "holds", -1: "contradicted", 0: "not settled"}[-sign if claim == "C159" else sign]
        assert found[claim].words == expected, claim
        assert found[claim].value == pytest.approx(100 * 10 * sign / N)


@pytest.mark.parametrize(("n", "words"), [(22, "holds"), (13, "contradicted"), (18, "not settled")])
def test_x09_is_the_middle_of_few_mixtures_and_many(made_up, run_of, n, words):
    """12 of 24 with few, all with many: the middle is 18."""

    def said(scheme, heard):
        if n == 18 and scheme == "c":  # as often right, elsewhere
            return heard.right(~heard.first(6))
        return right_in(from_scratch=12, full=24, c=n)(scheme, heard)

    found = judged(run_of(transfer, transfer.compute(made_up(said=said))))["X09"]
    assert found.words == words
    assert found.value == pytest.approx(100 * (n - 18) / N)


def test_the_middle_is_taken_seed_by_seed_over_those_that_all_systems_have(made_up):
    """Two seeds learn from many mixtures: the third of (c) and of few does not count, here or there."""
    right = {"c": (20, 16, 0), "from scratch": (4, 8, 24), "full": (24, 20)}
    said = lambda scheme, heard: heard.right(heard.first(right[system(scheme, heard)][heard.seed]))  # noqa: E731
    row = rows_of(transfer.compute(made_up(said=said, schemes=("from scratch", "c"))))[
        "Prose", "(c) - midpoint from few to full data", transfer.COLUMN
    ]
    assert row["value"] == pytest.approx(100 * np.mean([20 - (4 + 24) / 2, 16 - (8 + 20) / 2]) / N)
    assert row["n_seeds"] == 2


def test_a_source_that_was_not_learned_answers_for_no_transfer(made_up, run_of):
    """The mean of the source networks decides: what was transferred is then not what the paper transferred."""
    learned, not_learned = (
        judged(run_of(transfer, transfer.compute(made_up(accuracy=[0.95, second])))) for second in (0.76, 0.74)
    )
    transferred = {"C152", "C153", "C154", *CLAIMS, "X09"}
    assert {name for name, found in learned.items() if found} == {"C151", "C155", *transferred}
    assert {name for name, found in not_learned.items() if found} == {"C151", "C155"}


@pytest.mark.parametrize("schemes", [("from scratch", "a"), ("from scratch", "b, tuned"), ("from scratch", "d")])
def test_every_scheme_that_takes_from_the_source_asks_whether_it_was_learned(made_up, schemes):
    rows = rows_of(transfer.compute(made_up(schemes=schemes, accuracy=[0.6, 0.6])))
    layer = "convolution" if schemes[1] == "d" else "LSTM"
    assert rows["Source task", f"{layer} below", "test mixtures"]["value"] == pytest.approx(60)
    assert not any(item == "Table1" and "(a)" in row for item, row, _ in rows)


def test_accuracy_of_source_taggers_is_that_of_all(made_up):
    accuracy = [0.9, 0.99]
    findings = transfer.compute(made_up(accuracy=accuracy))
    row = rows_of(findings)["Source task", "LSTM below", "test mixtures"]
    assert (row["value"], row["n_seeds"]) == (pytest.approx(94.5), 2)
    assert math.isnan(row["ci_low"])
    assert row["note"] == "of each network: 90.0, 99.0; learned from 85 on"
    curves = findings.tables["source_curves"]
    assert list(zip(curves["seed"], curves["accuracy"], strict=True)) == list(enumerate(accuracy))


def test_other_schemes_are_compared_and_answer_nothing(made_up, run_of):
    schemes = ("from scratch", "b, tuned", "c, from scratch")
    findings = transfer.compute(made_up(schemes=schemes, said=right_in(from_scratch=6, **{"b,_tuned": 18})))
    rows = rows_of(findings)
    assert rows["Other schemes", "low-level fix, the rest tuned from the source", transfer.COLUMN][
        "value"
    ] == pytest.approx(75)
    assert rows["Paired", f"b, tuned - {transfer.ROWS['from scratch']}", transfer.COLUMN]["value"] == pytest.approx(50)
    assert {name for name, found in judged(run_of(transfer, findings)).items() if found} == {"C151", "C155"}


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


# Seeds, rotations, sources


def test_seeds_take_source_networks_in_turn_and_hand_them_to_every_rotation(made_up):
    task = made_up()
    object.__setattr__(task, "seed", 5)
    transfer.compute(task)
    sources = {arguments[-1]: arguments[-2] for name, arguments in task.asked if name == "train_source"}
    assert sources == {5: 0, 6: 1}
    trained = [arguments for name, arguments in task.asked if name == "train_target"]
    few = {(a[3], a[5], a[6], a[7]) for a in trained if a[5] == 6}
    assert few == {(scheme, 6, rotation, seed) for scheme in transfer.ROWS for rotation in (0, 1) for seed in (5, 6, 7)}
    many = {(a[3], a[5], a[6], a[7]) for a in trained if a[5] == 8}
    assert many == {("from scratch", 8, rotation, seed) for rotation in (0, 1) for seed in (5, 6)}


def test_each_seed_transfers_the_source_whose_turn_it_is_and_none_reaches_training_from_scratch(made_up):
    task = made_up(accuracy=[0.9, 0.91])
    transfer.compute(task)
    for name, arguments in task.asked:
        if name == "train_target":
            scheme, source, seed = arguments[3], arguments[4], arguments[7]
            assert (source is None) == (scheme == "from scratch")
            assert source is None or source.accuracy == 0.9 + (seed % 2) / 100


@pytest.mark.parametrize(("n_sources", "rotations", "expected"), [(1, 2, [0]), (2, 1, [0, 0]), (3, 2, [0, 1, 0])])
def test_each_source_parts_the_sounds_in_another_way_while_there_are_any(made_up, n_sources, rotations, expected):
    task = made_up(n_sources=n_sources, rotations=rotations, schemes=("from scratch", "c"))
    transfer.compute(task)
    found = {arguments[-1]: arguments[-2] for name, arguments in task.asked if name == "train_source"}
    assert found == dict(enumerate(expected))


def test_many_mixtures_are_learned_with_settings_of_their_own(made_up):
    full = TargetSettings(epochs=7, n_test=N, n_control=12)
    task = made_up(full=full)
    transfer.compute(task)
    settings = {(a[5], a[2].epochs) for name, a in task.asked if name == "train_target"}
    assert settings == {(6, 2), (8, 7)}
