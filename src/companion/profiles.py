"""The three profiles, and the parameters that every notebook and command takes."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from companion import paths
from companion.errors import ParameterError

Evidence = Literal["official", "restaged", "measured", "synthetic"]
"""Kinds of evidence, never mixed, the strongest first: the paper's own data; real audio on a stand-in task; times and
counts on any input; generated sound."""


@dataclass(frozen=True)
class Profile:
    """What a run is made of, and how far its numbers may be compared with a paper.

    Args:
        name: ``demo``, ``esc50`` or ``paper``.
        evidence: ``synthetic`` (generated sound), ``restaged`` (real audio, stand-in task) or ``official``.
        banner: The sentence shown with every result of this profile; empty for official data.
        description: One line for menus and help texts.
    """

    name: str
    evidence: Evidence
    banner: str
    description: str


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "demo",
            "synthetic",
            "Synthetic stand-in: these numbers come from generated sound and are not comparable with the paper.",
            "a synthetic sound world; the whole book in minutes on two cores",
        ),
        Profile(
            "esc50",
            "restaged",
            "Restaged: real recordings from ESC-50, but a stand-in for the paper's task; "
            "compare directions, not values.",
            "real recordings from ESC-50, and weakly labelled mixtures made from it",
        ),
        Profile("paper", "official", "", "the paper's own corpora and settings, for whoever holds the data"),
    )
}


class Settings(BaseModel):
    """Settings of an experiment or of a part of one: frozen, and no others than these.

    Each profile gives them values; any of them can be changed from a notebook or a command.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class Parameters(BaseModel):
    """The parameters cell of every notebook.

    Args:
        profile: Which data and settings: ``demo``, ``esc50`` or ``paper``.
        seed: First seed of the run, 0 or more.
        device: ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        data: Folder of the corpora; empty for ``$COMPANION_DATA``.
        settings: Settings to change, by name; those of a part in a mapping of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str = "demo"
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    data: str = ""
    settings: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, value: str) -> str:
        if value not in PROFILES:
            raise ValueError(f"one of {', '.join(PROFILES)}")
        return value

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
            raise ValueError("auto, cpu, cuda or cuda:N")
        return value

    @property
    def data_root(self) -> Path:
        """Folder of the corpora."""
        return paths.given(self.data) if self.data else paths.data_root()


def parse_parameters(values: Mapping[str, Any]) -> Parameters:
    """Check notebook or command parameters before anything runs.

    Args:
        values: Names and values as given; values may be strings.

    Returns:
        Parameters: Checked and frozen.

    Raises:
        ParameterError: A name is unknown or a value is out of range; names the nearest allowed one.
    """
    for name in values:
        if name not in Parameters.model_fields:
            raise _unknown("parameter", name, list(Parameters.model_fields))
    try:
        return Parameters(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        near = difflib.get_close_matches(str(values.get(name)), PROFILES, n=1) if name == "profile" else []
        raise ParameterError(
            f"parameter {name}={values.get(name, '')!r} cannot be used",
            expected=first["msg"].removeprefix("Value error, "),
            repair=f"did you mean {near[0]!r}?" if near else "see `companion run --help`",
        ) from error


S = TypeVar("S", bound=BaseModel)


def changed(settings: S, changes: Mapping[str, Any]) -> S:
    """Settings with some of them changed.

    Args:
        settings: A profile's own.
        changes: New values by name; for settings inside settings, dotted names or a mapping. Of a collection of
            settings by name, those that are named are left, each with the changes that are given for it.

    Raises:
        ParameterError: A name does not exist, or a value has the wrong type or is out of range; lists those that
            exist.
    """
    values = _merged(settings, nested(changes), "")
    try:
        return type(settings).model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ParameterError(
            f"setting {name or 'combination'}={first['input']!r} cannot be used",
            expected=first["msg"].removeprefix("Value error, "),
            repair=f"settings are {', '.join(names(settings))}",
        ) from error


def nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings in place of dotted names.

    >>> nested({"source.epochs": 3, "source": {"width": 0.5}})
    {'source': {'epochs': 3, 'width': 0.5}}
    """
    found: dict[str, Any] = {}
    for dotted, value in changes.items():
        *outer, last = dotted.split(".")
        place = found
        for name in outer:
            place = place.setdefault(name, {})
        place[last] = {**place.get(last, {}), **nested(value)} if isinstance(value, Mapping) else value
    return found


def names(settings: BaseModel, prefix: str = "") -> list[str]:
    """Names of all settings, those inside others with a dot."""
    found = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        found += names(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else [prefix + name]
    return found


def difference(settings: BaseModel, base: BaseModel) -> dict[str, Any]:
    """Settings that differ from others of the same kind, by their dotted names."""

    def value(of: BaseModel, name: str) -> Any:
        for part in name.split("."):
            of = getattr(of, part, None)  # type: ignore[assignment]
        return of

    listed = list(dict.fromkeys([*names(settings), *names(base)]))
    return {name: value(settings, name) for name in listed if value(settings, name) != value(base, name)}


def _merged(settings: BaseModel, changes: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    for name, value in changes.items():
        if name not in values:
            raise _unknown("setting", f"{prefix}{name}", [f"{prefix}{known}" for known in names(settings)])
        values[name] = _replaced(values[name], value, f"{prefix}{name}.")
    return {name: value.model_dump() if isinstance(value, BaseModel) else value for name, value in values.items()}


def _replaced(old: Any, new: Any, prefix: str) -> Any:
    """A new value, what it leaves open taken from the old one."""
    if isinstance(new, Mapping) and isinstance(old, BaseModel):
        return _merged(old, new, prefix)
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        return {key: _replaced(old.get(key), one, f"{prefix}{key}.") for key, one in new.items()}
    return new


def _unknown(kind: str, name: str, allowed: Sequence[str]) -> ParameterError:
    near = difflib.get_close_matches(name, allowed, n=1)
    return ParameterError(
        f"unknown {kind} {name!r}",
        expected=f"one of {', '.join(allowed)}" if allowed else f"no {kind} at all",
        repair=f"did you mean {near[0]!r}?" if near else "see `companion run --help`",
    )
