"""Linear probes: the same minimum as LIBLINEAR, the whole path of C, and nothing from the test fold."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from companion.errors import DataError, ParameterError
from companion.probes import PROBES, probe_fold, probe_folds, svm

N_FOLDS = 4


def task(seed=0, n_classes=3, per_fold=6, n_features=20, distance=1.0, noise=1.0):
    """Clips around one centre a class. Returns features, labels, folds."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.repeat(np.arange(n_classes), per_fold), N_FOLDS)
    folds = np.repeat(np.arange(1, N_FOLDS + 1), n_classes * per_fold)
    centres = distance * rng.normal(size=(n_classes, n_features))
    return centres[labels] + noise * rng.normal(size=(len(labels), n_features)), labels, folds


class Found(SimpleNamespace):
    """The results of all test folds side by side."""

    @property
    def accuracy(self):
        return self.fold_accuracy.mean()


def all_folds(features, labels, folds, **options):
    names, results = np.unique(folds), probe_folds(features, labels, folds, **options)
    predictions = np.empty_like(labels)
    for name, result in zip(names, results, strict=True):
        predictions[folds == name] = result.predictions
    return Found(
        folds=names,
        predictions=predictions,
        fold_accuracy=np.array([(predictions == labels)[folds == name].mean() for name in names]),
        c=np.array([result.c for result in results]),
        inner_accuracy=np.array([result.inner_accuracy for result in results]),
        at_edge=np.array([result.at_edge for result in results]),
        grids=[result.grid for result in results],
        curves=[result.curve for result in results],
        n_unconverged=sum(result.n_unconverged for result in results),
    )


def signs(labels):
    return np.where(labels[:, None] == np.unique(labels), 1.0, -1.0)


def solve(features, labels, c):
    (gram,) = svm.products(features)
    return svm.fit(gram, signs(labels), c), gram


def objective(features, sign, c, weights):
    """The function of w and b that is minimised, written out."""
    slack = np.maximum(0, 1 - sign * (features @ weights[:-1] + weights[-1]))
    return 0.5 * weights @ weights + c * (slack**2).sum()


# --- the machine itself ---


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("n_features", [5, 100])
def test_same_classifier_as_liblinear(c, n_features):
    features, labels, _ = task(n_features=n_features, distance=0.4)
    solution, gram = solve(features, labels, c)
    reference = LinearSVC(C=c, dual=False, tol=1e-12, max_iter=100_000).fit(features, labels)
    np.testing.assert_allclose(solution.decide(gram), reference.decision_function(features), atol=1e-5)
    assert solution.converged.all()


def test_no_direction_leads_further_down():
    features, labels, _ = task(distance=0.4)
    c, sign = 0.3, signs(labels)[:, 0]
    solution, _ = solve(features, labels, c)
    extended = np.column_stack((features, np.ones(len(features))))
    direction = extended.mean(axis=0) / np.linalg.norm(extended.mean(axis=0))
    apart = extended - np.outer(extended @ direction, direction)
    weights = apart.T @ solution.coefficients[:, 0] + solution.common[0] * direction
    lowest = objective(features, sign, c, weights)
    rng = np.random.default_rng(0)
    for size in (1e-1, 1e-3, 1e-5):
        for _ in range(20):
            assert objective(features, sign, c, weights + size * rng.normal(size=len(weights))) > lowest


def test_at_a_small_cost_it_is_ridge_regression():
    features, labels, _ = task()
    c = 1e-7  # every clip is inside the margin: squared hinge and squared error are the same function
    solution, gram = solve(features, labels, c)
    extended = np.column_stack((features, np.ones(len(features))))
    ridge = np.linalg.solve(extended.T @ extended + 0.5 / c * np.eye(extended.shape[1]), extended.T @ signs(labels))
    np.testing.assert_allclose(solution.decide(gram), extended @ ridge, rtol=1e-6)


def test_at_a_large_cost_no_clip_is_left_inside_the_margin():
    features, labels, _ = task(n_features=200)
    solution, gram = solve(features, labels, 1e6)
    assert (signs(labels) * solution.decide(gram)).min() > 0.999
    assert solution.slack_share(gram, signs(labels), 1e6) < 1e-3


def test_the_start_does_not_matter():
    features, labels, _ = task(distance=0.4)
    (gram,) = svm.products(features)
    cold = svm.fit(gram, signs(labels), 0.5)
    for c in (1e-5, 1e3):
        warm = svm.fit(gram, signs(labels), 0.5, svm.fit(gram, signs(labels), c))
        np.testing.assert_allclose(warm.decide(gram), cold.decide(gram), atol=1e-8)


def test_digits_of_nearly_constant_features_are_kept():
    # What distinguishes the clips is 10⁻⁶ of what they share, as in the sigmoid scores of an untrained network.
    features, labels, _ = task(distance=0.4)
    offset = 1e6 * np.ones(features.shape[1])
    solution, gram = solve(features + offset, labels, 0.1)
    assert solution.converged.all()
    # With so long a common direction its weight costs nothing: it is a bias without a penalty.
    direction = offset / np.linalg.norm(offset)
    across = features - np.outer(features @ direction, direction)
    free = np.column_stack((across, 1e6 * np.ones(len(across))))
    other, other_gram = solve(free, labels, 0.1)
    np.testing.assert_allclose(solution.decide(gram), other.decide(other_gram), atol=1e-3)


def test_a_cost_beyond_double_precision_is_refused():
    features, labels, _ = task(n_features=3)
    with pytest.raises(ParameterError, match="too large"):
        solve(features, labels, 1e300)


# --- the protocol ---


@pytest.mark.parametrize("probe", PROBES)
def test_separable_classes_are_told_apart(probe):
    features, labels, folds = task(distance=5, noise=0.1)
    result = all_folds(features, labels, folds, probe=probe)
    assert result.accuracy == 1
    np.testing.assert_array_equal(result.predictions, labels)
    assert result.n_unconverged == 0
    assert not result.at_edge.any()


@pytest.mark.parametrize("probe", PROBES)
def test_noise_is_left_at_chance(probe):
    features, labels, folds = task(distance=0, per_fold=20)
    assert all_folds(features, labels, folds, probe=probe).accuracy == pytest.approx(1 / 3, abs=0.12)


@pytest.mark.parametrize("probe", PROBES)
def test_equals_nested_cross_validation_written_out(probe):
    features, labels, folds = task(distance=0.35, n_features=30)
    result = all_folds(features, labels, folds, probe=probe)

    def accuracy(training, test, c):
        steps = StandardScaler() if PROBES[probe] else StandardScaler(with_mean=False, with_std=False)
        seen, new = steps.fit_transform(features[training]), steps.transform(features[test])
        machine = LinearSVC(C=c, dual=False, tol=1e-8, max_iter=10_000).fit(seen, labels[training])
        return (machine.predict(new) == labels[test]).mean()

    for i, fold in enumerate(result.folds):
        # The middle of the grid: at its upper end LIBLINEAR needs too long.
        known = np.flatnonzero(result.grids[i] < 1)[::4]
        for k in known:
            inner = [
                accuracy(~np.isin(folds, (fold, held_out)), folds == held_out, result.grids[i][k])
                for held_out in result.folds
                if held_out != fold
            ]
            assert result.curves[i][k] == pytest.approx(np.mean(inner))
        outer = accuracy(folds != fold, folds == fold, result.c[i])
        assert result.fold_accuracy[i] == pytest.approx(outer)


@pytest.mark.parametrize("probe", PROBES)
def test_one_fold_alone_is_the_same_as_in_turn(probe):
    features, labels, folds = task(distance=0.35, n_features=30)
    for fold, together in enumerate(probe_folds(features, labels, folds, probe=probe), start=1):
        seen = folds != fold
        alone = probe_fold(features[seen], labels[seen], folds[seen], features[~seen], probe=probe)
        np.testing.assert_array_equal(alone.predictions, together.predictions)
        np.testing.assert_array_equal(alone.curve, together.curve)
        assert (alone.c, alone.at_edge) == (together.c, together.at_edge)


def test_the_smallest_of_the_best_costs_is_chosen():
    features, labels, folds = task(distance=0.35)
    result = all_folds(features, labels, folds)
    for c, best, grid, curve in zip(result.c, result.inner_accuracy, result.grids, result.curves, strict=True):
        assert best == pytest.approx(curve.max())
        assert c == grid[curve >= best - 1e-9].min()


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_the_grid_reaches_from_nothing_fitted_to_the_hard_margin(scale):
    features, labels, folds = task(distance=0.35, n_features=100)
    result = all_folds(scale * features, labels, folds)
    assert not result.at_edge.any()
    for fold, grid in zip(result.folds, result.grids, strict=True):
        seen = folds != fold
        low, gram = solve(scale * features[seen], labels[seen], grid[0])
        assert (signs(labels[seen]) * low.decide(gram)).max() < 1  # nobody has reached the margin
        high, _ = solve(scale * features[seen], labels[seen], grid[-1])
        assert (signs(labels[seen]) * high.decide(gram)).min() > 0.9  # everybody has


def test_the_end_of_double_precision_ends_a_path_without_a_hard_margin():
    features, labels, folds = task(distance=0.1, n_features=2, per_fold=10)
    result = all_folds(features, labels, folds, per_decade=1)
    assert result.n_unconverged == 0
    assert all(grid[-1] > 1e6 for grid in result.grids)


def test_an_optimum_on_the_edge_is_said_to_be_there(monkeypatch):
    features, labels, folds = task(distance=0.8, n_features=60)
    features[:, 0] = 1e3 * np.random.default_rng(1).normal(size=len(features))  # outweighs the rest at a small C
    assert not all_folds(features, labels, folds).at_edge.any()
    monkeypatch.setattr("companion.probes.machine.PRECISION", 1e2)  # ends the grid where the score is rising
    result = all_folds(features, labels, folds)
    assert result.at_edge.all()
    np.testing.assert_array_equal(result.c, [grid[-1] for grid in result.grids])


def test_a_finer_grid_finds_nothing_worse():
    features, labels, folds = task(distance=0.35)
    fine, coarse = (all_folds(features, labels, folds, per_decade=n) for n in (2, 1))
    np.testing.assert_allclose(np.diff(np.log10(fine.grids[0])), 1 / 2)
    np.testing.assert_allclose(np.diff(np.log10(coarse.grids[0])), 1)
    assert (fine.inner_accuracy >= coarse.inner_accuracy - 1e-9).all()


@pytest.mark.parametrize("probe", PROBES)
def test_patience_shortens_the_grid_and_not_the_search(probe):
    features, labels, folds = task(distance=0.5, n_features=60)
    for spread in (1.0, 1e-4):  # the second is nearly constant: at chance for decades of C when left unscaled
        whole, hasty = (
            probe_folds(0.5 + spread * features, labels, folds, probe=probe, per_decade=1, patience=patience)
            for patience in (np.inf, 2)
        )
        for one, other in zip(whole, hasty, strict=True):
            np.testing.assert_array_equal(other.grid, one.grid[: len(other.grid)])
            assert other.c == one.c
        assert sum(len(one.grid) for one in hasty) < sum(len(one.grid) for one in whole)


# --- nothing leaks ---


def of_fold(result, fold):
    """The parts of a result that belong to the model of one test fold."""
    i = int(np.flatnonzero(result.folds == fold)[0])
    return result.c[i], result.inner_accuracy[i], result.grids[i], result.curves[i]


@pytest.mark.parametrize("probe", PROBES)
def test_labels_of_the_test_fold_do_not_matter(probe):
    features, labels, folds = task(distance=0.35)
    before = all_folds(features, labels, folds, probe=probe)
    shuffled, test = labels.copy(), folds == 2
    shuffled[test] = np.random.default_rng(1).permutation(labels[test])
    after = all_folds(features, shuffled, folds, probe=probe)
    np.testing.assert_array_equal(after.predictions[test], before.predictions[test])
    for one, other in zip(of_fold(before, 2), of_fold(after, 2), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(after.predictions[~test], before.predictions[~test])  # elsewhere they do matter


@pytest.mark.parametrize("probe", PROBES)
def test_features_of_the_test_fold_do_not_matter(probe):
    features, labels, folds = task(distance=0.35)
    before = all_folds(features, labels, folds, probe=probe)
    wild, test = features.copy(), np.flatnonzero(folds == 3)
    wild[test[1:]] = 1e3 * np.random.default_rng(1).normal(size=wild[test[1:]].shape)
    after = all_folds(wild, labels, folds, probe=probe)
    assert after.predictions[test[0]] == before.predictions[test[0]]  # the one that was left as it was
    for one, other in zip(of_fold(before, 3), of_fold(after, 3), strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_recording_crosses_an_inner_split():
    # Noise, but every recording has a clip in each of two folds and a signature: whoever sees one knows the other.
    rng = np.random.default_rng(0)
    labels = np.tile(np.repeat(np.arange(2), 15), N_FOLDS)
    folds = np.repeat(np.arange(1, N_FOLDS + 1), 30)
    recordings = np.arange(len(labels))
    signatures = rng.normal(size=(len(labels), 400))
    fold_3, fold_4 = np.flatnonzero(folds == 3), np.flatnonzero(folds == 4)
    recordings[fold_4], signatures[fold_4] = recordings[fold_3], signatures[fold_3]
    leaking = all_folds(signatures, labels, folds)
    clean = all_folds(signatures, labels, folds, recordings=recordings)
    # Where 1 or 2 is the test fold, folds 3 and 4 give each other away.
    assert leaking.inner_accuracy[:2].min() > 0.75
    assert clean.inner_accuracy[:2].max() < 0.7


# --- what a linear machine cannot tell ---


def test_a_rotation_changes_nothing():
    features, labels, folds = task(distance=0.35)
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(20, 20)))[0]
    one, other = all_folds(features, labels, folds), all_folds(features @ rotation, labels, folds)
    np.testing.assert_array_equal(one.predictions, other.predictions)
    np.testing.assert_array_equal(one.c, other.c)


def test_standardised_features_have_no_unit():
    features, labels, folds = task(distance=0.35)
    units = 2.0 ** np.random.default_rng(3).integers(-20, 20, 20)
    one, other = (
        all_folds(x, labels, folds, probe="LIBLINEAR, standardised") for x in (features, features * units + units)
    )
    np.testing.assert_array_equal(one.predictions, other.predictions)
    np.testing.assert_array_equal(one.c, other.c)


@pytest.mark.parametrize("probe", PROBES)
def test_features_that_are_always_zero_change_nothing(probe):
    features, labels, folds = task(distance=0.35)
    padded = np.column_stack((features, np.zeros((len(features), 5))))
    one, other = (all_folds(x, labels, folds, probe=probe) for x in (features, padded))
    np.testing.assert_array_equal(one.predictions, other.predictions)


def test_names_of_classes_and_folds_do_not_matter():
    features, labels, folds = task(distance=0.35)
    names = np.array(["dog", "rain", "siren"])
    one, other = all_folds(features, labels, folds), all_folds(features, names[labels], folds.astype(str))
    np.testing.assert_array_equal(names[one.predictions], other.predictions)


# --- bad input ---


def test_errors():
    features, labels, folds = task()
    with pytest.raises(ParameterError, match="unknown probe 'rbf'"):
        all_folds(features, labels, folds, probe="rbf")
    with pytest.raises(DataError, match="2 folds"):
        all_folds(features, labels, np.where(folds > 2, 2, 1))
    with pytest.raises(DataError, match="labels, folds and recordings"):
        all_folds(features, labels[:-1], folds)
    with pytest.raises(DataError, match="of 1 classes"):
        all_folds(features, np.zeros_like(labels), folds)
    features[5, 2] = np.nan
    with pytest.raises(DataError, match="1 clips"):
        all_folds(features, labels, folds)
