"""Truths of the rows, on made-up outputs: every number is of the system, recordings and class that its words name."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from companion.datasets.base import Clip, Event
from companion.evaluation.intervals import interval
from companion.papers.kumarraj2017 import tables
from companion.papers.kumarraj2017.learning import HEARD, SHOWN
from companion.papers.kumarraj2017.tables import (
    ALIKE,
    KINDS,
    SLAT,
    TRAINED,
    US,
    US_TEST,
    WILD_TEST,
    WLER,
    YT,
    Judge,
    published,
)
from companion.results.rows import Rows
from companion.training.recordings import Scored
from papers.kumarraj2017.tiny import SYSTEMS, made_up, rows_of

ROWS = {"dog": "Dog Bark", "siren": "Siren"}


def ap(test, system, index, kept=slice(None)):
    return np.mean(
        [average_precision_score(test.labels[kept, index], one.recording[kept, index]) for one in test.scored[system]]
    )


def mean_ap(test, system, kept=slice(None)):
    return np.mean([ap(test, system, i, kept) for i in range(3) if test.labels[kept, i].any()])


def exchanged(test, one, other):
    scored = {**test.scored, one: test.scored[other], other: test.scored[one]}
    return replace(test, scored=scored)


def test_every_cell_is_scikit_learns_ap_of_the_system_and_class_it_names():
    test, rows = made_up(), Rows()
    tables.table(rows, test, ROWS)
    found = rows_of(rows)
    for trained in TRAINED:
        for kind in KINDS:
            system, column = published(trained, kind), f"{trained} {kind}"
            assert found[US_TEST, "MAP", column, "AP"]["value"] == pytest.approx(mean_ap(test, system))
            for index, label in enumerate(("dog", "siren", "drill")):
                row = (US_TEST, ROWS[label]) if label in ROWS else (f"{US_TEST}, stand-ins", label)
                assert found[*row, column, "AP"]["value"] == pytest.approx(ap(test, system, index))
    assert published(US, WLER) == (US, "recordings", "scanned")
    assert published(YT, SLAT) == (YT, "segments", "segment by segment")


def test_a_class_that_does_not_occur_has_no_row_and_is_not_counted():
    rows = Rows()
    lines = tables.table(rows, made_up(), ROWS)
    assert not [key for key in rows_of(rows) if "absent" in key]
    assert set(lines["class"]) == {"dog", "siren", "drill"}
    assert "mean over 3 classes" in rows_of(rows)[US_TEST, "MAP", "US WLER", "AP"]["note"]


def test_differences_are_wler_to_slat_and_care_to_search_and_turn_with_what_is_exchanged():
    good = {published(US, WLER): 3.0, published(YT, SLAT): 2.0}
    test = made_up(quality=lambda system: good.get(system, 0.5))
    found = {}
    for name, one in (("as it is", test), ("exchanged", exchanged(test, published(US, WLER), published(US, SLAT)))):
        rows = Rows()
        tables.table(rows, one, ROWS)
        found[name] = rows_of(rows)
    gain = ("Paired, US test", "MAP", "US WLER - US SLAT", "AP difference")
    assert found["as it is"][gain]["value"] > 0.2
    assert found["exchanged"][gain]["value"] == pytest.approx(-found["as it is"][gain]["value"])
    assert found["exchanged"][gain]["ci_low"] == pytest.approx(-found["as it is"][gain]["ci_high"])
    for row in ("Dog Bark", "Siren", "drill"):
        key = ("Paired, US test", row, "US WLER - US SLAT", "AP difference")
        assert found["exchanged"][key]["value"] == pytest.approx(-found["as it is"][key]["value"])
    assert found["as it is"]["Paired, US test", "MAP", "YT WLER - YT SLAT", "AP difference"]["value"] < 0
    assert found["as it is"]["Paired, US test", "MAP", "US WLER - YT WLER", "AP difference"]["value"] > 0
    assert found["as it is"]["Paired, US test", "MAP", "US SLAT - YT SLAT", "AP difference"]["value"] < 0


def test_each_table_keeps_its_own_words():
    rows = Rows()
    for item in (US_TEST, WILD_TEST):
        tables.table(rows, made_up(item=item), ROWS)
    items = {item for item, *_ in rows_of(rows)}
    for name, item in (("US test", US_TEST), ("AudioSet test", WILD_TEST)):
        own = {item, f"{item}, stand-ins", f"Paired, {name}", f"Prose, {name}"}
        assert own <= items
        items -= own
    assert not items


def test_the_lowest_of_all_classes_is_the_lowest_and_named():
    rows = Rows()
    lines = tables.table(rows, made_up(), ROWS)
    own = lines[lines["trained"] == US].set_index("class")["difference"]
    found = rows_of(rows)["Prose, US test", "lowest of all classes", "US WLER - US SLAT", "AP difference"]
    assert found["value"] == pytest.approx(own.min())
    assert f"the lowest is {own.idxmin()}; {(own > 0).sum()} of 3 differences" in found["note"]
    judge = Judge(Rows(), test := made_up())
    gains = [judge.mean(published(US, WLER), classes=[i]) - judge.mean(published(US, SLAT), classes=[i])
             for i in range(3)]  # fmt: skip
    joint = [interval(gain, bounds=(-1.0, 1.0), level=1 - 0.05 / 3) for gain in gains]
    assert found["ci_high"] == pytest.approx(min(one.high for one in joint)), "of whichever is lowest of three"
    assert test.classes[:3] == tuple(lines["class"][:3])


def test_the_interval_of_ap_is_one_of_log_odds():
    rows = Rows()
    tables.table(rows, made_up(), ROWS)
    line = rows_of(rows)[US_TEST, "MAP", "US WLER", "AP"]
    low, value, high = (np.log(line[name] / (1 - line[name])) for name in ("ci_low", "value", "ci_high"))
    assert high - value == pytest.approx(value - low)


def test_lines_of_classes_hold_their_own_numbers():
    test = made_up()
    lines = tables.table(Rows(), test, ROWS)
    assert set(lines["test"]) == {"US test"}
    for line in lines.itertuples():
        index = test.classes.index(line[lines.columns.get_loc("class") + 1])
        assert line.positives == test.labels[:, index].sum() == 20
        assert pytest.approx(ap(test, published(line.trained, WLER), index)) == line.WLER
        assert pytest.approx(ap(test, published(line.trained, SLAT), index)) == line.SLAT
        assert line.ci_low < line.difference < line.ci_high
        assert line.difference == pytest.approx(line.WLER - line.SLAT)


def with_strong(test, shares, seconds=None):
    """The same test set with an event that fills a share of each recording."""
    seconds = np.full(len(shares), 10.0) if seconds is None else seconds
    clips = tuple(
        replace(clip, duration=float(s), strong=(Event(1.0, 1.0 + share * s, clip.weak[0]),))
        for clip, share, s in zip(test.clips, shares, seconds, strict=True)
    )
    return replace(test, clips=clips)


SHARES = np.tile([0.03, 0.05, 0.1, 0.3, 0.61, 1.0], 10)


def test_recordings_lie_in_the_bin_of_their_share_once():
    test = with_strong(made_up(), SHARES)
    found = dict(tables.bins(test, (0.0, 0.05, 0.2, 0.6, 1.0)))
    assert list(found) == ["up to 5 %", "5 to 20 %", "20 to 60 %", "60 to 100 %"]
    assert np.sum(list(found.values()), axis=0).tolist() == [1] * 60
    assert [sorted(set(SHARES[kept])) for kept in found.values()] == [[0.03, 0.05], [0.1], [0.3], [0.61, 1.0]]


def test_gains_by_share_are_of_the_recordings_of_their_share():
    test, rows = with_strong(made_up(), SHARES), Rows()
    tables.by_share(rows, test, (0.0, 0.2, 1.0))
    found, kept = rows_of(rows), SHARES <= 0.2
    for name, members in (("up to 20 %", kept), ("20 to 100 %", ~kept)):
        for trained in TRAINED:
            gain = mean_ap(test, published(trained, WLER), members) - mean_ap(test, published(trained, SLAT), members)
            line = found["Paired, by share", name, f"{trained} WLER - {trained} SLAT", "AP difference"]
            assert line["value"] == pytest.approx(gain)
            assert (line["n_clips"], line["n_recordings"]) == (30, 30)
    low, high = (found["Paired, by share", name, "US WLER - US SLAT", "AP difference"]["value"]
                 for name in ("up to 20 %", "20 to 100 %"))  # fmt: skip
    column = "gain at up to 20 % - gain at 20 to 100 %"
    assert found["Prose, US test", "US WLER - US SLAT", column, "AP difference"]["value"] == pytest.approx(low - high)


def test_recordings_too_short_to_be_filled_little_are_left_out():
    """Two in three are long; among the short ones the systems are exchanged, which must not be seen."""
    seconds = np.tile([2.0, 8.0, 30.0], 20)
    long, (good, bad) = seconds >= 8.0, (published(US, WLER), published(US, SLAT))
    test = with_strong(made_up(quality=lambda system: 3.0 if system == good else 0.5), np.tile([0.1, 0.9], 30), seconds)
    turned = {
        system: [Scored(np.where(long[:, None], one.recording, other.recording), []) for one, other in
                 zip(test.scored[system], test.scored[{good: bad, bad: good}.get(system, system)], strict=True)]
        for system in test.scored
    }  # fmt: skip
    found = []
    for one in (test, replace(test, scored={**test.scored, **turned})):
        rows = Rows()
        tables.by_share(rows, one, (0.0, 0.5, 1.0), 8.0)
        found.append({key: line["value"] for key, line in rows_of(rows).items()})
        assert {line["n_clips"] for line in rows.lines if line["item"] == "By share"} == {20}
    assert found[0] == pytest.approx(found[1])


def test_an_interval_on_some_recordings_is_that_of_a_test_set_of_these_alone():
    test, system = with_strong(made_up(), SHARES), published(US, WLER)
    kept = SHARES <= 0.2
    rows = Rows()
    judge = Judge(rows, test)
    judge.value("a", "part", "x", judge.mean(system, kept), kept=kept)
    members = np.flatnonzero(kept)
    alone = replace(
        test,
        clips=tuple(test.clips[i] for i in members),
        labels=test.labels[kept],
        scored={system: [Scored(one.recording[kept], []) for one in test.scored[system]]},
    )
    judge = Judge(rows, alone)
    judge.value("a", "alone", "x", judge.mean(system))
    part, whole = (rows_of(rows)["a", name, "x", "AP"] for name in ("part", "alone"))
    for name in ("value", "ci_low", "ci_high", "n_clips", "n_recordings", "n_seeds"):
        assert part[name] == pytest.approx(whole[name], rel=1e-6), name


def test_gains_by_length_are_of_the_recordings_of_their_length():
    seconds, rows = np.tile([2.0, 4.0, 30.0], 20), Rows()
    seconds = np.random.default_rng(0).permutation(seconds)
    test = with_strong(made_up(), SHARES, seconds)
    tables.by_length(rows, test, (0.0, 4.0, 60.0, 600.0))
    found = rows_of(rows)
    assert [row for _, row, *_ in found] == ["up to 4 s", "up to 60 s"], "no recording is longer"
    for row, kept in (("up to 4 s", seconds <= 4), ("up to 60 s", seconds > 4)):
        gain = mean_ap(test, published(US, WLER), kept) - mean_ap(test, published(US, SLAT), kept)
        line = found["Paired, by length", row, "US WLER - US SLAT", "AP difference"]
        assert line["value"] == pytest.approx(gain)
        assert line["n_clips"] == line["n_recordings"] == kept.sum()


def test_training_and_hearing_are_told_apart():
    """Systems whose quality depends on training alone, on hearing alone, or on how many segments are heard."""
    effects = {
        "training: recordings - segments": lambda s: 3.0 * (s[1] == SHOWN[0]),
        "hearing: scanned - segment by segment": lambda s: 3.0 * (s[2] != HEARD[1]),
        "segments: every 32 frames - fewer": lambda s: 3.0 * (s[2] == HEARD[0]),
    }
    for name, quality in effects.items():
        rows, test = Rows(), made_up(n=300, quality=quality)
        tables.cross(Judge(rows, test), "all")
        found = rows_of(rows)
        for effect in effects:
            value = found["Cross, effects", "all", effect, "AP difference"]["value"]
            assert (value > 0.2) == (effect == name), (name, effect, value)
            assert abs(value) < 0.08 or effect == name, (name, effect, value)
        for shown in SHOWN:
            for heard in (*HEARD, ALIKE):
                line = found["Cross", f"shown {shown}, all", heard, "AP"]
                assert line["value"] == pytest.approx(mean_ap(test, (US, shown, heard)))


def test_effects_add_up_to_the_papers_difference():
    rows, test = Rows(), made_up()
    tables.cross(Judge(rows, test), "all")
    found = {key[2]: line["value"] for key, line in rows_of(rows).items() if key[0] == "Cross, effects"}
    cells = {key[1:3]: line["value"] for key, line in rows_of(rows).items() if key[0] == "Cross"}
    whole, parts = (f"shown {shown}, all" for shown in SHOWN)
    assert found["together"] == pytest.approx(cells[whole, HEARD[0]] - cells[parts, HEARD[1]])
    training = cells[whole, ALIKE] + cells[whole, HEARD[1]] - cells[parts, ALIKE] - cells[parts, HEARD[1]]
    assert found["training: recordings - segments"] == pytest.approx(training / 2)


def test_a_cross_that_is_not_whole_is_left_out():
    rows = Rows()
    tables.cross(Judge(rows, made_up(systems=[s for s in SYSTEMS if s[2] != ALIKE])), "all")
    assert not rows.lines


def test_every_second_segment_and_the_highest_of_those():
    segments = [np.array([[0.1], [0.9], [0.3], [0.2], [0.4]]), np.array([[0.5]])]
    found = tables.alike(Scored(np.array([[0.9], [0.5]]), segments), 2)
    assert [one.ravel().tolist() for one in found.segments] == [[0.1, 0.3, 0.4], [0.5]]
    assert found.recording.ravel().tolist() == [0.4, 0.5]


def test_scales_are_compared_with_the_mean_of_all():
    systems = (tables.scale_system("all"), tables.scale_system("all", 512), tables.scale_system("one", 512))
    quality = dict(zip(systems, (2.0, 1.0, 0.2), strict=True))
    test, rows = made_up(systems=list(quality), quality=quality.get), Rows()
    tables.scale_rows(rows, test, (512,))
    found = rows_of(rows)
    both, of_all, alone = (mean_ap(test, system) for system in quality)
    assert found["Scales", "trained on all", "mean of all", "AP"]["value"] == pytest.approx(both)
    assert found["Scales", "trained on all", "512 alone", "AP"]["value"] == pytest.approx(of_all)
    assert found["Scales", "trained on 512", "512 alone", "AP"]["value"] == pytest.approx(alone)
    for row, column, value in (
        ("mean of all", "all - 512 of all", both - of_all),
        ("trained on all", "all - 512", of_all - alone),
        ("together", "all - 512 alone", both - alone),
    ):
        assert found["Gain of scales", row, column, "AP difference"]["value"] == pytest.approx(value)


def test_the_share_that_events_fill_counts_overlaps_once_and_classes_apart():
    clip = Clip("c", "r", 3, 10.0, weak=("a",), strong=(Event(0, 2, "a"), Event(1, 3, "a"), Event(5, 6, "a")))
    assert tables.filled(clip) == pytest.approx(0.4)
    both = replace(clip, strong=(*clip.strong, Event(0, 10, "b")))
    assert tables.filled(both) == pytest.approx(0.7)
    assert np.isnan(tables.filled(replace(clip, strong=())))
