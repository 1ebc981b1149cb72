"""Adapting N_S to a target task by Methods I, II and III (Kumar, Khadkevich, Fügen 2018, section 3.2).

B1 to B6 stay as they are, so their outputs are computed once (``trunk_outputs``), and every epoch of every
adaptation starts from them (``adapt``).

Transfer between recurrent taggers (Diment, Virtanen 2017) has its own table, in :mod:`companion.transfer.schemes`.
"""

from companion.transfer.adaptation import Adapted, adapt
from companion.transfer.methods import METHODS, Method
from companion.transfer.network import AdaptedNet, AdaptedOutput
from companion.transfer.trunk import stack, trunk_outputs

__all__ = ["METHODS", "Adapted", "AdaptedNet", "AdaptedOutput", "Method", "adapt", "stack", "trunk_outputs"]
