"""Lesson 08: its number and its sections, by which the hints point to it."""

import torch
from torch import Tensor

LESSON = "08"
LEAVE_OUT, EQUATIONS, EQUAL = "What can one leave out of an LSTM?", "The equations", "Equal to torch"
RESET, DIRECTION = "Where the reset gate acts", "Which way z points"
BIASES, BACKWARD = "Four biases, not three and not six", "Backward of one step"


def row(*numbers: float) -> Tensor:
    """For the examples: numbers small enough for a pencil."""
    return torch.tensor(numbers, dtype=torch.float64)


# The lesson's own pencil example: I = 2, H = 1, rows r, z, n.
PENCIL = {
    "x_t": row(1.0, -1.0),
    "h": row(0.5),
    "weight_ih": torch.tensor([[1.0, 1.0], [0.0, -1.0], [0.5, 1.0]], dtype=torch.float64),
    "weight_hh": torch.tensor([[2.0], [0.0], [1.0]], dtype=torch.float64),
    "bias_ih": row(-1.0, 0.0, -1.0),
    "bias_hh": row(0.0, 0.0, 0.5),
}
