"""A weakly labelled source corpus made from ESC-50's forty classes outside ESC-10."""

from collections.abc import Mapping, Sequence

import numpy as np

from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_parts import HELD_OUT, PARTS, SOURCE_PARTS, cuts_by_part, deal_authors, outside_esc10
from companion.datasets.mixtures import Mixtures
from companion.errors import DataError
from companion.events import EventCut
from companion.mixtures import MixtureRule, draw_recipes

STEADY = (
    "airplane", "crackling_fire", "crickets", "engine", "helicopter", "insects", "rain", "sea_waves", "train",
    "vacuum_cleaner", "washing_machine", "wind",
)  # fmt: skip
"""Classes whose long-term spectrum alone may name them. Weakly labelled beds have none of them; beds of scenes have
nothing else, and there none of them is scored as an event."""


def source_mixtures(
    corpus: ESC50,
    cuts: Sequence[EventCut],
    *,
    sizes: Mapping[str, int],
    seed: int,
    rule: MixtureRule | None = None,
) -> Mixtures:
    """Draw the weakly labelled source corpus.

    No recording and no author is in two splits. Where test mixtures are asked for, authors are dealt as for scenes, so
    that what is learned from the training mixtures can be tried on scenes; otherwise every author is heard.

    Args:
        corpus: The whole of ESC-50.
        cuts: Its event table.
        sizes: Mixtures in each split.
        seed: Seed of the draw.
        rule: Distribution of the mixtures; None for the default.

    Returns:
        Mixtures: Events and beds of a split come from the clips of its authors alone.

    Raises:
        DataError: The mixtures would share a class or a recording with ESC-10, or the table names clips that are not
            in the corpus.
    """
    rule, rng = rule or MixtureRule(), np.random.default_rng(seed)
    allowed = outside_esc10(corpus, cuts)
    tested = sizes.get("test", 0) > 0
    # for scenes authors are dealt over all classes: ESC-10's recordings are heard there, too
    parts = cuts_by_part(allowed, deal_authors(cuts, PARTS) if tested else deal_authors(allowed, SOURCE_PARTS))
    splits = {name: parts.get(name, []) for name in SOURCE_PARTS if sizes.get(name)}
    splits |= {"test": [row for name in HELD_OUT for row in parts.get(name, [])]} if tested else {}
    recipes = [
        recipe
        for split, chosen in splits.items()
        for recipe in draw_recipes(chosen, split, sizes[split], rule, corpus.sample_rate, rng, not_in_beds=STEADY)
    ]
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
