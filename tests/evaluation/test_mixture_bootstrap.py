"""Where clips share recordings, the interval must cover the truth, and must not believe in more data than there is."""

import numpy as np
import pytest

from companion.errors import DataError
from companion.evaluation.bootstrap import cluster_interval
from companion.evaluation.mixture_bootstrap import draw, fold_accuracy, membership, mixture_bootstrap


def mixtures(rng, n_recordings, n_clips, held):
    """Clips of several recordings; a clip's score is the mean of its recordings' effects, and noise of its own."""
    effect = rng.normal(0.0, 1.0, n_recordings)
    chosen = np.array([rng.choice(n_recordings, held, replace=False) for _ in range(n_clips)])
    scores = effect[chosen].sum(1) + rng.normal(0.0, 0.5, n_clips)
    return scores, ["+".join(f"r{i}" for i in row) for row in chosen]


@pytest.mark.parametrize("held", [1, 3, 8])
def test_the_interval_covers_the_true_mean_about_as_often_as_it_says(held):
    rng = np.random.default_rng(held)
    covered, repeats = 0, 150
    for _ in range(repeats):
        scores, recordings = mixtures(rng, n_recordings=60, n_clips=200, held=held)
        folds = np.ones(len(scores))
        found = mixture_bootstrap(fold_accuracy(scores, folds), recordings, rng, n_resamples=300)
        covered += found.low <= 0.0 <= found.high
    assert 0.88 <= covered / repeats <= 1.0


def test_clips_as_units_would_be_far_too_sure():
    rng = np.random.default_rng(0)
    scores, recordings = mixtures(rng, n_recordings=20, n_clips=2000, held=3)
    found = mixture_bootstrap(fold_accuracy(scores, np.ones(2000)), recordings, rng, n_resamples=500)
    naive = 2 * 1.96 * scores.std() / np.sqrt(2000)
    assert found.high - found.low > 5 * naive
    assert (found.n_clips, found.n_recordings, found.n_seeds) == (2000, 20, 1)


def test_with_one_recording_a_clip_it_agrees_with_the_cluster_bootstrap():
    rng = np.random.default_rng(1)
    correct, recordings, folds = rng.random(400) < 0.7, rng.integers(0, 80, 400), rng.integers(1, 5, 400)
    ours = mixture_bootstrap(fold_accuracy(correct, folds), recordings.astype(str), rng, n_resamples=4000)
    theirs = cluster_interval(correct, recordings, folds, rng, n_resamples=4000)
    assert ours.value == pytest.approx(theirs.value)
    assert ours.high - ours.low == pytest.approx(theirs.high - theirs.low, rel=0.15)


def test_seeds_that_differ_widen_the_interval_and_no_difference_has_no_width():
    rng = np.random.default_rng(2)
    recordings = [f"r{i // 2}+s{i % 7}" for i in range(100)]
    scores = rng.random(100)
    same = mixture_bootstrap(fold_accuracy(np.stack([scores] * 3), np.ones(100)), recordings, np.random.default_rng(0))
    apart = mixture_bootstrap(
        fold_accuracy(np.stack([scores, scores + 1, scores - 1]), np.ones(100)), recordings, np.random.default_rng(0)
    )
    assert apart.value == pytest.approx(same.value)
    assert apart.high - apart.low > 2 * (same.high - same.low)
    nothing = mixture_bootstrap(fold_accuracy(0 * scores, np.ones(100)), recordings, rng, difference=True)
    assert (nothing.value, nothing.low, nothing.high, nothing.p_value) == (0, 0, 0, 1)


def test_the_same_generator_gives_the_same_interval():
    scores, recordings = mixtures(np.random.default_rng(3), 10, 50, 2)
    first, second = (
        mixture_bootstrap(fold_accuracy(scores, np.ones(50)), recordings, np.random.default_rng(7)) for _ in range(2)
    )
    assert first == second


def test_a_centred_interval_lies_around_its_value_and_is_as_wide():
    rng = np.random.default_rng(4)
    scores, recordings = mixtures(rng, 30, 100, 3)
    resamples = draw(recordings, 1, rng, 500)
    by_seed, moved = np.array([5.0]), 5.0 - rng.random((500, 1))
    plain, centred = (resamples.interval(by_seed, moved, centred=c) for c in (False, True))
    assert plain.high < 5.0 or np.isclose(plain.high, 5.0, atol=0.05)
    assert centred.low < 5.0 < centred.high
    assert centred.high - centred.low == pytest.approx(plain.high - plain.low)


def test_no_clips_are_refused():
    with pytest.raises(DataError, match="no clip"):
        draw([], 1, np.random.default_rng(0))


def test_membership_counts_a_recording_once_in_a_clip():
    names, held = membership(["b+a", "a+a"])
    assert names.tolist() == ["a", "b"]
    assert held.sum() == 3
