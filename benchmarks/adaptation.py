"""How long an adaptation takes, and what each of its three shortcuts is worth on this machine.

    python benchmarks/adaptation.py [--recordings 320] [--segments 5] [--threads 2] [--repeats 5]

Every comparison runs its two sides in turn and keeps the fastest run of each, so that what else the machine does
falls on both. The shortcuts change no result: tests/transfer proves it.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from companion.models.weak_cnn import WeakCNN
from companion.transfer import METHODS, AdaptedNet, adapt, stack, trunk_outputs

BATCH = 32


def fastest(repeats: int, *sides: Callable[[], object]) -> list[float]:
    """Seconds of the fastest run of each side, run in turn after one run unmeasured."""
    seconds = np.empty((repeats + 1, len(sides)))
    for row in seconds:
        for i, side in enumerate(sides):
            start = time.perf_counter()
            side()
            row[i] = time.perf_counter() - start
    return seconds[1:].min(0).tolist()


def f1_step(network: AdaptedNet | WeakCNN, trunk: Tensor, mask: Tensor) -> Callable[[], None]:
    """F1 forward and backward."""

    def step() -> None:
        network.zero_grad()
        network.segment_representation(trunk, mask).sum().backward()

    return step


def adam(network: AdaptedNet, *, fused: bool) -> Callable[[], None]:
    """One step of Adam."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.grad = torch.ones_like(parameter)
    optimizer = torch.optim.Adam(learning, lr=1e-9, fused=fused)
    return lambda: optimizer.step()


def main() -> None:
    """Print one line for each comparison, then one for each method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("recordings", 320), ("segments", 5), ("threads", torch.get_num_threads()), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    network = WeakCNN(40).eval()
    rng = np.random.default_rng(0)
    n_frames = 64 * (options.segments + 1)
    clips = [rng.normal(-40, 15, (n_frames, 128)).astype(np.float32) for _ in range(BATCH)]
    trunks = trunk_outputs(network, clips)
    adapted = AdaptedNet(network, "III", 10).train()
    trunk, mask = stack(trunks)
    features = torch.from_numpy(np.stack(clips))

    def show(what: str, slow: float, fast: float) -> None:
        print(f"{what:58s} {1e3 * slow:9.1f} ms {1e3 * fast:9.1f} ms {slow / fast:7.1f} ×")

    print(f"{options.threads} threads, batches of {BATCH} recordings of {options.segments} segments\n")
    convolution, product = f1_step(adapted.network, trunk, mask), f1_step(adapted, trunk, mask)
    show("F1, a step: convolution, matrix product", *fastest(options.repeats, convolution, product))
    plain, fused = adam(adapted, fused=False), adam(adapted, fused=True)
    show("Adam, a step: plain, fused", *fastest(options.repeats, plain, fused))
    with torch.no_grad():
        whole, head = lambda: adapted(features), lambda: adapted.head(*stack(trunks))
        show("forward pass: from log-mels, from trunk outputs", *fastest(options.repeats, whole, head))

    many = [trunks[i % BATCH] for i in range(options.recordings)]
    targets = rng.integers(0, 10, options.recordings)
    print(f"\n50 epochs with {options.recordings} recordings, from the fastest of {options.repeats} epochs")
    runs = [lambda name=name: adapt(network, name, many, targets, 10, epochs=1) for name in METHODS]
    for name, seconds in zip(METHODS, fastest(options.repeats, *runs), strict=True):
        print(f"Method {name:51s} {50 * seconds:9.1f} s")


if __name__ == "__main__":
    main()
