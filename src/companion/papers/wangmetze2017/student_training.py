"""How SN-F and SN-R learn what their teacher says, and how far from it they end."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from companion.losses.divergence import frame_kl, summed_kl
from companion.models.soundnet import Output
from companion.models.soundnet_variants import SAMPLE_RATE, SNF, SNR, Variant
from companion.papers.wangmetze2017.teaching import Excerpts, Spans, met, scaled, spans
from companion.profiles import Settings
from companion.store import Kept, Value, Work
from companion.training import Plateau, Rate, Schedule, constant, fit, make_fabric
from companion.training.fresh import Fresh

SPLITS = {"train": 1, "validation": 2, "test": 3}
TOP = "pool5"
"""The layer whose frames the outputs belong to: above it nothing changes the frame rate."""


class StudentSettings(Settings):
    """A network and its training; defaults are the paper's, for the curves of Fig. 1.

    Args:
        kind: ``SN-F`` or ``SN-R``.
        cell: Of SN-R.
        activation: Of the layers above ``pool5``.
        conv_normalised: Batch normalisation in the convolutions.
        normalised: Batch normalisation in SN-R's recurrent layers. Whether Fig. 1 has it is open; it made no difference
            to the divergence, says the paper.
        width: Factor on the feature maps of the convolutions.
        size: Units of each layer above ``pool5``, in each direction.
        batch_size: Excerpts in a step.
        clips: Clips in an excerpt: four of 5 s are 20 s.
        steps: Steps between two checks on validation.
        checks: Checks.
        lr: First learning rate.
        decay: Factor on it after ``patience`` checks without a new minimum on validation; 1 for a constant rate.
        patience: See ``decay``.
        meets: Which outputs meet a target: the ``nearest`` one, or the mean of all within the ``clip``.
        keep: Weights of the ``best`` check, or of the ``last`` one. The paper never hears a video twice, so its last
            check is about its best; a few hundred recordings are learned by heart.
    """

    kind: Literal["SN-F", "SN-R"] = "SN-F"
    cell: Literal["gru", "lstm"] = "gru"
    activation: Literal["tanh", "relu"] = "tanh"
    conv_normalised: bool = True
    normalised: bool = True
    width: float = 1.0
    size: int = 100
    batch_size: int = 64
    clips: int = 4
    steps: int = 160
    checks: int = 300
    lr: float = 1e-3
    decay: float = 0.9
    patience: int = 5
    meets: Literal["nearest", "clip"] = "clip"
    keep: Literal["best", "last"] = "best"

    @property
    def rate(self) -> Rate:
        """Rule of the learning rate."""
        return constant if self.decay == 1 else Plateau("validation", self.decay, self.patience, minimise=True)

    def network(self, n_objects: int, n_scenes: int) -> Variant:
        """The network, with weights drawn by PyTorch's generator."""
        shared: dict[str, Any] = {"n_objects": n_objects, "size": self.size, "activation": self.activation}
        shared |= {"width": self.width, "conv_normalised": self.conv_normalised}
        if self.kind == "SN-F":
            return SNF(n_objects + n_scenes, **shared)
        return SNR(n_objects + n_scenes, cell=self.cell, normalised=self.normalised, **shared)

    def spans(self, network: Variant, n_samples: int, clips: int) -> Spans:
        """Which outputs meet the target of each of some clips, one after the other."""
        times = network.frame_times(TOP, network.n_frames(TOP, clips * n_samples))
        seconds = n_samples / SAMPLE_RATE
        targets = [(number + 0.5) * seconds for number in range(clips)]
        return spans(times, targets, seconds / 2 if self.meets == "clip" else None)


def train(
    work: Work, sounds: Kept, teacher: Kept, folds: NDArray[np.int64], settings: StudentSettings, seed: int
) -> Value:
    """Train on excerpts of the training clips; validation sets the learning rate and says which weights are kept.

    Args:
        work: Where to compute, and a folder to go on from when this was killed.
        sounds: Made by ``hear_clips``.
        teacher: Made by ``soundnet_targets`` or ``content_targets``.
        folds: 1 for training, 2 for validation, 3 for test. Shape: ``(N,)``.
        settings: Network and training.
        seed: Of weights, order and excerpts.

    Returns:
        Value: ``kl`` of every clip, heard by itself, objects and scenes, nats, shape ``(N, 2)``; ``checks``, the sum of
        both at every check on the validation clips, shape ``(checks, N_val)``; the network's weights under
        ``weights.NAME``; the ``curve`` and the network's ``architecture`` among the facts.
    """
    objects, scenes, samples = teacher["objects"], teacher["scenes"], sounds["samples"]
    both = np.concatenate([objects, scenes], 1)
    torch.manual_seed(seed)
    network = settings.network(objects.shape[1], scenes.shape[1])
    fabric = make_fabric(work.device)
    learned, watched = np.flatnonzero(folds == 1), np.flatnonzero(folds == 2)
    n_excerpts = settings.steps * settings.batch_size
    excerpts = Excerpts(samples[learned], both[learned], settings.clips, n_excerpts, seed)
    joined = settings.spans(network, samples.shape[1], settings.clips)
    validate = partial(measures, samples=samples, both=both, chosen=watched, settings=settings, fabric=fabric)
    assert work.folder is not None
    state = fit(
        network, Fresh(excerpts.make, [len(samples[0]) * settings.clips] * n_excerpts), loss_over(joined), validate,
        Schedule(settings.checks, settings.batch_size, settings.lr, rate=settings.rate),
        monitor="validation" if settings.keep == "best" else None, minimise=True,
        seed=seed, folder=work.folder, fabric=fabric, label=f"{settings.kind}, seed {seed}",
    )  # fmt: skip
    ready = fabric.setup_module(network).eval()  # set up as it was for training, which rounds what comes in
    found = divergences(ready, samples, both, np.arange(len(samples)), settings, fabric)
    weights = {f"weights.{name}": value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    curve = [{name: value for name, value in line.items() if not name.startswith("clip ")} for line in state.curve]
    checks = np.array([[line[f"clip {i}"] for i in range(len(watched))] for line in state.curve])
    return Value({"kl": found, "checks": checks, **weights}, {"curve": curve, "architecture": network.architecture})


def loss_over(joined: Spans) -> Callable[[Output, Tensor], Tensor]:
    """The loss of a batch of excerpts: nats for each target, objects and scenes together."""

    def loss(input: Output, target: Tensor) -> Tensor:
        n_objects = input.objects.shape[2]
        said = [met(head, joined) for head in input]
        return summed_kl(said, [target[:, :, :n_objects], target[:, :, n_objects:]])

    return loss


def measures(
    network: nn.Module,
    samples: NDArray[np.int16],
    both: NDArray[np.float32],
    chosen: NDArray[np.intp],
    settings: StudentSettings,
    fabric: Fabric,
) -> Mapping[str, float]:
    """Divergence on some clips: ``validation``, their mean, and that of each clip, from ``clip 0`` on."""
    found = divergences(network, samples, both, chosen, settings, fabric).sum(1)
    return {"validation": float(found.mean())} | {f"clip {i}": float(value) for i, value in enumerate(found)}


@torch.inference_mode()
def divergences(
    network: nn.Module,
    samples: NDArray[np.int16],
    both: NDArray[np.float32],
    chosen: NDArray[np.intp],
    settings: StudentSettings,
    fabric: Fabric,
    n_together: int = 16,
) -> NDArray[np.float64]:
    """Divergence of objects and of scenes on some clips, each heard by itself: none depends on any other.

    Args:
        network: In evaluation mode on the device of ``fabric``.
        samples: 16-bit, of all clips. Shape: ``(N, n)``.
        both: What the teacher says, objects before scenes. Shape: ``(N, C)``.
        chosen: Numbers of the clips.
        settings: Of the student.
        fabric: Device and precision.
        n_together: Clips at a time.

    Returns:
        Nats. Shape: ``(len(chosen), 2)``.
    """
    plain = network if isinstance(network, Variant) else network.module
    assert isinstance(plain, Variant)
    alone, found = settings.spans(plain, samples.shape[1], 1), list[NDArray[np.float64]]()
    for part in np.array_split(chosen, -(-len(chosen) // n_together)):
        with fabric.autocast():
            said = network(fabric.to_device(torch.from_numpy(scaled(samples[part]))))
        target = fabric.to_device(torch.from_numpy(both[part]))[:, None]
        heads = [target[:, :, : plain.n_objects], target[:, :, plain.n_objects :]]
        kl = [frame_kl(met(head, alone), true)[:, 0] for head, true in zip(said, heads, strict=True)]
        found.append(torch.stack(kl, 1).double().cpu().numpy())
    return np.concatenate(found)


def student_of(kept: Mapping[str, NDArray[np.floating]], architecture: Mapping[str, object]) -> Variant:
    """A trained student, in evaluation mode.

    Args:
        kept: What ``train`` returned.
        architecture: From its facts.
    """
    network = (SNR if "cell" in architecture else SNF)(**architecture)  # type: ignore[arg-type]
    start = "weights."
    weights = {name.removeprefix(start): torch.from_numpy(np.array(kept[name])) for name in kept if name[:8] == start}
    network.load_state_dict(weights)
    return network.eval()
