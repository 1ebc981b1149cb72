"""The scene baseline: it finds the Gaussians that clips were drawn from, knows nothing else, and never looks ahead."""

import librosa
import numpy as np
import pytest

from companion.errors import DataError
from companion.features import TUT_MFCC, extract
from companion.probes import gmm
from companion.probes.gmm import mfcc_gmm_folds, with_dynamics

CLASSES, FOLDS, PER_FOLD, T, F = ("beach", "bus", "cafe"), (1, 2, 3, 4), 5, 40, 6


@pytest.fixture(scope="module")
def clips():
    """Frames of three scenes, each a Gaussian of its own mean and deviations, far apart over a clip of 40 frames."""
    rng = np.random.default_rng(0)
    means, deviations = rng.normal(size=(3, F)), rng.uniform(0.5, 1.5, size=(3, F))
    rows = [
        ((means[k] + deviations[k] * rng.standard_normal((T, F))).astype(np.float32), name, fold)
        for fold in FOLDS
        for k, name in enumerate(CLASSES)
        for _ in range(PER_FOLD)
    ]
    features, labels, folds = zip(*rows, strict=True)
    return list(features), np.array(labels), np.array(folds)


def test_known_gaussians_are_told_apart(clips):
    features, labels, folds = clips
    assert (mfcc_gmm_folds(features, labels, folds, n_components=2) == labels).mean() > 0.95


def test_one_component_is_the_gaussian_classifier_in_closed_form(clips):
    """With one component the mixture is the mean and variance of the training frames, and nothing is left to chance."""
    features, labels, folds = clips
    found = mfcc_gmm_folds(features, labels, folds, n_components=1)
    for fold in FOLDS:
        seen = np.concatenate([f for f, k in zip(features, folds, strict=True) if k != fold])
        mean, deviation = seen.mean(0), seen.std(0)
        scores = []
        for name in CLASSES:
            chosen = [f for f, label, k in zip(features, labels, folds, strict=True) if label == name and k != fold]
            scaled = (np.concatenate(chosen) - mean) / deviation
            centre, variance = scaled.mean(0), scaled.var(0) + gmm.LEAST_VARIANCE
            tested = [(f - mean) / deviation for f, k in zip(features, folds, strict=True) if k == fold]
            scores.append([-0.5 * (((f - centre) ** 2 / variance) + np.log(variance)).sum() for f in tested])
        expected = np.array(CLASSES)[np.argmax(scores, axis=0)]
        np.testing.assert_array_equal(found[folds == fold], expected)


def test_labels_that_mean_nothing_give_chance(clips):
    features, _, folds = clips
    rng = np.random.default_rng(1)
    right = []
    for seed in range(4):
        shuffled = rng.choice(CLASSES, size=len(features))
        right.append((mfcc_gmm_folds(features, shuffled, folds, n_components=1, seed=seed) == shuffled).mean())
    spread = np.sqrt(1 / 3 * 2 / 3 / (len(right) * len(features)))
    assert np.mean(right) == pytest.approx(1 / 3, abs=4 * spread)


def test_no_test_frame_and_no_test_label_enters_the_models(clips, monkeypatch):
    """Frames of fold 2 are marked; scaler and mixtures of fold 2 must be fitted on unmarked ones only."""
    features, labels, folds = clips
    fitted = []

    class Watched(gmm.GaussianMixture):
        def fit(self, X, y=None):
            fitted.append(X)
            return super().fit(X)

    monkeypatch.setattr(gmm, "GaussianMixture", Watched)
    before = mfcc_gmm_folds(features, labels, folds, n_components=2)
    unmarked = fitted.copy()
    fitted.clear()
    marked = [f + 100.0 if k == 2 else f for f, k in zip(features, folds, strict=True)]
    other = np.where(folds == 2, np.roll(labels, 1), labels)  # their labels change as well
    mfcc_gmm_folds(marked, other, folds, n_components=2)
    second = slice(len(CLASSES), 2 * len(CLASSES))
    for a, b in zip(unmarked[second], fitted[second], strict=True):
        np.testing.assert_array_equal(a, b)
    first = slice(0, len(CLASSES))  # where fold 2 is learned from, the mark is seen
    assert not any(np.array_equal(a, b) for a, b in zip(unmarked[first], fitted[first], strict=True))
    relabelled = mfcc_gmm_folds(features, other, folds, n_components=2)
    np.testing.assert_array_equal(before[folds == 2], relabelled[folds == 2])


def test_a_clips_label_does_not_depend_on_the_clips_tested_with_it(clips):
    features, labels, folds = clips
    whole = mfcc_gmm_folds(features, labels, folds, n_components=2)
    kept = (folds != 1) | (np.arange(len(folds)) % PER_FOLD == 0)
    few = mfcc_gmm_folds([f for f, k in zip(features, kept, strict=True) if k], labels[kept], folds[kept],
                         n_components=2)  # fmt: skip
    np.testing.assert_array_equal(whole[kept & (folds == 1)], few[folds[kept] == 1])


def test_same_seed_same_labels_and_processes_do_not_matter(clips):
    features, labels, folds = clips
    noisy = [f + 3 * np.random.default_rng(i).standard_normal(f.shape) for i, f in enumerate(features)]
    settings = {"n_components": 3, "max_frames": 200, "seed": 5}
    one = mfcc_gmm_folds(noisy, labels, folds, **settings)
    np.testing.assert_array_equal(one, mfcc_gmm_folds(noisy, labels, folds, **settings, n_jobs=2))


@pytest.mark.parametrize("settings", [{"n_components": 3}, {"n_components": 1, "max_frames": 30}],
                         ids=["first guess", "frames left in"])  # fmt: skip
def test_another_seed_is_another_first_guess_and_other_frames(clips, settings):
    features, labels, folds = clips
    noisy = [f + 6 * np.random.default_rng(i).standard_normal(f.shape) for i, f in enumerate(features)]
    one, other = (mfcc_gmm_folds(noisy, labels, folds, **settings, seed=seed) for seed in (5, 6))
    assert (one != other).any()


def test_a_mixture_learns_from_twenty_thousand_frames_by_the_baselines_settings(monkeypatch):
    fitted = []

    class Watched(gmm.GaussianMixture):
        def fit(self, X, y=None):
            fitted.append((len(X), self.n_components, self.max_iter, self.reg_covar, self.covariance_type))
            return super().fit(X)

    monkeypatch.setattr(gmm, "GaussianMixture", Watched)
    frames = np.random.default_rng(0).standard_normal((4, 30_000, 1)).astype(np.float32)
    mfcc_gmm_folds(list(frames), ["a", "b"] * 2, [1, 1, 2, 2])
    assert fitted == [(20_000, 16, 40, 1e-3, "diag")] * 4


def test_subsampling_keeps_the_same_share_of_every_clip():
    clips = [np.full((n, 2), n, dtype=np.float32) for n in (100, 50, 10)]
    kept = gmm._subsample(clips, 32, np.random.default_rng(0))
    assert [int((kept[:, 0] == n).sum()) for n in (100, 50, 10)] == [20, 10, 2]
    assert len(gmm._subsample(clips, 160, np.random.default_rng(0))) == 160


def test_sixty_dimensions_and_the_slope_of_a_ramp():
    noise = np.random.default_rng(0).standard_normal(3 * 44_100).astype(np.float32)
    mfcc = extract(noise, 44_100, TUT_MFCC)
    assert with_dynamics(mfcc).shape == (1 + 3 * 50, 60)
    np.testing.assert_array_equal(with_dynamics(mfcc)[:, :20], mfcc)
    inner = slice(4, -4)
    expected = librosa.feature.delta(data=mfcc.T, width=9).T
    np.testing.assert_allclose(with_dynamics(mfcc)[inner, 20:40], expected[inner], atol=1e-3)
    time = np.arange(30, dtype=np.float32)[:, None]
    parabola = with_dynamics(3 * time + 0.5 * time**2)[inner]
    np.testing.assert_allclose(parabola[:, 1], (3 + time)[inner, 0], atol=1e-3)
    np.testing.assert_allclose(parabola[:, 2], 1.0, atol=1e-3)


def test_a_clip_of_one_frame_has_no_slope():
    np.testing.assert_allclose(with_dynamics(np.ones((1, 2), dtype=np.float32)), [[1, 1, 0, 0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f, y, k: (f[:-1], y, k), "59 clips with 60 labels"),
        (lambda f, y, k: ([*f[:-1], np.full((3, F), np.nan)], y, k), "the first is number 59"),
        (lambda f, y, k: ([np.empty((0, F)), *f[1:]], y, k), "the first is number 0"),
        (lambda f, y, k: (f, y, np.ones_like(k)), "when fold 1 is tested"),
        (lambda f, y, k: (f, np.where(k == 3, "tram", y), k), "nothing to learn tram from when fold 3 is tested"),
    ],
)
def test_what_cannot_be_learned_is_refused(clips, change, said):
    with pytest.raises(DataError, match=said):
        mfcc_gmm_folds(*change(*clips))
