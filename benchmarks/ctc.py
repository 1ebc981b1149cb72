"""The loss with a hint beside PyTorch's loss without one, forward and backward.

    OMP_NUM_THREADS=1 python benchmarks/ctc.py [--frames 500] [--batch 5] [--device cpu]

Seventeen classes, so 35 tokens. Times are the shortest of several rounds in which every loss is taken once; on the CPU
they are the processor's. A ratio below 1 is in favour of this project's loss. The losses without a hint are compared,
too: they are the same number.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from companion.losses.ctc import ctc_loss

N_TOKENS = 35
TOLERANCES = (10, 50, None)


def native(x: Tensor, target: Tensor) -> Tensor:
    """PyTorch's, per frame."""
    B, T, V = x.shape
    counts = (target[:, :, 0] > 0).sum(1)
    lengths = torch.full((B,), T, device=x.device)
    total = functional.ctc_loss(x.transpose(0, 1), target[:, :, 0], lengths, counts, reduction="sum")
    return total / (B * T)


def seconds(loss: Callable[[], Tensor], x: Tensor) -> float:
    """Time of one forward and backward pass."""
    clock = time.perf_counter if x.is_cuda else time.process_time
    if x.is_cuda:
        torch.cuda.synchronize()
    start = clock()
    torch.autograd.grad(loss(), x)
    if x.is_cuda:
        torch.cuda.synchronize()
    return clock() - start


def batch(n_clips: int, n_frames: int, n_tokens: int, device: str) -> tuple[Tensor, Tensor]:
    """Random log-probabilities, and random tokens at random frames."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n_clips, n_frames, N_TOKENS, generator=generator).log_softmax(-1)
    tokens = torch.randint(1, N_TOKENS, (n_clips, n_tokens), generator=generator)
    frames = torch.randint(n_frames, (n_clips, n_tokens), generator=generator).sort(1).values
    return x.to(device).requires_grad_(), torch.stack([tokens, frames], 2).to(device)


def main() -> None:
    """Print a line for each number of tokens and tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(f"{options.batch} clips of {options.frames} frames, {N_TOKENS} tokens in the vocabulary, {options.device}")
    print("tokens said   tolerance    ours ms   PyTorch's ms   ratio")
    for n_tokens in (10, 30, 80):
        x, target = batch(options.batch, options.frames, n_tokens, options.device)
        torch.testing.assert_close(ctc_loss(x, target), native(x, target), rtol=1e-4, atol=1e-5)
        sides: dict[str, Callable[[], Tensor]] = {"PyTorch": lambda x=x, target=target: native(x, target)}
        for tolerance in TOLERANCES:
            sides[str(tolerance)] = lambda x=x, target=target, t=tolerance: ctc_loss(x, target, tolerance=t)
        times = [{name: seconds(side, x) for name, side in sides.items()} for _ in range(options.rounds)]
        found = {name: min(turn[name] for turn in times) for name in sides}
        for tolerance in TOLERANCES:
            ours, theirs = 1e3 * found[str(tolerance)], 1e3 * found["PyTorch"]
            print(f"{n_tokens:11d} {tolerance!s:>11} {ours:10.2f} {theirs:14.2f} {ours / theirs:7.2f}")


if __name__ == "__main__":
    main()
