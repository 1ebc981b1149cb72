"""Students: what tests or validates teaches nothing, what is kept is what was measured, features lie at their times."""

import numpy as np
import pytest
import torch
from scipy.special import rel_entr

from companion.errors import ParameterError
from companion.papers.wangmetze2017 import student_training
from companion.papers.wangmetze2017.student_features import hear_student, layer_of, named
from companion.papers.wangmetze2017.student_training import StudentSettings, divergences, loss_over, student_of, train
from companion.papers.wangmetze2017.teaching import hear_clips, scaled
from companion.store import Work
from companion.training import Progress, loop, make_fabric
from papers.wangmetze2017.lessons import FOLDS, LENGTH, OBJECTS, SCENES, TINY, Two, clips_of, kept, with_noise


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A tiny student, and what it learned from."""
    sounds, teacher = clips_of()
    return sounds, teacher, train(Work(folder=tmp_path_factory.mktemp("tiny")), sounds, teacher, FOLDS, TINY, 0)


@pytest.mark.parametrize("meets", ["clip", "nearest"])
def test_the_loss_holds_each_clip_against_its_own_target(meets):
    """A network that says the first clip's target in its frames and the second's in its own has no loss."""
    settings = TINY.model_copy(update={"meets": meets})
    network = settings.network(OBJECTS, SCENES)
    joined = settings.spans(network, LENGTH, 2)
    _, teacher = clips_of()
    both = torch.from_numpy(np.concatenate([teacher["objects"], teacher["scenes"]], 1)[:2])[None]
    of_frame = torch.tensor([0] * joined[0][1] + [1] * (network.n_frames("pool5", 2 * LENGTH) - joined[0][1]))
    said = both[:, of_frame].log()
    output = type(network(torch.zeros(1, 2 * LENGTH)))(said[..., :OBJECTS], said[..., OBJECTS:])
    loss = loss_over(joined)
    assert float(loss(output, both)) == pytest.approx(0, abs=1e-5)
    others = torch.from_numpy(np.concatenate([teacher["objects"], teacher["scenes"]], 1)[2:4])[None]
    by_hand = rel_entr(others.double().numpy(), both.double().numpy()).sum() / 2
    turned = rel_entr(both.double().numpy(), others.double().numpy()).sum() / 2
    assert float(loss(output, others)) == pytest.approx(by_hand, rel=1e-4)  # from the teacher to the network
    assert by_hand != pytest.approx(turned, rel=0.05)


def same_weights(one, other):
    names = [name for name in one.arrays if name.startswith("weights.")]
    assert len(names) > 20
    return all(np.array_equal(one.arrays[name], other.arrays[name]) for name in names)


def test_noise_in_place_of_the_test_clips_changes_nothing_that_is_learned(learned, tmp_path):
    sounds, teacher, found = learned
    other = train(Work(folder=tmp_path), *with_noise(sounds, teacher, 3), FOLDS, TINY, 0)
    assert same_weights(found, other)
    assert other.facts["curve"] == found.facts["curve"]
    np.testing.assert_array_equal(other.arrays["checks"], found.arrays["checks"])
    np.testing.assert_array_equal(other.arrays["kl"][FOLDS < 3], found.arrays["kl"][FOLDS < 3])
    assert (other.arrays["kl"][FOLDS == 3] != found.arrays["kl"][FOLDS == 3]).all()


def test_validation_clips_decide_the_rate_and_which_weights_are_kept_and_teach_nothing(learned, tmp_path):
    sounds, teacher, _ = learned
    plain = TINY.model_copy(update={"decay": 1.0, "keep": "last"})
    one = train(Work(folder=tmp_path / "a"), sounds, teacher, FOLDS, plain, 0)
    other = train(Work(folder=tmp_path / "b"), *with_noise(sounds, teacher, 2), FOLDS, plain, 0)
    taught = train(Work(folder=tmp_path / "c"), *with_noise(sounds, teacher, 1), FOLDS, plain, 0)
    assert same_weights(one, other)
    assert not same_weights(one, taught)
    assert (one.arrays["checks"] != other.arrays["checks"]).all()


def test_a_training_that_was_killed_ends_as_if_it_had_not_been(learned, monkeypatch, tmp_path):
    """Killed in the fourth of six steps: between two checks, and among excerpts of the second epoch."""
    sounds, teacher, found = learned
    whole, done = loop.train_step, []

    def killed(*arguments):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(whole(*arguments))
        return done[-1]

    monkeypatch.setattr(loop, "train_step", killed)
    with pytest.raises(KeyboardInterrupt):
        train(Work(folder=tmp_path), sounds, teacher, FOLDS, TINY, 0)
    monkeypatch.undo()
    again = train(Work(folder=tmp_path), sounds, teacher, FOLDS, TINY, 0)
    assert same_weights(found, again)
    assert again.facts == found.facts
    np.testing.assert_array_equal(again.arrays["checks"], found.arrays["checks"])


def test_what_is_kept_is_the_student_that_was_measured(learned):
    """Weights, architecture and divergences belong together; the best check is the one that is kept."""
    sounds, teacher, found = learned
    network, both = student_of(found.arrays, found.facts["architecture"]), np.hstack([*teacher.values()])
    fabric = make_fabric("cpu")
    again = divergences(fabric.setup_module(network), sounds["samples"], both, np.arange(12), TINY, fabric)
    np.testing.assert_allclose(again, found.arrays["kl"], rtol=1e-6)
    kl = found.arrays["kl"].sum(1)
    curve = [line["validation"] for line in found.facts["curve"]]
    assert kl[FOLDS == 2].mean() == pytest.approx(min(curve))
    np.testing.assert_allclose(found.arrays["checks"].mean(1), curve)
    assert set(found.facts["curve"][0]) == {"epoch", "loss", "validation", "lr"}


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_weights_are_those_of_the_check_that_is_asked_for(monkeypatch, tmp_path, keep):
    """Every check is called worse than the one before it: the best is the first."""
    real, found = student_training.measures, dict[float, float]()

    def worse(network, **given):
        steps = float(network.module.trunk["conv1"].bn.num_batches_tracked)
        found[steps] = real(network, **given)["validation"]
        return {"validation": steps} | {f"clip {i}": 0.0 for i in range(3)}

    monkeypatch.setattr(student_training, "measures", worse)
    made = train(Work(folder=tmp_path), *clips_of(), FOLDS, TINY.model_copy(update={"keep": keep, "lr": 0.02}), 0)
    own = made.arrays["kl"][FOLDS == 2].sum(1).mean()
    assert own == pytest.approx(found[2.0 if keep == "best" else 6.0], rel=1e-3)
    assert found[2.0] != pytest.approx(found[6.0], rel=1e-2)


def test_no_clip_depends_on_what_is_heard_beside_it(learned):
    sounds, teacher, found = learned
    network, both = student_of(found.arrays, found.facts["architecture"]), np.hstack([*teacher.values()])
    fabric = make_fabric("cpu")
    alone = [
        divergences(fabric.setup_module(network), sounds["samples"], both, np.array([i]), TINY, fabric) for i in (3, 8)
    ]
    np.testing.assert_allclose(np.concatenate(alone), found.arrays["kl"][[3, 8]], rtol=2e-2)


def test_seeds_hear_other_excerpts(monkeypatch, tmp_path):
    drawn = []

    def fit(network, examples, *rest, **options):
        drawn.append(examples.make(0, 0)[1])
        begun.append([weight.detach().clone() for weight in network.parameters()])
        raise StopIteration

    begun = []
    monkeypatch.setattr(student_training, "fit", fit)
    for seed in (0, 1, 0):
        with pytest.raises(StopIteration):
            train(Work(folder=tmp_path), *clips_of(), FOLDS, TINY, seed)
    np.testing.assert_array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[1])
    assert all(torch.equal(a, b) for a, b in zip(begun[0], begun[2], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(begun[0], begun[1], strict=True)), "and begin otherwise"


def test_each_of_three_clips_of_an_excerpt_meets_its_target(monkeypatch, tmp_path):
    given = []

    def fit(network, examples, loss, *rest, **options):
        given.append((network, examples, loss))
        raise StopIteration

    monkeypatch.setattr(student_training, "fit", fit)
    with pytest.raises(StopIteration):
        train(Work(folder=tmp_path), *clips_of(), FOLDS, TINY.model_copy(update={"clips": 3}), 0)
    ((network, examples, loss),) = given
    x, y = examples.batch(np.array([0]))
    assert (x.shape, y.shape) == ((1, 3 * LENGTH), (1, 3, OBJECTS + SCENES))
    with torch.inference_mode():
        said = network.eval()(x)
    values = [float(loss(said, torch.cat([y[:, :i], y[:, i:].flip(1)], 1))) for i in (0, 1, 3)]
    assert len({round(value, 5) for value in values}) == 3, "which clip is where decides"


def test_recurrent_layers_are_normalised_where_it_is_asked_for():
    for normalised, count in ((True, 8), (False, 5)):
        settings = TINY.model_copy(update={"kind": "SN-R", "normalised": normalised})
        layers = settings.network(OBJECTS, SCENES).modules()
        assert sum(isinstance(layer, torch.nn.BatchNorm1d) for layer in layers) == count


def test_the_rate_falls_by_a_tenth_when_a_minimum_is_not_seen_again_and_stays_without_the_rule():
    """Five checks in the paper: 5.0 is the minimum of check 1, so the sixth without a new one is trained at 0.9."""
    settings = StudentSettings()
    curve = [{"validation": value} for value in (5.0, 5.1, 5.2, 5.0, 5.3, 5.1)]
    for checks, factor in ((5, 1.0), (6, 0.9)):
        assert settings.rate(Progress(0, 1, curve[:checks]), 1e-3) == pytest.approx(1e-3 * factor)
    falling = [{"validation": 5 - 0.1 * i} for i in range(12)]
    assert settings.rate(Progress(0, 1, falling), 1e-3) == 1e-3
    constant = settings.model_copy(update={"decay": 1.0})
    assert constant.rate(Progress(0, 1, curve), 1e-3) == 1e-3


def test_training_goes_at_the_rate_of_the_rule(monkeypatch, tmp_path):
    """Where every check is worse than the one before it, each one after the first two is trained at a tenth less."""

    def worse(network, **given):
        return {"validation": float(network.module.trunk["conv1"].bn.num_batches_tracked)} | {
            f"clip {i}": 0.0 for i in range(3)
        }

    monkeypatch.setattr(student_training, "measures", worse)
    settings = TINY.model_copy(update={"checks": 4})
    for decay, rates in ((0.9, [1, 1, 0.9, 0.81]), (1.0, [1, 1, 1, 1])):
        changed = settings.model_copy(update={"decay": decay})
        found = train(Work(folder=tmp_path / str(decay)), *clips_of(), FOLDS, changed, 0)
        assert [line["lr"] for line in found.facts["curve"]] == pytest.approx([rate * TINY.lr for rate in rates])


# Features


@pytest.mark.parametrize("layer", ["pool5", "fc1", "fc3"])
def test_features_of_a_student_lie_where_its_frames_do(learned, layer):
    _, _, found = learned
    corpus = Two((5.0, 3.3))
    heard = hear_student(Work(), corpus, kept(found), ("pool5", "fc1", "fc3"))
    value = layer_of(Work(), kept(heard), layer)
    network = student_of(found.arrays, found.facts["architecture"])
    counts = np.diff(value.arrays["starts"])
    assert counts.tolist() == [network.n_frames(layer, round(d * 16_000)) for d in (5.0, 3.3)]
    assert value.arrays["frames"].shape == (counts.sum(), 16 if layer == "pool5" else 4)
    times = value.facts["first"] + np.arange(counts[0]) / value.facts["rate"]
    np.testing.assert_allclose(times, network.frame_times(layer, counts[0]), atol=1e-9)
    assert value.facts["rate"] == 10.0
    with pytest.raises(ParameterError, match="no feature 'gru1'"):
        hear_student(Work(), corpus, kept(found), ("fc1", "gru1"))
    with pytest.raises(ParameterError, match="frames of pool5"):
        hear_student(Work(), corpus, kept(found), ("fc1", "conv2"))


def test_a_feature_is_that_layer_of_the_kept_weights_for_sound_as_loud_as_in_training(learned):
    _, _, found = learned
    corpus = Two()
    value = layer_of(Work(), kept(hear_student(Work(), corpus, kept(found), ("fc1", "fc2"))), "fc2")
    sounds = hear_clips(Work(), corpus).arrays["samples"]
    network = student_of(found.arrays, found.facts["architecture"])
    with torch.inference_mode():
        expected = network.features(torch.from_numpy(scaled(sounds[1:])), ["fc2"])["fc2"][0]
    start = value.arrays["starts"][1]
    np.testing.assert_allclose(value.arrays["frames"][start:], expected, atol=0.02)


def test_features_are_named_as_in_table_4():
    assert named("SN-F pool5") == ("SN-F", "pool5")
    assert named("SN-R gru3-BN") == ("SN-R", "gru3-BN")
    with pytest.raises(ParameterError, match="conv5"):
        named("conv5")
