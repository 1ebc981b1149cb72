"""What becomes of a transition: known blurs are measured, only test clips are joined, rows are what was planted."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from companion.datasets.base import Clip
from companion.errors import DataError
from companion.evaluation.units import Units
from companion.models.soundnet_variants import SNF, SNR
from companion.papers.wangmetze2017 import students
from companion.papers.wangmetze2017.transitions import (
    ACTIVATIONS,
    activations,
    change,
    clearest,
    hear_joined,
    join,
    layers_of,
    shown,
    transition_rows,
)
from companion.results.criteria import load_criteria
from companion.results.published import load_published
from companion.results.rows import Rows
from companion.results.verdict import Reader, published_rows, verdict
from companion.store import Value, Work
from papers.wangmetze2017.lessons import LENGTH, OBJECTS, SCENES, clips_of, kept

JOIN = 5.0
TIMES = 0.05 + 0.1 * np.arange(100)
A, B = np.array([1.0, 0.0, 3.0]), np.array([0.0, 2.0, 3.0])


def heard_as(share):
    """A layer of which that share is told by B, of A followed by B. Shape of ``share``: ``(T,)``."""
    both = (1 - share)[:, None] * A + share[:, None] * B
    return np.stack([np.tile(A, (100, 1)), both, np.tile(B, (100, 1))])


def test_a_layer_that_hears_the_present_alone_keeps_the_step_and_blurs_nothing():
    found = change(heard_as((TIMES > JOIN).astype(float)), TIMES, JOIN)
    assert (found.left, found.blur) == (1.0, 0.0)


@pytest.mark.parametrize("width", [0.8, 2.0, 4.0])
def test_a_mean_over_some_seconds_blurs_by_a_quarter_of_them(width):
    """Of a frame at distance d from the join 1/2 - d / width is told by the other side: added up, width / 4."""
    found = change(heard_as(np.clip((TIMES - JOIN) / width + 0.5, 0, 1)), TIMES, JOIN)
    assert found.blur == pytest.approx(width / 4, rel=0.01)
    assert found.left == pytest.approx(1.0 if width < 2 else found.left)


def test_a_layer_that_says_the_same_throughout_leaves_nothing_of_the_step():
    found = change(heard_as(np.full(100, 0.5)), TIMES, JOIN)
    assert found.left == pytest.approx(0)
    assert found.blur == pytest.approx(0.5 * 8.0)  # half of every frame, from 1 s to 9 s


def test_half_a_step_is_half_a_step():
    found = change(heard_as(np.where(TIMES > JOIN, 0.75, 0.25)), TIMES, JOIN)
    assert found.left == pytest.approx(0.5)


def test_sounds_that_differ_more_than_they_vary_are_clearer():
    rng = np.random.default_rng(0)
    step = heard_as((TIMES > JOIN).astype(float))
    quiet, loud = (change(step + scale * rng.normal(size=step.shape), TIMES, JOIN) for scale in (0.1, 1.0))
    assert quiet.clear > 3 * loud.clear


def test_pairs_are_of_two_classes_and_recordings_among_the_chosen():
    clips = [Clip(str(i), f"r{i // 2}", 1, 5.0, "abc"[i % 3]) for i in range(30)]
    chosen = np.arange(30) % 5 != 0
    pairs = join(clips, chosen, 100, seed=0)
    assert len(pairs) == chosen.sum()
    assert sorted(pairs[:, 0]) == sorted(np.flatnonzero(chosen))
    assert chosen[pairs].all()
    for one, other in pairs:
        assert clips[one].label != clips[other].label
        assert clips[one].recording != clips[other].recording
    assert len(join(clips, chosen, 7, seed=0)) == 7
    assert join(clips, chosen, 7, seed=1).tolist() != join(clips, chosen, 7, seed=0).tolist()
    with pytest.raises(DataError, match="two classes"):
        join([replace(clip, label="a") for clip in clips], chosen, 7, seed=0)


@pytest.fixture(scope="module")
def students_made():
    """An SN-F and an SN-R that never learned, and sounds of three seconds."""
    torch.manual_seed(0)
    shared = {"n_objects": OBJECTS, "width": 0.0625, "size": 8}
    made = {"SN-F": SNF(OBJECTS + SCENES, **shared), "SN-R": SNR(OBJECTS + SCENES, **shared)}
    samples = clips_of(n=9)[0]["samples"].reshape(3, 3 * LENGTH)
    samples[1] //= 30  # else all are the same noise
    found = {}
    for name, network in made.items():
        weights = {f"weights.{key}": value.numpy() for key, value in network.eval().state_dict().items()}
        found[name] = kept(Value(weights, {"architecture": network.architecture}))
    return kept(Value({"samples": samples})), found


def test_sn_f_hears_nothing_beyond_its_window_and_sn_r_everything(students_made):
    sounds, networks = students_made
    pairs = np.array([[0, 1], [1, 2]])
    found = {name: hear_joined(Work(), sounds, pairs, one, layers_of(name)).arrays for name, one in networks.items()}
    assert all(values.shape == (3, 2) for one in found.values() for values in one.values())
    np.testing.assert_allclose(found["SN-F"]["left"], 1, atol=1e-6)  # its sides lie a second from the join
    assert (found["SN-F"]["blur"] < 0.34).all()
    assert (found["SN-R"]["blur"] > found["SN-F"]["blur"].max()).all()


def test_what_is_shown_is_the_first_sound_and_then_the_second(students_made):
    sounds, networks = students_made
    one = shown(Work(), sounds, np.array([0, 1]), networks["SN-F"], ["fc1"]).arrays
    alone = shown(Work(), sounds, np.array([0, 0]), networks["SN-F"], ["fc1"]).arrays
    other = shown(Work(), sounds, np.array([1, 1]), networks["SN-F"], ["fc1"]).arrays
    before, after = one["seconds"] < 2.8, one["seconds"] > 3.2
    np.testing.assert_allclose(one["fc1"][before], alone["fc1"][before], atol=1e-5)
    np.testing.assert_allclose(one["fc1"][after], other["fc1"][after], atol=1e-5)
    assert np.abs(one["fc1"][after] - alone["fc1"][after]).max() > 0.01
    assert np.diff(one["seconds"]) == pytest.approx(0.1, abs=1e-6)


def planted(left, blur, n_pairs=6):
    """What ``hear_joined`` would make: by layer, the same for all pairs but for what cancels."""
    wave = 0.01 * np.resize([1, -1], n_pairs)
    arrays = {name: np.array(values)[:, None] + wave for name, values in (("left", left), ("blur", blur))}
    return kept(Value(arrays))


def test_rows_are_what_was_planted_layer_by_layer():
    heard = {
        "SN-F": [planted([1.0, 0.9, 0.8], [0.1, 0.2, 0.3]), planted([1.0, 0.7, 0.8], [0.1, 0.2, 0.5])],
        "SN-R": [planted([0.6, 0.5, 0.2], [0.5, 1.0, 2.0])],  # one seed, held against both
    }
    rows = Rows()
    transition_rows(rows, heard, Units([f"a{i}+b{i}" for i in range(6)]))
    found = {(line["item"], line["row"], line["measure"]): line["value"] for line in rows.lines}
    assert found["Step left", "SN-F fc2", "step left %"] == pytest.approx(80)
    assert found["Blur", "SN-F fc3", "blur s"] == pytest.approx(0.4)
    assert found["Blur", "SN-R gru3-BN", "blur s"] == pytest.approx(2.0)
    apart = {row: value for (item, row, measure), value in found.items() if measure == "blur difference, s"}
    assert apart == pytest.approx({
        "SN-R gru1-BN - SN-F fc1": 0.4, "SN-R gru2-BN - SN-F fc2": 0.8, "SN-R gru3-BN - SN-F fc3": 1.6,
        "SN-R gru3-BN - SN-R gru1-BN": 1.5,
    })  # fmt: skip
    assert found["Paired", "SN-R gru3-BN - SN-R gru1-BN", "step difference, points"] == pytest.approx(-40)


def test_the_tables_are_what_the_criterion_of_the_figure_asks_for(make_run):
    """SN-F has half as many units above ``pool5`` as SN-R; the figure is answered by both tables, none with a gap."""
    seconds = np.round(0.05 + 0.1 * np.arange(100), 2)
    layers = {"SN-F": np.full((100, 2), 0.5, np.float32), "SN-R": np.full((100, 4), 0.25, np.float32)}
    drawn = {
        name: kept(Value({"seconds": seconds, **dict.fromkeys(layers_of(name), values)}))
        for name, values in layers.items()
    }
    drawn["SN-F"].arrays["fc2"] = np.arange(200, dtype=np.float32).reshape(100, 2)
    tables = {ACTIVATIONS[name]: activations(one, ["dog", "rain"], 5.0) for name, one in drawn.items()}
    published = published_rows(load_published())
    reader = Reader(make_run("esc50", [], tables), published, {})
    found = verdict(load_criteria()["C212"], reader)
    assert found is not None
    assert found.words == "drawn from 100 lines of activations_fc.csv and 200 lines of activations_gru.csv"
    assert verdict(load_criteria()["C212"], Reader(make_run("esc50", [], {}), published, {})) is None
    table = tables["activations_fc"]
    assert table["seconds"].between(-2.5, 2.5).all()
    assert table[table["seconds"] == 0.05]["fc2"].tolist() == [100.0, 101.0]
    assert set(table["before"]) == {"dog"}
    assert set(table["after"]) == {"rain"}


def test_pairs_that_share_a_recording_on_either_side_depend_on_each_other(monkeypatch):
    """Every clip follows another one: with its second sound, each pair holds what begins some other pair."""
    seen = []
    monkeypatch.setattr(students, "transition_rows", lambda rows, heard, units: seen.append(units))
    monkeypatch.setattr(students, "activations", lambda *given: None)
    clips = tuple(Clip(str(i), f"r{i}", 3, 1.0, "ab"[i % 2]) for i in range(12))

    def keep(function, *arguments):
        return kept(Value({"clear": np.zeros((3, 12))}))

    settings = students.PROFILES["demo"].model_copy(update={"joined": 12, "recurrent": "SN-R GRU"})
    task = SimpleNamespace(
        settings=settings, seed=3, keep=keep, inputs={"corpus": SimpleNamespace(clips=clips, author_of={})}
    )
    lesson = students.Lesson(clips_of()[0], clips_of()[0], np.full(12, 3))
    students.transition(Rows(), task, lesson, {"SN-F": ["f"], "SN-R GRU": ["r"]})
    (units,) = seen
    assert (units.n_clips, units.n_recordings) == (12, 12)
    assert (units.sharing.sum(1) >= 3).all(), "itself, the pair before and the pair after"


def test_test_clips_are_joined_and_layers_read_off_the_networks_of_their_name(monkeypatch):
    asked, drawn = [], []

    def keep(function, *arguments):
        asked.append((function.__name__, arguments))
        if function is hear_joined:
            n_pairs = len(arguments[1])
            clear = np.zeros((3, n_pairs))
            clear[0, 2] = 1.0
            return kept(Value({"left": np.ones((3, n_pairs)), "blur": np.ones((3, n_pairs)), "clear": clear}))
        drawn.append(arguments[1])
        return kept(Value({"seconds": np.array([0.95, 1.05]), **dict.fromkeys(arguments[3], np.ones((2, 4)))}))

    clips = tuple(Clip(str(i), f"r{i}", 1 + i // 8, 1.0, "ab"[i % 2]) for i in range(24))
    folds = np.array([clip.fold for clip in clips])
    settings = students.PROFILES["demo"].model_copy(update={"joined": 5, "recurrent": "SN-R GRU with ReLU"})
    task = SimpleNamespace(
        settings=settings, seed=3, keep=keep, inputs={"corpus": SimpleNamespace(clips=clips, author_of={})}
    )
    sounds, _ = clips_of(n=24)
    learned = {"SN-F": ["f0", "f1"], "SN-R GRU": ["tanh"], "SN-R GRU with ReLU": ["relu"]}
    tables = students.transition(Rows(), task, students.Lesson(sounds, sounds, folds), learned)
    heard = [arguments for name, arguments in asked if name == "hear_joined"]
    assert [(one[2], one[3]) for one in heard] == [
        ("f0", layers_of("SN-F")), ("f1", layers_of("SN-F")), ("relu", layers_of("SN-R")),
    ]  # fmt: skip
    assert all((folds[one[1]] == 3).all() for one in heard)
    assert {name: set(layers_of(network)) <= set(tables[name]) for network, name in ACTIVATIONS.items()} == {
        "activations_fc": True, "activations_gru": True}  # fmt: skip
    assert [pair.tolist() for pair in drawn] == [heard[0][1][2].tolist()] * 2
    assert clearest(kept(Value({"clear": np.array([[1.0, 4.0, 2.0], [9.0, 0.0, 0.0]])}))) == 1
