"""One visible training loop, on Lightning Fabric, that survives being killed."""

from companion.training.device import fast_bfloat16, make_fabric
from companion.training.loop import Examples, Schedule, batches, fit
from companion.training.state import State

__all__ = ["Examples", "Schedule", "State", "batches", "fast_bfloat16", "fit", "make_fabric"]
