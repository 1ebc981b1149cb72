"""A weakly labelled source corpus made from ESC-50's forty classes outside ESC-10."""

from collections.abc import Mapping, Sequence

import numpy as np

from companion.datasets.esc50 import ESC50, STRADDLING_RECORDINGS
from companion.datasets.mixtures import Mixtures
from companion.errors import DataError
from companion.events import EventCut
from companion.mixtures import MixtureRule, draw_recipes

Folds = Mapping[str, tuple[int, ...]]

TARGET_FOLDS: Folds = {"train": (1, 2, 3, 4), "validation": (5,)}
"""Official folds behind each split, where the target is another set of classes of all five folds."""

TEST_FOLDS: Folds = {"train": (1, 2), "validation": (3,), "test": (4, 5)}
"""Official folds behind each split, where folds 4 and 5 are kept for test mixtures and for scenes."""


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
    sizes: Mapping[str, int],
    folds: Folds = TARGET_FOLDS,
    seed: int,
    rule: MixtureRule | None = None,
) -> Mixtures:
    """Draw the weakly labelled source corpus.

    Args:
        corpus: The whole of ESC-50.
        cuts: Its event table.
        sizes: Mixtures in each split.
        folds: Official folds that each split is made from.
        seed: Seed of the draw.
        rule: Distribution of the mixtures; None for the default.

    Returns:
        Mixtures: Events and beds of a split come from the clips of its folds alone.

    Raises:
        DataError: The mixtures would share a class or a recording with ESC-10, or the table names clips that are not
            in the corpus.
    """
    rule = rule or MixtureRule()
    allowed = source_cuts(corpus, cuts)
    rng = np.random.default_rng(seed)
    recipes = []
    for split, official in folds.items():
        chosen = [row for row in allowed if row.fold in official]
        recipes += draw_recipes(chosen, split, sizes.get(split, 0), rule, corpus.sample_rate, rng)
    source = Mixtures(recipes, corpus, sorted({row.label for row in allowed}))
    _refuse_target(source, ESC50(corpus.folder, esc10_only=True))
    return source


def _refuse_target(source: Mixtures, target: ESC50) -> None:
    """Raise DataError if an event or a bed is of a class or a recording of the target, as the corpus names them."""
    clips = {clip.id: clip for clip in source.corpus.clips}
    names = {name for recipe in source.recipes.values() for name in recipe.clips}
    heard = [clips[name] for name in names & clips.keys()]
    labels, recordings = {str(clip.label) for clip in heard}, {clip.recording for clip in heard}
    unwanted = names - clips.keys()
    unwanted |= (labels | set(source.classes)) & set(target.classes)
    unwanted |= recordings & {clip.recording for clip in target.clips}
    if unwanted or not target.clips:
        raise DataError(
            f"the source mixtures would hold sounds of ESC-10, or of no known clip: {', '.join(sorted(unwanted)[:5])}",
            expected="no class, no recording and no bed in common with ESC-10, which has clips",
            repair="make the event table again with `companion events esc50`",
        )
