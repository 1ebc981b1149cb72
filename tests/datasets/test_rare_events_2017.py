"""TUT Rare Sound Events 2017 in its official layout: what is read, what is parted, what is refused."""

import os
import shutil
from itertools import combinations

import numpy as np
import pytest
import soundfile
import yaml

from companion.datasets import DATASETS, rare_events_2017, rare_events_2017_tasks
from companion.datasets.dcase2016_lists import GROUPS
from companion.datasets.download import Remote, registered_files
from companion.datasets.rare_events_2017 import TUTRareEvents2017
from companion.datasets.rare_events_2017_lists import EVENTS, PACKAGE
from companion.datasets.rare_events_2017_tasks import TASK_SCENES, RareTUT2017
from companion.errors import AudioError, DataError
from companion.events import author_of
from companion.mixtures import render
from companion.mixtures.rare import RareRule

RATE, SECONDS = 44_100, 0.5
LETTERS = dict(zip(GROUPS, "abcdefghijklmno", strict=True))
SEGMENTS = [[0.05, 0.25], [0.3, 0.4]]  # of every recording of events


def write(file, seconds, seed=0, rate=RATE, channels=1):
    """A file of noise; a link to the original is cut first."""
    file.unlink(missing_ok=True)
    samples = 0.1 * np.random.default_rng(seed).standard_normal((round(seconds * rate), channels))
    soundfile.write(file, samples, rate, subtype="PCM_24")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """For each part, backgrounds of two locations for each scene, and two recordings of two events for each class."""
    folder = tmp_path_factory.mktemp("original") / PACKAGE / "data" / "source_data"
    for name in ("bgs/audio", "cv_setup", *(f"events/{label}" for label in EVENTS)):
        (folder / name).mkdir(parents=True)
    for number, part in enumerate(("devtrain", "devtest")):
        stems = [(f"{letter}{k}0{number}_0_30", scene) for scene, letter in LETTERS.items() for k in (0, 1)]
        for seed, (stem, _) in enumerate(stems):
            write(folder / "bgs" / "audio" / f"{stem}.wav", SECONDS, seed, channels=2)
        rows = [{"filepath": f"audio/{stem}.wav", "classname": scene, "classid": 1} for stem, scene in stems]
        (folder / "cv_setup" / f"bgs_{part}.yaml").write_text(yaml.safe_dump(rows))
        listed = {}
        for index, label in enumerate(EVENTS):
            ids = [str(1000 + 100 * index + 10 * number + k) for k in (0, 1)]
            listed[label] = [
                {"audio_filename": f"{name}.wav", "segment": segment, "parent": {"tags": ["x"]}}
                for name in ids for segment in SEGMENTS
            ]  # fmt: skip
            for name in ids:
                write(folder / "events" / label / f"{name}.wav", 0.5, int(name))
                said = {"username": f"author of {name}", "license": "CC0", "valid_segments": SEGMENTS}
                (folder / "events" / label / f"{name}.yaml").write_text(yaml.safe_dump(said))
        (folder / "cv_setup" / f"events_{part}.yaml").write_text(yaml.safe_dump(listed))
    return folder


@pytest.fixture
def source_data(original, tmp_path, monkeypatch):
    """A copy whose lists can be changed; its sounds are links."""
    monkeypatch.setattr(rare_events_2017, "DURATION", SECONDS)
    monkeypatch.setattr(rare_events_2017_tasks, "DURATION", SECONDS)
    monkeypatch.setattr(rare_events_2017, "EVENTS", dict.fromkeys(EVENTS, (4, 4)))

    def copy(file, place):
        (os.link if file.endswith(".wav") else shutil.copy)(file, place)

    folder = tmp_path / PACKAGE / "data" / "source_data"
    shutil.copytree(original, folder, copy_function=copy)
    return folder


@pytest.fixture
def corpus(source_data):
    return TUTRareEvents2017(source_data)


def tasks(corpus, **changes):
    return RareTUT2017(corpus, rule=RareRule(duration=SECONDS), **changes)


def change(path, function):
    content = yaml.safe_load(path.read_text())
    function(content)
    path.write_text(yaml.safe_dump(content))


# --- what is read


def test_recordings_with_their_classes_parts_and_authors(corpus, source_data):
    assert len(corpus.clips) == 2 * (30 + 6)
    by_id = {clip.id: clip for clip in corpus.clips}
    assert by_id["babycry/1000"].recording == "1000"
    assert (by_id["babycry/1000"].label, by_id["babycry/1000"].fold) == ("babycry", 1)
    assert (by_id["b001_0_30"].label, by_id["b001_0_30"].recording, by_id["b001_0_30"].fold) == (
        "cafe/restaurant", "b001", 2,
    )  # fmt: skip
    assert corpus.author_of["1000"] == "author of 1000"
    assert len(corpus.author_of) == 12
    for root in (source_data.parent, source_data.parents[1], source_data.parents[2]):
        assert TUTRareEvents2017(root).clips == corpus.clips
    assert corpus.validate().ok
    assert DATASETS["tut_rare_events_2017"] is TUTRareEvents2017


def test_channels_are_averaged_and_higher_rates_resampled(corpus, source_data):
    file = source_data / "bgs" / "audio" / "a000_0_30.wav"
    clip = next(clip for clip in corpus.clips if clip.id == "a000_0_30")
    stereo = soundfile.read(file)[0]
    np.testing.assert_allclose(corpus.audio(clip).samples, stereo.mean(1), atol=1e-6)
    file.unlink()
    soundfile.write(file, 0.5 * np.sin(2 * np.pi * 1000 * np.arange(48_000) / 96_000), 96_000)
    heard = corpus.audio(clip).samples
    assert heard.shape == (RATE // 2,)
    assert np.abs(np.fft.rfft(heard)).argmax() == 500  # cycles of 1 kHz
    assert corpus.validate().notes == {"2 channels, mixed down": 59, "96000 Hz, resampled": 1}


def test_a_lower_rate_is_refused_with_the_reason(corpus, source_data):
    write(source_data / "events" / "babycry" / "1000.wav", 0.5, rate=32_000)
    clip = next(clip for clip in corpus.clips if clip.id == "babycry/1000")
    with pytest.raises(AudioError, match="above 16000 Hz it would be silent") as caught:
        corpus.audio(clip)
    assert "44100" in caught.value.expected
    assert list(corpus.validate().damaged) == ["babycry/1000.wav"]


def test_names_that_python_2_wrote_are_text_and_objects_are_refused(source_data):
    path = source_data / "cv_setup" / "bgs_devtrain.yaml"
    path.write_text(path.read_text().replace("classname: bus", "classname: !!python/unicode 'bus'"))
    assert TUTRareEvents2017(source_data).backgrounds["train"][0].scene == "bus"
    path.write_text("- !!python/object/apply:os.system ['true']\n")
    with pytest.raises(DataError, match="cannot be read"):
        TUTRareEvents2017(source_data)


# --- the tasks


def test_tasks_and_parts_share_no_recording_no_location_no_author_and_no_scene(corpus):
    sounds = tasks(corpus, validation=0.5)
    pools = [(task, sounds.pool(task, part)) for task in ("source", "target") for part in sounds.parts(task)]
    assert len(pools) == 5
    for (one_task, one), (other_task, other) in combinations(pools, 2):
        ours, theirs = ((*pool.events, *pool.places[0]) for pool in (one, other))
        assert not {row.recording for row in ours} & {row.recording for row in theirs}
        assert not {author_of(row) for row in ours} & {author_of(row) for row in theirs}
        if one_task != other_task:
            assert not {row.label for row in ours} & {row.label for row in theirs}


def test_each_part_has_its_events_and_scenes(corpus):
    sounds = tasks(corpus)
    for task, label in (("source", "babycry"), ("target", "glassbreak")):
        for part in ("train", "test"):
            pool = sounds.pool(task, part)
            assert [row.label for row in pool.events] == [label] * 4
            assert {row.label for row in pool.places[0]} == set(TASK_SCENES[task])
            assert {row.label for row in pool.distractors} == {"gunshot"}
    heard = {scene for scenes in TASK_SCENES.values() for scene in scenes}
    assert set(GROUPS) - heard == {"tram"}


def test_events_lie_where_the_lists_say(corpus):
    first = tasks(corpus).pool("source", "train").events[0]
    assert (first.clip, first.onset, first.offset) == ("babycry/1000", 2205, 11_025)


def test_a_background_in_which_the_event_is_heard_by_nature_is_left_out(source_data):
    (source_data / "bgs" / "bg_screening.csv").write_text(
        "filename,babycry,glassbreak,gunshot\na000_0_30.wav,x,,\ng000_0_30.wav,,x,\nb000_0_30.wav,,x,\n"
    )
    sounds = tasks(TUTRareEvents2017(source_data))
    source, target = ({row.clip for row in sounds.pool(task, "train").places[0]} for task in ("source", "target"))
    assert "a000_0_30" not in source
    assert "b000_0_30" in source
    assert (len(source), len(target)) == (13, 13)


def test_mixtures_are_drawn_and_heard_as_the_paper_says(corpus):
    sounds = tasks(corpus)
    mixtures = sounds.mixtures("target", "test", 8)
    by_id = {clip.id: clip for clip in corpus.clips}
    assert [len(clip.weak) for clip in mixtures.clips].count(1) == 4
    for clip in mixtures.clips:
        recipe = mixtures.recipes[clip.id]
        (stretch,) = recipe.bed.stretches
        background = corpus.audio(by_id[stretch.clip]).samples
        made = mixtures.audio(clip).samples
        if not recipe.placements:
            np.testing.assert_allclose(made, 0.2 * background, rtol=1e-5)
            continue
        (placement,) = recipe.placements
        under = slice(placement.onset, placement.onset + placement.event.n_samples)
        event = (made - 0.2 * background)[under].astype(np.float64)
        ratio = 10 * np.log10(np.mean(event**2) / np.mean((0.2 * background[under].astype(np.float64)) ** 2))
        assert ratio == pytest.approx(placement.ratio_db, abs=0.01)
        source = corpus.audio(by_id[placement.event.clip]).samples[placement.event.onset : placement.event.offset]
        assert np.corrcoef(event, source)[0, 1] > 0.9999  # no edges


def test_a_recording_that_is_gone_is_named(corpus, source_data):
    mixtures = tasks(corpus).mixtures("source", "train", 2)
    (recipe,) = [one for one in mixtures.recipes.values() if one.placements]
    name = recipe.placements[0].event.clip
    (source_data / "events" / f"{name}.wav").unlink()
    with pytest.raises(DataError, match=f"{name}.wav is missing, though cv_setup names it"):
        render(recipe, mixtures._samples, RATE)
    assert corpus.validate().missing == (name,)


# --- what is refused


@pytest.mark.parametrize(
    ("file", "damage", "words"),
    [
        ("events_devtrain.yaml", lambda c: c["babycry"][0].pop("segment"), "names no stretch .* babycry, number 1"),
        ("events_devtrain.yaml", lambda c: c["babycry"][1].update(segment=[2, 1]), "babycry, number 2"),
        ("events_devtrain.yaml", lambda c: c["babycry"][1].update(segment=["a", "b"]), "babycry, number 2"),
        ("events_devtrain.yaml", lambda c: c["gunshot"][0].update(audio_filename="x.txt"), "gunshot, number 1"),
        ("events_devtrain.yaml", lambda c: c.update(dog=[]), "no mapping of classes"),
        ("events_devtrain.yaml", lambda c: c.update(babycry=3), "no list of entries"),
        ("bgs_devtest.yaml", lambda c: c[3].pop("classname"), "no background in number 4"),
        ("bgs_devtest.yaml", lambda c: c[0].update(filepath="audio/a000_0_30.wav"), "location a000 into training and"),
        ("events_devtest.yaml", lambda c: c["babycry"][0].update(audio_filename="1000.wav"), "recording babycry/1000"),
        ("events_devtest.yaml", lambda c: c["babycry"][0].update(parent={"user": "author of 1000"}), "the author"),
    ],
)  # fmt: skip
def test_lists_that_contradict_themselves_are_refused_by_name(source_data, file, damage, words):
    change(source_data / "cv_setup" / file, damage)
    with pytest.raises(DataError, match=words) as caught:
        TUTRareEvents2017(source_data)
    assert caught.value.repair


def test_damage_is_found(corpus, source_data):
    write(source_data / "bgs" / "audio" / "a000_0_30.wav", 0.35)
    write(source_data / "bgs" / "audio" / "b000_0_30.wav", 0.65)
    write(source_data / "events" / "babycry" / "1001.wav", 0.25)
    write(source_data / "events" / "babycry" / "1010.wav", 0.35)  # within a tenth of a second
    (source_data / "events" / "gunshot" / "77.wav").touch()
    change(source_data / "cv_setup" / "events_devtest.yaml", lambda c: c["gunshot"].pop())
    found = TUTRareEvents2017(source_data).validate()
    assert set(found.damaged) == {
        "a000_0_30.wav", "b000_0_30.wav", "babycry/1001.wav", "events_devtest.yaml, gunshot",
    }  # fmt: skip
    assert found.extra == ("events/gunshot/77.wav",)
    assert corpus.fingerprint() != TUTRareEvents2017(source_data).fingerprint()


def test_a_missing_folder_or_list_is_named(tmp_path, source_data):
    with pytest.raises(DataError, match="no TUT Rare Sound Events 2017"):
        TUTRareEvents2017(tmp_path / "nowhere")
    (source_data / "cv_setup" / "bgs_devtest.yaml").unlink()
    with pytest.raises(DataError, match=r"bgs_devtest\.yaml cannot be read"):
        TUTRareEvents2017(source_data)


# --- fetching


def test_fetch_puts_the_archives_together(corpus, source_data, server, packed, tmp_path, monkeypatch):
    served, address = server
    names = []
    for part, inside in (("bgs_and_cvsetup", ("bgs", "cv_setup")), ("events", ("events",))):
        aside = tmp_path / part / PACKAGE / "data" / "source_data"
        aside.mkdir(parents=True)
        for name in inside:
            (source_data / name).rename(aside / name)
        packed(tmp_path / part / PACKAGE, served / f"{part}.zip")
        names.append(f"{part}.zip")
    remotes = tuple(Remote("tut_rare_events_2017", f"{address}/{name}", "", False, 1000, "free", "") for name in names)
    monkeypatch.setattr("companion.datasets.download.registered_files", lambda name: remotes)
    fetched = TUTRareEvents2017.fetch(tmp_path / "fresh")
    assert fetched.clips == corpus.clips
    assert fetched.validate().ok
    for name in names:
        (served / name).unlink()
    assert TUTRareEvents2017.fetch(tmp_path / "fresh").clips == corpus.clips  # a whole copy needs no server


def test_the_registry_names_nine_archives():
    remotes = registered_files("tut_rare_events_2017")
    assert len(remotes) == 9
    assert len({remote.url for remote in remotes}) == 9
    assert not any(remote.verified for remote in remotes)
    assert 8.0e9 < sum(remote.size for remote in remotes) < 8.7e9
