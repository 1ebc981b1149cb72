"""The rare event task in the synthetic world has the interface and the partitions of the real one."""

from itertools import combinations

import numpy as np
import pytest

from companion.datasets.base import Clip
from companion.datasets.synthetic import CLASSES
from companion.datasets.synthetic.rare import RARE, SyntheticRare
from companion.errors import DataError, ParameterError
from companion.events import author_of
from companion.features import dv_mfcc, extract, n_frames

SMALL = {"voices": 3, "takes": 2, "backgrounds": 2, "duration": 3.0}


@pytest.fixture(scope="module")
def sounds():
    return SyntheticRare(0, **SMALL)


def test_no_two_parts_of_either_task_share_a_voice_and_the_tasks_share_no_class(sounds):
    pools = [(task, sounds.pool(task, part)) for task in ("source", "target") for part in sounds.parts(task)]
    for (one_task, one), (other_task, other) in combinations(pools, 2):
        assert not {author_of(row) for row in one.cuts} & {author_of(row) for row in other.cuts}
        if one_task != other_task:
            assert not {row.label for row in one.cuts} & {row.label for row in other.cuts}


def test_rare_events_are_nowhere_else_in_the_world():
    assert not set(RARE) & set(CLASSES)


def test_mixtures_and_their_supply_have_the_real_ones_interface(sounds):
    mixtures = sounds.mixtures("target", "test", 6)
    assert mixtures.classes == ("shatter",)
    assert sum(bool(clip.weak) for clip in mixtures.clips) == 3
    for clip in mixtures.clips:
        samples = mixtures.audio(clip).samples
        assert samples.shape == (3 * 44_100,)
        assert 0 < np.abs(samples).max() < 0.9
    supply = sounds.supply("source", 4, dv_mfcc(hop_length=2048))
    feature, label = supply(1, 0)
    assert feature.shape == (supply.lengths[0], 20) == (n_frames(3 * 44_100, supply.spec), 20)
    assert label.tolist() == [1.0]
    assert set(sounds.counts()["part"]) == {"train", "validation", "test"}


def test_a_clip_is_the_same_in_any_order_and_whatever_else_there_is(sounds):
    clip = sounds.corpus.clips[5]
    first = sounds.corpus.audio(clip).samples
    sounds.corpus.audio(sounds.corpus.clips[0])
    np.testing.assert_array_equal(sounds.corpus.audio(clip).samples, first)
    more = SyntheticRare(0, voices=5, takes=3, backgrounds=1, duration=3.0).corpus
    np.testing.assert_array_equal(more.audio(clip).samples, first)
    assert not np.array_equal(SyntheticRare(1, **SMALL).corpus.audio(clip).samples[:100], first[:100])


def test_the_two_events_differ_from_each_other_as_their_models_do(sounds):
    """A cry holds its strength and lies low; a pane bursts at once, and rings high."""
    centroid, early = {}, {}
    for label in RARE:
        clips = [clip for clip in sounds.corpus.clips if clip.label == label][:4]
        heard = [sounds.corpus.audio(clip).samples.astype(float) for clip in clips]
        power = [np.abs(np.fft.rfft(samples, 2**17)) ** 2 for samples in heard]
        hertz = np.fft.rfftfreq(2**17, 1 / 44_100)
        centroid[label] = np.mean([(hertz * p).sum() / p.sum() for p in power])
        early[label] = np.mean([(s[: len(s) // 4] ** 2).sum() / (s**2).sum() for s in heard])
    assert centroid["cry"] < 2500 < 3000 < centroid["shatter"]
    assert early["cry"] < 0.4 < 0.55 < early["shatter"]


@pytest.mark.parametrize("task", ["source", "target"])
def test_presence_can_be_heard_and_is_not_told_by_the_level_of_the_whole(task):
    """The loudest moment of each band over its median tells what the mean level does not."""
    mixtures = SyntheticRare(2, voices=8, takes=1, backgrounds=4, duration=3.0).mixtures(task, "train", 40)
    present = np.array([bool(clip.weak) for clip in mixtures.clips])
    log_mel = dv_mfcc(hop_length=2048).log_mel
    bands = [extract(mixtures.audio(clip).samples, 44_100, log_mel) for clip in mixtures.clips]

    def auc(values):
        values = np.array(values)
        return (values[present][:, None] > values[~present]).mean()

    assert auc([(one.max(0) - np.median(one, 0)).mean() for one in bands]) > 0.95
    assert auc([one.mean() for one in bands]) == pytest.approx(0.5, abs=0.25)


def test_a_world_without_sounds_and_a_clip_of_another_are_refused(sounds):
    for wrong in ({"voices": 0}, {"takes": 9}, {"backgrounds": 0}):
        with pytest.raises(ParameterError, match="voices"):
            SyntheticRare(**wrong)
    with pytest.raises(DataError, match="no clip 'x'"):
        sounds.corpus.audio(Clip("x", "x", 1, 1.0))
