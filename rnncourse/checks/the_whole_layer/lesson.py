"""Lesson 16: its number and its sections, by which the hints point to it; what its tasks have in common."""

import torch
from torch import Tensor

from rnncourse.checks.framework.cases import Trait
from rnncourse.checks.framework.watch import AUTOGRAD, RECURRENT

LESSON = "16"
CONTRACT, NAMES, LOOP = "The contract, as tests", "Names first", "The loop"
LAYOUTS, DEEP = "Other layouts", "Layers, directions, dropout"
HOISTED, BACKWARD = "The input's part, for all steps at once", "The backward of a whole sequence"

BY_HAND = RECURRENT | AUTOGRAD  # what the tasks of the way back may not call

AHEAD = Trait("time runs forward", "what changes when time runs backward")
REVERSE = Trait("time runs backward", "what you do when reverse is False")


def numbers_of(*rows: object) -> Tensor:
    """For the examples: numbers small enough for a pencil."""
    return torch.tensor(rows, dtype=torch.float64)
