"""The cutting rule against signals whose events are known, and the table against the real clips."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import AudioError, DataError
from companion.events import (
    CutRule,
    EventCut,
    cut,
    find_events,
    length_statistics,
    read_table,
    write_table,
)

RATE = 44_100
RULE = CutRule()
FRAME = round(RULE.frame * RATE)
TABLE = Path(__file__).parents[1] / "data" / "events" / "esc50.csv"


def bursts(*regions, duration=5.0, level=0.5, floor_db=-200.0):
    """Noise of one level in some regions (seconds) over a noise floor relative to it."""
    noise = np.random.default_rng(0).uniform(-level, level, round(duration * RATE))
    gain = np.full(len(noise), 10 ** (floor_db / 20))
    for onset, offset in regions:
        gain[round(onset * RATE) : round(offset * RATE)] = 1.0
    return (noise * gain).astype(np.float32)


# --- where something sounds


@given(
    onset=st.floats(0.0, 3.0),
    length=st.floats(0.1, 1.9),
    level=st.sampled_from([1e-4, 0.01, 1.0]),
    floor_db=st.sampled_from([-200.0, -45.0]),
)
@settings(max_examples=40, deadline=None)
def test_a_burst_is_found_within_a_frame(onset, length, level, floor_db):
    ((first, last),) = find_events(bursts((onset, onset + length), level=level, floor_db=floor_db), RATE)
    # never inside the burst, except that an outermost frame with less than a thousandth of it may be left out
    assert -FRAME <= first - onset * RATE <= 0.01 * FRAME
    assert -0.01 * FRAME <= last - (onset + length) * RATE <= FRAME


@pytest.mark.parametrize(("gap", "n_events"), [(0.1, 1), (0.9, 1), (1.1, 2), (2.0, 2)])
def test_short_gaps_join_and_long_ones_split(gap, n_events):
    events = find_events(bursts((0.5, 1.0), (1.0 + gap, 1.5 + gap)), RATE)
    assert len(events) == n_events
    assert events[0][0] == pytest.approx(0.5 * RATE, abs=FRAME)
    assert events[-1][1] == pytest.approx((1.5 + gap) * RATE, abs=FRAME)


@given(st.lists(st.tuples(st.floats(0, 4.5), st.floats(0.07, 0.5)), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_events_are_ordered_apart_and_inside(regions):
    samples = bursts(*((onset, onset + length) for onset, length in regions))
    events = find_events(samples, RATE)
    assert events
    assert all(0 <= onset < offset <= len(samples) for onset, offset in events)
    pauses = [later[0] - earlier[1] for earlier, later in pairwise(events)]
    assert all(pause > RULE.join_gap * RATE for pause in pauses)


@pytest.mark.parametrize(("level_db", "found"), [(-25, 2), (-35, 1)])
def test_threshold_is_relative_to_the_loudest(level_db, found):
    samples = bursts((0.5, 1.0), (3.0, 3.5))
    samples[2 * RATE :] *= 10 ** (level_db / 20)
    assert len(find_events(samples, RATE)) == found


def test_level_of_the_clip_does_not_matter():
    samples = bursts((0.5, 1.0), (3.0, 3.5), floor_db=-40)
    assert find_events(samples, RATE) == find_events(samples * np.float32(1e-3), RATE)


def test_longest_caps_and_shortest_drops():
    capped = find_events(bursts((0.5, 4.5)), RATE, CutRule(longest=1.5))
    assert [offset - onset for onset, offset in capped] == [1.5 * RATE]
    click = np.zeros(5 * RATE, dtype=np.float32)
    click[RATE] = 1.0
    assert find_events(click, RATE) == []
    assert len(find_events(click, RATE, CutRule(shortest=0.02))) == 1


def test_stationary_sound_is_one_whole_event():
    assert find_events(bursts((0.0, 5.0)), RATE) == [(0, 5 * RATE)]


def test_last_partial_frame_ends_with_the_clip():
    samples = bursts((0.0, 1.0), duration=1.0)[: RATE - 100]
    assert find_events(samples, RATE) == [(0, RATE - 100)]


def test_silence_holds_no_event():
    assert find_events(np.zeros(RATE, dtype=np.float32), RATE) == []


@pytest.mark.parametrize("samples", [[], [0.0, np.nan, 1.0], [np.inf]])
def test_unusable_clips_are_refused(samples):
    with pytest.raises(AudioError):
        find_events(np.array(samples, dtype=np.float32), RATE)


# --- cutting


def test_edges_are_raised_cosines_of_ten_milliseconds():
    event = cut(np.ones(RATE, dtype=np.float32), 1000, 30_000, RATE)
    n = round(0.01 * RATE)
    ramp = np.sin(np.pi / 2 * (np.arange(n) + 0.5) / n) ** 2
    assert event[:n] == pytest.approx(ramp, abs=1e-6)
    assert event[-n:] == pytest.approx(ramp[::-1], abs=1e-6)
    assert (event[n:-n] == 1.0).all()
    assert event[:n] + event[-n:] == pytest.approx(1.0, abs=1e-6)  # a cross-fade keeps the level


@pytest.mark.parametrize("length", [0, 1, 2, 3, 881, 882, 883])
def test_short_cuts_keep_their_length_and_are_finite(length):
    event = cut(np.ones(RATE, dtype=np.float32), 10, 10 + length, RATE)
    assert event.shape == (length,)
    assert event.dtype == np.float32
    assert ((event >= 0) & (event <= 1)).all()


def test_cutting_leaves_the_clip_alone():
    samples = np.ones(RATE, dtype=np.float32)
    cut(samples, 0, 10_000, RATE)
    assert (samples == 1.0).all()


# --- the table


ROWS = [
    EventCut("1-1-A-0", 0, 44_100, "1", "dog", 1, "Ann, the \"first\""),
    EventCut("1-1-A-0", 100_000, 188_200, "1", "dog", 1, "Ann, the \"first\""),
    EventCut("2-2-A-1", 5, 22_055, "2", "cat", 2, ""),
]  # fmt: skip


def test_table_round_trip(tmp_path):
    write_table(tmp_path / "events.csv", ROWS)
    assert read_table(tmp_path / "events.csv") == ROWS


@pytest.mark.parametrize(
    "text",
    [
        "clip,onset\n1,2\n",
        "clip,onset,offset,recording,label,fold,author\nx,1.5,2,3,dog,1,A\n",
        "clip,onset,offset,recording,label,fold,author\nx,5,5,3,dog,1,A\n",
        "clip,onset,offset,recording,label,fold,author\nx,-5,5,3,dog,1,A\n",
        "clip,onset,offset,recording,label,fold,author\n" + "x" * 200_000 + ",0,5,3,dog,1,A\n",
    ],
)
def test_damaged_and_missing_tables(tmp_path, text):
    path = tmp_path / "events.csv"
    with pytest.raises(DataError, match="no event table") as caught:
        read_table(path)
    assert "companion events esc50" in caught.value.repair
    path.write_text(text)
    with pytest.raises(DataError, match="damaged") as caught:
        read_table(path)
    assert str(path) in caught.value.problem


def test_length_statistics():
    table = length_statistics(ROWS, RATE, clip_duration=5.0)
    assert list(table.index) == ["cat", "dog"]
    dog = table.loc["dog"]
    assert (dog.n_cuts, dog.n_clips, dog.n_recordings) == (2, 1, 1)
    assert dog["median"] == pytest.approx((1.0 + 88_200 / RATE) / 2)
    assert dog.active == pytest.approx((44_100 + 88_200) / (5 * RATE))
    assert (table.p5 <= table["median"]).all()
    assert (table["median"] <= table.p95).all()


# --- the table of ESC-50, kept under data/


def test_kept_table_is_well_formed():
    cuts = read_table(TABLE)
    assert len({row.label for row in cuts}) == 50
    assert all(0 <= row.onset < row.offset <= 220_500 for row in cuts)
    assert all(row.author for row in cuts)
    for row in cuts:
        fold, recording, _, _ = row.clip.split("-")
        assert (row.fold, row.recording) == (int(fold), recording)


def test_statistics_are_plausible():
    """What listening to ESC-50 leads one to expect; sneezes are short, rain and wind never end."""
    table = length_statistics(read_table(TABLE), RATE, clip_duration=5.0)
    silence = 5.0 * (1 - table.active)
    assert 2.5 < silence["glass_breaking"] < 4.0
    assert silence[["sneezing", "can_opening", "glass_breaking", "rooster"]].min() > 2.5
    assert silence[["rain", "wind", "train", "airplane", "crickets"]].max() < 0.1
    assert table["median"]["sneezing"] < 1.0
    assert (table.n_clips == 40).all()


def test_many_clips_hold_silence():
    active: dict[str, int] = {}
    for row in read_table(TABLE):
        active[row.clip] = active.get(row.clip, 0) + row.n_samples
    quiet = np.mean([220_500 - length >= RATE / 2 for length in active.values()])
    assert 0.2 < quiet < 0.4
