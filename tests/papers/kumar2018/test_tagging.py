"""Truths of the chapter on tagging: whose outputs its rows are made of, and what test recordings decide: nothing."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from companion.models.slat import SegmentWise
from companion.papers.kumar2018 import tagging
from companion.papers.kumar2018.source import SHOWN, fold_features, train, trained, weak_labels
from companion.papers.kumar2018.table1 import HEARD, MEAN, PUBLISHED
from companion.store import Work
from companion.training.recordings import Scored
from papers.kumar2018.tiny import TINY_TAGGING, tiny_task
from worlds import Disturbed

SEEDS = (0, 1)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def task(shared):
    return tiny_task(tagging.experiment, TINY_TAGGING)


@pytest.fixture(scope="module")
def rows(tagged):
    return tagged.rows.frame(data="x").set_index(["item", "row", "column", "measure"]).sort_index()


def recordings(corpus, fold):
    """Log-mels and labels of a fold, clip by clip."""
    clips = [clip for clip in corpus.clips if clip.fold == fold]
    return [np.array(x) for x in fold_features(corpus, fold, 1)], weak_labels(clips, corpus.classes)


def said(network, x):
    """Outputs for recordings, one by one."""
    with torch.inference_mode():
        return [network.eval()(torch.tensor(one)[None]) for one in x]


def mean(metric, labels, outputs):
    occurs = labels.any(0) & ~labels.all(0)
    return np.mean([metric(y, score) for y, score in zip(labels.T[occurs], outputs.T[occurs], strict=True)])


def test_test_recordings_decide_nothing_that_is_learned_or_chosen(task, weak_world, tagged):
    """Other labels and other sounds: the same networks, curves and thresholds. Classes chosen: see Table 1."""
    test = [clip.id for clip in weak_world.clips if clip.fold == 3]
    settings = {**TINY_TAGGING, "n_seeds": 1}
    other = tiny_task(tagging.experiment, settings, source=Disturbed(weak_world, labels=test, noise=test))
    for shown in SHOWN[:2]:
        assert tagging.network(task, shown, 0).digest == tagging.network(other, shown, 0).digest
    found = tagging.compute(other)
    for name, column in (("curves", "seed"), ("thresholds", "run")):
        before = tagged.tables[name][tagged.tables[name][column] == 0].reset_index(drop=True)
        pd.testing.assert_frame_equal(found.tables[name], before, check_exact=True, obj=name)
    made = {SHOWN[0]: [tagging.network(task, SHOWN[0], 0)]}
    one, two = (tagging.scored_fold(known, known.inputs["source"], 3, made) for known in (task, other))
    assert not (one.labels == two.labels).all()
    system = (SHOWN[0], HEARD[0])
    assert not np.isclose(one.scored[system][0].recording, two.scored[system][0].recording).any(), "noise is heard"


def test_rows_are_made_of_the_test_recordings_and_of_the_networks_that_they_name(task, weak_world, rows):
    """Every network again from its own training, its outputs by the network itself, MAP by scikit-learn."""
    x, labels = recordings(weak_world, 3)
    for name, (shown, heard) in PUBLISHED.items():
        measured = {"MAP": [], "MAUC": []}
        for seed in SEEDS:
            made = trained(task.keep(train, weak_world, task.settings.source, shown, seed))
            network = SegmentWise(made.network) if heard == HEARD[1] else made.network
            kept = tagging.of_kept(task.keep(tagging.score_fold, made, heard, weak_world, 3)).recording
            outputs = np.stack([one.recording[0] for one in said(network, x)])
            np.testing.assert_allclose(kept, outputs, atol=1e-4)
            measured["MAP"].append(mean(average_precision_score, labels, kept))
            measured["MAUC"].append(mean(roc_auc_score, labels, kept))
        for measure, values in measured.items():
            row = rows.loc[("Table1 top-left", MEAN, name, measure)]
            assert row["value"] == pytest.approx(np.mean(values))
            assert (row["n_clips"], row["n_seeds"]) == (24, 2)


def test_a_fold_is_heard_both_ways_recording_by_recording(task, weak_world):
    """What is kept is nearer to the network heard the same way than to the one heard the other way."""
    made = tagging.network(task, SHOWN[0], 0)
    x, labels = recordings(weak_world, 3)
    direct = {
        heard: said(network, x) for heard, network in zip(HEARD, (made.network, SegmentWise(made.network)), strict=True)
    }
    fold = tagging.scored_fold(task, weak_world, 3, {SHOWN[0]: [made]})
    assert [clip.id for clip in fold.clips] == [clip.id for clip in weak_world.clips if clip.fold == 3]
    np.testing.assert_array_equal(fold.labels, labels)
    for heard, other in (HEARD, HEARD[::-1]):
        (kept,) = fold.scored[SHOWN[0], heard]
        assert isinstance(kept, Scored)
        for number, segments in enumerate(kept.segments):
            own, far = (direct[way][number].segments[0].numpy() for way in (heard, other))
            assert segments.shape == own.shape
            assert np.abs(segments - own).mean() < 0.3 * np.abs(segments - far).mean(), (heard, number)


def test_a_fold_knows_who_recorded_what(task, weak_world):
    authors = {clip.recording: f"author {number % 3}" for number, clip in enumerate(weak_world.clips)}
    assert tagging.scored_fold(task, Disturbed(weak_world, authors=authors), 3, {}).author_of == authors


def test_scoring_uses_the_network_the_fold_and_the_way_that_are_asked_for(shared, weak_world, monkeypatch):
    network, asked = torch.nn.Identity(), []

    def score(model, data, fabric):
        asked.append((type(model), len(data.labels), network.training))
        return Scored(data.labels, [np.ones((2, data.labels.shape[1]), dtype=np.float32)] * len(data.labels))

    monkeypatch.setattr(tagging, "score", score)
    for heard in HEARD:
        for fold in (2, 3):
            tagging.score_fold(Work(), SimpleNamespace(network=network.train()), heard, weak_world, fold)
    assert [kind for kind, *_ in asked] == [torch.nn.Identity] * 2 + [SegmentWise] * 2
    assert [count for _, count, _ in asked] == [20, 24] * 2
    assert not any(training for *_, training in asked)


def test_curves_are_those_of_the_network_that_their_line_names(task, tagged):
    curves = tagged.tables["curves"]
    for shown in SHOWN[:2]:
        for seed in SEEDS:
            lines = curves[(curves["shown"] == shown) & (curves["seed"] == seed)].drop(columns=["shown", "seed"])
            own = tagging.network(task, shown, seed).curve
            pd.testing.assert_frame_equal(lines.reset_index(drop=True), own, check_exact=True)


def test_scores_of_every_recording_system_and_seed_are_kept_and_give_the_rows_again(task, tagged, weak_world, rows):
    table, classes = tagged.tables["scores"], list(weak_world.classes)
    clips = {clip.id: clip for clip in weak_world.clips if clip.fold == 3}
    assert len(table) == 24 * 2 * 2 * len(SEEDS)
    assert list(table.columns[7:]) == classes
    for _, line in table[["clip", "recording", "length s", "labels"]].drop_duplicates().iterrows():
        clip = clips[line["clip"]]
        assert (line["recording"], line["length s"]) == (clip.recording, clip.duration)
        assert line["labels"] == "+".join(clip.weak)
    labels = np.array([[name in clip.weak for name in classes] for clip in clips.values()])
    for shown in SHOWN[:2]:
        for seed in SEEDS:
            made = tagging.network(task, shown, seed)
            for heard in HEARD:
                here = (table["shown"] == shown) & (table["heard"] == heard) & (table["seed"] == seed)
                own = tagging.of_kept(task.keep(tagging.score_fold, made, heard, weak_world, 3)).recording
                assert table.loc[here, "clip"].tolist() == list(clips)
                np.testing.assert_allclose(table.loc[here, classes], own, rtol=6e-5, atol=0)
    for name, (shown, heard) in PUBLISHED.items():
        of_system = table[(table["shown"] == shown) & (table["heard"] == heard)]
        of_seeds = [one[classes].to_numpy() for _, one in of_system.groupby("seed")]
        values = [mean(average_precision_score, labels, scores) for scores in of_seeds]
        assert rows.loc[("Table1 top-left", MEAN, name, "MAP"), "value"] == pytest.approx(np.mean(values), abs=2e-3)


def test_controls_by_hand(weak_world, tagged, shared):
    """Loudness is learned from training recordings and tried on test recordings; a constant score knows the share."""
    (x, y), (new, labels) = (recordings(weak_world, fold) for fold in (1, 3))
    level = [np.array([[one.mean(), one.max(), len(one)] for one in part], dtype=float) for part in (x, new)]
    scores = np.zeros(labels.shape)
    for index in np.flatnonzero(y.any(0)):
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(level[0], y[:, index])
        scores[:, index] = model.predict_proba(level[1])[:, 1]
    rows = tagged.rows.frame(data="x")
    found = rows[rows["item"] == "Table1 controls"].set_index(["row", "column", "measure"])["value"].to_dict()
    assert found == pytest.approx(
        {
            ("level only", "test recordings", "MAP"): mean(average_precision_score, labels, scores),
            ("level only", "test recordings", "MAUC"): mean(roc_auc_score, labels, scores),
            ("same guess for all", "test recordings", "MAP"): mean(
                average_precision_score, labels, np.ones(labels.shape)
            ),
        }
    )


def test_findings_say_what_they_were_found_on(tagged):
    assert tagged.data == "synthetic-mixtures: 24 training, 20 validation, 24 test recordings"
    assert tagged.n_recordings == 24
    assert list(tagged.seeds) == [0, 1]
    tables = {"class_ap", "curves", "scores", "filled", "localisation", "events", "thresholds"}
    assert set(tagged.tables) == tables
    assert tagged.tables["filled"]["recordings"].sum() == 24


def test_source_networks_are_n_s_of_every_seed(task, weak_world):
    digests = [found.digest for found in tagging.source_networks(task)]
    trained_here = [
        trained(task.keep(train, weak_world, task.settings.source, "recordings", seed)).digest for seed in SEEDS
    ]
    assert digests == trained_here
    assert len(set(digests)) == 2


def test_recorded_values_of_table_1_follow_from_the_recorded_scores():
    """MAP and MAUC of each network by scikit-learn, from the scores that stand beside the rows."""
    folder = ROOT / "data" / "recorded" / "esc50" / "kumar2018" / "tagging"
    table, rows = (pd.read_csv(folder / name) for name in ("scores.csv", "rows.csv"))
    classes = list(table.columns[table.columns.get_loc("seed") + 1 :])
    assert (table.groupby(["shown", "heard", "seed"])["clip"].nunique() == rows["n_clips"].max()).all()
    for name, (shown, heard) in PUBLISHED.items():
        of_system = table[(table["shown"] == shown) & (table["heard"] == heard)]
        for measure, worth in (("MAP", average_precision_score), ("MAUC", roc_auc_score)):
            values = []
            for _, one in of_system.groupby("seed"):
                labels = one["labels"].str.split("+")
                truth = np.array([[label in said for label in classes] for said in labels])
                values.append(mean(worth, truth, one[classes].to_numpy()))
            row = rows[(rows["item"] == "Table1 top-left") & (rows["column"] == name) & (rows["measure"] == measure)]
            assert row["value"].item() == pytest.approx(np.mean(values), abs=1e-4)
            assert row["n_seeds"].item() == len(values)
