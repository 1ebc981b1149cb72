"""What students learn from: targets lie where they belong, and every clip is heard as often as any other."""

import numpy as np
import pytest
import torch

from companion.datasets.synthetic import SyntheticEvents
from companion.errors import DataError, ParameterError
from companion.models.soundnet import SAMPLE_RATE, SoundNet, waveform
from companion.models.soundnet_variants import SNF
from companion.papers.wangmetze2017.listening import Weights
from companion.papers.wangmetze2017.teaching import (
    FULL_SCALE,
    Excerpts,
    content_targets,
    hear_clips,
    met,
    outputs_inside,
    scaled,
    soundnet_targets,
    spans,
)
from companion.store import Work
from papers.wangmetze2017.lessons import LENGTH, Two, clips_of


def test_the_mean_of_the_outputs_within_a_clip_meets_its_target_or_the_nearest_one():
    """Twenty seconds of four clips: outputs within 2.5 s of the middle of each lie in it, and in no other."""
    network = SNF(width=0.0625)
    times = network.frame_times("pool5", network.n_frames("pool5", 320_000))
    middles = [2.5, 7.5, 12.5, 17.5]
    for number, (first, stop) in enumerate(spans(times, middles, 2.5)):
        inside = np.flatnonzero((times >= 5 * number) & (times < 5 * (number + 1)))
        assert (first, stop) == (inside[0], inside[-1] + 1)
        assert stop - first in (50, 51)
    for seconds, (first, stop) in zip((3, 8, 13, 18), spans(times, (3, 8, 13, 18), None), strict=True):
        assert stop == first + 1
        assert abs(times[first] - seconds) <= 0.05 + 1e-9
    with pytest.raises(ParameterError, match="outputs within"):
        spans(times, [400.0], 2.5)


def test_what_meets_a_target_is_a_mean_of_probabilities():
    p = torch.from_numpy(np.random.default_rng(0).dirichlet(np.ones(5), (2, 8))).float()
    found = met(p.log(), [(0, 3), (4, 5)]).exp()
    torch.testing.assert_close(found[:, 0], p[:, :3].mean(1))
    torch.testing.assert_close(found[:, 1], p[:, 4])
    torch.testing.assert_close(found.sum(-1), torch.ones(2, 2))


def test_the_teacher_hears_a_clip_and_no_padding():
    """Of four outputs for 20 s the two in the middle: silence instead of padding would not change them."""
    network = SoundNet(width=1 / 32, n_classes=7).eval()
    assert outputs_inside(network, 20.0) == [1, 2]
    with pytest.raises(ParameterError, match=r"10.0 s"):
        outputs_inside(network, 10.0)
    x = torch.randn(1, 20 * SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
    wider = torch.cat(
        [torch.randn(1, 2 * 65_536), x, torch.randn(1, 65_536)], 1
    )  # two whole steps of the heads earlier
    with torch.inference_mode():
        alone, among = network(x).objects, network(wider).objects
    assert alone.shape[1] == 4
    torch.testing.assert_close(alone[:, 1:3], among[:, 3:5], rtol=1e-3, atol=1e-4)
    assert not torch.allclose(alone[:, 0], among[:, 2], rtol=1e-3, atol=1e-4)


def test_the_teacher_s_word_is_the_mean_probability_of_a_clip_repeated_to_twenty_seconds():
    corpus, weights = Two(), Weights(width=1 / 32)
    found = soundnet_targets(Work(), corpus, weights).arrays
    heard = waveform(corpus.audio(corpus.clips[1]).samples, SAMPLE_RATE, n_samples=20 * SAMPLE_RATE)
    with torch.inference_mode():
        said = weights.network()(torch.from_numpy(heard)[None])
    np.testing.assert_allclose(found["objects"][1], said.objects[0, 1:3].exp().mean(0), rtol=1e-4)
    np.testing.assert_allclose(found["scenes"].sum(1), 1, atol=1e-5)
    assert [found[name].shape for name in ("objects", "scenes")] == [(2, 1000), (2, 401)]


def test_sounds_are_kept_at_16_khz_and_heard_as_loud_as_soundnet_hears_them():
    corpus = Two()
    samples = hear_clips(Work(), corpus).arrays["samples"]
    assert samples.shape == (2, 80_000)
    assert samples.std() / FULL_SCALE == pytest.approx(0.1 * np.sqrt(16_000 / SAMPLE_RATE), rel=0.03)
    assert scaled(np.array([FULL_SCALE, -FULL_SCALE, 0], np.int16)).tolist() == [256.0, -256.0, 0.0]
    with pytest.raises(DataError, match="2 lengths"):
        hear_clips(Work(), Two((5.0, 4.0)))


def test_a_teacher_that_knows_the_content_is_sure_of_the_class_and_mistakes_within_its_kind():
    corpus = SyntheticEvents(0, classes=("bark", "drum", "telephone", "wail"), clips_per_class=5)
    found = content_targets(Work(), corpus, 0.8).arrays
    for name in ("objects", "scenes"):
        np.testing.assert_allclose(found[name].sum(1), 1, atol=1e-6)
        assert (found[name] > 0).all()
    label = [corpus.classes.index(clip.label) for clip in corpus.clips]
    assert found["objects"].argmax(1).tolist() == label
    kinds = list(dict.fromkeys(corpus.superclass_of[name] for name in corpus.classes))
    assert found["scenes"].argmax(1).tolist() == [kinds.index(corpus.superclass_of[c.label]) for c in corpus.clips]


def test_every_clip_is_heard_once_before_any_is_heard_again_and_others_are_joined_in_every_epoch():
    sounds, teacher = clips_of()
    excerpts = Excerpts(sounds["samples"], teacher["objects"], 4, 6, seed=0)
    drawn = [[excerpts.clips(epoch, i) for i in range(6)] for epoch in range(2)]
    for epoch in drawn:
        flat = np.concatenate(epoch)
        assert sorted(flat[:12]) == sorted(flat[12:]) == list(range(12))
    assert drawn[0][:3] != drawn[0][3:] != drawn[1][:3]
    again = Excerpts(sounds["samples"], teacher["objects"], 4, 6, seed=0)
    assert again.clips(1, 4) == drawn[1][4]  # without those before
    assert Excerpts(sounds["samples"], teacher["objects"], 4, 6, seed=1).clips(1, 4) != drawn[1][4]
    x, y = excerpts.make(1, 4)
    np.testing.assert_array_equal(x.reshape(4, LENGTH), scaled(sounds["samples"][drawn[1][4]]))
    np.testing.assert_array_equal(y, teacher["objects"][drawn[1][4]])


def test_an_epoch_that_ends_within_a_round_goes_on_in_the_next():
    sounds, teacher = clips_of(n=10)
    excerpts = Excerpts(sounds["samples"], teacher["objects"], 4, 3, seed=0)
    flat = np.concatenate([excerpts.clips(epoch, i) for epoch in range(5) for i in range(3)])
    assert all(sorted(flat[start : start + 10]) == list(range(10)) for start in range(0, 60, 10))
