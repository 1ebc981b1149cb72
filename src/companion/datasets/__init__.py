"""Corpora behind one interface. ``DATASETS`` names them; a corpus is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from companion.datasets.base import Dataset

_PLACES = {
    "esc50": ("companion.datasets.esc50", "ESC50"),
    "audioset": ("companion.datasets.audioset", "AudioSet"),
    "tut_scenes_2016": ("companion.datasets.dcase2016", "TUTScenes2016"),
    "urbansound": ("companion.datasets.urbansound", "UrbanSound"),
    "tut_rare_events_2017": ("companion.datasets.rare_events_2017", "TUTRareEvents2017"),
}


class _Lazy(Mapping[str, "type[Dataset]"]):
    """Dataset classes by name: listing the names imports nothing."""

    def __getitem__(self, name: str) -> type[Dataset]:
        module, attribute = _PLACES[name]
        found: type[Dataset] = getattr(import_module(module), attribute)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


DATASETS: Mapping[str, type[Dataset]] = _Lazy()
"""Corpora that can be fetched and validated, by the name that ``companion fetch`` takes."""
