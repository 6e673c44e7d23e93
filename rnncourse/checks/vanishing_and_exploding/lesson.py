"""Lesson 05: its number and its sections, by which the hints point to it."""

import torch
from torch import Tensor

LESSON = "05"
PRODUCT, BOUND = "Many units: a product of Jacobians", "How large can the product be?"
SATURATION, UPDATE, CLIPPING = "Saturation lowers it", "One update is enough", "Clipping"
RUNS, LSTM = "Four runs", "What an LSTM solves"


def matrix(*rows: list[float]) -> Tensor:
    """For the examples: numbers small enough for a pencil."""
    return torch.tensor(rows, dtype=torch.float64)
