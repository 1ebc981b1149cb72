"""The three synthetic corpora keep their promises about folds, recordings, labels and determinism."""

import hashlib
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np
import pytest

from companion.datasets.base import Clip
from companion.datasets.synthetic import (
    CLASSES,
    RECIPES,
    SCENES,
    SOURCE_CLASSES,
    TARGET_CLASSES,
    SyntheticEvents,
    SyntheticMixtures,
    SyntheticScenes,
)
from companion.datasets.synthetic.elements import RATE
from companion.datasets.synthetic.mixtures import TRAIN, VALIDATION
from companion.datasets.synthetic.recipe import loudest_level
from companion.datasets.synthetic.recording import PEAK
from companion.datasets.synthetic.world import EVENT_TO_BED, LEVEL, SyntheticDataset
from companion.errors import DataError, ParameterError

CORPORA = {
    "events": SyntheticEvents(0, clips_per_class=10),
    "mixtures": SyntheticMixtures(0, recordings=60, validation=20),
    "scenes": SyntheticScenes(0, recordings_per_scene=8, duration=10.0),
}
each_corpus = pytest.mark.parametrize("corpus", CORPORA.values(), ids=CORPORA)


def digest(corpus: SyntheticDataset, clip: Clip) -> str:
    return hashlib.sha256(corpus.audio(clip).samples.tobytes()).hexdigest()


@each_corpus
def test_labels_of_every_kind_agree(corpus: SyntheticDataset):
    for clip in corpus.clips:
        assert set(clip.weak) == {event.label for event in clip.strong}
        onsets = [event.onset for event in clip.strong]
        assert onsets == sorted(onsets)
        assert clip.sequence == tuple(event.label for event in clip.strong)
        assert all(0 <= event.onset < event.offset <= clip.duration for event in clip.strong)


@each_corpus
def test_events_have_lengths_within_their_recipes(corpus: SyntheticDataset):
    lengths = defaultdict(list)
    for clip in corpus.clips:
        for event in clip.strong:
            lengths[event.label].append(event.offset - event.onset)
    for label, values in lengths.items():
        shortest, longest = RECIPES[label].length
        assert min(values) >= 0.85 * shortest - 1e-4  # repeats of one event are up to 15 % shorter
        assert max(values) <= longest + 1e-4
        assert len(values) < 4 or max(values) > 1.2 * min(values)


@each_corpus
def test_ids_are_unique_and_no_recording_crosses_folds(corpus: SyntheticDataset):
    assert len({clip.id for clip in corpus.clips}) == len(corpus.clips)
    folds = defaultdict(set)
    for clip in corpus.clips:
        folds[clip.recording].add(clip.fold)
    assert all(len(found) == 1 for found in folds.values())


@each_corpus
def test_audio_is_never_silent_never_clipped_and_as_long_as_declared(corpus: SyntheticDataset):
    for clip in corpus.clips[:: max(1, len(corpus.clips) // 25)]:
        audio = corpus.audio(clip)
        assert audio.sample_rate == corpus.sample_rate == 44_100
        assert audio.samples.dtype == np.float32
        assert len(audio.samples) == round(clip.duration * RATE)
        assert np.isfinite(audio.samples).all()
        assert np.abs(audio.samples).max() <= PEAK + 1e-6
        frames = audio.samples[: len(audio.samples) // 441 * 441].reshape(-1, 441)  # 10 ms
        assert 10 * np.log10(np.mean(frames**2, axis=1).min()) > -90  # 16 bits reach down to -98


@each_corpus
def test_levels_and_ratios_vary_over_their_ranges(corpus: SyntheticDataset):
    scores = corpus.scores.values()
    for values, (low, high) in (
        ([score.level for score in scores], LEVEL),
        ([placement.ratio for score in scores for placement in score.placements], EVENT_TO_BED),
    ):
        assert min(values) >= low
        assert max(values) <= high
        assert np.ptp(values) > 0.9 * (high - low)


@each_corpus
def test_audio_has_the_level_of_its_score_unless_that_would_clip(corpus: SyntheticDataset):
    for clip in corpus.clips[:10]:
        samples = corpus.audio(clip).samples
        level = 20 * np.log10(loudest_level(samples))
        if np.abs(samples).max() < PEAK - 1e-4:
            assert level == pytest.approx(corpus.scores[clip.id].level, abs=0.01)
        else:
            assert level < corpus.scores[clip.id].level


@each_corpus
def test_audio_does_not_depend_on_order(corpus: SyntheticDataset):
    clips = corpus.clips[:4]
    forward = [digest(corpus, clip) for clip in clips]
    assert forward == [digest(corpus, clip) for clip in reversed(clips)][::-1]
    assert len(set(forward)) == len(clips)


def test_audio_does_not_depend_on_the_process():
    program = (
        "import hashlib\n"
        "from companion.datasets.synthetic import SyntheticEvents\n"
        "corpus = SyntheticEvents(0, clips_per_class=10)\n"
        "print(hashlib.sha256(corpus.audio(corpus.clips[7]).samples.tobytes()).hexdigest())\n"
    )
    elsewhere = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    corpus = CORPORA["events"]
    assert elsewhere.stdout.strip() == digest(corpus, corpus.clips[7])


def test_a_clip_sounds_the_same_among_fewer_classes_and_clips():
    small, large = SyntheticEvents(0, classes=["wail", "bark"], clips_per_class=5), CORPORA["events"]
    there = {clip.id: clip for clip in large.clips}
    assert all(clip == there[clip.id] for clip in small.clips)
    assert digest(small, small.clips[3]) == digest(large, there[small.clips[3].id])


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: SyntheticEvents(seed, clips_per_class=5),
        lambda seed: SyntheticMixtures(seed, recordings=10, validation=5),
        lambda seed: SyntheticScenes(seed, recordings_per_scene=4, duration=5.0),
    ],
)
def test_another_seed_is_another_world(make: Callable[[int], SyntheticDataset]):
    one, again, two = make(0), make(0), make(1)
    assert one.clips == again.clips
    assert one.fingerprint() == again.fingerprint() != two.fingerprint()
    assert digest(one, one.clips[0]) != digest(two, two.clips[0])


def test_events_are_balanced_over_classes_and_folds():
    counts = Counter((clip.label, clip.fold) for clip in CORPORA["events"].clips)
    assert counts == dict.fromkeys([(label, fold) for label in CLASSES for fold in range(1, 6)], 2)
    assert all(clip.weak == (clip.label,) for clip in CORPORA["events"].clips)


def test_repeated_events_do_not_overlap():
    for clip in CORPORA["events"].clips:
        for earlier, later in zip(clip.strong[:-1], clip.strong[1:], strict=True):
            assert earlier.offset <= later.onset + 1e-9
    assert {len(clip.strong) for clip in CORPORA["events"].clips} == {1, 2, 3, 4}


def test_some_recordings_give_several_clips():
    takes = Counter(Counter(clip.recording for clip in SyntheticEvents(0).clips).values())
    assert set(takes) == {1, 2, 3}
    assert takes[1] > takes[2] > takes[3]


def test_clips_of_one_recording_share_voice_and_place_but_not_sound():
    corpus = SyntheticEvents(0, classes=["church_bell"])
    recordings = defaultdict(list)
    for clip in corpus.clips:
        recordings[clip.recording].append(clip)
    one, two, *_ = next(clips for clips in recordings.values() if len(clips) > 1)
    voices = {placement.voice for clip in (one, two) for placement in corpus.scores[clip.id].placements}
    assert voices == {one.recording}
    assert digest(corpus, one) != digest(corpus, two)


def test_source_and_target_share_no_class_no_recording_and_no_voice():
    source, target = CORPORA["mixtures"], SyntheticEvents(0, classes=TARGET_CLASSES)
    assert set(source.classes) == set(SOURCE_CLASSES)
    assert not {name for clip in source.clips for name in clip.weak} & set(target.classes)
    assert not {clip.recording for clip in source.clips} & {clip.recording for clip in target.clips}
    voices = [{p.voice for score in corpus.scores.values() for p in score.placements} for corpus in (source, target)]
    assert not voices[0] & voices[1]


def test_no_voice_is_in_both_training_and_validation():
    corpus = CORPORA["mixtures"]
    owners = defaultdict(set)
    for clip in corpus.clips:
        for placement in corpus.scores[clip.id].placements:
            owners[placement.voice].add(clip.fold)
    assert all(len(folds) == 1 for folds in owners.values())
    assert Counter(clip.fold for clip in corpus.clips) == {TRAIN: 60, VALIDATION: 20}


def test_mixtures_hold_one_to_three_events_of_different_classes_and_every_class():
    clips = SyntheticMixtures(0).clips
    assert {len(clip.strong) for clip in clips} == {1, 2, 3}
    assert all(len(clip.weak) == len(clip.strong) for clip in clips)
    assert all(clip.label is None for clip in clips)
    counts = Counter(name for clip in clips for name in clip.weak)
    assert min(counts[name] for name in SOURCE_CLASSES) > 0.5 * np.mean(list(counts.values()))


def test_scenes_are_as_likely_to_hold_events_as_their_recipes_say():
    n = 200
    corpus = SyntheticScenes(0, recordings_per_scene=n, duration=10.0)
    counts = Counter((clip.label, name) for clip in corpus.clips for name in clip.weak)
    for scene in SCENES:
        for label, probability in scene.events.items():
            spread = np.sqrt(probability * (1 - probability) / n)
            assert counts[scene.name, label] / n == pytest.approx(probability, abs=4 * spread)
    assert set(counts) == {(scene.name, label) for scene in SCENES for label in scene.events}


def test_truth_and_groups_belong_to_the_scenes_that_were_asked_for():
    corpus = SyntheticScenes(0, scenes=["pond", "factory"], recordings_per_scene=4)
    truth = corpus.truth()
    assert tuple(truth.index) == corpus.classes == ("pond", "factory")
    assert tuple(truth.columns) == CLASSES
    recipes = {scene.name: dict(scene.events) for scene in SCENES}
    for name in corpus.classes:
        assert {label: rate for label, rate in truth.loc[name].items() if rate} == recipes[name]
    assert corpus.superclass_of == {"pond": "outdoor", "factory": "works"}


def test_every_class_is_heard_in_some_scene_and_no_background_is_unique():
    assert {label for scene in SCENES for label in scene.events} == set(CLASSES)
    assert all(any(a is not b and a.tilt[0] < b.tilt[1] and b.tilt[0] < a.tilt[1] for b in SCENES) for a in SCENES)


@each_corpus
def test_generated_audio_is_always_valid(corpus: SyntheticDataset):
    validation = corpus.validate()
    assert validation.ok
    assert validation.expected == len(corpus.clips)


def test_a_clip_of_another_corpus_is_refused():
    with pytest.raises(DataError, match="synthetic-events has no clip"):
        CORPORA["events"].audio(CORPORA["mixtures"].clips[0])


@pytest.mark.parametrize(
    "make",
    [
        lambda: SyntheticEvents(0, classes=["bark", "trombone"]),
        lambda: SyntheticEvents(0, classes=["bark", "bark"]),
        lambda: SyntheticEvents(0, classes=[]),
        lambda: SyntheticEvents(0, clips_per_class=12),
        lambda: SyntheticEvents(0, clips_per_class=0),
        lambda: SyntheticEvents(0, duration=2.0),
        lambda: SyntheticMixtures(0, recordings=0),
        lambda: SyntheticMixtures(0, duration=float("nan")),
        lambda: SyntheticScenes(0, scenes=["moon"]),
        lambda: SyntheticScenes(0, recordings_per_scene=10),
    ],
)
def test_impossible_corpora_are_refused_with_a_repair(make):
    with pytest.raises(ParameterError, match="repair"):
        make()
