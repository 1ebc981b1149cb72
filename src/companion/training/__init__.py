"""One visible training loop, on Lightning Fabric, that survives being killed."""

from companion.training.device import device_name, fast_bfloat16, machine, make_fabric, precision, resolve
from companion.training.loop import Examples, Schedule, batches, fit, train_step
from companion.training.rates import Plateau, Progress, Rate, constant, cosine
from companion.training.state import State

__all__ = [
    "Examples", "Plateau", "Progress", "Rate", "Schedule", "State", "batches", "constant", "cosine", "device_name",
    "fast_bfloat16", "fit", "machine", "make_fabric", "precision", "resolve", "train_step",
]  # fmt: skip
