"""The chapter on scenes, small: every published cell has its row, and the relations are scored against the recipes."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from companion.datasets.dcase2016_lists import TABLE_3
from companion.experiments import kumar2018_scenes as experiment
from companion.experiments import kumar2018_tagging
from companion.experiments.stages.scene_relations import printed_lists, written_truth
from companion.experiments.stages.source import SourceConfig
from companion.profiles import parse_parameters
from companion.report.published import load_audioset_names, load_published

SOURCE = kumar2018_tagging.Config(
    corpus="synthetic",
    source=SourceConfig(n_train=24, n_validation=24, n_test=2, duration=3.5, epochs=1, batch_size=8, width=0.0625),
)
TINY = experiment.Config(
    scenes="synthetic",
    clips_per_scene=4,
    duration=4.0,
    adaptation_epochs=2,
    width=0.0625,
    untrained_methods=(),
    n_components=2,
    n_resamples=50,
)


@pytest.fixture(scope="module")
def run(session_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.CONFIGS, "demo", TINY)
        patch.setitem(kumar2018_tagging.CONFIGS, "demo", SOURCE)
        patch.setenv("COMPANION_CACHE", str(session_cache / "scenes"))
        first = experiment.run(parse_parameters({}))
        pd.testing.assert_frame_equal(first.rows, experiment.run(parse_parameters({})).rows)
        yield first


def test_every_published_cell_of_the_lower_half_and_the_mean_have_a_row_of_the_same_words(run):
    published = load_published()
    lower = published[(published["item"] == "Table3 lower") | (published["row"] == "Mean")]
    keys = ["item", "row", "column", "measure"]
    assert len(lower) == 16
    assert set(map(tuple, lower[keys].to_numpy())) <= set(map(tuple, run.rows[keys].to_numpy()))


def test_rows_can_be_computed_again_from_the_predictions(run):
    predictions = run.table("predictions")
    value = run.rows.set_index(["item", "row", "column", "measure"])["value"]
    for column, name in (
        ("Baseline (MFCC-GMM)", "none | Baseline (MFCC-GMM) | own output | run 0"),
        ("N_T^III F1 max", "source | N_T^III | F1 max | LIBLINEAR | run 0"),
    ):
        right = predictions[name] == predictions["label"]
        by_fold = right.groupby(predictions["fold"]).mean()
        assert value["Table3 upper", "Mean", column, "accuracy %"] == pytest.approx(100 * by_fold.mean())
        for scene, of_scene in predictions.groupby("label"):
            expected = 100 * right[of_scene.index].groupby(of_scene["fold"]).mean().mean()
            assert value["Table3 upper", scene, column, "accuracy %"] == pytest.approx(expected)


def test_the_relations_name_every_unit_and_hold_the_written_probabilities(run):
    table = run.table("relations")
    assert set(table["network"]) == {"N_S", "N_T^II", "N_T^III"}
    scenes = experiment.scene_corpus(TINY, parse_parameters({}))
    truth = scenes.truth()
    some = table[(table["network"] == "N_S") & (table["score"] == "count")]
    for line in some.itertuples():
        written = truth.loc[line.scene, line.event] if line.event in truth.columns else 0.0
        assert line.probability == written


def test_lists_are_scored_against_baselines_that_can_be_beaten(run):
    scored = run.rows[run.rows["item"] == "Scene-event relations"]
    assert {"N_S", "N_T^II", "N_T^III", "permuted units of N_S", "permuted scenes of N_T^III"} <= set(scored["row"])
    permuted = scored[scored["row"].str.startswith("permuted units") & (scored["measure"] == "rank correlation")]
    assert (permuted["value"].abs() < 0.1).all()
    assert scored["value"].between(-1, 1).all()


def test_a_unit_that_no_recipe_holds_is_an_error_to_list():
    truth = pd.DataFrame({"rain": [0.9, 0.1]}, index=["street", "woods"])
    target = SimpleNamespace(dataset=SimpleNamespace(truth=lambda: truth, classes=("street", "woods")))
    written = written_truth(target, ("dog", "rain"))
    assert written is not None
    assert written.to_numpy().tolist() == [[0.0, 0.9], [0.0, 0.1]]


def test_the_papers_lists_are_found_again_in_counts_that_hold_them():
    names = load_audioset_names("Kumar2018")
    units = sorted(set(names.values()))
    published = load_published()
    lists = published[published["item"] == "Fig2 bottom table"].set_index("row")["published"]
    scenes = tuple(TABLE_3)
    counts = np.zeros((len(scenes), len(units)), dtype=int)
    for number, scene in enumerate(scenes):
        for word in lists.get(TABLE_3[scene], "").split(","):
            if word:
                counts[number, units.index(names[word.strip()])] = 9
    target = SimpleNamespace(
        dataset=SimpleNamespace(classes=scenes), labels=np.arange(15), recordings=np.array([f"r{i}" for i in range(15)])
    )
    rows = printed_lists({}, target, units, [counts])
    assert len(rows) == len(lists) == 11
    assert {row["value"] for row in rows} == {1.0}
    wrong = printed_lists({}, target, units, [np.roll(counts, 1, axis=0)])
    assert max(row["value"] for row in wrong) < 1.0
