"""Truths of one cell and one row: which probe, whose output, what seed, which clips and which authors."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from companion.evaluation.intervals import mean_interval
from companion.evaluation.units import units_of
from companion.papers.kumar2018 import adaptation, cells, corpora, scratch, transfer
from companion.papers.kumar2018.adaptation import Target, adapt_without, load_target
from companion.papers.kumar2018.cell_rows import Table, source_rows
from companion.papers.kumar2018.cells import OWN_OUTPUT, PLAIN, STANDARDISED, CellSettings, Key
from companion.papers.kumar2018.source import untrained
from companion.representations import segment_outputs
from companion.results.rows import Rows
from companion.store import Work
from companion.transfer import adapt
from papers.kumar2018 import made_up_cells
from papers.kumar2018.made_up_cells import framed
from papers.kumar2018.tiny import TINY_TRANSFER, tiny_task

CLASSES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def target() -> Target:
    return made_up_cells.target(CLASSES, per_class=12)


def probes_of(way: str, target: Target, x: np.ndarray) -> dict[str, np.ndarray]:
    """Predictions of both probes, of what is the same for every fold or of what is made anew for each."""
    task = SimpleNamespace(settings=CellSettings(probes=(PLAIN, STANDARDISED), per_decade=1, patience=1.0))
    if way == "fixed":
        return {cell.key.probe: cell.predictions for cell in cells.fixed(task, "source", "N_S", {"F1 max": x}, target)}
    training = target.folds != 1
    found = cells.probed(task, {"F1 max": x}, target, training, task.settings.probes)
    return {probe: one.predictions for (_, probe), one in found.items()}


@pytest.mark.parametrize("way", ["fixed", "probed"])
def test_each_probe_is_the_one_it_is_called(target, way):
    """Scaling what is noise up leaves a standardised probe as it is, and drowns the rest for the other."""
    rng = np.random.default_rng(0)
    n = len(target.labels)
    told, noise = np.eye(4)[target.labels] + 0.3 * rng.normal(size=(n, 4)), rng.normal(size=(n, 60))
    as_it_is, scaled = (probes_of(way, target, np.hstack([told, by * noise]).astype(np.float32)) for by in (0.1, 1e3))
    assert (as_it_is[STANDARDISED] == scaled[STANDARDISED]).mean() > 0.95
    assert (as_it_is[PLAIN] == scaled[PLAIN]).mean() < 0.7


@pytest.fixture(scope="module")
def related(target) -> Target:
    """The same clips, most of them by a handful of authors."""
    author_of = {name: f"author {number % 7}" for number, name in enumerate(target.recordings[:40])}
    dataset = SimpleNamespace(**{**vars(target.dataset), "author_of": author_of})
    return Target(dataset, (), target.labels, target.folds, target.recordings)


@pytest.mark.parametrize("some", [False, True], ids=["all clips", "some clips"])
@pytest.mark.parametrize("paired", [False, True], ids=["a level", "a difference"])
def test_intervals_know_folds_classes_and_authors(related, some, paired):
    """The ends follow from all three, and each of them matters."""
    rng = np.random.default_rng(3)
    one, other = Key("source", "N_S", "F1 max"), Key("source", "N_T^I", "F1 max")
    easy = 0.3 + 0.2 * related.labels  # classes differ, so that strata matter
    correct = {key: rng.random((3, len(easy))) < easy for key in (one, other)}
    kept = rng.random(len(easy)) < 0.8 if some else np.ones(len(easy), dtype=bool)
    rows = Rows()
    table = Table(related, correct, rows, kept)
    if paired:
        table.difference(one, other, "item", "row", "column")
    else:
        table.accuracy(one, "item", "row", "column")
    (line,) = rows.lines
    scores = (correct[one].astype(float) - (correct[other] if paired else 0))[:, kept]
    names, folds, strata = (x[kept] for x in (related.recordings, related.folds, related.labels))
    authors = related.dataset.author_of

    def ends(author_of, folds=None, strata=None):
        found = mean_interval(
            scores, units_of(names.tolist(), author_of), folds=folds, strata=strata, difference=paired
        )
        return pytest.approx((100 * found.low, 100 * found.high), abs=1e-9)

    said = (line["ci_low"], line["ci_high"])
    assert said == ends(authors, folds, strata)
    assert said != ends({}, folds, strata)
    assert said != ends(authors, None, strata)
    assert said != ends(authors, folds)


def test_rows_of_the_source_task_are_means_over_networks():
    networks = [
        SimpleNamespace(
            measures={"MAP": m, "MAUC": m + 0.4, "level-only MAP": m / 2, "level-only MAUC": m / 2 + 0.3},
            n_validation=20, n_recordings=30, description="made up",
        )
        for m in (0.2, 0.4)
    ]  # fmt: skip
    rows = Rows()
    source_rows(rows, networks)
    found = framed(rows).loc["Source task"]
    values = found["value"].droplevel("column").to_dict()
    assert values == pytest.approx(
        {("N_S", "MAP"): 0.3, ("N_S", "MAUC"): 0.7, ("level only", "MAP"): 0.15, ("level only", "MAUC"): 0.45}
    )
    assert set(found["n_seeds"]) == {2}
    assert set(found["n_clips"]) == {20}


def test_adaptation_is_the_papers_where_nothing_else_is_asked_for():
    settings = CellSettings()
    assert (settings.adaptation_epochs, settings.adaptation_lr, settings.pool_first) == (50, 2e-4, False)


@pytest.fixture
def alone(monkeypatch, target):
    """Networks from scratch whose F2 is known: its average names the class, its maximum another."""
    asked = []
    monkeypatch.setattr(transfer, "scratch_network", lambda task, target, fold, seed: asked.append((fold, seed)) or
                        SimpleNamespace(network=(fold, seed)))  # fmt: skip
    monkeypatch.setattr(transfer, "trunks", lambda *_: None)
    right = np.eye(4)[target.labels]
    f1 = np.random.default_rng(0).normal(size=(len(right), 3))
    found = SimpleNamespace(f1_max=f1, f1_avg=f1, f2_max=np.roll(right, 1, axis=1), f2_avg=right)
    monkeypatch.setattr(transfer, "represent", lambda *_: found)
    task = SimpleNamespace(seed=0, work=Work(), settings=CellSettings(per_decade=1, patience=1.0))
    return SimpleNamespace(asked=asked, task=task)


def test_networks_from_scratch_are_those_of_the_seed_and_say_what_f2_says_on_average(alone, target):
    own = next(iter(transfer.scratch_cells(alone.task, target, 5)))
    assert (own.key.row, own.key.column) == (scratch.ROW, OWN_OUTPUT)
    assert own.predictions.tolist() == target.labels.tolist()
    assert alone.asked == [(fold, 5) for fold in (1, 2, 3, 4)]


@pytest.mark.parametrize("pool_first", [False, True])
def test_everything_asked_for_reaches_the_adaptation(shared, events_world, monkeypatch, tmp_path, pool_first):
    handed = {}

    def watched(network, method, outputs, labels, n_classes, **options):
        handed.update(method=method, labels=labels, n_classes=n_classes, **options)
        handed["result"] = adapt(network, method, outputs, labels, n_classes, **options)
        return handed["result"]

    monkeypatch.setattr(adaptation, "adapt", watched)
    target, network = load_target(events_world), untrained(7, 0.0625, 0)
    made = adapt_without(Work(folder=tmp_path), network, target, "II", (2,), 2, 3e-3, 5, pool_first, 9)
    out = target.folds == 2
    assert (handed["method"], handed["n_classes"], handed["labels"].tolist()) == ("II", 4, target.labels[~out].tolist())
    options = {"epochs": 2, "lr": 3e-3, "batch_size": 5, "pool_first": pool_first, "seed": 9}
    assert {name: handed[name] for name in options} == options
    outputs = adaptation.trunks(network, target, "cpu")
    _, heard = segment_outputs(handed["result"].network, [outputs[i] for i in np.flatnonzero(out)])
    _, learned = segment_outputs(handed["result"].network, [outputs[i] for i in np.flatnonzero(~out)])
    found = made.arrays["F2 segments"]
    np.testing.assert_allclose(found, np.concatenate(heard), rtol=1e-4, atol=1e-6)
    assert not np.allclose(found[:5], np.concatenate(learned)[:5])


def test_what_is_heard_without_a_network_is_what_its_name_says(shared, events_world):
    """Mean and deviation of every band over time; mean, maximum and length of the whole."""
    target = load_target(events_world)
    statistics, level = target.statistics(), target.level()
    for number in (0, 17):
        x = torch.tensor(target.features[number])
        bands = torch.cat([x.mean(0), x.var(0, correction=0).sqrt()])
        np.testing.assert_allclose(statistics[number], bands, rtol=1e-3, atol=1e-3)
        assert level[number] == pytest.approx([float(x.mean()), float(x.amax()), len(x)], rel=1e-4)


def test_controls_without_a_network_stand_under_their_own_names(shared, transferred, events_world):
    task = tiny_task(transfer.experiment, TINY_TRANSFER, target=events_world)
    target = load_target(events_world)
    for name, x in (("log-mel statistics", target.statistics()), ("level only", target.level())):
        (cell,) = cells.fixed(task, "none", name, {"features": x}, target)
        said = transferred.tables["predictions"][f"none | {name} | features | LIBLINEAR | run 0"]
        assert said.tolist() == [events_world.classes[i] for i in cell.predictions]


@pytest.mark.parametrize(("name", "esc10"), [("esc10", True), ("esc50", False)])
def test_the_target_is_the_corpus_that_is_asked_for(monkeypatch, tmp_path, name, esc10):
    asked = []
    monkeypatch.setattr("companion.datasets.esc50.ESC50", lambda root, **options: asked.append((root, options)))
    corpora.event_corpus(name, 0, tmp_path, 0, 5.0)
    assert asked == [(tmp_path, {"esc10_only": esc10})]


def test_the_source_corpus_has_the_sizes_the_lengths_and_the_seed_that_are_asked_for(monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr("companion.datasets.esc50.ESC50", lambda root: root)
    monkeypatch.setattr(
        "companion.datasets.esc50_mixtures.source_mixtures", lambda corpus, table, **options: asked.update(options)
    )
    settings = corpora.WeakSettings(name="esc50", n_train=3, n_validation=5, n_test=7, duration=(4.0, 9.0), seed=11)
    corpora.weak_corpus(settings, 0, tmp_path)
    assert asked["sizes"] == {"train": 3, "validation": 5, "test": 7}
    assert asked["seed"] == 11
    assert asked["rule"].duration == (4.0, 9.0)
