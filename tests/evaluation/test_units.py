"""Which clips depend on each other, and the sums over pairs of them, against brute force."""

import numpy as np
import pytest
from scipy.stats import t as student

from companion.errors import DataError
from companion.evaluation.units import FLOOR, Units, membership, units_of


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def mixtures(rng, n_clips=40, n_recordings=12, held=3):
    return ["+".join(f"r{i}" for i in rng.choice(n_recordings, held, replace=False)) for _ in range(n_clips)]


def pairs(recordings, values):
    """The sum over pairs that share, written out."""
    sets = [set(joined.split("+")) for joined in recordings]
    return sum(values[i] * values[j] for i, a in enumerate(sets) for j, b in enumerate(sets) if a & b)


def test_a_recording_counts_once_in_a_clip():
    names, held = membership(["b+a", "a+a"])
    assert names.tolist() == ["a", "b"]
    assert held.toarray().tolist() == [[1, 1], [1, 0]]


def test_every_pair_that_shares_counts_once(rng):
    recordings = mixtures(rng)
    units, values = Units(recordings), rng.random(40)
    assert units.variance(values) == pytest.approx(pairs(recordings, values))
    assert units.variance(np.stack([values, 2 * values])).tolist() == pytest.approx(
        [pairs(recordings, values), 4 * pairs(recordings, values)]
    )
    assert (units.n_clips, units.n_recordings) == (40, 12)


def test_clips_that_share_nothing_are_independent_and_clusters_move_as_one(rng):
    values = rng.normal(size=30)
    assert Units(range(30)).variance(values) == pytest.approx((values**2).sum())
    clusters = values.reshape(10, 3).sum(1)
    assert Units(np.repeat(np.arange(10), 3)).variance(values) == pytest.approx((clusters**2).sum())


def test_authors_and_beds_join_what_recordings_do_not():
    alone, joined = Units(["a", "b", "c"]), Units(["a", "b", "c"], ["x", "x", ""], ["", "bed", "bed+other"])
    assert alone.variance([1.0, 1.0, 1.0]) == 3
    assert joined.variance([1.0, 1.0, 1.0]) == 7  # a and b by an author, b and c by a bed, not a and c
    assert joined.n_recordings == 3


def test_variance_never_falls_below_its_floor():
    units = Units(["a", "a", "b"])
    assert units.variance([1.0, -1.0, 0.0]) == FLOOR * 2


@pytest.mark.parametrize(("recordings", "expected"), [(range(20), 20), (np.repeat(range(5), 4), 5), (["a"] * 20, 1)])
def test_effective_number_is_that_of_equal_clusters(recordings, expected):
    assert Units(recordings).effective(np.ones(20)) == pytest.approx(expected)
    assert Units(recordings).effective(np.zeros(20)) == 1


def test_unequal_weights_leave_fewer_independent_clips():
    units = Units(range(20))
    assert units.effective([1.0] * 4 + [0.0] * 16) == pytest.approx(4)
    assert units.effective([1.0] * 4 + [0.5] * 16) == pytest.approx(8**2 / 5)


def test_clips_of_the_same_recordings_form_a_block_in_whatever_order_they_are_named():
    assert len(set(Units(["a+b", "b+a", "a", "a"]).blocks.tolist())) == 2
    assert len(set(Units(["a", "a", "a"], ["x", "x", "y"]).blocks.tolist())) == 2


def test_mixtures_share_every_author_of_what_they_hold():
    """The second recording of the first is of the third's author; the second and the fourth share a recording."""
    authors = {"a": "x", "b": "y", "c": "z", "d": "y", "e": "w"}
    found = units_of(["a+b", "c", "d", "e+c"], authors).sharing.toarray()
    assert found.tolist() == [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]


def test_memberships_must_be_of_the_same_clips():
    with pytest.raises(DataError, match="memberships of 0 clips"):
        Units([])
    with pytest.raises(DataError, match="memberships of 2, 3 clips"):
        Units(["a", "b"], ["x", "y", "z"])
    with pytest.raises(DataError, match="clip 1 names no recording"):
        Units(["a", "", "b"])


def test_degrees_of_freedom_are_those_of_sums_of_normal_clips():
    """Clips of three recordings out of forty: their variance is seldom as far too small as that of as few clusters."""
    rng = np.random.default_rng(3)
    units = Units(["+".join(map(str, rng.choice(40, 3, replace=False))) for _ in range(90)])
    independent = float(units.effective(np.ones(90)))
    assert 3 < independent < 8
    drawn = rng.normal(size=(20_000, 90))
    errors = np.sqrt(units.variance(drawn - drawn.mean(1, keepdims=True)) / (1 - 1 / independent))
    tails = np.abs(drawn.sum(1)) / errors
    outside = np.mean(tails > student.isf(0.025, units.freedom * (independent - 1)))
    assert outside == pytest.approx(0.05, abs=0.006)
    assert np.mean(tails > student.isf(0.025, independent - 1)) < outside - 0.008


def test_clusters_and_many_clips_have_the_degrees_of_freedom_of_students_t():
    assert Units([f"r{i // 4}" for i in range(24)]).freedom == 1
    assert Units(["a+b", "b+a", "c", "c+d", "d+c", "e+f", "f", "g"] * 3).freedom == 1
    rng = np.random.default_rng(0)
    assert Units([f"{a}+{b}" for a, b in rng.integers(0, 600, (300, 2))]).freedom == 1
