"""Fig. 1: the layers of N_S, what the three methods make of them, and where F1 and F2 are taken."""

import numpy as np
import torch
from torch.nn import functional

from companion.models.description import layer_table
from companion.models.weak_cnn import WeakCNN
from companion.representations import represent
from companion.transfer import METHODS, AdaptedNet, adapt, trunk_outputs

N_TARGET = 10
LAYERS = [
    ("input", 1, 896, 128), ("B1", 16, 448, 64), ("B2", 32, 224, 32), ("B3", 64, 112, 16), ("B4", 128, 56, 8),
    ("B5", 256, 28, 4), ("B6", 512, 14, 2), ("F1", 1024, 13, 1), ("F2", 527, 13, 1), ("P", 527, 1, 1),
]  # fmt: skip
"""Block, channels, frames and bands of the figure's example."""

# numbers of a convolution are weights and a bias for each filter; normalisation has two more for each
PARAMETERS = {
    "B1": 9 * 1 * 16 + 9 * 16 * 16 + 2 * 3 * 16,
    "B2": 9 * 16 * 32 + 9 * 32 * 32 + 2 * 3 * 32,
    "B3": 9 * 32 * 64 + 9 * 64 * 64 + 2 * 3 * 64,
    "B4": 9 * 64 * 128 + 9 * 128 * 128 + 2 * 3 * 128,
    "B5": 9 * 128 * 256 + 9 * 256 * 256 + 2 * 3 * 256,
    "B6": 9 * 256 * 512 + 3 * 512,
    "F1": 4 * 512 * 1024 + 3 * 1024,
    "F2": 1024 * 527 + 527,
}
LEARNS = {"I": ("F1", "F_T"), "II": ("F1", "F2", "F_T"), "III": ("F1", "F2", "F_T")}
READS = {"I": 1024, "II": 527, "III": 527}


def test_figure_1():
    torch.manual_seed(0)
    network = WeakCNN()
    network(15 * torch.randn(2, 256, 128) - 40)  # so that normalisation has statistics of its own
    network.eval()
    the_layers_are_the_figures(network)
    rng = np.random.default_rng(0)
    features = [rng.normal(-40, 15, (length, 128)).astype(np.float32) for length in (896, 300, 128)]
    trunks = trunk_outputs(network, features)
    assert [tuple(trunk.shape) for trunk in trunks] == [(512, 14, 2), (512, 4, 2), (512, 2, 2)]
    f1, f2 = off_the_shelf(network, trunks[0])
    np.testing.assert_allclose(pooled(network, trunks), pools(f1, f2), rtol=1e-3, atol=1e-4)
    for name in METHODS:
        what_a_method_adds_removes_freezes_and_trains(network, name)
        adapted = adapt(network, name, trunks, [3, 9, 0], N_TARGET, epochs=1, batch_size=3, lr=1e-3).network
        only_the_updated_layers_changed(network, adapted, name)
        representations_are_taken_where_the_figure_says(adapted, trunks, name)


def the_layers_are_the_figures(network):
    rows = layer_table(network, 896)
    assert [(row.block, row.channels, row.frames, row.bands) for row in rows] == LAYERS
    assert {row.block: row.parameters for row in rows if row.parameters} == PARAMETERS
    with torch.inference_mode():
        x = torch.randn(1, 896, 128)
        output, hidden = network(x), x[None]
        for block, (_, channels, frames, bands) in zip(network.blocks, LAYERS[1:7], strict=True):
            hidden = block(hidden)
            assert hidden.shape == (1, channels, frames, bands)
    assert output.f1.shape == (1, 13, 1024)
    assert output.segments.shape == (1, 13, 527)
    assert output.recording.shape == (1, 527)
    torch.testing.assert_close(output.recording, output.segments.mean(1))


def off_the_shelf(network, trunk):
    """F1 and F2 of every segment by plain operations: convolution, normalisation, ReLU; convolution, sigmoid."""
    f1 = first(network, trunk)
    return f1, torch.sigmoid(second(network, f1))


def first(network, trunk):
    conv, bn = network.f1.conv, network.f1.bn
    hidden = functional.conv2d(trunk[None], conv.weight, conv.bias)
    hidden = (hidden - bn.running_mean[:, None, None]) / torch.sqrt(bn.running_var[:, None, None] + bn.eps)
    return functional.relu(hidden * bn.weight[:, None, None] + bn.bias[:, None, None])[0, :, :, 0].T


def second(network, f1):
    return f1 @ network.f2.weight[:, :, 0, 0].T + network.f2.bias


def pools(f1, f2):
    """The four representations end to end: maximum and mean over segments."""
    return torch.cat([x for layer in (f1, f2) if layer is not None for x in (layer.amax(0), layer.mean(0))]).detach()


def pooled(network, trunks):
    """What ``represent`` makes of the first recording."""
    found = represent(network, trunks)
    return np.concatenate([x[0] for x in (found.f1_max, found.f1_avg, found.f2_max, found.f2_avg) if x is not None])


def what_a_method_adds_removes_freezes_and_trains(network, name):
    adapted = AdaptedNet(network, name, N_TARGET)
    layers = {f"B{i}": block for i, block in enumerate(adapted.network.blocks, 1)} | {"F1": adapted.network.f1}
    layers |= {"F2": adapted.network.f2} if name != "I" else {}
    assert hasattr(adapted.network, "f2") == (name != "I"), "F_T takes F2's place in Method I alone"
    numbers = PARAMETERS | {"F_T": READS[name] * N_TARGET + N_TARGET}
    assert adapted.f_t.weight.shape == (N_TARGET, READS[name])
    for layer, module in {**layers, "F_T": adapted.f_t}.items():
        assert {p.requires_grad for p in module.parameters()} == {layer in LEARNS[name]}, (name, layer)
        assert sum(p.numel() for p in module.parameters()) == numbers[layer]
    learning = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert learning == sum(numbers[layer] for layer in LEARNS[name])
    assert len(list(adapted.parameters())) == sum(len(list(m.parameters())) for m in layers.values()) + 2
    for layer, module in layers.items():
        own = getattr(network, layer.lower()) if layer[0] == "F" else network.blocks[int(layer[1]) - 1]
        pairs = zip(module.state_dict().values(), own.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs), f"{layer} begins as N_S's"


def only_the_updated_layers_changed(network, adapted, name):
    before = network.state_dict()
    for key, value in adapted.network.state_dict().items():
        layer = key.split(".")[0].upper()
        same = torch.equal(value, before[key])
        assert same == (layer not in LEARNS[name]), (name, key)


def representations_are_taken_where_the_figure_says(adapted, trunks, name):
    """F1 and F2 of N_T after ReLUs, no sigmoid; F_T on segments of F1, on segments of F2, or on F2 pooled."""
    with torch.inference_mode():
        f1 = first(adapted.network, trunks[0])
        f2 = None if name == "I" else functional.relu(second(adapted.network, f1))
        np.testing.assert_allclose(pooled(adapted, trunks), pools(f1, f2), rtol=1e-3, atol=1e-4)
        if f2 is not None:
            assert float(f2.max()) > 1, "no sigmoid"
        f_t = {"I": lambda: f1, "II": lambda: f2, "III": lambda: f2.mean(0, keepdim=True)}[name]()
        scores = (f_t @ adapted.f_t.weight.T + adapted.f_t.bias).softmax(1).mean(0)
        said = adapted.head(trunks[0][None], torch.ones(1, 13, dtype=torch.bool)).recording[0].exp()
        np.testing.assert_allclose(said, scores, rtol=1e-3, atol=1e-6)
