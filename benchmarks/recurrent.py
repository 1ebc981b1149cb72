"""How long the recurrent tagger takes forward and backward: fused layers against the loop over frames.

    python benchmarks/recurrent.py [--clips 36] [--frames 2584] [--threads 1] [--repeats 5] [--device cpu]

All run in turn, and the fastest run of each counts. On a CPU these are seconds of its cores, so that what else the
machine does falls on none. Ratios are to the fused layers, which have sigmoid gates and one dropout mask a clip;
published gates and masks need the loop. The last lines show what computing a frozen layer once saves of a training
step of schemes (b) and (c).
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from companion.losses import recording_bce
from companion.models.recurrent import RecurrentTagger
from companion.transfer.frozen import FromFrozen, frozen_outputs
from companion.transfer.schemes import target_tagger

FUSED = {"gates": "sigmoid", "masks": "clip"}
LOOPS = {
    "sigmoid gates, a mask a gate": {"gates": "sigmoid", "masks": "gate"},
    "hard sigmoid gates, a mask a clip": {"masks": "clip"},
    "hard sigmoid gates, a mask a gate (published)": {},
}


class Timed:
    """A network's step on a batch, with the seconds of its two halves."""

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        self.network, self.x = network.to(x.device).train(), x
        self.y = (torch.arange(len(x), device=x.device) % 2).float().unsqueeze(1)

    def __call__(self) -> tuple[float, float]:
        """Seconds of forward and backward."""
        self.network.zero_grad()
        start = self.now()
        loss = recording_bce(self.network(self.x).recording, self.y)
        between = self.now()
        loss.backward()
        return between - start, self.now() - between

    def now(self) -> float:
        """Seconds, once the device has done what it was given."""
        if not self.x.is_cuda:
            return time.process_time()
        torch.cuda.synchronize(self.x.device)
        return time.perf_counter()


def fastest(repeats: int, *sides: Callable[[], tuple[float, float]]) -> list[tuple[float, float]]:
    """Forward and backward of the fastest step of each side, run in turn after one step unmeasured."""
    rounds = [[side() for side in sides] for _ in range(repeats + 1)][1:]
    return [min(steps, key=sum) for steps in zip(*rounds, strict=True)]


def main() -> None:
    """Print one line for each way of computing the tagger, and for each scheme with something frozen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("clips", 36), ("frames", 2584), ("threads", 1), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    clips = list(np.random.default_rng(0).normal(size=(options.clips, options.frames, 20)).astype(np.float32))
    x = torch.from_numpy(np.stack(clips)).to(options.device)
    print(f"{options.clips} clips of {options.frames} frames, {options.device}, {options.threads} threads\n")

    def show(what: str, step: tuple[float, float], reference: tuple[float, float]) -> None:
        ratios = [mine / theirs for mine, theirs in zip(step, reference, strict=True)]
        print(f"{what:48s} {step[0]:7.2f} s {step[1]:7.2f} s {ratios[0]:7.2f} × {ratios[1]:7.2f} ×", flush=True)

    print(f"{'':48s} {'forward':>9s} {'backward':>9s} {'ratio to the first':>19s}")
    ways = {"fused: sigmoid gates, a mask a clip": FUSED, **LOOPS}
    steps = fastest(options.repeats, *(Timed(RecurrentTagger(**way), x) for way in ways.values()))
    for what, step in zip(ways, steps, strict=True):
        show(what, step, steps[0])
    for gates, way in (("sigmoid, fused", FUSED), ("published gates", {})):
        for scheme in ("b", "c"):
            target = target_tagger(RecurrentTagger(**way), scheme).to(options.device)
            outputs = torch.from_numpy(np.stack(frozen_outputs(target, clips))).to(options.device)
            whole, known = fastest(options.repeats, Timed(target, x), Timed(FromFrozen(target), outputs))
            print()
            show(f"scheme ({scheme}), {gates}: from features", whole, whole)
            show("  from frozen outputs", known, whole)


if __name__ == "__main__":
    main()
