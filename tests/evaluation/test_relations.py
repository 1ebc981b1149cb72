"""Neighbours of classes: layouts whose answer is known."""

import numpy as np
import pytest

from companion.errors import DataError, ParameterError
from companion.evaluation.relations import class_centroid_neighbours


def on_a_line():
    """Classes at 0, 1, 3 and 7, clips symmetrically around each."""
    centres = {"vacuum": 0.0, "chainsaw": 1.0, "engine": 3.0, "bird": 7.0}
    clips = [(label, centre + d) for label, centre in centres.items() for d in (-0.5, 0.5)]
    labels, values = zip(*clips, strict=True)
    return np.array(values)[:, None], np.array(labels)


def test_order_on_a_line():
    neighbours = class_centroid_neighbours(*on_a_line(), metric="euclidean")
    assert neighbours.nearest("vacuum", 3) == ["chainsaw", "engine", "bird"]
    assert neighbours.nearest("engine", 2) == ["chainsaw", "vacuum"]
    assert [neighbours.rank("vacuum", other) for other in ("chainsaw", "engine", "bird")] == [1, 2, 3]


def test_distances_are_those_of_centroids():
    neighbours = class_centroid_neighbours(*on_a_line(), metric="euclidean")
    places = dict(zip(neighbours.classes, range(4), strict=True))
    assert neighbours.distances[places["bird"], places["engine"]] == pytest.approx(4)
    np.testing.assert_allclose(neighbours.distances, neighbours.distances.T)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_rotation_and_shift_do_not_matter(metric):
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(60, 8)), np.repeat(np.arange(6), 10)
    rotation = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    one = class_centroid_neighbours(values, labels, metric)
    other = class_centroid_neighbours(values @ rotation + 100, labels, metric)
    np.testing.assert_allclose(one.distances, other.distances, atol=1e-9)
    np.testing.assert_array_equal(one.order, other.order)


def test_every_other_class_is_listed_once():
    rng = np.random.default_rng(1)
    order = class_centroid_neighbours(rng.normal(size=(30, 4)), np.repeat(np.arange(5), 6)).order
    for own, row in enumerate(order):
        assert sorted([own, *row]) == list(range(5))


def test_errors():
    values, labels = on_a_line()
    with pytest.raises(ParameterError, match="no class 'cat'"):
        class_centroid_neighbours(values, labels).nearest("cat")
    with pytest.raises(ParameterError, match="unknown metric"):
        class_centroid_neighbours(values, labels, "manhattan")
    with pytest.raises(DataError, match="7 labels"):
        class_centroid_neighbours(values, labels[:7])
    with pytest.raises(DataError, match="1 class has no neighbour"):
        class_centroid_neighbours(values, np.full(8, "dog"))
