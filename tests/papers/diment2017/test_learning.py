"""Truths of both trainings: what they hear, what chooses and what is kept, and that nothing of a test part teaches."""

from itertools import combinations

import numpy as np
import pytest
import torch

from companion.papers.diment2017 import learning
from companion.papers.diment2017.learning import right, tag
from companion.papers.diment2017.sounds import recordings
from companion.training import make_fabric
from companion.training.recordings import Recordings
from papers.diment2017.tiny import COMMON, SOUNDS, SOURCE, TARGET, World, equal


def heard_by(monkeypatch):
    """Notes every set of mixtures that is heard."""
    mixtures, real = [], learning.recordings
    monkeypatch.setattr(learning, "recordings", lambda one, *rest: (mixtures.append(one), real(one, *rest))[1])
    return mixtures


def cuts_of(mixtures) -> set[str]:
    """Everything that sounds in mixtures."""
    return {name for recipe in mixtures.recipes.values() for name in recipe.clips}


# Nothing of a test part teaches


@pytest.mark.parametrize("how", ["labels", "noise"])
def test_test_mixtures_of_the_source_task_decide_nothing_but_its_accuracy(trained, how):
    one, two = trained.source(), trained.source(world=World(**{how: ["source-test"]}))
    assert equal(one.network, two.network)
    assert one.facts["curve"] == two.facts["curve"]
    assert one.facts["accuracy"] != 0.5
    if how == "labels":
        assert two.facts["accuracy"] == pytest.approx(1 - one.facts["accuracy"])


@pytest.mark.parametrize("how", ["labels", "noise"])
def test_validation_mixtures_choose_and_never_train(trained, how):
    one, two = trained.source(), trained.source(world=World(**{how: ["source-validation"]}))
    for before, after in zip(one.epochs, two.epochs, strict=True):
        assert all(torch.equal(value, after[name]) for name, value in before.items())
    if how == "labels":
        turned = [1 - line["accuracy"] for line in one.facts["curve"]]
        assert set(turned) != {0.5}
        assert [line["accuracy"] for line in two.facts["curve"]] == pytest.approx(turned)


def test_training_mixtures_of_the_source_task_do_train(trained):
    """Or the tests above could not fail."""
    assert not equal(trained.source().network, trained.source(world=World(labels=["source-train"])).network)


@pytest.mark.parametrize("scheme", ["from scratch", "a", "c"])
def test_test_mixtures_of_the_target_task_decide_nothing_but_the_scores(trained, sources, scheme):
    """Nothing is learned from them, and what is said of them is not decided by their labels."""
    one = trained.target(scheme, sources[0])
    for how in ("labels", "noise"):
        two = trained.target(scheme, sources[0], world=World(**{how: ["target-test"]}))
        assert equal(one.network, two.network)
        np.testing.assert_array_equal(one.value.arrays["loss"], two.value.arrays["loss"])
        for part in ("test", "control"):
            said = [made.value.arrays[part] for made in (one, two)]
            assert np.array_equal(*said) == (how == "labels")
    assert not equal(one.network, trained.target(scheme, sources[0], world=World(labels=["target-train"])).network)


def test_no_sound_that_is_tested_trains_or_validates(trained, monkeypatch):
    for rotation in (0, 1):
        with monkeypatch.context() as patch:
            heard = heard_by(patch)
            trained.source(SOURCE.model_copy(update={"epochs": 1}), rotation=rotation)
            trained.target(
                "from scratch", None, TARGET.model_copy(update={"epochs": 1}), n_mixtures=20, rotation=rotation
            )
        parts = {next(iter(one.recipes)).rpartition("-")[0]: cuts_of(one) for one in heard}
        test, control = f"target-test-{rotation}", f"target-test-{rotation}-control"
        names = [f"{name}-{rotation}" for name in ("source-train", "source-validation", "source-test", "target-train")]
        assert list(parts) == [*names, test, control]
        assert all(len(cuts) > 5 for cuts in parts.values())
        for name, other in combinations(parts, 2):
            assert (name, other) == (test, control) or not parts[name] & parts[other], (name, other)


def test_test_mixtures_are_the_same_for_every_network_and_training_mixtures_those_of_a_seed(
    trained, sources, monkeypatch
):
    heard = heard_by(monkeypatch)
    for scheme, seed, n_mixtures in (("from scratch", 0, 6), ("from scratch", 5, 8), ("b", 0, 6), ("c", 1, 2)):
        trained.target(scheme, sources[0], n_mixtures=n_mixtures, seed=seed)
    train, test, control = ([one.recipes for one in heard[i::3]] for i in range(3))
    assert [len(one) for one in train] == [6, 8, 6, 2]
    assert all(one == test[0] for one in test)
    assert all(one == control[0] for one in control)
    assert (len(test[0]), len(control[0])) == (TARGET.n_test, TARGET.n_control)
    assert train[0] == train[2], "schemes of a seed learn from the same"
    assert not {repr(one) for one in train[0].values()} & {repr(one) for one in train[1].values()}


def test_the_control_is_scored_where_there_is_one(trained, world):
    without = TARGET.model_copy(update={"n_control": 0})
    assert learning.test_parts(without) == ("test",)
    assert set(trained.target("from scratch", None, without).value.arrays) == {"loss", "test"}
    made = trained.target("from scratch").value.arrays
    assert {name: len(made[name]) for name in ("test", "control")} == {"test": 8, "control": 6}
    control = learning.tested(world, TARGET, "control", 0)
    distractors = {row.clip for row in world.pool("target", "test").distractors}
    assert [bool(cuts_of_one & distractors) for cuts_of_one in map(set, (r.clips for r in control.recipes.values()))] \
        == [not clip.weak for clip in control.clips]  # fmt: skip


# What is kept


def test_the_epoch_that_validates_best_is_kept_of_the_source(trained, monkeypatch):
    """Validation is scripted: the second of three epochs is the best; the test comes last, and chooses nothing."""
    scripted = iter([0.1, 0.1, 0.2, 0.9, 0.3, 0.5])  # the self-check validates twice
    asked = []
    monkeypatch.setattr(learning, "right", lambda said, data: (asked.append(len(data.labels)),
                                                               np.array([next(scripted)]))[1])  # fmt: skip
    made = trained.source(SOURCE.model_copy(update={"epochs": 3}))
    assert asked == [SOURCE.n_validation] * 5 + [SOURCE.n_test]
    same = [all(torch.equal(v, made.network.state_dict()[k]) for k, v in epoch.items()) for epoch in made.epochs]
    assert same == [False, True, False]
    assert made.facts["accuracy"] == 0.5
    assert [line["accuracy"] for line in made.facts["curve"]] == [0.2, 0.9, 0.3]


@pytest.mark.parametrize("scheme", ["from scratch", "c"])
def test_the_last_epoch_is_kept_of_the_target(trained, sources, scheme):
    """There is nothing to choose by: no validation, no early end."""
    made = trained.target(scheme, sources[0], TARGET.model_copy(update={"epochs": 3, "patience": 1}))
    name = "upper.cell.weight_ih_l0"
    kept = [torch.equal(epoch[key], made.network.state_dict()[name])
            for epoch in made.epochs for key in epoch if key.endswith(name)]  # fmt: skip
    assert kept == [False, False, True]
    assert made.monitor is None
    assert [set(line) for line in made.state.curve] == [{"epoch", "loss", "lr"}] * 3


def test_scores_are_what_the_kept_networks_say_of_test_mixtures(trained, sources, world):
    fabric = make_fabric("cpu")
    of_source, of_target = trained.source(), trained.target("c", sources[0])
    test = recordings(world.mixtures("source", "test", SOURCE.n_test, seed=0), SOUNDS, 1)
    assert of_source.facts["accuracy"] == float(right(tag(of_source.network, test, fabric), test).mean())
    for part in ("test", "control"):
        heard = recordings(learning.tested(world, TARGET, part, 0), SOUNDS, 1)
        x = torch.from_numpy(np.stack(heard.features))
        with torch.inference_mode():
            said = of_target.network.eval()(x).recording[:, 0]
        np.testing.assert_allclose(of_target.value.arrays[part], said, rtol=1e-5)
        assert np.ptp(said.numpy()) > 0


def test_right_is_on_the_right_side_of_one_half():
    data = Recordings([np.zeros((2, 20), np.float32)] * 4, np.array([[1.0], [1.0], [0.0], [0.0]], dtype=np.float32))
    assert right(np.array([0.51, 0.49, 0.51, 0.49], dtype=np.float32), data).tolist() == [True, False, False, True]


# Killed


class Killed(BaseException):
    """What ends a training here; nothing in it can catch it."""


@pytest.mark.parametrize("task", ["source", "c", "c, whole"])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(task, shared, world, sources, monkeypatch, tmp_path):
    """Killed in its second epoch, which hears whole mixtures, after excerpts but in the last case."""
    settings = SOURCE.model_copy(update={"n_train": 12, "excerpts": ((1.0, 1),)})

    def train(folder):
        work = learning.Work(folder=tmp_path / folder)
        if task == "source":
            return learning.train_source(work, world, COMMON, settings, "LSTM", 0, 0).arrays
        of_target = TARGET.model_copy(update={"excerpts": settings.excerpts if task == "c" else ()})
        scheme = task.partition(",")[0]
        return learning.train_target(work, world, COMMON, of_target, scheme, sources[0], 12, 0, 0).arrays

    whole = train("whole")
    real, asked = learning.tagging_loss, []

    def loss(output, target):
        asked.append(len(target))
        if len(asked) == 6:  # the self-check, three steps of an epoch, and one of the next
            raise Killed
        return real(output, target)

    with monkeypatch.context() as patch:
        patch.setattr(learning, "tagging_loss", loss)
        with pytest.raises(Killed):
            train("killed")
    assert (tmp_path / "killed" / "checkpoint.safetensors").is_file()
    resumed = train("killed")
    assert whole.keys() == resumed.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(array, resumed[name], err_msg=name)


def test_what_is_told_of_a_source_tagger(trained):
    facts = trained.source(SOURCE.model_copy(update={"epochs": 1}), rotation=1, seed=4).facts
    assert facts["label"] == "cry tagger, rotation 1, seed 4"
    assert [line["epoch"] for line in facts["curve"]] == [1]
