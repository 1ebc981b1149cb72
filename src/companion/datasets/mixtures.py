"""Mixtures as a corpus: recipes, the clips they are mixed from, and the labels that follow."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from companion.audio import Audio, Samples, save
from companion.datasets.base import Clip, Dataset, Event, Validation
from companion.errors import DataError
from companion.mixtures import Recipe, render
from companion.mixtures.files import write_recipes


class Mixtures(Dataset):
    """A corpus of mixtures with weak and strong labels from one draw.

    Args:
        recipes: The mixtures; folds are 1 for training, 2 for validation and 3 for test.
        corpus: Where the source clips come from.
        classes: Event classes in label order.
    """

    SPLITS: Mapping[str, int] = {"train": 1, "validation": 2, "test": 3}

    def __init__(self, recipes: Sequence[Recipe], corpus: Dataset, classes: Sequence[str]) -> None:
        self.name = f"mixtures of {corpus.name}"
        self.sample_rate = corpus.sample_rate
        self.classes = tuple(classes)
        self.superclass_of = {label: corpus.superclass_of[label] for label in classes}
        self.licence, self.citation, self.homepage = corpus.licence, corpus.citation, corpus.homepage
        self.recipes = {recipe.id: recipe for recipe in recipes}
        self.corpus = corpus
        self._sources = {clip.id: clip for clip in corpus.clips}
        self.clips = tuple(self._clip(recipe) for recipe in recipes)

    def _clip(self, recipe: Recipe) -> Clip:
        strong = self._strong(recipe)
        return Clip(
            id=recipe.id,
            recording="+".join(sorted(recipe.recordings)),
            fold=self.SPLITS[recipe.split],
            duration=recipe.n_samples / self.sample_rate,
            weak=tuple(sorted({event.label for event in strong})),
            strong=strong,
        )

    def _strong(self, recipe: Recipe) -> tuple[Event, ...]:
        """Events with their times in seconds, by onset."""
        placed = ((p.onset, p.onset + p.event.n_samples, p.event.label) for p in recipe.placements)
        return tuple(sorted(Event(a / self.sample_rate, b / self.sample_rate, label) for a, b, label in placed))

    def audio(self, clip: Clip) -> Audio:
        """Render one mixture."""
        return Audio(render(self.recipes[clip.id], self._samples, self.sample_rate), self.sample_rate)

    def _samples(self, clip_id: str) -> Samples:
        return self.corpus.audio(self._source(clip_id)).samples

    def _source(self, clip_id: str) -> Clip:
        """A clip of the corpus that is mixed.

        Raises:
            DataError: It has none of this name.
        """
        if clip_id not in self._sources:
            raise DataError(
                f"a recipe names {clip_id}, which is not in {self.corpus.name}",
                expected=f"one of its {len(self._sources)} clips",
                repair="read the recipes with the corpus that they were drawn for",
            )
        return self._sources[clip_id]

    def export(self, folder: Path) -> None:
        """Write every mixture as a wav file of 24 bits, and the recipes that they can be made again from.

        Each file is whole or not there; ``recipes.json`` comes last.

        Raises:
            StoreError: The folder cannot be written or the disk is full.
        """
        for clip in self.clips:
            save(folder / f"{clip.id}.wav", self.audio(clip), bits=24)
        write_recipes(folder / "recipes.json", list(self.recipes.values()), self.sample_rate)

    @property
    def author_of(self) -> Mapping[str, str]:
        """Authors of the corpus that is mixed."""
        return self.corpus.author_of

    def content(self) -> str:
        """The recipes, and the fingerprint of the corpus they mix."""
        return f"{self.corpus.fingerprint()} {sorted(self.recipes.items())!r}"

    def validate(self) -> Validation:
        """Check the source corpus."""
        return self.corpus.validate()
