"""Parts that the chapters on transfer and on scenes have in common: source networks, and adaptations of them."""

from companion.experiment import Part, Task
from companion.papers.kumar2018 import tagging
from companion.papers.kumar2018.adaptation import load_target
from companion.papers.kumar2018.cells import keep_adapted, methods
from companion.papers.kumar2018.source import SHOWN

SOURCE = Part(
    lambda task, seed: tagging.network(task, SHOWN[0], seed),
    lambda s, seed: [{"seed": seed + i} for i in range(s.n_seeds)],
)
"""A source network a seed."""


def adapted(corpus: str, n_folds: int) -> Part:
    """An adaptation a seed, method and fold that it leaves out.

    Args:
        corpus: Name of the target among the inputs.
        n_folds: Its folds, which count from 1.
    """

    def make(task: Task, seed: int, method: str, fold: int) -> None:
        sources = tagging.source_networks(task)
        target = load_target(task.inputs[corpus], task.work.n_jobs)
        keep_adapted(task, sources[(seed - task.seed) % len(sources)], target, method, (fold,), seed)

    return Part(
        make,
        lambda s, seed: [
            {"seed": seed + i, "method": method, "fold": fold}
            for i in range(s.n_seeds)
            for method in methods(s, "source", i)
            for fold in range(1, n_folds + 1)
        ],
        after=("source",),
    )
