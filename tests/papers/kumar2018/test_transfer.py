"""Truths of the chapter on transfer: what must hold whatever the numbers are."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from companion.models.weak_cnn import WeakCNN
from companion.papers.kumar2018 import adaptation, cells, scratch, tagging, transfer
from companion.papers.kumar2018.cell_rows import Table
from companion.papers.kumar2018.source import SourceSettings, train, trained, untrained, weights_digest
from companion.results.published import load_published
from companion.results.rows import Rows
from companion.store import Work
from companion.training import batches
from papers.kumar2018 import made_up_cells
from papers.kumar2018.made_up_cells import framed
from papers.kumar2018.tiny import TINY_TRANSFER, tiny_task
from papers.kumar2018.unheard import assert_fold_decided_nothing
from worlds import Disturbed

FOLD = 2


def computed(world):
    return transfer.compute(tiny_task(transfer.experiment, TINY_TRANSFER, target=world))


def test_a_test_fold_decides_nothing_that_is_said_of_it(shared, transferred, events_world):
    """Other labels in a fold, and noise in half of it: what is learned, tuned and chosen without it stays as it was."""
    fold = events_world.of_fold(FOLD)
    half = fold[::2]
    found = computed(Disturbed(events_world, labels=fold, noise=half))
    assert_fold_decided_nothing(transferred, found, FOLD, half)
    assert {"choices", "adaptation_curves"} <= set(found.tables)


@pytest.mark.parametrize("column", cells.COLUMNS)
def test_a_representation_that_holds_the_label_fills_exactly_its_cells(shared, events_world, column, monkeypatch):
    """Planted in the trained trunk's representations only: the controls stay at chance, and so do other columns."""
    task = tiny_task(transfer.experiment, TINY_TRANSFER, target=events_world)
    source = tagging.source_networks(task)[0]
    labels = np.array([events_world.classes.index(clip.label) for clip in events_world.clips])
    rng = np.random.default_rng(0)

    def planted(network, outputs):
        found = cells.COLUMNS.copy()
        of_source = isinstance(network, WeakCNN) and weights_digest(network) == source.digest
        for name, attribute in cells.COLUMNS.items():
            x = rng.normal(size=(len(labels), 8))
            if of_source and name == column:
                x[:, :4] += 10 * np.eye(4)[labels]
            found[attribute] = x.astype(np.float32)
        return type("Representations", (), found)

    monkeypatch.setattr(cells, "represent", planted)
    found = cells.Cells(cells_target := cells_of(task, events_world))
    for trunk, network in (("source", source), ("untrained", untrained(source.network.n_classes, 0.0625, 0))):
        found.add(cells.off_the_shelf(task, trunk, network, cells_target))
    right = {key: array.mean() for key, array in found.correct().items()}
    full = {(key.trunk, key.row, key.column) for key, value in right.items() if value == 1}
    assert full == {("source", "N_S", column)}
    assert max(value for key, value in right.items() if (key.trunk, key.column) != ("source", column)) < 0.6


def cells_of(task, world):
    from companion.papers.kumar2018.adaptation import load_target

    return load_target(world, task.work.n_jobs)


@pytest.mark.parametrize("method", ["I", "II", "III"])
def test_what_an_adapted_network_is_read_by_is_its_own(shared, transferred, events_world, method, monkeypatch):
    """Adapted representations planted by method and column: each cell holds its own and no other's."""
    task = tiny_task(transfer.experiment, TINY_TRANSFER, target=events_world)
    source = tagging.source_networks(task)[0]
    target = cells_of(task, events_world)
    rng = np.random.default_rng(1)
    asked = []

    def planted(task, network, target, given, left_out, seed):
        asked.append((given, left_out, seed))
        shown = {name: rng.normal(size=(len(target.labels), 8)).astype(np.float32) for name in cells.COLUMNS}
        shown["F1 avg"][:, :4] += 10 * np.eye(4, dtype=np.float32)[target.labels]
        if given == "I":
            del shown["F2 max"], shown["F2 avg"]
        return {**shown, "scores": np.eye(4)[target.labels], "curve": np.zeros((1, 2))}

    monkeypatch.setattr(cells, "keep_adapted", planted)
    found = cells.Cells(target)
    found.add(cells.adapted(task, "source", source, target, method, 7, found.curves))
    assert asked == [(method, (fold,), 7) for fold in (1, 2, 3)]
    right = {key: float((cell.predictions == target.labels).mean()) for key, (cell,) in found.found.items()}
    assert {key.row for key in right} == {f"N_T^{method}"}
    assert {key.column for key, value in right.items() if value == 1} == {"own output", "F1 avg"}
    others = 1 if method == "I" else 3
    assert sum(value < 0.6 for value in right.values()) == others


def test_every_published_cell_has_a_row_and_its_value_follows_from_the_predictions(transferred):
    rows = transferred.rows.frame(data="x").set_index(["item", "row", "column"])
    published = load_published()
    fourteen = published[published["item"] == "Table2 right"]
    predictions = transferred.tables["predictions"]
    folds = (
        transferred.tables["folds"].set_index(["trunk", "row", "column", "probe", "fold"])["accuracy %"].sort_index()
    )
    for row, column in fourteen[["row", "column"]].itertuples(index=False):
        right = predictions[f"source | {row} | {column} | LIBLINEAR | run 0"] == predictions["label"]
        by_fold = right.groupby(predictions["fold"]).mean()
        found = rows.loc[("Table2 right", row, column)]
        assert found["value"] == pytest.approx(100 * by_fold.mean())
        of_cell = folds.loc["source", row, column, "LIBLINEAR"]
        assert of_cell.to_dict() == pytest.approx((100 * by_fold).to_dict())
        assert found["n_recordings"] == predictions["recording"].nunique()
        if row != "N_S":
            off = rows.loc[("Table2 right", "N_S", column), "value"]
            assert rows.loc[("Paired", f"{row} - N_S", column), "value"] == pytest.approx(found["value"] - off)


def test_columns_are_the_mappings_that_their_names_say():
    """Two segments whose maximum and mean are known, and no layer in the other's place."""
    rng = np.random.default_rng(0)
    f1, f2 = rng.random((2, 6)), rng.random((2, 3))
    found = SimpleNamespace(f1_max=f1.max(0), f1_avg=f1.mean(0), f2_max=f2.max(0), f2_avg=f2.mean(0))
    named = adaptation.columns(found)
    for layer, segments in (("F1", f1), ("F2", f2)):
        assert named[f"{layer} max"].tolist() == segments.max(0).tolist()
        assert named[f"{layer} avg"].tolist() == segments.mean(0).tolist()
    assert set(adaptation.columns(SimpleNamespace(**{**vars(found), "f2_max": None, "f2_avg": None}))) == {
        "F1 max", "F1 avg"}  # fmt: skip


def test_clips_by_authors_of_the_source_are_left_out_where_it_is_said():
    """Half of the clips are by people whom the source holds, one of them in a mixture; the others count."""
    target = made_up_cells.target(tuple("abcd"))
    made = made_up_cells.cells(target, n_seeds=1)
    authors = {name: f"person {number % 4}" for number, name in enumerate(target.recordings)}
    target.dataset.author_of = authors
    clips = [SimpleNamespace(recording="x+y"), SimpleNamespace(recording="z")]
    source = SimpleNamespace(clips=clips, author_of={"y": "person 1", "z": "person 3"})
    rows = Rows()
    transfer.by_source_authors(Table(target, made.correct(), rows), SimpleNamespace(inputs={"source": source}))
    kept = np.arange(len(target.labels)) % 2 == 0
    found = framed(rows)
    line = found.loc[("Table2 right, without clips by authors of the source", "N_T^II", "F2 avg", "accuracy %")]
    assert line["value"] == pytest.approx(made_up_cells.accuracy(made, cells.Key("source", "N_T^II", "F2 avg"), kept))
    assert line["n_clips"] == kept.sum()
    assert len(found.loc["Table2 right, without clips by authors of the source"]) == 14
    assert "Paired, without clips by authors of the source" in found.index
    nobody = Rows()
    stranger = SimpleNamespace(clips=clips, author_of={"y": "person 8"})
    transfer.by_source_authors(Table(target, made.correct(), nobody), SimpleNamespace(inputs={"source": stranger}))
    assert nobody.lines == []


def test_controls_are_what_their_names_say(shared, events_world):
    task = tiny_task(transfer.experiment, TINY_TRANSFER, target=events_world)
    source = tagging.source_networks(task)[0]
    control = untrained(source.network.n_classes, source.network.width, 3)
    torch.manual_seed(3)
    drawn = WeakCNN(source.network.n_classes, width=source.network.width)
    for name, value in drawn.state_dict().items():
        assert torch.equal(control.network.state_dict()[name], value), name
    assert control.digest != source.digest
    kept = task.keep(train, task.inputs["source"], task.settings.source, "recordings", 0)
    assert trained(kept).digest == source.digest
    assert dict(cells.methods(task.settings, "untrained", 0) and {"III": 1}) == {"III": 1}
    assert cells.methods(task.settings, "untrained", 1) == ()


def test_a_network_from_scratch_never_hears_its_test_fold(shared, events_world):
    one, two = (
        transfer.scratch_network(task, cells_of(task, world), FOLD, 0).digest
        for world in (events_world, Disturbed(events_world, noise=events_world.of_fold(FOLD)))
        for task in [tiny_task(transfer.experiment, TINY_TRANSFER, target=world)]
    )
    assert one == two
    other = tiny_task(transfer.experiment, TINY_TRANSFER, target=events_world)
    assert transfer.scratch_network(other, cells_of(other, events_world), 1, 0).digest != one


@pytest.mark.parametrize(("fold", "aside"), [(1, 2), (2, 3), (3, 1)])
def test_from_scratch_the_fold_after_the_one_left_out_chooses_the_epoch(
    shared, events_world, fold, aside, monkeypatch, tmp_path
):
    """What trains, and what validates: the fold that is left out does neither."""
    handed = {}

    def fit(network, examples, loss, validate, schedule, **options):
        handed.update(network=network, examples=examples, validate=validate, schedule=schedule, **options)
        return SimpleNamespace(curve=[{"epoch": 1, "loss": 0.5, "accuracy": 0.25}])

    def score(model, held, fabric):
        return handed.update(held=held) or SimpleNamespace(recording=held.labels[:, ::-1])

    monkeypatch.setattr(scratch, "fit", fit)
    monkeypatch.setattr(scratch, "score", score)
    target = adaptation.load_target(events_world)
    settings = SourceSettings(epochs=7, batch_size=5, width=0.0625, lr=4e-4, patience=3)
    made = scratch.train_fold(Work(folder=tmp_path), target, fold, settings, 6)
    assert made.facts["facts"]["curve"] == [{"epoch": 1, "loss": 0.5, "accuracy": 0.25}]
    assert handed["validate"](handed["network"]) == {"accuracy": 0.0}, "every decision turned round"
    for data, members in ((handed["examples"], 6 - fold - aside), (handed["held"], aside)):
        own = np.flatnonzero(target.folds == members)
        assert len(data.features) == len(own)
        assert all(np.array_equal(x, target.features[int(i)]) for x, i in zip(data.features, own, strict=True))
        np.testing.assert_array_equal(data.labels, np.eye(4)[target.labels[own]])
    schedule = handed["schedule"]
    assert (schedule.epochs, schedule.batch_size, schedule.lr, schedule.patience) == (7, 5, 4e-4, 3)
    assert (handed["seed"], handed["monitor"]) == (6, "accuracy")
    torch.manual_seed(6)
    drawn = WeakCNN(4, width=0.0625).state_dict()
    assert all(torch.equal(value, drawn[name]) for name, value in handed["network"].state_dict().items())


def test_settings_reach_the_optimisers(cache, events_world, monkeypatch):
    rates, steps = [], []
    adam = torch.optim.Adam

    class Watched(adam):
        def __init__(self, parameters, lr, **options):
            rates.append(lr)
            super().__init__(parameters, lr=lr, **options)

        def step(self, *arguments, **options):
            steps.append(rates[-1])
            return super().step(*arguments, **options)

    monkeypatch.setattr(torch.optim, "Adam", Watched)
    changes = {**TINY_TRANSFER, "adaptation_lr": 3e-4, "adaptation_epochs": 3, "adaptation_batch": 7}
    changes["source"] = {**TINY_TRANSFER["source"], "lr": 5e-3, "epochs": 2, "batch_size": 6}
    task = tiny_task(transfer.experiment, changes, target=events_world)
    source = tagging.source_networks(task)[0]
    assert rates == [5e-3]
    lengths = [clip.duration for clip in task.inputs["source"].clips if clip.fold == 1]
    assert len(steps) == 2 * len(list(batches(lengths, 6, 0, 0)))
    steps.clear()
    target = cells_of(task, events_world)
    cells.keep_adapted(task, source, target, "II", (1,), 0)
    training = int((target.folds != 1).sum())
    assert rates == [5e-3, 3e-4]
    assert len(steps) == 3 * -(-training // 7)


def test_recordings_that_cross_folds_are_left_out_where_it_is_said(shared, events_world):
    first, second = events_world.of_fold(1)[0], events_world.of_fold(2)[0]
    crossing = Disturbed(events_world, folds=3, recordings={first: "both", second: "both"})
    found = computed(crossing)
    rows = found.rows.frame(data="x")
    without = rows[rows["item"] == "Table2 right, without recordings in two folds"]
    assert len(without) == 14
    assert set(without["n_clips"]) == {len(crossing.clips) - 2}
    assert set(rows.loc[rows["item"] == "Table2 right", "n_clips"]) == {len(crossing.clips)}


def test_source_and_target_share_no_class_and_no_recording():
    task, _ = transfer.experiment.task("demo")
    source, target = task.inputs["source"], task.inputs["target"]
    assert not set(source.classes) & set(target.classes)
    assert not {clip.recording for clip in source.clips} & {clip.recording for clip in target.clips}


def test_differences_of_exchanged_networks_exchange_their_sign(transferred, events_world):
    from companion.papers.kumar2018.adaptation import load_target
    from companion.papers.kumar2018.cell_rows import paired_rows

    target = load_target(events_world)
    rng = np.random.default_rng(0)
    keys = [
        cells.Key(trunk, row, c)
        for trunk in ("source", "untrained")
        for row in ("N_S", "N_T^III")
        for c in cells.COLUMNS
    ]
    correct = {key: rng.random((1, len(target.labels))) < rng.uniform(0.2, 0.9) for key in keys}

    def differences(exchange):
        rows = Rows()
        paired_rows(Table(target, {exchange(key): value for key, value in correct.items()}, rows), cells.PLAIN, "P")
        return rows.frame(data="x").set_index(["row", "column"])["value"]

    same = differences(lambda key: key)
    trunks = differences(lambda key: key._replace(trunk="untrained" if key.trunk == "source" else "source"))
    networks = differences(lambda key: key._replace(row="N_S" if key.row == "N_T^III" else "N_T^III"))
    turned = {"F1 max": "F1 avg", "F1 avg": "F1 max", "F2 max": "F2 avg", "F2 avg": "F2 max"}
    mappings = differences(lambda key: key._replace(column=turned[key.column]))
    for column in cells.COLUMNS:
        place = ("N_S - N_S (untrained trunk)", column)
        assert trunks[place] == pytest.approx(-same[place])
        assert networks["N_T^III - N_S", column] == pytest.approx(-same["N_T^III - N_S", column])
        value = 100 * np.mean(
            [
                [
                    correct[cells.Key("source", "N_T^III", column)][0, target.folds == f].mean()
                    - correct[cells.Key("source", "N_S", column)][0, target.folds == f].mean()
                ]
                for f in np.unique(target.folds)
            ]
        )
        assert same["N_T^III - N_S", column] == pytest.approx(value)
    for layer in ("F1", "F2"):
        place = ("N_S", f"{layer} max - {layer} avg")
        assert mappings[place] == pytest.approx(-same[place])


def test_trunk_outputs_are_remembered_by_what_they_are_made_of(shared, events_world, monkeypatch):
    """The same corpus and weights loaded once more are known; another network, or another sound, is not."""
    made, real = [], adaptation.trunk_outputs
    monkeypatch.setattr(adaptation, "trunk_outputs", lambda *a, **o: made.append(1) or real(*a, **o))
    adaptation._trunks.clear()
    one, other = (untrained(4, 0.0625, seed) for seed in (0, 1))
    first = adaptation.trunks(one, adaptation.load_target(events_world), "cpu")
    again = adaptation.trunks(untrained(4, 0.0625, 0), adaptation.load_target(events_world), "cpu")
    assert again is first
    assert len(made) == 1
    unlike = adaptation.trunks(other, adaptation.load_target(events_world), "cpu")
    assert not torch.allclose(unlike[0], first[0])
    noisy = adaptation.load_target(Disturbed(events_world, noise=[clip.id for clip in events_world.clips]))
    heard = adaptation.trunks(one, noisy, "cpu")
    assert not torch.allclose(heard[0], first[0])
    assert len(made) == 3
    assert len(adaptation._trunks) == 2, "of two networks at most"


def test_every_network_has_its_learning_curve(shared, transferred, events_world):
    task = tiny_task(transfer.experiment, TINY_TRANSFER, target=events_world)
    (source,) = tagging.source_networks(task)
    assert transferred.tables["source_curve"].equals(source.curve.assign(run=0))
    other = SimpleNamespace(curve=source.curve[::-1] + 1)
    both = transfer.source_curves([source, other])
    assert both["loss"].tolist() == [*source.curve["loss"], *other.curve["loss"]]
    assert both["run"].tolist() == [0] * len(source.curve) + [1] * len(source.curve)
    scratch_curves = transferred.tables["scratch_curves"]
    assert scratch_curves["fold"].nunique() == 3
    for (seed, fold), lines in scratch_curves.groupby(["seed", "fold"]):
        network = transfer.scratch_network(task, cells_of(task, events_world), fold, seed)
        assert lines["accuracy"].tolist() == network.curve["accuracy"].tolist()
        assert len(lines) == task.settings.scratch.epochs
