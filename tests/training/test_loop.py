"""The loop does what its schedule says, step by step, on problems whose every weight can be worked out by hand."""

import math

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from companion.errors import CompanionError
from companion.training import Plateau, Schedule, batches, fit
from companion.training.rates import cosine


class Walker(nn.Module):
    """One weight for each slope. Under the loss ``- slopes · weights`` plain SGD adds rate × slope at every step."""

    def __init__(self, *slopes: float) -> None:
        super().__init__()
        self.register_buffer("slopes", torch.tensor(slopes))
        self.weights = nn.Parameter(torch.zeros(len(slopes)))

    def forward(self, x):
        return -(self.slopes * self.weights).sum().expand(len(x))


class Steps:
    """Examples that say nothing: as many steps an epoch as there are pairs of them."""

    def __init__(self, n_steps: int) -> None:
        self.lengths = [1] * (2 * n_steps)

    def batch(self, indices):
        return torch.zeros(len(indices), 1, 1), torch.zeros(len(indices))


def sgd(parameters, lr):
    return torch.optim.SGD(parameters, lr=lr)


def walk(folder, schedule, *slopes, n_steps=1, validate=None, optimizer=sgd, **options):
    """Train a walker; one pair of examples is a step."""
    state = fit(
        Walker(*(slopes or (1.0,))), Steps(n_steps), lambda output, target: output.mean(),
        validate or (lambda network: {"AP": float(network.weights[0])}), schedule,
        monitor="AP", seed=0, folder=folder, fabric=Fabric(accelerator="cpu", precision="32-true"),
        optimizer=optimizer, **options,
    )  # fmt: skip
    return state, state.model.weights.tolist()


def scripted(*values):
    """A validation that gives these values after epoch 1, 2, …, told by where the walker has come to."""
    return lambda network: {"AP": (0.0, *values)[round(float(network.weights[0]))]}


# --- steps


def test_plain_sgd_walks_rate_times_slope(tmp_path):
    state, weights = walk(tmp_path, Schedule(3, 2, lr=0.25), 1.0, -4.0, n_steps=2)
    assert weights == [1.5, -6.0]
    assert [row["epoch"] for row in state.curve] == [1, 2, 3]
    # the loss before each step: -17 × the rate so far
    assert [row["loss"] for row in state.curve] == pytest.approx([-17 * 0.125, -17 * 0.625, -17 * 1.125])


def test_clip_value_bounds_each_gradient_by_itself(tmp_path):
    assert walk(tmp_path, Schedule(1, 2, lr=0.5, clip_value=2.0), 10.0, -3.0, 1.0)[1] == [1.0, -1.0, 0.5]


def test_clip_norm_shortens_them_together(tmp_path):
    assert walk(tmp_path / "a", Schedule(1, 2, lr=1.0, clip_norm=1.0), 3.0, 4.0)[1] == pytest.approx([0.6, 0.8])
    assert walk(tmp_path / "b", Schedule(1, 2, lr=1.0, clip_norm=6.0), 3.0, 4.0)[1] == [3.0, 4.0]


def test_the_rate_rule_is_asked_at_every_step(tmp_path):
    state, weights = walk(tmp_path, Schedule(4, 2, lr=2.0, rate=cosine), n_steps=5)
    rates = [1.0, 2.0, *(1 + math.cos(math.pi * step / 18) for step in range(18))]  # 20 steps, two of them rising
    assert weights == pytest.approx([sum(rates)])
    assert [row["lr"] for row in state.curve] == pytest.approx(rates[4::5])


def test_plateau_hears_of_finished_epochs(tmp_path):
    rule = Plateau("AP", factor=0.5, patience=2)
    state, weights = walk(tmp_path, Schedule(6, 2, lr=1.0, rate=rule), validate=lambda network: {"AP": 0.3})
    assert [row["lr"] for row in state.curve] == [1, 1, 1, 0.5, 0.5, 0.25]
    assert weights == [1.0]  # nothing was better than the first


OPTIMISERS = {
    "Adam": torch.optim.Adam,
    "RMSprop": torch.optim.RMSprop,
    "Adagrad": torch.optim.Adagrad,
    "SGD, Nesterov": lambda parameters, lr: torch.optim.SGD(parameters, lr=lr, momentum=0.9, nesterov=True),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_learning_rate_reaches_the_optimiser(tmp_path, name):
    first = [
        walk(tmp_path / str(lr), Schedule(1, 2, lr=lr), 3.0, optimizer=OPTIMISERS[name])[1][0] for lr in (0.01, 0.1)
    ]
    assert first[1] == pytest.approx(10 * first[0], rel=1e-5)
    assert first[0] > 0


def test_nesterov_momentum_reaches_the_steps(tmp_path):
    weights = walk(tmp_path, Schedule(2, 2, lr=1.0), optimizer=OPTIMISERS["SGD, Nesterov"])[1]
    # velocities 1 and 1.9; each step is gradient + 0.9 × velocity
    assert weights == pytest.approx([1.9 + 2.71])


# --- which weights are kept, and when it ends


def test_the_weights_that_validated_best_are_kept(tmp_path):
    state, weights = walk(tmp_path, Schedule(5, 2, lr=1.0), validate=scripted(0.2, 0.6, 0.4, 0.6, 0.1))
    assert weights == [2.0]  # the first of two equals
    assert state.best == 0.6
    assert [row["AP"] for row in state.curve] == [0.2, 0.6, 0.4, 0.6, 0.1]
    assert (tmp_path / "curve.csv").read_text().splitlines()[:2] == ["epoch,loss,AP,lr", "1,0.0,0.2,1.0"]


def test_the_smallest_is_kept_where_less_is_better(tmp_path):
    assert walk(tmp_path, Schedule(4, 2, lr=1.0), validate=scripted(0.2, 0.1, 0.4, 0.6), minimise=True)[1] == [2.0]


@pytest.mark.parametrize(
    ("values", "patience", "epochs"),
    [
        ((0.2, 0.6, 0.4, 0.6, 0.5, 0.9), None, 6),
        ((0.2, 0.6, 0.4, 0.6, 0.5, 0.9), 1, 3),
        ((0.2, 0.6, 0.4, 0.6, 0.5, 0.9), 2, 4),
        ((0.2, 0.6, 0.4, 0.6, 0.5, 0.9), 3, 5),
        ((0.2, 0.6, 0.4, 0.6, 0.5, 0.9), 4, 6),
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 1, 6),
        ((0.6, 0.5, 0.4, 0.3, 0.2, 0.1), 1, 2),
    ],
)
@pytest.mark.parametrize("minimise", [False, True])
def test_training_ends_when_patience_is_out(tmp_path, values, patience, epochs, minimise):
    values = [-value for value in values] if minimise else values
    schedule = Schedule(6, 2, lr=1.0, patience=patience)
    state, _ = walk(tmp_path, schedule, validate=scripted(*values), minimise=minimise)
    assert state.epoch == epochs


# --- what is refused


def test_a_validation_that_is_not_a_number_is_refused(tmp_path):
    with pytest.raises(CompanionError, match="validation gave AP = nan"):
        walk(tmp_path, Schedule(2, 2, lr=1.0), validate=scripted(math.nan, 0.5))


def test_a_diverging_loss_stops_the_run(tmp_path):
    with pytest.raises(CompanionError, match=r"training loss became -?(inf|nan)"):
        walk(tmp_path, Schedule(9, 2, lr=1e30), 1e30, validate=lambda network: {"AP": 1.0})


def test_the_self_check_finds_a_loss_that_is_not_finite_before_the_first_step(tmp_path):
    with pytest.raises(CompanionError, match="self-check: the first loss is nan"):
        walk(tmp_path, Schedule(1, 2, lr=1.0), math.nan)
    assert not list(tmp_path.iterdir())


def test_the_self_check_refuses_a_validation_that_is_not_repeatable(tmp_path):
    rng = np.random.default_rng(0)
    with pytest.raises(CompanionError, match="self-check: validation gave"):
        walk(tmp_path, Schedule(1, 2), validate=lambda network: {"AP": rng.random()})


# --- batches


def test_every_example_is_seen_once_an_epoch_in_batches_of_one_length():
    lengths = [10] * 17 + [20] * 8 + [30]
    groups = list(batches(lengths, 4, seed=0, epoch=1))
    assert sorted(np.concatenate(groups).tolist()) == list(range(26))
    assert all(len({lengths[i] for i in group}) == 1 for group in groups)
    assert sorted(len(group) for group in groups if lengths[group[0]] == 10) == [4, 4, 4, 5]


def test_every_epoch_hears_all_examples_in_an_order_of_its_own(tmp_path, monkeypatch):
    heard, batch = [], Steps.batch
    monkeypatch.setattr(Steps, "batch", lambda self, indices: heard.append(list(indices)) or batch(self, indices))
    walk(tmp_path, Schedule(3, 2, 1.0), n_steps=20)
    steps = heard[-60:]  # what came before is the self-check
    epochs = [np.concatenate(steps[start : start + 20]).tolist() for start in (0, 20, 40)]
    assert all(sorted(epoch) == list(range(40)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_order_depends_on_seed_and_epoch_only():
    def order(seed, epoch):
        return np.concatenate(list(batches([5] * 40, 8, seed, epoch))).tolist()

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)
