"""Connectionist temporal classification: the probability of a sequence of tokens, whatever its alignment.

A frame says one token of the vocabulary or nothing (the blank, 0). An alignment reduces to a sequence when repeated
tokens are collapsed and blanks removed; two equal tokens in a row need a blank between them. A hint narrows the
alignments: each token may be said only within some frames of where it is known to be.

The sum over alignments goes from token to token and not from frame to frame. While a token lasts, its state is a
linear recurrence in time, which a cumulative sum solves in one step for all frames of its window. So the work is a
loop over tokens, and with a hint each turn looks at the frames of one window, however long the clip is.

Source: Graves, Fernández, Gomez, Schmidhuber 2006, "Connectionist temporal classification"; Wang, Metze 2017, section
2.1, and section 3.2 for the hint (10 frames) and the loss per frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from companion.errors import DataError, ParameterError

BLANK = 0
FLOOR = -1e5
"""A log-probability below this counts as this: certainty of the wrong token keeps loss and gradient finite."""
NEVER = float("-inf")


def ctc_loss(input: Tensor, target: Tensor, lengths: Tensor | None = None, *, tolerance: int | None = None) -> Tensor:
    """Negative log-likelihood of the token sequences of a batch, nats per frame.

    Args, raises: as for `sequence_nll`.

    Returns:
        The sum over clips, divided by the sum of their frames. Shape: ``()``.
    """
    frames = input.shape[0] * input.shape[1] if lengths is None else lengths.sum()
    return sequence_nll(input, target, lengths, tolerance=tolerance).sum() / frames


def sequence_nll(
    input: Tensor,
    target: Tensor,
    lengths: Tensor | None = None,
    *,
    tolerance: int | None = None,
    names: Sequence[str] | None = None,
) -> Tensor:
    """Negative log-likelihood of the token sequence of each clip, in nats.

    Whatever the precision of the input, sums over alignments are taken in log space and 64 bits.

    Args:
        input: Log-probabilities of each frame, which add up to one. Shape: ``(B, T, V)``.
        target: Token and its true frame, in the order in which tokens are to be said, then rows of zeros. The frame
            matters with a hint only. Shape: ``(B, L, 2)``, integers.
        lengths: Frames of each clip where the batch is padded; None when all fill it. Shape: ``(B,)``.
        tolerance: A token may be said at most so many frames from its true one; None for anywhere.
        names: Clips as an error names them; None for their numbers in the batch.

    Returns:
        Shape: ``(B,)``, 32 bits or those of the input, if it has more.

    Raises:
        DataError: A clip has no alignment: it is shorter than its tokens, or its hint leaves them too few frames.
        ParameterError: The shapes do not belong together, a token is not in the vocabulary, or the tolerance is
            negative.
    """
    with torch.autocast(input.device.type, enabled=False):
        wide = input if input.dtype == torch.float64 else input.float()
        lengths = torch.full(input.shape[:1], input.shape[1], device=input.device) if lengths is None else lengths
        _check(wide, target, lengths, tolerance)
        nll: Tensor = _SequenceNll.apply(wide, target, lengths, tolerance)
    impossible = torch.isinf(nll).nonzero().flatten().tolist()
    if impossible:
        clip = impossible[0] if names is None else names[impossible[0]]
        count, within = int((target[impossible[0], :, 0] != BLANK).sum()), int(lengths[impossible[0]])
        hint = "" if tolerance is None else f", each within {tolerance} frames of its own"
        raise DataError(
            f"clip {clip} cannot say its {count} tokens in {within} frames{hint}",
            expected="a frame for every token, and one between two that are equal",
            repair="allow a wider tolerance, or leave the clip out",
        )
    return nll


@dataclass(frozen=True)
class Alignment:
    """Where the tokens of a batch are likely to be said.

    Args:
        log_likelihood: Of each clip's sequence, nats; minus infinity without any alignment. Shape: ``(B,)``.
        frames: Frames of each token's window. Shape: ``(B, L, W)``.
        said: Probability that the token is being said in the frame, given that the sequence is. Shape: ``(B, L, W)``.
    """

    log_likelihood: Tensor
    frames: Tensor
    said: Tensor

    def occupancy(self, tokens: Tensor, n_frames: int, n_tokens: int) -> Tensor:
        """Probability of every token of the vocabulary in every frame. Shape: ``(B, L)`` to ``(B, T, V)``."""
        B, L, W = self.frames.shape
        cell = self.frames.clamp(0, n_frames - 1) * n_tokens + tokens.unsqueeze(2)
        flat = self.said.new_zeros(B, n_frames * n_tokens)
        return flat.scatter_add_(1, cell.flatten(1), self.said.flatten(1)).view(B, n_frames, n_tokens)


def align(log_probs: Tensor, target: Tensor, lengths: Tensor, tolerance: int | None = None) -> Alignment:
    """Sum over all alignments from both ends. Args: as for `sequence_nll`."""
    onward = _windows(log_probs.double().clamp_min(FLOOR), target, lengths, tolerance)
    # the sums from the end are those from the beginning of the clip read backwards: one loop does both
    states, total = _accumulate(onward.beside(onward.backwards()))
    B = len(log_probs)
    both = states[:B] + onward.turned(states[B:]) - onward.emitted
    said = torch.where(onward.valid, torch.exp(both - total[:B, None, None]), 0.0)
    return Alignment(total[:B], onward.frames, said)


@dataclass(frozen=True)
class _Windows:
    """What the sum over alignments needs, cut to the frames in which each token may be said."""

    tokens: Tensor  # (B, L)
    frames: Tensor  # (B, L, W)
    valid: Tensor  # (B, L, W): inside the clip, and the token is one
    emitted: Tensor  # (B, L, W): log-probability of the token
    blanks: Tensor  # (B, T): log-probability of the blank
    lengths: Tensor  # (B,)
    counts: Tensor  # (B,)

    def turned(self, values: Tensor) -> Tensor:
        """Values of all windows in the other order of tokens and of frames. Shape: ``(B, L, W)``, twice."""
        return values.flip(2).gather(1, self._order[:, :, None].expand_as(values))

    def backwards(self) -> "_Windows":
        """The same clips from their last frame to their first."""
        times = torch.arange(self.blanks.shape[1], device=self.blanks.device)
        back = self.lengths[:, None] - 1 - times
        return _Windows(
            self.tokens.gather(1, self._order),
            self.lengths[:, None, None] - 1 - self.turned(self.frames),
            self.turned(self.valid),
            self.turned(self.emitted),
            self.blanks.gather(1, torch.where(back < 0, times, back)),
            self.lengths,
            self.counts,
        )

    def beside(self, other: "_Windows") -> "_Windows":
        """Two batches in one."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return _Windows(*(torch.cat(pair) for pair in pairs))

    @property
    def _order(self) -> Tensor:
        """Numbers of the tokens from last to first, what pads them left where it is."""
        numbers = torch.arange(self.tokens.shape[1], device=self.tokens.device)
        back = self.counts[:, None] - 1 - numbers
        return torch.where(back < 0, numbers, back)


def _windows(log_probs: Tensor, target: Tensor, lengths: Tensor, tolerance: int | None) -> _Windows:
    B, T, V = log_probs.shape
    tokens, true = target.long().unbind(2)
    width = T if tolerance is None else 2 * tolerance + 1
    first = torch.zeros_like(true) if tolerance is None else true - tolerance
    frames = first.unsqueeze(2) + torch.arange(width, device=tokens.device)
    valid = (frames >= 0) & (frames < lengths[:, None, None]) & (tokens != BLANK).unsqueeze(2)
    cells = frames.clamp(0, T - 1) * V + tokens.unsqueeze(2)
    emitted = log_probs.flatten(1).gather(1, cells.flatten(1)).view_as(frames)
    counts = (tokens != BLANK).sum(1)
    return _Windows(tokens, frames, valid, emitted.where(valid, 0.0), log_probs[:, :, BLANK], lengths, counts)


def _accumulate(given: _Windows) -> tuple[Tensor, Tensor]:
    """Sums over the alignments of all beginnings that end with a token, and over all alignments of the whole.

    Returns:
        Log-sums over alignments up to a frame in which the token is being said, shape ``(B, L, W)``, and of the
        whole, shape ``(B,)``.
    """
    B, L, W = given.frames.shape
    # blanks[:, t]: log-probability of nothing but blanks before frame t
    blanks = torch.nn.functional.pad(given.blanks.cumsum(1), (1, 0))
    flat = given.frames.flatten(1)
    before = blanks.gather(1, flat.clamp(0, blanks.shape[1] - 1)).view_as(given.frames)
    after = blanks.gather(1, (flat + 1).clamp(0, blanks.shape[1] - 1)).view_as(given.frames)
    held = given.emitted.cumsum(2)  # log-probability of the token from its window's first frame on
    until = held - given.emitted
    # where the frame before lies in the window of the token before, and the one before that, counted from 1
    back = given.frames[:, 1:] - given.frames[:, :-1, :1]
    at_last, at_ended = back.clamp(0, W + 1), (back - 1).clamp(0, W)
    skipped = torch.where(given.tokens[:, 1:] == given.tokens[:, :-1], NEVER, 0.0).to(held.dtype)
    never = held.new_full((B, 1), NEVER)
    states, ended = list[Tensor](), list[Tensor]()
    for number in range(L):
        entered = before[:, 0]
        if number > 0:
            through = before[:, number] + torch.cat([never, ended[-1]], 1).gather(1, at_ended[:, number - 1])
            direct = torch.cat([never, states[-1], never], 1).gather(1, at_last[:, number - 1])
            entered = torch.logaddexp(through, direct + skipped[:, number - 1, None])
        valid = given.valid[:, number]
        started = torch.where(valid, entered - until[:, number], NEVER)
        states.append(torch.where(valid, held[:, number] + started.logcumsumexp(1), NEVER))
        # sums over the frame in which the token ended, without the blanks that follow: they are all the same
        ended.append((states[-1] - after[:, number]).logcumsumexp(1))
    whole = blanks.gather(1, given.lengths[:, None])
    if L == 0:
        return given.emitted, whole[:, 0]
    state, at = torch.stack(states, 1), (given.counts - 1).clamp_min(0)[:, None, None]
    place = given.lengths[:, None] - _at(given.frames, at)[:, :1]  # of the clip's last frame, counted from 1
    saying = torch.cat([never, _at(state, at), never], 1).gather(1, place.clamp(0, W + 1))
    silent = whole + torch.cat([never, _at(torch.stack(ended, 1), at)], 1).gather(1, (place - 1).clamp(0, W))
    total = torch.where(given.counts[:, None] == 0, whole, torch.logaddexp(saying, silent))
    return state, total[:, 0]


def _at(values: Tensor, number: Tensor) -> Tensor:
    """The window of one token of each clip. Shape: ``(B, L, W)`` and ``(B, 1, 1)`` to ``(B, W)``."""
    return values.gather(1, number.expand(-1, 1, values.shape[2]))[:, 0]


class _SequenceNll(torch.autograd.Function):
    """The derivative by a log-probability is minus the probability that its token is said in its frame."""

    @staticmethod
    def forward(ctx: Any, log_probs: Tensor, target: Tensor, lengths: Tensor, tolerance: int | None) -> Tensor:
        found = align(log_probs, target, lengths, tolerance)
        if ctx.needs_input_grad[0]:
            B, T, V = log_probs.shape
            said = found.occupancy(target[:, :, 0].long(), T, V)
            inside = torch.arange(T, device=lengths.device) < lengths[:, None]
            said[:, :, BLANK] = torch.where(inside, 1.0 - said.sum(2), 0.0)  # every frame says something or nothing
            ctx.save_for_backward(said.to(log_probs.dtype))
        return -found.log_likelihood.to(log_probs.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (said,) = ctx.saved_tensors
        return -said * gradient[:, None, None], None, None, None


def _check(log_probs: Tensor, target: Tensor, lengths: Tensor, tolerance: int | None) -> None:
    """Raise ParameterError unless all belongs together."""
    B, T, V = log_probs.shape
    if target.ndim != 3 or target.shape[0] != B or target.shape[2] != 2 or lengths.shape != (B,):
        raise ParameterError(
            f"log-probabilities {tuple(log_probs.shape)}, tokens {tuple(target.shape)}, lengths {tuple(lengths.shape)}",
            expected="(B, T, V), (B, L, 2) and (B,)",
        )
    if tolerance is not None and tolerance < 0:
        raise ParameterError(f"a tolerance of {tolerance} frames", expected="0 or more, or None")
    tokens = target[:, :, 0]
    padded_first = (tokens[:, :-1] == BLANK) & (tokens[:, 1:] != BLANK)
    if bool(((tokens < 0) | (tokens >= V)).any() | padded_first.any() | ((lengths < 1) | (lengths > T)).any()):
        raise ParameterError(
            f"tokens {int(tokens.min()) if tokens.numel() else 0} to {int(tokens.max()) if tokens.numel() else 0}, "
            f"lengths {lengths.tolist()}",
            expected=f"tokens from 1 to {V - 1}, blanks (0) only after the last, and 1 to {T} frames",
        )
