"""What the chapter on event boundaries by CTC trains: features heard, networks, frame-wise detectors, pre-training."""

from dataclasses import replace

from companion.experiment import Part, Task
from companion.papers.wangmetze2017 import students
from companion.papers.wangmetze2017.ctc_settings import TECHNIQUES, CtcSettings
from companion.papers.wangmetze2017.frames import LOW_LEVEL, hear_frames
from companion.papers.wangmetze2017.framewise import train_activity
from companion.papers.wangmetze2017.learning import train
from companion.papers.wangmetze2017.student_features import LAYERS, STUDENTS, hear_student, layer_of, named
from companion.store import Kept


def frames_of(task: Task, feature: str) -> Kept:
    """A feature of every recording; those of one student, whatever the seed of the network that hears them."""
    if is_student(feature):
        network, layer = named(feature)
        found = students.network_of(student_task(task), STUDENTS[network], task.seed)
        heard = task.keep(hear_student, task.inputs["corpus"], found, LAYERS[network], mmap=True)
        return task.keep(layer_of, heard, layer, mmap=True)
    weights = None if feature == LOW_LEVEL else task.inputs["weights"]
    return task.keep(hear_frames, task.inputs["corpus"], feature, weights, mmap=True)


def is_student(feature: str) -> bool:
    """Whether a feature is a layer of SN-F or SN-R."""
    return feature.startswith("SN-")


def student_task(task: Task) -> Task:
    """What the chapter on SN-F and SN-R would be given to do."""
    given = {"corpus": task.inputs["students"], "weights": task.inputs.get("teacher")}
    return replace(task, settings=task.settings.taught, inputs=given)


def network_of(task: Task, feature: str, seed: int) -> Kept:
    """What the network of one feature and seed says."""
    known = (task.inputs["corpus"], frames_of(task, feature), feature, task.settings.network, seed)
    return task.keep(train, *known)


def detector_of(task: Task, feature: str, seed: int) -> Kept:
    """The frame-wise detector of one feature and seed, whose weights begin as those of the network of boundaries."""
    settings: CtcSettings = task.settings
    known = (task.inputs["corpus"], frames_of(task, feature), feature, settings.network, settings.frame, seed)
    return task.keep(train_activity, *known)


def pretrained_of(task: Task, feature: str, seed: int) -> Kept:
    """What the network of one feature and seed says that begins with the detector's LSTM."""
    n_epochs = task.settings.pretrained_epochs
    shorter = task.settings.network.model_copy(update={"epochs": n_epochs, "low_level_epochs": n_epochs})
    known = (task.inputs["corpus"], frames_of(task, feature), feature, shorter, seed)
    return task.keep(train, *known, detector_of(task, feature, seed))


def helped_of(task: Task, technique: str, seed: int) -> Kept:
    """What the network of low-level features says that was trained with a technique."""
    network = task.settings.network.model_copy(update=dict(TECHNIQUES[technique]))
    return task.keep(train, task.inputs["corpus"], frames_of(task, LOW_LEVEL), LOW_LEVEL, network, seed)


def heard_so(settings: CtcSettings, chosen: tuple[str, ...]) -> list[str]:
    """Those of some features that are compared at all."""
    return [feature for feature in settings.features if feature in chosen]


def detectors(settings: CtcSettings) -> list[str]:
    """Features with a frame-wise detector."""
    return heard_so(settings, (*settings.framewise, *settings.pretrained))


PARTS = {
    "frames": Part(
        lambda task, feature: frames_of(task, feature),
        lambda s, seed: [{"feature": feature} for feature in s.heard],
    ),
    "network": Part(
        lambda task, feature, seed: network_of(task, feature, int(seed)),
        lambda s, seed: [{"feature": f, "seed": seed + i} for f, n in s.heard.items() for i in range(n)],
        after=("frames",),
    ),
    "technique": Part(
        lambda task, technique, seed: helped_of(task, technique, int(seed)),
        lambda s, seed: [{"technique": t, "seed": seed + i} for t in s.techniques for i in range(s.n_other_seeds)],
        after=("frames",),
    ),
    "detector": Part(
        lambda task, feature, seed: detector_of(task, feature, int(seed)),
        lambda s, seed: [{"feature": f, "seed": seed + i} for f in detectors(s) for i in range(s.n_seeds)],
        after=("frames",),
    ),
    "pretrained": Part(
        lambda task, feature, seed: pretrained_of(task, feature, int(seed)),
        lambda s, seed: [{"feature": f, "seed": seed + i} for f in heard_so(s, s.pretrained) for i in range(s.n_seeds)],
        after=("frames", "detector"),
    ),
}
"""What can be made by itself, by name."""
