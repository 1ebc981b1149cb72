"""t-SNE pictures: repeatable, and as trustworthy as they say."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from companion import projection as projection_module
from companion.errors import DataError, ParameterError
from companion.projection import project


@pytest.fixture(scope="module")
def clusters():
    rng = np.random.default_rng(0)
    return np.repeat(10 * rng.normal(size=(4, 16)), 25, axis=0) + rng.normal(size=(100, 16))


@pytest.fixture(scope="module")
def projection(clusters):
    return project(clusters, seed=3)


def test_a_picture_of_many_clips_has_the_perplexity_steps_and_neighbours_that_it_says(monkeypatch):
    asked = {}
    values = np.random.default_rng(0).normal(size=(260, 8))

    class Watched(projection_module.TSNE):
        def __init__(self, **options):
            asked.update(options)
            super().__init__(**options)

    monkeypatch.setattr(projection_module, "TSNE", Watched)
    found = project(values, seed=5)
    assert (found.perplexity, asked["perplexity"], asked["n_iter"]) == (30.0, 30.0, 500)
    assert (asked["neighbors"], asked["random_state"]) == ("exact", 5)
    assert found.trustworthiness == pytest.approx(trustworthiness(values, found.coordinates, n_neighbors=12))


def test_same_seed_same_picture(clusters, projection):
    again = project(clusters, seed=3)
    np.testing.assert_array_equal(again.coordinates, projection.coordinates)
    assert again.kl == projection.kl


def test_clusters_stay_together(projection):
    groups = projection.coordinates.reshape(4, 25, 2)
    within = np.linalg.norm(groups - groups.mean(axis=1, keepdims=True), axis=2).max()
    centres = groups.mean(axis=1)
    between = np.linalg.norm(centres[:, None] - centres[None], axis=2)[~np.eye(4, dtype=bool)].min()
    assert between > within


def test_trust_is_higher_than_chance(clusters, projection):
    scattered = np.random.default_rng(1).normal(size=(100, 2))
    chance = trustworthiness(clusters, scattered, n_neighbors=12)
    assert chance < 0.7
    assert chance + 0.2 < projection.trustworthiness <= 1


def test_shape_and_record(projection):
    assert projection.coordinates.shape == (100, 2)
    assert projection.seed == 3
    assert projection.kl >= 0


def test_perplexity_is_lowered_for_few_clips(clusters, projection):
    assert projection.perplexity == 20
    assert project(clusters, perplexity=8, n_iterations=10).perplexity == 8


def test_errors(clusters):
    with pytest.raises(DataError, match=r"\(10, 16\) are too few"):
        project(clusters[:10])
    with pytest.raises(ParameterError, match="perplexity 0"):
        project(clusters, perplexity=0)
    damaged = clusters.copy()
    damaged[4, 4] = np.inf
    with pytest.raises(DataError, match="1 clips"):
        project(damaged)
