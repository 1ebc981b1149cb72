"""Players carry exactly the sound they were given; pictures show every panel."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile

from companion.audio import Audio
from companion.report.players import PEAK, Picture, excerpt, log_mel_grid, players, pooled


def test_a_player_carries_its_sound_and_no_address():
    tone = 0.01 * np.sin(np.arange(2205) / 10)
    markup = players({"calls": {"<bark>": tone}}, 22_050).html
    assert "http" not in markup
    assert "&lt;bark&gt;" in markup
    assert "<bark>" not in markup
    encoded = re.search(r"data:audio/wav;base64,([^\"]+)", markup)
    assert encoded is not None
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded.group(1))))
    assert rate == 22_050
    np.testing.assert_allclose(samples, tone * PEAK / np.abs(tone).max(), atol=1e-4)


def test_silence_stays_silence():
    assert "audio/wav" in players({"": {"nothing": np.zeros(100)}}, 22_050).html


@pytest.mark.parametrize(("count", "columns"), [(7, 3), (1, 1), (6, 6)])
def test_a_grid_draws_each_picture_once(count: int, columns: int):
    pictures = [
        Picture(f"class {number}", np.random.default_rng(number).normal(size=(50, 16)), 5.0, [(1.0, 2.0)])
        for number in range(count)
    ]
    figure = log_mel_grid(pictures, columns)
    drawn = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in drawn] == [picture.title for picture in pictures]
    assert all(axis.images[0].get_array().shape == (8, 12) for axis in drawn)
    assert all(list(axis.lines[0].get_xdata()) == [1.0, 2.0] for axis in drawn)


def test_pooling_keeps_a_click_visible():
    log_mel = np.full((40, 8), -80.0)
    log_mel[17, 3] = 0.0
    small = pooled(log_mel)
    assert small.shape == (10, 4)
    assert np.argwhere(small == 0).tolist() == [[4, 1]]


@pytest.mark.parametrize(("onset", "heard_at"), [(2.0, 0.1), (4.8, None), (0.0, 0.0)])
def test_an_excerpt_starts_just_before_the_event_and_stays_inside(onset, heard_at):
    samples = np.zeros(5 * 44_100, dtype=np.float32)
    samples[round(onset * 44_100) :] = 1
    heard = excerpt(Audio(samples, 44_100), onset, 1.25, 22_050)
    assert heard.sample_rate == 22_050
    assert heard.duration == pytest.approx(1.25, abs=1e-3)
    if heard_at is not None:
        assert np.argmax(heard.samples > 0.5) / 22_050 == pytest.approx(heard_at, abs=0.01)
