"""The physical elements against closed forms."""

import numpy as np
import pytest
from scipy import fft, optimize, signal, special

from companion.datasets.synthetic import elements
from companion.datasets.synthetic.elements import RATE
from companion.datasets.synthetic.flows import bubble, minnaert
from companion.datasets.synthetic.struck import FREE_BAR, MEMBRANE, ring_modes


def impulse(n: int) -> np.ndarray:
    return np.eye(1, n)[0]


def peak_frequency(samples: np.ndarray) -> float:
    size = 1 << 18
    return float(np.abs(fft.rfft(samples * np.hanning(len(samples)), size)).argmax() * RATE / size)


def test_a_blow_makes_each_mode_a_decaying_sine():
    frequencies, gains, decays = np.array([440.0, 1000.0]), np.array([1.0, 0.5]), np.array([0.1, 0.03])
    time = np.arange(4000)[:, None] / RATE
    expected = (gains * np.exp(-time / decays) * np.sin(2 * np.pi * frequencies * time)).sum(axis=1)
    np.testing.assert_allclose(elements.resonate(impulse(4000), frequencies, gains, decays), expected, atol=1e-10)


def test_a_body_answers_two_blows_as_the_sum_of_each():
    blows = elements.blows(np.array([0.01, 0.05]), np.array([1.0, 0.5]), 1e-3, 8000)
    one, two = (elements.blows(np.array([t]), np.array([a]), 1e-3, 8000) for t, a in ((0.01, 1), (0.05, 0.5)))
    np.testing.assert_allclose(blows, one + two, atol=1e-12)


def test_a_blow_carries_the_same_momentum_however_hard_the_hammer():
    for contact in (1e-4, 5e-4, 2e-3):
        assert elements.blows(np.array([0.01]), np.array([3.0]), contact, 2000).sum() == pytest.approx(3.0)


def test_a_softer_hammer_excites_fewer_high_modes():
    soft, hard = (elements.blows(np.array([0.0]), np.ones(1), contact, 4096) for contact in (2e-3, 1e-4))
    at_5_khz = round(5000 * 4096 / RATE)
    assert np.abs(fft.rfft(hard))[at_5_khz] > 30 * np.abs(fft.rfft(soft))[at_5_khz]


def test_overlay_cuts_at_the_end_and_keeps_the_sum():
    grains = np.ones((3, 10))
    track = elements.overlay(grains, np.array([0.0, 5 / RATE, 95 / RATE]), 100)
    assert track.sum() == 10 + 10 + 5
    assert track[5] == 2


@pytest.mark.parametrize("pitch", [110.0, 440.0, 3000.0])
def test_harmonics_have_the_declared_amplitudes(pitch: float):
    amplitudes = np.array([1.0, 0.5, 0.0, 0.25])
    sound = elements.harmonics(np.full(RATE, pitch), amplitudes)  # one second: bins of 1 Hz
    lines = 2 * np.abs(fft.rfft(sound)) / RATE
    np.testing.assert_allclose(lines[int(pitch) * np.arange(1, 5)], amplitudes, atol=2e-3)
    assert np.sum(lines**2) == pytest.approx(np.sum(amplitudes**2), rel=1e-3)


def test_no_overtone_above_the_highest_frequency():
    sound = elements.harmonics(np.full(RATE, 5000.0), np.ones(10))
    power = np.abs(fft.rfft(sound)) ** 2
    assert power[int(elements.HIGHEST) :].sum() < 1e-5 * power.sum()


def test_glides_are_straight_in_octaves():
    curve = elements.glide(np.array([0, 1]), np.array([-0.5, 0.5]), 1000.0, 1001)
    assert curve[0] == pytest.approx(1000 / np.sqrt(2))
    assert curve[500] == pytest.approx(1000)
    np.testing.assert_allclose(np.diff(np.log2(curve)), 1e-3)


def test_moving_noise_is_where_its_resonance_is():
    rng = np.random.default_rng(0)
    noise = elements.moving_noise(rng, np.array([500.0, 4000.0]), 0.2, np.ones(2), 2 * RATE)
    frequencies, times, power = signal.spectrogram(noise, RATE, nperseg=4096)
    centroid = (np.log2(frequencies[1:, None]) * power[1:]).sum(axis=0) / power[1:].sum(axis=0)
    expected = np.log2(np.interp(times, [0, 2], [500, 4000]))
    assert np.abs(centroid - expected).max() < 0.3
    assert np.abs(centroid - expected).mean() < 0.1


def test_moving_noise_has_even_power_between_its_frames():
    rng = np.random.default_rng(0)
    runs = [elements.moving_noise(rng, np.full(2, 6000.0), 1.0, np.ones(2), 20_480) for _ in range(60)]
    power = np.square(runs).reshape(60, 10, 2048).mean(axis=(0, 1))  # by position within a frame
    smooth = power.reshape(16, 128).mean(axis=1)
    assert smooth.max() / smooth.min() < 1.15


def test_steady_trains_are_steady_and_random_ones_are_poisson():
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(np.diff(elements.steady_times(rng, 4.0, 10 * RATE)), 0.25)
    gaps = np.diff(elements.random_times(rng, 50.0, 40 * RATE))
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.1)
    assert gaps.std() / gaps.mean() == pytest.approx(1, rel=0.1)  # exponential gaps


def test_soft_edges_start_and_end_at_nothing():
    faded = elements.soft_edges(np.ones(1000), 0.005)
    assert faded[0] < 1e-4
    assert faded[-1] < 1e-4
    assert (faded[300:700] == 1).all()


def test_modes_of_a_free_bar_are_the_roots_of_its_equation():
    roots = [optimize.brentq(lambda x: np.cos(x) - 1 / np.cosh(x), a, a + 1) for a in (4.2, 7.4, 10.5, 13.6)]
    np.testing.assert_allclose(FREE_BAR, (np.array(roots) / roots[0]) ** 2, rtol=5e-4)


def test_modes_of_a_membrane_are_zeros_of_bessel_functions():
    zeros = np.sort(np.concatenate([special.jn_zeros(order, 3) for order in range(5)]))[:6]
    np.testing.assert_allclose(MEMBRANE, zeros / zeros[0], rtol=1e-3)


def test_modes_of_a_ring_follow_rayleigh():
    np.testing.assert_allclose(ring_modes(3), [1, 2.828, 5.423], atol=1e-3)


def test_a_bubble_of_a_millimetre_sounds_near_3_khz():
    assert minnaert(np.array(1e-3)) == pytest.approx(3260, rel=0.02)  # Minnaert's measured constant: 3.26 m/s
    assert minnaert(minnaert(np.array(0.002))) == pytest.approx(0.002)
    assert peak_frequency(bubble(1000.0, rise=0.0)) == pytest.approx(1000, rel=0.02)
    late = bubble(1000.0, rise=0.3)[400:1200]
    assert peak_frequency(late) > 1050
