"""Clips with one label each, and what made-up networks take them for: nothing is heard, nothing is trained."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pandas as pd

from companion.papers.kumar2018.adaptation import COLUMNS, Target
from companion.papers.kumar2018.cells import OWN_OUTPUT, PLAIN, STANDARDISED, Cell, Cells, Key
from companion.results.rows import Rows

NETWORKS = ("N_S", "N_T^I", "N_T^II", "N_T^III")
KEY = ["item", "row", "column", "measure"]


def target(classes: Sequence[str], per_class: int = 8, folds: int = 4, groups: int = 2) -> Target:
    """Clips of their own recordings, dealt to folds of unequal size; classes in groups in turn."""
    labels = np.repeat(np.arange(len(classes)), per_class)
    fold = np.tile(np.arange(per_class) % (folds + 1) % folds, len(classes)) + 1
    recordings = np.array([f"r{number}" for number in range(len(labels))])
    clips = [
        SimpleNamespace(id=f"c{number}", recording=name, label=classes[label], fold=int(f), strong=())
        for number, (name, label, f) in enumerate(zip(recordings, labels, fold, strict=True))
    ]
    dataset = SimpleNamespace(
        name="made up", clips=clips, classes=tuple(classes), author_of={}, folds=tuple(range(1, folds + 1)),
        superclass_of={name: f"group {number % groups}" for number, name in enumerate(classes)},
    )  # fmt: skip
    return Target(dataset, (), labels, fold, recordings)  # type: ignore[arg-type]


def keys() -> list[Key]:
    """Every cell of a table of scenes or events, but the controls without a network."""
    found = []
    for trunk in ("source", "untrained"):
        for row in NETWORKS:
            named = [name for name in COLUMNS if row != "N_T^I" or name.startswith("F1")]
            found += [Key(trunk, row, name, probe) for name in named for probe in (PLAIN, STANDARDISED)]
            found += [Key(trunk, row, OWN_OUTPUT, "")] if row != "N_S" else []
    return found


def cells(known: Target, others: Sequence[Key] = (), n_seeds: int = 2, seed: int = 0) -> Cells:
    """Predictions of every cell, each right in a share of its own, for some seeds."""
    rng = np.random.default_rng(seed)
    made = Cells(known)
    for key in [*keys(), *others]:
        share = rng.uniform(0.4, 0.9)
        for _ in range(n_seeds):
            chance = rng.integers(0, known.n_classes, len(known.labels))
            right = rng.random(len(known.labels)) < share
            made.add([Cell(key, np.where(right, known.labels, chance), c=(1.0,) * len(np.unique(known.folds)))])
    return made


def exchanged(made: Cells, one: str, other: str) -> Cells:
    """The same predictions under exchanged names of rows, or of trunks."""
    turned = {one: other, other: one}
    found = Cells(made.target)
    for key, seeds in made.found.items():
        named = key._replace(**{name: turned.get(getattr(key, name), getattr(key, name)) for name in ("trunk", "row")})
        found.found[named] = seeds
    return found


def accuracy(made: Cells, key: Key, kept: np.ndarray | None = None) -> float:
    """Mean over seeds and folds of the share of clips that are right, in per cent, by plain means."""
    known = made.target
    chosen = np.ones(len(known.labels), dtype=bool) if kept is None else kept
    by_fold = [
        (cell.predictions == known.labels)[chosen & (known.folds == fold)].mean()
        for cell in made.found[key]
        for fold in np.unique(known.folds[chosen])
    ]
    return 100 * float(np.mean(by_fold))


def framed(rows: Rows) -> pd.DataFrame:
    """Rows by their words."""
    return rows.frame(data="x").set_index(KEY).sort_index()
