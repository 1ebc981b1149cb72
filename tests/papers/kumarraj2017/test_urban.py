"""Truths of the chapter on both tables: which network, trained on what and heard how, stands in which column."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from companion.datasets.relabelled import Relabelled, mislabelled, renamed
from companion.experiment import Task
from companion.papers.kumarraj2017 import urban
from companion.papers.kumarraj2017.learning import HEARD, SHOWN
from companion.papers.kumarraj2017.tables import KINDS, TRAINED, US, filled, published, scale_system
from companion.papers.kumarraj2017.urban import PROFILES, experiment, one_scale
from papers.kumarraj2017.tiny import CLASSES, TRAINING, corpus, rows_of
from worlds import Disturbed, with_inputs


@dataclass(frozen=True)
class MadeUp(Task):
    """A task whose networks are made up: one kind of them says what is right, and all others guess.

    Args:
        able: From what a network was trained on and how it is heard to whether it is right.
        asked: What was asked of the store.
    """

    able: Any = None
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def keep(self, function: Any, *arguments: Any, mmap: bool = False) -> Any:
        self.asked.append((function.__name__, arguments))
        if function.__name__ == "train":
            corpus, validation, settings, shown, seed = arguments
            better = (corpus is not validation) / 10 + (shown == "segments") / 100 + seed / 1000
            curve = [{"epoch": 1, "loss": 0.5, "MAP": 0.3 + better, "steps": 7}]
            return SimpleNamespace(facts={"facts": {"curve": curve}}, trained=corpus.name, shown=shown, seed=seed,
                                   validation=validation.name, scales=settings.scales)  # fmt: skip
        if function.__name__ == "untrained":
            return SimpleNamespace(trained="nothing", shown="", seed=arguments[-1], scales=arguments[1].scales)
        network, tested, fold, settings, heard = arguments
        assert fold == 3, "nothing but test recordings is tested"
        assert network.scales == settings.scales
        clips = [clip for clip in tested.clips if clip.fold == fold]
        labels = np.array([[name in clip.weak for name in CLASSES] for clip in clips], dtype=np.float32)
        rng = np.random.default_rng(network.seed)
        right = self.able(network, heard, tested.name)
        scores = labels if right else rng.random(labels.shape).astype(np.float32)
        return {"recording": np.stack([scores] * len(settings.scales)), "segments": np.repeat(scores, 2, 0),
                "counts": np.full(len(clips), 2)}  # fmt: skip


CORPORA = {"clean": corpus(0), "web": mislabelled(corpus(1), 0.5, 0.5, 0), "wild": corpus(2)}
SETTINGS: dict[str, Any] = {"training": TRAINING, "n_seeds": 2, "single": (512,)}


@pytest.fixture
def task(shared, monkeypatch):
    monkeypatch.setattr(urban.footsteps, "tables", lambda dataset, label: {})

    def make(able: Any, **inputs: Any) -> MadeUp:
        return MadeUp(**vars(with_inputs(experiment, SETTINGS, **{**CORPORA, **inputs})), able=able)

    return make


@pytest.mark.parametrize("trained", TRAINED)
@pytest.mark.parametrize("kind", KINDS)
def test_every_column_is_of_its_network_in_both_tables(task, trained, kind):
    shown, heard = KINDS[kind]
    source = {"US": "clean", "YT": "web"}[trained]

    def able(network, how, tested):
        return (network.trained, network.shown, how) == (CORPORA[source].name, shown, heard)

    found = rows_of(urban.compute(task(able)).rows)
    for item in urban.TABLES:
        for other in TRAINED:
            for name in KINDS:
                value = found[item, "MAP", f"{other} {name}", "AP"]["value"]
                assert (value == 1.0) == ((other, name) == (trained, kind)), (item, other, name)


@pytest.mark.parametrize(("item", "name"), [(urban.TABLES[0], "clean"), (urban.TABLES[1], "wild")])
def test_each_table_is_tested_on_its_own_recordings(task, item, name):
    found = rows_of(urban.compute(task(lambda network, how, tested: tested == CORPORA[name].name)).rows)
    for other in urban.TABLES:
        assert (found[other, "MAP", "US WLER", "AP"]["value"] == 1.0) == (other == item)
        assert found[other, "MAP", "US WLER", "AP"]["n_clips"] == 6


def test_the_cross_holds_every_network_trained_with_care_heard_both_ways(task):
    for shown in SHOWN:
        for heard in HEARD:
            found = rows_of(urban.compute(task(
                lambda network, how, tested, pair=(shown, heard): network.trained == CORPORA["clean"].name
                and (network.shown, how) == pair
            )).rows)  # fmt: skip
            for s in SHOWN:
                for h in HEARD:
                    value = found["Cross", f"shown {s}, all recordings", h, "AP"]["value"]
                    assert (value == 1.0) == ((s, h) == (shown, heard))


def test_every_network_is_validated_with_care_and_has_its_seed(task):
    made = task(lambda *_: False)
    findings = urban.compute(made)
    asked = [arguments for name, arguments in made.asked if name == "train"]
    assert {one[1].name for one in asked} == {CORPORA["clean"].name}
    assert {one[0].name for one in asked} == {CORPORA["clean"].name, CORPORA["web"].name}
    assert {one[4] for one in asked} == {0, 1} == set(findings.seeds)
    assert {one[2].scales for one in asked} == {(512, 2048), (512,)}
    assert {one[0].name for one in asked if one[2].scales == (512,)} == {CORPORA["clean"].name}
    curves = findings.tables["curves"]
    assert set(curves["network"]) == {"US WLER", "US SLAT", "YT WLER", "YT SLAT"}
    for line in curves.itertuples():
        own = 0.3 + ("YT" in line.network) / 10 + ("SLAT" in line.network) / 100 + line.seed / 1000
        assert pytest.approx(own) == line.MAP, (line.network, line.seed)
    assert len(curves) == 8
    clips = [clip for clip in CORPORA["clean"].clips if clip.fold == 3]
    assert findings.n_recordings == len({name for clip in clips for name in clip.recording.split("+")})


def test_controls_are_without_training_and_without_listening(task):
    found = rows_of(urban.compute(task(lambda network, how, tested: network.trained == "nothing")).rows)
    assert found["Controls", "untrained", "US test", "AP"]["value"] == 1.0
    assert found["Controls", "untrained", "US test", "AP"]["n_seeds"] == 2
    scanned = task(lambda network, how, tested: how == HEARD[0])
    assert rows_of(urban.compute(scanned).rows)["Controls", "untrained", "US test", "AP"]["value"] == 1.0
    assert [given[-1] for name, given in scanned.asked if name == "untrained"] == [0, 1]
    labels = [[name in clip.weak for name in CLASSES] for clip in CORPORA["clean"].clips if clip.fold == 3]
    held = np.array(labels)[:, np.array(labels).any(0)]
    assert found["Controls", "same guess for all", "US test", "AP"]["value"] == pytest.approx(held.mean())


def test_the_same_guess_for_all_is_scored_on_classes_that_occur(task):
    """Whoever says the same of every recording has of each class the share of recordings that hold it as AP."""
    clean = renamed(CORPORA["clean"], {name: name for name in CLASSES[:2]}, CLASSES, "two classes")
    found = rows_of(urban.compute(task(lambda *_: False, clean=clean)).rows)
    clips = [clip for clip in clean.clips if clip.fold == 3]
    shares = [np.mean([name in clip.weak for clip in clips]) for name in CLASSES[:2]]
    assert found["Controls", "same guess for all", "US test", "AP"]["value"] == pytest.approx(np.mean(shares))


def test_a_scale_alone_is_a_network_of_its_own_and_its_part_of_the_mean_another(task):
    def able(alone):
        return lambda network, how, tested: (
            network.scales == ((512,) if alone else (512, 2048)) and network.shown == "recordings"
        )

    for alone in (True, False):
        found = rows_of(urban.compute(task(able(alone))).rows)
        one, of_all = (
            found["Scales", "trained on 512", "512 alone", "AP"],
            found["Scales", "trained on all", "512 alone", "AP"],
        )
        assert (one["value"] == 1.0, of_all["value"] == 1.0) == (alone, not alone)


def test_scales_are_compared_over_the_seeds_that_networks_of_one_scale_have(task):
    """Right with the first seed alone, in all scales: of two seeds it would be no more than half of the difference."""
    found = rows_of(urban.compute(task(
        lambda network, how, tested: (network.seed, network.scales) == (0, (512, 2048))
    )).rows)  # fmt: skip
    both = found["Scales", "trained on all", "mean of all", "AP"]
    assert (both["value"], both["n_seeds"]) == (1.0, 1)
    assert found["Gain of scales", "together", "all - 512 alone", "AP difference"]["n_seeds"] == 1


def test_what_all_scales_say_in_one_is_said_in_that_one(task, monkeypatch):
    """A network that says the number of its scale, whichever are asked for and in whatever order."""
    monkeypatch.setattr(
        urban, "said", lambda *given: {"recording": np.arange(2.0)[:, None, None] * np.ones((6, 3), np.float32)}
    )
    made = task(lambda *_: True)
    made = replace(made, settings=made.settings.model_copy(update={"single": (2048, 512)}))
    found = {published(US, "WLER"): ["in all"]}
    urban.add_scales(made, found, [0])
    assert [found[scale_system("all", n_fft)][0].recording.max() for n_fft in (512, 2048)] == [0.0, 1.0]


def test_recordings_of_one_author_are_no_ground_for_an_interval(task):
    names = {name for clip in CORPORA["clean"].clips for name in clip.recording.split("+")}
    one = Disturbed(CORPORA["clean"], authors=dict.fromkeys(names, "one author"))
    for clean, alone in ((CORPORA["clean"], False), (one, True)):
        found = rows_of(urban.compute(task(lambda *_: False, clean=clean)).rows)
        for place in ((urban.TABLES[0], "MAP", "US WLER", "AP"), ("Controls", "untrained", "US test", "AP"),
                      ("Scales", "trained on all", "mean of all", "AP")):  # fmt: skip
            assert np.isnan(found[place]["ci_low"]) == alone, place


def test_lengths_and_shares_are_those_of_recordings_labelled_with_care(task):
    """WLER with care is right of these, and in the wild it guesses as SLAT does."""

    def able(network, how, tested):
        return (tested, network.shown, how) == (CORPORA["clean"].name, "recordings", "scanned")

    found = rows_of(urban.compute(task(able)).rows)
    for item in ("Paired, by length", "Paired, by share"):
        gains = [line["value"] for (name, *_), line in found.items() if name == item]
        assert gains
        assert all(gain > 0 for gain in gains)


@pytest.mark.parametrize(("seconds", "there"), [(0.0, True), (100.0, False)])
def test_the_shortest_that_are_told_apart_by_share_are_as_long_as_it_is_set(task, seconds, there):
    made = task(lambda *_: False)
    made = replace(made, settings=made.settings.model_copy(update={"share_from": seconds}))
    assert any(item == "By share" for item, *_ in rows_of(urban.compute(made).rows)) == there


def test_segments_that_are_heard_both_ways_begin_as_often_as_one_by_one(task, monkeypatch):
    """A network that scans has a segment every 32 frames; heard one by one they begin every 64 here."""
    steps = []
    monkeypatch.setattr(urban, "alike", lambda scored, step: steps.append(step) or scored)
    urban.compute(task(lambda *_: False))
    assert set(steps) == {TRAINING.test_hop // 32} == {2}


def test_one_scale_has_as_many_steps_as_all():
    s = TRAINING.model_copy(update={"epochs": 5, "patience": 2, "scales": (512, 1024, 2048, 4096)})
    alone = one_scale(s, 2048)
    assert (alone.scales, alone.epochs, alone.patience) == ((2048,), 20, 8)
    assert alone.model_copy(update={"scales": s.scales, "epochs": 5, "patience": 2}) == s


def test_a_test_in_the_wild_may_lack_a_class(task):
    names = dict(zip(CLASSES[:2], CLASSES[:2], strict=True))
    wild = renamed(corpus(2), names, CLASSES, "two classes")
    found = rows_of(urban.compute(task(lambda *_: True, wild=wild)).rows)
    assert found[urban.TABLES[1], "MAP", "US WLER", "AP"]["value"] == 1.0
    assert not [key for key in found if CLASSES[2] in key and "AudioSet" in key[0]]
    assert [key for key in found if CLASSES[2] in key and "US test" in key[0]]


def test_sizes_are_counted_in_the_corpora(task):
    sizes = urban.compute(task(lambda *_: False)).tables["sizes"]
    assert sizes[["corpus", "split", "recordings"]].to_numpy().tolist() == [
        ["clean", "training", 8], ["clean", "validation", 6], ["clean", "test", 6], ["web", "training", 8],
        ["wild", "test", 6]]  # fmt: skip
    hours = sum(clip.duration for clip in CORPORA["clean"].clips if clip.fold == 1) / 3600
    assert sizes["hours"][0] == pytest.approx(hours, abs=0.005)
    wild = Disturbed(CORPORA["wild"], recordings={clip.id: "one+other" for clip in CORPORA["wild"].clips})
    shared = urban.sizes(SimpleNamespace(inputs={**CORPORA, "wild": wild}))
    assert shared["originals"].tolist() == [8, 6, 6, 8, 2], "recordings that mixtures are made of"


def test_shares_that_are_drawn_are_those_of_their_recordings(task):
    drawn = urban.compute(task(lambda *_: False)).tables["filled"].set_index("clip")["share"]
    clips = [clip for clip in CORPORA["clean"].clips if clip.fold == 3]
    assert drawn.to_dict() == pytest.approx({clip.id: filled(clip) for clip in clips}, abs=1e-4)


def test_classes_in_the_wild_may_stand_in_another_order(task):
    """What networks say stands in the order of the recordings labelled with care."""
    wild = Relabelled(CORPORA["wild"], CORPORA["wild"].clips, CLASSES[::-1], CORPORA["wild"].name)
    found = rows_of(urban.compute(task(lambda *_: True, wild=wild)).rows)
    assert found[urban.TABLES[1], "MAP", "US WLER", "AP"]["value"] == 1.0


def test_the_papers_profile_is_the_papers():
    s = PROFILES["paper"]
    assert (s.training.width, s.training.lr, s.training.epochs, s.training.dropout) == (1.0, 1e-3, 150, 0.5)
    assert s.training.scales == (512, 1024, 2048, 4096)
    assert s.sounds.name == "urbansound"


def test_parts_are_every_network_once():
    listed = experiment.parts["network"].each(PROFILES["paper"], 0)
    assert len(listed) == len({tuple(one.items()) for one in listed}) == 3 * 2 * 2
    assert len(experiment.parts["single"].each(PROFILES["paper"], 0)) == 3 * 4
    assert len(experiment.parts["single"].each(PROFILES["esc50"], 0)) == 4
