"""Truths of the localisation on made-up outputs: thresholds, errors in seconds, and whose they are."""

from dataclasses import replace

import numpy as np
import pytest

from companion.datasets.base import Clip, Event
from companion.evaluation import localization
from companion.models.weak_cnn import HOP, n_segments
from companion.papers.kumar2018 import localisation
from companion.papers.kumar2018.localisation import ITEM, PAIRED, localise
from companion.papers.kumar2018.table1 import PUBLISHED, Fold
from companion.representations import segment_bounds
from companion.results.rows import Rows
from companion.training.recordings import Scored
from papers.kumar2018.made_up import CLASSES, SYSTEMS, chance, fold, partly, perfect

HALF_A_HOP = HOP * 512 / 44100 / 2
GAIN = "N_S - N_S_slat"


def located(test, validation):
    """Rows by their words, and the tables."""
    rows = Rows()
    tables = localise(rows, test, validation)
    return rows.frame(data="x").set_index(["item", "row", "column", "measure"]).sort_index(), tables


@pytest.fixture(scope="module")
def test():
    return fold({system: partly(0.8 - 0.15 * number) for number, system in enumerate(SYSTEMS)}, 24)


@pytest.fixture(scope="module")
def validation():
    return fold({system: partly(0.6 + 0.1 * number) for number, system in enumerate(SYSTEMS)}, 24, seed=1)


@pytest.fixture(scope="module")
def found(test, validation):
    return located(test, validation)


def in_the_middle(clip: Clip) -> Clip:
    """Each event from the start of one segment to the end of another, off by a tenth of a second."""
    bounds = segment_bounds(n_segments(345 if clip.duration == 4 else 690))
    centres = bounds.mean(1)
    strong = tuple(Event(float(centres[1]) + 0.1, float(centres[2]), label) for label in clip.weak)
    return replace(clip, strong=strong)


def test_perfect_segments_have_f1_of_one_and_find_onsets_within_half_a_hop(validation):
    known = fold(perfect, 24)
    clips = tuple(map(in_the_middle, known.clips))
    scored = {}
    for system, seeds in known.scored.items():
        made = []
        for one in seeds:
            segments = [np.zeros_like(outputs) for outputs in one.segments]
            for clip, outputs in zip(clips, segments, strict=True):
                outputs[1:3, [CLASSES.index(label) for label in clip.weak]] = 1.0
            made.append(Scored(one.recording, segments))
        scored[system] = made
    exact = Fold(clips, known.classes, known.labels, scored)
    rows, _ = located(exact, exact)
    for network in PUBLISHED:
        error = rows.loc[(ITEM, "onset error", network, "s")]
        assert error["value"] == pytest.approx(0.1, abs=1e-6)
        assert error["value"] <= HALF_A_HOP
        assert rows.loc[(ITEM, "events missed", network, "share"), "value"] == 0
    rows, _ = located(known, fold(perfect, 24, seed=1))
    for network in PUBLISHED:
        for measure in ("F1 of all decisions", "mean F1 of the classes"):
            assert rows.loc[(ITEM, "segments", network, measure), "value"] == pytest.approx(1)


def test_thresholds_are_chosen_on_validation_recordings_alone(test, validation, found):
    rows, tables = found
    other = replace(test, clips=fold(chance, 24, seed=7).clips, scored=fold(chance, 24, seed=8).scored)
    others, chosen = located(other, validation)
    assert chosen["thresholds"].equals(tables["thresholds"])
    assert not np.allclose(others["value"], rows["value"])
    for network in PUBLISHED:
        for run, scored in enumerate(validation.of(network)):
            table = tables["thresholds"]
            lines = table[(table["network"] == network) & (table["run"] == run)].set_index("class")["threshold"]
            best = localization.choose_thresholds(localisation._reference(validation), scored.segments)
            assert lines.to_dict() == dict(zip(CLASSES, best.tolist(), strict=True))


def test_values_are_those_of_each_network_and_seed(test, validation, found):
    rows, _ = found
    reference = localisation._reference(test)
    for network in PUBLISHED:
        values = []
        for scored, held in zip(test.of(network), validation.of(network), strict=True):
            limits = localization.choose_thresholds(localisation._reference(validation), held.segments)
            scores = localization.segment_f1(reference, scored.segments, limits)
            values.append((scores.micro[0], scores.macro[0]))
        micro, macro = np.mean(values, axis=0)
        assert rows.loc[(ITEM, "segments", network, "F1 of all decisions"), "value"] == pytest.approx(micro)
        assert rows.loc[(ITEM, "segments", network, "mean F1 of the classes"), "value"] == pytest.approx(macro)


def test_exchanged_networks_exchange_every_sign(test, validation, found):
    names = {a: b for a, b in zip(PUBLISHED.values(), list(PUBLISHED.values())[::-1], strict=True)}

    def exchanged(one):
        return replace(one, scored={names.get(system, system): seeds for system, seeds in one.scored.items()})

    rows, (turned, _) = found[0], located(exchanged(test), exchanged(validation))
    for (item, row, column, measure), value in rows["value"].items():
        if item == PAIRED:
            assert column == GAIN
            assert turned.loc[(item, row, column, measure), "value"] == pytest.approx(-value), (row, measure)
            whole, slat = (
                rows.loc[(ITEM, row, n, measure.removesuffix(" difference")), "value"] for n in GAIN.split(" - ")
            )
            assert value == pytest.approx(whole - slat), (row, measure)
        else:
            other = "N_S" if column == "N_S_slat" else "N_S_slat"
            assert turned.loc[(item, row, other, measure), "value"] == pytest.approx(value), (row, measure)
    assert (rows.index.get_level_values("item") == PAIRED).sum() == 6


def test_events_that_both_found_are_found_by_both():
    """One network finds the first event far off and misses the second; the other the other way round."""
    whole, slat = (PUBLISHED[network] for network in ("N_S", "N_S_slat"))
    onset = float(segment_bounds(5)[0].mean())
    strong = tuple(Event(onset, 1.6, label) for label in "abc")  # heard in the first three of five segments
    clips = tuple(Clip(name, name, 3, 4.0, None, ("a", "b", "c"), strong) for name in ("one", "two"))
    at = {whole: {"a": [4], "c": [1]}, slat: {"b": [3], "c": [2]}}

    def outputs(places):
        segments = np.zeros((5, 3), dtype=np.float32)
        for label, place in places.items():
            segments[place, "abc".index(label)] = 1.0
        return [Scored(np.ones((2, 3), dtype=np.float32), [segments, segments])]

    exact = {label: [0, 1, 2] for label in "abc"}
    test = Fold(clips, ("a", "b", "c"), np.ones((2, 3), dtype=np.float32),
                {system: outputs(at.get(system, {})) for system in SYSTEMS})  # fmt: skip
    rows, _ = located(test, replace(test, scored={system: outputs(exact) for system in SYSTEMS}))
    hop = 2 * HALF_A_HOP
    both, own = "onset error, events that both found", "onset error"
    for network, alone, shared in (("N_S", (4 + 1) / 2, 1), ("N_S_slat", (3 + 2) / 2, 2)):
        assert rows.loc[(ITEM, own, network, "s"), "value"] == pytest.approx(alone * hop)
        assert rows.loc[(ITEM, both, network, "s"), "value"] == pytest.approx(shared * hop)
        assert rows.loc[(ITEM, "events missed", network, "share"), "value"] == pytest.approx(1 / 3)
    assert rows.loc[(PAIRED, both, GAIN, "s difference"), "value"] == pytest.approx(-hop)


def test_random_starts_are_chance_and_not_what_was_found(test, validation, found):
    rows, _ = found
    for network in PUBLISHED:
        values = []
        for scored, held in zip(test.of(network), validation.of(network), strict=True):
            limits = localization.choose_thresholds(localisation._reference(validation), held.segments)
            errors = localisation.found(test, scored, limits)
            values.append(np.nanmean(errors.chance))
        assert rows.loc[(ITEM, "onset error of random starts", network, "s"), "value"] == pytest.approx(np.mean(values))


def test_examples_are_outputs_of_the_network_that_their_column_names(test, found):
    lines, events = found[1]["localisation"], found[1]["events"]
    assert 2 <= lines["clip"].nunique() == events["clip"].nunique() <= localisation.N_EXAMPLES
    index = {clip.id: number for number, clip in enumerate(test.clips)}
    for (clip, label), part in lines.groupby(["clip", "class"]):
        number = index[clip]
        assert len(test.clips[number].weak) > 1
        for network in PUBLISHED:
            outputs = np.mean([scored.segments[number][:, CLASSES.index(label)] for scored in test.of(network)], axis=0)
            np.testing.assert_allclose(part[network], outputs, atol=5e-5)
        np.testing.assert_allclose(part["seconds"], segment_bounds(len(part)).mean(1), atol=5e-4)
    true = [(c.id, round(e.onset, 3), round(e.offset, 3), e.label) for c in test.clips for e in c.strong]
    assert set(events.itertuples(index=False, name=None)) <= set(true)


def test_without_strong_labels_there_is_nothing_to_locate(test, validation):
    bare = replace(test, clips=tuple(replace(clip, strong=()) for clip in test.clips))
    for pair in ((bare, validation), (validation, bare)):
        rows, lines = Rows(), localise
        assert lines(rows, *pair) == {}
        assert rows.lines == []
