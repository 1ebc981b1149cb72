"""Recipes in a file: what is read back renders to the same samples."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from companion.atomic import write_json
from companion.errors import DataError
from companion.mixtures.recipe import Recipe

FORMAT = "mixture recipes, version 1"


def write_recipes(path: Path, recipes: Sequence[Recipe], sample_rate: int) -> None:
    """Write recipes as JSON, atomically.

    Args:
        path: The file.
        recipes: What to write.
        sample_rate: Hz, of all positions in them.

    Raises:
        StoreError: The folder cannot be written or the disk is full.
    """
    write_json(path, {"format": FORMAT, "sample_rate": sample_rate, "recipes": [asdict(one) for one in recipes]})


def read_recipes(path: Path, sample_rate: int) -> list[Recipe]:
    """Read recipes.

    Args:
        path: A file of `write_recipes`.
        sample_rate: Hz at which they will be rendered.

    Raises:
        DataError: The file is missing or damaged, holds something else than recipes, or is for another sample rate.
    """
    content = _content(path)
    if content.get("format") != FORMAT:
        raise _refuse(path, f"has the format {str(content.get('format'))[:40]!r}")
    if content.get("sample_rate") != sample_rate:
        raise _refuse(path, f"is for {str(content.get('sample_rate'))[:40]} Hz, and not for {sample_rate} Hz")
    rows = content.get("recipes")
    try:
        recipes = TypeAdapter(list[Recipe]).validate_json(json.dumps(rows, allow_nan=False), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _refuse(path, f"is wrong at {'/'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise _refuse(path, "holds a number that is not finite") from error
    for number, (row, recipe) in enumerate(zip(rows or (), recipes, strict=True)):
        if json.loads(json.dumps(asdict(recipe))) != row:  # a field too many, or left out
            raise _refuse(path, f"holds something else than a recipe in number {number}")
        if recipe.n_samples < 1 or not recipe.gain > 0:
            raise _refuse(path, f"asks for {recipe.n_samples} samples times {recipe.gain} in {recipe.id}")
    names = [recipe.id for recipe in recipes]
    if len(set(names)) < len(names):
        raise _refuse(path, f"names {next(name for name in names if names.count(name) > 1)} twice")
    return recipes


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise _refuse(path, f"cannot be read: {error}") from error
    if not isinstance(content, Mapping):
        raise _refuse(path, f"holds a {type(content).__name__}")
    return content


def _refuse(path: Path, problem: str) -> DataError:
    return DataError(
        f"recipe file {path} {problem}",
        expected="JSON as `write_recipes` leaves it, with format, sample_rate and recipes",
        repair="write it again from the corpus that it was drawn for",
    )
