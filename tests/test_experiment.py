"""The shell around every experiment, with a small one in it: sums of drawn numbers, one part for each seed."""

import json
import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pandas as pd
import pytest

from companion import experiment, paths
from companion.cli import _changes
from companion.errors import DataError, ParameterError, StoreError
from companion.experiment import Experiment, Findings, Part, Task, check_recordable, record
from companion.profiles import Settings
from companion.results.rows import Rows, bare
from companion.results.run import read_run, recorded
from companion.store import Value, Work

CALLS: list[str] = []
DURING: list[Callable[[], Any]] = []
"""Called in the middle of every computation."""


class Draw(Settings):
    scale: float = 1.0
    kinds: tuple[str, ...] = ("plain",)


class Sums(Settings):
    n: int
    n_seeds: int = 2
    draw: Draw = Draw()
    word: str = ""
    limit: float | None = None


class Corpus:
    """An input that knows its own content."""

    def __init__(self, content: str) -> None:
        self.content = content

    def fingerprint(self) -> str:
        return self.content


def inputs(settings: Sums, seed: int, data: Path) -> dict[str, Corpus]:
    if not data.is_dir():
        raise DataError(f"no corpus in {data}")
    return {"corpus": Corpus((data / "corpus.txt").read_text())}


def drawn(work: Work, corpus: Corpus, settings: Draw, n: int, seed: int) -> Value:
    CALLS.append(f"part {seed}")
    return Value({"drawn": settings.scale * np.random.default_rng(seed).normal(size=n)})


def keep_drawn(task: Task, seed: int) -> Any:
    return task.keep(drawn, task.inputs["corpus"], task.settings.draw, task.settings.n, seed)


def compute(task: Task) -> Findings:
    CALLS.append("compute")
    seeds, rows = task.seeds(task.settings.n_seeds), Rows()
    for seed in seeds:
        rows.add("Sums", f"seed {seed}", "sum", "sum", bare(keep_drawn(task, seed)["drawn"].sum(), n_clips=3))
    for call in DURING:
        call()
    return Findings(rows, {"seeds": pd.DataFrame({"seed": seeds})}, "a corpus: of 3 clips", 3, seeds)


EXPERIMENT = Experiment(
    "companion.papers.kumar2018.sums",
    {"demo": Sums(n=5), "esc50": Sums(n=7)},
    compute,
    inputs,
    parts={"drawn": Part(keep_drawn, lambda settings, seed: [{"seed": seed + k} for k in range(settings.n_seeds)])},
)


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """A corpus, a clean commit, and nothing called yet."""
    CALLS.clear()
    DURING.clear()
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "corpus.txt").write_text("three clips")
    monkeypatch.setenv("COMPANION_DATA", str(folder))
    state = {"commit": "a" * 40, "dirty": False}
    monkeypatch.setattr("companion.results.provenance.git_state", lambda root=None: tuple(state.values()))
    monkeypatch.setattr("companion.experiment.checkout", lambda: tmp_path / "checkout")
    return state


def computed() -> int:
    return CALLS.count("compute")


# --- found again, or computed


def test_a_run_is_found_again_without_computing():
    first = EXPERIMENT.run("demo")
    again = EXPERIMENT.run("demo")
    assert CALLS == ["compute", "part 0", "part 1"]
    assert again.folder == first.folder
    pd.testing.assert_frame_equal(again.rows, first.rows)
    assert again.provenance == first.provenance
    assert again.table("seeds")["seed"].tolist() == [0, 1]


def test_its_rows_carry_what_a_row_of_results_needs():
    row = EXPERIMENT.run("demo").rows.iloc[0]
    assert row["value"] == pytest.approx(np.random.default_rng(0).normal(size=5).sum())
    assert row[["experiment", "paper", "profile", "evidence", "data"]].tolist() == [
        "kumar2018/sums", "Kumar2018", "demo", "synthetic", "a corpus"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        {"n": 6},
        {"n_seeds": 1},
        {"draw": {"scale": 2.0}},
        {"settings": {"draw": {"kinds": ["plain", "odd"]}}},
        {"word": "x"},
        {"seed": 1},
        {"profile": "esc50"},
    ],
    ids=str,
)
def test_other_settings_seeds_and_profiles_are_other_runs(other):
    one, two = EXPERIMENT.run("demo"), EXPERIMENT.run(**{"profile": "demo", **other})
    assert computed() == 2
    assert one.folder != two.folder
    assert read_run(one.folder).rows.equals(one.rows)


def test_settings_may_be_given_by_name_or_together_and_as_text():
    folders = [
        EXPERIMENT.run("demo", n=6, seed=1).folder,
        EXPERIMENT.run("demo", settings={"n": 6}, seed=1).folder,
        EXPERIMENT.run("demo", settings={"n": "6"}, seed="1").folder,
    ]
    assert len(set(folders)) == 1
    assert EXPERIMENT.run("demo", n=5).folder == EXPERIMENT.run("demo").folder, "a profile's own value is no change"


def test_other_data_and_other_code_are_other_runs(tmp_path, monkeypatch):
    first = EXPERIMENT.run("demo").folder
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "corpus.txt").write_text("three clips")
    assert EXPERIMENT.run("demo", data=str(moved)).folder == first, "where the data lie decides nothing"
    (moved / "corpus.txt").write_text("three other clips")
    assert EXPERIMENT.run("demo", data=str(moved)).folder != first
    monkeypatch.setattr("companion.experiment.code.digest", lambda *things: "changed")
    assert EXPERIMENT.run("demo").folder != first
    assert computed() == 3


def test_times_belong_to_the_machine_and_other_numbers_do_not(monkeypatch):
    timed = replace(EXPERIMENT, of_machine=True, evidence={"demo": "measured"})
    folders = [EXPERIMENT.run("demo").folder, timed.run("demo").folder]
    assert timed.run("demo").evidence == "measured"
    here = experiment.machine("cpu")
    monkeypatch.setattr("companion.experiment.machine", lambda device: {**here, "threads": 64})
    assert EXPERIMENT.run("demo").folder == folders[0]
    assert timed.run("demo").folder not in folders


def test_a_failed_computation_leaves_no_run():
    def fail():
        raise RuntimeError("no more")

    DURING.append(fail)
    with pytest.raises(RuntimeError):
        EXPERIMENT.run("demo")
    assert EXPERIMENT.find("demo") is None
    DURING.clear()
    EXPERIMENT.run("demo")
    assert CALLS == ["compute", "part 0", "part 1", "compute"], "finished parts are not made again"


# --- refused before anything is computed


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"profile": "paper"}, ["no profile 'paper'", "demo or esc50", "companion run kumar2018/sums --profile demo"]),
        ({"profile": "quick"}, ["profile='quick'", "demo, esc50, paper"]),
        ({"seed": -1}, ["seed=-1"]),
        ({"device": "gpu"}, ["device='gpu'"]),
        ({"epochs": 3}, ["unknown setting 'epochs'", "n, n_seeds, draw.scale, draw.kinds, word, limit"]),
        ({"n_seed": 3}, ["'n_seed'", "did you mean 'n_seeds'?"]),
        ({"settings": {"draw": {"scales": 3}}}, ["'draw.scales'", "did you mean 'draw.scale'?"]),
        ({"draw": {"scale": "big"}}, ["draw.scale='big'"]),
        ({"n": [5]}, ["n=[5]"]),
    ],
    ids=str,
)
def test_what_does_not_exist_or_fit_is_refused(given, said):
    with pytest.raises(ParameterError) as caught:
        EXPERIMENT.run(**given)
    for words in said:
        assert words in str(caught.value)
    assert CALLS == []
    assert not paths.cache_root().exists()


# --- find


def test_find_computes_nothing_and_knows_only_a_profiles_own_run(tmp_path, monkeypatch):
    assert EXPERIMENT.find("demo") is None
    EXPERIMENT.run("demo", n=6)
    other = EXPERIMENT.run("demo", seed=1)
    assert EXPERIMENT.find("demo") is None
    made = EXPERIMENT.run("demo")
    CALLS.clear()
    found = EXPERIMENT.find("demo")
    assert found is not None
    assert found.folder == made.folder
    seeded = EXPERIMENT.find("demo", seed=1)
    assert seeded is not None
    assert seeded.folder == other.folder != made.folder
    assert EXPERIMENT.find("esc50") is None
    assert EXPERIMENT.find("paper") is None
    assert EXPERIMENT.find("demo", data=str(tmp_path / "nowhere")) is None, "a corpus that is not there"
    monkeypatch.setattr("companion.experiment.code.digest", lambda *things: "changed")
    assert EXPERIMENT.find("demo") is None, "old code's run"
    assert CALLS == []


# --- parts


def test_parts_are_made_singly_and_joined_by_the_run():
    assert EXPERIMENT.make("drawn", {"seed": "1"}) == ["drawn seed=1"]
    assert CALLS == ["part 1"]
    assert len(EXPERIMENT.make("drawn", {}, profile="demo")) == 2
    assert CALLS == ["part 1", "part 0"]
    run = EXPERIMENT.run("demo")
    assert CALLS == ["part 1", "part 0", "compute"]
    assert [part["function"].rpartition(".")[2] for part in run.provenance["parts"]] == ["drawn", "drawn"]


def test_parts_take_settings_and_seeds_like_runs():
    EXPERIMENT.make("drawn", {}, profile="demo", settings={"n": 6, "n_seeds": 3}, seed=4)
    assert CALLS == ["part 4", "part 5", "part 6"]
    EXPERIMENT.run("demo", n=6, seed=5)
    assert CALLS[3:] == ["compute"]
    EXPERIMENT.run("demo", n=6, seed=4, n_seeds=1, draw={"scale": 2.0})
    assert CALLS[4:] == ["compute", "part 4"]


@pytest.mark.parametrize(
    ("name", "where", "said"),
    [("source", {}, ["no part 'source'", "one of drawn"]), ("drawn", {"seed": 9}, ["no part drawn", "seed=0; seed=1"]),
     ("drawn", {"fold": 1}, ["no part drawn with {'fold': 1}"])],
)  # fmt: skip
def test_a_part_that_does_not_exist_is_answered_with_those_that_do(name, where, said):
    with pytest.raises(ParameterError) as caught:
        EXPERIMENT.make(name, where)
    for words in said:
        assert words in str(caught.value)
    assert CALLS == []


# --- provenance


def test_provenance_is_of_the_beginning(data):
    DURING.append(lambda: data.update(commit="b" * 40, dirty=True))
    said = EXPERIMENT.run("demo").provenance
    assert (said["commit"], said["dirty"]) == ("a" * 40, False)


def test_inputs_are_of_the_seed_that_is_asked_for():
    asked = []
    watched = replace(EXPERIMENT, inputs=lambda s, seed, folder: asked.append(seed) or inputs(s, seed, folder))
    watched.run("demo", seed=3)
    watched.make("drawn", {"seed": 5}, seed=4)
    watched.find("demo", seed=6)
    assert asked == [3, 4, 6]


def test_the_time_of_a_run_is_in_seconds(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("companion.experiment.time.perf_counter", lambda: now[0])
    DURING.append(lambda: now.append(now.pop() + 90.0))
    assert EXPERIMENT.run("demo").provenance["wall_time_s"] == pytest.approx(90.0)


def test_provenance_says_what_was_run(data):
    EXPERIMENT.make("drawn", {"seed": 0}, settings={"draw": {"scale": 0.5}})
    data.update(commit="b" * 40)
    said = EXPERIMENT.run("demo", device="cpu", draw={"scale": 0.5}).provenance
    here = experiment.machine("cpu")
    assert {**here, "commit": "b" * 40, "experiment": "kumar2018/sums", "seeds": [0, 1]}.items() <= said.items()
    assert said["inputs"] == {"corpus": "three clips"}
    assert said["settings"] == {
        "n": 5,
        "n_seeds": 2,
        "draw": {"scale": 0.5, "kinds": ["plain"]},
        "word": "",
        "limit": None,
    }
    assert said["changed"] == {"draw.scale": 0.5}
    assert said["data"] == "a corpus: of 3 clips"
    assert said["n_recordings"] == 3
    assert [part["commit"][0] for part in said["parts"]] == ["a", "b"], "each part has its own beginning"
    assert all(part["precision"] == here["precision"] for part in said["parts"])
    assert said["wall_time_s"] >= 0


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n": 6, "n_seeds": 1},
        {"draw": {"scale": 1e-07, "kinds": ("plain", "two words")}},
        {"word": "plain"},
        {"word": "5"},
        {"word": 'it\'s = "so"'},
        {"word": "null"},
        {"limit": 2.5},
    ],
    ids=str,
)
def test_the_command_makes_the_same_run_again(changes):
    first = EXPERIMENT.run("demo", seed=3, device="cpu", **changes)
    words = shlex.split(first.provenance["command"])
    assert words[:3] == ["companion", "run", "kumar2018/sums"]
    options = list(zip(words[3::2], words[4::2], strict=True))
    given = {name[2:]: value for name, value in options if name != "--set"}
    settings = _changes([value for name, value in options if name == "--set"])
    assert EXPERIMENT.run(**given, settings=settings).folder == first.folder
    assert computed() == 1


# --- recorded


def test_a_profiles_own_clean_run_is_recorded_as_it_is(tmp_path):
    run = EXPERIMENT.run("esc50")
    kept = record(run)
    assert kept.folder == tmp_path / "checkout" / "data" / "recorded" / "esc50" / "kumar2018" / "sums"
    assert (kept.folder / "rows.csv").read_bytes() == (run.folder / "rows.csv").read_bytes()
    assert (kept.folder / "seeds.csv").read_bytes() == (run.folder / "seeds.csv").read_bytes()
    assert json.loads((kept.folder / "provenance.json").read_text()) == run.provenance
    assert list(recorded("kumar2018/sums", tmp_path / "checkout" / "data" / "recorded")) == ["esc50"]


def test_what_its_commit_and_command_alone_would_not_make_is_not_recorded(tmp_path, data):
    EXPERIMENT.make("drawn", {"seed": 0}, profile="esc50")
    refused = [
        ("n changed", EXPERIMENT.run("esc50", n=6)),
        ("draw.scale changed", EXPERIMENT.run("esc50", draw={"scale": 2.0})),
        ("the first seed changed", EXPERIMENT.run("esc50", seed=1)),
    ]
    data.update(dirty=True)
    refused.append(("code that is in no commit", EXPERIMENT.run("esc50")))
    EXPERIMENT.make("drawn", {"seed": 0}, profile="demo")
    data.update(dirty=False)
    refused.append(("code that is in no commit", EXPERIMENT.run("demo")))  # clean but for one of its parts
    assert refused[-1][1].provenance["dirty"] is False
    for words, run in refused:
        with pytest.raises(DataError, match=words):
            record(run)
    assert not (tmp_path / "checkout").exists()


@pytest.mark.parametrize("found", [(), (7, 8)])
def test_the_first_seed_is_the_tasks_own_whatever_seeds_were_found(tmp_path, found):
    """An experiment may train nothing, or draw seeds of its own: neither says which seed it was started with."""
    other = replace(EXPERIMENT, compute=lambda task: replace(compute(task), seeds=found))
    assert other.run("esc50", seed=0).provenance["seeds"] == list(found)
    assert record(other.run("esc50", seed=0)).provenance["seed"] == 0
    with pytest.raises(DataError, match="the first seed changed"):
        record(other.run("esc50", seed=1))


def test_nothing_is_recorded_from_a_tree_with_changes(data):
    run = EXPERIMENT.run("esc50")
    data.update(dirty=True)
    for refuse in (check_recordable, lambda: record(run)):
        with pytest.raises(DataError, match="clean tree"):
            refuse()


# --- two at a time


def test_runs_at_the_same_time_do_not_disturb_each_other():
    alone = [EXPERIMENT.run("demo", seed=seed, n=9).rows["value"].tolist() for seed in (0, 1)]
    barrier = Barrier(2)
    DURING.append(barrier.wait)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda seed: EXPERIMENT.run("demo", seed=seed, n=9, word="again"), (0, 1)))
        assert [run.rows["value"].tolist() for run in runs] == alone
        DURING.clear()  # of two that want the same, one computes and the other waits
        same = list(pool.map(lambda _: EXPERIMENT.run("demo"), range(2)))
    assert same[0].rows.equals(same[1].rows)
    assert read_run(same[0].folder).rows.equals(same[0].rows)
    assert len(list(same[0].folder.parent.iterdir())) == 5, "no leftovers beside the five runs"


def test_a_cache_that_cannot_be_written_says_so(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="COMPANION_CACHE"):
        EXPERIMENT.run("demo")
