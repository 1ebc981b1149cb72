"""Players carry exactly the sound they were given; pictures show every panel."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from PIL import Image

from companion.audio import Audio
from companion.report.players import PEAK, RATE, Example, Picture, excerpt, listen, log_mel_grid, players, pooled


def tone(seconds: float, rate: int, hertz: float = 441.0, peak: float = 0.01) -> np.ndarray:
    """A sine with a pause in its first quarter, so that it is not the same everywhere."""
    time = np.arange(round(seconds * rate)) / rate
    return (peak * np.sin(2 * np.pi * hertz * time) * (time > seconds / 4)).astype(np.float32)


def heard(markup: str) -> list[np.ndarray]:
    """The sounds inside a page, as a browser plays them."""
    sounds = []
    for encoded in re.findall(r'data:audio/mpeg;base64,([^"]+)', markup):
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)))
        assert rate == RATE
        sounds.append(samples)
    return sounds


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_a_player_carries_its_sound_at_one_peak_and_no_address(rate):
    markup = players({"calls": {"<bark>": tone(1.0, rate)}}, rate).html
    assert "http" not in markup
    assert 'aria-label="&lt;bark&gt;"' in markup
    assert "<bark>" not in markup
    (samples,) = heard(markup)
    expected = tone(1.0, RATE, peak=PEAK)
    assert len(samples) == pytest.approx(len(expected), rel=0.05)
    assert np.abs(samples[:5000]).max() < 0.02, "the pause stays a pause"
    assert np.abs(samples).max() == pytest.approx(PEAK, abs=0.05)
    spectrum = np.abs(np.fft.rfft(samples[len(samples) // 2 :][:4410]))
    assert np.argmax(spectrum) * RATE / 4410 == pytest.approx(441, abs=10)


def test_silence_stays_silence():
    (samples,) = heard(players({"": {"nothing": np.zeros(2000)}}, RATE).html)
    assert np.abs(samples).max() < 1e-3


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every tag of a name."""
        return [attributes for name, attributes in self.found if name == tag]


def example(outputs: bool) -> Example:
    """Two seconds of a tone; its picture is black but for one bright column in the middle."""
    log_mel = np.full((80, 16), -80.0)
    log_mel[38:42] = 0.0
    lines = {"seconds": np.array([0.5, 1.5]), "N_S": np.array([0.1, 0.9])} if outputs else {}
    return Example("N_S & dog", "heard as a <cat>", Audio(tone(2.0, RATE), RATE), log_mel, [(0.9, 1.1, "dog")], lines)


@pytest.mark.parametrize("outputs", [False, True])
def test_the_moving_line_crosses_the_picture_where_the_sound_is(outputs):
    tags = Tags(listen([example(outputs)]).html)
    (figure,) = tags.of("figure")
    (image,) = tags.of("img")
    encoded = str(image["src"]).partition(",")[2]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("L"), dtype=float)
    left, right = map(float, str(figure["data-span"]).split())
    bright = pixels[pixels.shape[0] // 8]  # a line through the spectrogram; the page around it is white
    inside = bright[round(left * len(bright)) + 4 : round(right * len(bright)) - 4]
    assert float(str(figure["data-seconds"])) == pytest.approx(2.0)
    middle = (left + (right - left) * 1.0 / 2.0) * len(bright)  # one second of two
    assert np.flatnonzero(inside > 128).mean() + round(left * len(bright)) + 4 == pytest.approx(middle, abs=4)
    assert bright[round(left * len(bright)) - 3] > 200
    assert inside[:20].max() < 60


def test_what_was_said_stands_beside_every_sound_escaped():
    shown = listen([example(False), example(True)])
    assert shown.html.count("heard as a &lt;cat&gt;") == 2
    assert "<i>N</i><sub>S</sub> &amp; dog" in shown.html
    assert len(heard(shown.html)) == 2
    assert "- N_S & dog: heard as a <cat>" in shown.markdown
    assert "http" not in shown.html


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
