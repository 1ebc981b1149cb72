"""Truths of what reaches a training: its settings, its mixtures, and the network that it starts from."""

import numpy as np
import pytest
import torch

from companion.papers.diment2017 import learning
from companion.papers.diment2017.sounds import recordings
from companion.training import Progress
from companion.training.recordings import Recordings
from papers.diment2017.tiny import COMMON, SOUNDS, SOURCE, TARGET, equal

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


@pytest.mark.parametrize("falling", [False, True])
def test_settings_of_the_target_reach_the_loop(trained, falling):
    changed = {"epochs": 4, "batch_size": 3, "lr": 2e-4, "clip_norm": 0.5, "falling": falling}
    made = trained.target("from scratch", None, TARGET.model_copy(update=changed), seed=3)
    schedule = made.schedule
    assert (schedule.epochs, schedule.batch_size, schedule.lr, schedule.clip_norm) == (4, 3, 2e-4, 0.5)
    assert schedule.rate(Progress(100, 100, []), schedule.lr) == pytest.approx(1e-5 if falling else 2e-4)
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


def lengths(made) -> list[int]:
    """Steps that each of three epochs hears."""
    found = []
    for epoch in range(3):
        made.examples.begin_epoch(epoch)
        found.append(made.examples.batch(np.arange(2))[0].shape[1])
    return found


@pytest.mark.parametrize("scheme", ["source", "from scratch", "a", "b", "c"])
def test_excerpts_reach_both_tasks(trained, sources, world, scheme):
    """Each hears excerpts of its own mixtures, with their own events; and whole mixtures where none are asked for."""

    def made(**changed):
        if scheme == "source":
            return trained.source(SOURCE.model_copy(update=changed))
        return trained.target(scheme, sources[0], TARGET.model_copy(update=changed))

    heard = made(excerpts=((1.0, 1), (2.0, 1)))
    seconds = 44_100 / (SOUNDS.hop_length * SOUNDS.averaged)
    assert lengths(heard) == [int(seconds), int(2 * seconds), heard.examples.lengths[0]]
    task, n = ("source", SOURCE.n_train) if scheme == "source" else ("target", 6)
    assert heard.examples.spans == learning.event_spans(world.mixtures(task, "train", n, seed=0), SOUNDS)
    whole = made()
    assert isinstance(whole.examples, Recordings)
    assert not equal(heard.network, whole.network)


@pytest.mark.parametrize("scheme", ["b", "c"])
def test_a_frozen_layer_hears_an_excerpt_from_its_beginning(trained, sources, scheme):
    """And not after what came before it, which outputs of whole mixtures would remember."""
    made = trained.target(scheme, sources[0], TARGET.model_copy(update={"excerpts": ((1.0, 9),)}))
    made.examples.begin_epoch(0)
    x, _ = made.examples.batch(np.arange(6))
    assert x.shape[2] == made.network.n_features, "features, and nothing that was made of them"
    assert isinstance(made.model, type(made.network))


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
