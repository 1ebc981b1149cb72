"""What every clip adds to a statistic: derivatives, textbook variances, and the half-weight jackknife."""

import numpy as np
import pytest

from companion.errors import DataError
from companion.evaluation import tagging
from companion.evaluation.influence import Linearised, TaggingInfluence, mean_score, weighted
from companion.evaluation.units import Units


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def variance(statistic):
    return float(statistic.units.variance(statistic.influence.mean(0)))


def test_of_independent_clips_it_is_the_variance_of_a_mean(rng):
    scores = rng.random(50)
    found = mean_score(scores, Units(range(50)))
    assert found.by_seed.tolist() == pytest.approx([scores.mean()])
    assert variance(found) == pytest.approx(scores.var(ddof=1) / 50)
    assert found.degrees == pytest.approx(49)


def test_of_equal_clusters_it_is_the_variance_of_their_means(rng):
    scores = rng.random((12, 5))
    found = mean_score(scores.ravel(), Units(np.repeat(np.arange(12), 5)))
    assert variance(found) == pytest.approx(scores.mean(1).var(ddof=1) / 12)
    assert found.degrees == pytest.approx(11)


def test_of_fixed_classes_only_what_varies_within_them_counts(rng):
    classes, clips = np.repeat(np.arange(6), 4), rng.random((6, 4))
    units = Units(range(24))
    within = np.mean(clips.var(axis=1, ddof=1)) / 24
    easy = 100.0 * np.arange(6)[:, None]
    found = mean_score((clips + easy).ravel(), units, strata=classes)
    assert variance(found) == pytest.approx(within)
    assert found.degrees == pytest.approx(18)
    assert variance(mean_score((clips + easy).ravel(), units)) > 1000 * within


def test_a_class_of_one_recording_leaves_no_class_fixed(rng):
    scores, units = rng.random(20), Units(["a"] * 10 + [f"r{i}" for i in range(10)])
    split = mean_score(scores, units, strata=np.repeat([0, 1], 10))
    assert variance(split) == pytest.approx(variance(mean_score(scores, units)))


def test_folds_weigh_clips_and_a_recording_in_two_of_them_moves_as_one(rng):
    scores, folds = rng.random(30), np.array([1] * 10 + [2] * 20)
    found = mean_score(scores, Units(range(30)), folds=folds)
    assert found.by_seed[0] == pytest.approx((scores[:10].mean() + scores[10:].mean()) / 2)
    high = (np.arange(30) == 9) | (np.arange(30) == 10)  # two clips, one in each fold, of one recording or of two
    one = [f"r{i}" for i in range(30)]
    two = [*one[:9], "shared", "shared", *one[11:]]
    apart, together = (variance(mean_score(1.0 * high, Units(names), folds=folds)) for names in (one, two))
    assert together > 1.5 * apart


def test_the_jackknife_of_a_mean_is_its_variance(rng):
    scores, units = rng.random(40), Units(np.repeat(np.arange(20), 2))
    found = weighted(lambda w: (w @ scores / w.sum(1))[:, None], units)
    assert variance(found) == pytest.approx(variance(mean_score(scores, units)), rel=0.01)


def test_the_jackknife_of_a_ratio_of_sums_is_the_delta_method(rng):
    errors, events = rng.poisson(2.0, 300), 1.0 + rng.poisson(3.0, 300)
    found = weighted(lambda w: ((w @ errors) / (w @ events))[:, None], Units(range(300)))
    left = errors - found.by_seed[0] * events
    assert variance(found) == pytest.approx((left**2).sum() / events.sum() ** 2, rel=0.02)


def test_tagging_influence_is_the_derivative_by_the_weight_of_a_clip(rng):
    reference = rng.random((60, 3)) < 0.3
    estimated = (reference + rng.normal(size=(60, 3))).round(1)  # rounded, so that scores tie
    scores, of_ap, of_auc = tagging.influence(reference, estimated)
    expected = tagging.evaluate(reference, estimated)
    assert scores.average_precision == pytest.approx(expected.average_precision)
    assert scores.auc == pytest.approx(expected.auc)
    step = 1e-5
    for clip in (0, 17, 59):
        weights = np.ones(60)
        weights[clip] += step
        moved = tagging.evaluate(reference, estimated, weights)
        assert of_ap[clip] == pytest.approx((moved.average_precision - scores.average_precision) / step, abs=1e-6)
        assert of_auc[clip] == pytest.approx((moved.auc - scores.auc) / step, abs=1e-6)
    assert np.abs([of_ap.sum(0), of_auc.sum(0)]).max() < 1e-12


def test_means_over_classes_leave_out_what_has_no_score(rng):
    reference = rng.random((80, 4)) < 0.4
    reference[:, 2] = False
    estimated = rng.random((2, 80, 4))
    measured = TaggingInfluence(reference, estimated, Units(range(80)))
    found = measured.mean("AP")
    expected = [tagging.evaluate(reference, one).mean_average_precision for one in estimated]
    assert found.by_seed.tolist() == pytest.approx(expected)
    assert np.isfinite(found.influence).all()
    assert measured.mean("AUC", [1]).by_seed.tolist() == pytest.approx(measured.values["AUC"][:, 1].tolist())
    with pytest.raises(DataError, match="no class has a score"):
        measured.mean("AP", [2])


def test_a_class_of_few_recordings_is_widened_for_being_centred_on_them(rng):
    reference, recordings = np.zeros((60, 1)), np.arange(60)
    reference[:12], recordings[:12] = 1, np.repeat([0, 1, 2], 4)
    estimated = rng.random((1, 60, 1))
    few = TaggingInfluence(reference, estimated, Units(recordings)).mean("AP").influence
    many = TaggingInfluence(reference, estimated, Units(range(60))).mean("AP").influence
    assert few / many == pytest.approx(np.full((1, 60), (3 / 2) ** 0.5 / (12 / 11) ** 0.5))


def test_differences_and_functions_move_as_they_should(rng):
    units = Units(range(40))
    a, b = (Linearised(rng.random(3), rng.normal(size=(3, 40)), units, degrees) for degrees in (10.0, 7.0))
    assert (a - b).influence == pytest.approx(a.influence - b.influence)
    assert (a - b).by_seed == pytest.approx(a.by_seed - b.by_seed)
    assert (a - b).degrees == 7
    squared = a.through(np.square)
    assert squared.by_seed == pytest.approx(a.by_seed**2)
    assert squared.influence == pytest.approx(2 * a.by_seed[:, None] * a.influence)


def test_one_row_is_paired_with_every_seed_and_other_clips_with_none(rng):
    units = Units(range(10))
    three, one = (mean_score(rng.random((n, 10)), units) for n in (3, 1))
    assert (three - one).by_seed == pytest.approx(three.by_seed - one.by_seed[0])
    with pytest.raises(DataError, match="not paired"):
        three - mean_score(rng.random((2, 10)), units)
    with pytest.raises(DataError, match="not paired"):
        three - mean_score(rng.random((3, 10)), Units(range(10)))


def test_scores_must_be_of_the_clips(rng):
    with pytest.raises(DataError, match="units of 5 clips"):
        mean_score(rng.random(4), Units(range(5)))
    with pytest.raises(DataError, match="3 folds"):
        mean_score(rng.random(5), Units(range(5)), folds=[1, 2, 3])
