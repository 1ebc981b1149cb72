"""The tagger and the three ways of transferring it: Fig. 1 of Diment, Virtanen 2017, told by the modules themselves."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

from companion.experiment import Experiment, Findings, Task
from companion.features import DV_MFCC, n_frames
from companion.models.recurrent import RecurrentTagger
from companion.profiles import Settings
from companion.results.rows import Rows, bare
from companion.transfer.schemes import SCHEMES, Scheme, target_tagger


class SchemeSettings(Settings):
    """Settings of one profile.

    Args:
        units: Units of every LSTM.
        duration: Seconds of a mixture.
        schemes: Rows of ``companion.transfer.schemes.SCHEMES``.
    """

    units: int = 100
    duration: float = 30.0
    schemes: tuple[str, ...] = tuple(SCHEMES)


PROFILES: Mapping[str, SchemeSettings] = {name: SchemeSettings() for name in ("demo", "esc50", "paper")}


def compute(task: Task) -> Findings:
    """Rows, and the table ``layers``: the layers of every scheme, what becomes of them, and their parameters."""
    settings: SchemeSettings = task.settings
    layers = pd.DataFrame([line for name in settings.schemes for line in layer_lines(SCHEMES[name], settings.units)])
    rows = Rows()
    for name, part in layers.groupby("scheme", sort=False):
        for state in ("learns", "frozen"):
            n = int(part.loc[part["learns"] == (state == "learns"), "parameters"].sum())
            rows.add("Parameters", str(name), state, "count", bare(n))
    steps = n_frames(round(settings.duration * DV_MFCC.sample_rate), DV_MFCC)
    rows.add("Sequence", f"{settings.duration:g} s", "frames", "count", bare(steps))
    rows.add("Sequence", f"{settings.duration:g} s", "MFCC of a frame", "count", bare(DV_MFCC.n_features))
    return Findings(rows, {"layers": layers}, "no data: counted in the modules", 0, [task.seed])


def layer_lines(scheme: Scheme, units: int) -> list[dict[str, Any]]:
    """The layers of a scheme's network from the input up: one line a layer.

    Returns:
        ``scheme``, ``title``, ``level`` (``lower``, ``upper`` or ``output``), ``layer``, ``start`` (how it begins),
        ``reads`` (inputs at each step), ``learns`` and ``parameters``.
    """
    source = RecurrentTagger(units=units, lower=(scheme.layer,), generator=torch.Generator().manual_seed(0))
    network = target_tagger(source, scheme, generator=torch.Generator().manual_seed(1))
    found: list[tuple[str, str, str, int, torch.nn.Module]] = [
        ("lower", scheme.layer, start, network.n_features, layer)
        for start, layer in zip(scheme.lower, network.lower, strict=True)
    ]
    found += [
        ("upper", "LSTM", scheme.upper, units * len(network.lower), network.upper),
        ("output", "sigmoid", scheme.upper, units, network.output),
    ]
    return [
        {
            "scheme": scheme.name,
            "title": scheme.title,
            "level": level,
            "layer": kind,
            "start": start,
            "reads": reads,
            "learns": start != "frozen",
            "parameters": parameters(module, frozen=start == "frozen"),
        }
        for level, kind, start, reads, module in found
    ]


def parameters(module: torch.nn.Module, *, frozen: bool) -> int:
    """Numbers that a layer learned or learns; the second bias of ``nn.LSTM``, which is zero, is none of them."""
    names = dict(module.named_parameters())
    return sum(
        value.numel() for name, value in names.items() if (frozen and "bias_hh" not in name) or value.requires_grad
    )


experiment = Experiment(__name__, PROFILES, compute, evidence=dict.fromkeys(("demo", "esc50", "paper"), "measured"))
run, find = experiment.run, experiment.find
