"""Lesson 04: its number and its sections, by which the hints point to it; what its tasks have in common."""

import torch
from torch import Tensor

from rnncourse.checks.framework.cases import Trait
from rnncourse.checks.framework.watch import AUTOGRAD, RECURRENT

LESSON = "04"
TWO_STEPS, ONE_STEP_SHAPES = "Two steps, one number each", "One step, with all its shapes"
WITNESS, WHOLE, WHICH_TEST = (
    "A witness that knows no calculus",
    "The whole sequence",
    "Which test would have seen it?",
)

BY_HAND = RECURRENT | AUTOGRAD  # what no task may call

LAST_LOSS = Trait("only the last step has a loss", "what the losses of the other steps send back")


def numbers_of(*rows: object) -> Tensor:
    """For the examples: numbers small enough for a pencil."""
    return torch.tensor(rows, dtype=torch.float64)
