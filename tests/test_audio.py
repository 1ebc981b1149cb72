"""Audio: what comes in is finite, mono and at the asked rate, whatever the file was."""

import os

import numpy as np
import pytest
import soundfile
import soxr

from companion.audio import Audio, check, fit_length, frame_times, header, load, mix_down, resample, save
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


# --- files that are not what they say


def noise(seconds=5.0):
    return np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * 44_100)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".au", ".w64", ".flac", ".mp3"])
def test_a_file_that_breaks_off_is_no_shorter_recording(tmp_path, suffix):
    path = tmp_path / f"noise{suffix}"
    soundfile.write(path, noise(), 44_100)
    assert load(path).duration == pytest.approx(5.0, abs=0.1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    with pytest.raises(AudioError, match=rf"noise\{suffix} breaks off after [23]|cannot read .*noise\{suffix}"):
        load(path)


def test_a_hole_in_a_file_is_noticed(tmp_path):
    path = tmp_path / "noise.ogg"
    soundfile.write(path, noise(), 48_000, format="OGG", subtype="OPUS")
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(9000) + content[middle + 9000 :])
    with pytest.raises(AudioError, match=r"noise\.ogg breaks off"):
        load(path)


def flac_of(n_samples):
    """Write another number of samples into the first block of a flac file: 36 bits behind rate and channels."""

    def lie(content: bytearray) -> None:
        content[21] = content[21] & 0xF0 | n_samples >> 32
        content[22:26] = (n_samples & 0xFFFFFFFF).to_bytes(4, "big")

    return lie


def mp3_of(n_frames):
    """Write another number of frames into the Xing head of an mp3 file."""

    def lie(content: bytearray) -> None:
        place = max(content.find(b"Xing"), content.find(b"Info")) + 8
        content[place : place + 4] = n_frames.to_bytes(4, "big")

    return lie


@pytest.mark.parametrize(
    ("suffix", "lie", "said"),
    [
        (".flac", flac_of(2**36 - 1), "or says 68719476735 samples"),
        (".flac", flac_of(0), "does not say how long it is"),
        (".flac", flac_of(2**28), "cannot read"),
        (".mp3", mp3_of(2**31 - 1), "or says 2473901"),
        (".mp3", mp3_of(50_000), "breaks off after 5"),
    ],
)
def test_a_length_that_is_a_lie(tmp_path, suffix, lie, said):
    path = tmp_path / f"noise{suffix}"
    soundfile.write(path, noise(), 44_100)
    content = bytearray(path.read_bytes())
    lie(content)
    path.write_bytes(content)
    with pytest.raises(AudioError, match=rf"{said}") as caught:
        load(path)
    assert str(path) in caught.value.problem


def test_a_memory_that_is_too_small(tmp_path, monkeypatch):
    save(tmp_path / "tone.wav", Audio(tone(440, 8000), 8000))
    monkeypatch.setattr("companion.audio.np.empty", lambda *_, **__: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(AudioError, match=r"tone\.wav: MemoryError"):
        load(tmp_path / "tone.wav")


def test_a_wav_file_written_to_a_pipe_states_no_length(tmp_path):
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise(), 44_100)
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert load(path).duration == 5.0


def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise(), 44_100)

    def slowly(channels):
        with path.open("ab") as file:
            file.write(b"more")
        return mix_down(channels)

    monkeypatch.setattr("companion.audio.mix_down", slowly)
    with pytest.raises(AudioError, match=r"noise\.wav changed while it was read"):
        load(path)


@pytest.mark.usefixtures("ten_seconds")
@pytest.mark.parametrize("read", [load, header])
def test_names_and_things_that_are_no_recordings(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.wav")
    soundfile.write(tmp_path / "tone.wav", tone(440, 8000), 8000)
    (tmp_path / "tone.wav").rename(tmp_path / "tone.raw")
    for name in ("pipe.wav", "tone.raw", "x" * 300 + ".wav", "a\0b.wav", "."):
        with pytest.raises(AudioError) as caught:
            read(tmp_path / name)
        assert str(tmp_path) in caught.value.problem
        assert caught.value.expected
        assert caught.value.repair


def test_a_name_that_is_not_utf_8(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    path.write_bytes(b"no sound")
    with pytest.raises(AudioError, match=r"caf\\udce9\.wav") as caught:
        load(path)
    str(caught.value).encode()  # can be printed
    with path.open("wb") as file:
        soundfile.write(file, tone(440, 8000), 8000, format="WAV")
    assert load(path).duration == header(path).duration == 1.0


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
        (np.array([0.0, -1e18]), r"the amplitude -1e\+18 at sample 1"),
        (np.array([0.5, 32767.0]), "the amplitude 32767 at sample 1"),
        (np.array([0, 12], dtype=np.int16), "an array of int16"),
        (np.array([True]), "an array of bool"),
    ],
)
def test_check_says_what_is_wrong(samples, said):
    with pytest.raises(AudioError, match=said) as caught:
        check(samples, name="kitchen.wav")
    assert caught.value.problem.startswith("kitchen.wav")
    assert caught.value.expected
    assert caught.value.repair


def test_integers_are_refused_before_they_are_mixed():
    """As floats, the quiet ones would pass for amplitudes ninety decibels too loud."""
    with pytest.raises(AudioError, match="array of int16") as caught:
        mix_down(np.ones((10, 2), dtype=np.int16))
    assert "32768" in caught.value.repair


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


@pytest.mark.parametrize("sample", [np.nan, np.inf, 1e6])
def test_what_is_no_sound_is_not_saved(tmp_path, sample):
    samples = tone(440, 8000)
    samples[3] = sample
    with pytest.raises(AudioError, match=r"tone\.wav holds .* at sample 3"):
        save(tmp_path / "tone.wav", Audio(samples, 8000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rate", [np.nan, np.inf, -np.inf, 0, -8000])
def test_a_rate_that_is_none(tmp_path, rate):
    save(tmp_path / "tone.wav", Audio(tone(440, 8000), 8000))
    for use in (
        lambda: load(tmp_path / "tone.wav", sample_rate=rate),
        lambda: resample(tone(440, 8000), rate, 8000),
        lambda: save(tmp_path / "other.wav", Audio(tone(440, 8000), rate)),
    ):
        with pytest.raises(AudioError, match=f"sample rate of {rate} Hz"):
            use()


def test_resampling_to_more_than_a_recording_may_hold():
    with pytest.raises(AudioError, match="too many at 2147483647 Hz"):
        resample(tone(440, 8000), 1, 2**31 - 1)


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write"):
        save(tmp_path / "file" / "tone.wav", Audio(tone(440, 8000), 8000))


@pytest.mark.parametrize("rate", [22_050, 16_000])
def test_resampling_keeps_what_fits_and_nothing_else_at_high_quality(rate):
    """Just below the new band's end a tone keeps its level; just above it little is left."""
    time = np.arange(2 * 44_100) / 44_100

    def heard(frequency):
        found = resample(np.sin(2 * np.pi * frequency * time).astype(np.float32), 44_100, rate)
        return float(np.sqrt(2 * np.mean(found[rate // 4 : -rate // 4] ** 2)))

    assert heard(0.45 * rate) == pytest.approx(1.0, abs=1e-3)
    assert heard(0.55 * rate) < 1e-4
    noise = np.random.default_rng(0).standard_normal(44_100).astype(np.float32)
    np.testing.assert_allclose(resample(noise, 44_100, rate), soxr.resample(noise, 44_100, rate, "HQ"), atol=1e-6)
