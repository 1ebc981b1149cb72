"""The chapter on CTC: frames lie where they are said to, test recordings teach nothing, rows are what was counted."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from companion.audio import Audio, save
from companion.datasets.base import Clip, Event
from companion.datasets.synthetic.sequences import SyntheticSequences
from companion.errors import DataError, ParameterError
from companion.evaluation.activity import activity
from companion.evaluation.token_errors import token_errors
from companion.evaluation.units import Units
from companion.models.ctc_blstm import BoundaryNetwork
from companion.models.soundnet import SAMPLE_RATE, SoundNet
from companion.models.soundnet_variants import SNF
from companion.papers.wangmetze2017 import ctc, ctc_networks, ctc_rows, learning, students
from companion.papers.wangmetze2017.ctc_settings import FEATURES
from companion.papers.wangmetze2017.frames import Grid, Heard, hear_frames, low_level
from companion.papers.wangmetze2017.learning import NetworkSettings, Said, first_token, train
from companion.papers.wangmetze2017.listening import Weights
from companion.papers.wangmetze2017.student_features import LAYERS, hear_student, layer_of
from companion.results.criteria import load_criteria
from companion.results.published import load_published
from companion.results.rows import Rows
from companion.results.rules import measure
from companion.results.verdict import Reader, published_rows
from companion.store import Kept, Value, Work
from companion.training import Progress
from companion.training.optimizers import nesterov

CLASSES = ("bark", "drum")
TINY = NetworkSettings(
    units=6, activation="tanh", epochs=3, low_level_epochs=3, batch_size=2, length=60, lr=1.0, clip_value=0.05
)


def corpus_of(seed=0):
    return SyntheticSequences(
        seed, classes=CLASSES, sizes={"train": 4, "validation": 2, "test": 2}, duration=6.0, longest=1.0
    )


def kept(value: Value) -> Kept:
    """A value as if it came from the store."""
    return Kept(Path("made-up"), value.arrays, value.facts, {}, "0")


@pytest.fixture(scope="module")
def heard():
    corpus = corpus_of()
    return corpus, hear_frames(Work(), corpus, "low-level", None)


# Frames


def test_a_boundary_is_in_the_frame_whose_middle_is_nearest():
    """Frames of SoundNet's conv5: their middles are not half a frame from the beginning."""
    network = SoundNet(width=1 / 16)
    geometry = network.geometry("conv5")
    grid = Grid(SAMPLE_RATE / geometry.stride, float(geometry.times(1, SAMPLE_RATE)[0]))
    times = network.frame_times("conv5", 60)
    np.testing.assert_allclose(grid.first + np.arange(60) / grid.rate, times)
    rng = np.random.default_rng(0)
    for onset in rng.uniform(0.1, 4.0, 50):
        clip = Clip("a", "a", 1, 5.0, strong=(Event(float(onset), float(onset) + 0.7, "dog"),))
        tokens = grid.tokens(clip, ["dog"], 60)
        nearest = [int(np.abs(times - seconds).argmin()) for seconds in (onset, onset + 0.7)]
        assert tokens.tolist() == [[1, nearest[0]], [2, nearest[1]]]
        (event,) = grid.events(tokens, ["dog"], 60)
        assert event[:2] == pytest.approx(times[nearest])


def test_low_level_features_describe_two_seconds_around_their_frame():
    """Noise that begins after three seconds: nothing of it is heard until a second before, and then all of it."""
    samples = np.random.default_rng(0).normal(size=6 * 44_100).astype(np.float32) * 1e-4
    samples[3 * 44_100 :] *= 1e3
    found = low_level(samples, 44_100)
    assert found.shape == (60, 120)
    level, spread, slope = found[:, 0], found[:, 20], found[:, 80]
    assert np.abs(level[:19] - level[5]).max() < 0.1 * (level[50] - level[5])
    assert np.abs(level[41:] - level[50]).max() < 0.1 * (level[50] - level[5])
    middle = np.array([29, 30])  # their middles lie 2.95 s and 3.05 s from the beginning
    assert level[middle].mean() == pytest.approx((level[5] + level[50]) / 2, rel=0.05)
    assert slope.argmax() in middle
    assert spread.argmax() in middle
    assert (found[:, 60:80] >= found[:, 40:60]).all()  # greatest and least
    assert (found[:, 100:] > 0).all()  # how far a frame lies from the next, up or down


def test_features_of_all_recordings_are_kept_with_their_grid(heard):
    corpus, value = heard
    assert value.arrays["starts"].tolist() == [60 * i for i in range(9)]
    assert value.facts == {"rate": 10.0, "first": 0.05}
    third = low_level(corpus.audio(corpus.clips[2]).samples, corpus.sample_rate)
    np.testing.assert_allclose(value.arrays["frames"][120:180], third)


def test_frames_of_soundnet_are_kept_with_the_times_of_its_layer():
    corpus, weights = corpus_of(), Weights(width=0.0625)
    corpus.clips = corpus.clips[:2]
    value, network = hear_frames(Work(), corpus, "conv5", weights), weights.network()
    count = network.n_frames("conv5", round(6.0 * SAMPLE_RATE))
    assert np.diff(value.arrays["starts"]).tolist() == [count, count]
    times = value.facts["first"] + np.arange(count) / value.facts["rate"]
    np.testing.assert_allclose(times, network.frame_times("conv5", count))


def test_components_are_those_of_the_training_recordings(heard):
    corpus, value = heard
    made = Heard.of(corpus, kept(value), components=10)
    learned = np.concatenate([made.features[i] for i in made.fold(1)])
    assert learned.shape[1] == 10
    np.testing.assert_allclose(np.cov(learned.T), np.eye(10), atol=1e-2)
    np.testing.assert_allclose(learned.mean(0), 0, atol=1e-4)
    whole = Heard.of(corpus, kept(value), components=None)
    assert whole.features[0].shape == (60, 120)
    assert [len(whole.fold(number)) for number in (1, 2, 3)] == [4, 2, 2]
    clip = corpus.clips[3]
    assert len(whole.tokens[3]) == 2 * len(clip.strong)


# Training


def noised(value: Value, first: int) -> Kept:
    """The same features with noise in place of those of the recordings from one on."""
    frames = value.arrays["frames"].copy()
    frames[60 * first :] = np.random.default_rng(1).normal(size=frames[60 * first :].shape)
    return kept(Value({**value.arrays, "frames": frames}, value.facts))


def relabelled(corpus, fold):
    """The same corpus whose labels of a fold are those of other recordings."""
    other = corpus_of(seed=9)
    corpus = corpus_of()
    pairs = zip(corpus.clips, other.clips, strict=True)
    corpus.clips = tuple(replace(a, strong=b.strong) if a.fold == fold else a for a, b in pairs)
    return corpus


def test_noise_in_place_of_the_test_recordings_changes_nothing_that_is_learned(heard, tmp_path):
    corpus, value = heard
    curves = [
        train(Work(folder=tmp_path / str(number)), labels, frames, "low-level", TINY, 0).facts["curve"]
        for number, (labels, frames) in enumerate(
            [(corpus, kept(value)), (relabelled(corpus, 3), noised(value, 6)), (relabelled(corpus, 1), kept(value))]
        )
    ]
    for line, same, other in zip(*curves, strict=True):
        for name in ("loss", "train", "validation", "lr", "said"):
            assert line[name] == same[name]
        assert line["loss"] != other["loss"]  # what teaches does change it


def test_the_rate_falls_by_a_fifth_after_five_epochs_without_a_better_validation(heard, tmp_path, monkeypatch):
    corpus, value = heard
    given = []

    def fit(model, examples, loss, validate, schedule, **options):
        given.append((schedule, options))
        raise StopIteration

    monkeypatch.setattr(learning, "fit", fit)
    settings = TINY.model_copy(update={"epochs": 2, "low_level_epochs": 7, "clip_value": 0.02, "batch_size": 3})
    with pytest.raises(StopIteration):
        train(Work(folder=tmp_path), corpus, kept(value), "low-level", settings, 6)
    ((schedule, options),) = given
    assert (schedule.epochs, schedule.batch_size, schedule.clip_value, options["seed"]) == (7, 3, 0.02, 6)
    assert options["optimizer"] is nesterov

    def rate(*validation):
        return schedule.rate(Progress(0, 1, [{"validation": one, "test": -one} for one in validation]), 3.0)

    assert rate(*np.linspace(90, 50, 20)) == 3.0
    assert rate(60, *[61] * 4) == 3.0
    assert rate(60, *[61] * 5) == pytest.approx(2.4)
    assert rate(60, *[61] * 10) == pytest.approx(1.92)


def test_pieces_and_the_tolerance_are_as_they_are_set(heard, tmp_path, monkeypatch):
    """Where all tokens are as likely everywhere, they are the less likely the fewer frames they may be said in."""
    corpus, value = heard
    given = []

    def fit(model, examples, loss, *rest, **options):
        given.append((examples, loss))
        raise StopIteration

    monkeypatch.setattr(learning, "fit", fit)
    for tolerance in (3, 6, None):
        settings = TINY.model_copy(update={"length": 20, "tolerance": tolerance})
        with pytest.raises(StopIteration):
            train(Work(folder=tmp_path), corpus, kept(value), "low-level", settings, 0)
    examples, _ = given[0]
    assert max(examples.lengths) == 20
    full = max(range(len(examples.lengths)), key=lambda i: len(examples.batch(np.array([i]))[1].unique()))
    _, target = examples.batch(np.array([full]))
    alike = torch.full((1, examples.lengths[full], 5), 0.2).log()
    losses = [float(loss(alike, target)) for _, loss in given]
    assert losses[0] > losses[1] > losses[2]


def test_what_is_kept_is_what_the_last_epoch_says(heard, tmp_path):
    corpus, value = heard
    found = Said.of(kept(train(Work(folder=tmp_path), corpus, kept(value), "low-level", TINY, 0)))
    made = Heard.of(corpus, kept(value), components=50)
    assert len(found.curve) == 3
    for name, number in (("train", 1), ("validation", 2), ("test", 3)):
        chosen = made.fold(number)
        rate = token_errors([made.tokens[i] for i in chosen], found.only(chosen)).rate()
        assert rate == pytest.approx(found.curve[-1][name])


def test_boundary_networks_of_a_seed_begin_alike_and_of_other_seeds_otherwise(heard, tmp_path, monkeypatch):
    corpus, value = heard
    begun = []

    def fit(model, *rest, **options):
        begun.append({name: weight.clone() for name, weight in model.state_dict().items()})
        raise StopIteration

    monkeypatch.setattr(learning, "fit", fit)
    for seed in (0, 0, 1):
        with pytest.raises(StopIteration):
            train(Work(folder=tmp_path), corpus, kept(value), "low-level", TINY, seed)
    one, again, other = begun
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["lstm.cells.weight_ih_l0"], other["lstm.cells.weight_ih_l0"])


def test_low_level_features_are_heard_as_fifty_components_and_layers_as_they_are(heard):
    corpus, value = heard
    for feature, width in (("low-level", 50), ("conv5", 120)):
        assert {x.shape[1] for x in learning.heard_as(corpus, kept(value), feature).features} == {width}


@pytest.mark.parametrize("feature", ["low-level", "conv5"])
def test_a_network_is_asked_for_by_its_own_feature_and_seed(monkeypatch, feature):
    asked = []
    monkeypatch.setattr(ctc_networks, "frames_of", lambda task, feature: f"frames of {feature}")
    task = SimpleNamespace(keep=lambda *given: asked.append(given), settings=ctc.PROFILES["esc50"],
                           inputs={"corpus": "corpus"}, seed=5)  # fmt: skip
    ctc_networks.network_of(task, feature, 7)
    assert asked == [(train, "corpus", f"frames of {feature}", feature, task.settings.network, 7)]


def test_kinds_of_errors_are_counted_each_under_its_own_name():
    """Of twenty true tokens three are left out and one is another; two are put in."""
    true = np.array([[i, 10 * i] for i in range(1, 21)])
    said = np.concatenate([true[:4], [[31, 44], [32, 46]], true[4:9], [[30, 100]], true[10:14], true[17:]])
    errors = token_errors([true], [said])
    whole = Said([said], ())
    (found,) = ctc_rows.kinds_of([true], [whole], np.array([0]), [errors])
    assert [found[name] for name in ("substitutions", "deletions", "insertions")] == [5.0, 15.0, 10.0]


def test_f1_ends_stay_within_a_hundred():
    rows = Rows()
    counts = [(np.array([[9, 0, 1], [8, 1, 0], [9, 0, 0]]),) * len(ctc_rows.F1_COLUMNS)] * 2
    ctc_rows.f1_rows(rows, "row", counts, Units(list("abc")))
    assert all(line["ci_low"] < line["value"] < line["ci_high"] <= 100 for line in rows.lines)


def test_the_network_begins_to_speak_in_the_first_epoch_that_says_anything():
    curve = [
        {"epoch": 1, "said": 0.0},
        {"epoch": 2, "said": 0.004},
        {"epoch": 3, "said": 0.02},
        {"epoch": 4, "said": 0.4},
    ]
    assert first_token(curve) == 3
    assert first_token(curve, 0.001) == 2
    assert first_token(curve[:2]) is None


# Rows


@pytest.fixture
def found(monkeypatch, tmp_path):
    """Findings from planted networks: by feature and seed, which share of the true tokens is left out."""
    corpus = corpus_of()
    silence = {("low-level", 0): 0.5, ("low-level", 1): 0.3, ("conv5", 0): 0.1, ("conv5", 1): 0.1}

    def planted(task, feature, seed, share=None):
        heard = Heard.of(corpus, ctc.frames_of(task, feature), components=None)
        left_out = silence[feature, seed] if share is None else share
        said = [tokens[round(left_out * len(tokens)) :] for tokens in heard.tokens]
        curve = [{"epoch": 1 + i, "said": float(i > seed + (feature == "low-level"))} for i in range(5)]
        curve = [{**line, "loss": 1.0, "train": 2.0, "validation": 3.0, "test": 4.0} for line in curve]
        value = Value({"tokens": np.concatenate(said), "starts": np.cumsum([0, *map(len, said)])}, {"curve": curve})
        return kept(value)

    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path))

    def detector(task, feature, seed):
        """Hears every event but those of the class drum, from low-level features; everything from conv5."""
        heard = Heard.of(corpus, ctc.frames_of(task, feature), components=None)
        events = [[(e.onset, e.offset, e.label) for e in clip.strong] for clip in corpus.clips]
        times = [heard.grid.times(len(x)) for x in heard.features]
        active = [activity(one, corpus.classes, when) for one, when in zip(events, times, strict=True)]
        if feature == "low-level":
            active = [one & np.array([name != "drum" for name in corpus.classes]) for one in active]
        starts = np.cumsum([0, *map(len, active)])
        return kept(Value({"active": np.concatenate(active).astype(np.uint8), "starts": starts}))

    def pretrained(task, feature, seed):
        assert feature == "low-level"
        said = planted(task, feature, seed)
        curve = [{**line, "said": float(line["epoch"] > 1)} for line in said.facts["curve"]]
        return kept(Value({"tokens": said["tokens"], "starts": said["starts"]}, {"curve": curve}))

    monkeypatch.setattr(ctc, "network_of", planted)
    monkeypatch.setattr(ctc, "detector_of", detector)
    monkeypatch.setattr(ctc, "pretrained_of", pretrained)
    monkeypatch.setattr(ctc, "corpus", lambda settings, seed, data: corpus)
    low_level = ctc.frames_of
    monkeypatch.setattr(ctc, "frames_of", lambda task, one: low_level(task, "low-level" if one[:3] == "SN-" else one))
    monkeypatch.setattr(ctc, "is_student", lambda feature: False)

    def helped(task, technique, seed):
        return planted(task, "low-level", seed, {"dropout": 0.1, "noise": 0.9}[technique])

    monkeypatch.setattr(ctc, "helped_of", helped)

    def compute(*features, planted=(), others=(), techniques=(), smooth=1):
        silence.update(planted)
        changes = {"features": features, "others": others, "techniques": techniques, "n_seeds": 2,
                   "frame.smooth": smooth}  # fmt: skip
        task, _ = ctc.experiment.task("demo", device="cpu", changes=changes)
        made = ctc.compute(task)
        compute.lines = {(line["item"], line["row"], line["column"]): line for line in made.rows.lines}
        compute.frame = made.rows.frame(experiment="", paper="Wang2017", profile="esc50", evidence="restaged", data="")
        errors = made.tables["errors"][made.tables["errors"]["split"] == "test"]
        compute.by_seed = errors.set_index(["feature", "seed"])["deletions"].to_dict()
        return {place: line["value"] for place, line in compute.lines.items()}, made.tables

    return compute


def test_rows_are_what_was_planted_and_exchanged_features_exchange_the_sign(found):
    rows, tables = found("low-level", "conv5")
    kinds = tables["errors"].set_index(["feature", "split", "seed"]).sort_index()
    for split, column in (("train", "train"), ("validation", "val"), ("test", "test")):
        rates = {f: kinds.loc[f, split]["deletions"].mean() for f in ("low-level", "conv5")}
        assert rows["Table4", "Low-level (50-d, epoch 500)", column] == pytest.approx(rates["low-level"])
        assert rows["Table4", "SoundNet conv5 256", column] == pytest.approx(rates["conv5"])
        assert 30 < rates["low-level"] < 50
        assert 5 < rates["conv5"] < 15
    assert not kinds[["substitutions", "insertions", "order of simultaneous boundaries"]].to_numpy().any()
    assert rows["Claim", "warm-up low-level", "random start"] == 3.5
    assert rows["Claim", "warm-up transferred", "conv5"] == 2.5
    wanted = {"training loss": 1, "training TER": 2, "validation TER": 3, "test TER": 4}  # as row C211 names them
    assert tables["ctc_curves"][[*wanted]].drop_duplicates().to_dict("records") == [wanted]
    assert set(tables["ctc_curves"]["feature"]) == {"low-level", "conv5"}
    gap = rows["Table4", "SoundNet conv5 256", "test"] - rows["Table4", "SoundNet conv5 256", "train"]
    assert rows["Gap", "SoundNet conv5 256", "test - train"] == pytest.approx(gap)
    assert rows["F1", "SoundNet conv5 256", "events, collar 1 s"] > 80
    back, _ = found("conv5", "low-level")
    difference = rows["Paired", "conv5 - low-level", "test"]
    assert difference < -15
    assert back["Paired", "low-level - conv5", "test"] == pytest.approx(-difference)


def test_layers_of_students_are_read_off_the_network_that_table_4_names(monkeypatch, tmp_path):
    """SN-R for features has ReLU in its cells, its frames are ten a second, and both chapters keep one network."""
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path))
    monkeypatch.setattr(ctc, "corpus", lambda settings, seed, data: corpus_of())
    student = {"width": 0.0625, "size": 4, "steps": 1, "checks": 1}
    changes = {"features": ("SN-F pool5", "SN-R gru1-BN"), "taught": {"clips_per_class": 5, "student": student}}
    task, _ = ctc.experiment.task("demo", device="cpu", changes=changes)
    assert "weights" not in task.inputs
    for feature, name, size in (("SN-F pool5", "SN-F", 16), ("SN-R gru1-BN", "SN-R GRU with ReLU", 8)):
        frames = ctc.frames_of(task, feature)
        assert frames["frames"].shape[1] == size
        assert frames.facts == {"rate": 10.0, "first": SNF().frame_times("pool5", 1)[0]}
        assert [len(part) for part in np.split(frames["frames"], frames["starts"][1:-1])] == [60] * 8
        alone, _ = students.experiment.task("demo", device="cpu", changes=changes["taught"])
        own = students.network_of(alone, name, 0)
        assert own.receipt == students.network_of(ctc_networks.student_task(task), name, 0).receipt
        network, layer = feature.split()
        alike = task.keep(layer_of, task.keep(hear_student, task.inputs["corpus"], own, LAYERS[network]), layer)
        assert alike.receipt == frames.receipt
        assert own.facts["architecture"]["activation"] == ("relu" if "ReLU" in name else "tanh")
    assert {ctc.ROWS[feature] for feature in changes["features"]} == {"SN-F pool5 256", "SN-R gru1-BN 200"}


def test_detectors_and_boundaries_are_scored_alike(found):
    rows, _ = found("low-level", "conv5")
    low, conv5 = "Low-level (50-d, epoch 500)", "SoundNet conv5 256"
    clips = [clip for clip in corpus_of().clips if clip.fold == 3]
    drums = sum(event.label == "drum" for clip in clips for event in clip.strong)
    missed = 100 * drums / sum(len(clip.strong) for clip in clips)
    assert 20 < missed < 80
    assert rows["Frame by frame", low, "test"] == pytest.approx(missed)
    assert rows["Frame by frame", conv5, "test"] == 0
    for row in (low, conv5):
        gain = rows["Table4", row, "test"] - rows["Frame by frame", row, "test"]
        assert rows["Frame by frame, paired", row, "boundaries - frame by frame"] == pytest.approx(gain)
        for column in ("events, collar 1 s", "segments of 1 s"):
            gain = rows["F1", row, column] - rows["F1, frame by frame", row, column]
            assert rows["F1, boundaries - frame by frame", row, column] == pytest.approx(gain)
    recall = 1 - missed / 100
    assert rows["F1, frame by frame", conv5, "events, collar 1 s"] == 100
    assert rows["F1, frame by frame", low, "events, collar 1 s"] == pytest.approx(200 * recall / (1 + recall))


def test_a_detector_smoothed_over_its_whole_recording_hears_next_to_nothing(found):
    """It knows every event of six seconds, none of which lasts for more than one; but for those at the very end."""
    rows, _ = found("conv5", smooth=61)
    assert rows["Frame by frame", "SoundNet conv5 256", "test"] > 80


def test_the_onset_of_an_event_may_be_a_second_off_and_no_more():
    """Three test recordings: 0.9 s late, 1.1 s late, and nothing said; what is said of others does not count."""
    true = (Event(2.0, 4.0, "dog"),)
    clips = [Clip(str(i), str(i), 3 if i else 1, 6.0, strong=true) for i in range(4)]
    heard = SimpleNamespace(
        corpus=SimpleNamespace(clips=clips, classes=("dog",)),
        fold=lambda number: np.flatnonzero([clip.fold == number for clip in clips]),
    )
    events = [[(0.0, 1.0, "dog")], [(2.9, 4.0, "dog")], [(3.1, 4.0, "dog")], []]
    as_events, in_segments = ctc_rows.event_counts(heard, events)
    assert as_events.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    assert in_segments.tolist() == [[2, 0, 0], [1, 0, 1], [0, 0, 2]]


def test_epochs_are_held_against_each_other_seed_by_seed(found):
    rows, _ = found("low-level", "conv5")
    assert rows["Claim", "warm-up low-level", "pre-trained"] == 2
    assert rows["Paired", "warm-up low-level", "random start - pre-trained"] == 1.5
    assert rows["Paired", "warm-up transferred / warm-up low-level", "conv5 / random start"] == pytest.approx(2.5 / 3.5)
    line = found.lines["Paired", "warm-up low-level", "random start - pre-trained"]
    assert (line["n_clips"], line["n_recordings"], line["n_seeds"]) == (0, 0, 2)
    assert line["ci_low"] < 1.5 < line["ci_high"], "over seeds"


def test_a_network_begins_with_the_detector_of_its_own_feature_and_seed(monkeypatch):
    asked = []

    def keep(function, *arguments):
        asked.append((function.__name__, arguments))
        return f"{function.__name__} {len(asked)}"

    monkeypatch.setattr(ctc_networks, "frames_of", lambda task, feature: f"frames of {feature}")
    settings = ctc.PROFILES["esc50"]
    task = SimpleNamespace(keep=keep, settings=settings, inputs={"corpus": "corpus"}, seed=5)
    ctc.pretrained_of(task, "low-level", 7)
    (detector, known), (network, given) = asked
    assert (detector, network) == ("train_activity", "train")
    assert known == ("corpus", "frames of low-level", "low-level", settings.network, settings.frame, 7)
    assert (given[:3], given[4:]) == (known[:3], (7, "train_activity 1"))
    changed = {"epochs": settings.pretrained_epochs, "low_level_epochs": settings.pretrained_epochs}
    assert given[3] == settings.network.model_copy(update=changed)


def test_what_is_tried_has_rows_curves_and_a_warm_up_of_its_own(found):
    rows, tables = found("low-level", "conv5", techniques=("dropout",))
    tried = {"low-level pre-trained", "low-level with dropout"}
    assert set(tables["helped_curves"]["feature"]) == tried
    assert set(tables["ctc_curves"]["feature"]) == {"low-level", "conv5"}
    assert tables["helped_curves"].groupby("feature")["seed"].nunique().to_dict() == {
        "low-level pre-trained": 2, "low-level with dropout": 1}  # fmt: skip
    plain = rows["Table4", "Low-level (50-d, epoch 500)", "test"]
    assert rows["Techniques", "low-level pre-trained", "test"] == pytest.approx(plain)  # planted: it says the same
    assert rows["Techniques, paired", "low-level pre-trained - low-level", "test"] == 0
    assert rows["Claim", "warm-up low-level", "with dropout"] == 3
    assert rows["Claim", "warm-up low-level", "pre-trained"] == 2


def test_a_network_that_never_speaks_has_no_number_of_epochs():
    rows = Rows()
    low = "warm-up low-level"
    ctc_rows.epoch_rows(rows, {(low, "random start"): [80, None, 90], (low, "pre-trained"): [40, 41, 45],
                               ("warm-up transferred", "conv5"): [3, 4, 5]})  # fmt: skip
    found = {(line["item"], line["row"], line["column"]): line for line in rows.lines}
    assert [*found] == [
        ("Spoke", low, "random start"), ("Claim", low, "pre-trained"), ("Claim", "warm-up transferred", "conv5"),
    ]  # fmt: skip
    spoke = found["Spoke", low, "random start"]
    assert (spoke["value"], spoke["n_seeds"], spoke["note"]) == (2, 3, "of 3")
    assert found["Claim", low, "pre-trained"]["value"] == pytest.approx(42)


def test_claims_on_every_feature_ask_for_rows_that_there_are(found):
    """conv5 is planted as the best by far, then as the worst; every feature says less in the test than in training."""
    features = [feature for feature in ctc.ROWS if feature not in ("low-level", "conv5")]
    for conv5, side in ((0.1, -1), (0.9, 1)):
        planted = {(feature, seed): 0.4 for feature in features for seed in (0, 1)}
        found("low-level", "conv5", planted={**planted, ("conv5", 0): conv5, ("conv5", 1): conv5}, others=features)
        reader = Reader(SimpleNamespace(rows=found.frame, evidence="restaged"), published_rows(load_published()), {})
        lookup, paired = (partial(way, "Wang2017") for way in (reader.row, reader.paired))
        criteria = load_criteria()
        measured = [measure(comparison, lookup, paired) for comparison in criteria["X06"].claim]
        assert len(measured) == len(ctc.ROWS) - 1
        assert all(side * one.value > 5 for one in measured)
        assert side > 0 or all(one.low < one.value < one.high for one in measured)
        gaps = [measure(comparison, lookup, paired) for comparison in criteria["X08"].claim]
        assert len(gaps) == len(ctc.ROWS)
        assert None not in gaps


def test_students_have_the_teachers_weights_and_not_those_that_are_heard():
    task, _ = ctc.experiment.task("demo", device="cpu")
    given = {"corpus": "recordings", "students": "clips", "teacher": "published", "weights": "heard"}
    alone = ctc_networks.student_task(replace(task, inputs=given))
    assert alone.inputs == {"corpus": "clips", "weights": "published"}
    assert alone.settings == task.settings.taught


def test_f1_of_events_and_of_segments_stand_under_their_own_names():
    rows, units = Rows(), Units(["a", "b", "c"])
    as_events, in_segments = (np.tile(np.array(counts, dtype=float), (3, 1)) for counts in ([3, 1, 0], [2, 4, 4]))
    ctc_rows.f1_rows(rows, "x", [(as_events, in_segments)], units, [(in_segments, as_events)])
    found = {(line["item"], line["column"]): line["value"] for line in rows.lines}
    events, segments = 600 / 7, 400 / 12
    for item, pair in (("F1", (events, segments)), ("F1, frame by frame", (segments, events)),
                       ("F1, boundaries - frame by frame", (events - segments, segments - events))):  # fmt: skip
        assert [found[item, column] for column in ctc_rows.F1_COLUMNS] == pytest.approx(list(pair))


def test_f1_is_that_of_all_decisions_together():
    counts = [np.array([[3.0, 1, 0], [0, 2, 2], [5, 0, 5]]), np.array([[1.0, 1, 2], [1, 1, 1], [2, 3, 8]])]
    found = ctc_rows.f1(counts, Units(["a", "b", "c"]))
    assert found.by_seed == pytest.approx([200 * 8 / (16 + 3 + 7), 200 * 4 / (8 + 5 + 11)])


def test_the_interval_of_a_rate_is_that_of_a_ratio_of_sums():
    """Errors in proportion to tokens leave no doubt about their rate; otherwise there is some."""
    rng = np.random.default_rng(0)
    units = Units([f"r{i}" for i in range(40)])
    lengths = rng.integers(5, 30, 40)
    true = [rng.integers(1, 9, length) for length in lengths]
    none = ctc_rows.rate([token_errors(true, [[] for _ in true])], units)
    assert none.by_seed == pytest.approx([100])
    assert np.abs(none.influence).max() < 1e-9
    half = ctc_rows.rate([token_errors(true, [one if i % 2 else [] for i, one in enumerate(true)])], units)
    spread = float(np.sqrt(units.variance(half.influence[0])))
    weights = rng.multinomial(40, np.full(40, 1 / 40), 2000)
    wrong = np.where(np.arange(40) % 2, 0, lengths)
    assert half.by_seed == pytest.approx([100 * wrong.sum() / lengths.sum()])  # not the mean of the recordings' rates
    assert abs(wrong.sum() / lengths.sum() - 0.5) > 0.01
    resampled = 100 * (weights @ wrong) / (weights @ lengths)
    assert spread == pytest.approx(resampled.std(), rel=0.1)


def test_every_row_of_table_4_has_a_network_and_those_of_figure_2_have_more():
    settings = ctc.PROFILES["esc50"]
    assert set(settings.heard) == set(ctc.ROWS)
    assert len(settings.heard) == 13
    assert settings.heard == {f: 3 if f in FEATURES else 1 for f in ctc.ROWS}
    published = load_published()
    table4 = published[(published["paper"] == "Wang2017") & (published["item"] == "Table4")]
    assert set(table4["row"]) == set(ctc.ROWS.values())


def test_layers_of_table_4_are_held_against_each_other_as_the_claims_ask(found):
    """Planted: batch normalisation gains 20 points, a higher layer loses 10; gru1-BN has two seeds and gru1 one."""
    silence = {"gru1": 0.4, "gru1-BN": 0.2, "gru2": 0.5, "gru2-BN": 0.3, "gru3": 0.6, "gru3-BN": 0.4}
    planted = {(f"SN-R {layer}", seed): share for layer, share in silence.items() for seed in (0, 1)}
    planted["SN-R gru1-BN", 1] = 0.9  # of a seed that the others do not have
    rows, tables = found(
        "low-level", "SN-R gru1-BN", planted=planted, others=[f"SN-R {one}" for one in silence if one != "gru1-BN"]
    )
    rates = {layer: rows["Table4", f"SN-R {layer} 200", "test"] for layer in silence}
    for claim, pairs in {
        "C216": [("gru1", "gru1-BN"), ("gru2", "gru2-BN"), ("gru3", "gru3-BN")],
        "C217": [("gru2", "gru1"), ("gru3", "gru2")],
    }.items():
        reader = Reader(SimpleNamespace(rows=found.frame, evidence="restaged"), published_rows(load_published()), {})
        lookup, paired = (partial(way, "Wang2017") for way in (reader.row, reader.paired))
        measured = [measure(comparison, lookup, paired) for comparison in load_criteria()[claim].claim]
        assert len(measured) == len(pairs)
        for one, (first, second) in zip(measured, pairs, strict=True):
            assert one.low < one.value < one.high
            if "gru1-BN" not in (first, second):
                assert one.value == pytest.approx(rates[first] - rates[second])
            assert 5 < one.value < 30
    assert set(tables["ctc_curves"]["feature"]) == {"low-level", "SN-R gru1-BN"}
    assert "SN-R gru2 200" in {row for item, row, _ in rows if item == "Gap"}


def test_techniques_are_held_against_low_level_features_of_the_same_seed(found):
    rows, _ = found("low-level", techniques=("dropout", "noise"))
    silent, noisy = (rows["Techniques", f"low-level with {name}", "test"] for name in ("dropout", "noise"))
    assert silent < 15
    assert noisy > 80
    plain = found.by_seed["low-level", 0]  # the mean over both seeds is lower
    for name, value in (("dropout", silent), ("noise", noisy)):
        gain = rows["Techniques, paired", f"low-level with {name} - low-level", "test"]
        assert gain == pytest.approx(value - plain)


def test_a_technique_changes_one_setting_of_the_training(monkeypatch):
    asked = []
    monkeypatch.setattr(ctc_networks, "frames_of", lambda task, feature: f"frames of {feature}")
    settings = ctc.PROFILES["esc50"]
    task = SimpleNamespace(keep=lambda *given: asked.append(given), settings=settings, inputs={"corpus": "corpus"})
    for technique in settings.techniques:
        ctc.helped_of(task, technique, 4)
    for (function, *given), change in zip(asked, ({"dropout": 0.5}, {"noise": 0.3}), strict=True):
        assert function is train
        assert given == ["corpus", "frames of low-level", "low-level", settings.network.model_copy(update=change), 4]


@pytest.mark.parametrize("change", [{"dropout": 0.5}, {"noise": 0.5}])
def test_techniques_disturb_training_and_nothing_else(heard, tmp_path, change):
    """Networks begin alike, learn otherwise, and say the same of the same recording twice."""
    corpus, value = heard
    curves = []
    for number, settings in enumerate((TINY, TINY.model_copy(update=change))):
        curves.append(train(Work(folder=tmp_path / str(number)), corpus, kept(value), "low-level", settings, 0))
    assert curves[0].facts["curve"][0]["loss"] != curves[1].facts["curve"][0]["loss"]
    network = BoundaryNetwork(
        2, n_features=5, units=4, activation="tanh", generator=torch.Generator().manual_seed(0), **change
    )
    x = torch.randn(1, 20, 5)
    assert torch.equal(network.eval()(x), network(x))
    assert not torch.equal(network.train()(x), network(x))
    plain = BoundaryNetwork(2, n_features=5, units=4, activation="tanh", generator=torch.Generator().manual_seed(0))
    assert torch.equal(network.eval()(x), plain(x))


def test_the_drawn_recording_is_of_the_test_and_its_labels_are_true(found):
    _, tables = found("low-level", "conv5")
    table, clip = tables["spelled"], next(clip for clip in corpus_of().clips if clip.fold == 3)
    assert set(table["recording"]) == {clip.id}
    true = table[table["by"] == "labels"]
    assert [*zip(true["onset"], true["offset"], true["class"], strict=True)] == [
        (e.onset, e.offset, e.label) for e in clip.strong
    ]
    conv5 = table[table["by"] == "conv5"]  # a tenth of its boundaries is left out, the first ones
    assert len(conv5) >= 0.8 * len(true)
    near = np.abs(conv5["onset"].to_numpy()[:, None] - true["onset"].to_numpy()).min(1)
    assert np.median(near) < 0.1


def test_seeds_reach_the_recordings_and_a_network_that_never_learned(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr("companion.datasets.esc50.ESC50", lambda data: None)
    monkeypatch.setattr("companion.datasets.esc50_sequences.sequences", lambda *given, **options: drawn.append(options))
    ctc.corpus(ctc.PROFILES["esc50"], 8, tmp_path)
    assert drawn == [{"sizes": {"train": 90, "validation": 30, "test": 30}, "seed": 8, "duration": 50.0}]
    assert ctc.inputs(ctc.PROFILES["demo"], 8, tmp_path)["weights"] == Weights(width=0.0625, seed=8)


def test_recordings_of_a_split_that_share_an_author_count_as_one():
    clips = [Clip(f"{fold}-{i}", f"r{fold}{i}", fold, 1.0) for fold in (1, 2, 3) for i in range(4)]
    authors = {clip.recording: clip.recording[:-1] + "ab"[int(clip.recording[-1]) % 2] for clip in clips}
    for author_of, independent in ((authors, 2), ({}, 4)):
        found = ctc_rows.units(SimpleNamespace(clips=clips, author_of=author_of), "test")
        assert (found.n_clips, float(found.effective(np.ones(4)))) == (4, independent)


def test_the_first_network_spells_and_each_seed_has_its_curve(found):
    """The second one says nothing at all."""
    _, tables = found("conv5", planted={("conv5", 1): 1.0})
    assert (tables["spelled"]["by"] == "conv5").any()
    curves = tables["ctc_curves"].groupby(["feature", "seed"])["epoch"].count()
    assert curves.to_dict() == {("conv5", 0): 5, ("conv5", 1): 5}


def test_a_profile_names_what_it_needs():
    for settings in ctc.PROFILES.values():
        listed = list(ctc.experiment.parts["network"].each(settings, 0))
        assert len(listed) == settings.n_seeds * len(settings.features) + settings.n_other_seeds * len(settings.others)
        assert {one["feature"] for one in listed} == {
            one["feature"] for one in ctc.experiment.parts["frames"].each(settings, 0)
        }


def test_noiseme_is_read_from_its_lists_and_no_other_corpus_is_taken_for_it(tmp_path):
    settings, folder = ctc.PROFILES["paper"], tmp_path / "noiseme"
    with pytest.raises(DataError, match=r"train\.tsv"):
        ctc.corpus(settings, 0, tmp_path)
    for part in ("train", "validation", "test"):
        save(folder / "audio" / f"{part}.wav", Audio(np.full(4_410, 0.1, np.float32), 44_100))
        lines = "filename\tonset\toffset\tevent_label\n" + f"{part}.wav\t0.01\t0.05\tcheer\n"
        (folder / f"{part}.tsv").write_text(lines)
    corpus = ctc.corpus(settings, 0, tmp_path)
    assert (len(corpus.classes), [clip.fold for clip in corpus.clips]) == (17, [1, 2, 3])
    (folder / "test.tsv").write_text(lines.replace("cheer", "dog"))
    with pytest.raises(DataError, match="unknown class 'dog'"):
        ctc.corpus(settings, 0, tmp_path)


def test_the_chapter_runs_on_anybodys_lists(tmp_path, monkeypatch):
    """A folder in DESED's layout, with two classes that no list of this project has; recordings of two lengths."""
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    made, folder = corpus_of(), tmp_path / "mine"
    for part, fold in learning.SPLITS.items():
        lines = ["filename\tonset\toffset\tevent_label"]
        for number, clip in enumerate(one for one in made.clips if one.fold == fold):
            audio, name = made.audio(clip), f"{part}-{number}.wav"
            end = len(audio.samples) - number * 22_050
            save(folder / "audio" / name, Audio(audio.samples[:end], audio.sample_rate))
            events = [event for event in clip.strong if event.offset < end / audio.sample_rate]
            lines += [f"{name}\t{e.onset:.3f}\t{e.offset:.3f}\tmy {e.label}" for e in events]
        (folder / f"{part}.tsv").write_text("\n".join(lines) + "\n")
    settings = {
        "corpus": "files", "files": "mine", "classes": (), "features": ("low-level",), "framewise": (),
        "pretrained": (), "network": {"units": 4, "low_level_epochs": 1},
    }  # fmt: skip
    run = ctc.run("demo", data=str(tmp_path), settings=settings)
    assert run.provenance["data"].startswith("mine: 8 recordings")
    assert set(run.table("spelled")["class"]) <= {"my bark", "my drum"}
    with pytest.raises(ParameterError, match="files=FOLDER"):
        ctc.run("demo", data=str(tmp_path), settings={**settings, "files": ""})


def test_short_recordings_have_a_frame_for_each_tenth_of_a_second():
    audio = Audio(np.random.default_rng(0).normal(size=13_230).astype(np.float32) * 0.1, 44_100)
    assert low_level(audio.samples, audio.sample_rate).shape == (3, 120)
