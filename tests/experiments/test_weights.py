"""Released weights, from pickle to rows: converted once, unexecuted, and used in the place of the trained source."""

import json

import pytest
import torch
from safetensors.torch import load_file

from companion import checkpoints, paths
from companion.errors import CheckpointError, DataError
from companion.experiments import kumar2018_esc as experiment
from companion.experiments.stages import weights
from companion.models.weak_cnn import WeakCNN
from companion.profiles import parse_parameters

N_CLASSES = 527


@pytest.fixture(scope="module")
def released(released_network, tmp_path_factory):
    """A pickle in the released layout and its class order."""
    folder = tmp_path_factory.mktemp("released")
    network = released_network(N_CLASSES)
    torch.save(network.state_dict(), folder / "n_s.pkl", _use_new_zipfile_serialization=False)
    (folder / "classes.txt").write_text("\n".join(f"class {i}" for i in range(N_CLASSES)) + "\n", encoding="utf-8")
    return network, {"weights": str(folder / "n_s.pkl"), "class_order": str(folder / "classes.txt")}


def test_without_weights_the_profile_decides():
    parameters = parse_parameters({"data": "corpora"})
    assert weights.chosen_weights(parameters) is None
    assert weights.weights_digest(None) == ""
    assert weights.weights_words(parameters) == []
    with pytest.raises(CheckpointError, match=r"corpora/n_s\.safetensors(.|\n)*--weights mx-h64-1024_0d3-1\.17\.pkl"):
        weights.chosen_weights(parameters, "n_s.safetensors")


def test_a_pickle_is_converted_once_with_its_class_order(released, tmp_path, monkeypatch):
    network, given = released
    parameters = parse_parameters(given)
    path = weights.chosen_weights(parameters, "whatever the profile says")
    assert path.parent == paths.cache_root() / "released"
    state = load_file(path)
    assert torch.equal(state["f1.conv.weight"], network.state_dict()["layer18.0.weight"])
    assert json.loads(path.with_suffix(".json").read_text())["classes"][526] == "class 526"
    monkeypatch.setattr(checkpoints, "convert", None)
    assert weights.chosen_weights(parameters) == path
    other = tmp_path / "other.txt"
    other.write_text("\n".join(f"sound {i}" for i in range(N_CLASSES)), encoding="utf-8")
    with pytest.raises(TypeError):  # another class order is another checkpoint
        weights.chosen_weights(parse_parameters({**given, "class_order": str(other)}))


def test_our_own_checkpoint_is_read_as_it_is(tmp_path):
    own = tmp_path / "n_s.safetensors"
    checkpoints.save(checkpoints.Checkpoint(WeakCNN(2, width=0.0625), ("dog", "rain")), own)
    parameters = parse_parameters({"weights": str(own)})
    assert weights.chosen_weights(parameters) == own
    assert experiment.source_network(experiment.CONFIGS["esc50"], parameters, 0).classes == ("dog", "rain")
    before = weights.weights_digest(own)
    checkpoints.save(checkpoints.Checkpoint(WeakCNN(2, width=0.0625), ("rain", "dog")), own)
    assert weights.weights_digest(own) != before
    own.with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match=r"n_s\.json"):
        weights.weights_digest(own)


def test_a_class_order_that_does_not_fit_is_named(released, tmp_path):
    _, given = released
    few = tmp_path / "few.txt"
    few.write_text("dog\nrain\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match="2 class names"):
        weights.chosen_weights(parse_parameters({**given, "class_order": str(few)}))
    few.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"few\.txt"):
        weights.chosen_weights(parse_parameters({**given, "class_order": str(few)}))


@pytest.mark.parametrize("profile", experiment.CONFIGS)
def test_given_weights_take_the_place_of_the_source_in_every_profile(released, profile):
    network, given = released
    parameters = parse_parameters({**given, "profile": profile})
    source = experiment.source_network(experiment.CONFIGS[profile], parameters, 0)
    x = 15 * torch.randn(1, 192, 128, generator=torch.Generator().manual_seed(1)) - 40
    with torch.inference_mode():
        torch.testing.assert_close(source.network(x).segments, network(x[:, None])[..., 0].mT)
    assert source.description == "weights converted from n_s.pkl, 527 classes"
    assert weights.run_command(experiment.NAME, parameters).endswith(
        f"--weights {given['weights']} --class-order {given['class_order']}"
    )


@pytest.mark.soak
def test_table_2_from_a_released_pickle(released, monkeypatch):
    """Full width and 527 classes, on a few clips."""
    _, given = released
    small = {"clips_per_class": 5, "adaptation_epochs": 1, "scratch_epochs": 1, "n_resamples": 20}
    monkeypatch.setitem(experiment.CONFIGS, "demo", experiment.CONFIGS["demo"].model_copy(update=small))
    run = experiment.run(parse_parameters(given))
    assert len(run.rows[run.rows["item"] == "Table2 right"]) == 14
    assert "source_curve" not in run.table_names, "released weights come without a training curve"
    assert "Source task" not in set(run.rows["item"])
    assert run.provenance["data"].endswith("source: weights converted from n_s.pkl, 527 classes")
    assert run.provenance["command"].endswith("--weights …/n_s.pkl --class-order …/classes.txt")
