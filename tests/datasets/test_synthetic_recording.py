"""From score to recording: places, levels, labels."""

import numpy as np
import pytest
from scipy import signal

from companion.datasets.base import Event
from companion.datasets.synthetic import CLASSES
from companion.datasets.synthetic.elements import RATE
from companion.datasets.synthetic.recipe import loudest_level
from companion.datasets.synthetic.recording import (
    PEAK,
    Occurrence,
    Place,
    Score,
    bed,
    convolve,
    draw_place,
    impulse_response,
    perform,
    record,
    stream,
)


def score(*events: Event, ratio: float = 20.0, level: float = -30.0, name: str = "a") -> Score:
    return Score(name, name, 4.0, level, tuple(Occurrence(event, "voice", ratio) for event in events))


def test_streams_belong_to_their_names_alone():
    first = stream(0, "bark", "A").random(4)
    stream(0, "other").random(100)
    np.testing.assert_array_equal(first, stream(0, "bark", "A").random(4))
    others = [stream(1, "bark", "A"), stream(0, "bark", "B"), stream(0, "bark"), stream(0, "ba", "rk", "A")]
    assert all(not np.array_equal(first, other.random(4)) for other in others)


@pytest.mark.parametrize("tilt", [-6.0, -3.0, 0.0, 2.0])
def test_the_bed_has_its_slope_and_no_gaps(tilt: float):
    noise = bed(tilt, 10 * RATE, np.random.default_rng(0))
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1, rel=1e-4)
    frequencies, power = signal.welch(noise, RATE, nperseg=8192)
    band = (frequencies > 200) & (frequencies < 8000)
    slope = np.polyfit(np.log2(frequencies[band]), 10 * np.log10(power[band]), 1)[0]
    assert slope == pytest.approx(tilt, abs=0.4)


def test_a_room_decays_by_60_db_in_its_reverberation_time():
    place = Place(reverberation=0.8, directness=0.0, tilt=0.0, microphone=(0.0, 0.0))
    response = impulse_response(place, np.random.default_rng(0))
    assert response[0] == 1
    assert np.sum(response[1:] ** 2) == pytest.approx(1)  # directness 0 dB: as much from the room
    levels = 10 * np.log10(np.square(response[1 : 1 + 20 * 1000]).reshape(20, 1000).mean(axis=1))
    slope = np.polyfit(np.arange(20) * 1000 / RATE, levels, 1)[0]
    assert slope == pytest.approx(-60 / 0.8, rel=0.05)


def test_places_lie_within_their_ranges():
    places = [draw_place(np.random.default_rng(seed), (-4.0, -1.0)) for seed in range(100)]
    assert all(0.15 <= place.reverberation <= 1.2 for place in places)
    assert all(-4 <= place.tilt <= -1 for place in places)
    assert len({place.reverberation for place in places}) == 100


def test_convolution_is_linear_not_circular():
    rng = np.random.default_rng(0)
    samples, response = rng.standard_normal(500), rng.standard_normal(80)
    np.testing.assert_allclose(convolve(samples, response), np.convolve(samples, response)[:500], atol=1e-4)


def test_dry_events_sound_between_onset_and_offset_only():
    events = [Event(0.5, 1.5, "wail"), Event(2.0, 2.75, "clock")]
    track = perform(score(*events), seed=0)
    inside = np.zeros(len(track), dtype=bool)
    for event in events:
        span = slice(round(event.onset * RATE), round(event.offset * RATE))
        inside[span] = True
        assert np.abs(track[span]).max() > 0
    assert not track[~inside].any()


@pytest.mark.parametrize("label", CLASSES)
def test_every_class_stands_over_the_bed_by_its_ratio(label: str):
    for ratio in (0.0, 20.0):
        track = perform(score(Event(1.0, 2.5, label), ratio=ratio), seed=0)
        assert 20 * np.log10(loudest_level(track)) == pytest.approx(ratio, abs=1.0)  # windows need not align


def test_two_events_of_one_voice_share_the_pitch_but_are_not_copies():
    events = Event(0.0, 1.0, "rising_chirp"), Event(2.0, 3.0, "rising_chirp")
    track = perform(score(*events), seed=0)
    one, two = track[:RATE], track[2 * RATE : 3 * RATE]
    assert not np.allclose(one, two)
    spectra = [signal.welch(part, RATE, nperseg=4096)[1] for part in (one, two)]
    assert np.corrcoef(*np.log(spectra))[0, 1] > 0.9


def test_the_loudest_moment_has_the_declared_level():
    for level in (-35.0, -20.0):
        samples = record(score(Event(1.0, 3.0, "howl"), level=level), seed=0)
        assert 20 * np.log10(loudest_level(samples)) == pytest.approx(level, abs=0.01)


def test_a_level_that_would_clip_is_lowered():
    samples = record(score(Event(1.0, 3.0, "clock"), level=0.0), seed=0)
    assert np.abs(samples).max() == pytest.approx(PEAK)


def test_a_score_without_events_is_the_bed_alone():
    samples = record(score(), seed=0)
    assert len(samples) == 4 * RATE
    assert loudest_level(samples[:RATE]) == pytest.approx(loudest_level(samples[-RATE:]), rel=0.5)
