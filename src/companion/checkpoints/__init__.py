"""Trained networks on disk: weights, and what they are, in one safetensors file.

The authors' released weights are a Python pickle, which can hold any program. It is read without running one
(``load_released``) and need be read only once (``convert``).
"""

from companion.checkpoints.released import class_names, convert, load_released
from companion.checkpoints.saved import Checkpoint, as_value, from_kept, load, save

__all__ = ["Checkpoint", "as_value", "class_names", "convert", "from_kept", "load", "load_released", "save"]
