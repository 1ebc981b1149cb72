"""Trained networks on disk: their weights as safetensors, and beside them a json that says what they are.

The authors' released weights are a Python pickle, which can hold any program. It is read without running one
(``load_released``) and need be read only once (``convert``).
"""

from companion.checkpoints.released import convert, load_released
from companion.checkpoints.saved import Checkpoint, load, save

__all__ = ["Checkpoint", "convert", "load", "load_released", "save"]
