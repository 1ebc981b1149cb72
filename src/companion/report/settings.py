"""In what the settings of a run differ from those of the paper, each with what it means."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd
from pydantic import BaseModel

from companion.report.shown import Shown, escape
from companion.report.tables import plain_table
from companion.results.run import Run

PAPER = "paper"


class Setting(NamedTuple):
    """One setting of a run.

    Args:
        name: With dots where it lies inside another, as ``--set`` takes it.
        meaning: From the docstring of its class.
        here: Its value in the run.
        other: In the paper's profile or, without one, its default; None where it has none.
    """

    name: str
    meaning: str
    here: Any
    other: Any


def departures(run: Run, profiles: Mapping[str, BaseModel]) -> Shown:
    """The settings of a run that are not those of the paper's profile or, without one, not the defaults.

    Args:
        run: Any run of an experiment.
        profiles: Settings of that experiment by profile.
    """
    known = profiles.get(PAPER)
    any_profile = known or next(iter(profiles.values()))
    given = run.provenance["settings"]
    found = list(settings_of(type(any_profile), given, known.model_dump(mode="json") if known else {}))
    apart = [one for one in found if one.here != one.other]
    if not apart or run.profile == PAPER:
        words = "Every setting is that of the paper's profile." if known else "Every setting is the default."
        return Shown(f"<p>{escape(words)}</p>", words)
    other = "the paper's profile" if known else "default, the paper's where it states one"
    lines = [{"setting": one.name, "this run": value_words(one.here), other: value_words(one.other),
              "what it is": one.meaning} for one in apart]  # fmt: skip
    words = f"{len(apart)} of {len(found)} settings differ from "
    words += (
        "the paper's profile, which holds a choice of this book where the paper states none"
        if known
        else "the defaults"
    )
    return plain_table(pd.DataFrame(lines), words)


def settings_of(
    of: type[BaseModel], given: Mapping[str, Any], other: Mapping[str, Any], inside: str = ""
) -> Iterator[Setting]:
    """Every setting of a run, those of parts one by one.

    Args:
        of: Class of the settings.
        given: Values of the run, as its provenance keeps them.
        other: Values to hold them against; defaults stand in for those that are missing.
        inside: Name of the setting that these lie in.
    """
    meanings = arguments(of)
    for name, value in given.items():
        field, known = of.model_fields.get(name), other.get(name)
        if field is None:  # of an earlier commit
            yield Setting(inside + name, "", value, None)
            continue
        if name not in other and not field.is_required():
            known = of.model_construct(**{name: field.get_default(call_default_factory=True)}).model_dump(
                mode="json", include={name}
            )[name]
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel) and isinstance(value, Mapping):
            yield from settings_of(part, value, known or {}, f"{inside}{name}.")
        else:
            yield Setting(inside + name, meanings.get(name, ""), value, known)


def arguments(of: type) -> dict[str, str]:
    """What the docstrings of a class, and of those it extends, say of its arguments, by name."""
    found: dict[str, str] = {}
    for one in reversed(of.__mro__):
        block = inspect.cleandoc(one.__doc__ or "").partition("Args:\n")[2]
        for entry in re.findall(r"^    (\S.*(?:\n {6,}\S.*)*)", block, re.MULTILINE):
            names, _, words = entry.partition(":")
            found |= dict.fromkeys(map(str.strip, names.split(",")), " ".join(words.replace("``", "").split()))
    return found


def value_words(value: Any) -> str:
    """A value as a reader takes it.

    >>> value_words([2.0, 4.0]), value_words(None), value_words([]), value_words(True), value_words(0.007)
    ('2, 4', '–', '–', 'yes', '0.007')
    """
    if value is None or value == [] or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(value_words, value))
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {value_words(one)}" for name, one in value.items()) or "–"
    return f"{value:g}" if isinstance(value, float) else str(value)
