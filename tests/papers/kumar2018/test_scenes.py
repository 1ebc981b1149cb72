"""Truths of the chapter on scenes: what a test fold decides (nothing), and what every row is made of."""

from dataclasses import replace

import numpy as np
import pytest

from companion.datasets.dcase2016_lists import TABLE_3
from companion.evaluation.intervals import interval
from companion.papers.kumar2018 import cells, relations, scenes, tagging, tsne
from companion.papers.kumar2018.adaptation import load_target
from companion.papers.kumar2018.cell_rows import Table
from companion.papers.kumar2018.cells import OWN_OUTPUT, PLAIN, Cell, Key
from companion.papers.kumar2018.scenes import BASELINE, BEST
from companion.papers.kumar2018.unit_lists import unit_counts
from companion.results.published import load_published
from companion.results.rows import Rows
from papers.kumar2018 import made_up_cells
from papers.kumar2018.made_up_cells import accuracy, exchanged, framed
from papers.kumar2018.tiny import TINY_SCENES, tiny_task
from papers.kumar2018.unheard import assert_fold_decided_nothing
from worlds import Disturbed

FOLD = 3
SCENES = tuple("abcde")
POINTS = "accuracy difference, points"


def task_of(world, **settings):
    return tiny_task(scenes.experiment, {**TINY_SCENES, **settings}, scenes=world)


@pytest.fixture(scope="module")
def made():
    return made_up_cells.cells(made_up_cells.target(SCENES), [BASELINE])


@pytest.fixture(scope="module")
def rows(made):
    found = Rows()
    scenes.result_rows(found, made)
    return framed(found)


def test_a_test_fold_decides_nothing_that_is_said_of_it(shared, places, scenes_world):
    """Other labels in a fold, and noise in half of it: networks, probes, baseline and lists stay as they were."""
    fold = scenes_world.of_fold(FOLD)
    half = fold[::2]
    world = Disturbed(scenes_world, folds=4, labels=fold, noise=half)
    found = scenes.compute(task_of(world))
    assert_fold_decided_nothing(places, found, FOLD, half)
    assert f"{BASELINE.name} | run 0" in found.tables["predictions"]

    kept = [i for i, clip in enumerate(scenes_world.clips) if clip.fold == FOLD and clip.id not in half]
    others = [i for i, clip in enumerate(scenes_world.clips) if clip.fold != FOLD]
    lists = []
    for one in (scenes_world, world):
        task = task_of(one)
        lists.append(unit_counts(task, load_target(one), tagging.source_networks(task)))
    for network in lists[0]:
        (before,), (after,) = (listed[network] for listed in lists)
        np.testing.assert_array_equal(before[kept], after[kept], err_msg=network)
        assert np.array_equal(before[others], after[others]) == (network == "N_S"), "they train the other folds' lists"


def test_the_baseline_is_the_challenges_without_the_clips_fold(shared, places, scenes_world, monkeypatch):
    """What it is given; its predictions are the column's."""
    asked = []

    def folds(frames, labels, folds, **options):
        asked.append((len(frames), labels.tolist(), folds.tolist(), frames[0].shape[1], options))
        return labels

    monkeypatch.setattr(scenes, "mfcc_gmm_folds", folds)
    target = load_target(scenes_world)
    found = scenes.baseline(task_of(scenes_world).work, scenes_world, 2, 5)
    assert asked == [(40, target.labels.tolist(), target.folds.tolist(), 60,
                      {"n_components": 2, "seed": 5, "n_jobs": asked[0][-1]["n_jobs"]})]  # fmt: skip
    np.testing.assert_array_equal(found.arrays["predicted"], target.labels)
    monkeypatch.undo()
    column = places.tables["predictions"][f"{BASELINE.name} | run 0"]
    classes = np.array(scenes_world.classes)
    own = scenes.baseline(task_of(scenes_world).work, scenes_world, TINY_SCENES["n_components"], 0)
    assert column.tolist() == classes[own.arrays["predicted"]].tolist()


def test_every_seed_takes_its_own_source_and_its_own_number(shared, scenes_world, monkeypatch):
    """Two seeds, two source networks: which network is adapted, by which seed, and what the controls are drawn with."""
    task = task_of(scenes_world, n_seeds=2, untrained_seeds=2)
    target = load_target(scenes_world)
    sources = tagging.source_networks(task)
    asked = []

    def adapted(task, trunk, network, target, method, seed, curves):
        asked.append((trunk, network.digest, method, seed))
        yield Cell(Key(trunk, f"N_T^{method}", "F1 max"), target.labels)

    def fixed(task, trunk, network, target):
        asked.append((trunk, network.digest, "", -1))
        yield Cell(Key(trunk, "N_S", "F1 max"), target.labels)

    monkeypatch.setattr(cells, "adapted", adapted)
    monkeypatch.setattr(cells, "off_the_shelf", fixed)
    monkeypatch.setattr(cells, "fixed", lambda *_: iter(()))
    found = cells.predict(task, target, sources)
    width, n_classes = sources[0].network.width, sources[0].network.n_classes
    controls = [cells.untrained(n_classes, width, seed).digest for seed in (0, 1)]
    expected = []
    for seed in (0, 1):
        expected += [("source", sources[seed].digest, "", -1)]
        expected += [("source", sources[seed].digest, method, seed) for method in ("I", "II", "III")]
        expected += [("untrained", controls[seed], "", -1), ("untrained", controls[seed], "III", seed)]
    assert asked == expected
    assert len({*controls, *(source.digest for source in sources)}) == 4
    assert {len(seeds) for seeds in found.found.values()} == {2}
    asked.clear()
    cells.predict(task, target, sources[:1])
    alone = [entry for entry in asked if entry[0] == "source"]
    assert {digest for _, digest, *_ in alone} == {sources[0].digest}
    assert [seed for *_, seed in alone] == [-1, 0, 0, 0, 1, 1, 1], "as it is a network gives the same cells again"


def test_chapters_on_scenes_and_maps_start_from_the_networks_of_tagging():
    for profile, settings in tagging.PROFILES.items():
        for chapter in (scenes, tsne):
            chosen = chapter.PROFILES[profile]
            assert (chosen.weak, chosen.source) == (settings.weak, settings.source), (profile, chapter.__name__)
            assert chosen.n_seeds <= settings.n_seeds or chosen.weights
    assert relations.experiment.profiles is scenes.PROFILES


def test_every_cell_has_its_row_and_its_mean_over_folds(made, rows):
    published = load_published()
    fourteen = published[published["item"] == "Table3 lower"]
    assert len(fourteen) == 14
    for _, line in fourteen.iterrows():
        row = rows.loc[("Table3 lower", line["row"], line["column"], line["measure"])]
        assert row["value"] == pytest.approx(accuracy(made, Key("source", line["row"], line["column"], PLAIN)))
        assert row["ci_low"] < row["value"] < row["ci_high"]
        assert (row["n_clips"], row["n_recordings"], row["n_seeds"]) == (40, 40, 2)
    for key in made.found:
        item = "Own output" if not key.probe else "Table3 lower" if key.trunk == "source" else "Table3 controls"
        item += ", standardised" if key.probe not in ("", PLAIN) else ""
        name = key.row + (" (untrained trunk)" if key.trunk == "untrained" else "")
        value = rows.loc[(item, name, key.column, "accuracy %"), "value"]
        assert value == pytest.approx(accuracy(made, key)), key


def test_scenes_are_scored_on_their_own_clips(made, rows):
    labels = made.target.labels
    for index, name in [(None, "Mean"), *enumerate(SCENES)]:
        kept = None if index is None else labels == index
        best, base = (accuracy(made, key, kept) for key in (BEST, BASELINE))
        upper = rows.loc[("Table3 upper", name)]["value"]
        assert upper["N_T^III F1 max", "accuracy %"] == pytest.approx(best)
        assert upper["Baseline (MFCC-GMM)", "accuracy %"] == pytest.approx(base)
        gain = rows.loc[("Paired", name, "N_T^III F1 max - Baseline (MFCC-GMM)", POINTS)]
        assert gain["value"] == pytest.approx(best - base)
        assert gain["n_clips"] == (40 if index is None else 8)


def test_scenes_of_the_papers_corpus_stand_under_the_papers_words():
    made = made_up_cells.cells(made_up_cells.target(sorted(TABLE_3), per_class=4, folds=2), [BASELINE], n_seeds=1)
    found = Rows()
    scenes.result_rows(found, made)
    rows = framed(found)
    published = load_published()
    for _, line in published[published["item"] == "Table3 upper"].iterrows():
        assert ("Table3 upper", line["row"], line["column"], line["measure"]) in rows.index, line["row"]
    index = sorted(TABLE_3).index("city_center")
    expected = accuracy(made, BEST, made.target.labels == index)
    assert rows.loc[("Table3 upper", "City Center", "N_T^III F1 max", "accuracy %"), "value"] == pytest.approx(expected)


def test_differences_turn_with_what_is_exchanged(made, rows):
    def turned(one, other):
        found = Rows()
        scenes.result_rows(found, exchanged(made, one, other))
        return framed(found)["value"]

    trunks, networks = turned("source", "untrained"), turned("N_S", "N_T^III")
    for column in cells.COLUMNS:
        one = ("Paired", "N_S - N_S (untrained trunk)", column, POINTS)
        assert trunks[one] == pytest.approx(-rows.loc[one, "value"])
        assert rows.loc[one, "value"] == pytest.approx(
            accuracy(made, Key("source", "N_S", column)) - accuracy(made, Key("untrained", "N_S", column))
        )
        two = ("Paired", "N_T^III - N_S", column, POINTS)
        assert networks[two] == pytest.approx(-rows.loc[two, "value"])
    for row in ("N_T^I", "N_T^II"):
        gain = rows.loc[("Paired", f"N_T^III - {row}", "F1 max", POINTS), "value"]
        assert gain == pytest.approx(accuracy(made, BEST) - accuracy(made, Key("source", row, "F1 max")))
    for row in ("N_S", "N_T^II"):
        gain = rows.loc[("Paired", row, "F1 max - F1 avg", POINTS), "value"]
        expected = accuracy(made, Key("source", row, "F1 max")) - accuracy(made, Key("source", row, "F1 avg"))
        assert gain == pytest.approx(expected)
    other = replace(made, found={**made.found, BEST: made.found[BASELINE], BASELINE: made.found[BEST]})
    found = Rows()
    scenes.result_rows(found, other)
    for name in ("Mean", *SCENES):
        key = ("Paired", name, "N_T^III F1 max - Baseline (MFCC-GMM)", POINTS)
        assert framed(found).loc[key, "value"] == pytest.approx(-rows.loc[key, "value"])


@pytest.mark.parametrize(("family", "layers"), [("10 cells", ("F1", "F2")), ("6 F1 cells", ("F1",))])
def test_the_mean_gain_of_a_family_of_adapted_cells_is_the_mean_of_just_these(made, rows, family, layers):
    gains = [
        accuracy(made, Key("source", row, column)) - accuracy(made, Key("source", "N_S", column))
        for row in ("N_T^I", "N_T^II", "N_T^III")
        for column in cells.COLUMNS
        if Key("source", row, column) in made.found and column.startswith(layers)
    ]
    assert len(gains) == int(family.split()[0])
    line = rows.loc[("Paired", "adapted - N_S", f"mean of {family}", POINTS)]
    assert line["value"] == pytest.approx(np.mean(gains))


def test_the_lowest_scene_has_an_upper_end_that_holds_for_all_together(made, rows):
    table = Table(made.target, made.correct(), Rows())
    gains = {}
    for index, name in enumerate(SCENES):
        gain = table.correct[BEST].astype(float) - table.correct[BASELINE]
        gains[name] = table.linearised(gain, made.target.labels == index)
    values = {name: float(one.by_seed.mean()) for name, one in gains.items()}
    line = rows.loc[("Prose", "lowest of all scenes", "N_T^III F1 max - Baseline (MFCC-GMM)", POINTS)]
    assert line["value"] == pytest.approx(100 * min(values.values()))
    assert f"the lowest is {min(values, key=values.get)}" in line["note"]
    plain = [interval(one, bounds=(-1.0, 1.0)) for one in gains.values()]
    joint = [interval(one, bounds=(-1.0, 1.0), level=1 - 0.05 / 5) for one in gains.values()]
    assert line["ci_low"] == pytest.approx(100 * min(one.low for one in plain))
    assert line["ci_high"] == pytest.approx(100 * min(one.high for one in joint))
    assert line["ci_high"] > 100 * min(one.high for one in plain), "more doubt for five scenes than for one"
    assert line["n_recordings"] == plain[0].n_recordings, "recordings of several scenes are not added up"


def test_bed_groups_by_hand():
    """Two groups of scenes in turn: a, c, e and b, d. Who hears the bed, and who the scene."""
    target = made_up_cells.target(SCENES, per_class=4, folds=2)
    made = made_up_cells.cells(target, [BASELINE], n_seeds=1)
    other_of_group = np.array([2, 3, 4, 1, 0])[target.labels]
    half = np.where(np.arange(20) % 2, target.labels, other_of_group)
    wrong_bed = (target.labels + 1) % 5  # of another group, but for e, which becomes a
    quarter = np.where(np.arange(20) % 4 == 0, target.labels, wrong_bed)
    bed_alone = np.where(np.arange(20) < 2, target.labels, other_of_group)
    said = {BASELINE: bed_alone, Key("source", "N_S", "F1 max", PLAIN): half, BEST: quarter}
    for key, predictions in said.items():
        made.found[key] = [Cell(key, predictions)]
    found = Rows()
    scenes.result_rows(found, made)
    assert framed(found)["p_value"].loc["Bed groups"].isna().all(), "shares are compared with nothing"
    rows = framed(found)["value"].loc["Bed groups"].droplevel("measure")
    by_fold = [target.folds == 1, target.folds == 2]

    def share(what):
        return 100 * np.mean([what[fold].mean() for fold in by_fold])

    group = target.labels % 2
    for name, key in (("Baseline (MFCC-GMM)", BASELINE), ("N_S F1 max", list(said)[1]), ("N_T^III F1 max", BEST)):
        bed, scene = share(said[key] % 2 == group), share(said[key] == target.labels)
        assert rows[name, "right bed"] == pytest.approx(bed)
        assert rows[name, "right scene where the bed is right"] == pytest.approx(100 * scene / bed)
    assert rows["Baseline (MFCC-GMM)", "right bed"] == 100
    assert rows["Baseline (MFCC-GMM)", "right scene where the bed is right"] == pytest.approx(
        100 * (1 / 15 + 1 / 5) / 2
    )
    assert rows["N_T^III F1 max", "right bed"] < 50
    assert OWN_OUTPUT not in "".join(rows.index.get_level_values(0))


@pytest.mark.parametrize(("shared", "expected"), [(1, 24), (2, 12), (4, 6)])
def test_clips_that_share_a_recording_weigh_as_one(shared, expected):
    target = made_up_cells.target(tuple("abc"), per_class=8, folds=2)
    names = np.array([f"r{i // shared}" for i in range(24)])
    found = Rows()
    scenes.ties(found, replace(target, recordings=names), 3)
    (line,) = found.lines
    assert (line["value"], line["n_clips"], line["n_recordings"], line["n_seeds"]) == (expected, 24, 24 // shared, 3)
