"""Truths of Table 1 on made-up outputs: every number in its row, and exchanged systems exchange their signs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from companion.datasets.base import Clip, Event
from companion.papers.kumar2018.source import SHOWN
from companion.papers.kumar2018.table1 import (
    HEARD,
    MEAN,
    PUBLISHED,
    SCANNED,
    SEGMENTWISE,
    Fold,
    Judge,
    by_length,
    cross,
    extremes,
    filled,
    printed_classes,
    table1,
)
from companion.results.published import load_audioset_names, load_published
from companion.results.rows import Rows
from papers.kumar2018.made_up import CLASSES, SYSTEMS, chance, fold, partly, perfect

WHOLE_SCANNED, WHOLE_CUT, SLAT_SCANNED, SLAT_CUT = SYSTEMS
KEY = ["item", "row", "column", "measure"]


@pytest.fixture(scope="module")
def test():
    return fold({WHOLE_SCANNED: partly(0.6), WHOLE_CUT: partly(0.5), SLAT_SCANNED: partly(0.3), SLAT_CUT: partly(0.2)})


@pytest.fixture(scope="module")
def validation():
    return fold(chance, seed=1)


def found(rows: Rows) -> pd.DataFrame:
    return rows.frame(data="x").set_index(KEY).sort_index()


@pytest.fixture(scope="module")
def rows(test, validation):
    made = Rows()
    table1(made, test, validation)
    return found(made)


def scores(metric, outputs, labels):
    """A measure of each class that occurs, by scikit-learn."""
    occurs = (labels.sum(0) > 0) & (labels.sum(0) < len(labels))
    values = [metric(labels[:, i], outputs[:, i]) if occurs[i] else np.nan for i in range(labels.shape[1])]
    return np.array(values)


def mean(metric, outputs, labels):
    return float(np.nanmean(scores(metric, outputs, labels)))


def exchanged(one: Fold, shown: bool = False, heard: bool = False) -> Fold:
    """The same outputs under exchanged names."""
    other = {SHOWN[0]: SHOWN[1], SHOWN[1]: SHOWN[0]} if shown else {}
    turned = {SCANNED: SEGMENTWISE, SEGMENTWISE: SCANNED} if heard else {}
    return replace(one, scored={(other.get(s, s), turned.get(h, h)): one.scored[s, h] for s, h in one.scored})


def test_every_number_is_scikit_learns_of_the_outputs_it_names(test, rows):
    for network, system in PUBLISHED.items():
        seeds = test.scored[system]
        area = [mean(roc_auc_score, one.recording, test.labels) for one in seeds]
        expected = {
            ("Table1 top-left", "MAP"): [mean(average_precision_score, s.recording, test.labels) for s in seeds],
            ("Table1 top-left", "MAUC"): area,
            ("Table1 top-left, d-prime", "d-prime"): np.sqrt(2) * norm.ppf(area),
            ("Table1 top-left, maximum over segments", "MAP"): [
                mean(average_precision_score, np.array([k.max(0) for k in one.segments]), test.labels) for one in seeds
            ],
        }
        for (item, measure), values in expected.items():
            assert rows.loc[(item, MEAN, network, measure), "value"] == pytest.approx(np.mean(values)), (item, measure)
    for shown, heard in SYSTEMS:
        values = [mean(average_precision_score, one.recording, test.labels) for one in test.scored[shown, heard]]
        assert rows.loc[("Cross", f"shown {shown}", heard, "MAP"), "value"] == pytest.approx(np.mean(values))


def test_differences_and_ratios_are_n_s_to_n_s_slat(rows):
    assert rows["n_recordings"].eq(40).sum() > 30
    for item, suffix, measure in (
        ("Table1 top-left", "", "MAP"),
        ("Table1 top-left", "", "MAUC"),
        ("Table1 top-left, d-prime", ", d-prime", "d-prime"),
        ("Table1 top-left, maximum over segments", ", maximum over segments", "MAP"),
    ):
        slat, whole = (rows.loc[(item, MEAN, network, measure), "value"] for network in ("N_S_slat", "N_S"))
        gain = rows.loc[(f"Paired{suffix}", MEAN, "N_S - N_S_slat", f"{measure} difference")]
        assert gain["value"] == pytest.approx(whole - slat)
        assert gain["value"] > 0
        assert gain["ci_low"] < gain["value"] < gain["ci_high"]
        assert 0 <= gain["p_value"] < 1
        if measure != "d-prime":
            ratio = rows.loc[(f"Paired{suffix}", MEAN, "N_S / N_S_slat", f"{measure} ratio"), "value"]
            assert ratio == pytest.approx(whole / slat)
    published = load_published()
    cells = published[published["item"] == "Table1 top-left"]
    assert set(cells[KEY].itertuples(index=False, name=None)) <= set(rows.index)


def test_exchanged_networks_exchange_every_sign(test, validation, rows):
    turned = Rows()
    judge = Judge(turned, exchanged(test, shown=True, heard=True))
    for chosen_on, suffix in ((test, ""), (validation, ", chosen on validation recordings")):
        extremes(judge, chosen_on, suffix, "the same classes")
    table1(other := Rows(), exchanged(test, shown=True, heard=True), validation)
    other.lines = [line for line in other.lines if "10" not in line["row"]] + turned.lines
    other = found(other)
    assert set(other.index) == set(rows.index)
    names = {"N_S": "N_S_slat", "N_S_slat": "N_S"}
    n_turned = 0
    for key, value in rows["value"].items():
        item, row, column, measure = key
        if measure.endswith("difference") and "Cross" not in item:
            assert other.loc[key, "value"] == pytest.approx(-value), key
        elif measure.endswith("ratio"):
            assert other.loc[key, "value"] == pytest.approx(1 / value), key
        elif column in names:
            assert other.loc[(item, row, names[column], measure), "value"] == pytest.approx(value), key
        n_turned += measure.endswith(("difference", "ratio"))
    assert n_turned > 20


@pytest.mark.parametrize(
    ("exchange", "signs"),
    [
        ({"shown": True}, {"training": -1, "hearing": 1, "interplay": -1}),
        ({"heard": True}, {"training": 1, "hearing": -1, "interplay": -1}),
        ({"shown": True, "heard": True}, {"training": -1, "hearing": -1, "interplay": 1, "together": -1}),
    ],
    ids=["training", "hearing", "both"],
)
def test_effects_of_training_and_hearing_turn_with_what_is_exchanged(test, rows, exchange, signs):
    cross(Judge(made := Rows(), exchanged(test, **exchange)), "all lengths")
    one, two = (frame.loc["Cross, effects", "all lengths"]["value"] for frame in (rows, found(made)))
    for (effect, measure), value in one.items():
        sign = signs.get(effect.partition(":")[0])
        if sign:
            assert two[effect, measure] == pytest.approx(sign * value), effect


def test_effects_by_hand(test, rows):
    ap = {
        system: np.mean([mean(average_precision_score, one.recording, test.labels) for one in seeds])
        for system, seeds in test.scored.items()
    }
    effects = rows.loc["Cross, effects", "all lengths"]["value"]
    expected = {
        "training: recordings - segments":
            (ap[WHOLE_SCANNED] - ap[SLAT_SCANNED] + ap[WHOLE_CUT] - ap[SLAT_CUT]) / 2,
        "hearing: scanned - segment by segment":
            (ap[WHOLE_SCANNED] - ap[WHOLE_CUT] + ap[SLAT_SCANNED] - ap[SLAT_CUT]) / 2,
        "interplay": (ap[WHOLE_SCANNED] - ap[SLAT_SCANNED] - ap[WHOLE_CUT] + ap[SLAT_CUT]) / 2,
        "together": ap[WHOLE_SCANNED] - ap[SLAT_CUT],
    }  # fmt: skip
    assert effects.droplevel("measure").to_dict() == pytest.approx(expected)


def test_a_third_network_has_its_own_rows_and_leaves_the_effects_as_they_are(test, rows):
    small = {
        (SHOWN[2], heard): test.scored[PUBLISHED[network]] for heard, network in zip(HEARD, PUBLISHED, strict=True)
    }
    cross(Judge(made := Rows(), replace(test, scored={**small, **test.scored})), "all lengths")
    other = found(made)["value"]
    for heard, network in zip(HEARD, PUBLISHED, strict=True):
        own = rows.loc[("Table1 top-left", MEAN, network, "MAP"), "value"]
        assert other["Cross", f"shown {SHOWN[2]}", heard, "MAP"] == pytest.approx(own)
    effects = rows.loc["Cross, effects", "all lengths"]["value"]
    assert other["Cross, effects", "all lengths"].to_dict() == pytest.approx(effects.to_dict())


@pytest.mark.filterwarnings("ignore:invalid value")  # a perfect network's d-prime has no end
def test_a_perfect_network_has_one_in_exactly_its_rows(validation):
    made = Rows()
    table1(made, fold({system: perfect if system == WHOLE_SCANNED else chance for system in SYSTEMS}), validation)
    frame = made.frame(data="x")
    levels = frame[frame["measure"].isin(["MAP", "MAUC", "AP"])]
    full = levels[levels["value"] > 1 - 1e-9]
    assert len(full) > 8
    own = (levels["column"] == "N_S") | (levels["row"].str.endswith("shown recordings") & (levels["column"] == SCANNED))
    assert full.index.tolist() == levels[own].index.tolist()


def test_the_ten_lowest_and_highest_are_chosen_under_n_s_slat_on_the_fold_that_the_item_names():
    """N_S_slat knows the first classes in the test recordings and the last ones in the validation recordings."""

    def ordered(known):
        def outputs(labels, rng):
            return np.where(known == 0, chance(labels, rng) + 0.5 * labels, known * labels)

        return outputs

    first = np.array([1.0] * 4 + [0.0] * 6 + [-1.0] * 4)
    test = fold({system: ordered(first if system == SLAT_CUT else -first) for system in SYSTEMS})
    validation = fold({system: ordered(-first if system == SLAT_CUT else first) for system in SYSTEMS}, seed=1)
    made = Rows()
    table1(made, test, validation)
    rows = found(made)
    letters = {"first": set(CLASSES[:10]), "last": set(CLASSES[4:])}
    for name, suffix, chosen in (
        ("lowest", "", "last"),
        ("highest", "", "first"),
        ("lowest", ", chosen on validation recordings", "first"),
        ("highest", ", chosen on validation recordings", "last"),
    ):
        item, row = f"Table1 bottom {name} 10{suffix}", f"Mean ({name} 10)"
        for network, system in PUBLISHED.items():
            line = rows.loc[(item, row, network, "AP")]
            assert set(line["note"].partition(": ")[2].split(", ")) == letters[chosen], (name, suffix)
            members = [CLASSES.index(letter) for letter in letters[chosen]]
            ap = [scores(average_precision_score, one.recording, test.labels)[members] for one in test.scored[system]]
            assert line["value"] == pytest.approx(np.mean(ap))
        gain = rows.loc[(f"Paired{suffix}", row, "N_S - N_S_slat", "AP difference"), "value"]
        assert gain == pytest.approx(
            rows.loc[(item, row, "N_S", "AP"), "value"] - rows.loc[(item, row, "N_S_slat", "AP"), "value"]
        )


def test_lengths_are_compared_each_by_itself(test):
    made = Rows()
    by_length(made, test)
    rows = found(made)
    durations = np.array([clip.duration for clip in test.clips])
    for length in (4.0, 8.0):
        own = durations == length
        for network, system in PUBLISHED.items():
            line = rows.loc[("By length", f"{length:g} s", network, "MAP")]
            ap = [mean(average_precision_score, one.recording[own], test.labels[own]) for one in test.scored[system]]
            assert line["value"] == pytest.approx(np.mean(ap))
            assert line["n_clips"] == line["n_recordings"] == own.sum()
        for (shown, heard), seeds in test.scored.items():
            ap = [mean(average_precision_score, one.recording[own], test.labels[own]) for one in seeds]
            value = rows.loc[(f"Cross, {length:g} s", f"shown {shown}", heard, "MAP"), "value"]
            assert value == pytest.approx(np.mean(ap))
        assert len(rows.loc[("Cross, effects", f"{length:g} s")]) == 4
        assert ("Paired, by length", f"{length:g} s", "N_S - N_S_slat", "MAP difference") in rows.index
    one_length = replace(test, clips=tuple(replace(clip, duration=4.0) for clip in test.clips))
    none = Rows()
    by_length(none, one_length)
    assert none.lines == []


def test_classes_have_their_own_numbers_in_the_columns_that_name_them(test):
    labels = test.labels.copy()
    labels[:, 2] = 0
    table = Judge(Rows(), replace(test, labels=labels)).by_class().set_index("class")
    assert "c" not in table.index, "a class that never occurs has no score"
    for network, system in PUBLISHED.items():
        ap = [scores(average_precision_score, one.recording, labels) for one in test.scored[system]]
        named = dict(zip(CLASSES, np.mean(ap, axis=0), strict=True))
        assert table[network].to_dict() == pytest.approx({name: named[name] for name in table.index})
    assert np.allclose(table["difference"], table["N_S"] - table["N_S_slat"])
    assert ((table["ci_low"] < table["difference"]) & (table["difference"] < table["ci_high"])).all()
    assert table["positives"].to_dict() == {n: labels[:, CLASSES.index(n)].sum() for n in table.index}


def test_printed_classes_stand_under_the_papers_words():
    names = load_audioset_names("Kumar2018")
    words = ["Scrape", "Music", "Door"]
    test = fold({system: partly(0.2 + 0.2 * n) for n, system in enumerate(SYSTEMS)},
                classes=[names[word] for word in words] + ["Wind"])  # fmt: skip
    made = Rows()
    printed_classes(Judge(made, test))
    rows = found(made)["value"].droplevel("measure")
    items = {
        "Scrape": "Table1 bottom lowest 10",
        "Music": "Table1 bottom highest 10",
        "Door": "Table1 bottom lowest 10",
    }
    expected = {
        (items[word], word, network): np.mean(
            [scores(average_precision_score, one.recording, test.labels)[i] for one in test.scored[system]]
        )
        for i, word in enumerate(words)
        for network, system in PUBLISHED.items()
    }
    assert rows.to_dict() == pytest.approx(expected)


def test_recordings_of_one_author_are_not_independent(test):
    by_one = replace(test, author_of={clip.recording: "somebody" for clip in test.clips})
    for kept in (None, np.arange(len(test.clips)) % 3 > 0):
        Judge(made := Rows(), by_one, kept=kept).both("Table1 top-left", MEAN, "MAP", "")
        assert found(made)["ci_low"].isna().all()
        Judge(others := Rows(), test, kept=kept).both("Table1 top-left", MEAN, "MAP", "")
        assert found(others)["ci_low"].notna().all()


def test_what_events_fill_by_hand():
    events = (Event(0, 1, "a"), Event(0.5, 1.5, "a"), Event(3, 4, "b"))
    clips = (
        Clip("one", "1", 3, 4.0, None, ("a", "b"), events),
        Clip("two", "2", 3, 4.0, None, ("a",), (Event(0, 4, "a"),)),
        Clip("three", "3", 3, 8.0, None, ("b",), (Event(2, 4, "b"),)),
    )
    table = filled(Fold(clips, ("a", "b"), np.zeros((3, 2), dtype=np.float32), {}))
    assert table.to_dict("list") == {
        "length s": [4.0, 8.0],
        "recordings": [2, 1],
        "share filled by events": [0.8125, 0.25],
        "share filled by one labelled class": [round((0.3125 + 1) / 2, 4), 0.25],
    }
