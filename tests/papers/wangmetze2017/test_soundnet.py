"""Truths of the chapter on SoundNet: what must hold whatever the numbers are."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from companion import checkpoints
from companion.checkpoints import Checkpoint
from companion.errors import DataError
from companion.models.soundnet import SAMPLE_RATE, SoundNet, waveform
from companion.papers.wangmetze2017 import cells, listening, soundnet
from companion.papers.wangmetze2017.cells import Cell, Clips, Key, windows
from companion.papers.wangmetze2017.listening import FILE, Hearing, Weights, published_weights
from companion.probes import probe_folds
from companion.probes.primal import PrimalSVM
from companion.results.rows import Rows
from companion.store import Value, Work
from worlds import Disturbed, with_inputs

TINY = {
    "width": 0.0625, "heard_seconds": 4.5, "layers": ("conv4", "pool5"), "control_layers": ("pool5",),
    "C": 100.0,  # or a machine on an untrained network learns next to nothing
}  # fmt: skip
FOLD = 2


def computed(world):
    return soundnet.compute(with_inputs(soundnet.experiment, TINY, corpus=world))


@pytest.fixture(scope="module")
def world() -> Disturbed:
    """Twenty clips of two classes in five folds."""
    from companion.datasets.synthetic import TARGET_CLASSES, SyntheticEvents

    return Disturbed(SyntheticEvents(0, classes=TARGET_CLASSES[:4:2], clips_per_class=10, duration=3.5))


@pytest.fixture(scope="module")
def found(session_cache, world):
    return computed(world)


# What a test fold decides


def test_a_test_fold_decides_nothing_that_is_said_of_it(found, world):
    """Other labels in a fold, and noise in half of it: what is learned and chosen without it stays as it was."""
    fold = world.of_fold(FOLD)
    half = fold[::2]
    other = computed(Disturbed(world.corpus, labels=fold, noise=half))
    one, two = (findings.tables["predictions"].set_index("clip") for findings in (found, other))
    said = one.columns[3:]
    kept = [name for name in fold if name not in half]
    pd.testing.assert_frame_equal(one.loc[kept, said], two.loc[kept, said])
    assert (one.loc[half, "label"] != two.loc[half, "label"]).all()
    pd.testing.assert_series_equal(*(f.tables["probes"][f"C, fold {FOLD}"] for f in (found, other)))
    outside = one.index[~one.index.isin(fold)]
    assert (one.loc[outside, said] != two.loc[outside, said]).to_numpy().any(), "where the fold trains it does decide"


# Planted representations


class Made(dict):
    """A value that was not stored."""

    def __init__(self, value):
        super().__init__(value.arrays)
        self.facts = value.facts


def deaf_task(world, place=()):
    """A task that hears nothing: every representation is noise, but the one at ``place`` holds the label."""
    task, labels = with_inputs(soundnet.experiment, TINY, corpus=world), Clips.of(world).labels

    def hear(work, corpus, weights, hearings):
        rng = np.random.default_rng(0)
        made = {}
        for one in hearings:
            endings = [f" {pooling}" for pooling in listening.POOLINGS] if one.pooled else [""]
            for name in (f"{one.name} | {layer}{ending}" for layer in one.layers for ending in endings):
                x = rng.normal(size=(len(labels), 4) if one.pooled else (len(labels), 12, 4)).astype(np.float32)
                if (weights.seed, name) == place:
                    signal = 8 * np.eye(2, dtype=np.float32)[labels]
                    x[..., :2] += signal if one.pooled else signal[:, None]
                made[name] = x
        return Value(made)

    def keep(function, *arguments, mmap=False):
        return Made((hear if function is soundnet.hear else function)(Work(), *arguments))

    return SimpleNamespace(settings=task.settings, seed=0, seeds=task.seeds, inputs=task.inputs, keep=keep)


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((0, "as published | pool5"), Key("SoundNet", "pool5", "windows, as published")),
        ((0, "scaled as in training | pool5"), Key("SoundNet", "pool5", "windows, scaled as in training")),
        ((0, "clip | conv4 max"), Key("SoundNet", "conv4", "max")),
        ((0, "clip | pool5 mean"), Key("SoundNet", "pool5", "mean")),
        ((1, "clip | pool5 max"), Key("untrained SoundNet", "pool5", "max")),
    ],
)
def test_a_representation_that_holds_the_label_fills_exactly_its_cell(world, place, key):
    findings = soundnet.compute(deaf_task(world, place))
    rows = pd.DataFrame(findings.rows.lines)
    table = findings.tables["predictions"]
    right = {name: (table[name] == table["label"]).mean() for name in table.columns[4:]}
    assert [name for name, share in right.items() if share == 1] == [key.name]
    levels = rows[(rows["measure"] == "accuracy %") & ~rows["item"].str.contains("without")]
    full = levels[levels["value"] == 100]
    assert list(zip(full["item"], full["row"], full["column"], strict=True)) == [
        (soundnet.item_of(key), *soundnet.row_of(key))]  # fmt: skip


# Rows


def made_up(world) -> dict[Key, Cell]:
    rng = np.random.default_rng(0)
    clips = Clips.of(world)
    keys = [Key("SoundNet", layer, reading) for layer in ("conv5", "pool5", "conv6", "conv7")
            for reading in ("max", "mean")]  # fmt: skip
    keys += [Key("SoundNet", "pool5", f"windows, {way}") for way in (soundnet.PUBLISHED, soundnet.AS_TRAINED)]
    keys += [Key("untrained SoundNet", layer, "max") for layer in ("conv5", "pool5")]
    return {
        key: Cell(np.where(rng.random(len(clips.labels)) < share, clips.labels, 1 - clips.labels), (1.0,) * 5)
        for key, share in zip(keys, rng.uniform(0.3, 0.9, len(keys)), strict=True)
    }


def framed(clips, made):
    rows = Rows()
    soundnet.result_rows(rows, clips, made)
    return rows.frame(data="x").set_index(["item", "row", "column"])["value"].sort_index()


def test_values_follow_from_predictions_and_differences_from_values(world):
    clips, made = Clips.of(world), made_up(world)
    rows = framed(clips, made)

    def level(key):
        right = made[key].predictions == clips.labels
        return 100 * np.mean([right[clips.folds == fold].mean() for fold in range(1, 6)])

    for key in made:
        assert rows[soundnet.item_of(key), *soundnet.row_of(key)] == pytest.approx(level(key))
    listed = soundnet.pairs(list(made))
    assert {("conv6 - pool5", "max"), ("conv6 - conv5", "mean"), ("pool5", "max - mean"),
            ("SoundNet - untrained SoundNet", "pool5 max"), ("pool5", "windows - max"),
            (soundnet.WINDOWS, "as published - scaled as in training")} <= set(listed)  # fmt: skip
    for place, (one, other) in listed.items():
        assert rows["Paired", *place] == pytest.approx(level(one) - level(other)), place


def test_a_cell_keeps_the_mean_of_the_accuracies_by_which_its_machines_were_chosen(world, monkeypatch):
    clips = Clips.of(world)
    probes = [SimpleNamespace(predictions=clips.labels[clips.folds == fold], c=1.0, inner_accuracy=fold / 10,
                              at_edge=False, n_unconverged=0) for fold in range(1, 6)]  # fmt: skip
    monkeypatch.setattr(cells, "probe_folds", lambda *_, **__: probes)
    made = cells.by_clip(Work(), {"x": None}, "x", clips.labels, clips.folds, clips.recordings, 1, 1.0)
    assert made.facts["inner_accuracy"] == pytest.approx(0.3)
    assert made.arrays["predictions"].tolist() == clips.labels.tolist()


def test_folds_are_listed_each_with_its_own_accuracy(world):
    """Right in fold 2 and nowhere else."""
    clips = Clips.of(world)
    key = Key("SoundNet", "pool5", "max")
    made = {key: Cell(np.where(clips.folds == 2, clips.labels, 1 - clips.labels), (1.0,) * 5)}
    listed = cells.tables(clips, made)["folds"].set_index("fold")["accuracy %"]
    assert listed.to_dict() == {1: 0.0, 2: 100.0, 3: 0.0, 4: 0.0, 5: 0.0}


def test_exchanged_networks_exchange_the_sign(world):
    clips, made = Clips.of(world), made_up(world)
    turned = {"conv5": "conv6", "conv6": "conv5"}
    other = {key._replace(layer=turned.get(key.layer, key.layer)): cell for key, cell in made.items()
             if key.network == "SoundNet"}  # fmt: skip
    one, two = framed(clips, made), framed(clips, other)
    assert two["Paired", "conv6 - conv5", "max"] == pytest.approx(-one["Paired", "conv6 - conv5", "max"])
    networks = {"SoundNet": "untrained SoundNet", "untrained SoundNet": "SoundNet"}
    other = {key._replace(network=networks[key.network]): cell for key, cell in made.items()}
    place = ("Paired", "SoundNet - untrained SoundNet", "pool5 max")
    assert framed(clips, other)[place] == pytest.approx(-one[place])


def test_windows_are_held_against_pooling_on_sound_of_one_loudness(world):
    """The protocol as published hears everything twice as loud; what it says then does not count here."""
    clips, made = Clips.of(world), made_up(world)
    loud = Key("SoundNet", "pool5", f"windows, {soundnet.PUBLISHED}")
    rows, other = framed(clips, made), framed(clips, {**made, loud: Cell(clips.labels, (1.0,) * 5)})
    assert rows["Paired", "pool5", "windows - max"] == other["Paired", "pool5", "windows - max"]
    place = ("Paired", soundnet.WINDOWS, "as published - scaled as in training")
    assert rows[place] != other[place]


def test_recordings_that_cross_folds_are_left_out_where_it_is_said(world):
    first, second = world.of_fold(1)[0], world.of_fold(2)[0]
    crossing = Disturbed(world.corpus, recordings={first: "both", second: "both"})
    rows = soundnet.compute(deaf_task(crossing)).rows.frame(data="x")
    without = rows[rows["item"].str.endswith(", without recordings in two folds")]
    assert set(without["n_clips"]) == {len(crossing.clips) - 2}
    assert len(without) * 2 == len(rows)
    assert set(rows.loc[~rows.index.isin(without.index), "n_clips"]) == {len(crossing.clips)}


def test_intervals_count_recordings_and_not_clips(world):
    clips = Clips.of(world)
    right = np.arange(len(clips.labels)) % 3 != 0
    one = clips.interval(right.astype(float))
    pairs = Clips(world, clips.labels, clips.folds, np.repeat(clips.recordings[::2], 2))
    assert pairs.interval(right.astype(float)).n_recordings < one.n_recordings


@pytest.mark.parametrize("some", [False, True])
def test_clips_of_one_author_are_no_ground_for_an_interval(world, some):
    right = (np.arange(20) % 3 != 0).astype(float)
    kept = np.arange(20) % 5 != 0 if some else None
    alone = Disturbed(world.corpus, authors={clip.recording: "one author" for clip in world.clips})
    found = [Clips.of(corpus).interval(right, kept) for corpus in (world, alone)]
    assert [math.isnan(one.low) for one in found] == [False, True]
    assert found[0].value == found[1].value


def test_that_classes_are_as_many_is_no_chance(world):
    """Where all of a class is right and none of the other, no other draw of clips would change the mean by much."""
    clips = Clips.of(world)
    by_class, mixed = ((clips.labels == 0), np.arange(20) // 2 % 2)
    found = [clips.interval(right.astype(float)) for right in (by_class, mixed)]
    assert [one.value for one in found] == [0.5, 0.5]
    assert found[0].high - found[0].low < 0.5 * (found[1].high - found[1].low)


def test_machines_are_listed_with_the_accuracy_by_which_they_were_chosen_in_per_cent(world):
    clips = Clips.of(world)
    cell = Cell(clips.labels, (1.0, 2.0, 3.0, 4.0, 5.0), inner_accuracy=0.85, n_at_edge=2, n_unconverged=1)
    (line,) = cells.tables(clips, {Key("SoundNet", "conv5", "max"): cell})["probes"].to_dict("records")
    assert (line["inner accuracy %"], line["folds at edge"], line["unconverged fits"]) == (85.0, 2, 1)
    assert [line[f"C, fold {fold}"] for fold in range(1, 6)] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_machines_that_stopped_early_are_counted_over_all_folds(world, monkeypatch):
    clips = Clips.of(world)

    def fold_of(task, clips, way, fold):
        return Made(Value({"predictions": clips.labels[clips.folds == fold]}, {"n_unconverged": fold}))

    monkeypatch.setattr(soundnet, "protocol_fold", fold_of)
    task = with_inputs(soundnet.experiment, TINY, corpus=world)
    assert [cell.n_unconverged for _, cell in soundnet.protocol_cells(task, clips)] == [15, 15]


# Protocol


def test_windows_are_runs_of_frames_one_frame_apart():
    frames = np.arange(2 * 5 * 3, dtype=np.float32).reshape(2, 5, 3)
    runs = windows(frames, 2)
    assert runs.shape == (2, 4, 6)
    for clip in range(2):
        for first in range(4):
            assert runs[clip, first].tolist() == frames[clip, first : first + 2].ravel().tolist()


def test_a_clip_takes_the_mean_decision_of_its_windows():
    rng = np.random.default_rng(0)
    labels, folds = np.tile([0, 1, 2], 8), np.repeat([1, 2, 3, 4], 6)
    frames = (np.eye(3)[labels][:, None] + 1.2 * rng.normal(size=(24, 7, 3))).astype(np.float32)
    found = cells.by_windows(Work(), {"x": frames}, "x", labels, folds, 2, 3, 0.01)
    machine = PrimalSVM(0.01)
    samples, named = [], []
    for clip in np.flatnonzero(folds != 2):
        for first in range(5):
            samples.append(frames[clip, first : first + 3].ravel())
            named.append(labels[clip])
    machine.fit(np.array(samples), named)
    for clip, said in zip(np.flatnonzero(folds == 2), found.arrays["predictions"], strict=True):
        decisions = [machine.decision_function(frames[clip, i : i + 3].reshape(1, -1))[0] for i in range(5)]
        assert said == np.mean(decisions, axis=0).argmax()


def test_a_machine_for_windows_never_sees_its_test_fold():
    """Noise in more dimensions than there are samples: a machine knows every label that it was shown, and no other."""
    rng = np.random.default_rng(0)
    labels, folds = rng.integers(0, 2, 60), np.tile([1, 2, 3], 20)
    frames = rng.normal(size=(60, 4, 100)).astype(np.float32)
    shown = cells.by_windows(Work(), {"x": frames}, "x", labels, folds, 2, 3, 10.0).arrays["predictions"]
    assert 0.2 < (shown == labels[folds == 2]).mean() < 0.8
    other = np.where(folds == 2, 1 - labels, labels)
    again = cells.by_windows(Work(), {"x": frames}, "x", other, folds, 2, 3, 10.0).arrays["predictions"]
    assert np.array_equal(shown, again)


def test_the_published_protocol_has_windows_of_three_frames():
    """27 frames of pool5 in ten seconds, so 25 windows of a little more than a second: what the authors' code has."""
    s = soundnet.PROFILES["esc50"]
    with torch.device("meta"):
        n_frames = SoundNet().n_frames("pool5", round(s.heard_seconds * SAMPLE_RATE))
    assert n_frames == 27
    assert math.ceil(s.window_seconds / s.heard_seconds * n_frames) == 3
    assert (s.layer, s.C, s.scale, s.training_scale) == ("pool5", 0.01, 512, 256)


def test_the_protocol_is_heard_twice_as_loud_as_in_training():
    published, trained = soundnet.hearings(soundnet.PROFILES["esc50"])
    assert (published.name, published.scale, published.seconds, published.layers) == (
        "as published", 512, 10, ("pool5",))  # fmt: skip
    assert (trained.name, trained.scale) == ("scaled as in training", 256)
    assert not published.pooled
    assert soundnet.whole(soundnet.PROFILES["esc50"], ["conv6"]) == Hearing("clip", ("conv6",), 5, 256, pooled=True)


def test_every_part_is_made_by_itself():
    s = soundnet.PROFILES["esc50"]
    counts = {name: len(list(part.each(s, 0))) for name, part in soundnet.experiment.parts.items()}
    assert counts == {"heard": 3, "protocol": 2 * 5, "layer": 6 * 2 + 3}
    (last,) = soundnet.experiment.make(
        "layer", {"network": "untrained SoundNet", "layer": "pool5"}, settings={**TINY, "clips_per_class": 5}
    )
    assert last == "layer network=untrained SoundNet layer=pool5 reading=max"


def test_layers_are_classified_by_the_probe_of_every_page(world):
    rng = np.random.default_rng(0)
    clips = Clips.of(world)
    x = (np.eye(2)[clips.labels] + 0.7 * rng.normal(size=(len(clips.labels), 2))).astype(np.float32)
    known = (clips.labels, clips.folds, clips.recordings)
    found = cells.by_clip(Work(), {"x": x}, "x", *known, 1, 1.0)
    expected = probe_folds(x, *known[:2], recordings=known[2], per_decade=1, patience=1.0)
    assert found.arrays["c"].tolist() == [probe.c for probe in expected]
    assert found.facts["n_at_edge"] == sum(probe.at_edge for probe in expected)
    for fold, probe in enumerate(expected, 1):
        assert found.arrays["predictions"][clips.folds == fold].tolist() == probe.predictions.tolist()


# Listening


def test_what_is_heard_is_the_scaled_and_repeated_clip(world):
    weights = Weights(width=0.0625, seed=3)
    ways = [Hearing("a", ("conv3", "pool5"), 4.0, 100.0), Hearing("b", ("conv3",), 3.0, 7.0, pooled=True)]
    few = Disturbed(world.corpus)
    few.clips = few.clips[:3]
    found = listening.hear(Work(), few, weights, ways).arrays
    network = weights.network()
    for number, clip in enumerate(few.clips):
        audio = few.audio(clip)
        samples = listening.resample(audio.samples, audio.sample_rate, SAMPLE_RATE)
        for way in ways:
            x = torch.from_numpy(waveform(samples, SAMPLE_RATE, n_samples=round(way.seconds * SAMPLE_RATE),
                                          scale=way.scale))[None]  # fmt: skip
            with torch.inference_mode():
                frames = network.features(x, ["conv3"])["conv3"][0].numpy()
            if way.pooled:
                np.testing.assert_allclose(found["b | conv3 max"][number], frames.max(0), rtol=1e-5)
                np.testing.assert_allclose(found["b | conv3 mean"][number], frames.mean(0), rtol=1e-4, atol=1e-6)
            else:
                np.testing.assert_allclose(found["a | conv3"][number], frames, rtol=1e-5, atol=1e-6)
    assert set(found) == {"a | conv3", "a | pool5", "b | conv3 max", "b | conv3 mean"}


def test_an_untrained_network_is_drawn_from_its_seed_and_leaves_the_global_one_alone():
    torch.manual_seed(9)
    before = torch.random.get_rng_state()
    one, same, other = (Weights(width=0.0625, seed=seed).network().state_dict() for seed in (4, 4, 5))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["trunk.conv3.conv.weight"], other["trunk.conv3.conv.weight"])
    prints = {Weights(width=w, seed=s).fingerprint() for w, s in ((1.0, 0), (1.0, 1), (0.5, 0))}
    assert len(prints) == 3


def test_weights_are_told_apart_by_their_values(tmp_path):
    (tmp_path / "soundnet").mkdir()
    prints = []
    for seed in (0, 1, 0):
        network = Weights(width=0.0625, seed=seed).network()
        checkpoints.save(Checkpoint(network, tuple(f"{i}" for i in range(1401))), tmp_path / FILE)
        weights = published_weights(tmp_path)
        prints.append(weights.fingerprint())
        assert all(torch.equal(a, b) for a, b in zip(weights.network().state_dict().values(),
                                                     network.state_dict().values(), strict=True))  # fmt: skip
    assert prints[0] == prints[2] != prints[1]


def test_missing_weights_name_the_command_that_fetches_them(tmp_path):
    with pytest.raises(DataError, match="no weights") as caught:
        published_weights(tmp_path)
    assert caught.value.repair == "companion fetch soundnet"
    settings = soundnet.PROFILES["demo"].model_copy(update={"weights": "published"})
    with pytest.raises(DataError, match="no weights"):
        soundnet.inputs(settings, 0, tmp_path)


def test_the_demo_needs_no_download_and_esc50_is_the_papers_own_evidence():
    assert set(soundnet.inputs(soundnet.PROFILES["demo"], 0, Path("nowhere"))) == {"corpus"}
    assert soundnet.experiment.evidence == {"esc50": "official"}
    assert soundnet.PROFILES["esc50"].weights == "published"
