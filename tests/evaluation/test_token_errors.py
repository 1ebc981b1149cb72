"""Token errors against a table of edit distances written out, and against all orders."""

from itertools import permutations, product

import jiwer
import numpy as np
import pytest

from companion.errors import DataError
from companion.evaluation.token_errors import errors_in_any_order, token_errors


def distance(true, said):
    """Edit distance, cell by cell."""
    table = np.zeros((len(true) + 1, len(said) + 1), dtype=int)
    table[:, 0], table[0] = range(len(true) + 1), range(len(said) + 1)
    for i, j in product(range(len(true)), range(len(said))):
        table[i + 1, j + 1] = min(table[i, j + 1] + 1, table[i + 1, j] + 1, table[i, j] + (true[i] != said[j]))
    return int(table[-1, -1])


def random_pairs(n, longest=8, n_tokens=4):
    rng = np.random.default_rng(3)
    return [[rng.integers(1, n_tokens, rng.integers(0, longest)) for _ in range(2)] for _ in range(n)]


def test_kinds_of_errors_by_hand():
    reference = [[1, 2, 3, 4], [1, 2], [], [1, 2, 3], [5]]
    estimated = [[1, 3, 4], [1, 9, 2, 8], [7], [1, 9, 3], [5]]
    found = token_errors(reference, estimated)
    assert found.substitutions.tolist() == [0, 0, 0, 1, 0]
    assert found.deletions.tolist() == [1, 0, 0, 0, 0]
    assert found.insertions.tolist() == [0, 2, 1, 0, 0]
    assert found.n_reference.tolist() == [4, 2, 0, 3, 1]
    assert found.rate() == pytest.approx(100 * 5 / 10)
    assert found.rate([0, 3, 0, 0, 1]) == pytest.approx(100 * 6 / 7)


def test_the_rate_may_exceed_a_hundred_and_says_where_it_is_undefined():
    assert token_errors([[1]], [[2, 3, 4]]).rate() == pytest.approx(300)
    silent = token_errors([[], [1]], [[2], [1]])
    assert silent.rate() == pytest.approx(100)
    with pytest.raises(DataError, match="undefined"):
        silent.rate([1, 0])
    with pytest.raises(DataError, match="undefined"):
        token_errors([[]], [[2]]).rate()
    with pytest.raises(DataError):
        token_errors([], [])
    with pytest.raises(DataError):
        token_errors([[1]], [])


def test_errors_are_the_edit_distance_and_tell_the_difference_in_length():
    pairs = random_pairs(200)
    found = token_errors([true for true, _ in pairs], [said for _, said in pairs])
    assert found.errors.tolist() == [distance(true, said) for true, said in pairs]
    assert (found.insertions - found.deletions).tolist() == [len(said) - len(true) for true, said in pairs]


def test_kinds_of_errors_are_those_that_speech_recognition_counts():
    pairs = [(true, said) for true, said in random_pairs(100) if len(true)]
    found = token_errors([true for true, _ in pairs], [said for _, said in pairs])
    kinds = zip(found.substitutions, found.deletions, found.insertions, strict=True)
    for (true, said), counted in zip(pairs, kinds, strict=True):
        other = jiwer.process_words(" ".join(map(str, true)), " ".join(map(str, said)))
        assert counted == (other.substitutions, other.deletions, other.insertions)


def test_exchanged_sides_exchange_deletions_and_insertions():
    pairs = random_pairs(100)
    there, back = (token_errors([p[a] for p in pairs], [p[1 - a] for p in pairs]) for a in (0, 1))
    assert there.errors.tolist() == back.errors.tolist()
    assert (there.deletions - there.insertions).tolist() == (back.insertions - back.deletions).tolist()


def test_frames_do_not_count():
    with_frames = token_errors([np.array([[1, 5], [2, 9]])], [np.array([[1, 80], [3, 81]])])
    assert (with_frames.substitutions.tolist(), with_frames.errors.tolist()) == ([1], [1])


def test_simultaneous_boundaries_may_be_said_in_any_order():
    """The order of frame 4 is exchanged, and so is that of frames 6 and 7, which is an error within 0 frames."""
    reference = [np.array([[1, 4], [2, 4], [3, 6], [4, 7]])]
    assert errors_in_any_order(reference, [[2, 1, 4, 3]]).tolist() == [2]
    assert errors_in_any_order(reference, [[2, 1, 4, 3]], within=1).tolist() == [0]
    assert token_errors(reference, [[2, 1, 4, 3]]).errors.tolist() == [3]


@pytest.mark.parametrize("within", [0, 1])
def test_the_least_of_all_orders_is_found(within):
    rng = np.random.default_rng(4)
    for _ in range(60):
        n = rng.integers(0, 6)
        reference = np.column_stack([rng.integers(1, 5, n), np.sort(rng.integers(0, 5, n))])
        said = rng.integers(1, 5, rng.integers(0, 7))
        groups, first = [], -9
        for token, frame in reference.tolist():
            if frame - first > within:
                groups.append([])
                first = frame
            groups[-1].append(token)
        orders = product(*(permutations(group) for group in groups))
        least = min(distance([token for group in order for token in group], said) for order in orders)
        assert errors_in_any_order([reference], [said], within).tolist() == [least]


def test_more_simultaneous_boundaries_than_can_be_tried_are_refused():
    with pytest.raises(DataError, match="13 simultaneous"):
        errors_in_any_order([np.column_stack([np.arange(13) + 1, np.zeros(13, int)])], [[1]])
