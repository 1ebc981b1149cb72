"""How sharply the layers of SN-F and SN-R change where one sound ends and another begins (Fig. 3).

The paper looks at one recording. Here many are made of two clips each, A followed by B, and heard beside A followed by
A and B followed by B: on either side of the join a frame hears the very same sound in two of the three, so that
whatever differs there comes from beyond the join.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from companion.datasets.base import Clip
from companion.errors import DataError
from companion.evaluation.influence import Linearised, mean_score
from companion.evaluation.intervals import interval
from companion.evaluation.units import Units
from companion.models.soundnet_variants import SAMPLE_RATE, Variant
from companion.papers.wangmetze2017.student_training import TOP, student_of
from companion.papers.wangmetze2017.teaching import scaled
from companion.results.rows import Rows
from companion.store import Kept, Value, Work

NEAR = 1.0
"""Seconds on both sides of the join, and at both ends, that do not count as a side's own."""

FIRST = {"SN-F": "fc", "SN-R": "gru"}
ENDING = {"SN-F": "", "SN-R": "-BN"}
"""Names of the layers above ``pool5``, which Fig. 3 draws after batch normalisation where there is one."""

ACTIVATIONS = {"SN-F": "activations_fc", "SN-R": "activations_gru"}
"""Tables of what Fig. 3 draws."""

JOINED = "joined test clips"
"""Column of the rows."""

MEASURES = (
    ("left", "Step left", "step left %", "step difference, points", 100.0),
    ("blur", "Blur", "blur s", "blur difference, s", 1.0),
)
"""What is counted, the item of its rows, its measure and that of a difference, and the factor to its unit."""

DRAWN = 2.5
"""Seconds on both sides of the join that are drawn."""

Array = NDArray[np.float64]


def layers_of(network: str) -> list[str]:
    """The three layers of SN-F or SN-R, as Fig. 3 has them.

    >>> layers_of("SN-R")
    ['gru1-BN', 'gru2-BN', 'gru3-BN']
    """
    return [f"{FIRST[network]}{number}{ENDING[network]}" for number in (1, 2, 3)]


def join(clips: Sequence[Clip], chosen: NDArray[np.bool_], count: int, seed: int) -> NDArray[np.int64]:
    """Pairs of clips of different classes and recordings; each clip is the first of at most one pair.

    Args:
        clips: All clips.
        chosen: Which may be taken. Shape: ``(N,)``.
        count: Pairs, at most.
        seed: Of the draw.

    Returns:
        Numbers of clips. Shape: ``(P, 2)``.

    Raises:
        DataError: No two clips are of different classes.
    """
    order = np.random.default_rng([seed, len(clips)]).permutation(np.flatnonzero(chosen))
    pairs = []
    for place, first in enumerate(order[:count]):
        for second in np.roll(order, -place - 1)[:-1]:
            one, other = clips[first], clips[second]
            if one.label != other.label and one.recording != other.recording:
                pairs.append((first, second))
                break
    if not pairs:
        raise DataError("no two clips to join", expected="clips of two classes or more among those that are tested")
    return np.array(pairs, dtype=np.int64)


def hear_joined(work: Work, sounds: Kept, pairs: NDArray[np.int64], student: Kept, layers: Sequence[str]) -> Value:
    """How each layer of a student changes at the join of every pair.

    Args:
        work: Where to compute.
        sounds: Made by ``hear_clips``.
        pairs: Made by ``join``.
        student: Made by ``student_training.train``.
        layers: Names.

    Returns:
        Value: ``left``, ``blur`` and ``clear``, as `change` has them. Shape: ``(L, P)`` each.

    Source: Wang, Metze 2017, section 3.2, names what Fig. 3 shows: a transition preserved, blurred out, or gone.
    """
    network, found = ready(student, work), np.empty((len(Change._fields), len(layers), len(pairs)))
    for number, pair in enumerate(tqdm(pairs, desc="joined clips", unit="pair", delay=0.5, leave=False)):
        times, heard = three(network, sounds, pair, layers)
        found[..., number] = np.transpose([change(heard[layer], times, length_of(sounds)) for layer in layers])
    return Value(dict(zip(Change._fields, found, strict=True)))


def shown(work: Work, sounds: Kept, pair: NDArray[np.int64], student: Kept, layers: Sequence[str]) -> Value:
    """What some layers say of one pair joined: ``seconds``, shape ``(T,)``, and by layer, shape ``(T, C)``."""
    times, found = three(ready(student, work), sounds, pair, layers)
    return Value({"seconds": times, **{layer: values[1].astype(np.float32) for layer, values in found.items()}})


def length_of(sounds: Kept) -> float:
    """Seconds of a clip, after which the next one begins."""
    return float(sounds["samples"].shape[1] / SAMPLE_RATE)


def ready(student: Kept, work: Work) -> Variant:
    """A trained student, where it computes."""
    return student_of(student, student.facts["architecture"]).to(work.device)


def three(
    network: Variant, sounds: Kept, pair: NDArray[np.int64], layers: Sequence[str]
) -> tuple[Array, Mapping[str, Array]]:
    """Frame times, and layers of A followed by A, A by B, and B by B. Shape: ``(T,)`` and ``(3, T, C)`` each."""
    one, other = (scaled(sounds["samples"][i]) for i in pair)
    heard = np.stack([np.concatenate(both) for both in ((one, one), (one, other), (other, other))])
    with torch.inference_mode():
        found = network.features(torch.from_numpy(heard).to(next(network.parameters()).device), list(layers))
    n_frames = next(iter(found.values())).shape[1]
    return network.frame_times(TOP, n_frames), {name: one.double().cpu().numpy() for name, one in found.items()}


class Change(NamedTuple):
    """What becomes of a layer at a join.

    Args:
        left: Step from one side's mean to the other's, over that between the sounds heard without the other.
        blur: Seconds: how far every frame is from what the layer says of its sound where that goes on, as a share of
            the mean distance between both sounds, added up over time.
        clear: That step over the mean distance of frames from their own side's mean.
    """

    left: float
    blur: float
    clear: float


def change(heard: Array, times: Array, join: float) -> Change:
    """What becomes of a layer at a join.

    A layer that hears the present alone leaves all of the step and blurs nothing. One that says the same of a whole
    recording leaves nothing of it.

    Args:
        heard: Of A followed by A, A by B, and B by B. Shape: ``(3, T, C)``.
        times: Seconds of the frames. Shape: ``(T,)``.
        join: Seconds of the join.
    """
    same, both, other = heard
    before = (times > NEAR) & (times < join - NEAR)
    after = (times > join + NEAR) & (times < 2 * join - NEAR)
    step = _length(both[after].mean(0) - both[before].mean(0))
    sides = same[before], other[after]
    whole = _length(sides[1].mean(0) - sides[0].mean(0))
    within = np.concatenate([_length(side - side.mean(0)) for side in sides]).mean()
    reach = np.abs(times - join) < join - NEAR
    alone = np.where((times < join)[:, None], same, other)
    foreign, apart = _length(both - alone)[reach], _length(other - same)[reach].mean()
    seconds = float(np.median(np.diff(times)))
    return Change(_over(step, whole), _over(foreign.sum() * seconds, apart), _over(whole, within))


def _length(x: Array) -> Array:
    return np.asarray(np.linalg.norm(x, axis=-1))


def _over(one: Any, other: Any) -> float:
    return float(one / max(float(other), np.finfo(np.float64).tiny))


def clearest(heard: Kept) -> int:
    """The pair whose sounds differ most in the lowest layer, for what they vary within themselves."""
    return int(heard["clear"][0].argmax())


def transition_rows(rows: Rows, heard: Mapping[str, Sequence[Kept]], units: Units) -> None:
    """What is left of a step, and its blur, in every layer; recurrent layers against connected ones, and the highest.

    Args:
        rows: Are added to.
        heard: What ``hear_joined`` made with each seed, by network.
        units: Which pairs share a recording.
    """
    for name, item, measure, apart, scale in MEASURES:
        found: dict[str, Linearised] = {}
        for network, kept in heard.items():
            for number, layer in enumerate(layers_of(network)):
                one = mean_score(scale * np.stack([seed[name][number] for seed in kept]), units)
                found[f"{network} {layer}"] = one
                rows.add(item, f"{network} {layer}", JOINED, measure, interval(one, bounds=(0, np.inf)))
        above = [f"SN-R {layer}" for layer in layers_of("SN-R")]
        beside = [f"SN-F {layer}" for layer in layers_of("SN-F")]
        for layer, other in [*zip(above, beside, strict=True), (above[2], above[0])]:
            difference = interval(found[layer] - found[other], difference=True)
            rows.add("Paired", f"{layer} - {other}", JOINED, apart, difference)


def activations(one: Kept, labels: Sequence[str], join: float) -> pd.DataFrame:
    """Layers of one network around a join: a line for every frame and unit.

    Args:
        one: What ``shown`` made with it, layers of as many units.
        labels: Of both clips.
        join: Seconds from the beginning.

    Returns:
        ``seconds``, counted from the join, ``unit`` from 1, every layer, and the labels, ``before`` and ``after``.
    """
    seconds = one["seconds"] - join
    there = np.abs(seconds) < DRAWN
    layers = {name: one[name][there] for name in one if name != "seconds"}
    (n_units,) = {values.shape[1] for values in layers.values()}
    index = pd.MultiIndex.from_product([seconds[there].round(3), range(1, n_units + 1)], names=["seconds", "unit"])
    table = pd.DataFrame({name: values.round(3).ravel() for name, values in layers.items()}, index=index)
    return table.reset_index().assign(before=labels[0], after=labels[1])
