"""Mixtures: a recipe is data, its audio a pure function of the recipe and the source clips.

Events are placed at onsets and event-to-background ratios over a bed. A bed is either phase-randomised noise with the
long-term spectrum of clips of the same split, which sounds like a place and repeats no event, or recordings heard as
they are.
"""

from companion.mixtures.draw import Grouped, MixtureRule, capped, draw_cut, draw_recipes, grouped
from companion.mixtures.recipe import Background, PhaseRandomised, Placement, Recipe, Stretch
from companion.mixtures.render import PEAK, long_term_power, phase_randomised_bed, render

__all__ = [
    "PEAK", "Background", "Grouped", "MixtureRule", "PhaseRandomised", "Placement", "Recipe", "Stretch", "capped",
    "draw_cut", "draw_recipes", "grouped", "long_term_power", "phase_randomised_bed", "render",
]  # fmt: skip
