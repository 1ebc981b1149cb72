"""A weakly labelled source corpus made from ESC-50's forty classes outside ESC-10."""

from collections.abc import Sequence

import numpy as np

from companion.datasets.esc50 import ESC50, STRADDLING_RECORDINGS
from companion.events import EventCut
from companion.mixtures import MixtureRule, Mixtures, draw_recipes

VALIDATION_FOLD = 5
"""Clips of this official fold make the validation mixtures; the other four make the training mixtures."""


def source_cuts(corpus: ESC50, cuts: Sequence[EventCut]) -> list[EventCut]:
    """Event cuts that may be heard in the source: no ESC-10 class, no recording that ESC-10 also holds.

    Args:
        corpus: The whole of ESC-50.
        cuts: Its event table.
    """
    target = ESC50(corpus.folder, esc10_only=True)
    heard = {clip.recording for clip in target.clips} | set(STRADDLING_RECORDINGS)
    return [row for row in cuts if row.label not in target.classes and row.recording not in heard]


def source_mixtures(
    corpus: ESC50,
    cuts: Sequence[EventCut],
    *,
    n_train: int,
    n_validation: int,
    seed: int,
    rule: MixtureRule | None = None,
) -> Mixtures:
    """Draw the weakly labelled source corpus.

    Args:
        corpus: The whole of ESC-50.
        cuts: Its event table.
        n_train: Training mixtures, from official folds 1 to 4.
        n_validation: Validation mixtures, from official fold 5.
        seed: Seed of the draw.
        rule: Distribution of the mixtures; None for the default.

    Returns:
        Mixtures: Events and beds of a split come from the clips of that split alone.
    """
    rule = rule or MixtureRule()
    allowed = source_cuts(corpus, cuts)
    rng = np.random.default_rng(seed)
    train = [row for row in allowed if row.fold != VALIDATION_FOLD]
    validation = [row for row in allowed if row.fold == VALIDATION_FOLD]
    recipes = draw_recipes(train, "train", n_train, rule, corpus.sample_rate, rng)
    recipes += draw_recipes(validation, "validation", n_validation, rule, corpus.sample_rate, rng)
    return Mixtures(recipes, corpus, sorted({row.label for row in allowed}))
