"""Frame-wise detectors: what they learn and from whom, and what a network of boundaries takes from one."""

import numpy as np
import pytest
import torch

from companion.papers.wangmetze2017 import framewise, learning
from companion.papers.wangmetze2017.frames import Heard, hear_frames
from companion.papers.wangmetze2017.framewise import FramewiseSettings, events_said, tokens_said, train_activity
from companion.store import Value, Work
from papers.wangmetze2017.test_ctc import TINY, corpus_of, kept, noised, relabelled

SHORT = FramewiseSettings(epochs=3, lr=0.02)


@pytest.fixture(scope="module")
def heard():
    corpus = corpus_of()
    return corpus, hear_frames(Work(), corpus, "low-level", None)


@pytest.fixture(autouse=True)
def single_precision(monkeypatch):
    monkeypatch.setattr("companion.training.device.fast_bfloat16", lambda: False)


def trained(folder, corpus, frames, settings=SHORT, seed=0):
    return train_activity(Work(folder=folder), corpus, frames, "low-level", TINY, settings, seed)


def test_test_recordings_teach_nothing_and_choose_nothing_and_training_recordings_do(heard, tmp_path):
    corpus, value = heard
    one, same, other = (
        trained(tmp_path / str(number), labels, frames)
        for number, (labels, frames) in enumerate(
            [(corpus, kept(value)), (relabelled(corpus, 3), noised(value, 6)), (relabelled(corpus, 1), kept(value))]
        )
    )
    assert one.facts["curve"] == same.facts["curve"]
    names = [name for name in one.arrays if name.startswith("lstm.")]
    assert names
    for name in names:
        np.testing.assert_array_equal(one.arrays[name], same.arrays[name])
    assert one.facts["curve"][0]["loss"] != other.facts["curve"][0]["loss"]


def test_validation_recordings_choose_the_epoch_and_teach_nothing(heard, tmp_path):
    corpus, value = heard
    one = trained(tmp_path / "a", corpus, kept(value))
    other = trained(tmp_path / "b", relabelled(corpus, 2), kept(value))
    assert [line["loss"] for line in one.facts["curve"]] == [line["loss"] for line in other.facts["curve"]]
    assert [line["validation"] for line in one.facts["curve"]] != [line["validation"] for line in other.facts["curve"]]


def test_the_weights_of_the_epoch_with_the_least_validation_loss_are_kept(heard, tmp_path):
    corpus, value = heard
    labels = relabelled(corpus, 2)  # nothing that is learned is true of these, so that the first epochs are the best
    rough = FramewiseSettings(epochs=8, lr=0.05)
    long = trained(tmp_path / "long", labels, kept(value), rough)
    losses = [line["validation"] for line in long.facts["curve"]]
    best = int(np.argmin(losses)) + 1
    assert best < 8
    short = trained(tmp_path / "short", labels, kept(value), FramewiseSettings(epochs=best, lr=0.05))
    np.testing.assert_array_equal(long.arrays["lstm.cells.weight_hh_l0"], short.arrays["lstm.cells.weight_hh_l0"])


def test_labels_of_frames_are_those_of_their_recordings(heard, tmp_path, monkeypatch):
    """What the loop is given: in each piece, frames whose middle lies in an event of the class."""
    corpus, value = heard
    given = []

    def fit(model, examples, *rest, **options):
        given.append(examples)
        raise StopIteration

    monkeypatch.setattr(framewise, "fit", fit)
    with pytest.raises(StopIteration):
        trained(tmp_path, corpus, kept(value))
    (examples,) = given
    learned = [clip for clip in corpus.clips if clip.fold == 1]
    for index, (number, start, stop) in enumerate(examples.sequences.pieces):
        x, y = examples.batch(np.array([index]))
        assert x.shape[:2] == y.shape[:2] == (1, stop - start)
        for frame in range(start, stop):
            middle = 0.05 + frame / 10
            sounding = {e.label for e in learned[number].strong if e.onset <= middle < e.offset}
            assert {corpus.classes[i] for i in np.flatnonzero(y[0, frame - start])} == sounding


def test_settings_of_the_detector_reach_its_network_and_its_loop(heard, tmp_path, monkeypatch):
    """Units, cells and batches are those of the network of boundaries; rate and epochs are its own."""
    corpus, value = heard
    given, begun = [], []

    def fit(model, examples, loss, validate, schedule, **options):
        given.append((model, schedule, options["seed"]))
        begun.append(model.state_dict()["lstm.cells.weight_ih_l0"].clone())
        raise StopIteration

    monkeypatch.setattr(framewise, "fit", fit)
    network = TINY.model_copy(update={"units": 7, "activation": "relu", "batch_size": 3, "lr": 2.0})
    own = FramewiseSettings(epochs=4, lr=0.03)
    with pytest.raises(StopIteration):
        train_activity(Work(folder=tmp_path), corpus, kept(value), "low-level", network, own, 5)
    ((model, schedule, seed),) = given
    with pytest.raises(StopIteration):
        train_activity(Work(folder=tmp_path), corpus, kept(value), "low-level", network, own, 6)
    assert not torch.equal(*begun), "another seed begins otherwise"
    assert (model.units, model.activation, seed) == (7, "relu", 5)
    assert (schedule.epochs, schedule.batch_size, schedule.lr) == (4, 3, 0.03)


def test_a_network_of_boundaries_begins_with_the_detectors_lstm_and_an_output_of_its_own(heard, tmp_path, monkeypatch):
    corpus, value = heard
    detector = kept(trained(tmp_path / "d", corpus, kept(value)))
    first = []

    def fit(model, *rest, **options):
        first.append({name: weight.clone() for name, weight in model.state_dict().items()})
        raise StopIteration

    monkeypatch.setattr(learning, "fit", fit)
    for start in (detector, None):
        with pytest.raises(StopIteration):
            learning.train(Work(folder=tmp_path / "n"), corpus, kept(value), "low-level", TINY, 0, start)
    begun, anew = first
    for name, weight in begun.items():
        if name.startswith("lstm."):
            np.testing.assert_array_equal(weight.numpy(), detector[name])
    assert not torch.equal(begun["lstm.cells.weight_hh_l0"], anew["lstm.cells.weight_hh_l0"])
    assert torch.equal(begun["output.weight"], anew["output.weight"])


def test_true_activity_gives_the_true_events_and_boundaries(heard):
    """Events of the corpus lie anywhere; their frames bring them back to half a frame, and their tokens nearly all."""
    corpus, value = heard
    made = Heard.of(corpus, kept(value), components=None)
    active = [
        framewise.activity([(e.onset, e.offset, e.label) for e in clip.strong], corpus.classes, made.grid.times(len(x)))
        for clip, x in zip(corpus.clips, made.features, strict=True)
    ]
    starts = np.cumsum([0, *map(len, active)])
    said = events_said(kept(Value({"active": np.concatenate(active), "starts": starts})), made, 1)
    for clip, events in zip(corpus.clips, said, strict=True):
        true = sorted((e.onset, e.offset, e.label) for e in clip.strong)
        assert sorted(label for *_, label in events) == sorted(label for *_, label in true)
        for label in corpus.classes:
            pairs = zip([e for e in events if e[2] == label], [e for e in true if e[2] == label], strict=True)
            assert all(np.abs(np.subtract(a[:2], b[:2])).max() <= 0.0500001 for a, b in pairs)
    for tokens, true in zip(tokens_said(said, made), made.tokens, strict=True):
        assert sorted(tokens[:, 0]) == sorted(true[:, 0])
