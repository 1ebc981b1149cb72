"""The recurrent tagger: the published size, the last frame, lower layers side by side, and clips that do not meet."""

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from companion.checkpoints import Checkpoint, load, save
from companion.errors import DataError, ParameterError
from companion.losses import recording_bce
from companion.models.lower import ConvLayer, LowerLayer
from companion.models.lstm import LSTMLayer
from companion.models.recurrent import RecurrentTagger
from companion.training.recordings import Recordings, score

KINDS = [("LSTM",), ("convolution",), ("LSTM", "LSTM"), ("convolution", "LSTM")]


def tagger(lower: tuple[str, ...] = ("LSTM",), **options: object) -> RecurrentTagger:
    """A narrow tagger whose normalisation has seen something."""
    made = RecurrentTagger(
        **{"n_features": 6, "units": 5, "lower": lower, "generator": torch.Generator().manual_seed(3), **options}
    )
    for i, layer in enumerate(made.lower):
        layer.standardise([np.random.default_rng(i).normal(i, 2, (50, made.n_features)).astype(np.float32)])
    return made


def clip(n_frames: int, seed: int = 0) -> Tensor:
    """Shape: ``(1, T, 6)``."""
    return torch.randn(1, n_frames, 6, generator=torch.Generator().manual_seed(seed))


# The published network


def test_128901_weights_learn():
    """Two LSTM layers of 100 units with one bias a gate, on 20 MFCCs, and an output neuron."""
    expected = 4 * 100 * (20 + 100 + 1) + 4 * 100 * (100 + 100 + 1) + 101
    assert sum(p.numel() for p in RecurrentTagger().parameters() if p.requires_grad) == expected == 128_901


def test_the_layers_are_those_of_the_paper():
    """Diment 2017, section 2 and Fig. 1 (a)."""
    made = RecurrentTagger()
    layers = [module for module in made.modules() if isinstance(module, LSTMLayer)]
    assert [(layer.cell.input_size, layer.units, layer.dropout) for layer in layers] == [
        (20, 100, 0.1),
        (100, 100, 0.1),
    ]
    assert [(layer.gates, layer.masks) for layer in layers] == [("hard sigmoid", "gate")] * 2
    assert made.eval()(torch.zeros(2, 2584, 20)).recording.shape == (2, 1)


def test_side_by_side_the_second_layer_reads_twice_as_much():
    """Fig. 1 (c): 48,400 weights more below, and 4 · 100 · 100 in the second layer."""
    made = RecurrentTagger(lower=("LSTM", "LSTM"))
    assert sum(p.numel() for p in made.parameters() if p.requires_grad) == 128_901 + 48_400 + 40_000


def test_a_convolution_has_about_as_many_weights_as_the_layer_that_it_replaces():
    made = RecurrentTagger(lower=("convolution",))
    assert sum(p.numel() for p in made.lower.parameters()) == 5 * 20 * 100 + 100 + 5 * 100 * 100 + 100
    assert made.eval()(torch.zeros(1, 40, 20)).recording.shape == (1, 1)


@pytest.mark.parametrize("lower", KINDS)
def test_a_generator_decides_every_weight(lower):
    one, same, other = (tagger(lower, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    for name, value in one.named_parameters():
        assert torch.equal(value, same.get_parameter(name)), name
        drawn = "bias" not in name
        assert torch.equal(value, other.get_parameter(name)) != drawn, name


# What it says


@pytest.mark.parametrize("lower", KINDS)
def test_the_output_is_the_sigmoid_of_the_upper_layers_last_state(lower):
    made, x = tagger(lower, n_classes=3).eval(), clip(11).expand(2, -1, -1)
    below = torch.cat([layer.layer((x - layer.mean) / layer.deviation) for layer in made.lower], -1)
    logits = made.upper(below)[:, -1] @ made.output.weight.T + made.output.bias
    found = made(x)
    torch.testing.assert_close(found.logits, logits)
    torch.testing.assert_close(found.recording, 1 / (1 + torch.exp(-logits)))
    assert torch.equal(found.segments[:, 0], found.recording)


@pytest.mark.parametrize("lower", [("LSTM",), ("LSTM", "LSTM")])
def test_after_each_frame_is_what_a_clip_that_ends_there_gets(lower):
    made, x = tagger(lower).eval(), clip(9)
    traced = made.after_each_frame(x).recording
    for n in range(1, 10):
        torch.testing.assert_close(traced[:, n - 1], made(x[:, :n]).recording)


@pytest.mark.parametrize("lower", KINDS)
@pytest.mark.parametrize("gates", ["hard sigmoid", "sigmoid"])
def test_it_does_not_matter_to_a_clip_what_it_is_batched_with(lower, gates):
    """Lengths, neighbours and what stands in the padding."""
    made, clips = tagger(lower, gates=gates).eval(), [clip(n, seed=n) for n in (1, 4, 13, 30)]
    lengths = torch.tensor([c.shape[1] for c in clips])
    alone = torch.cat([made(c).logits for c in clips])
    for value in (0.0, 1e3):
        x = nn.utils.rnn.pad_sequence([c[0] for c in clips], batch_first=True, padding_value=value)
        torch.testing.assert_close(made(x, lengths).logits, alone)
    assert len(set(alone.flatten().tolist())) == 4


@pytest.mark.parametrize("lower", KINDS)
def test_padding_learns_nothing(lower):
    """In training, without dropout, gradients are those of the clips by themselves."""
    made, clips = tagger(lower, dropout=0.0).train(), [clip(n, seed=n) for n in (5, 12)]
    learning = [p for p in made.parameters() if p.requires_grad]
    x = nn.utils.rnn.pad_sequence([c[0] for c in clips], batch_first=True, padding_value=50.0)
    together = torch.autograd.grad(made(x, torch.tensor([5, 12])).logits.sum(), learning)
    alone = torch.autograd.grad(sum(made(c).logits.sum() for c in clips), learning)
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_mixed_precision_changes_nothing():
    for lower in KINDS:
        made, x = tagger(lower).eval(), clip(40)
        plain = made(x)
        with torch.autocast("cpu", torch.bfloat16):
            mixed, traced = made(x), made.after_each_frame(x)
        assert torch.equal(plain.logits, mixed.logits)
        assert mixed.recording.dtype == traced.recording.dtype == torch.float32


@pytest.mark.parametrize("shape", [(2, 9, 5), (2, 0, 6)])
def test_other_features_are_refused(shape):
    with pytest.raises(ParameterError, match="frames of"):
        tagger()(torch.zeros(shape))


@pytest.mark.parametrize("lower", [(), ("GRU",)])
def test_unknown_lower_layers_are_refused(lower):
    with pytest.raises(ParameterError, match="LSTM or convolution"):
        RecurrentTagger(lower=lower)


def test_the_convolution_hears_nine_frames_and_sees_zeros_beyond_the_ends():
    """A change in one frame reaches four frames on either side."""
    made = ConvLayer(6, 5, generator=torch.Generator().manual_seed(0)).eval()
    x, other = clip(30), clip(30)
    other[0, 12] += 1.0
    changed = (made(x) - made(other)).abs().amax(2)[0] > 0
    assert torch.nonzero(changed).flatten().tolist() == list(range(8, 17))


def test_the_convolution_is_two_of_them_with_relu_between_and_tanh_behind():
    made = ConvLayer(6, 5, generator=torch.Generator().manual_seed(0)).eval()
    x = 10 * clip(30)
    one = nn.functional.pad(x.mT, (2, 2))
    hidden = nn.functional.conv1d(one, made.first.weight, made.first.bias).clamp(min=0)
    two = nn.functional.pad(hidden, (2, 2))
    expected = torch.tanh(nn.functional.conv1d(two, made.second.weight, made.second.bias)).mT
    torch.testing.assert_close(made(x), expected)


def test_the_convolutions_clips_lose_the_same_inputs_in_every_frame():
    made = ConvLayer(6, 200, dropout=0.5, generator=torch.Generator().manual_seed(0)).train()
    torch.manual_seed(1)
    found = made(torch.ones(1, 40, 6))[0]
    torch.testing.assert_close(found[4:-4], found[4:5].expand(32, -1))
    assert not torch.allclose(found[10], made(torch.ones(1, 40, 6))[0, 10])


# Normalisation


def test_features_are_standardised_with_the_statistics_of_all_frames():
    rng = np.random.default_rng(0)
    given = [rng.normal([5, -300, 0], [1, 40, 0], (n, 3)).astype(np.float32) for n in (10, 500)]
    layer = LowerLayer(3, nn.Identity()).standardise(given)
    seen = np.concatenate([(clip - layer.mean.numpy()) / layer.deviation.numpy() for clip in given])
    np.testing.assert_allclose(seen.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(seen.std(0), [1, 1, 0], atol=1e-4)  # what never varies is not scaled
    assert layer.deviation[2] == 1


def test_nothing_is_normalised_unless_asked_for():
    x = clip(8)
    layer = LowerLayer(6, LSTMLayer(6, 2)).eval()
    assert torch.equal(layer(x), layer.layer(x))


@pytest.mark.parametrize("given", [[], [np.full((3, 6), np.nan, np.float32)]])
def test_statistics_of_nothing_are_refused(given):
    with pytest.raises(DataError, match="no statistics"):
        LowerLayer(6, nn.Identity()).standardise(given)


# Frozen layers


def test_frozen_layers_are_bit_equal_after_training_and_leave_nothing_out():
    made = tagger(("LSTM", "LSTM"), dropout=0.5).train().freeze([0])
    before = {name: value.clone() for name, value in made.state_dict().items()}
    frozen = made.lower[0](clip(10))
    optimizer = torch.optim.RMSprop([p for p in made.parameters() if p.requires_grad])
    for _ in range(3):
        optimizer.zero_grad()
        made.train()(clip(10)).logits.sum().backward()
        optimizer.step()
    assert torch.equal(made.lower[0](clip(10)), frozen)
    for name, value in made.state_dict().items():
        stays = name.startswith("lower.0.") or name.endswith(("mean", "deviation", "bias_hh_l0"))
        assert torch.equal(value, before[name]) == stays, name


def test_as_keras_did_a_frozen_layer_can_leave_inputs_out():
    made = tagger(("LSTM", "LSTM"), dropout=0.5).freeze([0], dropout=True).train()
    assert not torch.equal(made.lower[0](clip(10)), made.lower[0](clip(10)))
    assert not any(p.requires_grad for p in made.lower[0].parameters())
    made.eval()
    assert torch.equal(made.lower[0](clip(10)), made.lower[0](clip(10)))


# Loss and checkpoints


def test_binary_cross_entropy_of_the_output_is_keras_own():
    """Keras cut probabilities off at 1e-7, which is a logit of 16.1; up to there values and slopes are the same."""
    logits = torch.linspace(-15, 15, 61).unsqueeze(1).requires_grad_()
    z = logits.detach().double().numpy()
    for label in (0.0, 1.0):
        y = torch.full_like(logits, label)
        loss = recording_bce(torch.sigmoid(logits), y)
        expected = np.mean(np.logaddexp(0, z) - label * z)
        assert float(loss.detach()) == pytest.approx(expected, rel=1e-2)
        (slope,) = torch.autograd.grad(loss, logits)
        np.testing.assert_allclose(slope.numpy() * len(z), 1 / (1 + np.exp(-z)) - label, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("lower", KINDS)
def test_a_checkpoint_brings_back_the_network_and_its_normalisation(lower, tmp_path):
    made = tagger(lower, gates="sigmoid", masks="clip", recurrent="Glorot normal", dropout=0.2).eval()
    random_state = torch.random.get_rng_state()
    save(Checkpoint(made, ("glass break",), "mfcc"), tmp_path / "tagger.safetensors")
    loaded = load(tmp_path / "tagger.safetensors").network
    assert torch.equal(torch.random.get_rng_state(), random_state)
    assert isinstance(loaded, RecurrentTagger)
    assert loaded.architecture == made.architecture
    assert torch.equal(loaded(clip(20)).logits, made(clip(20)).logits)
    learning = [{n for n, p in network.named_parameters() if p.requires_grad} for network in (made, loaded)]
    assert learning[0] == learning[1]


def test_it_is_scored_by_the_code_that_scores_n_s():
    features = [clip(n, seed=n)[0].numpy() for n in (9, 5, 9)]
    made = tagger(n_classes=2).eval()
    found = score(made, Recordings(features, np.zeros((3, 2), np.float32)), Fabric(accelerator="cpu", devices=1))
    alone = [made(torch.from_numpy(x)[None]).recording[0].detach().numpy() for x in features]
    np.testing.assert_allclose(found.recording, alone, rtol=1e-5)
    np.testing.assert_allclose(found.maximum, alone, rtol=1e-5)
