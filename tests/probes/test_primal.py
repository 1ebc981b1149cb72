"""The machine for many samples: the same minimum as LIBLINEAR's and as the library's other solver."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from companion.errors import ParameterError
from companion.probes import LinearSVM, primal
from companion.probes.primal import PrimalSVM


def samples(n: int = 400, n_features: int = 12, n_classes: int = 5, seed: int = 0):
    """Rectified features with classes that overlap. Shape: ``(N, D)`` and ``(N,)``."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, n_features))
    labels = rng.integers(0, n_classes, n)
    return np.maximum(0.0, centres[labels] + 1.5 * rng.normal(size=(n, n_features))), labels


@pytest.mark.parametrize("C", [1e-5, 1e-2, 1.0, 100.0])
def test_both_solvers_reach_one_minimum(C):
    X, y = samples()
    one, other = PrimalSVM(C).fit(X, y), LinearSVM(C).fit(X, y)
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(one.intercept_, other.intercept_, rtol=1e-7, atol=1e-9)
    new, _ = samples(seed=1)
    np.testing.assert_allclose(one.decision_function(new), other.decision_function(new), rtol=1e-7, atol=1e-8)
    assert np.array_equal(one.predict(new), other.predict(new))
    assert one.n_unconverged_ == 0


def test_it_is_liblinears_machine():
    X, y = samples()
    liblinear = LinearSVC(C=0.01, tol=1e-10, max_iter=100_000, dual=False).fit(X, y)
    found = PrimalSVM(0.01).fit(X, y)
    np.testing.assert_allclose(found.coef_, liblinear.coef_, atol=1e-6)
    np.testing.assert_allclose(found.intercept_, liblinear.intercept_, atol=1e-6)


def test_at_the_minimum_the_gradient_is_zero():
    X, y = samples(n=900, n_features=7)
    machine = PrimalSVM(0.3).fit(X, y)
    extended = np.column_stack((X, np.ones(len(X))))
    for k, name in enumerate(machine.classes_):
        signs = np.where(y == name, 1.0, -1.0)
        weights = np.append(machine.coef_[k], machine.intercept_[k])
        slack = np.maximum(0.0, 1 - signs * (extended @ weights))
        assert np.abs(weights - 2 * 0.3 * (signs * slack) @ extended).max() < 1e-6


def test_a_sample_twice_costs_double():
    X, y = samples()
    twice = PrimalSVM(0.05).fit(np.tile(X, (2, 1)), np.tile(y, 2))
    np.testing.assert_allclose(twice.coef_, PrimalSVM(0.1).fit(X, y).coef_, rtol=1e-8, atol=1e-10)


def test_two_classes_are_two_machines_that_mirror_each_other():
    X, y = samples(n_classes=2)
    machine = PrimalSVM(0.1).fit(X, y)
    assert machine.decision_function(X).shape == (len(X), 2)
    np.testing.assert_allclose(machine.coef_[0], -machine.coef_[1], rtol=1e-8, atol=1e-10)


def test_a_machine_that_stops_early_says_so(monkeypatch):
    monkeypatch.setattr(primal, "MOST_STEPS", 1)
    X, y = samples()
    with pytest.warns(ConvergenceWarning, match="5 machines not at their minimum"):
        assert PrimalSVM(1.0).fit(X, y).n_unconverged_ == 5


def test_errors():
    X, y = samples(40)
    for C in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ParameterError, match="C = "):
            PrimalSVM(C).fit(X, y)
    with pytest.raises(ValueError, match="at least two classes"):
        PrimalSVM().fit(X, np.zeros(40, dtype=int))
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        PrimalSVM().fit(X, y)
