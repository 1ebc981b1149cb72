"""Features: librosa's values, Parseval's energies, and frames that stay where the clock says."""

import warnings
from dataclasses import replace

import librosa
import numpy as np
import pytest
import scipy.fft

from companion.audio import LOUDEST, frame_times
from companion.datasets.esc50 import ESC50
from companion.errors import AudioError
from companion.features import (
    BLOCK,
    DV_MFCC,
    MULTI_SCALE_LOG_MEL,
    NS_LOG_MEL,
    TUT_MFCC,
    LogMel,
    Mfcc,
    dv_mfcc,
    extract,
    n_frames,
)

RATE = 44_100
SPECS = [
    NS_LOG_MEL,
    DV_MFCC,
    dv_mfcc(hop_length=2048),
    TUT_MFCC,
    *MULTI_SCALE_LOG_MEL,
    LogMel("narrow", n_mels=40, fmin=50.0, fmax=8000.0, top_db=None),
]
TIME = np.arange(RATE) / RATE


@pytest.fixture(autouse=True)
def _empty_filters():
    # 128 bands over 257 bins: some of the lowest hold no bin, in the paper's setting too, and librosa says so
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Empty filters detected")
        yield


def noise(n, level=0.1, seed=0):
    return level * np.random.default_rng(seed).standard_normal(n)


SIGNALS = {
    "noise": noise(RATE),
    "quiet noise": noise(RATE, 1e-5),
    "tone": 0.9 * np.sin(2 * np.pi * 1000 * TIME),
    "tone over quiet noise": 0.9 * np.sin(2 * np.pi * 1000 * TIME) + noise(RATE, 1e-4),
    "sweep over all frequencies": np.sin(2 * np.pi * (20 * TIME + 11_000 * TIME**2)),
    "silence": np.zeros(RATE),
    "sound, then silence": np.where(TIME < 0.5, noise(RATE), 0.0),
    "impulse": np.eye(1, RATE, RATE // 2)[0],
    "constant": np.ones(RATE),
    "louder than full scale": noise(RATE, 10.0),
    "one sample": np.ones(1),
    "shorter than a window": noise(100),
    "one sample less than a hop": noise(511),
    "a hop": noise(512),
    "a window": noise(1024),
    "a block of frames and one": noise(512 * BLOCK),
}


def by_librosa(samples, spec):
    """The same feature by librosa's own functions."""
    mel = spec if isinstance(spec, LogMel) else spec.log_mel
    power = librosa.feature.melspectrogram(
        y=samples, sr=mel.sample_rate, n_fft=mel.n_fft, hop_length=mel.hop_length,
        n_mels=mel.n_mels, fmin=mel.fmin, fmax=mel.fmax,
    )  # fmt: skip
    decibels = librosa.power_to_db(power, top_db=mel.top_db)
    return (decibels if isinstance(spec, LogMel) else librosa.feature.mfcc(S=decibels, n_mfcc=spec.n_mfcc)).T


# --- librosa


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large")
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("name", SIGNALS)
def test_equals_librosa_on_synthetic_signals(name, spec):
    samples = SIGNALS[name].astype(np.float32)
    ours, reference = extract(samples, RATE, spec), by_librosa(samples, spec)
    assert ours.shape == reference.shape == (n_frames(len(samples), spec), spec.n_features)
    assert ours.dtype == np.float32
    assert ours.flags.c_contiguous
    assert np.abs(ours - reference).max() <= 1e-3


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_equals_librosa_on_real_clips(esc50_root, spec):
    corpus = ESC50(esc50_root)
    for clip in corpus.clips[3::500]:
        samples = corpus.audio(clip).samples
        assert np.abs(extract(samples, RATE, spec) - by_librosa(samples, spec)).max() <= 1e-3


@pytest.mark.soak
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_equals_librosa_on_every_tenth_clip(esc50_root, spec):
    corpus = ESC50(esc50_root)
    for clip in corpus.clips[::10]:
        samples = corpus.audio(clip).samples
        assert np.abs(extract(samples, RATE, spec) - by_librosa(samples, spec)).max() <= 1e-3


# --- what the papers print


def test_specifications_are_the_papers():
    assert (NS_LOG_MEL.sample_rate, NS_LOG_MEL.n_fft, NS_LOG_MEL.hop_length) == (44_100, 1024, 512)
    assert (NS_LOG_MEL.n_mels, NS_LOG_MEL.fmin, NS_LOG_MEL.fmax, NS_LOG_MEL.top_db) == (
        128,
        0.0,
        22_050.0,
        80.0,
    )
    assert (DV_MFCC.log_mel.n_fft, DV_MFCC.hop_length, DV_MFCC.n_features) == (2048, 512, 20)
    assert (DV_MFCC.log_mel.n_mels, DV_MFCC.log_mel.top_db, DV_MFCC.log_mel.precision) == (128, 80.0, "double")
    assert [n_frames(30 * RATE, dv_mfcc(hop)) for hop in (512, 1024, 2048)] == [2584, 1292, 646]
    assert [spec.n_fft for spec in MULTI_SCALE_LOG_MEL] == [512, 1024, 2048, 4096]
    assert {spec.hop_length for spec in MULTI_SCALE_LOG_MEL} == {512}
    assert (TUT_MFCC.log_mel.n_fft, TUT_MFCC.hop_length, TUT_MFCC.log_mel.n_mels) == (1764, 882, 40)
    assert TUT_MFCC.n_features == 20


@pytest.mark.parametrize(("seconds", "frames"), [(5, 431), (10, 862), (30, 2584)])
def test_frames_of_usual_lengths(seconds, frames):
    assert n_frames(seconds * RATE, NS_LOG_MEL) == frames
    assert n_frames(seconds * RATE, DV_MFCC) == frames


# --- truths


@pytest.mark.parametrize("last_bit", [-np.inf, 0.0, np.inf])
def test_silence_is_exactly_the_floor_on_every_processor(monkeypatch, last_bit):
    """Processors differ in the last bit of a logarithm, in either direction."""
    log10 = np.log10

    def rounded(x):
        nearest = log10(x.astype(np.float64)).astype(np.float32)
        return np.nextafter(nearest, np.float32(last_bit)) if last_bit else nearest

    monkeypatch.setattr(np, "log10", rounded)
    spec = replace(NS_LOG_MEL, top_db=None)
    assert (extract(np.zeros(RATE, dtype=np.float32), RATE, spec) == -100.0).all()
    assert extract(SIGNALS["sound, then silence"].astype(np.float32), RATE, spec).min() == -100.0


def test_twice_the_amplitude_is_six_decibels():
    spec = replace(NS_LOG_MEL, top_db=None)
    samples = noise(RATE).astype(np.float32)
    gained = extract(2 * samples, RATE, spec) - extract(samples, RATE, spec)
    assert gained == pytest.approx(20 * np.log10(2), abs=1e-4)


def test_nothing_is_further_below_the_maximum_than_top_db():
    samples = SIGNALS["tone"].astype(np.float32)
    clipped, free = extract(samples, RATE), extract(samples, RATE, replace(NS_LOG_MEL, top_db=None))
    assert clipped.max() - clipped.min() == pytest.approx(80.0, abs=1e-4)
    assert (clipped == np.maximum(free, free.max() - np.float32(80.0))).all()


@pytest.mark.parametrize("n_fft", [512, 1024, 2048, 4096])
def test_parseval(n_fft):
    """White noise of variance v has power v · Σ w² in each bin, so a Slaney band reads v · Σ w² · Σ filter."""
    spec = LogMel("parseval", n_fft=n_fft, n_mels=40, top_db=None)
    samples = noise(20 * RATE, level=0.1).astype(np.float32)
    power = 10 ** (extract(samples, RATE, spec)[8:-8].astype(np.float64) / 10)
    window = scipy.signal.get_window("hann", n_fft)
    filters = librosa.filters.mel(sr=RATE, n_fft=n_fft, n_mels=40)
    expected = samples.var() * np.sum(window**2) * filters.sum(axis=1)
    wide = filters.astype(bool).sum(axis=1) > 4
    assert wide.sum() >= 20
    assert power.mean(axis=0)[wide] == pytest.approx(expected[wide], rel=0.05)


def test_a_tone_is_loudest_in_its_band():
    centres = librosa.mel_frequencies(n_mels=130, fmin=0.0, fmax=22_050.0)[1:-1]
    for band in (20, 60, 100, 125):
        tone = 0.5 * np.sin(2 * np.pi * centres[band] * TIME)
        assert (extract(tone.astype(np.float32), RATE)[5:-5].argmax(axis=1) == band).all()


def test_cepstra_are_the_cosine_transform_of_the_bands():
    samples = noise(RATE).astype(np.float32)
    full = extract(samples, RATE, Mfcc("all", DV_MFCC.log_mel, n_mfcc=128))
    assert scipy.fft.idct(full, norm="ortho", axis=1) == pytest.approx(
        extract(samples, RATE, DV_MFCC.log_mel), abs=1e-3
    )
    assert np.array_equal(extract(samples, RATE, DV_MFCC), full[:, :20])


def test_a_delay_of_whole_hops_delays_whole_frames():
    samples = noise(RATE).astype(np.float32)
    spec = replace(NS_LOG_MEL, top_db=None)
    late = extract(np.concatenate([np.zeros(7 * 512, dtype=np.float32), samples]), RATE, spec)
    # the first frames before the delay saw the padding; all others are the same but for rounding
    assert late[7 + 1 :] == pytest.approx(extract(samples, RATE, spec)[1:], abs=1e-4)


def test_frame_times_point_at_the_sound_for_an_hour():
    """A click every 600 s lies in the frame whose time it has, and the last one is as exact as the first."""
    rate = 2000
    spec = LogMel("clicks", n_fft=128, hop_length=128, n_mels=8, sample_rate=rate, fmax=1000.0)
    hour = np.zeros(3600 * rate, dtype=np.float32)
    clicks = np.array([0, 599, 1200, 1801, 2400, 3001, 3599]) * rate + 40
    hour[clicks] = 1.0
    times = frame_times(n_frames(len(hour), spec), spec.hop_length, spec.sample_rate)
    loud = times[extract(hour, rate, spec).max(axis=1) > -40]
    nearest = np.abs(loud[:, None] - clicks / rate).min(axis=0)
    assert (nearest <= 64 / rate).all()


def test_extraction_leaves_the_samples_alone():
    samples = noise(RATE).astype(np.float32)
    before = samples.copy()
    extract(samples, RATE)
    assert np.array_equal(samples, before)


@pytest.mark.parametrize("name", SIGNALS)
def test_single_precision_is_within_a_hundredth_of_a_decibel(name):
    """Where the paper's coefficients are made anew for every epoch; over all of a frame's bands, root mean square."""
    samples = SIGNALS[name].astype(np.float32)
    single, double = (
        extract(samples, RATE, dv_mfcc(precision=precision).log_mel) for precision in ("single", "double")
    )
    assert single.dtype == np.float32
    assert np.sqrt(np.mean((single - double) ** 2, axis=1)).max() <= 0.01


# --- refused


@pytest.mark.parametrize("spec", [NS_LOG_MEL, DV_MFCC], ids=lambda spec: spec.name)
def test_wrong_sample_rate(spec):
    with pytest.raises(AudioError, match="16000 Hz") as caught:
        extract(noise(16_000).astype(np.float32), 16_000, spec)
    assert caught.value.expected == "44100 Hz"
    assert "resample" in caught.value.repair


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.array([0.0, np.nan]), np.array([np.inf]), np.zeros((100, 2)), np.array([0.0, 1e18])],
)
def test_unusable_samples(samples):
    with pytest.raises(AudioError):
        extract(samples.astype(np.float32), RATE)


def test_integers_are_refused_with_the_repair():
    with pytest.raises(AudioError, match="int16") as caught:
        extract((1000 * noise(RATE)).astype(np.int16), RATE)
    assert "32768" in caught.value.repair


def test_the_loudest_sound_that_passes_has_finite_features():
    assert np.isfinite(extract(LOUDEST * np.sign(noise(RATE)), RATE)).all()


@pytest.mark.parametrize(
    "spec", [replace(NS_LOG_MEL, top_db=np.nan), replace(DV_MFCC, log_mel=replace(NS_LOG_MEL, top_db=np.nan))]
)
def test_features_that_are_not_finite_are_refused(spec):
    with pytest.raises(AudioError, match="not finite"):
        extract(noise(RATE).astype(np.float32), RATE, spec)
