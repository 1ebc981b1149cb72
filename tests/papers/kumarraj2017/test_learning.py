"""Truths of training and testing: what reaches the loop, what is learned from, what is heard, and in which order."""

import numpy as np
import pytest
import torch

from companion import store
from companion.models.slat import SegmentWise
from companion.papers.kumarraj2017 import learning
from companion.papers.kumarraj2017.learning import HEARD, SCALES, SHOWN, Ragged, Segments, TrainSettings
from companion.store import Work
from companion.training.adagrad import adagrad
from companion.training.recordings import Scored
from papers.kumarraj2017.tiny import CLASSES, TRAINING, corpus
from papers.kumarraj2017.tiny import SCALES as TWO
from worlds import Disturbed


def test_settings_reach_network_loop_and_optimiser(trained):
    settings = TRAINING.model_copy(
        update={
            "epochs": 1,
            "lr": 0.03,
            "batch_size": 3,
            "patience": 7,
            "dropout": 0.25,
            "width": 0.04,
            "centre": -30.0,
        }
    )
    one = trained(settings=settings, seed=5)
    assert (one.schedule.epochs, one.schedule.lr, one.schedule.patience, one.schedule.batch_size) == (1, 0.03, 7, 3)
    assert one.optimizer is adagrad
    assert (one.seed, one.monitor) == (5, "MAP")
    assert one.kept.facts["facts"]["n_train"] == 8, "recordings, not examples in each scale"
    n_steps = len(list(learning.batches(one.examples.lengths, 3, 5, 0)))
    assert [line["steps"] for line in one.kept.facts["facts"]["curve"]] == [n_steps]
    made = one.network.architecture
    assert {name: made[name] for name in ("dropout", "width", "centre", "spread", "pooling", "padding")} == {
        "dropout": 0.25, "width": 0.04, "centre": -30.0, "spread": 20.0, "pooling": "max", "padding": 1}  # fmt: skip
    assert made["n_classes"] == 3


def test_wler_is_shown_recordings_and_slat_segments_with_their_recordings_labels(trained):
    whole, parts = (trained(shown, settings=TRAINING.model_copy(update={"epochs": 1})) for shown in SHOWN)
    assert isinstance(whole.examples, Ragged)
    assert len(whole.examples.lengths) == 8 * len(TWO), "each scale is an example"
    assert isinstance(parts.examples, Segments)
    assert set(parts.examples.lengths) == {128}
    assert set(parts.examples.start % TRAINING.train_hop) == {0}
    clips = [clip for clip in corpus().clips if clip.fold == 1]
    for i in range(len(parts.examples.lengths)):
        _, labels = parts.examples.batch(np.array([i]))
        held = clips[int(parts.examples.recording[i]) % 8].weak
        assert [name for name, held_ in zip(CLASSES, labels[0], strict=True) if held_] == [
            c for c in CLASSES if c in held
        ]
    assert (whole.heard, parts.heard) == ({"scanned"}, {"segment by segment"}), "validated as it is heard"
    steps = [len(list(learning.batches(one.examples.lengths, one.schedule.batch_size, 0, 0))) for one in (whole, parts)]
    assert abs(steps[0] - steps[1]) <= 1, "as many steps"


def test_networks_of_a_seed_start_alike_whatever_they_are_shown(trained, same):
    settings = TRAINING.model_copy(update={"epochs": 1})
    whole, parts, other = (
        trained(settings=settings),
        trained("segments", settings=settings),
        trained(settings=settings, seed=1),
    )
    assert same(whole.first, parts.first)
    assert not same(whole.first, other.first)
    assert not same(whole.first, whole.network), "it learned"
    torch.manual_seed(123)
    value = learning.untrained(Work(), CLASSES, TRAINING, 0)
    for name, weights in whole.first.state_dict().items():
        np.testing.assert_array_equal(value.arrays[name], weights.numpy())


def test_the_loss_meets_the_recording_by_its_highest_segment(trained):
    one = trained(settings=TRAINING.model_copy(update={"epochs": 1}))
    x, y = one.examples.batch(np.arange(3))
    found = one.network(x)
    by_hand = -(y * found.recording.log() + (1 - y) * (1 - found.recording).log()).mean()
    torch.testing.assert_close(one.loss(found, y), by_hand)
    peaks = torch.stack([s[m].amax(0) for s, m in zip(found.segments, found.mask, strict=True)])
    torch.testing.assert_close(found.recording, peaks)


@pytest.mark.parametrize("shown", SHOWN)
def test_test_recordings_decide_nothing_that_is_learned_or_chosen(trained, same, shown):
    one = trained(shown)
    tested = [clip.id for clip in corpus().clips if clip.fold == 3]
    two = trained(shown, clean=Disturbed(corpus(), labels=tested, noise=tested))
    assert same(one.network, two.network)
    assert one.kept.facts["facts"]["curve"] == two.kept.facts["facts"]["curve"]
    learned = [clip.id for clip in corpus().clips if clip.fold == 1]
    assert not same(one.network, trained(shown, clean=Disturbed(corpus(), labels=learned)).network), (
        "or this could not fail"
    )


def test_validation_recordings_choose_the_pass_and_teach_nothing(trained):
    """Whoever validates, the first pass leaves the same weights."""
    settings = TRAINING.model_copy(update={"epochs": 1})
    one, two = (trained(settings=settings, validation=corpus(seed)) for seed in (0, 1))
    for a, b in zip(one.network.state_dict().values(), two.network.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)
    assert one.kept.facts["facts"]["MAP"] != two.kept.facts["facts"]["MAP"]


def test_the_pass_is_chosen_by_what_all_scales_say_together(trained):
    """What is kept as its MAP is that of the mean over both windows on the validation recordings."""
    made = trained()
    said = learning.said_of(Work(), made.kept, corpus(), 2, TRAINING, HEARD[0]).arrays["recording"]
    clips = [clip for clip in corpus().clips if clip.fold == 2]
    labels = np.array([[name in clip.weak for name in CLASSES] for clip in clips], dtype=np.float32)
    found = [learning.mean_ap(labels, one) for one in (said.mean(0), said[0])]
    assert made.kept.facts["facts"]["MAP"] == pytest.approx(found[0], abs=1e-6)
    assert found[0] != found[1], "or this could not fail"


@pytest.fixture
def kept(shared, tmp_path):
    store.write(tmp_path / "n.safetensors", learning.untrained(Work(), CLASSES, TRAINING, 3), {})
    return store.read(tmp_path / "n.safetensors")


@pytest.mark.parametrize("heard", HEARD)
def test_what_is_said_is_the_networks_own_in_every_scale_and_recording(kept, heard):
    said = learning.said_of(Work(), kept, corpus(), 3, TRAINING, heard)
    network = learning.network_of(kept)
    model = network if heard == "scanned" else SegmentWise(network, TRAINING.test_hop)
    assert said.arrays["recording"].shape == (2, 6, 3)
    parts = np.split(said.arrays["segments"], np.cumsum(said.arrays["counts"])[:-1])
    with torch.inference_mode():
        for i in range(6):
            found = []
            for number, n_fft in enumerate(TWO):
                x = torch.tensor(learning.fold_features(corpus(), 3, n_fft, 1)[i])[None]
                found.append(model(x))
                np.testing.assert_allclose(said.arrays["recording"][number, i], found[-1].recording[0], atol=1e-5)
            mean = (found[0].segments[0] + found[1].segments[0]) / 2
            np.testing.assert_allclose(parts[i], mean, atol=1e-5)
    assert not np.allclose(*said.arrays["recording"], atol=1e-4), "scales differ"


def test_a_prediction_is_the_mean_over_scales():
    said = {"recording": np.array([[[0.2], [0.8]], [[0.4], [0.6]]]), "segments": np.arange(5.0)[:, None],
            "counts": np.array([2, 3])}  # fmt: skip
    found = learning.scored(said)
    assert isinstance(found, Scored)
    np.testing.assert_allclose(found.recording, [[0.3], [0.7]], rtol=1e-6)
    assert [one.ravel().tolist() for one in found.segments] == [[0, 1], [2, 3, 4]]


def test_labels_stand_in_the_order_of_the_outputs_whatever_the_corpus_calls_first():
    clips = [clip for clip in corpus().clips if clip.fold == 3]
    turned = tuple(reversed(CLASSES))
    np.testing.assert_array_equal(learning.weak_labels(clips, turned), learning.weak_labels(clips, CLASSES)[:, ::-1])
    assert learning.weak_labels(clips, ("none of them",)).sum() == 0


def test_each_scale_has_its_own_window_at_one_hop():
    assert {n_fft: (spec.n_fft, spec.hop_length, spec.n_mels) for n_fft, spec in SCALES.items()} == {
        n: (n, 512, 128) for n in (512, 1024, 2048, 4096)
    }
    assert TrainSettings.model_fields["scales"].default == (512, 1024, 2048, 4096)
    defaults = {name: field.default for name, field in TrainSettings.model_fields.items()}
    assert (defaults["lr"], defaults["epochs"], defaults["width"], defaults["dropout"]) == (1e-3, 150, 1.0, 0.5)


def test_a_class_that_never_occurs_has_no_ap_and_does_not_count_as_zero():
    labels = np.array([[1, 0], [0, 0], [1, 0]], dtype=np.float32)
    assert learning.mean_ap(labels, labels + 0.1) == 1.0
