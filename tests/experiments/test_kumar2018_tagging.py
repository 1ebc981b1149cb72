"""N_S against N_S^slat, small: equal in all but what is shown at a time, and rows that can be computed again."""

import numpy as np
import pandas as pd
import pytest

from companion.evaluation import tagging
from companion.experiments import kumar2018_tagging as experiment
from companion.experiments.stages import kumar2018_table1
from companion.experiments.stages.source import SourceConfig
from companion.experiments.stages.tagging import Fold, Scored
from companion.experiments.stages.weak_corpus import weak_corpus
from companion.profiles import parse_parameters
from companion.report.published import load_published

TINY = experiment.Config(
    corpus="synthetic",
    source=SourceConfig(
        n_train=24, n_validation=24, n_test=30, duration=(3.5, 5.0), epochs=2, batch_size=8, width=0.0625
    ),
    n_seeds=2,
    n_resamples=50,
)


@pytest.fixture(scope="module")
def run(session_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.CONFIGS, "demo", TINY)
        patch.setenv("COMPANION_CACHE", str(session_cache / "tagging"))
        first = experiment.run(parse_parameters({}))
        again = experiment.run(parse_parameters({}))
        pd.testing.assert_frame_equal(first.rows, again.rows)
        yield first


def test_every_published_mean_of_table_1_has_a_row_of_the_same_words(run):
    published = load_published()
    wanted = published[published["item"].str.startswith("Table1") & published["row"].str.contains("mean|Mean")]
    keys = ["item", "row", "column", "measure"]
    assert len(wanted) == 8
    assert set(map(tuple, wanted[keys].to_numpy())) <= set(map(tuple, run.rows[keys].to_numpy()))


def test_a_paired_row_is_the_difference_of_the_two_networks(run):
    value = run.rows.set_index(["item", "row", "column", "measure"])["value"]
    for measure in ("MAP", "MAUC"):
        cells = [value["Table1 top-left", "mean over 527", network, measure] for network in ("N_S", "N_S_slat")]
        paired = value["Paired", "mean over 527", "N_S - N_S_slat", f"{measure} difference"]
        assert paired == pytest.approx(cells[0] - cells[1])


def test_the_tables_behind_the_figures_are_whole(run):
    assert set(run.table("curves")["network"]) == {"N_S", "N_S_slat"}
    assert run.table("curves").groupby(["network", "seed"]).size().tolist() == [2] * 4
    by_class = run.table("class_ap")
    np.testing.assert_allclose(by_class["difference"], by_class["N_S"] - by_class["N_S_slat"], atol=1e-9)
    drawn, events = run.table("localisation"), run.table("events")
    assert set(drawn["clip"]) == set(events["clip"])
    for clip, label in drawn[["clip", "class"]].drop_duplicates().itertuples(index=False):
        assert label in set(events[events["clip"] == clip]["class"])


def test_both_networks_start_from_the_same_weights_and_hear_the_same_recordings():
    corpus = weak_corpus("synthetic", TINY.source, parse_parameters({}), test_split=True)
    assert [sum(clip.fold == fold for clip in corpus.clips) for fold in (1, 2, 3)] == [24, 24, 30]
    assert len({clip.duration for clip in corpus.clips}) == 2
    slat = TINY.source.model_copy(update={"segmentwise": True})
    assert slat.model_dump() | {"segmentwise": False} == TINY.source.model_dump()


def made_up(seed=0, n=200, classes=40, n_seeds=1):
    """Both networks score alike but for chance."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, classes)) < 0.15).astype(np.float32)
    scored = {
        network: [
            Scored((0.3 * labels + 0.5 * rng.random((n, classes))).astype(np.float32), [np.zeros((1, classes))] * n)
            for _ in range(n_seeds)
        ]
        for network in ("N_S_slat", "N_S")
    }
    clips = [type("C", (), {"recording": f"r{i}", "duration": 4.0})() for i in range(n)]
    return Fold(tuple(clips), tuple(f"c{i}" for i in range(classes)), labels, scored)


def test_the_lowest_classes_rise_by_chance_alone_unless_chosen_elsewhere(monkeypatch):
    monkeypatch.setattr(kumar2018_table1, "N_EXTREMES", 4)
    gains: dict[str, list[float]] = {"Paired": [], "Paired, elsewhere": []}
    for seed in range(20):  # one distribution for both networks: the truth is no gain
        test, validation = made_up(2 * seed), made_up(2 * seed + 1)
        rows = kumar2018_table1.Rows(test, {}, 2, 0)
        found = rows.measure(lambda scored: scored.recording)
        kumar2018_table1.extremes(found, test, "", "on the same recordings")
        kumar2018_table1.extremes(found, validation, ", elsewhere", "on others")
        for row in rows.rows:
            if row["row"] == "Mean (lowest 4)" and row["item"] in gains:
                gains[row["item"]].append(row["value"])
    here, elsewhere = (np.array(values) for values in gains.values())
    assert here.mean() > 4 * here.std() / np.sqrt(20)
    assert abs(elsewhere.mean()) < 3 * elsewhere.std() / np.sqrt(20)


def test_measures_are_those_of_the_tagging_module():
    fold = made_up()
    rows = kumar2018_table1.Rows(fold, {}, 5, 0)
    found = rows.measure(lambda scored: scored.recording)
    expected = [tagging.evaluate(fold.labels, s.recording).mean_average_precision for s in fold.scored["N_S"]]
    np.testing.assert_allclose(found.means("N_S", "MAP")[:, 0], expected)
