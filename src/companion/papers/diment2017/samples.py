"""How many examples of the target task it takes: Fig. 2 of Diment, Virtanen 2017.

Scheme (c) against training from scratch, from one example with the event and one without to as many as the source had.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from companion.experiment import Experiment, Findings, Part, Task
from companion.papers.diment2017 import transfer
from companion.papers.diment2017.learning import TargetSettings
from companion.papers.diment2017.scored import Scores, test_set
from companion.papers.diment2017.transfer import SCRATCH, TransferSettings, inputs, layers_of, said, source_rows
from companion.results.rows import Rows

CURVES = {"c": "parallel lower layers (c)", SCRATCH: "from scratch"}
"""The two curves of the figure, by scheme."""
ITEM, SMALLEST = "Fig2", 2


class SampleSettings(TransferSettings):
    """Settings of one profile. ``target`` is for sizes up to ``n_limited``, ``full`` for those above.

    Args:
        sizes: Numbers of training mixtures, half of them with the event.
    """

    sizes: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800)
    schemes: tuple[str, ...] = tuple(CURVES)

    def training(self, size: int) -> TargetSettings:
        """How the target task is learned from so many mixtures."""
        return self.target if size <= self.n_limited else self.full


def _profile(name: str, **changed: Any) -> SampleSettings:
    """The settings of Table 1's chapter, with what is changed."""
    given = {key: value for key, value in transfer.PROFILES[name] if key not in ("schemes", "also")}
    return SampleSettings(**{**given, **changed})


PROFILES: Mapping[str, SampleSettings] = {
    "demo": _profile("demo", sizes=(2, 8, 32, 120)),
    "esc50": _profile("esc50", sizes=(2, 8, 32, 600), n_seeds=3),
    "paper": _profile("paper", n_seeds=3),
}


def compute(task: Task) -> Findings:
    """Rows, and the table ``size_curve``: accuracy of both curves by size and seed."""
    settings: SampleSettings = task.settings
    sounds, rows = task.inputs["sounds"], Rows()
    tests, seeds = test_set(sounds, settings.target, "test", settings.rotations), task.seeds(settings.n_seeds)
    heard = {
        (scheme, size): [said(task, scheme, size, settings.training(size), seed)["test"] for seed in seeds]
        for size in settings.sizes
        for scheme in CURVES
    }
    able = float(tests.right(np.stack(heard[SCRATCH, max(settings.sizes)])).mean()) >= settings.bound
    c, scratch = curves = curve_names(bool(source_rows(rows, task, layers_of(settings))), able)
    lines, gains, scores = [], dict[int, np.ndarray](), Scores(tests, rows)
    for size in settings.sizes:
        for scheme, name in zip(CURVES, curves, strict=True):
            scores.add(name, heard[scheme, size])
            scores.accuracy(name, ITEM, name, f"{size} mixtures")
        right = {name: scores.right(name) for name in curves}
        gains[size] = right[c] - right[scratch]
        scores.difference(gains[size], "Paired", f"{c} - {scratch}", f"{size} mixtures")
        shares = {name: 100 * tests.mean(one).by_seed for name, one in right.items()}
        lines += [
            {"samples": size, "seed": seed, **{name: share[i] for name, share in shares.items()}}
            for i, seed in enumerate(seeds)
        ]
    if SMALLEST in gains and 32 in gains:
        column = f"gain at 32 - gain at {SMALLEST}"
        scores.difference(gains[32] - gains[SMALLEST], "Prose", f"{c} - {scratch}", column)
    data = transfer.words(task, settings.sizes)
    return Findings(rows, {"size_curve": pd.DataFrame(lines)}, data, tests.units.n_recordings, seeds)


def curve_names(source_learned: bool, target_learned: bool) -> tuple[str, str]:
    """Names of (c) and of training from scratch.

    A transfer of what was not learned has not the published name, and where the target was not learned from the most
    mixtures either, neither curve has.
    """
    if not target_learned:
        return f"{CURVES['c']}, target not learned", f"{CURVES[SCRATCH]}, target not learned"
    return CURVES["c"] if source_learned else f"{CURVES['c']}, source not learned", CURVES[SCRATCH]


def target_part(task: Task, scheme: str, n_mixtures: int, seed: int) -> None:
    """The networks of one scheme, size and seed, in every rotation."""
    said(task, scheme, n_mixtures, task.settings.training(n_mixtures), seed)


experiment = Experiment(
    __name__,
    PROFILES,
    compute,
    inputs,
    {
        "source": transfer.experiment.parts["source"],
        "target": Part(
            target_part,
            lambda s, seed: [
                {"scheme": scheme, "n_mixtures": size, "seed": seed + i}
                for scheme in CURVES
                for size in s.sizes
                for i in range(s.n_seeds)
            ],
            after=("source",),
        ),
    },
)
run, find = experiment.run, experiment.find
