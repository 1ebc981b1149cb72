"""The probe protocol: C chosen inside the training folds, and nothing from the test fold."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from companion.errors import DataError, ParameterError
from companion.probes import PROBES, probe_fold, probe_folds
from companion.probes.nested import inner_splits

N_FOLDS = 4
both_probes = pytest.mark.parametrize("probe", PROBES)


def task(seed=0, n_classes=3, per_fold=6, n_features=20, distance=0.35, noise=1.0):
    """Clips around one centre a class. Returns features, labels, folds."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.repeat(np.arange(n_classes), per_fold), N_FOLDS)
    folds = np.repeat(np.arange(1, N_FOLDS + 1), n_classes * per_fold)
    centres = distance * rng.normal(size=(n_classes, n_features))
    return centres[labels] + noise * rng.normal(size=(len(labels), n_features)), labels, folds


def predicted(features, labels, folds, **options):
    """Every clip's label, by the probe of its fold."""
    predictions = np.empty_like(labels)
    for fold, result in zip(np.unique(folds), probe_folds(features, labels, folds, **options), strict=True):
        predictions[folds == fold] = result.predictions
    return predictions


def chosen(result):
    """All that is chosen or learned for a test fold, but for its predictions."""
    return result.c, result.inner_accuracy, result.at_edge, result.grid.tolist(), result.curve.tolist()


@both_probes
def test_a_planted_feature_is_found(probe):
    features, labels, folds = task(distance=0)
    features[:, 7] = labels
    features[:, 8] = labels == 1
    results = probe_folds(features, labels, folds, probe=probe)
    np.testing.assert_array_equal(predicted(features, labels, folds, probe=probe), labels)
    assert [result.n_unconverged for result in results] == [0] * N_FOLDS
    assert not any(result.at_edge for result in results)


@both_probes
def test_noise_is_left_at_chance(probe):
    features, labels, folds = task(distance=0, per_fold=20)
    assert (predicted(features, labels, folds, probe=probe) == labels).mean() == pytest.approx(1 / 3, abs=0.12)


@both_probes
def test_equals_nested_cross_validation_written_out(probe):
    features, labels, folds = task(n_features=30)
    features *= np.geomspace(1, 30, 30)

    def fitted(training, test, c):
        scaler = StandardScaler() if PROBES[probe] else StandardScaler(with_mean=False, with_std=False)
        seen, new = scaler.fit_transform(features[training]), scaler.transform(features[test])
        return LinearSVC(C=c, dual=False, tol=1e-8, max_iter=10_000).fit(seen, labels[training]).predict(new)

    for fold, result in zip(np.unique(folds), probe_folds(features, labels, folds, probe=probe), strict=True):
        for k in np.flatnonzero(result.grid < 1e-2)[::3]:  # at a large C LIBLINEAR needs too long
            inner = [
                (fitted(~np.isin(folds, (fold, held)), folds == held, result.grid[k]) == labels[folds == held]).mean()
                for held in np.unique(folds)
                if held != fold
            ]
            assert result.curve[k] == pytest.approx(np.mean(inner))
        np.testing.assert_array_equal(result.predictions, fitted(folds != fold, folds == fold, result.c))
        assert result.c == result.grid[np.flatnonzero(result.curve > result.curve.max() - 1e-9)[0]]
        assert result.inner_accuracy == pytest.approx(result.curve.max())


@both_probes
def test_one_fold_alone_is_the_same_as_in_turn(probe):
    features, labels, folds = task(n_features=30)
    for fold, together in enumerate(probe_folds(features, labels, folds, probe=probe), start=1):
        seen = folds != fold
        alone = probe_fold(features[seen], labels[seen], folds[seen], features[~seen], probe=probe)
        np.testing.assert_array_equal(alone.predictions, together.predictions)
        assert chosen(alone) == chosen(together)


# --- nothing leaks ---


@both_probes
def test_noise_for_the_test_fold_changes_nothing_that_was_chosen_or_learned(probe):
    features, labels, folds = task(distance=0.5)
    before = probe_folds(features, labels, folds, probe=probe)
    rng, wild, shuffled, test = np.random.default_rng(1), features.copy(), labels.copy(), np.flatnonzero(folds == 3)
    wild[test[1:]] = 1e3 * rng.normal(size=wild[test[1:]].shape)
    shuffled[test] = rng.permutation(labels[test])
    after = probe_folds(wild, shuffled, folds, probe=probe)
    assert chosen(after[2]) == chosen(before[2])
    assert after[2].predictions[0] == before[2].predictions[0]  # of the one clip that was left as it was
    assert chosen(after[0]) != chosen(before[0])  # elsewhere it does matter


@both_probes
def test_a_clip_is_labelled_whatever_is_labelled_with_it(probe):
    features, labels, folds = task()
    seen, order = folds != 1, np.random.default_rng(0).permutation(18)
    one, other = (
        probe_fold(features[seen], labels[seen], folds[seen], x, probe=probe).predictions
        for x in (features[~seen], np.concatenate((features[~seen][order], 1e3 * features[:5])))
    )
    np.testing.assert_array_equal(one[order], other[:18])


def test_no_recording_crosses_an_inner_split():
    # Noise, but every recording has a clip in each of two folds and a signature: whoever sees one knows the other.
    rng = np.random.default_rng(0)
    labels = np.tile(np.repeat(np.arange(2), 15), N_FOLDS)
    folds = np.repeat(np.arange(1, N_FOLDS + 1), 30)
    recordings = np.arange(len(labels))
    signatures = rng.normal(size=(len(labels), 400))
    fold_3, fold_4 = np.flatnonzero(folds == 3), np.flatnonzero(folds == 4)
    recordings[fold_4], signatures[fold_4] = recordings[fold_3], signatures[fold_3]
    leaking = probe_folds(signatures, labels, folds)
    clean = probe_folds(signatures, labels, folds, recordings=recordings)
    for fold in (0, 1):  # where 1 or 2 is the test fold, folds 3 and 4 give each other away
        assert leaking[fold].inner_accuracy > 0.75
        assert clean[fold].inner_accuracy < 0.7


def test_inner_splits_leave_out_a_fold_its_recordings_and_those_of_the_test_fold():
    folds = np.array([1, 1, 2, 2, 4, 4])
    recordings = np.array(["a", "b", "b", "c", "d", "e"])
    splits = [(train.tolist(), held.tolist()) for train, held in inner_splits(folds, recordings, np.array(["e", "z"]))]
    assert splits == [([3, 4], [0, 1]), ([0, 4], [2, 3]), ([0, 1, 2, 3], [4, 5])]


def test_recordings_of_the_test_fold_take_no_part_in_choosing():
    features, labels, folds = task()
    recordings = np.arange(len(labels))
    test, guests = folds == 4, np.flatnonzero(folds == 1)[::2]
    recordings[guests] = recordings[test][: len(guests)]
    seen = ~test
    one = probe_folds(features, labels, folds, recordings=recordings)[3]
    other = probe_fold(
        features[seen],
        labels[seen],
        folds[seen],
        features[test],
        recordings=recordings[seen],
        test_recordings=recordings[test],
    )
    assert chosen(one) == chosen(other)
    assert chosen(one) != chosen(probe_folds(features, labels, folds)[3])


# --- what a linear machine cannot tell ---


def test_a_rotation_changes_nothing():
    features, labels, folds = task()
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(20, 20)))[0]
    for one, other in zip(*(probe_folds(x, labels, folds) for x in (features, features @ rotation)), strict=True):
        np.testing.assert_array_equal(one.predictions, other.predictions)
        assert one.c == other.c


def test_standardised_features_have_no_unit():
    features, labels, folds = task()
    units = 2.0 ** np.random.default_rng(3).integers(-20, 20, 20)
    for one, other in zip(
        *(probe_folds(x, labels, folds, probe="LIBLINEAR, standardised") for x in (features, features * units + units)),
        strict=True,
    ):
        np.testing.assert_array_equal(one.predictions, other.predictions)
        assert one.c == other.c


@both_probes
def test_single_precision_is_not_kept(probe):
    # What distinguishes the clips is near the last digit of a 32-bit number: scaled as one, it would be lost.
    features, labels, folds = task(distance=0.5, per_fold=20)
    features = (1 + 3e-7 * features).astype(np.float32)
    one, other = (predicted(x, labels, folds, probe=probe) for x in (features, features.astype(np.float64)))
    np.testing.assert_array_equal(one, other)


@both_probes
def test_features_that_are_always_zero_change_nothing(probe):
    features, labels, folds = task()
    padded = np.column_stack((features, np.zeros((len(features), 5))))
    one, other = (predicted(x, labels, folds, probe=probe) for x in (features, padded))
    np.testing.assert_array_equal(one, other)


def test_names_of_classes_and_folds_do_not_matter():
    features, labels, folds = task()
    names = np.array(["dog", "rain", "siren"])
    one, other = predicted(features, labels, folds), predicted(features, names[labels], folds.astype(str))
    np.testing.assert_array_equal(names[one], other)


# --- bad input ---


def test_errors():
    features, labels, folds = task()
    with pytest.raises(ParameterError, match="unknown probe 'rbf'"):
        probe_folds(features, labels, folds, probe="rbf")
    with pytest.raises(DataError, match="2 folds"):
        probe_folds(features, labels, np.where(folds > 2, 2, 1))
    with pytest.raises(DataError, match="labels, folds and recordings"):
        probe_folds(features, labels[:-1], folds)
    with pytest.raises(DataError, match="of 1 classes"):
        probe_folds(features, np.zeros_like(labels), folds)
    with pytest.raises(DataError, match="of 0 classes"):
        probe_folds(features, labels, folds, recordings=np.zeros_like(labels))
    features[5, 2] = np.nan
    with pytest.raises(DataError, match="1 clips"):
        probe_folds(features, labels, folds)
