"""Truths of the source task: what networks are shown and hear, what trains them, and which epoch is kept."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from companion import checkpoints
from companion.models.slat import SegmentWise
from companion.models.weak_cnn import HOP, SEGMENT, WeakCNN
from companion.papers.kumar2018 import source, tagging
from companion.papers.kumar2018.source import SHOWN, SourceSettings, fold_features, weak_labels
from companion.store import Work
from companion.training import Progress, batches
from companion.training.recordings import Recordings
from papers.kumar2018.tiny import TINY_TAGGING, tiny_task
from worlds import Disturbed

SETTINGS = SourceSettings(epochs=7, patience=3, batch_size=6, small_batch=5, width=0.0625, lr=4e-4)
CURVE = [{"epoch": n, "loss": 1.0, "MAP": value, "MAUC": value / 2, "lr": 1e-3} for n, value in ((1, 0.3), (2, 0.7))]


@pytest.fixture
def handed(shared, weak_world, monkeypatch, tmp_path):
    """What ``train`` hands to ``fit``, for a way of showing, settings and a seed; nothing is trained."""
    calls = []

    def fit(network, examples, loss, validate, schedule, **options):
        first = {name: value.clone() for name, value in network.state_dict().items()}
        calls.append(SimpleNamespace(network=network, first=first, examples=examples, loss=loss, validate=validate,
                                     schedule=schedule, **options))  # fmt: skip
        return SimpleNamespace(curve=CURVE)

    monkeypatch.setattr(source, "fit", fit)
    sizes = lambda training, held: {"MAP": len(training.labels) / 240, "MAUC": len(held.labels) / 100}  # noqa: E731
    monkeypatch.setattr(source, "level_baseline", sizes)

    def train(shown, settings=SETTINGS, seed=0, corpus=weak_world):
        value = source.train(Work(folder=tmp_path), corpus, settings, shown, seed)
        return SimpleNamespace(facts=value.facts["facts"], **vars(calls[-1]))

    return train


def features(corpus, fold):
    clips = [clip for clip in corpus.clips if clip.fold == fold]
    found = fold_features(corpus, fold, 1)
    assert [clip.id for clip in found.clips] == [clip.id for clip in clips]
    return list(found), weak_labels(clips, corpus.classes)


def test_n_s_is_shown_whole_training_recordings(handed, weak_world):
    x, labels = features(weak_world, 1)
    call = handed(SHOWN[0])
    assert call.examples.lengths == [len(one) for one in x]
    assert call.schedule.batch_size == SETTINGS.batch_size
    same = np.flatnonzero(np.array(call.examples.lengths) == call.examples.lengths[0])[:5]
    shown, target = call.examples.batch(same)
    np.testing.assert_array_equal(shown, np.stack([x[i] for i in same]))
    np.testing.assert_array_equal(target, labels[same])


@pytest.mark.parametrize("shown", SHOWN[1:])
def test_n_s_slat_is_shown_segments_with_the_labels_of_their_recordings(handed, weak_world, shown):
    x, labels = features(weak_world, 1)
    call = handed(shown)
    cut = [(i, start) for i, one in enumerate(x) for start in range(0, len(one) - SEGMENT + 1, HOP)]
    assert call.examples.lengths == [SEGMENT] * len(cut)
    some = np.arange(0, len(cut), 7)
    segments, target = call.examples.batch(some)
    np.testing.assert_array_equal(
        segments, np.stack([x[i][start : start + SEGMENT] for i, start in np.array(cut)[some]])
    )
    np.testing.assert_array_equal(target, labels[np.array(cut)[some, 0]])


def test_segments_take_as_many_steps_as_recordings_and_small_batches_more(handed, weak_world):
    steps = {}
    for shown in SHOWN:
        call = handed(shown)
        steps[shown] = len(list(batches(call.examples.lengths, call.schedule.batch_size, 0, 0)))
        assert [row["steps"] for row in call.facts["curve"]] == [steps[shown], 2 * steps[shown]]
        if shown == SHOWN[2]:
            assert call.schedule.batch_size == SETTINGS.small_batch
    assert abs(steps[SHOWN[1]] - steps[SHOWN[0]]) <= 1
    assert steps[SHOWN[2]] > 3 * steps[SHOWN[0]]


@pytest.mark.parametrize("shown", SHOWN)
def test_validation_hears_the_validation_recordings_as_the_paper_does(handed, weak_world, shown):
    """N_S scans each recording, N_S^slat hears its segments one by one, and their mean decides."""
    x, labels = features(weak_world, 2)
    call = handed(shown)
    network = call.network.eval()
    with torch.inference_mode():
        if shown == SHOWN[0]:
            said = [network(torch.tensor(one)[None]).recording[0] for one in x]
        else:
            cuts = [torch.tensor(np.array(one)).unfold(0, SEGMENT, HOP).transpose(1, 2) for one in x]
            said = [network(cut).recording.mean(0) for cut in cuts]
        found = call.validate(network)
    outputs, occurs = torch.stack(said).numpy(), labels.any(0)
    for name, metric in (("MAP", average_precision_score), ("MAUC", roc_auc_score)):
        values = [metric(y, score) for y, score in zip(labels.T[occurs], outputs.T[occurs], strict=True)]
        assert found[name] == pytest.approx(np.mean(values), abs=1e-3), name
    assert call.monitor == "MAP"


def test_the_loss_is_binary_cross_entropy_of_the_recording(handed):
    rng = np.random.default_rng(0)
    said, true = (
        torch.tensor(rng.uniform(0.1, 0.9, (4, 5))),
        torch.tensor(rng.integers(0, 2, (4, 5)), dtype=torch.double),
    )
    expected = -(true * said.log() + (1 - true) * (1 - said).log()).mean()
    for shown in SHOWN:
        output = SimpleNamespace(recording=said, segments=None)
        assert float(handed(shown).loss(output, true)) == pytest.approx(float(expected))


def test_networks_of_a_seed_start_alike_and_of_other_seeds_otherwise(handed, weak_world):
    calls = [handed(shown, seed=seed) for seed in (0, 3) for shown in SHOWN]
    assert [call.seed for call in calls] == [0, 0, 0, 3, 3, 3]
    for number, call in enumerate(calls):
        torch.manual_seed(call.seed)
        drawn = WeakCNN(len(weak_world.classes), width=SETTINGS.width).state_dict()
        assert all(torch.equal(call.first[name], value) for name, value in drawn.items()), number
    weights = [call.first["f1.conv.weight"] for call in calls]
    assert not torch.equal(weights[0], weights[3])


@pytest.mark.parametrize("rate", ["constant", "cosine", "plateau"])
def test_settings_reach_schedule_and_network(handed, rate):
    settings = SETTINGS.model_copy(update={"rate": rate, "width": 0.125, "pooling": "max", "lr": 3e-3, "epochs": 9})
    call = handed(SHOWN[0], settings)
    assert call.network.architecture["width"] == 0.125
    assert call.network.pooling == "max"
    schedule = call.schedule
    assert (schedule.epochs, schedule.lr, schedule.patience) == (9, 3e-3, 3)
    worse = [{"MAP": 0.5 - 0.1 * n} for n in range(3)]
    last = {"constant": 3e-3, "cosine": 0.0, "plateau": 1.5e-3}[rate]
    assert schedule.rate(Progress(100, 100, worse), schedule.lr) == pytest.approx(last, abs=1e-9)
    assert schedule.rate(Progress(100, 100, worse[:2]), schedule.lr) == pytest.approx(last * (1 + (rate == "plateau")))
    assert (schedule.clip_value, schedule.clip_norm) == (None, None)


def test_the_epoch_that_validates_best_is_kept(shared, weak_world, tmp_path, monkeypatch):
    """Validation is scripted: the second of three epochs is the best."""
    scripted = iter([0.1, 0.1, 0.2, 0.9, 0.3])  # the self-check validates twice
    heard = []

    def hearing(network, segmentwise):
        heard.append({name: value.clone() for name, value in network.state_dict().items()})
        return SegmentWise(network) if segmentwise else network

    monkeypatch.setattr(source, "hearing", hearing)
    monkeypatch.setattr(source, "map_and_mauc", lambda *_: {"MAP": next(scripted, 0.0), "MAUC": 0.5})
    settings = SourceSettings(epochs=3, batch_size=12, width=0.0625)
    value = source.train(Work(folder=tmp_path), weak_world, settings, SHOWN[0], 0)
    kept = value.arrays
    name = "f1.conv.weight"
    stored = next(array for key, array in kept.items() if key.endswith(name))
    epochs = [next(v for k, v in state.items() if k.endswith(name)).numpy() for state in heard[2:5]]
    assert [np.array_equal(stored, one) for one in epochs] == [False, True, False]
    assert value.facts["facts"]["measures"]["MAP"] == 0.9


def test_what_is_told_of_a_network(handed, weak_world):
    facts = handed(SHOWN[1]).facts
    assert facts["measures"] == {"MAP": 0.7, "MAUC": 0.35, "level-only MAP": 0.1, "level-only MAUC": 0.2}
    assert facts["n_validation"] == 20
    assert facts["description"].startswith("24 weakly labelled recordings (synthetic-mixtures, ")


def test_validation_recordings_train_nothing(shared, weak_world):
    """One epoch, so that there is nothing to choose: other sounds and labels leave the weights as they are."""
    held = [clip.id for clip in weak_world.clips if clip.fold == 2]
    shared_recordings = {held[0]: "x+y", held[1]: "y+z"}
    other = Disturbed(weak_world, labels=held, noise=held, recordings=shared_recordings)
    settings = {**TINY_TAGGING, "n_seeds": 1}
    for shown in SHOWN[:2]:
        one, two = (
            tagging.network(tiny_task(tagging.experiment, settings, source=corpus), shown, 0)
            for corpus in (weak_world, other)
        )
        assert one.digest == two.digest
        assert one.measures["MAP"] != two.measures["MAP"]
        assert (one.n_recordings, two.n_recordings) == (len(held), len(held) + 1), "x, y and z for two clips"


def test_loudness_is_learned_from_training_recordings_alone():
    """In training loud recordings hold the class, in the others soft ones: learned there, it is always wrong here."""
    rng = np.random.default_rng(0)
    loud = np.arange(20) % 2

    def made(labels):
        x = [rng.normal(level, 1, (128, 4)).astype(np.float32) for level in np.where(loud, -20.0, -50.0)]
        return Recordings(x, np.stack([labels, 1 - labels], axis=1).astype(np.float32))

    assert source.level_baseline(made(loud), made(loud)) == pytest.approx({"MAP": 1.0, "MAUC": 1.0})
    assert source.level_baseline(made(loud), made(1 - loud))["MAUC"] == 0.0


def test_a_digest_covers_every_weight_and_statistic():
    network = WeakCNN(3, width=0.0625)
    before = source.weights_digest(network)
    for name, value in network.state_dict().items():
        if value.numel():
            old = value.clone()
            value.view(-1)[-1] += 1
            assert source.weights_digest(network) != before, name
            value.copy_(old)
    assert source.weights_digest(network) == before


def test_weights_from_a_file_are_the_source(shared, weak_world, tmp_path):
    task = tiny_task(tagging.experiment, TINY_TAGGING)
    found = tagging.network(task, SHOWN[0], 0)
    file = tmp_path / "n_s.safetensors"
    checkpoints.save(checkpoints.Checkpoint(found.network, found.classes, "ns-log-mel"), file)
    given = source.given_weights(str(file), "", tmp_path)
    again = given["weights"].source()
    assert (again.digest, again.classes) == (found.digest, found.classes)
    assert source.given_weights(file.name, "", tmp_path)["weights"].fingerprint() == given["weights"].fingerprint()
    assert source.given_weights("", "", tmp_path) == {}
    (only,) = tagging.source_networks(tiny_task(tagging.experiment, TINY_TAGGING, **given))
    assert only.digest == found.digest
