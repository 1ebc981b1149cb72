"""Truths of the curriculum: what an excerpt holds, when there are any, and what they depend on."""

import numpy as np
import pytest

from companion.audio import Audio
from companion.datasets.base import Clip
from companion.papers.diment2017.excerpts import Excerpts
from companion.papers.diment2017.sounds import (
    SoundSettings,
    averaged,
    event_spans,
    normalised,
    recordings,
    steps_in,
)
from companion.training.recordings import Recordings
from papers.diment2017.tiny import SOUNDS, Noise

T, LENGTH = 40, 10
SPANS = [(0, 4), (12, 19), (33, 40), (5, 15), (3, 30), (28, 40), None, None]
"""At the beginning, within, at the end, as long as an excerpt, twice longer, longer and at the end; none."""


def numbered() -> Recordings:
    """Recordings in which every step tells which it is."""
    steps = [np.stack([np.arange(T), np.full(T, i)], axis=1).astype(np.float32) for i in range(len(SPANS))]
    return Recordings(steps, np.array([[float(span is not None)] for span in SPANS], dtype=np.float32))


def excerpts(stages=((LENGTH, 200),), seed=0, epoch=0) -> Excerpts:
    made = Excerpts(numbered(), SPANS, stages, seed)
    made.begin_epoch(epoch)
    return made


def starts(made: Excerpts, indices=range(8)) -> list[int]:
    """First steps of excerpts, each of which is the recording's own, step after step."""
    x, y = made.batch(np.array(indices))
    np.testing.assert_array_equal(y, made.recordings.labels[list(indices)])
    first = x[:, 0, 0].numpy().astype(int)
    np.testing.assert_array_equal(x[:, :, 0], first[:, None] + np.arange(x.shape[1]))
    np.testing.assert_array_equal(x[:, :, 1], np.broadcast_to(np.array(indices)[:, None], x.shape[:2]))
    return first.tolist()


def drawn() -> np.ndarray:
    """Starts of all excerpts in two hundred epochs. Shape: ``(200, N)``."""
    return np.array([starts(excerpts(epoch=epoch)) for epoch in range(200)])


def test_an_excerpt_holds_its_whole_event_or_begins_with_it_and_one_without_is_anywhere():
    found = drawn()
    assert found.min() >= 0
    assert found.max() <= T - LENGTH
    for column, span in zip(found.T, SPANS, strict=True):
        if span is None:
            assert set(column) == set(range(T - LENGTH + 1)), "anywhere, from the first to the last"
        elif span[1] - span[0] > LENGTH:
            assert set(column) == {span[0]}
        else:
            lowest, highest = max(0, span[1] - LENGTH), min(span[0], T - LENGTH)
            assert set(column) == set(range(lowest, highest + 1)), "wherever the event is whole"


def test_draws_are_a_function_of_seed_epoch_and_number_alone():
    together = starts(excerpts(seed=3, epoch=7))
    made = excerpts(seed=3, epoch=2)
    starts(made)  # what was drawn before does not matter
    made.begin_epoch(7)
    backwards = starts(made, range(len(SPANS) - 1, -1, -1))
    assert backwards[::-1] == together
    assert starts(made, [6]) == together[6:7]
    for other in ({"seed": 4, "epoch": 7}, {"seed": 3, "epoch": 8}):
        assert starts(excerpts(**other)) != together
    without = drawn()[:, [i for i, span in enumerate(SPANS) if span is None]]
    assert np.abs(np.corrcoef(without.T)[0, 1]) < 0.25, "each recording has draws of its own"


def test_stages_follow_each_other_and_then_all_is_heard():
    made = excerpts(stages=((6, 2), (15, 1)))
    heard = []
    for epoch in range(5):
        made.begin_epoch(epoch)
        heard.append(made.batch(np.arange(3))[0].shape[1])
    assert heard == [6, 6, 15, T, T]
    made.begin_epoch(4)
    np.testing.assert_array_equal(made.batch(np.arange(8))[0], numbered().batch(np.arange(8))[0])
    assert excerpts(stages=()).batch(np.arange(2))[0].shape[1] == T
    assert excerpts(stages=((T + 5, 3),)).batch(np.arange(2))[0].shape[1] == T, "no longer than there is"
    assert made.lengths == [T] * len(SPANS)


@pytest.mark.parametrize(("hop_length", "n"), [(512, 16), (2048, 2), (1000, 1)])
def test_spans_are_the_strong_labels_in_steps(world, hop_length, n):
    """A span holds the event and less than a step more on either side."""
    settings = SoundSettings(name="synthetic", hop_length=hop_length, averaged=n)
    mixtures = world.mixtures("source", "train", 40)
    step = hop_length * n / 44_100
    spans = event_spans(mixtures, settings)
    assert [span is None for span in spans] == [not clip.strong for clip in mixtures.clips]
    for clip, span in zip(mixtures.clips, spans, strict=True):
        if span is not None:
            (event,) = clip.strong
            assert span[0] * step <= event.onset + 1e-9 < (span[0] + 1) * step
            assert (span[1] - 1) * step < event.offset - 1e-9 <= span[1] * step


def test_labels_say_whether_the_event_is_there(world, shared):
    for options in ({}, {"control": True}):
        mixtures = world.mixtures("target", "test", 8, **options)
        target = {row.clip for row in world.pool("target", "test").events}
        there = [bool(target & set(recipe.clips)) for recipe in mixtures.recipes.values()]
        assert recordings(mixtures, SOUNDS, 1).labels.ravel().tolist() == there
        assert sum(there) == 4


def test_events_of_the_control_are_no_events(world):
    mixtures = world.mixtures("target", "test", 20, control=True)
    assert sum(span is not None for span in event_spans(mixtures, SOUNDS)) == 10


class Alone(Noise):
    """Mixtures in which noise stands for the event, and there is no background."""

    def audio(self, clip: Clip) -> Audio:
        made, samples = super().audio(clip), np.zeros(self.recipes[clip.id].n_samples, dtype=np.float32)
        for event in clip.strong:
            within = slice(*(round(second * self.sample_rate) for second in (event.onset, event.offset)))
            samples[within] = made.samples[within]
        return Audio(samples, self.sample_rate)


def test_a_span_is_where_the_event_is_in_the_features(world, shared):
    mixtures = world.mixtures("source", "train", 12)
    alone = Alone(list(mixtures.recipes.values()), mixtures.corpus, mixtures.target, mixtures.positives)
    alone.name = "events alone"
    for feature, span in zip(recordings(alone, SOUNDS, 1).features, event_spans(alone, SOUNDS), strict=True):
        level = feature[:, 0]
        loud = np.flatnonzero(level > level.min() + np.ptp(level) / 2)
        if span is None:
            assert np.ptp(level) == 0
        else:
            assert span[0] - 1 <= loud[0] <= span[0] + 1
            assert span[1] - 2 <= loud[-1] <= span[1]


def test_averaging_conserves_the_mean_and_the_time():
    rng = np.random.default_rng(0)
    for n_frames in (30, 31, 44):
        feature = rng.normal(-100, 30, (n_frames, 20)).astype(np.float32)
        found = averaged(feature, 15)
        sizes = np.array([15] * (n_frames // 15) + [n_frames % 15] * (n_frames % 15 > 0))
        assert found.shape == (len(sizes), 20)
        assert found.dtype == np.float32
        np.testing.assert_allclose(sizes @ found / n_frames, feature.mean(0, dtype=float), rtol=1e-5)
        np.testing.assert_allclose(found[1], feature[15:30].mean(0), rtol=1e-5)
        assert averaged(feature, 1) is feature
        np.testing.assert_allclose(averaged(feature, 99)[0], feature.mean(0), rtol=1e-5)


def test_seconds_are_steps_of_the_network(world, shared):
    data = recordings(world.mixtures("target", "train", 2), SOUNDS, 1)
    assert steps_in(3.0, SOUNDS) in (data.lengths[0], data.lengths[0] - 1), "and the frame that the end falls in"
    assert steps_in(7.0, SoundSettings(name="esc50", averaged=16)) == int(7 * 44_100 / 8192) == 37
    assert steps_in(0.001, SOUNDS) == 1


@pytest.mark.parametrize("how", ["mean", "mean and deviation"])
def test_what_never_changes_in_a_mixture_is_taken_out_of_it(how):
    """Another microphone adds a constant to every coefficient: nothing of it is left. Steady ones become 0."""
    feature = np.random.default_rng(0).normal(3, 5, (200, 20)).astype(np.float32)
    found = normalised(feature, how)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(0), feature.std(0) if how == "mean" else 1, rtol=1e-4)
    np.testing.assert_allclose(normalised(feature + np.linspace(-50, 50, 20, dtype=np.float32), how), found, atol=1e-4)
    assert (normalised(np.full((9, 20), 7, dtype=np.float32), how) == 0).all()
    assert normalised(feature, "nothing") is feature


def test_what_is_taken_out_is_the_frames_deviation_and_not_that_of_steps(world, shared):
    """Means of many frames differ less than frames do: a step's deviation is then below one."""
    settings = SOUNDS.model_copy(update={"averaged": 8, "normalised": "mean and deviation"})
    for feature in recordings(world.mixtures("target", "test", 4), settings, 1).features:
        assert (feature.std(0) < 0.99).all()


@pytest.mark.parametrize(("how", "deviation"), [("nothing", None), ("mean", None), ("mean and deviation", 1)])
def test_every_mixture_is_normalised_by_itself(world, shared, how, deviation):
    settings = SOUNDS.model_copy(update={"averaged": 1, "normalised": how})
    raw, found = (
        recordings(world.mixtures("target", "test", 8), one, 1).features
        for one in (SOUNDS.model_copy(update={"averaged": 1}), settings)
    )
    for before, after in zip(raw, found, strict=True):
        np.testing.assert_allclose(after, normalised(before, how), atol=1e-4)
        assert (np.abs(after.mean(0)).max() < 1e-3) == (how != "nothing")
        if deviation:
            np.testing.assert_allclose(after.std(0), deviation, rtol=1e-3)
