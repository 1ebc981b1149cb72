"""Diment, Virtanen 2017: recurrent taggers that learn one rare event from another."""

from companion.papers import Paper

PAPER = Paper(
    "Diment2017",
    {
        "schemes": "C156 C163",
        "source": "",
        "transfer": "C151-C155 C158-C162 X09",
        "samples": "C157 X10",
    },
)
