"""The rules of the learning rate, beside values worked out by hand."""

import math
from itertools import pairwise

import pytest

from companion.training import Plateau, Progress, constant, cosine


def rates(rule, n_steps: int, highest: float = 1.0) -> list[float]:
    return [rule(Progress(step, n_steps, []), highest) for step in range(n_steps)]


def test_constant_is_the_highest_rate():
    assert rates(constant, 3, 0.2) == [0.2, 0.2, 0.2]


def test_cosine_rises_over_a_tenth_and_falls_to_zero():
    found = rates(cosine, 100, 2.0)
    assert found[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert found[10] == pytest.approx(2.0)
    assert found[40] == pytest.approx(1.5)  # a third of the way down: (1 + cos 60°) / 2
    assert found[55] == pytest.approx(1.0)
    assert found[70] == pytest.approx(0.5)
    assert found[99] == pytest.approx(1.0 + math.cos(math.pi * 89 / 90))
    assert found[99] > 0


@pytest.mark.parametrize("n_steps", [1, 2, 9])
def test_cosine_of_a_few_steps_begins_at_the_top(n_steps):
    found = rates(cosine, n_steps)
    assert found[0] == 1.0
    assert all(later <= earlier for earlier, later in pairwise(found))


@pytest.mark.parametrize(
    ("values", "times"),
    [
        ([], 0),
        ([0.5], 0),
        ([0.5, 0.4], 0),
        ([0.5, 0.4, 0.5], 1),  # as good is not better
        ([0.5, 0.4, 0.5, 0.3], 1),  # counted anew
        ([0.5, 0.4, 0.5, 0.3, 0.4], 2),
        ([0.5, 0.4, 0.5, 0.6, 0.1], 1),  # better than ever: counted anew
        ([0.5, 0.4, 0.6, 0.5, 0.7, 0.6], 0),
    ],
)
@pytest.mark.parametrize("minimise", [False, True])
def test_plateau_shrinks_whenever_patience_runs_out(values, times, minimise):
    rule = Plateau("AP", factor=0.9, patience=2, minimise=minimise)
    curve = [{"AP": -value if minimise else value, "loss": 1.0} for value in values]
    assert rule(Progress(7, 99, curve), 0.2) == pytest.approx(0.2 * 0.9**times)
