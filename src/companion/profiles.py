"""The three profiles, and the parameters that every notebook and command takes."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from companion import paths
from companion.errors import ParameterError

Evidence = Literal["official", "restaged", "measured", "synthetic"]
"""Kinds of evidence, never mixed: the paper's own data; real audio on a stand-in task; times and counts on any input;
generated sound."""


@dataclass(frozen=True)
class Profile:
    """What a run is made of, and how far its numbers may be compared with a paper.

    Args:
        name: ``demo``, ``esc50`` or ``paper``.
        evidence: ``synthetic`` (generated sound), ``restaged`` (real audio, stand-in task) or ``official``.
        banner: The sentence shown above every result of this profile; empty for official data.
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


class Parameters(BaseModel):
    """The parameters cell of every notebook.

    Args:
        profile: Which data and settings: ``demo``, ``esc50`` or ``paper``.
        seed: First seed of the run, 0 or more.
        device: ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        data: Folder of the corpora; empty for ``$COMPANION_DATA``.
        budget: Share of the training schedule to run, above 0 and at most 1.
        weights: Trained source network to transfer from instead of the profile's own: the authors' released
            pickle, or a ``.safetensors`` of this library; empty for the profile's own.
        class_order: Text file with the pickle's class names, one a line, in the order of its outputs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str = "demo"
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    data: str = ""
    budget: float = Field(default=1.0, gt=0.0, le=1.0)
    weights: str = ""
    class_order: str = Field(default="", validate_default=True)

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

    @field_validator("weights", "class_order")
    @classmethod
    def _file_is_there(cls, value: str) -> str:
        if value and not Path(value).expanduser().is_file():
            raise ValueError("a file that exists")
        return value

    @field_validator("class_order")
    @classmethod
    def _pickles_have_a_class_order(cls, value: str, info: ValidationInfo) -> str:
        weights = info.data.get("weights", "")
        if value and (not weights or is_safetensors(weights)):
            raise ValueError("empty, unless weights name the authors' pickle: a safetensors has its own class names")
        if weights and not is_safetensors(weights) and not value:
            raise ValueError("a text file with the class names of the weights, one a line: a pickle has none")
        return value

    @property
    def data_root(self) -> Path:
        """Folder of the corpora."""
        return Path(self.data).expanduser() if self.data else paths.data_root()


def is_safetensors(path: str | Path) -> bool:
    """Whether a file of weights is, by its name, this library's own and not a pickle."""
    return Path(path).suffix == ".safetensors"


def parse_parameters(values: Mapping[str, Any]) -> Parameters:
    """Check notebook or command parameters before anything runs.

    Args:
        values: Names and values as given; values may be strings.

    Returns:
        Parameters: Checked and frozen.

    Raises:
        ParameterError: A name is unknown or a value is out of range; names the nearest allowed one.
    """
    allowed = list(Parameters.model_fields)
    for name in values:
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            raise ParameterError(
                f"unknown parameter {name!r}",
                expected=f"one of {', '.join(allowed)}",
                repair=f"did you mean {near[0]!r}?" if near else "see `companion run --help`",
            )
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
