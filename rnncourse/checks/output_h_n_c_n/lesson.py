"""Lesson 10: its number and its sections, by which the hints point to it; what the tasks' cases share."""

import torch
from torch import Tensor

from rnncourse.checks.framework.cases import Trait

LESSON = "10"
RETURNS, ROW_COLUMN, EVERY_INDEX = "What a call returns", "A row and a column", "Every index"
PICK, ACROSS, PIECES = "Pick an entry", "From one to the other", "A sequence in pieces"
SEQUENTIAL, WHICH = "In nn.Sequential", "Which one do you want?"
LAST_SLICE = "Is the last slice of output the hidden state?"
WIDTH = "Which holds every step, output or hidden?"
PAIR = "`output, h_n = lstm(x)`"
BATCH_IN_FRONT = "Does batch_first move the states?"
MINUS_ONE = "`output[:, -1]`, copied from a net with batch_first"
VIEW = "`output.view(seq, batch, D, H)` beside `batch_first=True`"
ORDER = "In which order are the rows of h_n?"
LAST_STEP = "Is h_n the state at the last time step?"

TIME_FIRST = Trait("time comes first", "what you do with batch_first=True")
BATCH_FIRST = Trait("batch_first is True", "what you do without batch_first")
ONE_DIRECTION = Trait("there is one direction", "what you do with the second direction")
TWO_DIRECTIONS = Trait("there are two directions", "what you do where there is only one")

IS_LSTM = Trait("the layer is an LSTM", "what you do with a state that is no pair")
NO_LSTM = Trait("the layer is no LSTM", "what you do with an LSTM's pair of states")


def traits(D: int, batch_first: bool) -> frozenset[Trait]:
    return frozenset(
        {
            BATCH_FIRST if batch_first else TIME_FIRST,
            TWO_DIRECTIONS if D == 2 else ONE_DIRECTION,
        }
    )


def counted(*shape: int) -> Tensor:
    """For the examples: 0, 1, 2, …, so that it can be seen which number went where."""
    return torch.arange(float(torch.Size(shape).numel())).reshape(shape)
