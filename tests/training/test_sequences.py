"""Sequences of tokens as examples, and a network that learns one."""

import numpy as np
import pytest
import torch

from companion.errors import DataError, ParameterError
from companion.evaluation.token_errors import token_errors
from companion.losses.ctc import ctc_loss
from companion.models.ctc_blstm import BoundaryNetwork
from companion.training import Plateau, Schedule, fit, make_fabric
from companion.training.optimizers import nesterov
from companion.training.sequences import Sequences, decode, outputs_of


def numbered(*lengths):
    """Recordings whose frames name themselves: hundreds say which recording, units which frame."""
    return [np.arange(100 * i, 100 * i + n, dtype=np.float32)[:, None] for i, n in enumerate(lengths)]


@pytest.mark.parametrize(("frames", "lengths"), [(539, [500, 39]), (519, [500]), (520, [500, 20]), (7, [7])])
def test_pieces_have_five_hundred_frames_and_the_last_of_them_twenty(frames, lengths):
    assert Sequences(numbered(frames), [np.zeros((0, 2), np.int64)]).lengths == lengths


def test_recordings_are_cut_into_pieces_and_tokens_with_them():
    tokens = [np.array([[1, 3], [2, 10], [1, 19], [2, 24]]), np.array([[3, 2]]), np.zeros((0, 2), np.int64)]
    examples = Sequences(numbered(27, 4, 12), tokens, 10, shortest=5)
    assert examples.lengths == [10, 10, 7, 4, 10]  # 27 frames, a recording shorter than a last piece, and 12 less 2
    x, target = examples.batch(np.array([1, 0, 4]))
    assert x[:, 0, 0].tolist() == [10, 0, 200]
    assert x.shape == (3, 10, 1)
    assert target.tolist() == [[[2, 0], [1, 9]], [[1, 3], [0, 0]], [[0, 0], [0, 0]]]
    assert examples.batch(np.array([2]))[1].tolist() == [[[2, 4]]]
    assert target.dtype == torch.int64
    assert Sequences(numbered(27, 4, 12), tokens, None).lengths == [27, 4, 12]


def test_a_batch_without_any_token_can_be_learned_from():
    examples = Sequences(numbered(6, 6), [np.zeros((0, 2), np.int64)] * 2, None)
    x, target = examples.batch(np.array([0, 1]))
    level = torch.zeros(2, 6, 5).log_softmax(-1)
    assert float(ctc_loss(level, target, tolerance=3)) == pytest.approx(np.log(5))


def test_a_recording_that_cannot_say_its_tokens_is_named():
    crowded = np.array([[1, 11], [3, 11], [5, 11], [7, 11]])
    examples = Sequences(numbered(12, 12), [crowded[:2], crowded], None, names=["yard.wav", "street.wav"])
    examples.check(9, tolerance=3)
    with pytest.raises(DataError, match=r"street\.wav from frame 0 on cannot say its 4 tokens"):
        examples.check(9, tolerance=2)


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(DataError):
        Sequences(numbered(4), [])
    with pytest.raises(DataError):
        Sequences([], [])
    with pytest.raises(ParameterError):
        Sequences(numbered(4), [np.zeros((0, 2), np.int64)], 0)


def test_decoding_hears_whole_recordings_one_by_one():
    """A network that says the token that a frame holds."""

    class Echo(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.one_hot(x[..., 0].long(), 4).float()

    recordings = [np.array([[0], [2], [2], [0], [1]], np.float32), np.zeros((3, 1), np.float32)]
    said = decode(Echo(), recordings, make_fabric("cpu"))
    assert [tokens.tolist() for tokens in said] == [[[2, 1], [1, 4]], []]


def test_recordings_of_one_length_are_heard_together_and_nothing_else_is():
    """A network that says what it heard and how many frames and recordings it was given."""
    given = []

    class Echo(torch.nn.Module):
        def forward(self, x):
            given.append(tuple(x.shape[:2]))
            return x

    recordings = [np.full((length, 1), number, np.float32) for number, length in enumerate((5, 3, 5, 5, 3))]
    said = outputs_of(Echo(), recordings, make_fabric("cpu"), batch_size=2)
    assert [one.tolist() for one in said] == [one.tolist() for one in recordings]
    assert sorted(given) == [(1, 5), (2, 3), (2, 5)]


def test_boundaries_of_two_tones_are_learned(tmp_path):
    """Each class has a feature that is on during its events; the network has to learn which is which."""
    rng = np.random.default_rng(0)

    def recording():
        x, tokens = 0.1 * rng.standard_normal((60, 2)), []
        for number, start in enumerate(rng.permutation([5, 35])):
            length = int(rng.integers(8, 20))
            x[start : start + length, number] += 1.0
            tokens += [[2 * number + 1, int(start)], [2 * number + 2, int(start) + length]]
        return x.astype(np.float32), np.array(sorted(tokens, key=lambda token: token[1]))

    made = [recording() for _ in range(40)]
    features, tokens = [x for x, _ in made], [one for _, one in made]
    train, test = Sequences(features[:30], tokens[:30], None), slice(30, None)
    network = BoundaryNetwork(2, n_features=2, units=12, activation="tanh", generator=torch.Generator().manual_seed(0))
    fabric = make_fabric("cpu")

    def ter(model):
        return {"TER": token_errors(tokens[test], decode(model, features[test], fabric)).rate()}

    schedule = Schedule(25, 5, 1.0, rate=Plateau("TER", 0.8, 5, minimise=True), clip_value=0.1)
    loss = lambda input, target: ctc_loss(input, target, tolerance=5)  # noqa: E731
    state = fit(
        network, train, loss, ter, schedule, monitor="TER", minimise=True, seed=0,
        folder=tmp_path, fabric=fabric, optimizer=nesterov,
    )  # fmt: skip
    assert state.curve[0]["TER"] > 80  # nothing is said at first, or noise
    assert min(line["TER"] for line in state.curve) < 5
    said = decode(network, features[test], fabric)
    off = [a[:, 1] - b[:, 1] for a, b in zip(said, tokens[test], strict=True) if len(a) == len(b)]
    assert np.abs(np.concatenate(off)).max() <= 6
