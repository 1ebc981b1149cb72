"""Tables 1 to 3 of the paper, computed from the modules: what agrees, and why the rest does not."""

import numpy as np
import pytest

from companion.models.soundnet import SoundNet
from companion.models.soundnet_variants import SNF, SNR
from companion.papers.wangmetze2017.layers import PRINTED, REASONS, LayerRow, computed, differing, frames

WIDTH = 0.0625


def same_layers(table, rows):
    assert list(PRINTED[table]) == [name for name in rows if name in PRINTED[table]]


def test_table_1_follows_from_the_modules():
    """All but conv8, whose published filter is 8, and conv7's receptive field, from which the printed conv8 does not
    follow either: three times 32,768 samples more than 4.16 s are 8.62 s, and 8.59 s are printed."""
    rows = computed(SoundNet())
    same_layers("Table 1, SoundNet", rows)
    assert len(rows) == 11
    assert differing("Table 1, SoundNet") == {"conv7": ["field"], "conv8": ["filter", "field"]}
    assert rows["conv7"].field == 91_166 / 22_050
    assert rows["conv8"] == LayerRow("1000 + 401", 22_050 / 65_536, 8, 2, 320_542 / 22_050)
    assert round((91_166 + 3 * 32_768) / 22_050, 2) == PRINTED["Table 1, SoundNet"]["conv8"].field
    assert round(PRINTED["Table 1, SoundNet"]["conv7"].field + 3 * 32_768 / 22_050, 2) == 8.62


def test_table_2_follows_from_the_modules():
    """With pool5 as corrected: 2 and 0.34 s, which alone gives the printed 10 Hz."""
    rows = computed(SNF())
    same_layers("Table 2, SN-F", rows)
    assert differing("Table 2, SN-F") == {
        "pool5": ["subsampling", "field"], "fc1": ["field"], "fc2": ["field"], "fc3": ["field"], "output": ["field"]
    }  # fmt: skip
    assert {rows[name].field for name in ("pool5", "fc1", "fc2", "fc3", "output")} == {5362 / 16_000}
    assert {rows[name].rate for name in ("pool5", "fc1", "output")} == {10.0}
    assert rows["pool5"].subsampling == 2


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_table_3_follows_from_the_modules(cell):
    network = SNR(cell=cell)
    rows = computed(network)
    assert differing("Table 3, SN-R") == {}
    assert [name for name in rows if name not in computed(SNF())] == [f"{cell}{number}" for number in (1, 2, 3)]
    assert {rows[f"{cell}{number}"] for number in (1, 2, 3)} == {LayerRow("100 × 2", 10.0)}
    assert (network.activation, network.normalised) == ("relu", True)


def test_what_is_below_the_recurrent_layers_is_that_of_sn_f():
    one, other = computed(SNF()), computed(SNR())
    shared = [name for name in one if name.startswith(("conv", "pool"))]
    assert len(shared) == 8
    assert all(one[name] == other[name] for name in shared)


def test_every_difference_has_its_reason_and_no_other():
    assert set(REASONS) == {(table, layer) for table in PRINTED for layer in differing(table)}


def test_frames_of_a_clip_are_those_of_the_network_and_the_heads_have_none():
    network = SoundNet(width=WIDTH)
    found = frames(network, 5.0)
    assert list(found) == ["conv3", "conv4", "conv5", "pool5", "conv6", "conv7", "conv8"]
    for name, layer in list(found.items())[:-1]:
        assert layer.times == pytest.approx(network.frame_times(name, network.n_frames(name, 5 * 22_050)))
        assert np.mean(layer.middle) == pytest.approx(layer.times[len(layer.times) // 2], abs=1 / 22_050)
        assert np.diff(layer.middle) == pytest.approx(layer.field)
    assert len(found["conv8"].times) == 0
    assert len(frames(network, 9.5)["conv8"].times) == 1
    assert found["conv8"].needs == pytest.approx(9.4954, abs=1e-4)
