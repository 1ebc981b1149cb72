"""Settings can be changed from anywhere, and only to something that exists and fits."""

from collections.abc import Mapping
from typing import Literal

import pytest
from pydantic import Field

from companion.errors import ParameterError
from companion.paths import cache_root
from companion.profiles import PROFILES, Settings, changed, difference, names, parse_parameters


class Source(Settings):
    epochs: int = Field(default=4, ge=1)
    rate: Literal["constant", "cosine"] = "constant"
    sizes: tuple[int, ...] = (1, 2)


class Transfer(Settings):
    width: float = 1.0
    source: Source = Source()
    scratch: Source = Source(epochs=9)
    weights: str = ""
    pool_first: bool = False


OWN = Transfer()
NAMES = ["width", "source.epochs", "source.rate", "source.sizes", "scratch.epochs", "scratch.rate", "scratch.sizes",
         "weights", "pool_first"]  # fmt: skip


def test_settings_are_named_with_those_inside_others():
    assert names(OWN) == NAMES


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, OWN),
        ({"width": 0.5}, Transfer(width=0.5)),
        ({"width": "0.5"}, Transfer(width=0.5)),
        ({"source": {"epochs": 2}}, Transfer(source=Source(epochs=2))),
        ({"scratch": {"rate": "cosine"}}, Transfer(scratch=Source(epochs=9, rate="cosine"))),
        ({"source": {"sizes": [3]}, "pool_first": True}, Transfer(source=Source(sizes=(3,)), pool_first=True)),
        ({"source": Source(epochs=7)}, Transfer(source=Source(epochs=7))),
    ],
)
def test_some_are_changed_and_the_others_stay(changes, expected):
    assert changed(OWN, changes) == expected
    assert OWN.model_dump() == Transfer().model_dump()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"widht": 1}, ["unknown setting 'widht'", "did you mean 'width'?", ", ".join(NAMES)]),
        ({"source": {"epoch": 1}}, ["unknown setting 'source.epoch'", "did you mean 'source.epochs'?"]),
        ({"epochs": 1}, ["unknown setting 'epochs'", "source.epochs"]),
        ({"width": "wide"}, ["width='wide'", "number"]),
        ({"width": None}, ["width=None"]),
        ({"pool_first": 3}, ["pool_first=3", "boolean"]),
        ({"source": {"epochs": 2.5}}, ["source.epochs=2.5", "integer"]),
        ({"source": {"epochs": 0}}, ["source.epochs=0", "greater than or equal to 1"]),
        ({"source": {"rate": "linear"}}, ["source.rate='linear'", "'constant' or 'cosine'"]),
        ({"source": {"sizes": ["x"]}}, ["source.sizes.0='x'"]),
        ({"source": 5}, ["source=5"]),
        ({"weights": 5}, ["weights=5", "string"]),
    ],
    ids=str,
)
def test_what_does_not_exist_or_fit_is_refused_with_what_does(changes, said):
    with pytest.raises(ParameterError) as caught:
        changed(OWN, changes)
    for words in [*said, "source.epochs"]:
        assert words in str(caught.value)


def test_dotted_names_and_mappings_say_the_same():
    dotted = {"source.epochs": 9, "source.rate": "cosine", "width": 0.5}
    assert changed(OWN, dotted) == changed(OWN, {"source": {"epochs": 9, "rate": "cosine"}, "width": 0.5})
    assert changed(OWN, {"source": {"epochs": 9}, "source.rate": "cosine"}).source.epochs == 9


class Several(Settings):
    sources: Mapping[str, Source] = {"one": Source(epochs=5), "other": Source(rate="cosine")}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sources": {"one": {"epochs": 2}}}, {"one": Source(epochs=2)}),
        ({"sources.other.epochs": 2}, {"other": Source(epochs=2, rate="cosine")}),
        ({"sources": {"other": {}, "new": {"epochs": 3}}}, {"other": Source(rate="cosine"), "new": Source(epochs=3)}),
        ({"sources": {}}, {}),
    ],
)
def test_of_settings_by_name_those_that_are_named_are_left_with_what_is_not_changed(changes, expected):
    assert changed(Several(), changes).sources == expected


def test_a_home_folder_of_nobody_is_said(monkeypatch):
    with pytest.raises(ParameterError, match="~nosuchuser/data cannot be found"):
        parse_parameters({"data": "~nosuchuser/data"}).data_root  # noqa: B018
    monkeypatch.setenv("COMPANION_CACHE", "~nosuchuser")
    with pytest.raises(ParameterError, match="~nosuchuser"):
        cache_root()


def test_settings_cannot_be_changed_in_place_or_made_with_others():
    with pytest.raises(ValueError, match="frozen"):
        OWN.width = 2.0
    with pytest.raises(ValueError, match="Extra inputs"):
        Transfer(widht=2.0)


def test_a_difference_names_every_setting_that_differs():
    other = changed(OWN, {"width": 0.5, "source": {"sizes": (3,)}, "scratch": {"epochs": 9}})
    assert difference(other, OWN) == {"width": 0.5, "source.sizes": (3,)}
    assert difference(OWN, OWN) == {}


# --- parameters of notebooks and commands


def test_parameters_may_be_strings_and_settings_nested():
    found = parse_parameters({"profile": "esc50", "seed": "3", "device": "cuda:1", "settings": {"source": {"a": 1}}})
    assert (found.profile, found.seed, found.device) == ("esc50", 3, "cuda:1")
    assert found.settings == {"source": {"a": 1}}
    assert parse_parameters({}).profile == "demo"


def test_data_lie_where_they_are_said_to(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    assert parse_parameters({}).data_root == tmp_path
    assert parse_parameters({"data": "~/x"}).data_root.is_absolute()


def test_only_official_data_need_no_banner():
    assert [name for name, profile in PROFILES.items() if not profile.banner] == ["paper"]
    assert PROFILES["demo"].evidence == "synthetic"
