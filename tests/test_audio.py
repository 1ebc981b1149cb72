"""Audio: what comes in is finite, mono and at the asked rate, whatever the file was."""

import numpy as np
import pytest
import soundfile

from companion.audio import Audio, check, fit_length, frame_times, load, mix_down, resample, save
from companion.errors import AudioError, StoreError


def tone(frequency, rate, seconds=1.0, level=0.5):
    return (level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


# --- files


@pytest.mark.parametrize(("suffix", "tolerance"), [(".wav", 1e-4), (".flac", 1e-4), (".ogg", 0.05), (".aiff", 1e-4)])
def test_round_trip(tmp_path, suffix, tolerance):
    path = tmp_path / f"tone{suffix}"
    save(path, Audio(tone(440, 44_100), 44_100))
    audio = load(path)
    assert audio.sample_rate == 44_100
    assert audio.duration == 1.0
    assert audio.samples.dtype == np.float32
    assert np.abs(audio.samples - tone(440, 44_100)).max() < tolerance
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "PCM_U8"])
def test_any_sample_format(tmp_path, subtype):
    soundfile.write(tmp_path / "tone.wav", tone(440, 8000), 8000, subtype=subtype)
    assert np.abs(load(tmp_path / "tone.wav").samples - tone(440, 8000)).max() < 0.01


def test_stereo_file_is_mixed_and_resampled(tmp_path):
    channels = np.stack([tone(1000, 48_000), -0.5 * tone(1000, 48_000)], axis=1)
    soundfile.write(tmp_path / "stereo.wav", channels, 48_000, subtype="FLOAT")
    audio = load(tmp_path / "stereo.wav", sample_rate=44_100)
    assert audio.sample_rate == 44_100
    assert audio.samples.shape == (44_100,)
    assert np.abs(audio.samples - 0.25 * tone(1000, 44_100))[500:-500].max() < 1e-4


def test_long_ogg(tmp_path):
    """In one piece, libsndfile's Vorbis encoder would end the whole process here."""
    samples = np.tile(tone(440, 44_100), 75)
    save(tmp_path / "long.ogg", Audio(samples, 44_100))
    assert load(tmp_path / "long.ogg").samples.shape == samples.shape


def test_saving_replaces_the_file_whole(tmp_path):
    path = tmp_path / "sound.wav"
    save(path, Audio(tone(440, 8000), 8000))
    save(path, Audio(tone(880, 8000, 0.5), 8000))
    assert load(path).duration == 0.5


# --- channels, rates, lengths


def test_mix_down_is_the_mean():
    channels = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32)
    assert mix_down(channels) == pytest.approx(channels.mean(axis=1))
    assert np.array_equal(mix_down(channels[:, 0]), channels[:, 0])
    opposite = np.stack([channels[:, 0], -channels[:, 0]], axis=1)
    assert not mix_down(opposite).any()


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_resampling_keeps_a_tone(rate):
    resampled = resample(tone(1000, 32_000), 32_000, rate)
    assert len(resampled) == rate
    assert np.abs(resampled - tone(1000, rate))[rate // 50 : -rate // 50].max() < 1e-3


def test_resampling_removes_what_the_new_rate_cannot_hold():
    aliased = resample(tone(7000, 44_100), 44_100, 8000)
    assert np.abs(aliased[400:-400]).max() < 1e-4


def test_equal_rates_return_the_input():
    samples = tone(440, 8000)
    assert resample(samples, 8000, 8000) is samples


@pytest.mark.parametrize("n", [0, 1, 10, 11, 100])
def test_fit_length(n):
    samples = np.arange(1, 11, dtype=np.float32)
    fitted = fit_length(samples, n)
    assert fitted.shape == (n,)
    assert fitted.dtype == np.float32
    assert np.array_equal(fitted[:10], samples[:n])
    assert not fitted[10:].any()


def test_frame_times_do_not_drift():
    """After ten hours a frame's time is still the nearest float to the exact fraction."""
    n = 10 * 3600 * 44_100 // 512
    times = frame_times(n, 512, 44_100)
    assert times[0] == 0.0
    for index in (1, 1000, 310_078, n - 1):
        assert times[index] == (index * 512) / 44_100
    assert np.diff(times).max() - np.diff(times).min() < 1e-9


# --- refused


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros((2, 3)), r"shape \(2, 3\)"),
        (np.zeros(0), "is empty"),
        (np.array([0.0, 1.0, np.nan]), "not finite at sample 2"),
        (np.array([-np.inf]), "not finite at sample 0"),
    ],
)
def test_check_says_what_is_wrong(samples, said):
    with pytest.raises(AudioError, match=said) as caught:
        check(samples, name="kitchen.wav")
    assert caught.value.problem.startswith("kitchen.wav")
    assert caught.value.expected
    assert caught.value.repair


def test_check_returns_usable_samples():
    doubled = np.arange(10.0)[::2]
    usable = check(doubled)
    assert usable.dtype == np.float32
    assert usable.flags.c_contiguous
    assert np.array_equal(usable, doubled)
    ready = tone(440, 8000)
    assert check(ready) is ready


def test_too_short_to_resample(tmp_path):
    soundfile.write(tmp_path / "one.wav", np.ones(1), 48_000)
    assert load(tmp_path / "one.wav").samples.shape == (1,)
    with pytest.raises(AudioError, match="at 8000 Hz is empty"):
        load(tmp_path / "one.wav", sample_rate=8000)


def test_unknown_suffix_writes_nothing(tmp_path):
    with pytest.raises(AudioError, match=r"'\.sound'"):
        save(tmp_path / "tone.sound", Audio(tone(440, 8000), 8000))
    assert list(tmp_path.iterdir()) == []


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write"):
        save(tmp_path / "file" / "tone.wav", Audio(tone(440, 8000), 8000))
