"""Wang and Metze 2017: SoundNet and its variants as feature extractors, and event detection with CTC."""

from companion.papers import Paper

PAPER = Paper(
    "Wang2017",
    {
        "soundnet": "C164-C166",
    },
)
