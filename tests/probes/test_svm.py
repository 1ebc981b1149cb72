"""The linear SVM: LIBLINEAR's minimum, reached exactly, and its search over C."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator

from companion.errors import ParameterError
from companion.probes.newton import minima
from companion.probes.svm import LinearSVM, LinearSVMCV, one_vs_rest

FOLDS = StratifiedKFold(4)


def task(n_features=20, n_classes=3, spread=2.5, seed=0):
    """Clips around one centre a class, more or less far from it."""
    return make_blobs(72, n_features, centers=n_classes, cluster_std=spread, center_box=(-1, 1), random_state=seed)


def newton_step(model, features, labels):
    """From a model to where its objective, written out, is lowest by gradient and curvature. Shape: ``(K, D + 1)``."""
    signs = one_vs_rest(labels)[1][-len(model.coef_) :]
    extended, unit = np.column_stack((features, np.ones(len(features)))), np.eye(features.shape[1] + 1)
    steps = []
    for sign, weights in zip(signs, np.column_stack((model.coef_, model.intercept_)), strict=True):
        slack = np.maximum(0, 1 - sign * (extended @ weights))
        inside = extended[slack > 0]
        gradient = weights - 2 * model.C * (slack * sign) @ extended
        steps.append(np.linalg.solve(unit + 2 * model.C * inside.T @ inside, gradient))
    return np.array(steps)


# --- the machine ---


@pytest.mark.parametrize("model", [LinearSVM(), LinearSVMCV(cv=2, per_decade=1, patience=1)], ids=["LinearSVM", "CV"])
def test_it_is_an_estimator(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of checks that scikit-learn skips, and of splits smaller than it likes
        check_estimator(model)


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_features", [5, 100])
def test_it_is_liblinears_machine(n_features, n_classes, c):
    features, labels = task(n_features, n_classes)
    ours = LinearSVM(c).fit(features, labels)
    theirs = LinearSVC(C=c, dual=False, tol=1e-12, max_iter=100_000).fit(features, labels)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-6)
    np.testing.assert_allclose(ours.decision_function(features), theirs.decision_function(features), atol=1e-5)
    np.testing.assert_array_equal(ours.predict(features), theirs.predict(features))


@pytest.mark.parametrize("c", [1e-8, 1e-4, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("n_features", [5, 100])
def test_at_the_minimum_the_gradient_is_zero(n_features, c):
    features, labels = task(n_features)
    model = LinearSVM(c).fit(features, labels)
    np.testing.assert_allclose(newton_step(model, features, labels), 0, atol=1e-6 * np.linalg.norm(model.coef_))
    assert model.n_unconverged_ == 0


def test_at_a_small_cost_it_is_ridge_regression():
    features, labels = task()
    c = 1e-7  # every clip is inside the margin: squared hinge and squared error are the same function
    extended, targets = np.column_stack((features, np.ones(len(features)))), one_vs_rest(labels)[1].T
    ridge = np.linalg.solve(extended.T @ extended + 0.5 / c * np.eye(extended.shape[1]), extended.T @ targets)
    np.testing.assert_allclose(
        LinearSVM(c).fit(features, labels).decision_function(features), extended @ ridge, rtol=1e-6
    )


def test_at_a_large_cost_no_clip_is_left_inside_the_margin():
    features, labels = task(n_features=200)
    margins = one_vs_rest(labels)[1].T * LinearSVM(1e6).fit(features, labels).decision_function(features)
    assert margins.min() > 0.999


@pytest.mark.parametrize("seed", range(3))
def test_far_beyond_the_hard_margin_nothing_changes(seed):
    features, labels = task(n_features=200, spread=4, seed=seed)
    features *= np.geomspace(0.01, 100, 200)
    hard, harder = LinearSVM(1e5).fit(features, labels), LinearSVM(1e12).fit(features, labels)
    np.testing.assert_allclose(hard.coef_, harder.coef_, atol=1e-4 * np.abs(hard.coef_).max())
    assert harder.n_unconverged_ == 0


def test_larger_features_need_a_smaller_cost():
    features, _ = task()
    features, labels = np.concatenate((features, -features)), np.repeat([0, 1], len(features))  # so there is no bias
    small, large = LinearSVM(0.1).fit(features, labels), LinearSVM(0.1 / 50**2).fit(50 * features, labels)
    np.testing.assert_allclose(small.coef_, 50 * large.coef_, rtol=1e-9)
    np.testing.assert_allclose([*small.intercept_, *large.intercept_], 0, atol=1e-12)


def test_a_clip_twice_costs_double():
    features, labels = task(spread=4)
    twice = LinearSVM(0.1).fit(np.repeat(features, 2, axis=0), np.repeat(labels, 2))
    np.testing.assert_allclose(twice.coef_, LinearSVM(0.2).fit(features, labels).coef_, rtol=1e-8)
    assert not np.allclose(twice.coef_, LinearSVM(0.1).fit(features, labels).coef_, rtol=1e-3)


def test_exchanged_classes_exchange_the_sign():
    features, labels = task(n_classes=2)
    one, other = LinearSVM().fit(features, labels), LinearSVM().fit(features, 1 - labels)
    np.testing.assert_allclose(one.coef_, -other.coef_, rtol=1e-8)
    assert one.score(features, labels) == other.score(features, 1 - labels) > 0.8


def test_the_start_does_not_matter():
    features, labels = task(spread=4)
    _, signs = one_vs_rest(labels)
    cold = LinearSVM(0.5).fit(features, labels)
    for c in (1e-5, 1e3):
        _, (_, weights, _, n_unconverged) = minima(features, signs, [c, 0.5])
        np.testing.assert_allclose(weights[:, :-1], cold.coef_, atol=1e-8)
        assert n_unconverged == 0


@pytest.mark.parametrize("cost", [0.1, 1e7])
def test_digits_of_nearly_constant_features_are_kept(cost):
    # What distinguishes the clips is 10⁻⁶ of what they share, as in the sigmoid scores of an untrained network.
    features, labels = task(spread=4, n_features=100)
    offset = 1e6 * np.ones(features.shape[1])
    # With so long a common direction its weight costs nothing: it is a bias without a penalty.
    direction = offset / np.linalg.norm(offset)
    across = features - np.outer(features @ direction, direction)
    free = np.column_stack((across, 1e6 * np.ones(len(across))))
    one, other = LinearSVM(cost).fit(features + offset, labels), LinearSVM(cost).fit(free, labels)
    np.testing.assert_allclose(one.decision_function(features + offset), other.decision_function(free), atol=1e-3)
    assert one.n_unconverged_ == 0


def test_in_a_pipeline():
    features, labels = task(spread=0.3)
    names = np.array(["dog", "rain", "siren"])[labels]
    model = make_pipeline(StandardScaler(), LinearSVM()).fit(features, names)
    np.testing.assert_array_equal(model.predict(features), names)
    assert model.decision_function(features).shape == (72, 3)


def test_a_machine_that_stops_early_says_so(monkeypatch):
    monkeypatch.setattr("companion.probes.newton.MAX_STEPS", 1)
    features, labels = task(spread=4)
    with pytest.warns(ConvergenceWarning, match="3 machines"):
        assert LinearSVM(1.0).fit(features, labels).n_unconverged_ == 3
    search = LinearSVMCV(FOLDS).fit(features, labels)
    assert search.n_unconverged_ > 3 * len(search.Cs_)


def test_errors():
    features, labels = task(n_features=3, spread=4)
    for c in (0, -1, np.inf, np.nan):
        with pytest.raises(ParameterError, match="C = "):
            LinearSVM(c).fit(features, labels)
    with pytest.raises(ParameterError, match="too large"):
        LinearSVM(1e300).fit(features, labels)
    with pytest.raises(ValueError, match="of one class"):
        LinearSVM().fit(features, np.zeros_like(labels))


# --- the search ---


@pytest.mark.parametrize("standardised", [False, True])
def test_it_finds_what_grid_search_finds(standardised):
    features, labels = task(spread=4)
    features = features * np.geomspace(1, 100, 20) + 5
    search = LinearSVMCV(FOLDS, standardised=standardised, per_decade=1).fit(features, labels)
    pipeline = make_pipeline(StandardScaler(with_mean=standardised, with_std=standardised), LinearSVM())
    grid = GridSearchCV(pipeline, {"linearsvm__C": search.Cs_}, cv=FOLDS).fit(features, labels)
    splits = [grid.cv_results_[f"split{i}_test_score"] for i in range(4)]
    np.testing.assert_allclose(search.scores_, splits)
    assert search.best_score_ == pytest.approx(grid.best_score_)
    assert grid.best_params_["linearsvm__C"] == search.C_
    np.testing.assert_array_equal(search.predict(features[::-1]), grid.predict(features[::-1]))


def test_the_smallest_of_the_best_costs_is_chosen():
    features, labels = task(n_features=60, spread=0.5)
    search = LinearSVMCV(FOLDS).fit(features, labels)
    curve = search.scores_.mean(axis=0)
    assert (curve == 1).sum() > 3
    assert search.Cs_[np.flatnonzero(curve > curve.max() - 1e-9)[0]] == search.C_


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_the_grid_reaches_from_nothing_fitted_to_the_hard_margin(scale):
    features, labels = task(n_features=100, spread=4)
    search = LinearSVMCV(FOLDS).fit(scale * features, labels)
    signs = one_vs_rest(labels)[1].T
    low, high = (LinearSVM(c).fit(scale * features, labels) for c in search.Cs_[[0, -1]])
    assert (signs * low.decision_function(scale * features)).max() < 1  # nobody has reached the margin
    assert (signs * high.decision_function(scale * features)).min() > 0.9  # everybody has
    assert not search.at_edge_


def test_the_end_of_double_precision_ends_a_path_without_a_hard_margin():
    search = LinearSVMCV(FOLDS, per_decade=1).fit(*task(n_features=2, spread=20))
    assert search.n_unconverged_ == 0
    assert search.Cs_[-1] > 1e4


def test_an_optimum_on_the_edge_is_said_to_be_there(monkeypatch):
    features, labels = task(n_features=60, spread=2)
    features[:, 0] = 1e3 * np.random.default_rng(1).normal(size=len(features))  # outweighs the rest at a small C
    assert not LinearSVMCV(FOLDS).fit(features, labels).at_edge_
    monkeypatch.setattr("companion.probes.svm.PRECISION", 1e3)  # ends the grid where the score is rising
    search = LinearSVMCV(FOLDS).fit(features, labels)
    assert search.at_edge_
    assert search.Cs_[-1] == search.C_


@pytest.mark.parametrize("per_decade", [1, 2, 5])
def test_values_of_c_in_a_factor_of_ten(per_decade):
    search = LinearSVMCV(FOLDS, per_decade=per_decade).fit(*task())
    np.testing.assert_allclose(np.diff(np.log10(search.Cs_)), 1 / per_decade)


@pytest.mark.parametrize("standardised", [False, True])
@pytest.mark.parametrize("spread", [1.0, 1e-4])  # nearly constant: at chance for decades of C when left unscaled
def test_patience_shortens_the_grid_and_not_the_search(spread, standardised):
    features, labels = task(n_features=60, spread=3)
    whole, hasty = (
        LinearSVMCV(FOLDS, standardised=standardised, per_decade=1, patience=p).fit(0.5 + spread * features, labels)
        for p in (np.inf, 2)
    )
    np.testing.assert_array_equal(hasty.Cs_, whole.Cs_[: len(hasty.Cs_)])
    assert hasty.C_ == whole.C_
    assert len(hasty.Cs_) < len(whole.Cs_)


@pytest.mark.parametrize("patience", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_patience_is_counted_from_the_best_or_from_the_first_clip_at_its_margin(patience, seed):
    features, labels = task(n_features=60, spread=6, seed=seed)
    train, test = next(FOLDS.split(features, labels))
    search = LinearSVMCV([(train, test)], patience=patience).fit(features, labels)
    signs = one_vs_rest(labels[train])[1].T
    margins = [
        signs * LinearSVM(c).fit(features[train], labels[train]).decision_function(features[train]) for c in search.Cs_
    ]
    first = next(number for number, margin in enumerate(margins) if margin.max() >= 1)
    assert len(search.Cs_) - 1 - max(first, int(np.argmax(search.scores_[0]))) == 2 * patience
