"""Departures from the paper are computed: what is the same is not listed, what differs is, with its meaning."""

import pytest

from companion.profiles import Settings
from companion.report.settings import arguments, departures, settings_of


class Base(Settings):
    """What every network has.

    Args:
        lr: Rate.
    """

    lr: float = 1e-3


class Network(Base):
    """A network.

    Args:
        width, size: How large
            it is.
        kind: ``plain`` or not.
    """

    width: float = 1.0
    size: int = 8
    kind: str = "plain"


class Whole(Settings):
    """A whole.

    Args:
        network: The network.
        lengths: Seconds.
    """

    network: Network = Network()
    lengths: tuple[float, ...] = ()


PROFILES = {
    "esc50": Whole(network=Network(width=0.5), lengths=(2.0, 4.5)),
    "paper": Whole(network=Network(lr=3e-3, size=9)),
}


def run_of(make_run, settings, profile="esc50"):
    run = make_run(profile)
    run.provenance["settings"] = settings.model_dump(mode="json")
    return run


def test_what_differs_from_the_paper_is_listed_with_its_meaning(make_run):
    shown = departures(run_of(make_run, PROFILES["esc50"]), PROFILES).markdown
    assert "4 of 5 settings differ from the paper's profile" in shown
    assert "| network.width | 0.5 | 1 | How large it is. |" in shown
    assert "| network.lr | 0.001 | 0.003 | Rate. |" in shown
    assert "| lengths | 2, 4.5 | – | Seconds. |" in shown
    assert "network.kind" not in shown


def test_without_a_papers_profile_defaults_take_its_place(make_run):
    shown = departures(run_of(make_run, PROFILES["esc50"]), {"esc50": PROFILES["esc50"]}).markdown
    assert "2 of 5 settings differ from the defaults" in shown
    assert "network.lr" not in shown


def test_the_papers_own_run_departs_from_nothing(make_run):
    shown = departures(run_of(make_run, PROFILES["paper"], "paper"), PROFILES).markdown
    assert shown == "Every setting is that of the paper's profile."


def test_settings_of_an_earlier_commit_are_shown_as_they_were():
    (old,) = settings_of(Base, {"momentum": 0.9}, {})
    assert (old.name, old.here, old.other, old.meaning) == ("momentum", 0.9, None, "")


@pytest.mark.parametrize(("name", "words"), [("lr", "Rate."), ("size", "How large it is."), ("kind", "plain or not.")])
def test_meanings_come_from_docstrings(name, words):
    assert arguments(Network)[name] == words
