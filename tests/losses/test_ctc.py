"""The sum over alignments is the sum over alignments, whichever way it is taken."""

from itertools import groupby, product

import numpy as np
import pytest
import torch
from torch.nn import functional

from companion.errors import DataError, ParameterError
from companion.losses.ctc import align, ctc_loss, sequence_nll

N_TOKENS = 4
CASES = [  # frames of the clip; tokens with their frames
    (1, []),
    (4, []),
    (1, [(2, 0)]),
    (5, [(1, 2)]),
    (5, [(1, 1), (2, 1)]),
    (6, [(3, 4), (1, 4), (2, 5)]),
    (6, [(2, 1), (2, 3)]),
    (6, [(1, 0), (1, 3), (1, 4)]),
    (6, [(1, 0), (2, 0), (1, 5)]),
]


def random(n_clips, n_frames, n_tokens=N_TOKENS, seed=0, dtype=torch.float64):
    """Log-probabilities that add up to one."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_clips, n_frames, n_tokens, generator=generator, dtype=dtype).mul(2).log_softmax(-1)


def padded(clips):
    """Targets of several clips in one table."""
    table = torch.zeros(len(clips), max(len(clip) for clip in clips), 2, dtype=torch.int64)
    for row, clip in zip(table, clips, strict=True):
        row[: len(clip)] = torch.tensor(clip, dtype=torch.int64).reshape(-1, 2)
    return table


def alignments(tokens, n_frames, tolerance):
    """Every alignment that reduces to the tokens, the frames of each token inside its window."""
    for path in product(range(N_TOKENS), repeat=n_frames):
        runs = [(token, [frame for frame, _ in run]) for token, run in groupby(enumerate(path), lambda pair: pair[1])]
        said = [(token, frames) for token, frames in runs if token != 0]
        if [token for token, _ in said] != [token for token, _ in tokens]:
            continue
        far = (abs(f - true) for (_, frames), (_, true) in zip(said, tokens, strict=True) for f in frames)
        if tolerance is None or all(distance <= tolerance for distance in far):
            yield path


@pytest.mark.parametrize("tolerance", [None, 0, 1, 2])
@pytest.mark.parametrize(("n_frames", "tokens"), CASES)
def test_it_is_the_sum_over_all_alignments(n_frames, tokens, tolerance):
    x = random(1, n_frames)
    paths = list(alignments(tokens, n_frames, tolerance))
    if not paths:
        with pytest.raises(DataError, match="cannot say"):
            sequence_nll(x, padded([tokens]), tolerance=tolerance)
        return
    frames = np.arange(n_frames)
    by_hand = -np.log(sum(np.exp(x[0].numpy()[frames, list(path)].sum()) for path in paths))
    assert float(sequence_nll(x, padded([tokens]), tolerance=tolerance)) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("tolerance", [None, 1])
def test_a_token_is_as_likely_in_a_frame_as_the_alignments_that_say_it_there(tolerance):
    n_frames, tokens = 6, [(3, 2), (1, 2), (3, 5)]
    x, target = random(1, n_frames), padded([tokens])
    by_hand = np.zeros((n_frames, N_TOKENS))
    for path in alignments(tokens, n_frames, tolerance):
        by_hand[np.arange(n_frames), list(path)] += np.exp(x[0].numpy()[np.arange(n_frames), list(path)].sum())
    by_hand /= by_hand[0].sum()
    found = align(x, target, torch.tensor([n_frames]), tolerance).occupancy(target[:, :, 0], n_frames, N_TOKENS)
    np.testing.assert_allclose(found[0, :, 1:], by_hand[:, 1:], atol=1e-12)


def batch(dtype=torch.float64):
    """Four clips of other lengths and numbers of tokens; equal tokens follow each other in some."""
    rng = np.random.default_rng(1)
    lengths = [60, 45, 17, 30]
    clips = [
        [(int(rng.integers(1, N_TOKENS)), int(frame)) for frame in np.sort(rng.choice(length, count, replace=False))]
        for length, count in zip(lengths, (12, 5, 0, 9), strict=True)
    ]
    return random(4, 60, dtype=dtype), padded(clips), torch.tensor(lengths)


def native(x, target, lengths):
    """PyTorch's loss of each clip."""
    counts = (target[:, :, 0] > 0).sum(1)
    return functional.ctc_loss(x.transpose(0, 1), target[:, :, 0], lengths, counts, reduction="none")


def test_without_a_hint_it_is_pytorchs_loss_with_its_gradient():
    logits = batch()[0].requires_grad_()
    _, target, lengths = batch()
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    ours, theirs = (loss(logits.log_softmax(-1), target, lengths) for loss in (sequence_nll, native))
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(weights @ value, logits)[0] for value in (ours, theirs)]
    torch.testing.assert_close(*gradients)
    assert not gradients[0][1, 45:].any()  # what follows a clip's end teaches nothing


def test_a_hint_as_wide_as_the_clip_is_none():
    x, target, lengths = batch()
    torch.testing.assert_close(sequence_nll(x, target, lengths, tolerance=60), sequence_nll(x, target, lengths))


def test_a_narrower_hint_leaves_less_likelihood():
    x, target, lengths = batch()
    nll = torch.stack([sequence_nll(x, target, lengths, tolerance=t) for t in (1, 2, 5, 10, 20)])
    assert bool((nll[:-1] >= nll[1:]).all())
    assert bool((nll[:-1, [0, 1, 3]] > nll[1:, [0, 1, 3]] + 1e-9).any(1).all())


@pytest.mark.parametrize("tolerance", [None, 3])
def test_the_gradient_is_that_of_finite_differences(tolerance):
    logits, target, lengths = random(2, 9).requires_grad_(), padded([[(1, 1), (3, 1), (1, 6)], [(2, 4)]]), [9, 7]

    def loss(values):
        return sequence_nll(values.log_softmax(-1), target, torch.tensor(lengths), tolerance=tolerance)

    assert torch.autograd.gradcheck(loss, (logits,))


@pytest.mark.parametrize("tolerance", [None, 4])
def test_clips_are_worth_the_same_alone_and_in_a_batch(tolerance):
    x, target, lengths = batch()
    alone = [
        sequence_nll(x[i : i + 1, :n], target[i : i + 1, : int((target[i, :, 0] > 0).sum())], tolerance=tolerance)
        for i, n in enumerate(lengths)
    ]
    torch.testing.assert_close(sequence_nll(x, target, lengths, tolerance=tolerance), torch.cat(alone))


def test_frames_beyond_the_end_and_what_pads_the_tokens_change_nothing():
    x, target, lengths = batch()
    noise = x.clone()
    for clip, n in zip(noise, lengths, strict=True):
        clip[n:] = float("nan")
    beside = functional.pad(target, (0, 0, 0, 3))
    beside[:, :, 1][beside[:, :, 0] == 0] = 7  # a frame without a token
    torch.testing.assert_close(
        sequence_nll(noise, beside, lengths, tolerance=5), sequence_nll(x, target, lengths, tolerance=5)
    )


def test_the_loss_is_per_frame():
    x, target, lengths = batch()
    total = sequence_nll(x, target, lengths).sum()
    assert float(ctc_loss(x, target, lengths)) == pytest.approx(float(total) / (60 + 45 + 17 + 30))
    full = padded([[(1, 3)]] * 4)
    assert float(ctc_loss(x, full)) == pytest.approx(float(sequence_nll(x, full).sum()) / 240)


def test_long_clips_keep_their_digits_in_32_bits_and_under_autocast():
    """Five clips of 500 frames, as in the paper; a sum of 500 logarithms in bfloat16 would be off by units."""
    tokens = torch.randint(1, N_TOKENS, (5, 30), generator=torch.Generator().manual_seed(2))
    target = torch.stack([tokens, torch.zeros_like(tokens)], 2)
    exact = random(5, 500)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = sequence_nll(exact.float(), target)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), native(exact, target, torch.full((5,), 500)), rtol=2e-6, atol=0)


def test_certainty_of_the_wrong_token_keeps_loss_and_gradient_finite():
    x = torch.full((1, 8, N_TOKENS), float("-inf"))
    x[:, :, 0] = 0.0
    x.requires_grad_()
    loss = ctc_loss(x, padded([[(2, 3)]]), tolerance=2)
    loss.backward()
    assert 1e3 < float(loss.detach()) < 1e6
    assert bool(torch.isfinite(x.grad).all())
    torch.testing.assert_close(x.grad.sum(), torch.tensor(-1.0))  # one token is said in every frame


def test_a_clip_without_any_alignment_is_named():
    x, target = random(2, 9), padded([[(1, 1)], [(1, 8), (2, 8), (3, 8)]])
    sequence_nll(x, target, tolerance=2)  # frames 6, 7 and 8
    with pytest.raises(DataError, match=r"clip kitchen\.wav cannot say its 3 tokens in 9 frames, each within 1 frames"):
        sequence_nll(x, target, tolerance=1, names=["street.wav", "kitchen.wav"])
    with pytest.raises(DataError, match="clip 0 cannot say its 2 tokens in 2 frames"):
        sequence_nll(x[:1], padded([[(1, 0), (1, 1)]]), torch.tensor([2]))  # equal ones need a blank between


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": padded([[(4, 0)], [(1, 0)]])},
        {"target": padded([[(-1, 0)], [(1, 0)]])},
        {"target": padded([[(0, 0), (1, 1)], [(1, 0)]])},
        {"target": padded([[(1, 0)]])},
        {"lengths": torch.tensor([0, 9])},
        {"lengths": torch.tensor([9, 10])},
        {"tolerance": -1},
    ],
)
def test_what_does_not_belong_together_is_refused(wrong):
    given = {"target": padded([[(1, 0)], [(1, 0)]]), "lengths": torch.tensor([9, 9]), "tolerance": 3, **wrong}
    with pytest.raises(ParameterError):
        sequence_nll(random(2, 9), given.pop("target"), given.pop("lengths"), **given)
