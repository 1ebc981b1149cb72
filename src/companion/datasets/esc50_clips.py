"""All clips of ESC-50, with training, validation and test recordings in place of its folds.

They are dealt as the polyphonic recordings are (:func:`companion.datasets.esc50_sequences.deal`): what learns from the
training clips has heard nobody who is heard in a validation or test recording made from the same corpus.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from companion.audio import Audio
from companion.datasets.base import Clip, Dataset, Validation
from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_sequences import deal
from companion.datasets.mixtures import Mixtures
from companion.errors import DataError
from companion.events import EventCut, author_of


class DealtClips(Dataset):
    """Clips of ESC-50 whose folds are 1 for training, 2 for validation and 3 for test.

    Args:
        corpus: The whole of ESC-50, or some of its clips.
        cuts: Its event table, which names authors.

    Raises:
        DataError: The table has no row for some clip.
    """

    def __init__(self, corpus: ESC50, cuts: Sequence[EventCut]) -> None:
        self.corpus = corpus
        self.name = f"{corpus.name}, dealt by author"
        self.sample_rate, self.classes, self.superclass_of = corpus.sample_rate, corpus.classes, corpus.superclass_of
        self.licence, self.citation, self.homepage = corpus.licence, corpus.citation, corpus.homepage
        by_clip, parts = {row.clip: row for row in cuts}, deal(cuts)
        absent = [clip.id for clip in corpus.clips if clip.id not in by_clip]
        if absent:
            raise DataError(
                f"the event table names no author for {len(absent)} clips, such as {absent[0]}",
                expected="a row or more for every clip",
                repair="make it again with `companion events esc50`",
            )
        self.clips = tuple(
            replace(clip, fold=Mixtures.SPLITS[parts[author_of(by_clip[clip.id])]]) for clip in corpus.clips
        )

    @property
    def author_of(self) -> Mapping[str, str]:
        """Freesound author of each recording."""
        return self.corpus.author_of

    def audio(self, clip: Clip) -> Audio:
        """Load one clip: mono, at 44.1 kHz, 5 s."""
        return self.corpus.audio(clip)

    def content(self) -> str:
        """Digest of every byte of the clips' files."""
        return self.corpus.content()

    def validate(self) -> Validation:
        """As for the whole corpus."""
        return self.corpus.validate()
