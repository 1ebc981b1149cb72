"""Features of a corpus: the same values in shards, one shard in memory at a time, and nothing computed twice."""

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
from joblib import parallel_config

from companion.audio import Audio
from companion.datasets.base import Clip, Dataset, Validation
from companion.datasets.extraction import CorpusFeatures, extract_corpus
from companion.errors import AudioError, DataError
from companion.features import DV_MFCC, NS_LOG_MEL, extract
from companion.store import Store, read

RATE = 44100


class Noise(Dataset):
    """Clips of noise of several lengths; it counts how often each is made, and some cannot be."""

    name, sample_rate, classes = "noise", RATE, ("noise",)
    superclass_of = {"noise": "noise"}  # noqa: RUF012
    licence = citation = homepage = ""

    def __init__(self, n_clips: int, seconds: float = 0.1, broken: tuple[str, ...] = ()) -> None:
        lengths = seconds * (1 + np.arange(n_clips) % 3)
        self.clips = tuple(Clip(f"c{i}", f"r{i}", 1, float(length)) for i, length in enumerate(lengths))
        self.broken, self.made = broken, list[str]()

    def audio(self, clip: Clip) -> Audio:
        self.made.append(clip.id)
        if clip.id in self.broken:
            raise AudioError(f"{clip.id} is broken", expected="sound", repair="fetch it again")
        samples = np.random.default_rng(int(clip.id[1:])).standard_normal(int(clip.duration * RATE))
        return Audio(samples.astype(np.float32), RATE)

    def validate(self) -> Validation:
        return Validation(len(self.clips))

    def fingerprint(self) -> str:
        return "noise"  # does not know what is broken: like a file that breaks off behind its header


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def straight(corpus, clips=None, spec=NS_LOG_MEL):
    """Every feature, without shards and without a store."""
    return [extract(corpus.audio(clip).samples, RATE, spec) for clip in clips or corpus.clips]


def assert_same(found: CorpusFeatures, expected) -> None:
    assert len(found) == len(expected)
    assert found.lengths == [len(feature) for feature in expected]
    for index, feature in enumerate(expected):
        assert found[index].dtype == feature.dtype
        assert found[index].tobytes() == feature.tobytes()
    assert [feature.tobytes() for feature in found] == [feature.tobytes() for feature in expected]


@pytest.mark.parametrize("shard_clips", [1, 3, 7, 10, 256])
@pytest.mark.parametrize("spec", [NS_LOG_MEL, DV_MFCC], ids=lambda spec: spec.name)
def test_shards_change_no_bit(store, shard_clips, spec):
    corpus = Noise(10)
    for _ in range(2):  # computed, then found
        found = extract_corpus(corpus, spec, store, shard_clips=shard_clips)
        assert_same(found, straight(corpus, spec=spec))
        assert found.clips == corpus.clips
        assert found.excluded == {}


def test_several_at_a_time_change_no_bit(store):
    corpus = Noise(20, broken=("c3", "c11"))
    with parallel_config(backend="threading"):  # processes take seconds to start
        found = extract_corpus(corpus, NS_LOG_MEL, store, n_jobs=3, on_error="exclude", shard_clips=9)
    assert_same(found, straight(corpus, found.clips))
    assert found.excluded == {"c3": "c3 is broken", "c11": "c11 is broken"}


def test_some_clips_in_any_order(store):
    corpus = Noise(10)
    clips = corpus.clips[::-2]
    assert_same(extract_corpus(corpus, NS_LOG_MEL, store, clips=clips, shard_clips=2), straight(corpus, clips))


def test_an_index_outside_and_a_slice(store):
    corpus = Noise(5)
    found = extract_corpus(corpus, NS_LOG_MEL, store, shard_clips=2)
    for index in (-1, 5):
        with pytest.raises(IndexError):
            found[index]
    assert [feature.tobytes() for feature in found[1:4]] == [found[i].tobytes() for i in (1, 2, 3)]


def test_a_clip_is_mapped_not_read(store):
    found = extract_corpus(Noise(5), NS_LOG_MEL, store, shard_clips=2)
    assert all(isinstance(shard.frames, np.memmap) for shard in found.shards)
    assert found[4].base is not None
    assert not found[4].flags.writeable


def test_no_clips_give_no_features(store):
    found = extract_corpus(Noise(0), NS_LOG_MEL, store)
    assert (len(found), found.lengths, list(found)) == (0, [], [])


# --- memory


def peak(n_clips: int, folder) -> int:
    """Highest allocation in bytes while extracting clips of 0.5 to 1.5 s in shards of 6."""
    corpus = Noise(n_clips, seconds=0.5)
    extract_corpus(Noise(6, seconds=0.5), NS_LOG_MEL, Store(folder / "warm"))  # filters and windows are made once
    tracemalloc.start()
    try:
        found = extract_corpus(corpus, NS_LOG_MEL, Store(folder / str(n_clips)), shard_clips=6)
        assert sum(float(feature[0, 0]) for feature in found)  # reading them all keeps none of them
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_clips(tmp_path):
    few, many = peak(12, tmp_path), peak(192, tmp_path)
    whole = 192 * 87 * 128 * 4  # all features, clips being a second on average
    assert many < 1.1 * few
    assert many < whole / 2


# --- killed and resumed


@dataclass
class Interrupting:
    """Ends the extraction after some clips, as Ctrl-C does."""

    corpus: Noise
    after: int

    def __call__(self, clip: Clip) -> Audio:
        if len(self.corpus.made) == self.after:
            raise KeyboardInterrupt
        return Noise.audio(self.corpus, clip)


@pytest.mark.parametrize(("after", "done"), [(0, 0), (2, 0), (3, 3), (5, 3), (9, 9)])
def test_an_interrupted_extraction_resumes_at_its_shard(store, monkeypatch, after, done):
    corpus = Noise(10)
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "audio", Interrupting(corpus, after))
        with pytest.raises(KeyboardInterrupt):
            extract_corpus(corpus, NS_LOG_MEL, store, shard_clips=3)
    corpus.made.clear()
    found = extract_corpus(corpus, NS_LOG_MEL, store, shard_clips=3)
    assert corpus.made == [clip.id for clip in corpus.clips[done:]]
    assert_same(found, straight(corpus))


def test_only_a_damaged_shard_is_computed_again(store):
    corpus = Noise(9)
    extract_corpus(corpus, NS_LOG_MEL, store, shard_clips=3)
    corpus.made.clear()
    shard = sorted(store.root.rglob("*.safetensors"))[1]
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.warns(UserWarning, match="damaged"):
        found = extract_corpus(corpus, NS_LOG_MEL, store, shard_clips=3)
    assert len(corpus.made) == 3
    assert_same(found, straight(corpus))


def test_another_corpus_feature_or_choice_of_clips_is_computed(store):
    corpus, other = Noise(3), Noise(3)
    other.fingerprint = lambda: "other noise"
    extract_corpus(corpus, NS_LOG_MEL, store)
    extract_corpus(corpus, DV_MFCC, store)
    extract_corpus(corpus, NS_LOG_MEL, store, clips=corpus.clips[:2])
    extract_corpus(other, NS_LOG_MEL, store)
    assert (len(corpus.made), len(other.made)) == (8, 3)
    assert len(list(store.root.rglob("*.safetensors"))) == 4


# --- clips that cannot be used


@pytest.mark.parametrize("shard_clips", [1, 2, 4, 256])
def test_unusable_clips_are_excluded_and_named(store, shard_clips):
    corpus = Noise(10, broken=("c0", "c4", "c5", "c9"))
    usable = tuple(clip for clip in corpus.clips if clip.id not in corpus.broken)
    for again in (False, True):
        corpus.made.clear()
        found = extract_corpus(corpus, NS_LOG_MEL, store, on_error="exclude", shard_clips=shard_clips)
        assert corpus.made == ([] if again else [clip.id for clip in corpus.clips])
        assert found.clips == usable
        assert found.excluded == {name: f"{name} is broken" for name in corpus.broken}
        assert_same(found, straight(corpus, usable))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30], ids=str)
def test_an_excluded_clip_leaves_nothing_in_the_store(store, monkeypatch, value):
    """Finite samples may have features that are not: 1e30 squared is beyond single precision."""
    corpus = Noise(5)
    usable = straight(corpus, [clip for clip in corpus.clips if clip.id != "c2"])

    def spoilt(clip: Clip) -> Audio:
        audio = Noise.audio(corpus, clip)
        return Audio(np.full_like(audio.samples, value), RATE) if clip.id == "c2" else audio

    monkeypatch.setattr(corpus, "audio", spoilt)
    found = extract_corpus(corpus, NS_LOG_MEL, store, on_error="exclude", shard_clips=2)
    assert list(found.excluded) == ["c2"]
    assert_same(found, usable)
    frames = [read(path)["frames"] for path in store.root.rglob("*.safetensors")]
    assert sum(map(len, frames)) == sum(map(len, usable))
    assert all(np.isfinite(array).all() for array in frames)
    with pytest.raises(AudioError, match="at sample 0"):
        extract_corpus(corpus, NS_LOG_MEL, store, shard_clips=5)


def test_an_unusable_clip_raises_unless_it_may_be_excluded(store):
    corpus = Noise(4, broken=("c2",))
    extract_corpus(corpus, NS_LOG_MEL, store, on_error="exclude")
    with pytest.raises(AudioError, match="c2 is broken"):
        extract_corpus(corpus, NS_LOG_MEL, store)


def test_a_missing_file_always_raises(store, monkeypatch):
    def missing(clip: Clip) -> Audio:
        raise DataError(f"{clip.id} is missing")

    corpus = Noise(2)
    monkeypatch.setattr(corpus, "audio", missing)
    with pytest.raises(DataError, match="c0 is missing"):
        extract_corpus(corpus, NS_LOG_MEL, store, on_error="exclude")
