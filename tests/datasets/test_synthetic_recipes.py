"""Every class keeps what its recipe declares: pitch, rate, length and its place among the superclasses."""

from collections import Counter

import numpy as np
import pytest
from scipy import fft, signal

from companion.datasets.synthetic import (
    CLASSES,
    RECIPES,
    SOURCE_CLASSES,
    SUPERCLASS_OF,
    SUPERCLASSES,
    TARGET_CLASSES,
)
from companion.datasets.synthetic.elements import RATE
from companion.datasets.synthetic.recipe import Voice, loudest_level
from companion.datasets.synthetic.struck import CHURCH_BELL, FREE_BAR, MEMBRANE, SQUARE_PLATE, ring_modes


def sound(name: str, voice: Voice, duration: float, seed: int = 0) -> np.ndarray:
    return RECIPES[name].sound(voice, duration, np.random.default_rng(seed))


def envelope(samples: np.ndarray, cutoff: float = 60.0) -> np.ndarray:
    """Smoothed instantaneous power, at 441 values a second."""
    sections = signal.butter(2, cutoff, fs=RATE, output="sos")
    return signal.sosfiltfilt(sections, samples**2)[::100]


def rate_of(samples: np.ndarray, low: float, high: float) -> float:
    """Strongest rate in the envelope between two rates, per second."""
    curve = envelope(samples)
    spectrum = np.abs(fft.rfft((curve - curve.mean()) * np.hanning(len(curve)), 1 << 16))
    rates = fft.rfftfreq(1 << 16, 100 / RATE)
    return float(rates[np.where((rates >= low) & (rates <= high), spectrum, 0).argmax()])


def track_pitch(samples: np.ndarray) -> np.ndarray:
    """Strongest frequency in each 23 ms, in octaves over 1 Hz."""
    frequencies, _, power = signal.spectrogram(samples, RATE, nperseg=1024, noverlap=768, nfft=8192)
    loud = power.sum(axis=0) > 0.1 * power.sum(axis=0).max()
    return np.log2(frequencies[power[:, loud].argmax(axis=0)])


def test_the_world_has_its_classes():
    assert len(CLASSES) == 30
    assert Counter(SUPERCLASS_OF.values()) == dict.fromkeys(SUPERCLASSES, 6)
    assert len(SUPERCLASSES) == 5


def test_source_and_target_share_no_class_and_span_all_superclasses():
    assert not set(SOURCE_CLASSES) & set(TARGET_CLASSES)
    assert set(SOURCE_CLASSES) | set(TARGET_CLASSES) == set(CLASSES)
    assert Counter(SUPERCLASS_OF[name] for name in TARGET_CLASSES) == dict.fromkeys(SUPERCLASSES, 2)
    assert Counter(SUPERCLASS_OF[name] for name in SOURCE_CLASSES) == dict.fromkeys(SUPERCLASSES, 4)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_sounds_at_the_corners_of_its_ranges(name: str):
    recipe = RECIPES[name]
    for pitch, rate in zip(recipe.pitch * 2, sorted(recipe.rate * 2), strict=True):
        length, colour = (recipe.length[0], 1.0) if pitch == recipe.pitch[0] else (recipe.length[1], 0.0)
        samples = sound(name, Voice(pitch, rate, colour, damping=1.0 - colour), length)
        assert len(samples) == round(length * RATE)
        assert np.isfinite(samples).all()
        assert loudest_level(samples) == pytest.approx(1)


@pytest.mark.parametrize("name", CLASSES)
def test_voices_fill_their_ranges_and_occurrences_differ(name: str):
    recipe, rng = RECIPES[name], np.random.default_rng(1)
    voices = [recipe.voice(rng) for _ in range(200)]
    for trait, (low, high) in (("pitch", recipe.pitch), ("rate", recipe.rate)):
        values = np.log([getattr(voice, trait) for voice in voices])
        assert values.min() >= np.log(low)
        assert values.max() <= np.log(high)
        assert np.ptp(values) > 0.9 * np.log(high / low)
    one, two = (sound(name, voices[0], 1.0, seed) for seed in (1, 2))
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(one, sound(name, voices[0], 1.0, 1))


BODIES = {
    "struck_bar": FREE_BAR,
    "church_bell": CHURCH_BELL,
    "glass": ring_modes(4),
    "drum": MEMBRANE,
    "knocking": SQUARE_PLATE,
    "bouncing_ball": SQUARE_PLATE,
}


@pytest.mark.parametrize(("name", "ratios"), BODIES.items())
def test_struck_bodies_ring_at_their_modes(name: str, ratios: np.ndarray):
    pitch = float(np.sqrt(np.prod(RECIPES[name].pitch)))
    # one blow and nothing else: a rate so low that the second falls after the end
    samples = sound(name, Voice(pitch, rate=0.5, colour=1.0, damping=0.0), 1.9)
    fade = np.hanning(2 * len(samples))[len(samples) :]
    power = np.abs(fft.rfft(samples * fade, 1 << 18)) ** 2
    peaks, _ = signal.find_peaks(power, prominence=1e-4 * power.max())
    frequencies = peaks * RATE / (1 << 18)
    modes = pitch * ratios[pitch * ratios < 8000]  # above, the hammer is too soft
    assert len(modes) >= 2
    for mode in modes:
        assert np.abs(frequencies - mode).min() < 0.005 * mode + 1
    assert len(peaks) <= len(ratios)  # and nowhere else


TRAINS = {
    "clock": 1,
    "knocking": 1,
    "drum": 1,
    "rotor": 1,
    "saw": 2,
    "bark": 1,
    "rising_chirp": 1,
    "cricket": 1,
}


@pytest.mark.parametrize(("name", "beats"), TRAINS.items())
def test_trains_have_the_declared_rate(name: str, beats: int):
    """A saw is heard twice a cycle: to and fro, unequally, so its envelope may repeat at either rate."""
    recipe = RECIPES[name]
    for rate in recipe.rate:
        voice = Voice(float(np.mean(recipe.pitch)), rate, colour=0.8, damping=0.9)
        found = rate_of(sound(name, voice, 8.0), 0.7 * rate, 1.4 * beats * rate)
        assert min(abs(found - rate * k) for k in range(1, beats + 1)) < 0.05 * rate


def test_an_engine_fires_at_its_rate():
    samples = sound("engine", Voice(100.0, rate=20.0, colour=0.5, damping=1.0), 4.0)
    assert rate_of(samples, 14, 28) == pytest.approx(20, rel=0.02)


def onsets(samples: np.ndarray) -> np.ndarray:
    curve = envelope(samples, 100.0)
    peaks, _ = signal.find_peaks(curve, height=0.02 * curve.max(), distance=13)
    return peaks * 100 / RATE


def test_a_clock_is_steady_and_a_typewriter_is_not():
    voice = Voice(2000.0, 5.0, colour=0.5, damping=1.0)
    clock, typewriter = (np.diff(onsets(sound(name, voice, 8.0))) for name in ("clock", "typewriter"))
    assert clock.std() < 0.02 * clock.mean()
    assert typewriter.std() > 0.4 * typewriter.mean()
    assert typewriter.mean() == pytest.approx(clock.mean(), rel=0.2)


def test_a_ball_bounces_faster_and_softer():
    samples = sound("bouncing_ball", Voice(300.0, 3.0, colour=0.8, damping=1.0), 2.0)
    times = onsets(samples)[:6]
    flights = np.diff(times)
    assert flights[0] == pytest.approx(1 / 3, rel=0.08)
    restitution = 1 - flights[0] / 2.0
    np.testing.assert_allclose(flights[1:] / flights[:-1], restitution, atol=0.06)


@pytest.mark.parametrize(("rising", "falling"), [("rising_chirp", "falling_chirp"), ("rising_sweep", "falling_sweep")])
def test_opposite_glides_differ_in_direction_only(rising: str, falling: str):
    rate = RECIPES[rising].rate[0]
    voice = Voice(float(np.mean(RECIPES[rising].pitch)), rate, colour=0.5, damping=0.0)
    up, down = (track_pitch(sound(name, voice, 4 / rate)) for name in (rising, falling))
    steps_up, steps_down = np.diff(up), np.diff(down)
    assert np.median(steps_up) > 0.001
    assert np.median(steps_down) < -0.001
    assert up.mean() == pytest.approx(down.mean(), abs=0.06)
    assert RECIPES[rising].pitch == RECIPES[falling].pitch
    assert RECIPES[rising].rate == RECIPES[falling].rate


@pytest.mark.parametrize(("name", "rate"), [("wail", 0.5), ("yelp", 4.0)])
def test_sirens_swing_at_their_rate_about_their_pitch(name: str, rate: float):
    curve = track_pitch(sound(name, Voice(1000.0, rate, colour=0.5, damping=0.0), 8.0))
    spectrum = np.abs(fft.rfft(curve - curve.mean()))
    assert spectrum.argmax() / 8.0 == pytest.approx(rate, abs=0.13)
    assert curve.mean() == pytest.approx(np.log2(1000), abs=0.05)


@pytest.mark.parametrize("name", ["rain", "fire", "stream"])
def test_more_sources_make_a_flow_denser(name: str):
    """The more there are, the less stand the loud moments out: the median of the envelope nears its mean."""
    recipe = RECIPES[name]
    sparse, dense = (
        envelope(sound(name, Voice(recipe.pitch[0], rate, colour=0.5, damping=0.5), 4.0)) for rate in recipe.rate
    )
    assert np.median(sparse) / sparse.mean() < 0.8 * np.median(dense) / dense.mean()
