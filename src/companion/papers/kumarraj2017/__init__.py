"""Kumar, Raj 2017: recordings of any length in one pass, and weak labels taken as weak."""

from companion.papers import Paper

PAPER = Paper(
    "KumarRaj2017",
    {
        "scan": "C304 C309",
        "urban": "C219-C303 C305-C308 X11-X12",
    },
)
