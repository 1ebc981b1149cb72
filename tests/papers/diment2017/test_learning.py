"""Truths of both trainings: what they hear, what chooses and what is kept, and that nothing of a test part teaches."""

from itertools import combinations

import numpy as np
import pytest
import torch

from companion.papers.diment2017 import learning
from companion.papers.diment2017.learning import right, tag
from companion.papers.diment2017.sounds import recordings
from companion.training import Progress, make_fabric
from companion.training.recordings import Recordings
from papers.diment2017.tiny import COMMON, SOUNDS, SOURCE, TARGET, World


def equal(one, other) -> bool:
    """Whether two networks are equal, bit by bit, normalisation included."""
    values = other.state_dict()
    return all(torch.equal(value, values[name]) for name, value in one.state_dict().items())


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


# What reaches the training


@pytest.mark.parametrize("falling", [False, True])
def test_settings_of_the_source_reach_the_loop(trained, falling):
    changed = {"epochs": 1, "batch_size": 5, "lr": 3e-3, "clip_norm": 0.7, "patience": 4, "falling": falling}
    made = trained.source(SOURCE.model_copy(update=changed), seed=2)
    schedule = made.schedule
    assert (schedule.epochs, schedule.batch_size, schedule.lr) == (1, 5, 3e-3)
    assert (schedule.clip_norm, schedule.clip_value, schedule.patience) == (0.7, None, 4)
    assert (made.monitor, made.seed) == ("accuracy", 2)
    rates = [schedule.rate(Progress(step, 100, []), schedule.lr) for step in (0, 69, 85, 100)]
    assert rates == pytest.approx([3e-3, 3e-3, 3e-3 * 0.525, 3e-3 / 20] if falling else [3e-3] * 4)


def test_settings_of_the_target_reach_the_loop(trained):
    changed = {"epochs": 4, "batch_size": 3, "lr": 2e-4, "clip_norm": 0.5}
    made = trained.target("from scratch", None, TARGET.model_copy(update=changed), seed=3)
    schedule = made.schedule
    assert (schedule.epochs, schedule.batch_size, schedule.lr, schedule.clip_norm) == (4, 3, 2e-4, 0.5)
    assert schedule.rate(Progress(100, 100, []), schedule.lr) == 2e-4
    assert (made.seed, len(made.value.arrays["loss"])) == (3, 4)


@pytest.mark.parametrize("task", ["source", "target"])
def test_a_step_is_rmsprops(trained, task):
    """The first step of Keras' RMSprop moves a weight by lr / √0.1, whatever its gradient, unless that is tiny."""

    def moved(**changed):
        update = {"epochs": 1, "batch_size": 12, "lr": 1e-3, **changed}
        if task == "source":
            made = trained.source(SOURCE.model_copy(update=update))
        else:
            made = trained.target("from scratch", None, TARGET.model_copy(update=update), n_mixtures=12)
        pairs = zip(made.first.parameters(), made.network.parameters(), strict=True)
        return torch.cat([(after - before).abs().flatten() for before, after in pairs if after.requires_grad]).detach()

    np.testing.assert_allclose(moved().max(), 1e-3 / np.sqrt(0.1), rtol=1e-3)
    np.testing.assert_allclose(moved().median(), 1e-3 / np.sqrt(0.1), rtol=1e-2)
    # the rule adds 1e-8 to the root: beside it, a gradient that was cut to 1e-9 is next to nothing
    assert moved(clip_norm=1e-9).max() < 1.01e-4


def test_the_loss_is_binary_cross_entropy(trained):
    logits = torch.tensor([[1.5], [-0.3], [0.0]], dtype=torch.double)
    target, said = torch.tensor([[1.0], [0.0], [1.0]], dtype=torch.double), torch.sigmoid(logits)
    expected = -(target * said.log() + (1 - target) * (1 - said).log()).mean()
    output = learning.TaggerOutput(said, logits)
    torch.testing.assert_close(learning.tagging_loss(output, target), expected)


def test_excerpts_reach_the_source_task_alone(trained, sources, world):
    stages = ((1.0, 1), (2.0, 1))
    made = trained.source(SOURCE.model_copy(update={"excerpts": stages}))
    seconds = 44_100 / (SOUNDS.hop_length * SOUNDS.averaged)
    steps = []
    for epoch in range(3):
        made.examples.begin_epoch(epoch)
        steps.append(made.examples.batch(np.arange(2))[0].shape[1])
    assert steps == [int(seconds), int(2 * seconds), made.examples.lengths[0]]
    assert not equal(made.network, trained.source().network)
    mixtures = world.mixtures("source", "train", SOURCE.n_train, seed=0)
    assert made.examples.spans == learning.event_spans(mixtures, SOUNDS)
    assert isinstance(trained.target("from scratch").examples, Recordings)


def test_every_layer_is_standardised_with_what_it_was_trained_on(trained, sources, world):
    def statistics(mixtures):
        frames = np.concatenate(recordings(mixtures, SOUNDS, 1).features)
        return frames.mean(0), frames.std(0)

    of_source = statistics(world.mixtures("source", "train", SOURCE.n_train, seed=0))
    of_target = statistics(world.mixtures("target", "train", 6, seed=0))
    made = {name: trained.target(name, sources[0]) for name in ("from scratch", "a", "c")} | {
        "source": trained.source()
    }
    for name, expected in (("source", [of_source]), ("from scratch", [of_target]), ("a", [of_source]),
                           ("c", [of_source, of_target])):  # fmt: skip
        for layer, (mean, deviation) in zip(made[name].network.lower, expected, strict=True):
            np.testing.assert_allclose(layer.mean, mean, rtol=1e-4, atol=1e-3)
            np.testing.assert_allclose(layer.deviation, deviation, rtol=1e-4)
    raw = COMMON.model_copy(update={"tagger": COMMON.tagger.model_copy(update={"standardise": False})})
    for network in (trained.source(common=raw).network, trained.target("from scratch", common=raw).network):
        assert network.lower[0].mean.abs().max() == 0
        assert (network.lower[0].deviation == 1).all()


def test_settings_of_the_tagger_reach_the_networks(trained):
    settings = {"units": 6, "gates": "hard sigmoid", "masks": "gate", "forget_bias": (0.5, 2.0)}
    common = COMMON.model_copy(update={"tagger": COMMON.tagger.model_copy(update=settings)})
    one = trained.source(SOURCE.model_copy(update={"epochs": 1}), common=common)
    for made in (one, trained.target("c", one.kept, common=common), trained.target("from scratch", common=common)):
        network = getattr(made.first, "network", made.first)
        assert (network.units, network.upper.gates, network.upper.masks) == (6, "hard sigmoid", "gate")
        assert network.upper.weights[2][6:12].tolist() == [2.0] * 6
        assert (network.lower[-1].layer.weights[2][6:12] == 0.5).all()


# Who learns from whom


@pytest.mark.parametrize("scheme", ["a", "b", "c", "b, tuned"])
def test_scheme_and_source_reach_the_network(trained, sources, scheme):
    one, other = (trained.target(scheme, kept).value.arrays["test"] for kept in sources)
    scratch = trained.target("from scratch").value.arrays["test"]
    assert not np.allclose(one, other, atol=1e-4), "exchanged sources"
    assert not np.allclose(one, scratch, atol=1e-4)
    np.testing.assert_array_equal(one, trained.target(scheme, sources[0]).value.arrays["test"])


def test_from_scratch_ignores_any_source(trained, sources):
    found = [trained.target("from scratch", source).value.arrays["test"] for source in (None, *sources)]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_networks_of_a_seed_start_alike_and_of_other_seeds_otherwise(trained, sources):
    short = TARGET.model_copy(update={"epochs": 1})
    for train in (lambda seed: trained.target("from scratch", None, short, seed=seed),
                  lambda seed: trained.target("c", sources[0], short, seed=seed),
                  lambda seed: trained.source(SOURCE.model_copy(update={"epochs": 1}), seed=seed)):  # fmt: skip
        one, again, other = (train(seed) for seed in (0, 0, 1))
        firsts = [getattr(made.first, "network", made.first) for made in (one, again, other)]
        assert equal(firsts[0], firsts[1])
        assert not torch.equal(firsts[0].upper.weights[0], firsts[2].upper.weights[0])
        assert equal(one.network, again.network)


# Killed


class Killed(BaseException):
    """What ends a training here; nothing in it can catch it."""


@pytest.mark.parametrize("task", ["source", "c"])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(task, shared, world, sources, monkeypatch, tmp_path):
    """Killed in its second epoch, which hears whole mixtures after excerpts."""
    settings = SOURCE.model_copy(update={"n_train": 12, "excerpts": ((1.0, 1),)})

    def train(folder):
        work = learning.Work(folder=tmp_path / folder)
        if task == "source":
            return learning.train_source(work, world, COMMON, settings, "LSTM", 0, 0).arrays
        return learning.train_target(work, world, COMMON, TARGET, task, sources[0], 12, 0, 0).arrays

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
