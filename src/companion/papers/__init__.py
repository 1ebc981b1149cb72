"""One room a paper: everything that is true of one paper only. Rooms import none of each other.

A room's ``__init__`` says which of its chapters answers which published row. A chapter is a module with an
``experiment``; its page in the book, and its runs, have the module's name.
"""

import pkgutil
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from companion import code
from companion.errors import ParameterError


@dataclass(frozen=True)
class Paper:
    """A paper and its chapters.

    Args:
        key: The paper in ``data/published``, such as ``Kumar2018``.
        chapters: For every chapter, in reading order, the published ids that it answers, such as ``C001-C004 C132``.
    """

    key: str
    chapters: Mapping[str, str]

    def ids(self, chapter: str) -> list[str]:
        """Published ids that a chapter answers."""
        return expand(self.chapters[chapter])


def rooms() -> dict[str, Paper]:
    """Every room's paper by the room's name."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if module.ispkg]
    return {name: import_module(f"{__name__}.{name}").PAPER for name in names}


def chapters() -> list[str]:
    """Every chapter as ``ROOM/CHAPTER``."""
    return [f"{room}/{chapter}" for room, paper in rooms().items() for chapter in paper.chapters]


def pages() -> dict[str, str]:
    """The chapter that answers each published id."""
    found: dict[str, str] = {}
    for room, paper in rooms().items():
        for chapter in paper.chapters:
            for name in paper.ids(chapter):
                if name in found:
                    raise ValueError(f"{name} is answered by both {found[name]} and {room}/{chapter}")
                found[name] = f"{room}/{chapter}"
    return found


def expand(ids: str) -> list[str]:
    """Published ids of a list with ranges.

    >>> expand("C009-C011 X02")
    ['C009', 'C010', 'C011', 'X02']
    """
    found = []
    for part in ids.split():
        first, _, last = part.partition("-")
        numbers = range(int(first[1:]), int((last or first)[1:]) + 1)
        found += [f"{first[0]}{number:0{len(first) - 1}d}" for number in numbers]
    return found


def module(page: str) -> str:
    """Name of a chapter's module.

    Raises:
        ParameterError: There is no such chapter.
    """
    if page not in chapters():
        raise ParameterError(f"{page!r} is no chapter", expected=f"one of {', '.join(chapters())}")
    return f"{__name__}.{page.replace('/', '.')}"


def experiment(page: str) -> Any:
    """The experiment of a chapter."""
    return import_module(module(page)).experiment


def after(page: str) -> list[str]:
    """Chapters whose networks or runs a chapter uses: those that its code imports."""
    used = code.closure(module(page))
    return [other for other in chapters() if other != page and module(other) in used]


def listed_parts(page: str, profile: str) -> list[str]:
    """Every part of a chapter in a profile as one word, such as ``adapted,seed=0,fold=3``."""
    chosen = experiment(page)
    if profile not in chosen.profiles:
        return []
    return [
        ",".join([name, *(f"{key}={value}" for key, value in index.items())])
        for name, part in chosen.parts.items()
        for index in part.each(chosen.profiles[profile], 0)
    ]


def parts_before(page: str, profile: str, word: str) -> list[str]:
    """Parts of the same chapter that one of its parts uses."""
    before = experiment(page).parts[word.partition(",")[0]].after
    return [other for other in listed_parts(page, profile) if other.partition(",")[0] in before]


def part_options(word: str) -> str:
    """Options of ``companion run`` that make one part, as a shell takes them.

    >>> part_options("adapted,seed=0,fold=3")
    '--part adapted --where seed=0 --where fold=3'
    """
    name, *index = word.split(",")
    return shlex.join(["--part", name, *(option for pair in index for option in ("--where", pair))])
