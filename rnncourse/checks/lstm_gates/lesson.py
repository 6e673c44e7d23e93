"""Lesson 06: its number and its sections, by which the hints point to it."""

import torch
from torch import Tensor

LESSON = "06"
MEMORY, EQUATIONS, ONE_MATMUL = "Ask for a memory", "The equations", "Four gates, one matmul"
EQUAL, PEOPLE = "Equal to torch", "What people get wrong"


def row(*numbers: float) -> Tensor:
    """For the examples: numbers small enough for a pencil."""
    return torch.tensor(numbers, dtype=torch.float64)
