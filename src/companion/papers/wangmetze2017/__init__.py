"""Wang and Metze 2017: SoundNet and its variants as feature extractors, and event detection with CTC."""

from companion.papers import Paper

PAPER = Paper(
    "Wang2017",
    {
        "soundnet": "C164-C166",
        "students": "C167-C171 C212 C218 X07",
        "ctc": "C172-C211 C213-C217 X08",
    },
)
