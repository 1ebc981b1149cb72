"""Truths of the lists of units: whose they are, what they are scored against, and what they are held against."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from companion.evaluation import scene_truth
from companion.papers.kumar2018 import relations, unit_lists
from companion.papers.kumar2018.relations import ITEM, PAIRED, Scorer, printed_lists
from companion.papers.kumar2018.unit_lists import (
    adapted_events,
    listed_units,
    relation_table,
    unit_counts,
    written_truth,
)
from companion.results.published import load_audioset_names, load_published
from companion.results.rows import Rows
from companion.store import Work
from papers.kumar2018 import made_up_cells
from papers.kumar2018.made_up_cells import framed

SCENES = tuple("abcd")
UNITS = [f"unit {number:02d}" for number in range(12)]
NETWORKS = ("N_S", "N_T^II", "N_T^III")
MEASURES = ("precision at 5", "rank correlation")


@pytest.fixture(scope="module")
def truth():
    """Five events a scene with probabilities of their own; no two scenes alike."""
    rng = np.random.default_rng(3)
    table = np.zeros((4, 12))
    for row in table:
        row[rng.choice(12, 5, replace=False)] = [0.9, 0.7, 0.5, 0.3, 0.1]
    return pd.DataFrame(table, index=SCENES, columns=UNITS)


def counts(seed=0, n_seeds=3):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 6000, (4, 12)) for _ in range(n_seeds)]


def scored(truth, totals):
    rows = Rows()
    Scorer(rows, truth, totals).score(np.random.default_rng(0))
    return framed(rows)


@pytest.fixture(scope="module")
def totals():
    return {network: counts(number) for number, network in enumerate(NETWORKS)}


@pytest.fixture(scope="module")
def rows(truth, totals):
    return scored(truth, totals)


@pytest.mark.parametrize("network", NETWORKS)
def test_lists_that_are_the_recipe_are_right_in_exactly_their_networks_rows(truth, totals, network):
    recipe = (100 * truth.to_numpy()).astype(int)
    rows = scored(truth, {**totals, network: [recipe] * 3})
    for other in NETWORKS:
        for measure in MEASURES:
            value = rows.loc[(ITEM, other, "count", measure), "value"]
            assert (value == pytest.approx(1)) == (other == network), (other, measure)
    assert len(rows.loc[ITEM].loc[list(NETWORKS)]) == len(NETWORKS) * 3 * 2


def test_values_are_means_over_scenes_and_seeds_of_each_relation(truth, totals, rows):
    held = truth.to_numpy() > 0
    for network in NETWORKS:
        shares = [[held[i, np.argsort(-row)[:5]].mean() for i, row in enumerate(one)] for one in totals[network]]
        assert rows.loc[(ITEM, network, "count", "precision at 5"), "value"] == pytest.approx(np.mean(shares))
        ranks = [[spearmanr(row, p).statistic for row, p in zip(one, truth.to_numpy(), strict=True)]
                 for one in totals[network]]  # fmt: skip
        assert rows.loc[(ITEM, network, "count", "rank correlation"), "value"] == pytest.approx(np.mean(ranks))
        for measure in MEASURES:
            values = rows.loc[(ITEM, network)].xs(measure, level="measure")["value"]
            assert values.nunique() == 3, "three relations order units in three ways"


def test_differences_are_of_what_they_name_and_turn_when_it_is_exchanged(truth, totals, rows):
    turned = scored(truth, {**totals, "N_S": totals["N_T^III"], "N_T^III": totals["N_S"]})
    for measure in MEASURES:
        level = rows.loc[ITEM].xs(measure, level="measure")["value"]
        gains, other = (frame.loc[PAIRED].xs(f"{measure} difference", level="measure")["value"]
                        for frame in (rows, turned))  # fmt: skip
        for score in ("count", "pmi", "log_odds"):
            for network in NETWORKS[1:]:
                gain = level[network, score] - level["N_S", score]
                assert gains[f"{network} - N_S", score] == pytest.approx(gain)
            assert other["N_T^III - N_S", score] == pytest.approx(-gains["N_T^III - N_S", score])
        for network in NETWORKS:
            for score in ("pmi", "log_odds"):
                gain = level[network, score] - level[network, "count"]
                assert gains[network, f"{score} - count"] == pytest.approx(gain)
    assert len(rows.loc[PAIRED]) == 2 * (3 * 2 + 3 * 2)


def test_one_list_for_every_scene_is_the_globally_most_active(truth, totals, rows):
    held = truth.to_numpy() > 0
    for network in NETWORKS:
        overall = np.mean(totals[network], axis=0).sum(0)
        expected = held[:, np.argsort(-overall)[:5]].mean()
        line = rows.loc[(ITEM, f"globally most active units of {network}", "count", "precision at 5")]
        assert line["value"] == pytest.approx(expected)


def test_ends_of_permutations_are_those_of_the_middle_ninety_five_of_a_hundred(truth, totals, monkeypatch):
    shares = np.arange(1001) / 1000
    drawn = SimpleNamespace(precision=shares, correlation=-shares, p_values=(0.25, 0.75))
    monkeypatch.setattr(scene_truth, "permutation_baseline", lambda *_, **__: drawn)
    rows = scored(truth, totals)
    for measure, sign in (("precision at 5", 1), ("rank correlation", -1)):
        line = rows.loc[(ITEM, "permuted units of N_S", "count", measure)]
        ends = sorted((sign * 0.025, sign * 0.975))
        assert line[["value", "ci_low", "ci_high"]].tolist() == pytest.approx([sign * 0.5, *ends])


def test_permuted_names_are_what_chance_and_habit_reach(truth, totals):
    """The recipe itself beats both; one list for all scenes is worth the same in whichever scene it stands."""
    recipe, same = (100 * truth.to_numpy()).astype(int), np.tile(np.arange(12), (4, 1))
    rows = scored(truth, {**totals, "N_S": [recipe], "N_T^II": [same]})
    for names in ("units", "scenes"):
        line = rows.loc[(ITEM, f"permuted {names} of N_S", "count", "precision at 5")]
        assert line["ci_low"] <= line["value"] <= line["ci_high"]
        assert line["value"] < 0.7
        p = float(line["note"].rpartition("p = ")[2])
        assert p == (0.001 if names == "units" else pytest.approx(1 / 24, abs=0.02)), "one of 24 orders is the own"
    of_same = rows.loc[(ITEM, "N_T^II", "count", "precision at 5"), "value"]
    dealt = rows.loc[(ITEM, "permuted scenes of N_T^II", "count", "precision at 5")]
    assert dealt[["value", "ci_low", "ci_high"]].tolist() == pytest.approx([of_same] * 3)
    units = rows.loc[(ITEM, "permuted units of N_T^II", "count", "precision at 5")]
    assert units["ci_low"] < units["ci_high"]


@pytest.fixture
def chapter(monkeypatch, truth):
    """The chapter on made-up counts: each clip of a scene counts the units of its recipe, and a bed."""
    target = made_up_cells.target(SCENES, per_class=4, folds=2)
    target.dataset.truth = lambda: truth.drop(columns=["unit 11"])
    target.dataset.bed_classes = ("unit 02",)
    listed = np.flatnonzero(np.array(UNITS) != "unit 02")
    recipe = (100 * truth.to_numpy()).astype(int)
    totals = {"N_S": recipe, "N_T^II": counts(1)[0], "N_T^III": counts(2)[0]}
    asked = {network: [one[target.labels][:, listed]] for network, one in totals.items()}

    def compute():
        monkeypatch.setattr(relations, "load_target", lambda *_: target)
        monkeypatch.setattr(relations.tagging, "source_networks",
                            lambda task: [SimpleNamespace(classes=tuple(UNITS), description="made up")])  # fmt: skip
        monkeypatch.setattr(relations, "unit_counts", lambda *_: asked)
        settings = SimpleNamespace(n_seeds=1)
        task = SimpleNamespace(inputs={"scenes": target.dataset}, seed=0, work=Work(), settings=settings,
                               seeds=lambda n: list(range(n)))  # fmt: skip
        return relations.compute(task)

    return SimpleNamespace(target=target, counts=asked, compute=compute)


def test_classes_of_beds_are_not_scored_and_other_units_are(chapter, truth):
    units = listed_units(chapter.target, [SimpleNamespace(classes=tuple(UNITS))])
    assert units == [name for name in UNITS if name != "unit 02"]
    written = written_truth(chapter.target, units)
    assert list(written.columns) == units
    assert written.index.tolist() == list(SCENES)
    assert (written["unit 11"] == 0).all(), "a unit that no recipe holds is an error to list"
    for name in set(written.columns) - {"unit 11"}:
        assert written[name].tolist() == truth[name].tolist()
    found = chapter.compute()
    rows = framed(found.rows)
    without = truth.drop(columns=["unit 02"]).assign(**{"unit 11": 0.0})
    expected = np.minimum((truth.drop(columns=["unit 02"]) > 0).sum(axis=1), 5)
    line = rows.loc[(ITEM, "N_S", "count", "precision at 5")]
    listed = (truth.drop(columns=["unit 02"]) > 0).to_numpy()
    right = (without.to_numpy() > 0) & listed
    assert line["value"] <= (right.sum(1) / 5).mean() + 1e-9
    assert line["value"] >= ((right.sum(1) - (expected < 5)) / 5).mean() - 1e-9
    assert (line["n_clips"], line["n_seeds"]) == (4, 1), "scenes are the sample"
    table = found.tables["relations"]
    assert set(table["event"]) == set(units)
    assert not table["probability"].isna().any()


def test_the_table_of_relations_holds_each_networks_counts_of_each_scene(chapter):
    table = chapter.compute().tables["relations"].set_index(["network", "score", "scene", "event"])["value"]
    for number, network in enumerate(NETWORKS[1:], start=1):
        own = counts(number)[0]
        for i, scene in enumerate(SCENES):
            for j, unit in enumerate(UNITS):
                if unit == "unit 02":
                    continue
                assert table[network, "count", scene, unit] == 4 * own[i, j], "four clips of each scene"
                share = own[i, j] / np.delete(own[i], 2).sum()
                assert table[network, "share", scene, unit] == pytest.approx(share, abs=1e-5)


def test_the_table_holds_the_mean_over_seeds():
    target = made_up_cells.target(SCENES, per_class=2, folds=2)
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 50, (2, 8, 12))
    table = relation_table({"N_S": [one, two]}, target, UNITS)
    value = table[table["score"] == "count"].set_index(["scene", "event"])["value"]
    for i, scene in enumerate(SCENES):
        for j, unit in enumerate(UNITS):
            assert value[scene, unit] == (one + two)[target.labels == i, j].sum() / 2


def test_recorded_scenes_have_the_papers_printed_lists(monkeypatch):
    """The cafe's printed events lead our list; of the city centre's, all but one do."""
    published, names = load_published(), load_audioset_names("Kumar2018")
    printed = published[published["item"] == "Fig2 bottom table"].set_index("row")["published"]
    wanted = {row: [names[word.strip()] for word in words.split(",")] for row, words in printed.items()}
    units = sorted({name for listed in wanted.values() for name in listed}) + [f"other {n}" for n in range(20)]
    target = made_up_cells.target(("cafe/restaurant", "city_center", "elsewhere"), per_class=2, folds=2)
    counted = np.zeros((6, len(units)), dtype=int)
    counted[:, -10:] = 1
    for scene, listed in ((0, wanted["Cafe"]), (1, wanted["City Center"][:-1])):
        for name in listed:
            counted[target.labels == scene, units.index(name)] = 9
    rows = Rows()
    printed_lists(rows, target, units, [counted, counted])
    found = framed(rows)["value"].loc["Fig2 bottom table"]
    assert dict(zip(found.index.get_level_values("row"), found, strict=True)) == {
        "Cafe": 1.0, "City Center": pytest.approx(1 - 1 / len(wanted["City Center"]))}  # fmt: skip
    bare = Rows()
    printed_lists(bare, target, units[-20:], [counted[:, -20:]])
    assert bare.lines == [], "without the units there is no list"
    assert written_truth(target, units) is None
    assert "probability" not in relation_table({"N_S": [counted]}, target, units)


def test_the_printed_lists_are_those_of_n_t_iii(chapter, monkeypatch):
    del chapter.target.dataset.truth
    asked = []
    monkeypatch.setattr(relations, "printed_lists", lambda *arguments: asked.append(arguments))
    found = chapter.compute()
    ((rows, target, units, by_seed),) = asked
    assert by_seed is chapter.counts["N_T^III"]
    listed = [name for name in UNITS if name != "unit 02"]
    assert (rows, target, units) == (found.rows, chapter.target, listed)


def test_each_clips_units_are_those_of_the_network_that_was_adapted_without_its_fold(monkeypatch):
    """Segments say their clip, fold and seed; clips have one to three of them."""
    target = made_up_cells.target(SCENES, per_class=5, folds=2)
    lengths = 1 + np.arange(20) % 3
    outputs = [np.zeros((8, k + 1, 2)) for k in lengths]
    monkeypatch.setattr(unit_lists, "trunks", lambda *_: outputs)
    asked = []

    def keep_adapted(task, source, given, method, left_out, seed):
        asked.append((source, method, left_out, seed))
        (fold,) = left_out
        segments = [np.full((lengths[i], 2), [i, fold], dtype=np.float32) for i in np.flatnonzero(target.folds == fold)]
        return {"F2 segments": np.concatenate(segments)}

    monkeypatch.setattr(unit_lists, "keep_adapted", keep_adapted)
    found = adapted_events(SimpleNamespace(work=Work()), "network", target, "II", 5)
    assert asked == [("network", "II", (1,), 5), ("network", "II", (2,), 5)]
    for number, segments in enumerate(found):
        assert segments.shape == (lengths[number], 2)
        assert (segments == [number, target.folds[number]]).all()


def test_a_unit_of_a_bed_takes_no_place_among_the_five(monkeypatch):
    """Six units are active, that of a bed the most: the other five are counted, and the bed is not."""
    target = made_up_cells.target(SCENES, per_class=2, folds=2)
    target.dataset.bed_classes = ("unit 02",)
    segments = [np.tile([0.5, 0.4, 0.9, 0.3, 0.2, 0.1, 0.05], (3, 1))] * len(target.labels)
    monkeypatch.setattr(unit_lists, "trunks", lambda *_: None)
    monkeypatch.setattr(unit_lists, "segment_outputs", lambda *_: (None, segments))
    monkeypatch.setattr(unit_lists, "adapted_events", lambda *_: segments)
    sources = [SimpleNamespace(network=None, classes=tuple(UNITS[:7]))]
    task = SimpleNamespace(seeds=lambda n: [0], settings=SimpleNamespace(n_seeds=1), work=Work())
    for found in unit_counts(task, target, sources).values():
        assert [one.tolist() for one in found] == [[[3, 3, 3, 3, 3, 0]] * len(target.labels)]
    del target.dataset.bed_classes
    assert unit_counts(task, target, sources)["N_S"][0][0].tolist() == [3, 3, 3, 3, 3, 0, 0], "all units"


def test_counts_are_of_every_network_and_every_seed_with_its_own_source(monkeypatch):
    def active(seed, unit):
        return np.eye(6)[unit] + 0.01 * seed

    target = made_up_cells.target(SCENES, per_class=2, folds=2)
    sources = [SimpleNamespace(network=number, classes=("a", "b", "c")) for number in range(2)]
    methods = {"": 0, "II": 2, "III": 3}
    monkeypatch.setattr(unit_lists, "trunks", lambda source, *_: [source.network])
    monkeypatch.setattr(unit_lists, "segment_outputs", lambda network, o: (None, [np.array([[network, 0, o[0]]])]))
    monkeypatch.setattr(
        unit_lists, "adapted_events", lambda t, source, given, m, seed: [np.array([[source.network, methods[m], seed]])]
    )
    monkeypatch.setattr(unit_lists.scene_events, "count_top", lambda segments: tuple(segments[0][0].tolist()))
    task = SimpleNamespace(seeds=lambda n: [7, 8, 9][:n], settings=SimpleNamespace(n_seeds=3), work=Work())
    found = unit_counts(task, target, sources)
    assert found == {
        "N_S": [(0, 0, 0), (1, 0, 1), (0, 0, 0)],
        "N_T^II": [(0, 2, 7), (1, 2, 8), (0, 2, 9)],
        "N_T^III": [(0, 3, 7), (1, 3, 8), (0, 3, 9)],
    }
